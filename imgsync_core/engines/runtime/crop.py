"""From a frame to a crop and back: points, a similarity, a warp, a square.

A crop has a shape of its own and is then squeezed to the square that a network works on. Integer
coordinates are the centres of pixels here.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .lanczos import resized

FILL = 127.0  # what is shown outside the frame


class CropShape(Protocol):
    """size: width and height of the crop in px.   resolution: side of the square."""

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def resolution(self) -> int: ...


def similarity(points: Tensor, template: Tensor) -> tuple[Tensor, Tensor]:
    """The rotation, scale and shift that bring points close to a template.

    points: (b, 3, 2) px of the frame.   template: (3, 2) px of the crop.
    Returns matrices (b, 2, 3), frame to crop, and the distance (b, 2) that is left at the last
    point, in standard deviations. The scale compares standard deviations (Umeyama 1991 would
    weight it with the singular values); a mirror image is never the answer.
    """
    middle, target = points.mean(1), template.mean(0)
    p, q = points - middle[:, None], template - target
    spread, wanted = p.flatten(1).std(1), q.flatten().std()
    p, q = p / spread[:, None, None], q / wanted
    u, _, vh = torch.linalg.svd(p.mT @ q)
    flip = torch.ones_like(u[:, 0])
    flip[:, 1] = torch.linalg.det(vh.mT @ u.mT).sign()
    rotation = (vh.mT * flip[:, None]) @ u.mT
    scale = wanted / spread
    turn = rotation * scale[:, None, None]
    shift = target - (rotation @ middle[:, :, None])[..., 0] * scale[:, None]
    return torch.cat([turn, shift[..., None]], -1), q[-1] - p[:, -1]


def inverse(matrix: Tensor) -> Tensor:
    """(b, 2, 3) -> (b, 2, 3), the other way round."""
    turn = torch.linalg.inv(matrix[:, :, :2])
    return torch.cat([turn, -turn @ matrix[:, :, 2:]], -1)


def moved(matrix: Tensor, x: float = 0, y: float = 0) -> Tensor:
    """(b, 2, 3) for a source whose point (0, 0) is now (x, y)."""
    shift = matrix[:, :, 2] - matrix[:, :, :2] @ matrix.new_tensor([x, y])
    return torch.cat([matrix[:, :, :2], shift[..., None]], -1)


def warp(
    image: Tensor, matrix: Tensor, size: tuple[int, int], fill: float = 0.0, mode: str = "bilinear"
) -> Tensor:
    """(b, c, h, w) seen through matrices (b, 2, 3), source to target; size: width, height.

    Interpolated between pixel centres; what lies outside the source counts as ``fill``.
    """
    b, c, h, w = image.shape
    width, height = size
    theta = _normalised(matrix, (w, h), size).to(image)
    grid = functional.affine_grid(theta, [b, c, height, width], align_corners=True)
    out = functional.grid_sample(image, grid, mode, "zeros", align_corners=True)
    if fill == 0:
        return out
    inside = functional.grid_sample(torch.ones_like(image[:, :1]), grid, mode, align_corners=True)
    return out + (1 - inside) * fill


def _normalised(matrix: Tensor, source: tuple[int, int], target: tuple[int, int]) -> Tensor:
    """A map of pixels, source to target, as one from target to source in -1..1 across each.

    sizes: width, height. The order of the steps, in the precision of the matrix, is that of the
    published pipeline: whether a pixel that is exactly 3 is cut off to 3 or to 2 hangs on it.
    """
    whole = torch.cat([matrix, matrix.new_tensor([[0, 0, 1]]).expand(len(matrix), -1, -1)], 1)
    there = _to_unit(target, matrix) @ (whole @ torch.linalg.inv(_to_unit(source, matrix)))
    return torch.linalg.inv(there)[:, :2]


def _to_unit(size: tuple[int, int], like: Tensor) -> Tensor:
    """(3, 3) pixels to -1..1 between the centres of the outermost ones."""
    x, y = (2 / max(n - 1, 1e-9) for n in size)
    return like.new_tensor([[x, 0, -1], [0, y, -1], [0, 0, 1]])


def corners(matrix: Tensor, size: tuple[int, int]) -> Tensor:
    """Where the crop's corners lie in the frame: (b, 2, 3) frame to crop -> (b, 4, 2) px."""
    w, h = size[0] - 1, size[1] - 1
    square = matrix.new_tensor([(0, 0), (w, 0), (w, h), (0, h)])
    back = inverse(matrix)
    return square @ back[:, :, :2].mT + back[:, :, 2][:, None]


def box_around(points: Tensor, size: tuple[int, int], margin: int = 2) -> tuple[int, int, int, int]:
    """left, top, right, bottom (half open) of whole pixels around points (n, 2), in a frame."""
    low, high = points.amin(0).floor().tolist(), points.amax(0).ceil().tolist()
    left, top = (min(max(int(v) - margin, 0), n - 1) for v, n in zip(low, size, strict=True))
    right, bottom = (
        max(min(int(v) + 1 + margin, n), at + 1)
        for v, n, at in zip(high, size, (left, top), strict=True)
    )
    return left, top, right, bottom


def upright(frame: np.ndarray, matrix: Tensor, shape: CropShape, *, whole: bool) -> Tensor:
    """One frame uint8 (h, w, 3) through a matrix (2, 3) -> uint8 (3, h, w) of the crop.

    whole: the whole frame is looked at and not only what is in the crop: much slower, the same but
    for the last bits of coordinates.
    """
    h, w = frame.shape[:2]
    left, top, right, bottom = 0, 0, w, h
    if not whole:
        spot = corners(matrix[None], shape.size)[0]
        left, top, right, bottom = box_around(spot, (w, h))
    part = torch.from_numpy(np.array(frame[top:bottom, left:right, :3]))
    part = part.to(matrix.device).permute(2, 0, 1)[None].to(matrix.dtype)
    local = moved(matrix[None], -left, -top) if left or top else matrix[None]
    return warp(part, local, shape.size, FILL)[0].to(torch.uint8)


def crops(frames: np.ndarray, matrices: Tensor, shape: CropShape, *, whole: bool = False) -> Tensor:
    """Frames uint8 (f, h, w, 3) through matrices (f, 2, 3) -> uint8 (f, 3, R, R).

    whole: as of ``upright``.
    """
    pairs = zip(frames, matrices, strict=True)
    seen = torch.stack([upright(frame, matrix, shape, whole=whole) for frame, matrix in pairs])
    return resized(seen, (shape.resolution, shape.resolution))


def pixel_values(crops: Tensor) -> Tensor:
    """uint8 crops -> float32 in -1..1."""
    return (crops.float() / 255 - 0.5) / 0.5
