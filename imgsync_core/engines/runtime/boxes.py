"""Upright boxes of a frame to squares and back, at fractions of pixels and without aliasing.

Coordinates of boxes are those of a picture: its top left corner is (0, 0), the middle of its first
pixel (0.5, 0.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Square:
    """A square crop, as `crop.CropShape` has it; resolution: its side in px."""

    resolution: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height before it is squeezed, which it is not."""
        return self.resolution, self.resolution


def squares(frames: np.ndarray, boxes: Tensor, side: int) -> Tensor:
    """uint8 (f, h, w, 3) and boxes (f, 2, 2) or longer -> uint8 (f, 3, side, side).

    boxes: top left and bottom right in px. Cubic, and as wide as needed where it shrinks; outside
    the frame its edge goes on.
    """
    pairs = zip(frames, boxes[:, :2].tolist(), strict=True)
    return torch.stack([_square(frame, box, side) for frame, box in pairs])


def _square(frame: np.ndarray, box: list[list[float]], side: int) -> Tensor:
    (left, top), (right, bottom) = box
    h, w = frame.shape[:2]
    column, across = _weights(left, right, side, w)
    row, down = _weights(top, bottom, side, h)
    part = frame[row : row + down.shape[1], column : column + across.shape[1], :3]
    pixels = torch.from_numpy(np.ascontiguousarray(part)).permute(2, 0, 1).float()  # 3 h w
    square = down @ (pixels @ across.T)
    return (square + 0.5).floor().clamp(0, 255).to(torch.uint8)


def _weights(low: float, high: float, side: int, n: int) -> tuple[int, Tensor]:
    """The first of n pixels that counts, and the weights (side, count) from there on."""
    step = (high - low) / side
    wide = max(1.0, step)
    centre = low + (np.arange(side) + 0.5) * step
    pixel = np.arange(math.floor(centre[0] - 2 * wide), math.ceil(centre[-1] + 2 * wide))
    weight = cubic((pixel + 0.5 - centre[:, None]) / wide)
    weight /= weight.sum(1, keepdims=True)
    inside = pixel.clip(0, n - 1)
    first = int(inside[0])
    out = torch.zeros(side, int(inside[-1]) - first + 1)
    return first, out.index_add_(
        1, torch.from_numpy(inside - first), torch.from_numpy(weight).float()
    )


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic of 1981, a = -1/2."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def matrices(boxes: Tensor, side: int) -> Tensor:
    """Boxes (f, 2, 2) -> (f, 2, 3), frame to square, where the centres of pixels are integers."""
    scale = side / (boxes[:, 1] - boxes[:, 0]).double()  # f 2
    shift = (0.5 - boxes[:, 0].double()) * scale - 0.5
    return torch.cat([torch.diag_embed(scale), shift[..., None]], -1)
