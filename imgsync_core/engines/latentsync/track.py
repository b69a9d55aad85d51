"""Where the face is in each frame of the source: matrices, worked out ahead and remembered.

Each frame of the source is looked at once, however often it is shown; what stays is 24 bytes of
points a frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from ...face.geometry import Face
from .align import Aligner, Geometry, corners
from .points import GAP, REACH, bridged, smoothed, three_points

BLOCK = 256  # frames looked at at once, so that the source seldom has to go back
INSIDE = 0.5  # of the crop that has to lie in the frame


class Track:
    """Matrices from frame to crop for the frames of a source, in any order.

    faces: the face in each frame of the source, in order, None where there is none.
    published: points as whole numbers, no smoothing and the running bias, frame by frame.
    check(): called for every frame looked at; what it raises cancels.
    """

    def __init__(
        self,
        faces: Iterator[Face | None],
        n_frames: int,
        fps: Fraction,
        geometry: Geometry,
        size: tuple[int, int],
        *,
        published: bool,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._faces, self._n, self._check = faces, n_frames, check
        self._geometry, self._size = geometry, size
        self._published = published
        self._aligner = Aligner(geometry, bias=published)
        self._reach = max(1, math.ceil(REACH * fps))
        self._gap = max(1, math.floor(GAP * fps))
        self._points = np.zeros((0, 3, 2), np.float32)
        # only filled the published way, where each needs the one before
        self._matrices: list[Tensor | None] = []

    def matrix(self, index: int) -> Tensor | None:
        """(2, 3) frame to crop in float32; None where no face is to be pasted over."""
        self._look(index)
        if self._published:
            return self._matrices[index]
        around = max(0, index - self._reach - self._gap)
        part = bridged(self._points[around : index + self._reach + self._gap + 1], self._gap)
        if not np.isfinite(part[index - around, 0, 0]):
            return None
        points = smoothed(part.astype(np.float64), index - around, self._reach)
        return self._usable(self._aligner.matrices(torch.from_numpy(points)[None])[0].float())

    def _look(self, index: int) -> None:
        """Look at all frames that the points of this one depend on."""
        wanted = min(self._n, index + self._reach + self._gap + 1)
        if len(self._points) >= wanted:
            return
        stop = min(self._n, max(wanted, len(self._points) + BLOCK))
        new = []
        for _ in range(len(self._points), stop):
            self._check()
            face = next(self._faces)
            new.append(np.full((3, 2), np.nan) if face is None else three_points(face))
        block = np.stack(new).astype(np.float32)
        self._points = np.concatenate([self._points, block])
        if self._published:
            self._matrices += [self._published_matrix(points) for points in block]

    def _published_matrix(self, points: np.ndarray) -> Tensor | None:
        if not np.isfinite(points[0, 0]):
            return None
        whole = torch.from_numpy(np.rint(points))[None]
        return self._usable(self._aligner.matrices(whole)[0])

    def _usable(self, matrix: Tensor) -> Tensor | None:
        """The matrix, unless most of the crop lies outside the frame or it makes no sense."""
        if not bool(torch.isfinite(matrix).all()):
            return None
        spot = corners(matrix[None], self._geometry.size)[0]
        low, high = spot.amin(0), spot.amax(0)
        size = torch.tensor(self._size, dtype=spot.dtype)
        shared = (torch.minimum(high, size) - low.clamp(min=0)).clamp(min=0)
        share = float((shared / (high - low).clamp(min=1)).prod())
        return matrix if share >= INSIDE else None
