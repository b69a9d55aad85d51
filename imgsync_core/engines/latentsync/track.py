"""Where the face is in each frame of the source: matrices, worked out ahead and remembered.

Each frame of the source is looked at once, however often it is shown; what stays of it are three
points.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ...media.frames import FrameSource
from .align import Aligner, Geometry, corners
from .points import GAP, REACH, bridged, smoothed

BLOCK = 256  # frames looked at at once, so that the source seldom has to go back
INSIDE = 0.5  # of the crop that has to lie in the frame
SMALLEST = 2.0  # px between the points; less is no face
UNSEEN = np.full((3, 2), np.nan, np.float32)


class Track:
    """Matrices from frame to crop for the frames of a source.

    points(index): the three points (3, 2) of a frame of the source; None where there is no face.
    published: points as whole numbers, no smoothing and the running bias, frame by frame.
    check(): called for every frame looked at; what it raises cancels.
    """

    def __init__(
        self,
        points: Callable[[int], np.ndarray | None],
        source: FrameSource,
        geometry: Geometry,
        *,
        published: bool,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._find, self._source, self._check = points, source, check
        self._geometry = geometry
        self._published = published
        self._aligner = Aligner(geometry, bias=published)
        self._reach = max(1, math.ceil(REACH * source.fps))
        self._gap = max(1, math.floor(GAP * source.fps))
        self._looked = 0  # frames of the source, from the first
        self._points: dict[int, np.ndarray] = {}  # by the frame that is really shown
        self._matrices: dict[int, Tensor | None] = {}  # only the published way

    def matrix(self, index: int) -> Tensor | None:
        """(2, 3) frame to crop in float32; None where no face is to be pasted over."""
        n = self._source.n_frames
        around = max(0, index - self._reach - self._gap)
        stop = min(n, index + self._reach + self._gap + 1)
        self._look(stop)
        if self._published:
            return self._matrices[self._key(index)]
        part = np.stack([self._points[self._key(i)] for i in range(around, stop)])
        part = bridged(part.astype(np.float64), self._gap)
        if not np.isfinite(part[index - around, 0, 0]):
            return None
        points = smoothed(part, index - around, self._reach)
        if np.ptp(points, 0).max() < SMALLEST:
            return None
        return self._usable(self._aligner.matrices(torch.from_numpy(points)[None])[0].float())

    def _key(self, index: int) -> int:
        """The same for frames that show the same."""
        source = self._source
        if source.period is not None and index >= source.lead:
            index = source.lead + (index - source.lead) % source.period
        return source.origin(index)[1]

    def _look(self, stop: int) -> None:
        """Look at all frames before this one, and at some more."""
        if self._looked >= stop:
            return
        for index in range(
            self._looked, min(self._source.n_frames, max(stop, self._looked + BLOCK))
        ):
            self._check()
            key = self._key(index)
            if key not in self._points:
                found = self._find(index)
                points = UNSEEN if found is None else found.astype(np.float32)
                self._points[key] = points
                if self._published:
                    self._matrices[key] = self._published_matrix(points)
            self._looked = index + 1

    def _published_matrix(self, points: np.ndarray) -> Tensor | None:
        if not np.isfinite(points[0, 0]) or np.ptp(points, 0).max() < SMALLEST:
            return None
        whole = torch.from_numpy(np.rint(points))[None]
        return self._usable(self._aligner.matrices(whole)[0])

    def _usable(self, matrix: Tensor) -> Tensor | None:
        """The matrix, unless most of the crop lies outside the frame."""
        spot = corners(matrix[None], self._geometry.size)[0]
        low, high = spot.amin(0), spot.amax(0)
        size = torch.tensor(self._source.size, dtype=spot.dtype)
        shared = (torch.minimum(high, size) - low.clamp(min=0)).clamp(min=0)
        share = float((shared / (high - low).clamp(min=1)).prod())
        return matrix if share >= INSIDE else None
