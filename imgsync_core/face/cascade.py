"""A Viola-Jones cascade in numpy: which 20 px windows of a picture, at any scale, look like a face.

The numbers are OpenCV's (`cascades.npz`, see NOTICE and convert.py). A stage sums the outcomes of
small trees over Haar features; a window that falls short of the stage's limit is dropped. The first
stages look at every window through integral images; for the few windows that are left, the pixels
are gathered once and each stage is one matrix product.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .pixels import product, shrunk

SIDE = 20  # px of the window
AREA = (SIDE - 2) ** 2  # the contrast is taken without the window's border
FLAT = AREA * 10  # a window with a standard deviation under 10 is flat: not looked at
EARLY = 6  # stages that use integral images


@dataclass(frozen=True)
class Cascade:
    """The numbers of one boosted cascade of Haar-like features (Viola and Jones 2001)."""

    filters: np.ndarray  # (400 pixels, nodes) float32; node 2t and 2t+1 belong to tree t
    corners: tuple[tuple[tuple[int, int, int], ...], ...]  # of a node: (dx, dy, weight)
    thresholds: np.ndarray  # (nodes,) in units of the window's contrast
    leaves: np.ndarray  # (trees, 4) the tree's vote when (first, second node) are over: 00 01 10 11
    ends: tuple[int, ...]  # one past the last tree of each stage
    limits: tuple[float, ...]


@cache
def load(name: str) -> Cascade:
    """The cascade called "face"."""
    with np.load(Path(__file__).with_name("cascades.npz")) as file:
        data = {key: file[f"{name}_{key}"] for key in CASCADE_KEYS}
    nodes = data["features"].reshape(-1)
    n = int(data["ends"][EARLY - 1]) * 2
    return Cascade(
        filters=_filters(data["rects"], data["weights"])[:, nodes],
        corners=tuple(_corners(data["rects"][i], data["weights"][i]) for i in nodes[:n]),
        thresholds=data["thresholds"].reshape(-1),
        leaves=data["leaves"],
        ends=tuple(data["ends"].tolist()),
        limits=tuple(data["limits"].tolist()),
    )


CASCADE_KEYS = ("rects", "weights", "features", "thresholds", "leaves", "ends", "limits")


def _filters(rects: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each feature as a picture of weights, float32 (400, features)."""
    filters = np.zeros((len(rects), SIDE, SIDE), np.float32)
    for image, rows, factors in zip(filters, rects.tolist(), weights.tolist(), strict=True):
        for (x, y, w, h), factor in zip(rows, factors, strict=True):
            image[y : y + h, x : x + w] += factor
    return np.ascontiguousarray(filters.reshape(len(rects), -1).T)


def _corners(rects: np.ndarray, weights: np.ndarray) -> tuple[tuple[int, int, int], ...]:
    total: dict[tuple[int, int], int] = {}
    for (x, y, w, h), factor in zip(rects.tolist(), weights.tolist(), strict=True):
        for point, sign in (((x, y), 1), ((x + w, y), -1), ((x, y + h), -1), ((x + w, y + h), 1)):
            total[point] = total.get(point, 0) + sign * round(factor)
    return tuple((x, y, weight) for (x, y), weight in total.items() if weight)


@dataclass(frozen=True)
class Windows:
    """Square windows in one picture: what passed a cascade, or what goes into its next stage."""

    x: np.ndarray  # left, px of the level
    y: np.ndarray
    level: np.ndarray  # index into the levels
    contrast: np.ndarray  # area times standard deviation
    score: np.ndarray  # the last stage's sum

    def kept(self, which: np.ndarray, score: np.ndarray | None = None) -> "Windows":
        old = self.score if score is None else score
        return Windows(*(v[which] for v in (self.x, self.y, self.level, self.contrast, old)))


def detect(
    image: np.ndarray, cascade: Cascade, smallest: float, largest: float, step: float = 1.1
) -> tuple[np.ndarray, np.ndarray]:
    """The windows of a grey picture that pass all stages.

    image: float32 (h, w) of 0..255; smallest, largest: side of a window in px
    Returns boxes float64 (n, 3): x, y, side in px of the image; and scores (n,).
    """
    scales = _scales(image.shape[:2], smallest, largest, step)
    if not scales:
        return np.zeros((0, 3)), np.zeros(0)
    levels = _levels(image, scales)
    windows = _joined([_first(level, cascade, i, scales[i]) for i, level in enumerate(levels)])
    for stage in range(1, EARLY):
        windows = _early(windows, levels, cascade, stage)
    windows = _late(windows, [level.pixels for level in levels], cascade)
    factor = np.array(scales)[windows.level]
    return np.stack([windows.x * factor, windows.y * factor, SIDE * factor], 1), windows.score


def _joined(parts: Sequence[Windows]) -> Windows:
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Windows(*(np.concatenate(column) for column in columns))


def _scales(shape: Sequence[int], smallest: float, largest: float, step: float) -> list[float]:
    scale, found = max(1.0, smallest / SIDE), []
    while scale * SIDE <= min(largest, *shape[:2]):
        found.append(scale)
        scale *= step
    return found


@dataclass(frozen=True)
class Level:
    """The picture at one size, with its integral images."""

    pixels: np.ndarray  # uint8 (h, w)
    sums: np.ndarray  # int32 (h + 1, w + 1), sum of all pixels above and to the left
    squares: np.ndarray  # float64, the same of the squares
    table: np.ndarray  # the table all levels' sums are rows of
    row: int  # where this level's begin


