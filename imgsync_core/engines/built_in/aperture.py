"""Where an eye is open: the two arcs of its lids, fitted to the picture, and the skin around it.

Everything is looked at in a patch of a fixed number of pixels to half an eye, so the same picture
at another size gives the same answer. The skin around the eye is a smooth surface of light and
colour, fitted so that lashes, brows, frames and hair do not count. A pair of arcs gets a weighted
sum of signs (unlike skin inside, like skin outside, a dark line along the upper lid, ...), whose
differences are log odds. The weights were fitted by maximum likelihood to 88 eyes of photographs,
paintings and drawings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...face.pixels import shrunk
from .axes import Axes, around, bilinear, luminance

PX = 20  # pixels of the patch to half an eye
WIDE, HIGH, DEEP = 2.2, 1.7, 1.6  # half width of the patch, and how far it reaches up and down
LIGHT, COLOUR = 0.35, 0.15  # log steps of light and of colour that set a pixel apart from skin
POWER = 0.6  # of the arcs, 1 - t^2 to this

LOW = np.array([-0.55, -0.5, 0.7, 0.12, 0.06, -0.28])  # of cu, cv, half, up, down, tilt
HIGHEST = np.array([0.55, 0.5, 1.45, 0.95, 0.75, 0.28])
START = np.array([0.0, 0.03, 1.0, 0.44, 0.26, 0.0])
SPREAD = np.array([0.2, 0.16, 0.15, 0.16, 0.12, 0.08])
_T = np.linspace(-0.9, 0.9, 13)
_BOW = (1 - _T**2) ** POWER
_ABOVE, _INSIDE, _BELOW = (-0.22, -0.12, -0.05), (0.12, 0.35, 0.6, 0.85), (0.05, 0.12, 0.22)


@dataclass(frozen=True)
class Skin:
    """The skin around an eye: log light and two log colours, (6, 3), quadratic in u and v."""

    surface: np.ndarray

    @classmethod
    def around(cls, pixels: np.ndarray, u: np.ndarray, v: np.ndarray) -> Skin:
        """Of pixels (h, w, 3) at u, v (h, w), robust against what is no skin."""
        terms, values = _terms(u, v).reshape(-1, 6), _logs(pixels).reshape(-1, 3)
        far = np.hypot(u, v / 0.62).ravel()
        usable = ((far > 1.05) & (far < 2.2)) * np.where(v.ravel() < -0.9, 0.3, 1.0)
        stiff = np.diag([1e-6, 0.5, 0.5, 2.0, 2.0, 2.0])
        weight, surface = usable, np.zeros((6, 3))
        for _ in range(8):
            weighted = (terms * weight[:, None]).T
            surface = np.linalg.solve(weighted @ terms + stiff, weighted @ values)
            off = values - surface_at(terms, surface)
            light = np.where(off[:, 0] < 0, off[:, 0] / 0.16, off[:, 0] / 0.22)
            weight = usable / (1 + light**2 + (off[:, 1:] ** 2).sum(1) / 0.09**2) ** 1.5
        return cls(surface)

    def off(self, pixels: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """How pixels (h, w, 3) differ from it: log light and two log colours, (h, w, 3)."""
        return _logs(pixels) - surface_at(_terms(u, v), self.surface)


def surface_at(terms: np.ndarray, surface: np.ndarray) -> np.ndarray:
    """A quadratic surface (6, c) at places given by their terms (..., 6)."""
    return terms @ surface


def unlike(off: np.ndarray) -> np.ndarray:
    """0 for skin .. 1 for anything else, of differences (..., 3) from it."""
    distance = (off[..., 0] / LIGHT) ** 2 + (off[..., 1:] ** 2).sum(-1) / COLOUR**2
    return 1.0 - np.exp(-0.5 * distance)


def _terms(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(u), u, v, u * u, v * v, u * v], -1)


def _logs(pixels: np.ndarray) -> np.ndarray:
    """Log light, red over green and blue over green, of values 0..255."""
    q = np.log(pixels + 12.0)
    light = np.log(luminance(pixels) + 12.0)
    return np.stack([light, q[..., 0] - q[..., 1], q[..., 2] - q[..., 1]], -1)


@dataclass(frozen=True)
class Patch:
    """An eye's surroundings at PX pixels to half an eye; u right, v down in halves of an eye."""

    pixels: np.ndarray  # (h, w, 3), 0..255
    u: np.ndarray  # (h, w)
    v: np.ndarray

    @classmethod
    def of(cls, picture: np.ndarray, axes: Axes) -> Patch:
        """Around the origin of `axes`, whose unit is half an eye; each pixel is an area's mean."""
        us = np.arange(-WIDE * PX, WIDE * PX + 1) / PX
        vs = np.arange(-HIGH * PX, DEEP * PX + 1) / PX
        u, v = np.meshgrid(us, vs)
        box = around(axes, -3, 3, -3, 3).clip(picture.shape[1], picture.shape[0])
        crop = picture[box.top : box.bottom, box.left : box.right].astype(np.float32)
        scale = max(axes.unit / PX, 1.0)
        h, w = (max(1, round(n / scale)) for n in crop.shape[:2])
        small = shrunk(crop, h, w)
        x, y = axes.to_picture(u, v)
        x = (x - box.left + 0.5) * (w / crop.shape[1]) - 0.5
        y = (y - box.top + 0.5) * (h / crop.shape[0]) - 0.5
        return cls(bilinear(small, x, y), u, v)

    def at(self, values: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Values (h, w, c) of the patch at u, v (...): (..., c)."""
        return bilinear(values, (u + WIDE) * PX, (v + HIGH) * PX)


@dataclass(frozen=True)
class Aperture:
    """The opening of an eye in its axes, in halves of an average eye."""

    cu: float
    cv: float
    half: float  # half its width
    up: float  # height of the upper arc over the line between the corners
    down: float
    tilt: float  # slope of that line

    def wider(self, by: float) -> Aperture:
        """Larger at every side."""
        return replace(self, half=self.half + by, up=self.up + by, down=self.down + by)

    def along(self, u):
        """-1 at the left corner .. 1 at the right one, of u (numpy or torch)."""
        return (u - self.cu) / self.half

    def arcs(self, u):
        """v of the upper and of the lower lid at u (numpy or torch); level beyond the corners."""
        t = self.along(u).clip(-1.0, 1.0)
        bow = (1.0 - t * t) ** POWER
        middle = self.cv + self.tilt * self.half * t
        return middle - self.up * bow, middle + self.down * bow


def _signs(patch: Patch, off: np.ndarray, apart: np.ndarray, c: np.ndarray) -> np.ndarray:
    """The signs (n, 19) of candidates (n, 6): what speaks for each pair of arcs."""
    cu, cv, half, up, down, tilt = (c[:, i : i + 1] for i in range(6))
    u, middle = cu + half * _T, cv + tilt * half * _T
    a, b = middle - up * _BOW, middle + down * _BOW
    rows = [a + o for o in _ABOVE] + [a + (b - a) * s for s in _INSIDE] + [b + o for o in _BELOW]
    v = np.stack(rows, 1)
    seen = patch.at(np.dstack([off, apart]), np.broadcast_to(u[:, None], v.shape), v)
    light, unskin = np.clip(seen[..., 0], -1.2, 1.2), seen[..., 3]
    colour = np.hypot(*np.clip(np.moveaxis(seen[..., 1:3], -1, 0), -1.2, 1.2))
    mid, left, right = slice(4, 9), slice(0, 3), slice(10, 13)
    core = light[:, 4:6]
    white = np.minimum(core[:, :, left].mean((1, 2)), core[:, :, right].mean((1, 2)))
    ends = np.concatenate([cu + half * k for k in (-1.12, -0.8, 0.8, 1.12)], 1)
    ends_v = np.concatenate([cv + tilt * half * k for k in (-1.12, -0.8, 0.8, 1.12)], 1)
    corner = patch.at(apart[..., None], ends, ends_v)[..., 0]
    return np.stack(
        [
            unskin[:, 3:7].mean((1, 2)),
            unskin[:, :2].mean((1, 2)),
            unskin[:, 7].mean(1),
            unskin[:, 8].mean(1),
            unskin[:, 9].mean(1),
            light[:, 2].mean(1),
            (light[:, 0] - light[:, 2]).mean(1),
            (light[:, 8] - light[:, 6])[:, mid].mean(1),
            (colour[:, 6] - colour[:, 8]).mean(1),
            (unskin[:, 3] - unskin[:, 1]).mean(1),
            white - core[:, :, mid].mean((1, 2)),
            corner[:, 1:3].mean(1) - corner[:, ::3].mean(1),
            c[:, 0] ** 2,
            (c[:, 1] - 0.04) ** 2,
            (c[:, 2] - 1.02) ** 2,
            (c[:, 3] - 0.46) ** 2,
            (c[:, 4] - 0.24) ** 2,
            c[:, 5] ** 2,
            (c[:, 3] - 1.9 * c[:, 4]) ** 2,
        ],
        1,
    )


# In the order of `_signs`; the bounds of size are held loosely, for drawings.
EVIDENCE = (2.38, 0.38, -1.5, 0.21, -0.55, -1.43, 0.51, 0.84, 2.17, 1.58, 0.33, -0.09)
USUAL = (-3.8, -13.0, -9.0, -7.0, -8.0, 0.0, -1.2)
WEIGHTS = np.array([*EVIDENCE, *USUAL])


def fit(patch: Patch, skin: Skin) -> Aperture:
    """The arcs that explain the patch best: a coarse search of fixed places, then finer ones."""
    off = skin.off(patch.pixels, patch.u, patch.v)
    apart = unlike(off)
    rng = np.random.default_rng(1)

    def near(places: np.ndarray, each: int, size: float) -> np.ndarray:
        moved = np.repeat(places, each, 0) + size * SPREAD * rng.normal(
            size=(len(places) * each, 6)
        )
        return np.clip(np.concatenate([places, moved]), LOW, HIGHEST)

    found = near(START[None], 500, 1.3)
    for best, each, size in ((24, 12, 0.5), (12, 14, 0.3), (6, 20, 0.15), (4, 24, 0.07), (8, 0, 0)):
        score = _signs(patch, off, apart, found) @ WEIGHTS
        order = np.argsort(-score)[:best]
        score = score[order]
        found = near(found[order], each, size) if each else found[order]
    share = np.exp(score - score[0])
    shape = Aperture(*(found * share[:, None]).sum(0) / share.sum())
    return _grown(patch, off, shape)


def _grown(patch: Patch, off: np.ndarray, shape: Aperture) -> Aperture:
    """The arcs moved out over what is like the iris: large eyes of drawings."""

    def seen(part: float, across: float) -> np.ndarray:
        u = shape.cu + shape.half * np.linspace(-across, across, 13)
        top, bottom = shape.arcs(u)
        if part == 0.0:
            v = top + (bottom - top) * np.linspace(0.3, 0.7, 5)[:, None]
        else:
            v = bottom + 0.08 if part > 0 else top - 0.08
        return patch.at(off, *np.broadcast_arrays(u, v))

    inner = seen(0.0, 0.3).reshape(-1, 3)
    dark = 0.6 * min(float(np.percentile(inner[:, 0], 30)), -0.4)
    usual = np.median(inner, axis=0)
    coloured = float(np.hypot(*usual[1:])) > 0.3

    def iris() -> float:
        pixels = seen(-1.0, 0.3).reshape(-1, 3)
        if coloured:  # black above a coloured iris is a painted lid
            apart = (pixels - usual) / [0.6, 0.3, 0.3]
            return float(((apart**2).sum(1) < 1).mean())
        return float((pixels[:, 0] < dark).mean())

    for _ in range(8):
        if iris() >= 0.6:
            shape = replace(shape, up=shape.up + 0.05)
        if (unlike(seen(1.0, 0.5)) > 0.6).mean() >= 0.75:
            shape = replace(shape, down=shape.down + 0.05)
    return shape


def openness(patch: Patch, skin: Skin, shape: Aperture) -> float:
    """Log odds that an eye is open: an iris, darker than the white on both sides and than below.

    Weights by logistic regression on 98 open eyes, the same closed, and 150 places of skin.
    """
    off = skin.off(patch.pixels, patch.u, patch.v)
    u = shape.cu + shape.half * np.linspace(-0.85, 0.85, 35)
    top, bottom = shape.arcs(u)
    rows = top + (bottom - top) * np.linspace(0.12, 0.88, 9)[:, None]
    seen = patch.at(off, np.broadcast_to(u, rows.shape), rows)
    column = seen[..., 0].mean(0)
    k = 8 + int(np.argmin(np.convolve(column, np.ones(5) / 5, "same")[8:27]))
    iris = slice(k - 2, k + 3)
    core = column[iris].mean()
    white = [np.sort(side)[-3:].mean() - core for side in (column[: k - 3], column[k + 4 :])]
    light = seen[:, iris, 0].mean(1)
    under = patch.at(off, u[iris], bottom[iris] + 0.2)[:, 0].mean()
    over = patch.at(off, u[iris], top[iris] - 0.25)[:, 0].mean()
    signs = [
        (min(white), 3.93),
        (max(white), 0.89),
        (under - core, -1.41),
        (over - core, -0.28),
        (unlike(seen).mean(), 3.71),
        (under - np.sort(light)[-3], 2.87),
        (np.hypot(seen[..., 1], seen[..., 2]).mean(), 2.97),
        (shape.up + shape.down, 1.68),
    ]
    return sum(weight * float(np.clip(sign, -1.0, 1.5)) for sign, weight in signs) - 6.24
