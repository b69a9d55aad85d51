"""The three networks of a model: loaded, checked against each other, brought where they run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import WeightsError
from ...nn.stages import Cross
from ...nn.unet import UNet
from ...nn.vae import VAE, load_vae
from ...nn.whisper import WhisperEncoder, load_whisper
from ..base import Host
from . import spec
from .files import Files
from .model import load_unet

Placed = Callable[[nn.Module], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Networks:
    """What draws lips.

    device, dtype: where and in which numbers they run.
    placed(network): a context in which a network is on the device.
    """

    unet: UNet
    vae: VAE
    whisper: WhisperEncoder
    device: torch.device
    dtype: torch.dtype
    placed: Placed

    def compiled(self) -> Networks:
        """The same with a network that torch compiles when it first runs."""
        return replace(self, unet=torch.compile(self.unet))

    def hear(self, mel: Tensor) -> Tensor:
        """Normalised log-mel (1, 80, 3000) -> features (1, 1500, layers, channels)."""
        with self.placed(self.whisper):
            return self.whisper(mel.to(self.device, self.dtype))


def load(files: Files, host: Host, *, offload: bool) -> Networks:
    """The networks of a model.

    offload: they wait in main memory and are on the device only while they work.
    Raises WeightsError for files that are no such networks or do not fit together.
    """
    device, dtype = torch.device(host.device), host.dtype or torch.float32
    home = torch.device("cpu") if offload or host.placed else device
    unet = load_unet(files.unet, device=home, dtype=dtype)
    vae = load_vae(files.vae, device=home, dtype=dtype)
    whisper = load_whisper(files.whisper, device=home, dtype=dtype)
    _check(files, unet, vae, whisper)
    placed = host.placed or (_visiting(device) if offload else _at_home)
    return Networks(unet, vae, whisper, device, dtype, placed)


def _check(files: Files, unet: UNet, vae: VAE, whisper: WhisperEncoder) -> None:
    if vae.post_quant_conv.in_channels != spec.LATENTS:
        raise WeightsError(
            f"{files.vae.name} has {vae.post_quant_conv.in_channels} channels of latents and not "
            f"{spec.LATENTS}. Expected sd-vae-ft-mse."
        )
    heard, width = audio_width(unet), whisper.positional_embedding.shape[1]
    if heard != width:
        raise WeightsError(
            f"{files.whisper.name} hears {width} channels and {files.unet.name} wants {heard}. "
            "Expected Whisper's tiny.pt."
        )


def audio_width(unet: UNet) -> int:
    """Channels of the audio tokens that a network reads."""
    crosses = (m for m in unet.modules() if isinstance(m, Cross) and m.reads == spec.AUDIO)
    return next(cross.to_k.in_features for cross in crosses)


@contextmanager
def _at_home(network: nn.Module):
    yield network


def _visiting(device: torch.device) -> Placed:
    """Brings a network to the device for as long as it works."""

    @contextmanager
    def placed(network: nn.Module):
        network.to(device)
        try:
            yield network
        finally:
            network.to("cpu")

    return placed
