"""The two inner edges of the lips: which pair of arcs between the corners explains the mouth best.

Between the corners of a mouth both edges are close to parabolas, so the picture is straightened: s
runs down, the same s everywhere on such an arc, and means along the arcs are what is looked at. A
closed mouth is one dark arc with red on both sides; an open one has teeth or dark between two arcs.
Each pair of arcs gets a weighted sum of such signs; the differences of the sums are log odds. The
weights were fitted by maximum likelihood to photographs (100 of them, half of them open mouths),
once as they are and once without their colours.
"""

from dataclasses import dataclass

import numpy as np

GRID = 48  # px to one IOD, of the patch and of s
ACROSS = np.linspace(
    -0.62, 0.62, 17
)  # of half the width of the mouth: where the arcs are looked at
ROWS = np.arange(-24, 33)  # of s
GAPS = np.array([0, *range(3, 20)])  # px between the edges; 0: closed
MARGIN = 8  # rows without which an edge cannot be judged
COLOURLESS, COLOURED = 0.12, 0.22  # spread of redness

WEIGHTS = np.array(  # with colour, without
    [
        (1.09, 2.06),  # closed: dark line
        (1.18, 0.00),  # lips redder than the skin
        (-1.11, 0.04),  # open: an edge below
        (1.98, 0.00),  # open: the lower lip redder than inside, at the edge
        (-0.21, -1.77),  # open
        (-0.24, -0.50),  # open: wide
        (0.15, 0.32),  # open: of usual width
        (0.18, 0.22),  # at the usual place
        (-1.51, -0.18),  # lips darker than the skin
        (1.42, 0.00),  # closed: line redder than the skin
        (0.81, 0.00),  # open: both lips redder than inside
        (0.85, 0.00),  # open: inside less red than the skin
        (0.08, 0.99),  # open: inside brighter than the skin
        (0.08, 0.37),  # open: inside black
        (1.55, 2.22),  # closed: line dark all along
        (2.42, 2.69),  # open: an edge dark all along
        (1.28, 0.00),  # upper lip red all along
        (0.37, 0.48),  # below a nose
        (2.03, 0.00),  # open: both edges red
        (-0.11, 0.70),  # open: brighter below the upper edge
        (-2.98, -0.07),  # open: brighter above the lower edge
        (1.16, 2.74),  # open: both edges dark
        (1.39, 2.39),  # open: inside white
        (1.47, 1.21),  # a wide mouth
    ]
)


@dataclass(frozen=True)
class Straight:
    """The mouth straightened: a row for each arc, (rows, columns)."""

    v: np.ndarray  # (rows,) of the arc's middle, IOD
    log: np.ndarray  # log luma
    red: np.ndarray
    dark: np.ndarray  # how much darker than above and below


@dataclass(frozen=True)
class Rims:
    """All pairs of edges, (n,): v of both at the middle of the mouth, and the log odds."""

    upper: np.ndarray
    lower: np.ndarray
    score: np.ndarray

    def best(self) -> tuple[float, float, float]:
        """v of the upper and the lower edge to parts of a row, and the score."""
        k = int(self.score.argmax())
        gap = self.lower - self.upper
        same = np.flatnonzero(np.abs(gap - gap[k]) < 0.5 / GRID)
        i = int(np.flatnonzero(same == k)[0])
        part = 0.0
        if 0 < i < len(same) - 1:
            before, here, after = self.score[same[i - 1 : i + 2]]
            part = 0.5 * (before - after) / min(before + after - 2 * here, -1e-6)
            part = float(np.clip(part, -0.5, 0.5))
        shift = part / GRID
        return float(self.upper[k]) + shift, float(self.lower[k]) + shift, float(self.score[k])


def straightened(
    maps: np.ndarray, start: tuple[float, float], corners: np.ndarray, v: float
) -> Straight:
    """maps: (3, h, w) log luma, redness, darkness on the grid that starts at (u, v) = start;
    corners: (2, 2) of the mouth; v: of its middle."""
    (left, left_v), (right, right_v) = corners
    half = max((right - left) / 2, 0.15)
    bend = 1 - ACROSS**2
    middles = ROWS / GRID + v
    chord = left_v + (right_v - left_v) * (ACROSS + 1) / 2
    down = chord + (middles[:, None] - (left_v + right_v) / 2) * bend
    x = ((left + right) / 2 + ACROSS * half - start[0]) * GRID
    x = np.broadcast_to(np.clip(x, 0, maps.shape[2] - 1.001), down.shape)
    y = np.clip((down - start[1]) * GRID, 0, maps.shape[1] - 1.001)
    i, j = y.astype(int), x.astype(int)
    fy, fx = y - i, x - j
    rows = [maps[:, i + k, j] * (1 - fx) + maps[:, i + k, j + 1] * fx for k in (0, 1)]
    return Straight(middles, *(rows[0] * (1 - fy) + rows[1] * fy))


