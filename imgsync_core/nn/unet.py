"""The UNet of latent diffusion: widths, skips, down and up; what a layer does is not its matter.

::

    conv_in -> down_blocks 0..n -> mid_block -> up_blocks 0..n -> conv_norm_out, conv_out
          \\______ each layer's and downsampler's output _____/
                   is concatenated in the up blocks, last in, first out

A layer is a dictionary of named stages in order; stage ``name`` of layer j of a block is
registered as ``<block>.<name>.<j>``, which is how published files call them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from .blocks import Block, Down, Layer, Up, each
from .stages import Cond, FrameNorm, ResBlock, spread


@dataclass(frozen=True)
class UNetParams:
    """The shape of a UNet.

    out_channels: None for a network without an output, run for what its stages record.
    widths: channels of each level, from full resolution down.
    attends: for each level whether its blocks are of the kind with spatial attention.
    layers: of a down block; an up block has one more.
    groups, eps, joint: of the group norms, see `FrameNorm`.
    """

    in_channels: int
    out_channels: int | None
    widths: tuple[int, ...]
    attends: tuple[bool, ...]
    layers: int
    groups: int
    eps: float
    joint: bool

    @property
    def time(self) -> int:
        """Channels of the time embedding."""
        return 4 * self.widths[0]

    def resnet(self, site: Site) -> ResBlock:
        """The stage that opens the layer at a site."""
        return ResBlock(
            site.inputs,
            site.channels,
            time=self.time,
            groups=self.groups,
            eps=self.eps,
            joint=self.joint,
        )


SD15 = UNetParams(
    in_channels=4,
    out_channels=4,
    widths=(320, 640, 1280, 1280),
    attends=(True, True, True, False),
    layers=2,
    groups=32,
    eps=1e-5,
    joint=False,
)


@dataclass(frozen=True)
class Site:
    """Where a layer stands.

    block: "down_blocks.0", ..., "mid_block", ..., "up_blocks.0", ...
    index: of the layer in its block.
    inputs, channels: what its first stage gets (skip included) and makes.
    level: 0 at full resolution; each level down halves height and width.
    attends: whether layers of this block have spatial attention.
    closing: the layer that closes the middle; nothing follows its first stage.
    """

    block: str
    index: int
    inputs: int
    channels: int
    level: int
    attends: bool
    closing: bool = False

    def path(self, stage: str) -> str:
        """The full name of a stage of this layer."""
        return f"{self.block}.{stage}.{self.index}"


@dataclass
class DeepCache:
    """What a caller keeps of a full pass to save most of the next ones.

    hidden: what enters the last layer of the last up block; None before a full pass. The
        deep layers change slowly from step to step (Ma et al., "DeepCache", 2023).
    """

    hidden: Tensor | None = None


class TimeEmbedding(nn.Module):
    """Time step -> cosines and sines of it -> two linear layers."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.width = width
        self.linear_1 = nn.Linear(width, channels)
        self.linear_2 = nn.Linear(channels, channels)

    def waves(self, timestep: Tensor) -> Tensor:
        """(b,) -> float32 (b, width): cosines, then sines, of frequencies 1 ... 1/10000."""
        half = self.width // 2
        exponent = torch.arange(half, dtype=torch.float32, device=timestep.device) / half
        angle = timestep[:, None].float() * torch.exp(-math.log(10000) * exponent)
        return torch.cat([angle.cos(), angle.sin()], dim=-1)

    def forward(self, timestep: Tensor, like: Tensor) -> Tensor:
        """(b,) -> (b, channels), on the device and in the precision of ``like``."""
        waves = self.waves(timestep.to(like.device)).to(like.dtype)
        return self.linear_2(functional.silu(self.linear_1(waves)))


