"""Where the crop is in each frame of a source: matrices, worked out ahead and remembered.

Each frame of the source is looked at once, however often it is shown; what stays of it are its
points.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...media.frames import FrameSource
from .crop import CropShape, corners

BLOCK = 256  # frames looked at at once, so that the source seldom has to go back
INSIDE = 0.5  # of the crop that has to lie in the frame
SMALLEST = 2.0  # px between the points; less is no face
JUMP = 0.25  # of the distance between the brows from frame to frame: a cut, not a motion
REACH = 0.3  # seconds on either side that a smoothed point looks at
GAP = 0.4  # seconds without a face that are bridged


class CropTrack:
    """Matrices from frame to crop for the frames of a source, steady over time.

    points(index): points (k, 2) of a frame of the source, the first two a width apart; None where
        there is no face.   k: how many there are.
    align(points): (b, k, 2) px of consecutive frames -> (b, 2, 3), frame to crop; or whatever else
        tells the place, if ``outline`` makes of it where the crop's corners are, (4, 2) px.
    check(): called for every frame looked at; what it raises cancels.
    """

    def __init__(
        self,
        points: Callable[[int], np.ndarray | None],
        source: FrameSource,
        shape: CropShape,
        align: Callable[[Tensor], Tensor],
        *,
        k: int = 3,
        outline: Callable[[Tensor], Tensor] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._unseen = np.full((k, 2), np.nan, np.float32)
        self._outline = outline or (lambda matrix: corners(matrix[None], shape.size)[0])
        self._find, self._source, self._check = points, source, check
        self._align = align
        self._reach = max(1, math.ceil(REACH * source.fps))
        self._gap = max(1, math.floor(GAP * source.fps))
        self._looked = 0  # frames of the source, from the first
        self._points: dict[int, np.ndarray] = {}  # by the frame that is really shown

    def matrix(self, index: int) -> Tensor | None:
        """Float32 (2, 3), frame to crop; None where no face is to be pasted over."""
        n = self._source.n_frames
        around = max(0, index - self._reach - self._gap)
        stop = min(n, index + self._reach + self._gap + 1)
        self._look(stop)
        part = np.stack([self._points[self._key(i)] for i in range(around, stop)])
        part = bridged(part.astype(np.float64), self._gap)
        if not np.isfinite(part[index - around, 0, 0]):
            return None
        points = smoothed(part, index - around, self._reach)
        if np.ptp(points, 0).max() < SMALLEST:
            return None
        return self._usable(self._align(torch.from_numpy(points)[None])[0].float())

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
        ahead = min(self._source.n_frames, max(stop, self._looked + BLOCK))
        for index in range(self._looked, ahead):
            self._check()
            key = self._key(index)
            if key not in self._points:
                found = self._find(index)
                self._points[key] = self._unseen if found is None else found.astype(np.float32)
                self._seen(key)
            self._looked = index + 1

    def _seen(self, key: int) -> None:
        """Called once for each frame in order, when its points are known."""

    def _usable(self, matrix: Tensor) -> Tensor | None:
        """The matrix, unless most of the crop lies outside the frame."""
        spot = self._outline(matrix)
        low, high = spot.amin(0), spot.amax(0)
        size = torch.tensor(self._source.size, dtype=spot.dtype)
        shared = (torch.minimum(high, size) - low.clamp(min=0)).clamp(min=0)
        share = float((shared / (high - low).clamp(min=1)).prod())
        return matrix if share >= INSIDE else None


class FrameByFrame(CropTrack):
    """Each frame by itself and in order: nothing smoothed, nothing bridged."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._matrices: dict[int, Tensor | None] = {}

    def matrix(self, index: int) -> Tensor | None:
        """Float32 (2, 3), frame to crop; None where no face is to be pasted over."""
        n = self._source.n_frames
        self._look(min(n, index + self._reach + self._gap + 1))
        return self._matrices[self._key(index)]

    def _seen(self, key: int) -> None:
        points = self._points[key]
        self._matrices[key] = None
        if np.isfinite(points[0, 0]) and np.ptp(points, 0).max() >= SMALLEST:
            self._matrices[key] = self._usable(self._align(torch.from_numpy(points)[None])[0])


def bridged(points: np.ndarray, longest: int) -> np.ndarray:
    """Points (n, k, 2), NaN where there is no face: short gaps become straight lines.

    longest: frames of a gap that is still bridged, unless the face has jumped meanwhile.
    """
    seen = np.flatnonzero(np.isfinite(points[:, 0, 0]))
    out = points.copy()
    for before, after in pairwise(seen):
        n = int(after - before)
        if 1 < n <= longest + 1 and _step(points[before], points[after]) < JUMP * n:
            share = (np.arange(1, n) / n)[:, None, None]
            out[before + 1 : after] = (1 - share) * points[before] + share * points[after]
    return out


def _step(a: np.ndarray, b: np.ndarray) -> float:
    """How far points (k, 2) have gone, in distances between the brows."""
    wide = float(np.hypot(*(a[1] - a[0])))
    return float(np.hypot(*(b - a).T).mean()) / max(wide, 1e-6)


def smoothed(points: np.ndarray, index: int, reach: int) -> np.ndarray:
    """The points (k, 2) of one frame without their trembling: a local parabola, so nothing lags.

    points: (n, k, 2), NaN where there is no face.   reach: frames on either side that count,
    weighted by a Gaussian (Savitzky and Golay 1964, with weights). Neither a gap nor a cut is
    looked across.
    """
    first = last = index
    while first > max(0, index - reach) and _joined(points[first - 1], points[first]):
        first -= 1
    while last < min(len(points) - 1, index + reach) and _joined(points[last], points[last + 1]):
        last += 1
    at = np.arange(first, last + 1) - index
    degree = min(2, len(at) - 1)
    weight = np.exp(-0.5 * (at / max(reach / 2, 0.5)) ** 2)
    basis = (at[:, None] / max(reach, 1)) ** np.arange(degree + 1)
    value = (np.linalg.pinv(basis * weight[:, None]) * weight)[0]  # of the fit at 0
    return np.tensordot(value, points[first : last + 1], 1)


def _joined(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.isfinite(a[0, 0] + b[0, 0])) and _step(a, b) < JUMP
