"""LatentSync's UNet as a table of stages, and its shape read off a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...diffusion.schedule import Schedule
from ...nn.blocks import Layer
from ...nn.hearing import (
    GROUPS,
    HEADS,
    HearingParams,
    check_kind,
    hearing_layer,
    hearing_params,
)
from ...nn.recognise import temporal_params
from ...nn.temporal import Temporal, TemporalParams
from ...nn.unet import Site, UNet
from ...nn.weights import Checkpoint, load
from ..runtime.lips import LATENTS

TEMPORAL_HEADS = 8  # of the attentions along time
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
class Params(HearingParams):
    """The shape of the network.

    moving: full names of the temporal stages that there are; a decoder-only file lacks some.
    """

    temporal: TemporalParams
    moving: frozenset[str]


def layers(params: Params) -> Callable[[Site], Layer]:
    """The table: what stands at each place of the UNet."""

    def layer(site: Site) -> Layer:
        stages = dict(hearing_layer(params, site))
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
    hearing = hearing_params(tensors, heads=heads, groups=groups, joint=True)
    temporal, moving = temporal_params(tensors, temporal_heads)
    return Params(hearing.unet, heads, hearing.audio, temporal, moving)


def load_unet(
    path: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> UNet:
    """The network in a published file; WeightsError if it is not one."""

    def make(checkpoint: Checkpoint) -> UNet:
        params = recognise(checkpoint.tensors)
        check_kind(checkpoint, params, CHANNELS, expected=EXPECTED)
        return build(params)

    return load(path, make, expected=EXPECTED, device=device, dtype=dtype)
