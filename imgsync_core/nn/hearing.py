"""UNets of Stable Diffusion's shape whose cross attentions hear: layers, and their kind told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..errors import WeightsError
from .blocks import Layer
from .recognise import cross_width, temporal_params, unet_params
from .stages import transformer
from .unet import Site, UNetParams
from .weights import Checkpoint

HEADS = 8  # of the attentions on pixels and on audio, at all levels
GROUPS = 32  # of all group norms
AUDIO = "audio"  # name of the tokens that the cross attentions read
TEXT = (768, 1024, 1280, 2048)  # channels of the tokens of texts, which others of this kind read


@dataclass(frozen=True)
class HearingParams:
    """The shape of the network.

    audio: channels of an audio token; None for layers without cross attention.
    """

    unet: UNetParams
    heads: int
    audio: int | None


def hearing_params(
    tensors: Mapping[str, Tensor], *, heads: int = HEADS, groups: int = GROUPS, joint: bool
) -> HearingParams:
    """The shape of the network whose tensors these are; KeyError if they are another's.

    Numbers of heads and groups leave no trace in a file; the defaults are those of published ones.
    """
    unet = unet_params(tensors, groups=groups, joint=joint)
    return HearingParams(unet, heads, cross_width(tensors))


def hearing_layer(params: HearingParams, site: Site) -> Layer:
    """What stands at a place of the UNet: a resnet, and a transformer where there is one."""
    resnet = {"resnets": params.unet.resnet(site)}
    if not site.attends:
        return resnet
    attention = transformer(
        site.channels, params.heads, groups=params.unet.groups,
        reads=AUDIO, context=params.audio, site=site.path("attentions"),
    )  # fmt: skip
    return {**resnet, "attentions": attention}


def check_kind(
    checkpoint: Checkpoint,
    params: HearingParams,
    channels: int,
    *,
    expected: str,
    moves: bool = True,
) -> None:
    """Raise WeightsError for a network of the same kind that is made for something else.

    channels: that it takes.   expected: which file belongs here.   moves: may have motion modules.
    """
    found, wrong = params.unet.in_channels, []
    if found != channels:
        wrong.append(f"takes {found} channels instead of {channels}")
    if params.audio is None:
        wrong.append("hears no audio")
    elif params.audio in TEXT:
        wrong.append(f"reads texts ({params.audio} channels) and hears no audio")
    if not moves and temporal_params(checkpoint.tensors, params.heads)[1]:
        wrong.append("has motion modules")
    if wrong:
        raise WeightsError(
            f"{checkpoint.name} is another network of this kind: it {', '.join(wrong)}. "
            f"Expected {expected}."
        )
