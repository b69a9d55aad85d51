"""The image autoencoder as engines use it: loaded, checked, and run in small batches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ...errors import WeightsError
from ...nn.vae import SCALE, VAE, load_vae
from .networks import Placing
from .stream import Attempt, refuse_non_finite

AT_ONCE = 4  # pictures that it gets together
TILE = 32  # latents: the side of what is decoded at once when memory is scarce


def load_autoencoder(place: Placing, path: Path, channels: int) -> VAE:
    """The autoencoder in a file. Raises WeightsError for one with other latents."""
    vae = place.load(load_vae, path)
    has = vae.post_quant_conv.in_channels
    if has != channels:
        raise WeightsError(
            f"{path.name} has {has} channels of latents and not {channels}. Expected sd-vae-ft-mse."
        )
    return vae


def pictures(vae: VAE, place: Placing, latents: Tensor, attempt: Attempt) -> Iterator[Tensor]:
    """Latents as a UNet sees them, (f, c, h, w) -> float32 (f', 3, 8h, 8w), a few at a time.

    attempt: decodes with less memory where it runs out. Raises EngineError for wrong numbers.
    """

    def decoded(z: Tensor, low_memory: bool) -> Tensor:
        at_once, tile = (1, TILE) if low_memory else (None, None)
        return vae.decode(z, at_once=at_once, tile=tile)

    for part in (latents.to(place.dtype) / SCALE).split(AT_ONCE):
        with torch.inference_mode(), place.on(vae):
            made = attempt(partial(decoded, part)).float()
        refuse_non_finite(made, "The faces are", place.dtype)
        yield made
