"""Networks as the published pipelines run them, for what "plain" means in the benchmarks beside it.

Convolutions and norms in torch's own memory format, and the gate of a feed-forward layer computed
together with what it gates.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from imgsync_core.nn.stages import FeedForward, FrameNorm


class _Norm(FrameNorm):
    def forward(self, input: Tensor, frames: int = 1) -> Tensor:
        frames = frames if self.joint else 1
        x = rearrange(input, "(b f) c h w -> b c (f h) w", f=frames)
        x = functional.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)
        return rearrange(x, "b c (f h) w -> (b f) c h w", f=frames).contiguous()


class _FeedForward(FeedForward):
    def forward(self, x: Tensor, cond: object) -> Tensor:
        value, gate = self.net.get_submodule("0.proj")(x).chunk(2, dim=-1)
        return self.net["2"](value * functional.gelu(gate))


_PLAIN: dict[type[nn.Module], type[nn.Module]] = {FrameNorm: _Norm, FeedForward: _FeedForward}


def _contiguous(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.contiguous() for x in given)


def as_published(network: nn.Module) -> None:
    """Let a network run in that way from now on; its numbers stay the same up to rounding."""
    network.to(memory_format=torch.contiguous_format)
    for module in network.modules():
        module.__class__ = _PLAIN.get(type(module), type(module))
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(_contiguous)
