"""LatentSync's UNet as a table of stages, and its shape read off a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ...diffusion.schedule import Schedule
from ...errors import WeightsError
from ...nn.blocks import Layer
from ...nn.recognise import cross_width, temporal_params, unet_params
from ...nn.stages import Cross, FeedForward, SelfAttention, Spatial
from ...nn.temporal import Temporal, TemporalParams
from ...nn.unet import Site, UNet, UNetParams
from ...nn.weights import Checkpoint, load

HEADS = 8  # of the attentions on pixels and on audio, at all levels
TEMPORAL_HEADS = 8  # of the attentions along time
GROUPS = 32  # of all group norms
AUDIO = "audio"  # name of the tokens that the cross attentions read
LATENTS = 4  # channels of a picture's latents
CHANNELS = 3 * LATENTS + 1  # noise, mask (1 = keep), masked picture, reference picture
SCHEDULE = Schedule(
    betas="scaled_linear",
    spacing="leading",
    prediction="epsilon",
    offset=1,
    ends_clean=False,
)
EXPECTED = "LatentSync's latentsync_unet.pt (repository ByteDance/LatentSync-1.5 or -1.6)"


@dataclass(frozen=True)
class Params:
    """The shape of the network.

    audio: channels of an audio token; None for layers without cross attention.
    moving: full names of the temporal stages that there are; a decoder-only file lacks some.
    """

    unet: UNetParams
    heads: int
    audio: int | None
    temporal: TemporalParams
    moving: frozenset[str]


def layers(params: Params) -> Callable[[Site], Layer]:
    """The table: what stands at each place of the UNet."""
    unet = params.unet

    def spatial(site: Site) -> Spatial:
        path, width = site.path("attentions"), site.channels
        stages: dict[tuple[str, str], nn.Module] = {
            ("norm1", "attn1"): SelfAttention(width, params.heads)
        }
        if params.audio:
            stages["norm2", "attn2"] = Cross(
                width, params.heads, context=params.audio, reads=AUDIO, site=path
            )
        stages["norm3", "ff"] = FeedForward(width)
        return Spatial(width, stages, groups=unet.groups)

    def layer(site: Site) -> Layer:
        stages: dict[str, nn.Module] = {"resnets": unet.resnet(site)}
        if site.attends:
            stages["attentions"] = spatial(site)
        if site.path("motion_modules") in params.moving:
            stages["motion_modules"] = Temporal(site.channels, params.temporal)
        return stages

    return layer


def build(params: Params) -> UNet:
    """The network, with weights as they happen to be."""
    return UNet(params.unet, layers(params))


def recognise(
    tensors: Mapping[str, Tensor],
    *,
    heads: int = HEADS,
    groups: int = GROUPS,
    temporal_heads: int = TEMPORAL_HEADS,
) -> Params:
    """The shape of the network whose tensors these are; KeyError if they are another's.

    Numbers of heads and groups leave no trace in a file; the defaults are those of all
    published ones.
    """
    unet = unet_params(tensors, groups=groups, joint=True)
    temporal, moving = temporal_params(tensors, temporal_heads)
    return Params(unet, heads, cross_width(tensors), temporal, moving)


def load_unet(
    path: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> UNet:
    """The network in a published file; WeightsError if it is not one."""

    def make(checkpoint: Checkpoint) -> UNet:
        params = recognise(checkpoint.tensors)
        channels = params.unet.in_channels
        if channels != CHANNELS or params.audio is None:
            hears = "hears no audio" if params.audio is None else "hears audio"
            raise WeightsError(
                f"{checkpoint.name} is another network of this kind: it takes {channels} channels "
                f"instead of {CHANNELS} and {hears}. Expected {EXPECTED}."
            )
        return build(params)

    return load(path, make, expected=EXPECTED, device=device, dtype=dtype)
