"""Where the lips meet: a dark, wide, thin line under the nose, with red on both sides.

Everything happens in a patch that is aligned with the eyes, GRID px to the distance between them
(IOD). Lines are good paths from the left to the right of the patch through a score of darkness
(second derivative down), redness and nearness to where mouths are, found by dynamic programming.
Along each, with its ends as corners, all pairs of inner edges are judged (rims.py); the best wins.
"""

from dataclasses import dataclass

import numpy as np

from .geometry import MOUTH_DOWN, Frame
from .pixels import LUMA, blurred, sampled
from .rims import GRID, Rims, rims, straightened

HALF = 0.66  # of the patch's width
TOP, BOTTOM = 0.4, 1.75  # of the patch, IOD below the eyes
SEARCH = (0.66, 1.45)  # where the line may be
SEEN = 0.4  # half width of what the path is searched in
SPREAD = 0.135  # standard deviation of the line's place
HALF_WIDTH = 0.435  # IOD; of a mouth, smiling or not
LINES, APART = 4, 0.1  # lines that are tried; so far from each other, IOD
ELSEWHERE = 0.08  # IOD; a line so far off cuts the lip grotesquely
SURE = (1.2, 1.2)  # margin, in log odds, at which every second line is right; and its scale
KEPT, STEP = 3.0, 0.05  # log odds for lips that stay where they were; IOD they move in a frame


@dataclass(frozen=True)
class Lips:
    """In IOD, u across from the middle of the eyes and v down."""

    line: tuple[float, float]  # where the lips meet at the middle (open: the lower inner edge)
    corners: np.ndarray  # (2, 2) left, right
    inner: float
    confidence: float


@dataclass(frozen=True)
class Patch:
    """The mouth region, sampled upright in units of the inter-ocular distance."""

    u: np.ndarray  # (w,) IOD
    v: np.ndarray  # (h,)
    log: np.ndarray  # (h, w) log luma
    luma: np.ndarray  # (h, w) of the skin's
    red: np.ndarray  # (h, w) redness beyond the skin's

    def row(self, v: float) -> int:
        return int(np.clip(round((v - self.v[0]) * GRID), 0, len(self.v) - 1))


def patch(image: np.ndarray, frame: Frame) -> Patch:
    """The mouth's surroundings of a picture, float32 (h, w, 3) of 0..255."""
    u = np.arange(-round(HALF * GRID), round(HALF * GRID) + 1) / GRID
    v = np.arange(round(TOP * GRID), round(BOTTOM * GRID) + 1) / GRID
    points = frame.out(*np.meshgrid(u, v)) - 0.5
    colour = sampled(image, points[..., 0], points[..., 1])
    luma = colour @ LUMA
    red = np.log(colour[..., 0] + 12) - np.log(colour[..., 1] * 0.7 + colour[..., 2] * 0.3 + 12)
    skin = ((v > 0.45) & (v < 0.75))[:, None] & (np.abs(u) < 0.5)[None]
    light = max(float(np.median(luma[skin])), 8.0)
    return Patch(u, v, np.log(luma / light + 0.07), luma / light, red - np.median(red[skin]))


def ridge(log: np.ndarray, sigma: float) -> np.ndarray:
    """How much darker than above and below, in natural log units."""
    soft = blurred(blurred(log, sigma, 0), 1.5, 1)
    found = np.zeros_like(soft)
    found[1:-1] = soft[2:] + soft[:-2] - 2 * soft[1:-1]
    return found * sigma * sigma


def find_lips(
    image: np.ndarray, frame: Frame, guess: float = MOUTH_DOWN, last: "Lips | None" = None
) -> Lips:
    """The lips of a face in a picture; frame: of its eyes; guess: v of the mouth.

    last: the lips of the frame before, in a clip; the new ones are not far from them, unless the
    picture says so clearly.
    """
    area = patch(image, frame)
    dark = np.maximum(ridge(area.log, 1.3), ridge(area.log, 2.2) * 0.8)
    found = [
        (line, corners, _rims(area, dark, line, corners, guess, last))
        for line, corners in _lines(area, dark, guess, LINES if last is None else 1)
    ]
    bests = [rims.best() for _, _, rims in found]
    k = int(np.argmax([score for _, _, score in bests]))
    corners, (upper, lower, score) = found[k][1], bests[k]
    others = [rims.score[np.abs(rims.lower - lower) > ELSEWHERE] for _, _, rims in found]
    margin = score - max(float(other.max()) for other in others if len(other))
    middle = float(corners[:, 0].mean())
    return Lips((middle, lower), corners, lower - upper, _sure(margin))


def _sure(margin: float) -> float:
    """How often a line that is so much likelier than all elsewhere is right, 0..1."""
    return float(1 / (1 + np.exp(-(margin - SURE[0]) / SURE[1])))


