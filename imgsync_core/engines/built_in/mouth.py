"""How mouth and jaw move: forward displacements, one for what is above the lip line, one below.

Both parts are fields over the whole picture that agree outside the mouth, so they can be told
apart only between the corners, where the lips part.
"""

from dataclasses import dataclass

import numpy as np

from .axes import Axes, luminance, ramp, redness

OPEN = (0.0, 0.12, 0.4, 0.6, 1.0)
# The gap between the lips for these, in inter-ocular distances. It grows evenly at first, but wide
# mouths look less open than they are, and so does a dark slit, unlike one in which teeth show.
TOOTHED = (0.0, 0.03, 0.1, 0.15, 0.29)
DARK = (0.0, 0.052, 0.1, 0.15, 0.29)
MOST = DARK[-1]
UPPER_SHARE = 0.14  # of the gape: the upper lip rises
CHIN_SHARE = 0.82  # of the lower lip's way: the chin follows
NARROW = 0.32  # part of the width lost at round = 1
WIDEN = 0.23  # gained at spread = 1
SINK = 0.35  # of an open mouth's gap is closed by the upper lip
LICK = 0.03  # between the lips while the tongue's tip is up
RELAX = 0.7  # of a smile that goes while its mouth speaks
KINDS = 8  # fields: gape, spread, round, close, tuck, brow, shut, relax


@dataclass(frozen=True)
class Mouth:
    """The mouth in the axes of the face, whose origin is the middle of the lip line."""

    left: tuple[float, float]  # corners of the lip line
    right: tuple[float, float]
    bend: np.ndarray  # the lip line's v at evenly spaced u from corner to corner, (n,)
    top: float  # v of the upper lip's rim in the middle
    bottom: float  # v of the lower lip's rim
    inner: float  # gap between the lips in the picture, above the line; 0 when they are closed
    chin: tuple[float, float]
    jaw: tuple[float, float]  # half width of the face left and right of the mouth's middle

    @property
    def middle(self) -> float:
        """u half way between the corners."""
        return (self.left[0] + self.right[0]) / 2

    @property
    def half(self) -> float:
        """Half the width between the corners."""
        return (self.right[0] - self.left[0]) / 2

    @property
    def smiling(self) -> bool:
        """Whether the picture already shows what lies between the lips."""
        return self.inner > 0.03

    @property
    def raised(self) -> float:
        """How far the corners lie above the middle of the line, as in a smile."""
        low = float(self.line(np.array(self.middle)))
        return float(np.clip(low - np.mean(self.bend[[0, -1]]), 0, 0.3))

    def line(self, u: np.ndarray) -> np.ndarray:
        """v of the line that is cut: where the lips meet, or the lower lip's inner edge."""
        return np.interp(u, np.linspace(self.left[0], self.right[0], len(self.bend)), self.bend)

    def arch(self, u: np.ndarray, power: float, root: float) -> np.ndarray:
        """1 in the middle of the mouth, 0 at and beyond the corners."""
        t = np.abs((u - self.middle) / self.half)
        return np.clip(1.0 - t**power, 0.0, 1.0) ** root


def coefficients(mouth: Mouth, poses: np.ndarray, rests: bool = False) -> np.ndarray:
    """The weights (t, 8) of the fields, of poses (t, 16).

    rests: a pose of zeros is a closed mouth, whatever the picture shows.
    """
    opened, spread, rounded, close, tuck, _, brow = poses[:, :7].T.astype(np.float64)
    wanted = np.interp(opened, OPEN, TOOTHED if mouth.smiling else DARK)
    wanted = np.maximum(wanted, LICK * poses[:, 15]) * (1 - close)
    both = np.maximum(1.0, spread + rounded)
    # a mouth that speaks lets go of what the picture shows, an open smile, and takes its own shape
    speaks = ramp(opened + spread + rounded + close + tuck, 0.0, 0.3)
    speaks = np.ones_like(speaks) if rests else speaks
    shown = mouth.inner if mouth.smiling else 0.0
    gape = np.clip(wanted - shown, 0.0, None) * (speaks if shown else 1.0)
    shut = speaks * np.clip(1.0 - wanted / max(shown, 1e-6), 0.0, 1.0) if shown else 0.0 * wanted
    relax = RELAX * speaks * (1 - spread / both)
    columns = [gape, spread / both, rounded / both, close, tuck, brow, shut, relax]
    return np.stack(columns, axis=1)


