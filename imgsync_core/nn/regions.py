"""Attention that is kept apart by regions of the picture."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from .stages import Cond, Cross


class Region(nn.Module):
    """What one region's tokens take from a context, through a linear layer at the end."""

    def __init__(self, width: int, heads: int, *, reads: str, site: str, context: int) -> None:
        super().__init__()
        self.attention = Cross(width, heads, reads=reads, site=site, context=context)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, cond: Cond, mask: Tensor) -> Tensor:
        """(rows, s, c), mask (s,) -> (rows, s, c); the last layer's bias is not masked."""
        return self.out(self.attention(x, cond) * mask[:, None])


class Regions(nn.Module):
    """Each token sees the tokens of one context of its row, once for each region it is in.

    n: regions; how much of the picture each takes, and its strength, are the condition's `areas`.
    level: of the layer, which decides how fine the masks are.
    """

    def __init__(
        self, n: int, width: int, heads: int, *, reads: str, site: str, context: int, level: int
    ) -> None:
        super().__init__()
        self.level = level
        self.each = nn.ModuleList(
            Region(width, heads, reads=reads, site=f"{site}.{i}", context=context) for i in range(n)
        )

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(rows, s, c) -> (all rows of the context, s, c)."""
        assert cond.areas is not None
        masks = cond.areas.masks[self.level].to(x)
        parts: Iterator[Tensor] = (
            strength * region(x, cond, mask)
            for region, mask, strength in zip(self.each, masks, cond.areas.strengths, strict=True)
        )
        total = next(parts)
        for part in parts:
            total = total + part
        return total