def _lines(
    area: Patch, dark: np.ndarray, guess: float, n: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """v of the n likeliest dark lines in each column that is looked at, and their ends (2, 2)."""
    red = blurred(blurred(area.red, 2.5, 0), 2.5, 1)
    rows = (area.v > SEARCH[0]) & (area.v < SEARCH[1])
    columns = np.abs(area.u) <= SEEN
    inside = np.ix_(rows, columns)
    strength = max(0.02, float(np.percentile(dark[inside], 97)))
    spread = np.percentile(red[inside], 95) - np.median(red[inside])
    red = np.clip((red - np.median(red[inside])) / max(0.04, float(spread)), -1, 1.2)
    away = ((area.v[:, None] - guess) / SPREAD) ** 2
    score = np.clip(dark / strength, -0.3, 1.2) + 0.35 * red - 0.17 * np.minimum(away, 6)
    first = int(np.argmax(rows))
    lines = [_fine(area, path + first, columns) for path in _paths(score[inside], n)]
    return [(line, _corners(area, dark / strength, line, columns)) for line in lines]


def _rims(
    area: Patch,
    dark: np.ndarray,
    line: np.ndarray,
    corners: np.ndarray,
    guess: float,
    last: Lips | None,
) -> Rims:
    """How likely which inner edges are, with these corners and around this line."""
    columns = np.abs(area.u) <= SEEN
    middle = float(corners[:, 0].mean())
    v = float(np.interp(middle, area.u[columns], line))
    start = float(area.u[0]), float(area.v[0])
    mouth = straightened(np.stack([area.log, area.red, dark]), start, corners, v)
    half = float(corners[1, 0] - corners[0, 0]) / 2
    found = rims(mouth, guess, half, _nose(area, dark, middle, mouth.v))
    if last is None:
        return found
    low = last.line[1]
    steps = (found.lower - low) ** 2 + (found.upper - low + last.inner) ** 2
    near = -KEPT * np.minimum(steps / (2 * STEP**2), 1)
    return Rims(found.upper, found.lower, found.score + near)


def _nose(area: Patch, dark: np.ndarray, middle: float, v: np.ndarray) -> np.ndarray:
    """How much there looks like two nostrils above a mouth at each of these v."""
    sides = [np.abs(area.u - 0.5 * middle - side) < 0.06 for side in (-0.13, 0.13)]
    both = np.minimum(*(dark[:, columns].max(1) for columns in sides))
    rows = ((v - area.v[0]) * GRID).round().astype(int)[:, None] + np.arange(-20, -9)
    there = both[np.clip(rows, 0, len(both) - 1)] * ((rows >= 0) & (rows < len(both)))
    return np.clip(there.max(1), 0, 0.3) / 0.1


def _paths(score: np.ndarray, n: int) -> list[np.ndarray]:
    """The rows, in each column, of the n best paths that are not beside a better one.

    A path goes at most one row up or down from column to column.
    """
    h, w = score.shape
    total, back = score[:, 0].copy(), np.zeros((w, h), int)
    for j in range(1, w):
        ways = np.stack([np.r_[-1e3, total[:-1]] - 0.15, total, np.r_[total[1:], -1e3] - 0.15])
        best = ways.argmax(0)
        back[j] = np.clip(np.arange(h) + best - 1, 0, h - 1)
        total = ways.max(0) + score[:, j]
    found: list[np.ndarray] = []
    for _ in range(3 * n):
        at = int(total.argmax())
        path = np.zeros(w, int)
        total[max(0, at - 3) : at + 4] = -np.inf
        for j in range(w - 1, -1, -1):
            path[j] = at
            at = back[j][at]
        if all(np.abs(path - other).mean() > APART * GRID for other in found):
            found.append(path)
        if len(found) == n:
            break
    return found


def _fine(area: Patch, path: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """v of the darkest place near the path in each column, to parts of a pixel; (columns,)."""
    soft = blurred(blurred(area.log, 0.8, 0), 1.5, 1)[:, columns]
    offsets = np.arange(-3, 4)
    rows = np.clip(path.astype(int)[None] + offsets[:, None], 1, len(area.v) - 2)
    values = np.take_along_axis(soft, rows, 0) + 0.012 * (offsets**2)[:, None]
    best = values.argmin(0)
    here = np.take_along_axis(rows, best[None], 0)
    above, middle, below = (np.take_along_axis(soft, here + k, 0)[0] for k in (-1, 0, 1))
    bend = np.maximum(above + below - 2 * middle, 1e-3)
    part = np.clip((above - below) / (2 * bend), -0.5, 0.5)
    return blurred(area.v[0] + (here[0] + part) / GRID, 1.5, 0)


def _corners(area: Patch, dark: np.ndarray, line: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Where the dark line ends on either side, (2, 2)."""
    seen = area.u[columns]
    ends = []
    for side in (-1, 1):
        order = seen if side > 0 else -seen[::-1]
        values = line if side > 0 else line[::-1]
        along = np.arange(0, HALF - 0.02, 1 / GRID)
        v = np.interp(along, order, values)
        slope = np.polyfit(order[-9:], values[-9:], 1)[0]
        v = np.where(along > SEEN, values[-1] + 0.7 * slope * (along - SEEN), v)
        rows = np.clip(((v - area.v[0]) * GRID).round().astype(int), 1, len(area.v) - 2)
        at = np.clip(((side * along + HALF) * GRID).round().astype(int), 0, len(area.u) - 1)
        there = np.clip(np.max([dark[rows + k, at] for k in (-1, 0, 1)], axis=0), 0, 1)
        total = np.r_[0, np.cumsum(there - 0.4)][:-1]
        prior = -0.5 * ((along - HALF_WIDTH) / 0.07) ** 2
        best = int(np.argmax(total * 0.8 + prior))
        ends.append((side * (along[best] - 0.02), v[best]))
    return np.array(ends)
