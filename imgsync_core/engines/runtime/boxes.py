"""Upright boxes of a frame to squares and back, at fractions of pixels and without aliasing.

Coordinates of boxes are those of a picture: its top left corner is (0, 0), the middle of its first
pixel (0.5, 0.5).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .crop import pixel_values
from .lanczos import resized
from .paste import Paste, shrunk
from .remembered import Remembered

Box = tuple[int, int, int, int]  # in whole pixels: left, top, right, bottom; half open


@dataclass(frozen=True)
class SquareShape:
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


def whole(corners: Tensor) -> Box:
    """Two corners, (2, 2), cut off to whole pixels."""
    left, top, right, bottom = (int(v) for v in corners.flatten())
    return left, top, right, bottom


def whole_squares(frames: np.ndarray, boxes: Tensor, side: int) -> Tensor:
    """As `squares` in whole pixels, by Lanczos and with nothing against aliasing.

    What lies outside is cut off, and the rest drawn out over the square.
    """
    out = []
    for frame, spot in zip(frames, boxes, strict=True):
        left, top, right, bottom = whole(spot[:2])
        part = np.array(frame[max(top, 0) : bottom, max(left, 0) : right])
        out.append(resized(torch.from_numpy(part).permute(2, 0, 1), (side, side)))
    return torch.stack(out)


def _square(frame: np.ndarray, box: list[list[float]], side: int) -> Tensor:
    (left, top), (right, bottom) = box
    h, w = frame.shape[:2]
    column, across = _weights(left, right, side, w)
    row, down = _weights(top, bottom, side, h)
    part = frame[row : row + down.shape[1], column : column + across.shape[1], :3]
    pixels = torch.from_numpy(np.array(part)).permute(2, 0, 1).float()  # 3 h w
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
    """Boxes, (f, 2, 2) or longer -> (f, 2, 3), frame to square; integers are centres of pixels."""
    scale = side / (boxes[:, 1] - boxes[:, 0]).double()  # f 2
    shift = (0.5 - boxes[:, 0].double()) * scale - 0.5
    return torch.cat([torch.diag_embed(scale), shift[..., None]], -1)


def corners(spot: Tensor) -> Tensor:
    """Two corners of a box, (2, 2) or longer -> all four, (4, 2), as `crop.corners` has them."""
    (left, top), (right, bottom) = spot[:2] - 0.5
    return torch.stack([left, top, right, top, right, bottom, left, bottom]).view(4, 2)


class BoxPaste:
    """Called as `stream.Redrawn.paste`: only what was drawn in each box, colour matched.

    spots have the corners of boxes first, whatever else they tell.
    mask(spot): (side, side), 1 = keep, 0 = draw; its edge is the middle of the feather.
    feather: half width in px of the square.
    """

    def __init__(self, mask: Callable[[Tensor], Tensor], side: int, feather: int) -> None:
        self._mask, self._side, self._feather = mask, side, feather
        self._remembered = Remembered[Paste]()

    def __call__(
        self, frames: np.ndarray, drawn: Tensor, original: Tensor, spots: Tensor
    ) -> np.ndarray:
        different = spots[:1] if bool((spots == spots[0]).all()) else spots

        def make(spots: Tensor) -> Paste:
            masks = torch.stack([self._mask(spot) for spot in spots]).to(drawn.device)
            mask = shrunk(masks, self._feather)
            return Paste(SquareShape(self._side), mask, feather=self._feather / self._side)

        paste = self._remembered(different, make)
        values = pixel_values(original.to(drawn.device))
        return paste.paste(frames, drawn, values, matrices(spots, self._side))