class UNet(nn.Module):
    """The network; ``layer`` makes the stages of each layer from where it stands."""

    def __init__(self, params: UNetParams, layer: Callable[[Site], Layer]) -> None:
        super().__init__()
        widths = params.widths
        self.conv_in = nn.Conv2d(params.in_channels, widths[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(widths[0], params.time)
        self.down_blocks = nn.ModuleList(
            [_down_block(params, level, layer) for level in range(len(widths))]
        )
        self.mid_block = _mid_block(params, layer)
        self.up_blocks = nn.ModuleList(
            [_up_block(params, level, layer) for level in reversed(range(len(widths)))]
        )
        self.conv_norm_out = self.conv_out = None
        if params.out_channels is not None:
            self.conv_norm_out = FrameNorm(params.groups, widths[0], params.eps, joint=params.joint)
            self.conv_out = nn.Conv2d(widths[0], params.out_channels, 3, padding=1)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        cond: Cond,
        deep: DeepCache | None = None,
        until: str | None = None,
    ) -> Tensor:
        """(b, c, f, h, w) -> the prediction, (b or more, c', f, h, w).

        timestep: one, or one per batch item.
        cond: its ``frames``, ``items`` and ``time`` are set here. If a context has more batch
            items than the sample, they share the sample and all that is computed before they
            differ.
        deep: if it is empty, it is filled; if it is filled, only what surrounds the deep
            layers is computed and they are taken from there.
        until: the last recording site that is wanted; nothing after its layer is computed, and
            that layer's features come back instead of a prediction.
        """
        frames = sample.shape[2]
        x = rearrange(sample, "b c f h w -> (b f) c h w")
        x = x.contiguous(memory_format=torch.channels_last)
        time = self.time_embedding(torch.as_tensor(timestep).reshape(-1), x)
        items = max([len(sample), *(c.items(frames) for c in cond.context.values())])
        cond = replace(cond, frames=frames, items=items, time=time)
        x = self.conv_in(x)
        if cond.added is not None:
            x = spread(x, len(cond.added)) + cond.added
        if deep is None or deep.hidden is None:
            hidden = self._hidden(x, cond, until)
            if until is not None and cond.record and until in cond.record:
                return rearrange(hidden, "(b f) c h w -> b c f h w", f=frames)
            if deep is not None:
                deep.hidden = hidden
        else:
            hidden = deep.hidden
        *_, last = each(self.up_blocks)
        x = self._out(last.layer(len(last.order) - 1, hidden, cond, x), frames)
        return rearrange(x, "(b f) c h w -> b c f h w", f=frames)

    def _hidden(self, x: Tensor, cond: Cond, until: str | None) -> Tensor:
        """All but the last layer of the last up block, or what there is once ``until`` is done."""
        skips, record = [x], {} if cond.record is None else cond.record
        for block in each(self.down_blocks):
            for index in range(len(block.order)):
                x = block.layer(index, x, cond)
                if until in record:
                    return x
                skips.append(x)
            if block.downsamplers is not None:
                x = block.downsamplers[0](x)
                skips.append(x)
        x = self.mid_block(x, cond)
        for block in each(self.up_blocks):
            for index in range(len(block.order)):
                if len(skips) == 1 or until in record:
                    return x
                x = block.layer(index, x, cond, skips.pop())
            if block.upsamplers is not None:
                x = block.upsamplers[0](x, skips[-1].shape[-2:])
        return x

    def _out(self, x: Tensor, frames: int) -> Tensor:
        if self.conv_norm_out is None or self.conv_out is None:
            return x
        return self.conv_out(functional.silu(self.conv_norm_out(x, frames)))


def _down_block(params: UNetParams, level: int, layer: Callable[[Site], Layer]) -> Block:
    channels, last = params.widths[level], level == len(params.widths) - 1
    sites = [
        Site(
            block=f"down_blocks.{level}",
            index=index,
            inputs=channels if index else params.widths[max(level - 1, 0)],
            channels=channels,
            level=level,
            attends=params.attends[level],
        )
        for index in range(params.layers)
    ]
    return Block([layer(site) for site in sites], down=None if last else Down(channels))


def _mid_block(params: UNetParams, layer: Callable[[Site], Layer]) -> Block:
    channels, level = params.widths[-1], len(params.widths) - 1
    sites = [
        Site("mid_block", 0, channels, channels, level, attends=True),
        Site("mid_block", 1, channels, channels, level, attends=False, closing=True),
    ]
    return Block([layer(site) for site in sites])


def _up_block(params: UNetParams, level: int, layer: Callable[[Site], Layer]) -> Block:
    widths, depth = params.widths, len(params.widths) - 1
    channels, before = widths[level], widths[min(level + 1, depth)]
    skips = [channels] * params.layers + [widths[max(level - 1, 0)]]
    sites = [
        Site(
            block=f"up_blocks.{depth - level}",
            index=index,
            inputs=(channels if index else before) + skip,
            channels=channels,
            level=level,
            attends=params.attends[level],
        )
        for index, skip in enumerate(skips)
    ]
    return Block([layer(site) for site in sites], up=Up(channels) if level else None)