def _levels(image: np.ndarray, scales: Sequence[float]) -> list[Level]:
    """The picture in all sizes, their integral images one below the other in one table."""
    sizes = [[max(SIDE, round(n / scale)) for n in image.shape] for scale in scales]
    table = np.zeros((sum(h + 1 for h, _ in sizes), max(w for _, w in sizes) + 1), np.int32)
    found: list[Level] = []
    row, source = 0, image
    for h, w in sizes:
        small = shrunk(source, h, w)
        if source.shape[0] > 2.4 * h:
            source = small
        pixels = (small + 0.5).astype(np.uint8)
        sums, squares = table[row : row + h + 1, : w + 1], np.zeros((h + 1, w + 1))
        np.cumsum(np.cumsum(pixels, 1, np.int32), 0, out=sums[1:, 1:])
        wide = pixels.astype(np.float64)
        np.cumsum(np.cumsum(wide * wide, 1), 0, out=squares[1:, 1:])
        found.append(Level(pixels, sums, squares, table, row))
        row += h + 1
    return found


def _first(level: Level, cascade: Cascade, index: int, scale: float) -> Windows:
    """All windows of a level that pass the first stage; every second one where pixels are small."""
    by = 1 if scale >= 2 else 2
    rows, columns = (n - SIDE + 1 for n in level.pixels.shape)

    def at(table: np.ndarray, x: int, y: int) -> np.ndarray:
        return table[y : y + rows : by, x : x + columns : by]

    def inner(table: np.ndarray) -> np.ndarray:
        low, high = 1, SIDE - 1
        return (
            at(table, high, high)
            - at(table, low, high)
            - at(table, high, low)
            + at(table, low, low)
        )

    total = inner(level.sums).astype(np.float64)
    contrast = np.sqrt(np.maximum(AREA * inner(level.squares) - total * total, 0))
    over = [
        sum(weight * at(level.sums, x, y) for x, y, weight in corners) >= contrast * threshold
        for corners, threshold in zip(
            cascade.corners[: 2 * cascade.ends[0]], cascade.thresholds, strict=False
        )
    ]
    score = _votes(cascade.leaves[: cascade.ends[0]], over)
    y, x = np.nonzero((score >= cascade.limits[0]) & (contrast > FLAT))
    return Windows(x * by, y * by, np.full(len(x), index), contrast[y, x], score[y, x])


def _votes(leaves: np.ndarray, over: Sequence[np.ndarray]) -> np.ndarray:
    """The sum over trees; over: for node 2t and 2t + 1, whether it is at least its threshold."""
    return np.asarray(
        sum(leaf[over[2 * t] * np.int8(2) + over[2 * t + 1]] for t, leaf in enumerate(leaves))
    )


def _early(windows: Windows, levels: Sequence[Level], cascade: Cascade, stage: int) -> Windows:
    """One stage over many windows through the integral images."""
    first, last = cascade.ends[stage - 1], cascade.ends[stage]
    flat, stride = levels[0].table.ravel(), levels[0].table.shape[1]
    base = (windows.y + np.array([level.row for level in levels])[windows.level]) * stride
    base += windows.x
    over = []
    for node in range(2 * first, 2 * last):
        value = sum(
            weight * flat[y * stride + x :].take(base) for x, y, weight in cascade.corners[node]
        )
        over.append(value >= windows.contrast * cascade.thresholds[node])
    score = _votes(cascade.leaves[first:last], over)
    return windows.kept(score >= cascade.limits[stage], score)


def _late(windows: Windows, levels: Sequence[np.ndarray], cascade: Cascade) -> Windows:
    """The other stages, each a matrix product over the pixels of the windows that are left."""
    pixels = np.zeros((len(windows.x), SIDE * SIDE), np.float32)
    inside = (np.arange(SIDE)[:, None], np.arange(SIDE)[None])
    for index, level in enumerate(levels):
        here = windows.level == index
        y, x = windows.y[here, None, None], windows.x[here, None, None]
        pixels[here] = level[y + inside[0], x + inside[1]].reshape(-1, SIDE * SIDE)
    for first, last, limit in zip(
        cascade.ends[EARLY - 1 :], cascade.ends[EARLY:], cascade.limits[EARLY:], strict=False
    ):
        values = product(pixels, cascade.filters[:, 2 * first : 2 * last])
        over = values >= windows.contrast[:, None] * cascade.thresholds[2 * first : 2 * last]
        which = over[:, ::2] * np.int8(2) + over[:, 1::2]
        score = np.take_along_axis(cascade.leaves[first:last], which.T, 1).sum(0)
        passed = score >= limit
        windows, pixels = windows.kept(passed, score), pixels[passed]
    return windows


def grouped(
    boxes: np.ndarray, scores: np.ndarray, neighbours: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Similar boxes (n, 3) averaged; groups of fewer than `neighbours` + 1 are dropped.

    Returns boxes (m, 3), the best score of each group (m,) and its number of members (m,).
    """
    label = np.arange(len(boxes))
    x, y, side = boxes.T if len(boxes) else np.zeros((3, 0))
    near = 0.2 * np.minimum(side[:, None], side[None])
    alike = np.abs(x[:, None] - x) <= near
    alike &= np.abs(y[:, None] - y) <= near
    alike &= np.abs((x + side)[:, None] - (x + side)) <= near
    alike &= np.abs((y + side)[:, None] - (y + side)) <= near
    while len(label):
        lower = np.where(alike, label[None], len(label)).min(1)
        if (lower == label).all():
            break
        label = lower
    _, label, count = np.unique(label, return_inverse=True, return_counts=True)
    mean = np.stack([np.bincount(label, column) for column in (x, y, side)], 1) / count[:, None]
    best = np.full(len(count), -np.inf)
    np.maximum.at(best, label, scores)
    enough = count > neighbours
    return mean[enough], best[enough], count[enough]
