"""Attention along time: each pixel looks at itself in the other frames of the clip."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from einops import rearrange
from torch import Tensor, nn

from .attention import Attention
from .stages import TRANSFORMER_EPS, Cond, FeedForward, FrameNorm, TransformerBlock, spread


@dataclass(frozen=True)
class TemporalParams:
    """The shape of a temporal transformer.

    length: frames that the table of positions holds; None for no table.
    blocks, attentions: transformer blocks, and attentions in each.
    divisor: channels outside per channel inside.
    """

    heads: int
    length: int | None
    groups: int = 32
    blocks: int = 1
    attentions: int = 2
    divisor: int = 1


def positions(length: int, width: int) -> Tensor:
    """(1, length, width): sines in even channels, cosines in odd ones.

    Frequencies fall from 1 to 1/10000 (Vaswani et al., "Attention is all you need", 3.5).
    """
    pairs = torch.arange(0, width, 2) / width
    angle = torch.arange(length)[:, None] * torch.pow(10000.0, -pairs)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[None, :, :width]


class PositionTable(nn.Module):
    """A table to add, (1, length, width); it comes with the weights."""

    pe: Tensor

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.register_buffer("pe", positions(length, width))

    def forward(self, x: Tensor) -> Tensor:
        """(b, f, c) with f <= length -> the same with positions added."""
        return x + self.pe[:, : x.shape[1]]


class TemporalAttention(Attention):
    """Self attention of (b s) f c over f, with positions added to all that goes in."""

    def __init__(self, width: int, heads: int, length: int | None) -> None:
        super().__init__(width, heads)
        self.pos_encoder = PositionTable(length, width) if length else nn.Identity()

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(b s) f c -> (b s) f c."""
        x = self.pos_encoder(x)
        return self.look(x, self.project(x))


def _block(width: int, params: TemporalParams) -> TransformerBlock:
    stages: dict[tuple[str, str], nn.Module] = {
        (f"norms.{i}", f"attention_blocks.{i}"): TemporalAttention(
            width, params.heads, params.length
        )
        for i in range(params.attentions)
    }
    return TransformerBlock(width, {**stages, ("ff_norm", "ff"): FeedForward(width)})


class TemporalTransformer(nn.Module):
    """Transformer blocks along time between two linear layers, added to the input."""

    def __init__(self, channels: int, params: TemporalParams) -> None:
        super().__init__()
        width = channels // params.divisor
        self.norm = FrameNorm(params.groups, channels, TRANSFORMER_EPS)
        self.proj_in = nn.Linear(channels, width)
        self.transformer_blocks = nn.ModuleList(
            [_block(width, params) for _ in range(params.blocks)]
        )
        self.proj_out = nn.Linear(width, channels)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(b f) c h w -> (b f) c h w."""
        frames, (h, w) = cond.frames, x.shape[-2:]
        tokens = self.proj_in(rearrange(self.norm(x), "r c h w -> r (h w) c"))
        tokens = rearrange(tokens, "(b f) s c -> (b s) f c", f=frames)
        for block in self.transformer_blocks:
            tokens = block(tokens, cond)
        tokens = rearrange(tokens, "(b s) f c -> (b f) s c", s=h * w)
        return x + rearrange(self.proj_out(tokens), "r (h w) c -> r c h w", h=h, w=w)


class Temporal(nn.Module):
    """A temporal transformer as a stage, under the name that published files give it."""

    def __init__(self, channels: int, params: TemporalParams) -> None:
        super().__init__()
        self.temporal_transformer = TemporalTransformer(channels, params)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(b f) c h w -> (b f) c h w."""
        return self.temporal_transformer(x, cond)


class Continued(Temporal):
    """The same for a clip that goes on from frames before it, which come first in time.

    site: name under which the condition has the tokens of those frames.
    """

    def __init__(self, channels: int, params: TemporalParams, *, site: str) -> None:
        super().__init__(channels, params)
        self.site = site

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(b f) c h w -> (b f) c h w."""
        before, (h, w) = cond.before[self.site], x.shape[-2:]
        x = spread(x, len(before) * cond.frames)
        maps = rearrange(before, "b n (h w) c -> b n c h w", h=h, w=w)
        clip = torch.cat([maps, rearrange(x, "(b f) c h w -> b f c h w", f=cond.frames)], dim=1)
        told = replace(cond, frames=clip.shape[1])
        out = super().forward(clip.flatten(0, 1), told)
        return out.unflatten(0, clip.shape[:2])[:, maps.shape[1] :].flatten(0, 1)
