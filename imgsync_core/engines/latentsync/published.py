"""What only the published pipeline does: whole pixels, a running bias, the whole crop pasted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..runtime.crop import FILL, CropShape, inverse, warp
from ..runtime.paste import gaussian
from ..runtime.track import FrameByFrame


class PublishedTrack(FrameByFrame):
    """Points as whole numbers, nothing smoothed, frame by frame with the aligner's bias."""

    def __init__(
        self, points: Any, source: Any, shape: CropShape, align: Callable[[Tensor], Tensor],
        **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(points, source, shape, lambda p: align(p.round()), **more)


@dataclass(frozen=True)
class Edge:
    """The masks of one frame, float (h, w) in 0..1, in the order they are made.

    whole: where the crop lies.   eroded: a pixel less.   centre: without the edge.
    soft: the centre blurred.     width: of the edge in px.
    """

    whole: Tensor
    eroded: Tensor
    centre: Tensor
    soft: Tensor
    width: int


def edge_masks(matrix: Tensor, crop: tuple[int, int], frame: tuple[int, int]) -> Edge:
    """matrix: (2, 3) frame to crop; crop, frame: width and height in px."""
    ones = matrix.new_ones(1, 1, crop[1], crop[0])
    whole = warp(ones, inverse(matrix[None]), frame)
    eroded = _eroded(whole, 1, 0)
    width = int(math.sqrt(float(eroded.sum()))) // 20
    # OpenCV takes a kernel without a size for 3 x 3
    centre = _eroded(eroded, width, width - 1) if width else _eroded(eroded, 1, 1)
    soft = _blurred(centre, 2 * width + 1)
    return Edge(whole[0, 0], eroded[0, 0], centre[0, 0], soft[0, 0], width)


def _eroded(mask: Tensor, before: int, after: int) -> Tensor:
    """(1, 1, h, w) -> the smallest value ``before`` px up or left to ``after`` px down or right."""
    padded = functional.pad(mask, (before, after, before, after), value=math.inf)
    for size in ((before + after + 1, 1), (1, before + after + 1)):
        padded = -functional.max_pool2d(-padded, size, 1)
    return padded


def _blurred(mask: Tensor, size: int) -> Tensor:
    """(1, 1, h, w) blurred in both directions; the edges are mirrored, the last pixel once."""
    weight = gaussian(size, mask)
    side = size // 2
    mask = functional.pad(mask, (side, side, side, side), mode="reflect")
    mask = functional.conv2d(mask, weight.view(1, 1, 1, -1))
    return functional.conv2d(mask, weight.view(1, 1, -1, 1))


def unsqueezed(face: Tensor, size: tuple[int, int]) -> Tensor:
    """(f, 3, R, R) -> (f, 3, height, width), bicubic and without aliasing; size: width, height."""
    return functional.interpolate(
        face, size[::-1], mode="bicubic", align_corners=False, antialias=True
    )


def restored(frame: np.ndarray, face: Tensor, matrix: Tensor, geometry: CropShape) -> np.ndarray:
    """A frame uint8 (h, w, 3) with a face (3, R, R) in -1..1 put back through (2, 3)."""
    size = frame.shape[1], frame.shape[0]
    edge = edge_masks(matrix, geometry.size, size)
    seen = warp(unsqueezed(face[None], geometry.size), inverse(matrix[None]), size, FILL)[0]
    seen = (seen / 2 + 0.5).clamp(0, 1) * 255
    original = torch.from_numpy(np.array(frame[..., :3])).to(face).permute(2, 0, 1)
    mixed = edge.soft * (edge.eroded * seen) + (1 - edge.soft) * original
    return mixed.permute(1, 2, 0).to(torch.uint8).cpu().numpy()
