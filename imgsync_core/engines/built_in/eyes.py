"""Eyelids and gaze: an eye's pixels at each moment, drawn into the picture before the head turns.

The upper lid is the picture's own skin from between brow and lid, drawn down; the eye and its
lashes are filled in below it as a membrane between the skins of both lids. The lashes of the
picture travel with the lid's edge. What is no skin and no eye (brows, hair, frames) lies in front:
it is neither moved nor covered.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...face.geometry import EYE_HALF as HALF
from .aperture import PX, Patch, Skin, fit, openness, unlike
from .axes import Axes, Box, around, luminance, ramp
from .membrane import membrane

BOX = (-2.0, 2.0, -1.5, 1.35)  # the pixels kept: left, right, top, bottom, in half eye widths
SHUT = 0.78  # where the lids meet, from the upper (0) to the lower one (1)
REACH = 0.75  # the skin drawn down begins so far above the upper lid
LASHES = (0.34, 0.16)  # how far lashes reach above the upper lid and below the lower one
OBSTACLE = 0.55  # so unlike skin is what lies in front of the eye
BALL = 0.88  # radius of the eyeball, in half eye widths
FOLLOW = 1.0  # of the opening, times the sine of the angle down: how the lid follows the eye
OPEN = -1.2  # log odds from which on an eye counts as open


class Eye:
    """One eye of a picture: where it is, whether it can blink, and its layers."""

    def __init__(self, picture: np.ndarray, axes: Axes, box: Box):
        """`picture` is uint8 (h, w, 3); the unit of `axes` is half an average eye."""
        self.axes, self.box = axes, box
        self._last: tuple[tuple[float, ...], Tensor] | None = None
        patch = Patch.of(picture, axes)
        skin = Skin.around(patch.pixels, patch.u, patch.v)
        self.aperture = fit(patch, skin).wider(0.05)
        self.odds = openness(patch, skin, self.aperture)
        self.blinks = self.odds > OPEN
        if self.blinks:
            crop = picture[box.top : box.bottom, box.left : box.right].astype(np.float64)
            self._layers(crop, skin)

    def _layers(self, crop: np.ndarray, skin: Skin) -> None:
        """Everything that does not change with the pose, at the picture's pixels."""
        u, v = self.axes.to_face(*self.box.grid())
        shape = self.aperture
        top, bottom = shape.arcs(u)
        t = shape.along(u)
        off = skin.off(crop, u, v)
        front = _front(unlike(off), off[..., 0], v, top, bottom, t)
        soft = max(0.05, 1.0 / self.axes.unit)
        eye = _window(v, top, bottom, t, 0.02, 0.02, 1.0)
        rims = _window(v, top, bottom, t, 0.10, 0.06, 1.02)
        thin = _thin(off[..., 0], eye > 0.5, self.axes.unit)
        thin = np.clip(thin - 1.5 * np.median(thin), 0.0, None)  # grain and wrinkles are no lashes
        lashes = _window(v, top, bottom, t, *LASHES, 1.16) * ramp(thin, 0.04, 0.14)
        matter = np.maximum(rims, lashes * (1.0 - front))
        # what lies in front must not be drawn along, so behind it skin is filled in as well
        hidden = np.maximum(matter, front)
        known = (1.0 - hidden) * (1.0 - 0.85 * ramp(thin, 0.05, 0.25)) + 1e-6
        bare = membrane(crop, known, max(1.0, self.axes.unit / PX))
        plate = crop + hidden[..., None] * (bare - crop)
        low = crop + (hidden * ramp(v, bottom + 0.22, bottom + 0.06))[..., None] * (bare - crop)
        dark = np.clip((luminance(crop) + 6.0) / (luminance(plate) + 6.0), 0.12, 1.0)
        band = ramp(v, top - LASHES[0], top - 0.6 * LASHES[0]) * ramp(v, top + 0.12, top + 0.04)
        line = 1.0 - (1.0 - dark) * band * ramp(np.abs(t), 1.18, 1.0) * (1.0 - front)
        least = np.exp(-(((v - top) / 0.07) ** 2)) * ramp(np.abs(t), 1.02, 0.75)
        line = np.minimum(line, 1.0 - 0.65 * least)
        layers = np.concatenate([plate, low, crop], 2).transpose(2, 0, 1) + 0.5
        self.layers, self.line = _put(layers)[None], _put(line)[None, None]
        self.u, self.v, self.t, self.top, self.bottom = map(_put, (u, v, t, top, bottom))
        self.free = _put((1.0 - front) * ramp(np.abs(t), 1.24, 1.04))
        self.inside = _put(eye)
        within = ramp(np.minimum(v - top, bottom - v), 0.0, 2 * soft) * eye
        self.within = _put(within)
        self.soft = soft
        self.turn = (math.cos(self.axes.roll), math.sin(self.axes.roll))

    def to(self, device: torch.device) -> Eye:
        """This eye with its tensors on a device."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(device))
        return self

    @property
    def still(self) -> Tensor:
        """The box's pixels (3, h, w) of the picture, half a level up as all layers are."""
        return self.layers[0, 6:]

    def drawn(self, blink: float, squint: float, gaze: tuple[float, float]) -> Tensor:
        """As `draw`; eyes rest on things, so what was drawn last is kept."""
        asked = (blink, squint, *gaze)
        if self._last is None or self._last[0] != asked:
            self._last = asked, self.draw(blink, squint, gaze)
        return self._last[1]

    def draw(self, blink: float, squint: float, gaze: tuple[float, float]) -> Tensor:
        """The box's pixels (3, h, w) with the lids so far closed and the eye turned by degrees."""
        top, bottom, v = self.top, self.bottom, self.v
        shut = top + SHUT * (bottom - top)
        follow = FOLLOW * math.sin(
            math.radians(max(gaze[1], 0.0))
        )  # the lid goes down with the eye
        upper = 1.0 - (1.0 - blink) * (1.0 - 0.10 * squint) * (1.0 - follow)
        lower = _ease((blink - 0.2) / 0.8)
        edge = torch.lerp(top, shut, upper)
        rim = torch.lerp(bottom, shut, max(lower, 0.0))
        rim = torch.minimum(rim, bottom - 0.38 * squint * (bottom - top))
        gone = edge - top
        # the skin over the edge is spread from what lies between its reach and the open lid
        part = ((v - top + REACH) / (REACH + gone)).clip(0, 1)
        power = (1 + gone / REACH).clip(max=2.0)
        above = top - REACH * (1 - part) ** power
        below = v + (bottom - rim) * (1 - (v - rim) / 0.5).clip(0, 1) ** 2
        over = v < edge
        source = torch.where(
            over, torch.where(v > top - REACH, above, v), torch.where(v > rim, below, v)
        )
        seen = self._take(self.layers[:, :6], source - v)
        start, begin = _ease(upper / 0.15), _ease(max(lower, squint) / 0.15)
        cast = torch.exp(-((v - edge).clip(min=0) / 0.2)) * self.inside
        result = self._ball(gaze) * (1.0 - 0.22 * start * cast)
        low_on = ((v - rim) / self.soft + 0.5).clip(0, 1) * (begin * self.free)
        lid_on = ((edge - v) / self.soft + 0.5).clip(0, 1) * (start * self.free)
        result = torch.lerp(result, seen[3:], low_on)
        result = torch.lerp(result, seen[:3], lid_on)
        return result * torch.lerp(torch.ones_like(v), self._lash(edge, upper), start * self.free)

    def _ball(self, gaze: tuple[float, float]) -> Tensor:
        """The eye behind its lids (3, h, w), turned: the iris moves, the white is stretched."""
        still = self.layers[0, 6:]
        if gaze == (0.0, 0.0):
            return still
        across, down = (BALL * math.sin(math.radians(angle)) for angle in gaze)
        reach = self.aperture.half
        across = across * (1.0 - (self.t.abs().clip(0.3, 1.0) - 0.3) / 0.7) ** 1.2
        v = self.v - down
        slack = min(0.06, abs(down) + float(across.abs().max())) * (self.bottom - self.top)
        v = torch.maximum(torch.minimum(v, self.bottom - slack), self.top + slack)
        turned = self._take(self.layers[:, 6:], v - self.v, -across.clip(-0.8 * reach, 0.8 * reach))
        return torch.lerp(still, turned, self.within)

    def _lash(self, edge: Tensor, upper: float) -> Tensor:
        """How the lashes darken what is below them, 0..1 (h, w)."""
        turn = 1.0 - 1.6 * upper
        turn = turn if abs(turn) > 0.3 else (0.3 if turn > 0 else -0.3)
        source = self.top + (self.v - edge) / turn
        return self._take(self.line, source - self.v)[0]

    def _take(self, image: Tensor, down: Tensor, right: Tensor | float = 0.0) -> Tensor:
        """An image (1, c, h, w) of the box, read so many half eyes further on: (c, h, w)."""
        h, w = down.shape
        c, s = self.turn
        x = torch.arange(w, device=down.device) + self.axes.unit * (c * right - s * down)
        y = torch.arange(h, device=down.device)[:, None] + self.axes.unit * (s * right + c * down)
        grid = torch.stack([x * (2.0 / (w - 1)) - 1.0, y * (2.0 / (h - 1)) - 1.0], -1)[None]
        return functional.grid_sample(image, grid, padding_mode="border", align_corners=True)[0]


