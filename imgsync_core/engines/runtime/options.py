"""Options that engines with networks have in common, so that one word means one thing."""

from __future__ import annotations

from ..options import Option

MODES = ("default", "reference")


def steps(default: int) -> Option:
    """Of denoising."""
    text = f"denoising steps, {default} to {max(50, default)}"
    return Option("steps", int, default, text, low=1, high=999)


def guidance(default: float, text: str) -> Option:
    """How far to go from the unconditional prediction to the conditional one."""
    return Option("guidance", float, default, text, low=0, high=20)


def overlap(default: int, most: int) -> Option:
    """Of windows that follow each other."""
    text = "frames that neighbouring windows share"
    return Option("overlap", int, default, text, low=0, high=most, rare=True)


def file(name: str, text: str, *, rare: bool = True) -> Option:
    """A file of a model, by name."""
    return Option(name, str, "", text, file=True, rare=rare)


WEIGHTS = file(
    "weights", "file of the weights, or a folder with it (the models folder)", rare=False
)
WHISPER = file("whisper", "Whisper's tiny.pt (beside the weights, or the models folder)")
WAV2VEC2 = file("wav2vec", "wav2vec2-base-960h, model.safetensors (beside the weights)")
AUTOENCODER = file("vae", "autoencoder sd-vae-ft-mse (beside the weights, or the models folder)")
MODE = Option(
    "mode", str, "default",
    "what to keep to: default, or reference: the published pipeline's own numbers",
    choices=MODES, flag="--engine-mode", rare=True,
)  # fmt: skip
CROP_ONLY = Option("crop_only", bool, False, "show only the square around the face that is drawn")
SQUARE = Option(
    "resolution", int, 512, "side of the square that is drawn, in pixels",
    low=64, high=1024, rare=True,
)  # fmt: skip
FACE_MODELS = Option(
    "face_models", str, "", "folder with scrfd_10g_bnkps.onnx and glintr100.onnx, for "
    "non-commercial use only (the models folder)", file=True, rare=True, words_only=True,
)  # fmt: skip
LOW_MEMORY = Option(
    "low_memory", bool, False,
    "do small parts one after the other, networks wait in main memory: slower", rare=True,
)  # fmt: skip
RETRY = Option(
    "auto", bool, False, "when memory runs out, go on once in the low-memory plan", rare=True
)
COMPILE = Option(
    "compile", bool, False, "let torch compile the network when it first runs", rare=True
)
NETWORKS = (WEIGHTS, WHISPER, AUTOENCODER, LOW_MEMORY, RETRY, COMPILE)  # of who draws lips
