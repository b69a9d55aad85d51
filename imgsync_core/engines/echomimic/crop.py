"""Which square of a still is drawn, and where in it the face is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..runtime.square import ROOM, Square, around, inscribed, squeezed, whole

MARGIN = 0.1  # of the face's box, on each side, that is in the mask
Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Crop:
    """A square of the picture.

    face: left, top, right, bottom of the face with a margin, in whole pixels of the picture; None
        = the whole square counts as face.
    """

    square: Square
    face: tuple[int, int, int, int] | None

    def mask(self, resolution: int) -> Tensor:
        """float32 (1, 1, R, R): 1 where the face is, grey at its edges."""
        square = self.square
        mask = torch.full((1, 1, square.side, square.side), 0.0 if self.face else 255.0)
        if self.face:
            left, top, right, bottom = self.face
            rows = slice(max(0, top - square.top), max(0, bottom - square.top))
            columns = slice(max(0, left - square.left), max(0, right - square.left))
            mask[..., rows, columns] = 255
        return squeezed(mask, resolution, filtered=False) / 255


def crop_around(
    box: Box, size: tuple[int, int], room: float = ROOM, margin: float = MARGIN
) -> Crop:
    """The square around a face in a picture of ``size`` (width, height) px. Raises FaceError."""
    left, top, right, bottom = whole(box)
    x, y = (int(max(0, b - a) * margin) for a, b in ((left, right), (top, bottom)))
    face = max(0, left - x), max(0, top - y), right + x, bottom + y
    return Crop(around(box, size, room), face)


def middle(size: tuple[int, int]) -> Crop:
    """The largest square in the middle of a picture, all of it face."""
    return Crop(inscribed((0, 0, *size), size), None)
