"""The three networks of LatentSync, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ...errors import WeightsError
from ...nn.stages import Cross
from ...nn.unet import UNet
from ...nn.vae import VAE, load_vae
from ...nn.whisper import WhisperEncoder, load_whisper
from ..runtime.networks import Placing
from .model import AUDIO, LATENTS, load_unet


@dataclass(frozen=True)
class Networks:
    """What draws lips, and where it runs."""

    unet: UNet
    vae: VAE
    whisper: WhisperEncoder
    place: Placing

    def compiled(self) -> Networks:
        """The same with a network that torch compiles when it first runs."""
        return replace(self, unet=torch.compile(self.unet))

    def hear(self, mel: Tensor) -> Tensor:
        """Normalised log-mel (1, 80, 3000) -> features (1, 1500, layers, channels)."""
        with self.place.on(self.whisper):
            return self.whisper(mel.to(self.place.device, self.place.dtype))


def load(unet: Path, whisper: Path, vae: Path, place: Placing) -> Networks:
    """The networks of a model. Raises WeightsError for files that do not fit together."""
    net = Networks(
        place.load(load_unet, unet),
        place.load(load_vae, vae),
        place.load(load_whisper, whisper),
        place,
    )
    latents = net.vae.post_quant_conv.in_channels
    if latents != LATENTS:
        raise WeightsError(
            f"{vae.name} has {latents} channels of latents and not {LATENTS}. "
            "Expected sd-vae-ft-mse."
        )
    wanted, width = audio_width(net.unet), net.whisper.positional_embedding.shape[1]
    if wanted != width:
        raise WeightsError(
            f"{whisper.name} hears {width} channels and {unet.name} wants {wanted}. "
            "Expected Whisper's tiny.pt."
        )
    return net


def audio_width(unet: UNet) -> int:
    """Channels of the audio tokens that a network reads."""
    crosses = (m for m in unet.modules() if isinstance(m, Cross) and m.reads == AUDIO)
    return next(cross.to_k.in_features for cross in crosses)
