"""What of a face is drawn anew by who draws its lower half, from labels of a face parser.

Masks are those of a square around a face, bool (512, 512).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

LABELS = 512  # side of a mask
CHEEKS = (90, 90)  # of 512, left and right of the middle: what is not cut back


def lower_face(
    skin: Tensor, nose: Tensor, lips: Tensor, *, jaw: bool, cheeks: tuple[int, int] = CHEEKS
) -> Tensor:
    """What is skin or lips and not nose.

    jaw: grown at the chin, and cut back at the cheeks.
    """
    if jaw:
        grow, cut = kernels()
        grown = touched(skin, grow)
        back = ~touched(touched(~grown, cut), cut)
        skin = torch.where(beside(cheeks), back, grown)
    return (skin & ~nose) | lips


@lru_cache(1)
def kernels() -> tuple[Tensor, Tensor]:
    """What the skin is grown by, (33, 33), and what the cheeks are cut back by, (3, 35)."""
    grow, cut = torch.zeros(33, 33), torch.zeros(3, 35)
    for row in range(10, 33):
        reach = min(row - 10, 10)
        grow[row, 16 - reach : 17 + reach] = 1
    cut[1] = cut[:, 17] = 1
    return grow, cut


def beside(cheeks: tuple[int, int] = CHEEKS) -> Tensor:
    """bool (512,): columns where the mask is cut back."""
    column = torch.arange(LABELS) - LABELS // 2
    return (column <= -cheeks[0]) | (column >= cheeks[1])


def touched(mask: Tensor, kernel: Tensor) -> Tensor:
    """Where a kernel (kh, kw) of 0 and 1, laid around a place, meets a mask, bool (h, w).

    Counted by Fourier transforms; kernels have odd sides.
    """
    size = [n + k - 1 for n, k in zip(mask.shape, kernel.shape, strict=True)]
    waves = torch.fft.rfft2(mask.float(), s=size) * torch.fft.rfft2(kernel.flip(0, 1), s=size)
    top, left = kernel.shape[0] // 2, kernel.shape[1] // 2
    count = torch.fft.irfft2(waves, s=size)
    return count[top : top + mask.shape[0], left : left + mask.shape[1]] > 0.5
