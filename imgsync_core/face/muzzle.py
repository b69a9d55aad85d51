"""The line between the corners of a mouth that somebody gave: an animal's, a drawing's, a thing's.

Nothing is known of such a mouth but that it is darker than what is above and below it. It is an arc
from corner to corner (a parabola); the darkest one near the straight line is taken, and the
straight line where no arc is dark all along.
"""

import math

import numpy as np

from .pixels import blurred, grey, reduced, sampled

WIDE = 64  # px between the corners at which the line is looked for
ACROSS = np.linspace(-0.6, 0.6, 17)  # of half the width: where the arcs are looked at
REACH = 0.3  # of the width; so far up and down the middle may be from the straight line
SPREAD = 0.16  # standard deviation of that
SIGMA = 1.6  # px; of the line's thickness
DARK = 0.03  # natural log units; a fainter line is none


def line_between(rgb: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """The middle of the dark line between two corners, (2, 2) px, of uint8 (h, w, 3); (2,) px."""
    across = corners[1] - corners[0]
    width = float(np.hypot(*across))
    middle = corners.mean(0)
    left, top = (max(0, math.floor(v)) for v in middle - 0.9 * width)
    right, bottom = (math.ceil(v) + 1 for v in middle + 0.9 * width)
    crop = rgb[top:bottom, left:right]
    if min(crop.shape[:2], default=0) < 2:
        return middle
    image, factor = reduced(crop, max(2, round(max(crop.shape[:2]) * WIDE / width)))
    log = np.log(grey(image) + 12)
    rows = np.arange(-round(REACH * WIDE) - 6, round(REACH * WIDE) + 7) / WIDE
    down = np.array([-across[1], across[0]])
    points = (
        middle
        + (ACROSS / 2)[:, None] * across
        + (rows[:, None, None] * (1 - ACROSS**2)[:, None]) * down
    )
    x, y = ((points - [left, top]) / factor - 0.5).transpose(2, 0, 1)
    soft = blurred(sampled(log, x, y), SIGMA, 0)
    dark = np.zeros_like(soft)
    dark[3:-3] = np.minimum(soft[6:], soft[:-6]) - soft[3:-3]
    steady = np.percentile(dark, 35, axis=1)
    inside = np.abs(rows) <= REACH
    score = np.where(inside & (steady > DARK), steady, 0) * np.exp(-0.5 * (rows / SPREAD) ** 2)
    return middle + (rows[int(score.argmax())] if score.any() else 0.0) * down
