"""Where face and lips are, as the networks are told: rectangles, soft masks, and a pyramid of them.

To the last bit as the published pipeline has them, whose steps are those of OpenCV and Pillow.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ...face.geometry import Face
from . import fixed_point as fixed

FACE_ROOM, LIP_ROOM = 1.2, 2.0  # times as wide and high as what is around the points
SOFT = 64  # px: side of the masks that are blurred
FACE_BLUR, LIP_BLUR = 51, 31  # px of a Gaussian kernel
NO_LIPS = np.array([(0.4, 0.65), (0.6, 0.75)])  # of a part that is all face
LEVELS = 4  # of the pyramid, from 1/8 on
Rectangle = tuple[int, int, int, int]  # left, top, right, bottom in whole pixels


def rectangle(points: np.ndarray, size: tuple[int, int], room: float) -> Rectangle:
    """The box around points (k, 2) px, larger by a factor, pushed into a picture of ``size``."""
    sides = []
    for axis in (0, 1):
        at = points[:, axis]
        sides.append(_pushed(round(float(at.min())), round(float(at.max())), room, size[axis]))
    (left, right), (top, bottom) = sides
    return left, top, right, bottom


def _pushed(low: int, high: int, room: float, size: int) -> tuple[int, int]:
    middle, half = (low + high) // 2, math.floor((high - low) * room / 2)
    low, high = middle - half, middle + half
    if low < 0:
        low, high = 0, high - low
    if high > size:
        low, high = low - (high - size), size
    return low, high


def filled(box: Rectangle, size: tuple[int, int]) -> Tensor:
    """uint8 (h, w): 255 in the rectangle, 0 elsewhere."""
    left, top, right, bottom = box
    mask = torch.zeros(size[1], size[0], dtype=torch.uint8)
    mask[max(0, top) : bottom, max(0, left) : right] = 255
    return mask


def placed(
    face: Face | None, corner: tuple[int, int], size: tuple[int, int], resolution: int, room: float
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Where face and lips are in a part of a picture.

    face: in the picture; None = the part is all face, its lips where they usually are.
    corner, size: the part's left and top, width and height in px.   room: as of `rectangle`.
    Returns the face's place, float32 (1, 1, R, R) of 0..1, and masks as of `pyramid`.
    """
    if face is None:
        outline, lips = np.array([(0, 0), size]), NO_LIPS * size
    else:
        box, (top, bottom) = np.reshape(face.outline, (2, 2)), (face.lip_top, face.lip_bottom)
        outline, lips = box - corner, np.stack([*face.mouth, top, bottom]) - corner
    around = filled(rectangle(outline, size, room), size)
    mouth = filled(rectangle(lips, size, LIP_ROOM), size)
    place = fixed.triangular(around, (resolution, resolution))[None, None].float() / 255
    return place, pyramid(soft_regions(around, mouth), resolution)


def soft_regions(face: Tensor, lips: Tensor) -> Tensor:
    """Two filled masks, uint8 (h, w) -> uint8 (3, 64, 64): all but the face, the face, the lips."""
    around, mouth = _soft(face, FACE_BLUR), _soft(lips, LIP_BLUR)
    outside = ((1 - around.double() / 255) * 255).to(torch.uint8)
    only = (around.int() - mouth.int()).clamp(min=0).to(torch.uint8)
    return torch.stack([outside, only, mouth])


def _soft(mask: Tensor, blur: int) -> Tensor:
    """Small, blurred, and stretched to all of 0..255."""
    small = fixed.bilinear(mask[None], (SOFT, SOFT))[0]
    blurred = fixed.blurred(small, blur).numpy().astype(np.float32)
    low, high = blurred.min(), blurred.max()
    scale = np.float32(255 / (float(high) - float(low))) if high > low else np.float32(0)
    stretched = np.rint(blurred * scale - low * scale)
    return torch.from_numpy(stretched.clip(0, 255).astype(np.uint8))


def pyramid(regions: Tensor, resolution: int) -> tuple[Tensor, ...]:
    """uint8 (n, 64, 64) -> by level float32 (n, s), 0 to 1, for latents of a square."""
    sides = [resolution >> (3 + level) for level in range(LEVELS)]
    return tuple(
        torch.stack([fixed.triangular(region, (side, side)).flatten() for region in regions]) / 255
        for side in sides
    )
