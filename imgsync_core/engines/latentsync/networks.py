"""The three networks of LatentSync, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ...nn.stages import width_read
from ...nn.unet import UNet
from ...nn.vae import VAE
from ...nn.whisper import WhisperEncoder
from ..runtime.autoencoder import load_autoencoder
from ..runtime.hearing import load_hearing
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


def load(unet: Path, whisper: Path, vae: Path, place: Placing) -> Networks:
    """The networks of a model. Raises WeightsError for files that do not fit together."""
    drawing = place.load(load_unet, unet)
    return Networks(
        drawing,
        load_autoencoder(place, vae, LATENTS),
        load_hearing(place, whisper, width_read(drawing, AUDIO)),
        place,
    )
