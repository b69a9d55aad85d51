"""A hole in a picture filled as a stretched skin would, and masks that reach further."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def membrane(pixels: np.ndarray, known: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Pixels (h, w, c) where known (h, w) is 1, and between them a surface without bumps.

    What is at the edge of a hole is diffused inward.

    known: 0..1, never quite 0.   scale: pixels in one step of the solution's finest grid.
    A solution on coarse grids is relaxed on finer ones (multigrid without the return).
    """
    h, w = known.shape
    size = (max(4, round(h / scale)), max(4, round(w / scale)))
    stack = np.concatenate([pixels * known[..., None], known[..., None]], axis=2)
    whole = torch.from_numpy(np.ascontiguousarray(stack.transpose(2, 0, 1)))[None].double()
    levels = [functional.interpolate(whole, size, mode="area")]
    while min(levels[-1].shape[-2:]) > 2:
        levels.append(functional.avg_pool2d(levels[-1], 3, 2, 1, count_include_pad=False))
    filled = levels[-1][:, :-1] / levels[-1][:, -1:]
    for level in levels[-2::-1]:
        filled = functional.interpolate(filled, level.shape[-2:], mode="bilinear")
        own = (2.0 * level[:, -1:]).clip(0, 1)
        target = level[:, :-1] / level[:, -1:]
        for _ in range(12):
            filled = own * target + (1 - own) * _mean(filled)
    filled = functional.interpolate(filled, (h, w), mode="bicubic", align_corners=False)
    return filled[0].permute(1, 2, 0).numpy()


def widened(values: np.ndarray, px: int) -> np.ndarray:
    """Values (h, w) at their largest within px pixels, softened."""
    size = 2 * max(px, 1) + 1
    grid = torch.from_numpy(values)[None, None]
    wide = functional.max_pool2d(grid, size, 1, size // 2)
    return functional.avg_pool2d(wide, size, 1, size // 2, count_include_pad=False)[0, 0].numpy()


def _mean(values: Tensor) -> Tensor:
    """Of each pixel's surroundings, 3 by 3."""
    return functional.avg_pool2d(values, 3, 1, 1, count_include_pad=False)
