"""Large pictures in pieces: overlapping tiles, faded into each other."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles of ``tile`` start that cover ``length`` and overlap by ``overlap`` or more.

    They are spread evenly; if one tile is enough, it is the only one.
    """
    if length <= tile:
        return [0]
    gaps = -(-(length - tile) // (tile - overlap))
    return [(length - tile) * i // gaps for i in range(gaps + 1)]


def _ramp(length: int, overlap: int) -> Tensor:
    """(length,): 1 in the middle, falling linearly over ``overlap`` towards both ends."""
    place = torch.arange(length) + 0.5
    return (torch.minimum(place, length - place) / overlap).clamp(max=1)


def blend(
    make: Callable[[Tensor], Tensor], x: Tensor, *, tile: int, overlap: int, scale: int
) -> Tensor:
    """Run ``make`` on overlapping tiles of ``x`` (b, c, h, w) and fade the results together.

    make: (b, c, h', w') -> (b, c', scale h', scale w'). tile, overlap: in pixels of ``x``,
        0 < overlap < tile. The result is float32 where tiles meet in sums.
    """
    tops, lefts = (starts(n, tile, overlap) for n in x.shape[-2:])
    if len(tops) == len(lefts) == 1:
        return make(x)
    height, width = (n * scale for n in x.shape[-2:])
    total: Tensor | None = None
    weights = torch.zeros(height, width, device=x.device)
    for top in tops:
        for left in lefts:
            piece = make(x[..., top : top + tile, left : left + tile])
            fade = [_ramp(n, overlap * scale).to(x.device) for n in piece.shape[-2:]]
            weight = torch.outer(*fade)  # h w
            if total is None:
                total = weights.new_zeros(*piece.shape[:-2], height, width)
            h, w = piece.shape[-2:]
            place = slice(top * scale, top * scale + h), slice(left * scale, left * scale + w)
            total[(..., *place)] += piece * weight
            weights[place] += weight
    assert total is not None
    return (total / weights).to(x.dtype)
