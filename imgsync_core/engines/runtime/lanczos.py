"""Lanczos resizing of 8-bit pictures in fixed point, as OpenCV defines its INTER_LANCZOS4.

Eight taps (lobes -3 to +4 around the source position), coefficients in 1/2048, both passes in
integers, one rounding at the end; no filtering against aliasing, edges repeat.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

TAPS = 8
ONE = 2048  # the fixed point's 1.0: 11 bits


@lru_cache(16)
def _taps(source: int, target: int) -> tuple[Tensor, Tensor]:
    """Indices int64 (8, target) of the source and coefficients int32 (8, target)."""
    at = ((np.arange(target) + 0.5) * (source / target) - 0.5).astype(np.float32)
    whole = np.floor(at)
    tap = np.arange(TAPS)[:, None] - 3
    t = (at - whole).astype(np.float64) - tap
    weight = np.sinc(t) * np.sinc(t / 4)
    weight = (weight / weight.sum(0)).astype(np.float32)
    index = np.clip(whole.astype(np.int64) + tap, 0, source - 1)
    return torch.from_numpy(index), torch.from_numpy(np.rint(weight * ONE).astype(np.int32))


def resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 (..., h, w) -> uint8 (..., height, width); size: width, height."""
    wide = _pass(image.to(torch.int32), size[0], -1)
    total = _pass(wide, size[1], -2)
    half = ONE * ONE // 2
    return ((total + half) >> 22).clamp_(0, 255).to(torch.uint8)


def _pass(image: Tensor, target: int, dim: int) -> Tensor:
    index, weight = (t.to(image.device) for t in _taps(image.shape[dim], target))
    shape = (-1, 1) if dim == -2 else (-1,)
    total = image.index_select(dim, index[0]) * weight[0].view(shape)
    for tap in range(1, TAPS):
        total += image.index_select(dim, index[tap]) * weight[tap].view(shape)
    return total
