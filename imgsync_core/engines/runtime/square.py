"""An upright square of a picture: cut out, drawn anew, and put back so that it cannot be seen.

::

    picture | square's edge: weight 0 | feather | drawn: weight 1

A side of the square that lies on the picture's own edge has no feather. Outside of the square every
pixel keeps its value to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...errors import FaceError
from .crop import pixel_values
from .paste import tint

FEATHER = 1 / 10  # of the side
ROOM = 0.5  # of a face's box, on each side, that is in its square
SMALLEST = 16  # px of the square around a face


@dataclass(frozen=True)
class Square:
    """Whole pixels of a picture: columns from ``left`` on, rows from ``top`` on."""

    left: int
    top: int
    side: int

    def of(self, frame: np.ndarray) -> np.ndarray:
        """(h, w, c) -> (side, side, c), a view."""
        rows, columns = (slice(at, at + self.side) for at in (self.top, self.left))
        return frame[rows, columns]


def inscribed(box: tuple[int, int, int, int], size: tuple[int, int]) -> Square:
    """The largest square in the middle of a box (left, top, right, bottom) in a picture.

    size: width and height of the picture, which holds the box.
    """
    left, top, right, bottom = box
    side = max(0, min(right - left, bottom - top))
    left, top = ((a + b) // 2 - side // 2 for a, b in ((left, right), (top, bottom)))
    left, top = max(0, left), max(0, top)
    return Square(left, top, min(side, size[0] - left, size[1] - top))


def whole(box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    """A box in whole pixels; halves go to the even one, as numpy rounds."""
    left, top, right, bottom = map(round, box)
    return left, top, right, bottom


def around(
    box: tuple[float, float, float, float], size: tuple[int, int], room: float = ROOM
) -> Square:
    """The square around a face in a picture of ``size`` (width, height) px.

    box: left, top, right, bottom of the face.   room: of its width and height, on each side.
    The square is never larger than the picture: the box and room around it, then square inwards.
    Raises FaceError for one with next to no pixels.
    """
    left, top, right, bottom = whole(box)
    x, y = int(max(0, right - left) * room), int(max(0, bottom - top) * room)
    outer = max(0, left - x), max(0, top - y), min(right + x, size[0]), min(bottom + y, size[1])
    square = inscribed(outer, size)
    if square.side < SMALLEST:
        raise FaceError(
            f"The face leaves a square of {square.side} pixels; {SMALLEST} are needed. Use a "
            "larger picture of it."
        )
    return square


def squeezed(pixels: Tensor, resolution: int, *, filtered: bool = True) -> Tensor:
    """(b, c, h, w) of 0..255 -> float32 whole numbers (b, c, R, R), bilinear.

    filtered: against aliasing where it shrinks; OpenCV's plain resizing does not.
    """
    size, shrinks = (resolution, resolution), filtered and resolution < pixels.shape[-1]
    pixels = functional.interpolate(
        pixels.float(), size, mode="bilinear", align_corners=False, antialias=shrinks
    )
    return (pixels + 0.5).floor().clamp(0, 255)


class SquarePaste:
    """Puts squares that are drawn anew into one still picture."""

    def __init__(self, frame: np.ndarray, square: Square, resolution: int) -> None:
        """frame: uint8 (h, w, 3 or 4); a fourth channel stays.   resolution: of what is drawn."""
        self.frame, self.square = frame, square
        below = torch.from_numpy(np.array(square.of(frame)[..., :3])).permute(2, 0, 1)[None]
        self._below = below.float()
        self._original = pixel_values(squeezed(self._below, resolution))
        height, width = frame.shape[:2]
        lines = [
            _line(square.side, before=at > 0, after=at + square.side < end)
            for at, end in ((square.top, height), (square.left, width))
        ]
        self._weight = torch.outer(*lines)[None, None]
        size = (resolution, resolution)
        seen = functional.interpolate(self._weight, size, mode="bilinear", align_corners=False)
        self._ring = (seen < 1).float()

    def paste(self, drawn: Tensor) -> np.ndarray:
        """Drawn squares (f, 3, R, R), about -1..1 -> whole pictures uint8 (f, h, w, c)."""
        drawn = drawn.float()
        ring, original = self._ring.to(drawn), self._original.to(drawn)
        values = ((drawn + tint(drawn, original, ring)).clamp(-1, 1) + 1) * 127.5
        side = self.square.side
        if side != values.shape[-1]:
            shrinks = side < values.shape[-1]
            values = functional.interpolate(
                values, (side, side), mode="bicubic", align_corners=False, antialias=shrinks
            )
        mixed = torch.lerp(self._below.to(values), values, self._weight.to(values))
        out = np.repeat(self.frame[None], len(drawn), 0)
        for frame, new in zip(out, _pixels(mixed), strict=True):
            self.square.of(frame)[..., :3] = new
        return out


def alone(drawn: Tensor, alpha: Tensor, *, cut_off: bool) -> np.ndarray:
    """Drawn squares (f, 3, R, R), about -1..1 -> uint8 (f, R, R, c), without their picture.

    alpha: (1, 0 or 1, R, R) of 0..255.   cut_off: fractions are left out, not rounded.
    """
    values = (drawn.float() / 2 + 0.5).clamp(0, 1) * 255
    values = torch.cat([values, alpha.to(values).expand(len(values), -1, -1, -1)], 1)
    return _pixels(values - 0.5 if cut_off else values)


def _pixels(values: Tensor) -> np.ndarray:
    """(f, c, h, w) of 0..255 -> uint8 (f, h, w, c), rounded."""
    whole = (values + 0.5).floor().clamp(0, 255)
    return whole.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def _line(side: int, *, before: bool, after: bool) -> Tensor:
    """(side,): rises smoothly over the feather at those ends where there is one."""
    width = max(1.0, FEATHER * side)
    at = (torch.arange(side) + 0.5) / width
    up = at.clamp(max=1) if before else torch.ones(side)
    down = at.flip(0).clamp(max=1) if after else torch.ones(side)
    line = torch.minimum(up, down)
    return line * line * (3 - 2 * line)
