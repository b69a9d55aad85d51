"""EchoMimic's two UNets as tables of stages, and their shapes read off their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ...diffusion.schedule import Schedule
from ...nn.recognise import cross_width, moving_params, unet_params
from ...nn.reference import ReferenceSelf, recorder
from ...nn.stages import Cross, FeedForward
from ...nn.table import layers
from ...nn.temporal import TemporalParams
from ...nn.unet import Site, UNet, UNetParams
from ...nn.weights import Checkpoint, load

HEADS, TEMPORAL_HEADS, GROUPS = 8, 8, 32  # which leave no trace in a file
AUDIO, PICTURE = "audio", "picture"  # what the attentions read
AUDIO_SCALE = 3.0  # of all that the attention to the audio adds
LATENTS = 4  # channels
SCHEDULE = Schedule(betas="linear", spacing="trailing", prediction="v_prediction", zero_snr=True)
EXPECTED = "EchoMimic's denoising_unet.pth and motion_module.pth, or both with _acc"
REFERENCE = "EchoMimic's reference_unet.pth"
Stages = dict[tuple[str, str], nn.Module]


@dataclass(frozen=True)
class Params:
    """The shape of the network that denoises.

    audio: channels of an audio token.
    """

    unet: UNetParams
    temporal: TemporalParams
    audio: int
    heads: int = HEADS


def recording(unet: UNetParams, heads: int = HEADS) -> UNet:
    """The network that looks at the still: it has no output, but leaves its tokens by site."""
    return recorder(unet, heads)


def reading(params: Params) -> UNet:
    """The network that denoises: it reads what was recorded, and the audio of each frame."""
    heads, audio = params.heads, params.audio

    def tokens(site: Site) -> Stages:
        width, path = site.channels, site.path("attentions")
        heard = Cross(width, heads, reads=AUDIO, site=path, context=audio, scale=AUDIO_SCALE)
        return {
            ("norm1", "attn1"): ReferenceSelf(width, heads, reads=PICTURE, site=path),
            ("norm2", "attn2"): heard,
            ("norm3", "ff"): FeedForward(width),
        }

    return UNet(params.unet, layers(params.unet, tokens, params.temporal))


def recognise(
    tensors: Mapping[str, Tensor], *, heads: int = HEADS, groups: int = GROUPS,
    temporal_heads: int = TEMPORAL_HEADS,
) -> Params:  # fmt: skip
    """The shape of the denoising network whose tensors these are.

    KeyError if they are another's, ValueError where they would make no motion.
    """
    unet, temporal, _ = moving_params(tensors, groups=groups, heads=temporal_heads)
    audio = cross_width(tensors)
    if audio is None or (unet.in_channels, unet.out_channels) != (LATENTS, LATENTS):
        raise ValueError(f"it takes {unet.in_channels} channels and audio of {audio}")
    return Params(unet, temporal, audio, heads)


def load_reading(path: Path, motion: Path, **how: Any) -> UNet:
    """The denoising network in its two files; WeightsError if they are not its.

    how: device and dtype, as of ``nn.weights.load``.
    """

    def make(checkpoint: Checkpoint) -> UNet:
        return reading(recognise(checkpoint.tensors))

    return load(path, make, expected=EXPECTED, beside=(motion,), **how)


def load_recording(path: Path, **how: Any) -> UNet:
    """The network in ``reference_unet.pth``; WeightsError if it is not one. how: as above."""

    def make(checkpoint: Checkpoint) -> UNet:
        shape = unet_params(checkpoint.tensors, groups=GROUPS, joint=False)
        return recording(replace(shape, out_channels=None))

    return load(path, make, expected=REFERENCE, **how)
