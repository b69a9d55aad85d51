"""The shape of a network, read off the keys and tensors of its file.

Numbers of heads and groups leave no trace in a file: who knows the network says them.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from .temporal import TemporalParams
from .unet import UNetParams
from .weights import numbers

NORM_EPS = 1e-5  # of the norms of resnets and of the output, in all networks of this kind


def unet_params(tensors: Mapping[str, Tensor], *, groups: int, joint: bool) -> UNetParams:
    """The shape of the UNet whose tensors these are. KeyError if they are another network's.

    groups, joint: of its group norms, see `stages.FrameNorm`.
    """
    levels = numbers(tensors, r"down_blocks\.(\d+)\.")
    attends = {key.split(".attentions")[0] for key in tensors if ".attentions." in key}
    out = tensors.get("conv_out.weight")
    return UNetParams(
        in_channels=tensors["conv_in.weight"].shape[1],
        out_channels=None if out is None else len(out),
        widths=tuple(len(tensors[f"down_blocks.{i}.resnets.0.conv1.weight"]) for i in levels),
        attends=tuple(f"down_blocks.{i}" in attends for i in levels),
        layers=len(numbers(tensors, r"down_blocks\.0\.resnets\.(\d+)\.")),
        groups=groups,
        eps=NORM_EPS,
        joint=joint,
    )


def cross_width(tensors: Mapping[str, Tensor]) -> int | None:
    """Channels of the tokens that the spatial cross attentions read; None where there are none."""
    cross = tensors.get("mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight")
    return None if cross is None else cross.shape[1]


def temporal_params(
    tensors: Mapping[str, Tensor], heads: int
) -> tuple[TemporalParams, frozenset[str]]:
    """The shape of the temporal stages, which is that of all, and the full names of them."""
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


def moving_params(
    tensors: Mapping[str, Tensor], *, groups: int, heads: int
) -> tuple[UNetParams, TemporalParams, frozenset[str]]:
    """The shapes of a UNet and of its temporal stages, and the full names of those.

    groups: of norms per frame.   heads: of the attentions along time. KeyError if the tensors are
    another network's, ValueError where nothing would move.
    """
    unet = unet_params(tensors, groups=groups, joint=False)
    temporal, moving = temporal_params(tensors, heads)
    if not moving:
        raise ValueError("there are no motion modules among them: all frames would be alike")
    return unet, temporal, moving
