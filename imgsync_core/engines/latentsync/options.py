"""What can be chosen of LatentSync."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Option

MODES = ("default", "reference")

OPTIONS = (
    Option("steps", int, 20, "denoising steps, 20 to 50", low=1, high=999),
    Option("guidance", float, 1.5, "how far lips follow the voice, 1 to 3", low=0, high=20),
    Option("deepcache", bool, False, "keep deep layers for three steps: faster, not exact"),
    Option(
        "mode", str, "default",
        "what to keep to: default, or reference: the published pipeline's own numbers",
        choices=MODES, flag="--engine-mode", rare=True,
    ),
    Option("resolution", int, 0, "side of the crop: 256 for 1.5, 512 for 1.6 (by the weights)",
           low=0, high=2048, rare=True),
    Option("weights", str, "", "file latentsync_unet.pt or a folder with it (the models folder)",
           file=True),
    Option("whisper", str, "", "Whisper's tiny.pt (beside the weights, or the models folder)",
           file=True, rare=True),
    Option("vae", str, "", "autoencoder sd-vae-ft-mse (beside the weights, or the models folder)",
           file=True, rare=True),
    Option(
        "low_memory", bool, False,
        "do small parts one after the other, networks wait in main memory: slower", rare=True,
    ),
    Option("auto", bool, False, "when memory runs out, go on once in the low-memory plan",
           rare=True),
    Option("compile", bool, False, "let torch compile the network when it first runs", rare=True),
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """The values of ``OPTIONS``, checked."""

    steps: int = 20
    guidance: float = 1.5
    deepcache: bool = False
    mode: str = "default"
    resolution: int = 0
    weights: str = ""
    whisper: str = ""
    vae: str = ""
    low_memory: bool = False
    auto: bool = False
    compile: bool = False
