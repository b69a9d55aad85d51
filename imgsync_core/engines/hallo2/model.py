"""Hallo2's networks as tables of stages, and their shapes read off the one file they lie in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from ...diffusion.schedule import Schedule
from ...nn import face_locator, projections
from ...nn.blocks import Layer
from ...nn.recognise import cross_width, moving_params, unet_params
from ...nn.reference import ReferenceSelf, recorder
from ...nn.regions import Regions
from ...nn.stages import Cross, FeedForward, SelfAttention, Spatial
from ...nn.table import layers
from ...nn.temporal import Continued, TemporalParams
from ...nn.unet import Site, UNet, UNetParams
from ...nn.weights import load

HEADS, TEMPORAL_HEADS, GROUPS = 8, 8, 32  # which leave no trace in a file
AUDIO, FACE, PICTURE = "audio", "face", "picture"  # what the attentions read
REGIONS = ("full", "face", "lip")  # which the audio reaches one by one
LATENTS = 4  # channels
SCHEDULE = Schedule(betas="linear", spacing="trailing", prediction="v_prediction", zero_snr=True)
EXPECTED = "Hallo2's net.pth"
PARTS = ("reference_unet", "denoising_unet", "face_locator", "imageproj", "audioproj")
# The motion modules of the blocks without attention, which the published pipeline never runs.
IDLE = r"(down_blocks\.3|up_blocks\.0)\.motion_modules\."
RENAMES = (
    (r"\.attn2_(\d)\.", r".regions.each.\1.attention."),
    *((rf"\.zero_conv_{name}\.", rf".regions.each.{i}.out.") for i, name in enumerate(REGIONS)),
)
Stages = dict[tuple[str, str], nn.Module]
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Params:
    """The shape of the network that denoises.

    audio, face: channels of an audio token, and of one of the face.
    moving: full names of the temporal stages that there are.
    """

    unet: UNetParams
    temporal: TemporalParams
    audio: int
    face: int
    moving: frozenset[str]
    heads: int = HEADS


def recording(unet: UNetParams, face: int, heads: int = HEADS) -> UNet:
    """The network that looks at pictures: it has no output, but leaves its tokens by site.

    face: channels of a token of the face.
    """
    return recorder(unet, heads, reads=FACE, context=face)


def reading(params: Params) -> UNet:
    """The network that denoises: it reads what was recorded, the face, and the audio by regions."""
    unet, heads = params.unet, params.heads

    def looking(site: Site) -> Stages:
        width, path = site.channels, site.path("attentions")
        return {
            ("norm1", "attn1"): ReferenceSelf(width, heads, reads=PICTURE, site=path),
            ("norm2", "attn2"): Cross(width, heads, reads=FACE, site=path, context=params.face),
            ("norm3", "ff"): FeedForward(width),
        }

    def hearing(site: Site, width: int) -> Stages:
        heard = Regions(
            len(REGIONS), width, heads, level=site.level,
            reads=AUDIO, site=site.path("audio_modules"), context=params.audio,
        )  # fmt: skip
        return {
            ("norm1", "attn1"): SelfAttention(width, heads),
            ("norm2", "regions"): heard,
            ("norm3", "ff"): FeedForward(width),
        }

    plain = layers(unet, looking)

    def layer(site: Site) -> Layer:
        stages, path = dict(plain(site)), site.path("motion_modules")
        if site.attends:
            inner = heads * (entering(unet, site) // heads)
            stages["audio_modules"] = Spatial(
                site.channels, hearing(site, inner), groups=unet.groups, inner=inner
            )
        if path in params.moving:  # which goes on from frames of the site that looks
            before = site.path("attentions")
            stages["motion_modules"] = Continued(site.channels, params.temporal, site=before)
        return stages

    return UNet(unet, layer)


def entering(unet: UNetParams, site: Site) -> int:
    """Channels that a layer is said to get, which is how wide its attention to audio is inside."""
    if site.block.startswith("up_blocks"):
        return unet.widths[max(site.level - 1, 0)]
    return site.inputs


def recognise(
    tensors: Mapping[str, Tensor], *, heads: int = HEADS, groups: int = GROUPS,
    temporal_heads: int = TEMPORAL_HEADS,
) -> Params:  # fmt: skip
    """The shape of the denoising network, of its tensors renamed. KeyError if it is another,
    ValueError where it would make no motion."""
    unet, temporal, moving = moving_params(tensors, groups=groups, heads=temporal_heads)
    heard = "mid_block.audio_modules.0.transformer_blocks.0.regions.each.0.attention.to_k.weight"
    audio, face = tensors[heard].shape[1], cross_width(tensors)
    if face is None or (unet.in_channels, unet.out_channels) != (LATENTS, LATENTS):
        raise ValueError(f"it takes {unet.in_channels} channels and faces of {face}")
    return Params(unet, temporal, audio, face, moving, heads)


def recognise_recording(
    tensors: Mapping[str, Tensor], groups: int = GROUPS
) -> tuple[UNetParams, int]:
    """The shape of the network that looks, and the channels of its tokens of the face."""
    face = cross_width(tensors)
    if face is None:
        raise ValueError("it reads no face")
    return replace(unet_params(tensors, groups=groups, joint=False), out_channels=None), face


def _loader(name: str, build: Callable[[Mapping[str, Tensor]], Network]) -> Callable[..., Network]:
    """What loads one of the networks in ``net.pth``: loader(path, device=, dtype=).

    Keys of the others are left aside, unknown ones are not: it raises WeightsError.
    """
    others = "|".join(part for part in PARTS if part != name)

    def loader(path: Path, **how: Any) -> Network:
        return load(
            path, lambda checkpoint: build(checkpoint.tensors), expected=EXPECTED,
            renames=((rf"^{name}\.", ""), *RENAMES), unused=rf"({others})\.|{IDLE}", **how,
        )  # fmt: skip

    loader.__qualname__ = f"loader of {name}"  # networks of one file are told apart by it
    return loader


load_reading = _loader("denoising_unet", lambda tensors: reading(recognise(tensors)))
load_recording = _loader("reference_unet", lambda tensors: recording(*recognise_recording(tensors)))
load_locator = _loader("face_locator", face_locator.build)
load_face_tokens = _loader("imageproj", projections.picture_tokens)
load_audio_tokens = _loader("audioproj", projections.audio_tokens)
