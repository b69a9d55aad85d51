"""Published files that several engines need. Needs neither numpy nor torch."""

from __future__ import annotations

from functools import partial

from ..base import EngineSpec, Need

WHISPER = Need(
    "Whisper tiny (tiny.pt) is",
    ("whisper-tiny", "whisper-tiny-hf"),
    (
        "whisper/tiny.pt", "tiny.pt",
        "whisper/pytorch_model.bin", "whisper/model.safetensors",
        "audio_processor/whisper_tiny.pt", "whisper_tiny.pt",
    ),
    "whisper",
)  # fmt: skip
AUTOENCODER = Need(
    "The autoencoder sd-vae-ft-mse (diffusion_pytorch_model.safetensors) is",
    ("sd-vae-ft-mse",),
    tuple(
        f"{folder}diffusion_pytorch_model.{ending}"
        for folder in ("sd-vae-ft-mse/", "vae/sd-vae-ft-mse/", "sd-vae/", "vae/", "")
        for ending in ("safetensors", "bin")
    ),
    "vae",
)
WAV2VEC2 = Need(
    "wav2vec2-base-960h (model.safetensors) is",
    ("wav2vec2-base-960h",),
    tuple(
        f"{folder}{name}"
        for folder in ("wav2vec/wav2vec2-base-960h/", "wav2vec2-base-960h/")
        for name in ("model.safetensors", "pytorch_model.bin")
    ),
    "wav2vec",
)
_FACES = ("face_analysis/models/", "models/", "")
FACES = tuple(  # whose face it is: for who does without them, but better with
    Need(
        f"The face {what} {name}.onnx is",
        (f"insightface-{what}",),
        tuple(f"{folder}{name}.onnx" for folder in _FACES),
        "face_models",
    )
    for what, name in (("detector", "scrfd_10g_bnkps"), ("recogniser", "glintr100"))
)

HEAD = partial(EngineSpec, draws="head", takes=("still",), wants="crop")
"""The spec of an engine that draws the whole head of a still; the rest by keyword."""