def _put(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).float()


def _window(v, top, bottom, t, above: float, below: float, side: float) -> np.ndarray:
    """1 on the eye and so far around it, softly 0 beyond, (h, w)."""
    inside = ramp(v, top - above - 0.08, top - above) * ramp(
        v, bottom + below + 0.08, bottom + below
    )
    return inside * ramp(np.abs(t), side + 0.12, side)


def _thin(light: np.ndarray, eye: np.ndarray, unit: float) -> np.ndarray:
    """By how many log steps thin things are darker than what is around them (h, w).

    A closing of the light, which takes away what is dark and narrow; the eye does not count.
    """
    size = 2 * max(2, round(0.15 * unit)) + 1
    grid = torch.from_numpy(np.where(eye, -9.0, light))[None, None]
    wide = functional.max_pool2d(grid, size, 1, size // 2)
    wide = torch.where(wide < -8.0, 9.0, wide)
    closed = -functional.max_pool2d(-wide, size, 1, size // 2)[0, 0].numpy()
    return _spread(np.where(closed > 8.0, 0.0, closed - light), round(0.03 * unit))


def _front(apart: np.ndarray, light: np.ndarray, v, top, bottom, t) -> np.ndarray:
    """What lies in front of the eye, 0..1 (h, w): no skin, and it reaches far from the lids.

    Close to the lids only what is as dark as frames and hair counts, not shade and paint.
    """
    far = (v < top - 0.55) | (v > bottom + 0.5)
    near = (v > top - 0.45) & (v < bottom + 0.3) & (np.abs(t) < 1.3)
    never = (v > top - 0.14) & (v < bottom + 0.08) & (np.abs(t) < 1.06)
    apart = _spread(apart, 1)
    solid = ramp(apart, OBSTACLE - 0.15, OBSTACLE + 0.1)
    solid = np.where(near, solid * ramp(-light, 0.6, 0.9), solid)
    allowed = torch.from_numpy(np.where(never, 0.0, solid)).float()[None, None]
    reached = allowed * torch.from_numpy(far.astype(np.float32))
    for _ in range(max(solid.shape)):
        wider = torch.minimum(functional.max_pool2d(reached, 3, 1, 1), allowed)
        if float((wider - reached).abs().max()) < 0.05:
            break
        reached = wider
    return reached[0, 0].numpy().astype(np.float64)


def _spread(values: np.ndarray, px: int) -> np.ndarray:
    """Values (h, w) at their largest within px pixels, softened."""
    size = 2 * max(px, 1) + 1
    grid = torch.from_numpy(values)[None, None]
    wide = functional.max_pool2d(grid, size, 1, size // 2)
    return functional.avg_pool2d(wide, size, 1, size // 2, count_include_pad=False)[0, 0].numpy()


def _ease(t: float) -> float:
    """Smoothly 0 to 1 over 0..1."""
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)


def place(size: tuple[int, int], centre, iod: float, roll: float) -> tuple[Axes, Box]:
    """The axes of the eye at `centre` (2,) and its box in a picture of size (width, height)."""
    axes = Axes((float(centre[0]), float(centre[1])), HALF * iod, roll)
    return axes, around(axes, *BOX).clip(*size)


def eye(picture: np.ndarray, centre, iod: float, roll: float) -> Eye | None:
    """The eye at `centre` (2,) of a picture (h, w, 3) whose eyes lie `iod` pixels apart.

    None when it lies outside the picture or is too small to be drawn.
    """
    axes, box = place((picture.shape[1], picture.shape[0]), centre, iod, roll)
    if axes.unit < 2.5 or box.empty:
        return None
    return Eye(picture, axes, box)