def rims(mouth: Straight, guess: float, half: float, nose: np.ndarray) -> Rims:
    """The log odds of all pairs of edges.

    guess: v where a mouth is expected; half: half its width; nose: (rows,) how much there looks
    like nostrils at the right distance above each row
    """
    n = len(mouth.v)
    upper, gap = (a.ravel() for a in np.meshgrid(np.arange(5, n - MARGIN), GAPS, indexing="ij"))
    inside = upper + gap < n - MARGIN
    upper, gap = upper[inside], gap[inside]
    signs = _signs(mouth, upper, gap)
    place = (mouth.v[upper] + mouth.v[upper + gap]) / 2 - guess - 0.05
    signs[:, 7] = -(np.clip(place / 0.1, -3, 3) ** 2)
    signs[:, 17] = nose[upper]
    signs[:, 23] = (half - 0.44) / 0.1
    spread = float(np.subtract(*np.percentile(mouth.red, (95, 5))))
    colour = float(np.clip((spread - COLOURLESS) / (COLOURED - COLOURLESS), 0, 1))
    score = signs @ (WEIGHTS @ np.array([colour, 1 - colour]))
    return Rims(mouth.v[upper], mouth.v[upper + gap], score)


def _signs(mouth: Straight, i: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """(n, 24) signs of a mouth whose inner edges are rows i and i + gap."""
    j = i + gap
    opened = gap > 0
    closed = ~opened
    log, red, dark = (part.mean(1) for part in (mouth.log, mouth.red, mouth.dark))
    steady = np.percentile(mouth.dark, 30, axis=1)  # not only here and there, as nostrils are
    reddish = np.percentile(mouth.red, 25, axis=1)
    of_log, of_red = _Means(log), _Means(red)
    upper, lower = of_red(i - 4, i), of_red(j + 1, j + 7)
    lips = (upper + lower) / 2
    lips_log = (of_log(i - 4, i - 1) + of_log(j + 1, j + 6)) / 2
    skin = (of_red(i - 11, i - 6) + of_red(j + 9, j + 14)) / 2
    skin_log = (of_log(i - 11, i - 6) + of_log(j + 9, j + 14)) / 2
    between, between_log = of_red(i + 1, j), of_log(i + 1, j)
    red_edges = of_red(i - 2, i) - of_red(i + 1, i + 3), of_red(j + 1, j + 3) - of_red(j - 2, j)
    wide = gap / GRID - 0.14
    none = np.zeros(len(i))
    return np.stack(
        [
            closed * _held(dark[i], 0.16) / 0.08,
            _held(lips - skin, 0.3) / 0.1,
            opened * _held(np.abs(of_log(j + 1, j + 3) - of_log(j - 2, j)), 0.6) / 0.2,
            opened * _held(red_edges[1], 0.3) / 0.1,
            opened * 1.0,
            opened * wide / 0.06,
            opened * -((wide / 0.06) ** 2),
            none,  # the place, see rims
            _held(skin_log - lips_log, 0.5) / 0.2,
            closed * _held(red[i] - skin, 0.3) / 0.1,
            opened * _held(np.minimum(upper, lower) - between, 0.4) / 0.1,
            opened * _held(skin - between, 0.3) / 0.1,
            opened * np.clip(between_log - skin_log, 0, 0.6) / 0.2,
            opened * np.clip(-1 - between_log, 0, 1) / 0.3,
            closed * _held(steady[i], 0.15) / 0.08,
            opened * _held(np.maximum(steady[i], steady[j]), 0.15) / 0.08,
            _held(reddish[i - 2] - skin, 0.3) / 0.1,
            none,  # the nose
            opened * _held(np.minimum(*red_edges), 0.3) / 0.1,
            opened * _held(of_log(i + 1, i + 4) - of_log(i - 3, i), 0.8) / 0.2,
            opened * _held(of_log(j - 3, j) - of_log(j + 1, j + 4), 0.8) / 0.2,
            opened * _held(np.minimum(dark[i], dark[j]), 0.3) / 0.08,
            opened * np.clip(between_log, 0, 0.5) / 0.2,
            none,  # the width
        ],
        1,
    )


def _held(values: np.ndarray, limit: float) -> np.ndarray:
    return np.clip(values, -limit, limit)


class _Means:
    """Means of the rows [start, stop) of a profile."""

    def __init__(self, values: np.ndarray) -> None:
        self._total = np.r_[0.0, np.cumsum(values)]

    def __call__(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        last = len(self._total) - 1
        start, stop = np.clip(start, 0, last), np.clip(stop, 0, last)
        return (self._total[stop] - self._total[start]) / np.maximum(stop - start, 1)
