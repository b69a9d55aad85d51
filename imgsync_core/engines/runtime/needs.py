"""Published files that several engines need. Needs neither numpy nor torch."""

from __future__ import annotations

from ..base import Need

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
