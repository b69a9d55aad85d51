"""The two inner edges of the lips: which pair of arcs between the corners explains the mouth best.

Between the corners of a mouth both edges are close to parabolas, so the picture is straightened: s
runs down, the same s everywhere on such an arc, and means along the arcs are what is looked at. A
closed mouth is one dark arc with red on both sides; an open one has teeth or dark between two arcs.
Each pair of arcs gets a weighted sum of such signs; the differences of the sums are log odds. The
weights, 27 with colour and 27 without, were fitted by maximum likelihood to 90 photographs with
MediaPipe's lips as the truth, half of them open mouths, and to a statue.
"""

from dataclasses import dataclass

import numpy as np

GRID = 48  # px to one IOD, of the patch and of s
ACROSS = np.linspace(-0.62, 0.62, 17)  # of half the mouth's width: where the arcs are looked at
ROWS = np.arange(-24, 33)  # of s
GAPS = np.array([0, *range(3, 20)])  # px between the edges; 0: closed
MARGIN = 8  # rows without which an edge cannot be judged
COLOURLESS, COLOURED = 0.12, 0.22  # spread of redness

WEIGHTS = np.array(  # with colour, without
    [
        (0.79, 1.39),  # closed: dark line
        (1.13, 0.00),  # lips redder than the skin
        (-1.56, 0.24),  # open: an edge below
        (2.23, 0.00),  # open: the lower lip redder than inside, at the edge
        (-0.42, -3.41),  # open; without colour it is less: old photographs and statues seldom smile
        (-0.40, -0.33),  # open: wide
        (0.03, 0.27),  # open: of usual width
        (0.18, 0.15),  # at the usual place
        (-0.89, -0.39),  # lips darker than the skin
        (1.07, 0.00),  # closed: line redder than the skin
        (0.74, 0.00),  # open: both lips redder than inside
        (0.97, 0.00),  # open: inside less red than the skin
        (0.10, 0.63),  # open: inside brighter than the skin
        (0.07, 0.82),  # open: inside black
        (0.82, 1.69),  # closed: line dark all along
        (1.68, 0.97),  # open: an edge dark all along
        (1.37, 0.00),  # upper lip red all along
        (0.35, 0.26),  # below a nose
        (2.08, 0.00),  # open: both edges red
        (-0.13, 0.08),  # open: brighter below the upper edge
        (-3.26, 0.05),  # open: brighter above the lower edge
        (1.01, 2.87),  # open: a thin line all along both edges
        (1.48, 2.22),  # open: inside white
        (1.28, 0.70),  # a wide mouth
        (1.62, 1.93),  # closed: a thin line all along
        (0.91, 2.20),  # open: a thin line all along an edge
        (0.61, 1.52),  # open: a wide mouth
    ]
)


@dataclass(frozen=True)
class Straight:
    """The mouth straightened: a row for each arc, (rows, columns)."""

    v: np.ndarray  # (rows,) of the arc's middle, IOD
    log: np.ndarray  # log luma
    red: np.ndarray
    dark: np.ndarray  # how much darker than above and below
    sharp: np.ndarray  # the same of thin lines only


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
    """maps: (4, h, w) the parts of a Straight on the grid that starts at (u, v) = start;
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
    signs[:, 26] = (gap > 0) * (half - 0.44) / 0.1
    spread = float(np.subtract(*np.percentile(mouth.red, (95, 5))))
    colour = float(np.clip((spread - COLOURLESS) / (COLOURED - COLOURLESS), 0, 1))
    score = signs @ (WEIGHTS @ np.array([colour, 1 - colour]))
    return Rims(mouth.v[upper], mouth.v[upper + gap], score)


def _signs(mouth: Straight, i: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """(n, 27) signs of a mouth whose inner edges are rows i and i + gap."""
    j = i + gap
    opened = gap > 0
    closed = ~opened
    log, red, dark = (part.mean(1) for part in (mouth.log, mouth.red, mouth.dark))
    steady = np.percentile(mouth.dark, 30, axis=1)  # not only here and there, as nostrils are
    thin = np.percentile(mouth.sharp, 40, axis=1)
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
            opened * _held(np.minimum(thin[i], thin[j]), 0.1) / 0.04,
            opened * np.clip(between_log, 0, 0.5) / 0.2,
            none,  # the width
            closed * _held(thin[i], 0.1) / 0.04,
            opened * _held(np.maximum(thin[i], thin[j]), 0.1) / 0.04,
            none,  # the width of an open mouth
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
