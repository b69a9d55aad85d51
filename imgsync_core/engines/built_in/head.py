"""How the head moves: forward displacements of picture points, one field per kind of motion.

The head is an ellipsoid with a nose, seen from the front. Turning moves a point by its depth; the
motion fades out around the head, so the picture beyond is held.
"""

import numpy as np

from .axes import Axes, Box, around, ramp

REACH = {"side": 1.5, "up": 1.85, "down": 1.6}  # where the motion ends, in radii of the face oval
START = {"side": 1.04, "up": 1.2, "down": 1.0}  # where it begins to fade
DEPTH = 0.95  # of the ellipsoid, in inter-ocular distances
PIVOT = 0.30  # the axis lies this much behind the silhouette
NOSE = 0.20  # how far the nose stands out
KINDS = 8  # fields below


def coefficients(poses: np.ndarray) -> np.ndarray:
    """The weights (t, 8) of the fields, of poses (t, 16)."""
    angles = np.deg2rad(poses[:, 7:10].astype(np.float64))
    turns = np.stack([np.sin(angles), 1 - np.cos(angles)], axis=2).reshape(-1, 6)
    return np.concatenate([turns, poses[:, 10:12]], axis=1)


class Head:
    """The head's fields in the axes of the face; the oval is (u, v, half width, half height)."""

    def __init__(self, axes: Axes, oval: tuple[float, float, float, float], nose, size):
        self.axes, self.oval, self.nose, self.size = axes, oval, nose, size

    def box(self) -> Box:
        """All pixels that may move with the head, inside the picture."""
        u, v, a, b = self.oval
        side, up, down = REACH["side"] * a, REACH["up"] * b, REACH["down"] * b
        return around(self.axes, u - side, u + side, v - up, v + down).clip(*self.size)

    def weight(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """1 on the head, 0 beyond its feathered rim and on the picture's edge."""
        inside = 1.0 - ramp(self._beyond(x, y), 0.0, 1.0)
        edge = np.minimum(np.minimum(x, self.size[0] - 1 - x), np.minimum(y, self.size[1] - 1 - y))
        return inside * ramp(edge / self.axes.unit, 0.0, 0.35)

    def inside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """1 up to where the head's motion has half faded, then falling to 0 with it."""
        return 1.0 - ramp(self._beyond(x, y), 0.5, 1.0)

    def _beyond(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How far into the feathered rim a point lies: 0 at its inner edge, 1 at its outer."""
        u, v = self.axes.to_face(x, y)
        du, dv = (u - self.oval[0]) / self.oval[2], (v - self.oval[1]) / self.oval[3]
        vertical = ramp(dv, -0.6, -1.2) * (dv < 0) - ramp(dv, 0.6, 1.2) * (dv > 0)
        start = START["side"] + _toward(vertical, START)
        stop = REACH["side"] + _toward(vertical, REACH)
        return (np.hypot(du, dv) - start) / (stop - start)

    def fields(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Displacements (8, 2, h, w) in pixels along x, y, of the points x, y (h, w)."""
        u, v = self.axes.to_face(x, y)
        cu, cv, a, b = self.oval
        du, dv = u - cu, v - cv
        round_ = np.clip(1.0 - (du / (1.25 * a)) ** 2 - (dv / (1.3 * b)) ** 2, 0.0, 1.0)
        bump = np.exp(-(((u - self.nose[0]) / 0.2) ** 2) - ((v - self.nose[1]) / 0.28) ** 2)
        z = DEPTH * np.sqrt(round_ + 0.02) + NOSE * bump + PIVOT
        neck = dv - 1.25 * b  # heads tilt about the neck
        zero = np.zeros_like(u)
        along = np.stack([z, -du, zero, zero, -neck, -du, zero + 1, zero])
        across = np.stack([zero, zero, z, -dv, du, -neck, zero, zero + 1])
        return np.stack(self.axes.turn(along, across), axis=1) * self.weight(x, y)


def _toward(vertical: np.ndarray, table: dict[str, float]) -> np.ndarray:
    """What is added to the side's value towards the top (1) and the bottom (-1) of the head."""
    up, down = table["up"] - table["side"], table["down"] - table["side"]
    return np.where(vertical > 0, vertical * up, -vertical * down)
