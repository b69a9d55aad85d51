"""The fixed mask: which part of the crop is drawn anew. 1 = keep, 0 = draw."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from ..runtime.lanczos import resized

SIDE = 256
BANDS = (95, 128, ((9, 78), (178, 247)))  # rows [first, stop), and columns [first, stop) in them
# From row 128 on one run of columns, which narrows like a chin: its first and last column, and by
# how much they move from row to row (base 36).
CHIN_ROW, CHIN_LEFT, CHIN_RIGHT = 128, 9, 247
LEFT_STEPS = (
    "000000010000000000000100000000000001000000101010101101011010"
    "11110111111110111111211121121221212222222222232332454n"
)
RIGHT_STEPS = (
    "000000100000000000001000000000000010000001010101011011011011"
    "011011011111011111111111112112112121221222232322322444"
)


@lru_cache(1)
def _published() -> Tensor:
    """uint8 (256, 256): 255 = keep, 0 = draw."""
    mask = torch.full((SIDE, SIDE), 255, dtype=torch.uint8)
    top, bottom, columns = BANDS
    for first, stop in columns:
        mask[top:bottom, first:stop] = 0
    left, right = CHIN_LEFT, CHIN_RIGHT
    steps = zip("0" + LEFT_STEPS, "0" + RIGHT_STEPS, strict=True)
    for row, (more, less) in enumerate(steps, CHIN_ROW):
        left, right = left + int(more, 36), right - int(less, 36)
        mask[row, left : right + 1] = 0
    return mask


def fixed_mask(resolution: int) -> Tensor:
    """float32 (1, R, R) in 0..1; grey at the edges where R is not 256."""
    mask = resized(_published()[None], (resolution, resolution))
    return mask.float() / 255


def latent_mask(mask: Tensor) -> Tensor:
    """(1, R, R) -> (1, R / 8, R / 8): the top left of each 8 x 8 pixels."""
    return mask[..., ::8, ::8]


def composite(drawn: Tensor, original: Tensor, mask: Tensor) -> Tensor:
    """Decoded and original crops (f, 3, R, R) in -1..1: drawn where the mask says so."""
    return drawn * (1 - mask) + original * mask
