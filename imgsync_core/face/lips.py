"""Where the lips are and where they meet, below a pair of eyes.

A small net (net.py) says how likely each place is for the corners, rims and inner edges of the
lips, in axes that are aligned with the eyes; unit: the distance between them (IOD). With its
corners, all pairs of inner edges around its line are judged by what is seen along them (rims.py);
what both together find likeliest is taken. How much the net agrees, and how much less likely all
lines elsewhere are, says how sure that is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .geometry import Frame
from .net import Belief, load, places, seen, together
from .pixels import LUMA, blurred, sampled
from .rims import GRID, Rims, rims, straightened

HALF = 0.66  # of the patch's width
TOP, BOTTOM = 0.4, 1.75  # of the patch, IOD below the eyes
SIGNS, NET = 0.5, 4.0  # weights of what is seen along the edges and of what the net says
CLOSED = 0.7  # log odds of a closed mouth
ELSEWHERE = 0.08  # IOD; a line so far off cuts the lip grotesquely
REACH = 0.06  # IOD; belief so near a line speaks for it
EYES = 0.03  # IOD; usual spread of the belief in where the eyes are
# Log odds that the line is within .04 and the eyes within .08 IOD of a face mesh's: for the odds of
# what the net says near both edges, the margin to lines elsewhere, the spread of the eyes, how far
# the mouth is aside (a face seen from the side), and in general. Fitted by maximum likelihood to
# 744 views of faces that the nets were not fitted to, two thirds of them blurred, small, turned.
CONFIDENCE = np.array([0.84, 0.098, -10.3, -3.7, -0.62])
MARGINS = (-4.0, 12.0)  # log odds; more says no more
LOWER, UPPER = (0.0, 0.35), (-0.02, 0.3)  # IOD; thickness that lips can have
IMPOSSIBLE = 0.2  # confidence at most, in a mouth without such lips
NARROW = 0.06  # IOD; half the width of the narrowest mouth
THIN = 0.02  # IOD; of a lip that is only a line
LOOKS = ((1.0, 0.0), (1.06, -0.05), (0.94, 0.05))  # see believed
KEPT, STEP = 3.0, 0.05  # log odds for lips that stay where they were; IOD they move in a frame


@dataclass(frozen=True)
class Lips:
    """In IOD, u across from the middle of the eyes and v down."""

    line: tuple[float, float]  # where the lips meet at the middle (open: the lower inner edge)
    corners: np.ndarray  # (2, 2) left, right
    inner: float
    upper: float  # thickness of the upper lip at the middle
    lower: float
    confidence: float


@dataclass(frozen=True)
class Patch:
    """The mouth region, sampled upright in units of the inter-ocular distance."""

    u: np.ndarray  # (w,) IOD
    v: np.ndarray  # (h,)
    log: np.ndarray  # (h, w) log luma
    luma: np.ndarray  # (h, w) of the skin's
    red: np.ndarray  # (h, w) redness beyond the skin's


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


def believed(
    image: np.ndarray, frame: Frame, looks: Sequence[tuple[float, float]] = LOOKS
) -> dict[str, Belief]:
    """What the net says of the mouth of a face in a picture; frame: of its eyes.

    looks: how much larger and lower what it looks at is than usual, each time; what is said of the
    mouth only from one distance is not believed as much
    """
    net = load("mouth")
    u, v = places(net.patch)
    found = []
    for size, moved in looks:
        once = net(seen(image, net.patch, frame.out(u * size, v * size + moved)))
        found.append(
            {name: b.resized(size, moved if name[0] == "v" else 0.0) for name, b in once.items()}
        )
    return {name: together([once[name] for once in found]) for name in found[0]}


def find_lips(
    image: np.ndarray, frame: Frame, last: "Lips | None" = None, eyes: float = EYES
) -> Lips:
    """The lips of a face in a picture; frame: of its eyes.

    last: the lips of the frame before, in a clip; the new ones are not far from them, unless the
    picture says so clearly.   eyes: the spread of the belief in where the eyes are, in IOD
    """
    belief = believed(image, frame, LOOKS if last is None else LOOKS[:1])
    corners = np.array(
        [[belief[f"{axis} of {side} corner"].mean for axis in "uv"] for side in ("left", "right")]
    )
    corners[:, 0] += np.array([-1, 1]) * max(0.0, NARROW - (corners[1, 0] - corners[0, 0]) / 2)
    found = _rims(patch(image, frame), corners, belief, last)
    upper, lower, score = found.best()
    elsewhere = np.abs(found.lower - lower) > ELSEWHERE
    margin = score - float(found.score[elsewhere].max())
    top, bottom = belief["v of top"].mean, belief["v of bottom"].mean
    aside = abs(float(corners[:, 0].mean()))
    near = _odds(belief["v of lower"].near(lower, REACH))
    near += _odds(belief["v of upper"].near(upper, REACH))
    signs = np.array([near, np.clip(margin, *MARGINS), eyes, aside, 1.0])
    sure = float(1 / (1 + np.exp(-signs @ CONFIDENCE)))
    if not (LOWER[0] < bottom - lower < LOWER[1] and UPPER[0] < upper - top < UPPER[1]):
        sure = min(sure, IMPOSSIBLE)
    return Lips(
        line=(belief["u of middle"].mean, lower),
        corners=corners,
        inner=lower - upper,
        upper=max(THIN, upper - top),
        lower=max(THIN, bottom - lower),
        confidence=sure,
    )


def _odds(share: float) -> float:
    """The logarithm of the odds, of a share between 2 and 98 %."""
    share = float(np.clip(share, 0.02, 0.98))
    return math.log(share / (1 - share))


def _rims(area: Patch, corners: np.ndarray, belief: dict[str, Belief], last: Lips | None) -> Rims:
    """How likely which inner edges are, with these corners."""
    dark = np.maximum(ridge(area.log, 1.3), ridge(area.log, 2.2) * 0.8)
    upper, lower = belief["v of upper"], belief["v of lower"]
    v = (upper.mean + lower.mean) / 2
    start = float(area.u[0]), float(area.v[0])
    mouth = straightened(np.stack([area.log, area.red, dark]), start, corners, v)
    half = float(corners[1, 0] - corners[0, 0]) / 2
    middle = float(corners[:, 0].mean())
    found = rims(mouth, v - 0.05, half, _nose(area, dark, middle, mouth.v))
    score = SIGNS * found.score + NET * (upper.log(found.upper) + lower.log(found.lower))
    score += CLOSED * (found.lower - found.upper < 0.5 / GRID)
    if last is not None:
        low = last.line[1]
        steps = (found.lower - low) ** 2 + (found.upper - low + last.inner) ** 2
        score -= KEPT * np.minimum(steps / (2 * STEP**2), 1)
    return Rims(found.upper, found.lower, score)


def _nose(area: Patch, dark: np.ndarray, middle: float, v: np.ndarray) -> np.ndarray:
    """How much there looks like two nostrils above a mouth at each of these v."""
    sides = [np.abs(area.u - 0.5 * middle - side) < 0.06 for side in (-0.13, 0.13)]
    both = np.minimum(*(dark[:, columns].max(1) for columns in sides))
    rows = ((v - area.v[0]) * GRID).round().astype(int)[:, None] + np.arange(-20, -9)
    there = both[np.clip(rows, 0, len(both) - 1)] * ((rows >= 0) & (rows < len(both)))
    return np.clip(there.max(1), 0, 0.3) / 0.1
