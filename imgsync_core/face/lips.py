"""Where the lips meet: a dark, wide, thin line under the nose, with red on both sides.

Everything happens in a patch that is aligned with the eyes, GRID px to the distance between them
(IOD). The line is the best path from the left to the right of the patch through a score of darkness
(second derivative down), redness and nearness to where mouths are, found by dynamic programming.
"""

from dataclasses import dataclass

import numpy as np

from .geometry import MOUTH_DOWN, MOUTH_HALF, Frame
from .pixels import LUMA, blurred, sampled

GRID = 48  # px of the patch to one IOD
HALF = 0.66  # of the patch's width
TOP, BOTTOM = 0.4, 1.75  # of the patch, IOD below the eyes
SEARCH = (0.66, 1.45)  # where the line may be
SEEN = 0.4  # half width of what the path is searched in
SPREAD = 0.135  # standard deviation of the line's place
OPEN = 0.07  # IOD; a narrower gap is not believed


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


def find_lips(image: np.ndarray, frame: Frame, guess: float = MOUTH_DOWN) -> Lips:
    """The lips of a face in a picture; frame: of its eyes; guess: v of the mouth."""
    area = patch(image, frame)
    dark = np.maximum(ridge(area.log, 1.3), ridge(area.log, 2.2) * 0.8)
    red = blurred(blurred(area.red, 2.5, 0), 2.5, 1)
    rows = (area.v > SEARCH[0]) & (area.v < SEARCH[1])
    columns = np.abs(area.u) <= SEEN
    inside = np.ix_(rows, columns)
    strength = max(0.02, float(np.percentile(dark[inside], 97)))
    spread = np.percentile(red[inside], 95) - np.median(red[inside])
    red = np.clip((red - np.median(red[inside])) / max(0.04, float(spread)), -1, 1.2)
    away = ((area.v[:, None] - guess) / SPREAD) ** 2
    score = np.clip(dark / strength, -0.3, 1.2) + 0.35 * red - 0.17 * away
    path, margin = _path(score[inside])
    path = path + int(np.argmax(rows))
    line = _fine(area, path + 0.0, columns)
    contrast = float(np.mean(dark[path, np.flatnonzero(columns)]))
    corners = _corners(area, dark / strength, line, columns)
    middle = float(corners[:, 0].mean()) * 0.6
    v = float(np.interp(middle, area.u[columns], line))
    edge, inner = _opening(area, middle, v)
    off = abs(v - guess) / SPREAD
    sure = min(1.0, contrast / 0.05) * min(1.0, 0.35 + margin / 0.25) * min(1.0, 1.6 - 0.4 * off)
    return Lips((middle, edge), corners, inner, float(np.clip(sure, 0, 1)))


def _path(score: np.ndarray) -> tuple[np.ndarray, float]:
    """The best row in each column, at most one row up or down from column to column.

    Also by how much a column of it is better, on average, than of the best path far from it.
    """
    h, w = score.shape
    total, back = score[:, 0].copy(), np.zeros((w, h), int)
    for j in range(1, w):
        ways = np.stack([np.r_[-1e3, total[:-1]] - 0.15, total, np.r_[total[1:], -1e3] - 0.15])
        best = ways.argmax(0)
        back[j] = np.clip(np.arange(h) + best - 1, 0, h - 1)
        total = ways.max(0) + score[:, j]
    at = int(total.argmax())
    far = np.abs(np.arange(h) - at) > 0.14 * GRID
    margin = float(total[at] - total[far].max()) / w if far.any() else 1.0
    path = np.zeros(w, int)
    for j in range(w - 1, -1, -1):
        path[j] = at
        at = back[j][at]
    return path, margin


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
        total = np.r_[0, np.cumsum(there - 0.5)][:-1]
        prior = -0.5 * ((along - MOUTH_HALF) / 0.055) ** 2
        best = int(np.argmax(total * 0.8 + prior))
        ends.append((side * (along[best] - 0.02), v[best]))
    return np.array(ends)


def _opening(area: Patch, u: float, v: float) -> tuple[float, float]:
    """v of the lower inner lip edge and the gap above it: of teeth (pale) and dark, if any."""
    middle = np.abs(area.u - u) < 0.07
    luma, red = area.luma[:, middle].mean(1), area.red[:, middle].mean(1)
    start = area.row(v)
    lip = max(float(red[max(0, start - 3) : start + 1].max()), 0.0)
    teeth = (red < min(lip - 0.12, 0.02)) & (luma > 0.55)
    inside = teeth | (luma < 0.3)
    first = last = start
    while start - first < 0.2 * GRID and inside[first - 1]:
        first -= 1
    gap = 0
    for row in range(start, min(area.row(v + 0.4), len(inside) - 1)):
        gap = 0 if inside[row] else gap + 1
        last = row if inside[row] else last
        if gap > 0.085 * GRID:
            break
    inner = (last + 1 - first) / GRID
    below = luma[last + 2 : last + 6]
    content = luma[start : last + 1][~teeth[start : last + 1]]
    lipped = len(below) > 0 and (
        bool(teeth[start : last + 1].sum() > 0.5 * (last - start))
        or (len(content) > 0 and float(below.max()) > 1.6 * float(content.mean()))
    )
    if inner < OPEN or not lipped:
        return v, 0.0
    return float(area.v[last]) + 0.5 / GRID, inner
