"""The three points that align a face, and how they are kept from trembling."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...face.geometry import Face, Frame

NOSE_DOWN = 0.585  # of the way from the eye line to the top of the upper lip
NOSE_OUT = 1.2  # a nose stands out further than lips: it moves more when the head turns
JUMP = 0.25  # of the distance between the brows from frame to frame: a cut, not a motion
REACH = 0.3  # seconds on either side that a smoothed point looks at
GAP = 0.4  # seconds without a face that are bridged


def three_points(face: Face) -> np.ndarray:
    """Left brow, right brow, nose: float64 (3, 2), px with pixel centres at integers.

    The published pipeline takes means of a 106-point mesh: five points of each brow, and the lower
    bridge, the tip and both wings of the nose. Here the brows are the face's own; the middle of
    those four nose points lies 0.585 of the way from the eye line to the upper lip, sideways 1.2
    times as far out as the lip. On portraits seen from the front that is within about 0.06 of the
    distance between the eyes.
    """
    frame = Frame.of(face.eyes)
    u, v = frame.into(face.lip_top)
    nose = frame.out(NOSE_OUT * u, NOSE_DOWN * v)
    return np.concatenate([face.brows, nose[None]]) - 0.5


def bridged(points: np.ndarray, longest: int) -> np.ndarray:
    """Points (n, 3, 2), NaN where there is no face: short gaps become straight lines.

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
    """How far points (3, 2) have gone, in distances between the brows."""
    wide = float(np.hypot(*(a[1] - a[0])))
    return float(np.hypot(*(b - a).T).mean()) / max(wide, 1e-6)


def smoothed(points: np.ndarray, index: int, reach: int) -> np.ndarray:
    """The points (3, 2) of one frame without their trembling: a local parabola, so nothing lags.

    points: (n, 3, 2), NaN where there is no face.   reach: frames on either side that count,
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
