"""How the head moves: forward displacements of picture points, one field per kind of motion.

A turning head is a surface in front of the axis it turns about: a point moves by its height over
that axis, so the nose moves most and the outline, ears and crown stay where they are. That is what
tells a turn from a slide, and it leaves the background alone. Tilts and shifts move the whole head;
neck and shoulders carry a share of everything, which fades slowly, so that lines behind them stay
straight, and to nothing at the edge of the picture.
"""

import numpy as np

from .axes import Axes, Box, around, ramp

REACH = {"side": 1.65, "up": 1.85, "down": 1.75}  # where the motion ends, in radii of the face oval
START = {"side": 1.05, "up": 1.15, "down": 1.0}  # where it begins to fade
# Heights of the surface over the axis through the ears, in inter-ocular distances. A turn is read
# from how unevenly the two halves of a face narrow, so the surface that yaws is round from ear to
# ear and the one that nods is round from crown to neck. In a picture no far cheek hides and no near
# one shows, so heights are 1.7 times those of a real head for as large a turn to be seen.
HEIGHT = 1.85
NOD = 1.9
FULL = 0.2  # how much fuller that one is towards its sides, lest brows and lids bow in anger
MID = 0.39  # a usual face: its nose lies so far above its mouth; in a longer one a nod shows less
LONG = 1.5  # so its surface is higher by this power
NOSE = 0.45
EVEN = 0.31  # higher at the eyes than at the mouth by this, lest a turn be read as a tilt
BACK = 0.35  # the outline's depth behind the axis: hair and ears go the other way
OUTLINE = 1.18  # half width of the head with its ears, in half widths of the face oval
BOW = 1.4  # where the surface that nods meets its axis, in half heights of the face oval
CROWN = 1.75  # where the surface meets the axis above, in half heights of the face oval
BODY = 0.12  # height of the shoulders: what they carry of a turn
LEAN = 0.35  # of the head's tilt and shift that neck and shoulders carry
LOW = 0.1  # of a tilt is turned back: pictured heads nod a little, so a tilt looks like a turn
KINDS = 8  # fields below


def coefficients(poses: np.ndarray, tilt: float) -> np.ndarray:
    """The weights (t, 8) of the fields, of poses (t, 16).

    Angles of poses are what a viewer sees, to the side and down in the picture; fields turn about
    the face's own axes, which are tilted in it by so many radians.
    """
    angles = np.deg2rad(poses[:, 7:10].astype(np.float64))
    yaw, pitch, roll = angles.T
    c, s = np.cos(tilt), np.sin(tilt)
    angles = np.stack([c * yaw + s * pitch + LOW * roll, c * pitch - s * yaw, roll], axis=1)
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
        inside = (1.0 - ramp(self._beyond(x, y), 0.0, 1.0)) ** 1.5
        edge = np.minimum(np.minimum(x, self.size[0] - 1 - x), np.minimum(y, self.size[1] - 1 - y))
        return inside * ramp(edge / self.axes.unit, 0.0, 0.5)

    def inside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """1 on the face and well beyond its chin, falling to 0 beyond the head."""
        return 1.0 - ramp(self._beyond(x, y), 0.25, 0.7)

    def _beyond(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How far into the feathered rim a point lies: 0 at its inner edge, 1 at its outer."""
        u, v = self.axes.to_face(x, y)
        du, dv = (u - self.oval[0]) / self.oval[2], (v - self.oval[1]) / self.oval[3]
        vertical = ramp(dv, -0.6, -1.2) * (dv < 0) - ramp(dv, 0.6, 1.2) * (dv > 0)
        start = START["side"] + _toward(vertical, START)
        stop = REACH["side"] + _toward(vertical, REACH)
        return (np.hypot(du, dv) - start) / (stop - start)

    def heights(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far points stand in front of the axis that the head yaws about, and nods about."""
        cu, cv, a, b = self.oval
        du, dv = (u - cu) / (OUTLINE * a), (v - cv) / b
        across = np.clip(1.0 - du**2, 0.0, 1.0)
        above = np.clip(1.0 - (np.clip(-dv, 0.0, None) / CROWN) ** 4, 0.0, 1.0)
        below = 1.0 - ramp(dv, 0.95, 1.75)
        nose = NOSE * np.exp(-(((u - self.nose[0]) / 0.2) ** 2) - ((v - self.nose[1]) / 0.28) ** 2)
        yaws = HEIGHT * across * above * below * (1.0 - EVEN * dv) + nose - BACK * below
        upright = np.clip(1.0 - (dv / BOW) ** 2, 0.0, 1.0)
        long = np.clip(-self.nose[1] / MID, 0.8, 1.4) ** LONG
        nods = long * (NOD * upright * across * (1.0 + FULL * (1.0 - across)) + 1.2 * nose)
        body = BODY * ramp(dv, 0.95, 1.75)
        return yaws + body, nods + body

    def fields(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Displacements (8, 2, h, w) in pixels along x, y, of the points x, y (h, w)."""
        u, v = self.axes.to_face(x, y)
        cu, cv, _, b = self.oval
        du, dv = u - cu, v - cv
        yaws, nods = self.heights(u, v)
        front = np.clip(nods, 0.0, None)
        near = front / (front + 0.25)  # the narrowing of a turn; the outline takes no part in it
        share = 1.0 - (1.0 - LEAN) * ramp(dv / b, 0.85, 1.7)
        neck = np.minimum(dv - 0.7 * b, 0.0)  # heads tilt about the neck, which itself stays
        zero = np.zeros_like(u)
        along = np.stack([yaws, -du * near, zero, zero, -neck, -du * share, share, zero])
        across = np.stack([zero, zero, nods, -dv * near, du * share, -neck, zero, share])
        return np.stack(self.axes.turn(along, across), axis=1) * self.weight(x, y)


def _toward(vertical: np.ndarray, table: dict[str, float]) -> np.ndarray:
    """What is added to the side's value towards the top (1) and the bottom (-1) of the head."""
    up, down = table["up"] - table["side"], table["down"] - table["side"]
    return np.where(vertical > 0, vertical * up, -vertical * down)
