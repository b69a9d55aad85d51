"""Looking at another picture: one network records its tokens, another attends to them."""

from __future__ import annotations

import torch
from torch import Tensor

from .attention import attend, split
from .stages import Cond, Reader, SelfAttention


class RecordingSelf(SelfAttention):
    """Self attention that leaves what goes in, normalised tokens, in the condition's record."""

    def __init__(self, width: int, heads: int, *, site: str) -> None:
        super().__init__(width, heads)
        self.site = site

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(rows, s, c) -> (rows, s, c)."""
        if cond.record is not None:
            cond.record[self.site] = x
        return super().forward(x, cond)


class ReferenceSelf(Reader):
    """Each token sees the tokens of its row, and of a reference that several rows share.

    The keys and values of the reference, (n, heads, s, d), serve an equal number of the rows
    each; rows of silent batch items see their own tokens only.
    """

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(rows, s, c) -> (rows, s, c)."""
        context = cond.context[self.reads]
        query, (keys, values) = split(self.to_q(x), self.heads), self.project(x)
        made = context.projected.get(self.site)
        if made is None:
            return self.to_out[0](attend(query, keys, values))
        silent = context.silent * cond.frames
        times = (len(x) - silent) // len(made[0])
        more = [
            torch.cat([own[silent:], other.repeat_interleave(times, 0)], dim=2)
            for own, other in zip((keys, values), made, strict=True)
        ]
        told = attend(query[silent:], *more)
        if silent:
            alone = attend(query[:silent], keys[:silent], values[:silent])
            told = torch.cat([alone, told])
        return self.to_out[0](told)