def fields(mouth: Mouth, brows: np.ndarray, axes: Axes, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Displacements (2, 8, 2, h, w) in pixels along x, y: of the upper and of the lower part."""
    u, v = axes.to_face(x, y)
    below = v - mouth.line(u)
    common = np.stack(
        [
            _cheeks(mouth, u, v),
            _spread(mouth, u, v),
            _round(mouth, u, v, below),
            np.zeros((2, *u.shape)),
            np.zeros((2, *u.shape)),
            _brow(brows, u, v),
            np.zeros((2, *u.shape)),
            _relax(mouth, u, v),
        ]
    )
    upper, lower = common.copy(), common.copy()
    lower[0, 1] += _jaw(mouth, u, below)
    upper[0, 1] -= UPPER_SHARE * mouth.arch(u, 2.0, 1.3) * ramp(below, -0.27, 0.0)
    _press(mouth, u, below, upper, lower)
    _shut(mouth, u, below, upper, lower)
    parts = np.stack([upper, lower])
    return np.stack(axes.turn(parts[:, :, 0], parts[:, :, 1]), axis=2)


def _cheeks(mouth: Mouth, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Corners and cheeks go inwards (2, h, w) for a gape of 1."""
    along = (v - 0.2) / np.where(v < 0.2, 0.28, 0.4)
    near = np.exp(-(((u - mouth.middle) / 0.55) ** 2) - along**2)
    return np.stack([-0.7 * (u - mouth.middle) * near, np.zeros_like(u)])


def _jaw(mouth: Mouth, u: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The lower part's way down (h, w) for a gape of 1: lip, chin, jaw line, then neck."""
    depth = max(mouth.chin[1], 2.2 * mouth.bottom, 0.25)  # lip line to chin
    down = np.clip(below / depth, 0.0, None)
    lip = mouth.arch(u, 2.0, 1.15)
    axis = mouth.middle + (mouth.chin[0] - mouth.middle) * np.clip(down, 0.0, 1.0)
    side = np.where(u < axis, mouth.jaw[0], mouth.jaw[1])
    jaw = CHIN_SHARE * (1.0 - ramp(np.abs(u - axis) / side, 0.22, 1.12))
    blend = ramp(down, 0.0, 0.85)
    way = (lip * (1 - blend) + jaw * blend) * (1.0 - ramp(down, 1.0, 2.0))
    return (1 - UPPER_SHARE) * way


def _about(mouth: Mouth, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """1 over the whole mouth, falling to 0 in the cheeks, at the nose and on the chin."""
    across = np.clip(np.abs(u - mouth.middle) - 0.8 * mouth.half, 0.0, None) / 0.30
    along = np.where(v < 0, (v - mouth.top) / 0.17, (v - mouth.bottom) / 0.26)
    return np.exp(-(across**2) - np.clip(along * np.sign(v), 0.0, None) ** 2)


def _spread(mouth: Mouth, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Corners apart and a little up."""
    side = (u - mouth.middle) / mouth.half
    about = _about(mouth, u, v)
    lift = np.clip(side**2, 0.0, 1.0) - 0.25
    return np.stack([WIDEN * mouth.half * np.tanh(1.2 * side) / 0.834, -0.022 * lift]) * about


def _round(mouth: Mouth, u: np.ndarray, v: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Corners together; the lips thicken as they come forward."""
    side = (u - mouth.middle) / mouth.half
    thick = 0.16 * below * np.exp(-((below / 0.2) ** 2)) * mouth.arch(u, 4.0, 1.0)
    narrow = -NARROW * mouth.half * np.sin(np.clip(side, -1.57, 1.57)) / 0.841
    flat = -0.3 * (mouth.line(u) - mouth.line(np.array(mouth.middle)))  # a smile goes
    return np.stack([narrow, thick + flat]) * _about(mouth, u, v)


def _relax(mouth: Mouth, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A smile gone: raised corners come down, and a wide open one is narrowed (2, h, w)."""
    side = (u - mouth.middle) / mouth.half
    raised = mouth.raised
    down = raised * np.clip(np.abs(side), 0.0, 1.0) ** 2
    wide = np.clip(0.12 * raised / 0.08 + 0.5 * mouth.inner, 0.0, 0.14)
    narrow = -wide * mouth.half * np.sin(np.clip(side, -1.57, 1.57))
    return np.stack([narrow, down]) * _about(mouth, u, v)


def _shut(mouth: Mouth, u: np.ndarray, below: np.ndarray, upper, lower) -> None:
    """Fill in shut (6): the gap of an open mouth closes.

    The lower lip comes up over the teeth, and the upper one down to meet it by a third.
    """
    if not mouth.smiling:
        return
    gap = mouth.inner * mouth.arch(u, 2.0, 0.8)
    thick = max(mouth.bottom, 0.06)
    depth = max(mouth.chin[1], 2.2 * mouth.bottom, 0.25)
    lower[6, 1] = -gap * (1 - SINK) * (1.0 - ramp(below / depth, 0.2, 1.5))
    edge = below + gap  # below the upper lip's inner edge
    over = ramp(edge, -1.6 * thick - 0.12, -0.02)
    upper[6, 1] = gap * SINK * over * (1.0 - 0.7 * ramp(edge / np.maximum(gap, 1e-3), 0.0, 1.0))


def _press(mouth: Mouth, u: np.ndarray, below: np.ndarray, upper, lower) -> None:
    """Fill in close (3) and tuck (4): lips thin towards the line, the lower one under the teeth."""
    lips = mouth.arch(u, 4.0, 1.0)
    thin_up = 0.34 * below * np.exp(-((below / (1.6 * max(-mouth.top, 0.05))) ** 2))
    thick = max(mouth.bottom, 0.06)
    thin_down = 0.30 * below * np.exp(-((below / (1.6 * thick)) ** 2))
    upper[3, 1] = -thin_up * lips
    lower[3, 1] = -thin_down * lips
    roll = (1.0 - ramp(below / thick, 0.3, 2.4)) * mouth.arch(u, 2.0, 0.7)
    lower[4, 1] = -0.25 * thick * roll - 1.5 * thin_down * lips
    upper[4, 1] = -0.018 * lips * ramp(below, -0.25, 0.0)


def _brow(brows: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Both brows up; brows (2, 2) are their middles in the axes of the face."""
    lift = np.zeros_like(u)
    for cu, cv in brows:
        across = np.exp(-(((u - cu) / 0.46) ** 4))
        along = np.exp(-(((v - cv) / np.where(v < cv, 0.34, 0.16)) ** 2))
        lift = np.maximum(lift, across * along)
    return np.stack([np.zeros_like(u), -0.06 * lift])


def lip_line(seen, axes: Axes, left, right, opened: bool) -> np.ndarray:
    """The lip line's v (33,) from corner to corner: a parabola, drawn to what is near it.

    That is the dark line of closed lips, or the edge of the lower lip below teeth or the dark.
    `seen(x, y)` gives the picture's RGB, 0..255; the corners are in the axes of the face.
    """
    s = np.linspace(-1.0, 1.0, 33)
    u = left[0] + (right[0] - left[0]) * (s + 1) / 2
    chord = left[1] + (right[1] - left[1]) * (s + 1) / 2
    middle = (left[0] + right[0]) / 2
    at_origin = np.clip((0.0 - middle) / max((right[0] - left[0]) / 2, 1e-3), -0.6, 0.6)
    sag = -np.interp(at_origin, s, chord) / (1 - at_origin**2)  # so that it passes the origin
    rest = chord + np.clip(sag, -0.4, 0.4) * (1 - s**2)
    offsets = np.linspace(-0.05, 0.05, 41)
    reach = 0.018
    three = [seen(*axes.to_picture(u, rest + offsets[:, None] + d)) for d in (-reach, 0.0, reach)]
    if opened:  # redder below the edge than above it
        red = [redness(p) for p in three]
        step = np.clip(red[2] - red[0], 0, 0.5) / 0.5
    else:
        sample = [luminance(p) for p in three]
        step = np.clip(sample[0] + sample[2] - 2 * sample[1], 0, 60) / 60.0  # (41, 33)
    if np.median(step.max(axis=0)) < 0.06:
        return rest
    score = step / max(float(np.percentile(step, 98)), 1e-3)
    score -= 0.5 * (offsets[:, None] / 0.05) ** 2
    path = _cheapest(score, 0.9)
    bend = np.convolve(np.pad(offsets[path], 2, mode="edge"), [0.1, 0.2, 0.4, 0.2, 0.1], "valid")
    return rest + bend * np.clip((1 - np.abs(s)) * 6, 0.0, 1.0)


def _cheapest(score: np.ndarray, stiff: float) -> np.ndarray:
    """The row (w,) in each column of a score (h, w) along the best smooth path."""
    rows = np.arange(len(score))
    cost = stiff * (0.25 * (rows[:, None] - rows)) ** 2
    best, came = score[:, 0], []
    for column in score.T[1:]:
        total = best[None] - cost
        came.append(total.argmax(axis=1))
        best = total.max(axis=1) + column
    path = [int(best.argmax())]
    for step in reversed(came):
        path.append(int(step[path[-1]]))
    return np.array(path[::-1])
