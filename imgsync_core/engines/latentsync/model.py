"""LatentSync's UNet as a table of stages, and its shape read off a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ...errors import WeightsError
from ...nn.blocks import Layer
from ...nn.stages import Cross, FeedForward, ResBlock, SelfAttention, Spatial
from ...nn.temporal import Temporal, TemporalParams
from ...nn.unet import Site, UNet, UNetParams
from ...nn.weights import Checkpoint, load, numbers
from .spec import AUDIO, CHANNELS, EXPECTED, GROUPS, HEADS, NORM_EPS, TEMPORAL_HEADS


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
        stages: dict[str, nn.Module] = {
            "resnets": ResBlock(
                site.inputs,
                site.channels,
                time=unet.time,
                groups=unet.groups,
                eps=unet.eps,
                joint=unet.joint,
            )
        }
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
    levels = numbers(tensors, r"down_blocks\.(\d+)\.")
    attends = {key.split(".attentions")[0] for key in tensors if ".attentions." in key}
    cross = tensors.get("mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight")
    unet = UNetParams(
        in_channels=tensors["conv_in.weight"].shape[1],
        out_channels=len(tensors["conv_out.weight"]),
        widths=tuple(len(tensors[f"down_blocks.{i}.resnets.0.conv1.weight"]) for i in levels),
        attends=tuple(f"down_blocks.{i}" in attends for i in levels),
        layers=len(numbers(tensors, r"down_blocks\.0\.resnets\.(\d+)\.")),
        groups=groups,
        eps=NORM_EPS,
        joint=True,
    )
    temporal, moving = _temporal(tensors, temporal_heads)
    audio = None if cross is None else cross.shape[1]
    return Params(unet, heads, audio, temporal, moving)


def _temporal(tensors: Mapping[str, Tensor], heads: int) -> tuple[TemporalParams, frozenset[str]]:
    """What there is of temporal stages, and which have the same shape: all of them."""
    names = [key.split(".temporal_transformer.") for key in tensors]
    inside = {parts[0]: parts[1] for parts in names if len(parts) == 2}
    if not inside:
        return TemporalParams(heads, None), frozenset()
    first = next(iter(inside)) + ".temporal_transformer."
    keys = [key[len(first) :] for key in tensors if key.startswith(first)]
    table = tensors.get(f"{first}transformer_blocks.0.attention_blocks.0.pos_encoder.pe")
    inner, outer = tensors[first + "proj_in.weight"].shape[:2]
    params = TemporalParams(
        heads=heads,
        length=None if table is None else table.shape[1],
        blocks=len(numbers(keys, r"transformer_blocks\.(\d+)\.")),
        attentions=len(numbers(keys, r"transformer_blocks\.0\.attention_blocks\.(\d+)\.")),
        divisor=outer // inner,
    )
    return params, frozenset(inside)


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
