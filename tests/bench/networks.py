"""Networks for benchmarks: with random weights, and as the published pipelines run them.

Those are what "plain" means there: convolutions and norms by torch's own layers in its own memory
format, and the gate of a feed-forward layer computed together with what it gates.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from imgsync_core.nn.stages import Cond, FeedForward, FrameNorm, ResBlock, Spatial, spread
from imgsync_core.nn.weights import fill


def filled(build: Callable[[], nn.Module], args: argparse.Namespace) -> Any:
    """A network with the random weights it is made with, on a device and in a dtype (args)."""
    with torch.device(args.device):
        state = build().state_dict()
    with torch.device("meta"):
        empty = build()
    dtype = getattr(torch, args.dtype)
    return fill(empty, state, "random", "itself", device=args.device, dtype=dtype)


class _Norm(FrameNorm):
    def forward(self, input: Tensor, frames: int = 1, added: Tensor | None = None) -> Tensor:
        frames = frames if self.joint else 1
        x = rearrange(input, "(b f) c h w -> b c (f h) w", f=frames)
        x = functional.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)
        return rearrange(x, "b c (f h) w -> (b f) c h w", f=frames).contiguous()


class _ResBlock(ResBlock):
    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        h = self.conv1(functional.silu(self.norm1(x, cond.frames)))
        if self.time_emb_proj is not None and cond.time is not None:
            time = self.time_emb_proj(functional.silu(cond.time))
            h = h + time.repeat_interleave(len(h) // len(time), 0)[:, :, None, None]
        h = self.conv2(functional.silu(self.norm2(h, cond.frames)))
        return (x if self.conv_shortcut is None else self.conv_shortcut(x)) + h


class _Spatial(Spatial):
    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        h, w = x.shape[-2:]
        tokens = rearrange(self.proj_in(self.norm(x)), "r c h w -> r (h w) c")
        for block in self.transformer_blocks:
            tokens = block(tokens, cond)
        more = self.proj_out(rearrange(tokens, "r (h w) c -> r c h w", h=h, w=w))
        return spread(x, more.shape[0]) + more


class _FeedForward(FeedForward):
    def forward(self, x: Tensor, cond: object) -> Tensor:
        value, gate = self.net.get_submodule("0.proj")(x).chunk(2, dim=-1)
        return self.net["2"](value * functional.gelu(gate))


_PLAIN: dict[type[nn.Module], type[nn.Module]] = {
    FrameNorm: _Norm,
    FeedForward: _FeedForward,
    ResBlock: _ResBlock,
    Spatial: _Spatial,
}


def _contiguous(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.contiguous() for x in given)


def as_published(network: nn.Module) -> None:
    """Let a network run in that way from now on; its numbers stay the same up to rounding."""
    network.to(memory_format=torch.contiguous_format)
    for module in network.modules():
        module.__class__ = _PLAIN.get(type(module), type(module))
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(_contiguous)
