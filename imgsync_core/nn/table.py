"""The table of stages that stands at every place of a UNet for moving pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from .blocks import Layer
from .stages import Spatial
from .temporal import Temporal, TemporalParams
from .unet import Site, UNetParams

Tokens = Callable[[Site], Mapping[tuple[str, str], nn.Module]]
"""What is done to the tokens of a place that attends, as of `stages.TransformerBlock`."""


def layers(
    unet: UNetParams, tokens: Tokens, temporal: TemporalParams | None = None
) -> Callable[[Site], Layer]:
    """A resnet, a transformer where there is one, and attention along time.

    temporal: None = nothing moves.
    """

    def layer(site: Site) -> Layer:
        stages: dict[str, nn.Module] = {"resnets": unet.resnet(site)}
        if site.attends:
            stages["attentions"] = Spatial(site.channels, tokens(site), groups=unet.groups)
        if temporal is not None and not site.closing:
            stages["motion_modules"] = Temporal(site.channels, temporal)
        return stages

    return layer
