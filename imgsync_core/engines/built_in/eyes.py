"""Eyelids and gaze: an eye's pixels at each moment, drawn into the picture before the head turns.

The upper lid is the picture's own skin from between brow and lid, drawn down; the eye and its
lashes are filled in below it as a membrane between the skins of both lids. The lashes of the
picture travel with the lid's edge. What is no skin and no eye (brows, hair, frames) lies in front:
it is neither moved nor covered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...face.geometry import EYE_HALF as HALF
from .aperture import PX, Patch, Skin, fit, openness, unlike
from .axes import Axes, Box, around, luminance, ramp
from .membrane import membrane, widened
from .warping import sample

BOX = (-2.0, 2.0, -1.5, 1.35)  # the pixels kept: left, right, top, bottom, in half eye widths
SHUT = 0.82  # where the lids meet, from the upper (0) to the lower one (1)
REACH = 0.75  # the skin drawn down begins so far above the upper lid
LASHES = (0.40, 0.16)  # how far lashes reach above the upper lid and below the lower one
OBSTACLE = 0.55  # so unlike skin is what lies in front of the eye
LOW = 0.5  # the lower lid's skin gives way so far below it
BALL = 0.88  # radius of the eyeball, in half eye widths
FOLLOW = 1.0  # of the opening, times the sine of the angle down: how the lid follows the eye
OPEN = -1.2  # log odds from which on an eye counts as open
ALIKE = -3.5  # the same beside one that is: both are, but for hair or a patch over one of them


class Eye:
    """One eye of a picture: where it is, whether it can blink, and its layers."""

    def __init__(self, picture: np.ndarray, axes: Axes, box: Box):
        """`picture` is uint8 (h, w, 3); the unit of `axes` is half an average eye.

        Its layers are there when `odds` say that it is open, or after `prepare`.
        """
        self.axes, self.box = axes, box
        patch = Patch.of(picture, axes)
        skin = Skin.around(patch.pixels, patch.u, patch.v)
        self.aperture = fit(patch, skin).wider(0.05)
        self.odds = openness(patch, skin, self.aperture)
        self.blinks = False
        self._seen = (picture, skin)
        if self.odds > OPEN:
            self.prepare()

    def prepare(self) -> None:
        """Make its layers, so that it can blink."""
        (picture, skin), box = self._seen, self.box
        self.blinks = True
        crop = picture[box.top : box.bottom, box.left : box.right].astype(np.float64)
        self._layers(crop, skin)

    def _layers(self, crop: np.ndarray, skin: Skin) -> None:
        """Everything that does not change with the pose, at the picture's pixels."""
        u, v = self.axes.to_face(*self.box.grid())
        shape = self.aperture
        top, bottom = shape.arcs(u)
        t = shape.along(u)
        off = skin.off(crop, u, v)
        soft = max(0.05, 1.0 / self.axes.unit)
        eye = _window(v, top, bottom, t, 0.02, 0.02, 1.0)
        rims = _window(v, top, bottom, t, 0.16, 0.08, 1.06)
        thin = _thin(off[..., 0], eye > 0.5, self.axes.unit)
        thin = np.clip(thin - 1.5 * np.median(thin), 0.0, None)  # grain and wrinkles are no lashes
        lashes = _window(v, top, bottom, t, *LASHES, 1.22) * ramp(thin, 0.04, 0.14)
        front = _front(unlike(off), off[..., 0], lashes > 0.3, v, top, bottom, t)
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
        free = (1.0 - front) * ramp(np.abs(t), 1.30, 1.10)
        kept = _bounds((free > 0) & (v > top - REACH) & (v < bottom + LOW))
        hole = _bounds(_cut(eye, kept) > 0)
        if kept.empty or hole.empty:  # nothing of it lies in the picture
            self.blinks = False
            return
        self.box = kept.moved(self.box.left, self.box.top)
        layers = np.concatenate([plate, low, crop], 2) + 0.5
        self.layers = _put(_cut(layers, kept).transpose(2, 0, 1))[None]
        self.line = _put(_cut(line, kept))[None, None]
        v, top, bottom, t, free, eye = (_cut(a, kept) for a in (v, top, bottom, t, free, eye))
        within = ramp(np.minimum(v - top, bottom - v), 0.0, 2 * soft) * eye
        give = (1.0 - (np.clip(np.abs(t), 0.3, 1.0) - 0.3) / 0.7) ** 1.2
        shut = top + SHUT * (bottom - top)
        self.v, self.top, self.bottom, self.shut = map(_put, (v, top, bottom, shut))
        self.free, self.inside, self.within, self.give = map(_put, (free, eye, within, give))
        self.soft = soft
        self.turn = (math.cos(self.axes.roll), math.sin(self.axes.roll))
        self.hole = (slice(hole.top, hole.bottom), slice(hole.left, hole.right))
        self.reach = (v.min(1), v.max(1))
        self.ends = {"top": (top.min(), top.max()), "shut": (shut.min(), shut.max())}
        self.ends["bottom"] = (bottom.min(), bottom.max())

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

    def drawn(self, looks: np.ndarray) -> Tensor:
        """The box's pixels (t, 3, h, w) of looks (t, 4): blink, degrees that the eye is turned to
        the right and down, squint.
        """
        blink, right, down, squint = looks.astype(np.float64).T
        # the lid goes down with the eye
        follow = FOLLOW * np.sin(np.radians(np.maximum(down, 0.0)))
        upper = 1.0 - (1.0 - blink) * (1.0 - 0.10 * squint) * (1.0 - follow)
        lower = _ease((blink - 0.2) / 0.8)
        pixels = self.still.repeat(len(looks), 1, 1, 1)
        self._turn(pixels, right, down)
        if upper.any():
            self._shade(pixels, upper)
        if lower.any() or squint.any():
            self._raise(pixels, lower, squint)
        if upper.any():
            self._lower(pixels, upper)
            self._lash(pixels, upper)
        return pixels

    def _each(self, values: np.ndarray) -> Tensor:
        """One number for each frame, (t, 1, 1, 1)."""
        return torch.from_numpy(values).float().to(self.v.device)[:, None, None, None]

    def _edge(self, upper: np.ndarray, rows: slice, columns: slice = slice(None)) -> Tensor:
        """v of the upper lid's edge, (t, 1, h, w)."""
        top, shut = self.top[rows, columns], self.shut[rows, columns]
        return top + self._each(upper) * (shut - top)

    def _turn(self, pixels: Tensor, right: np.ndarray, down: np.ndarray) -> None:
        """Turn the eye behind its lids: the iris moves, the white is stretched."""
        if not (right.any() or down.any()):
            return
        across, along = (BALL * np.sin(np.radians(angle)) for angle in (right, down))
        v, top, bottom = (a[self.hole] for a in (self.v, self.top, self.bottom))
        slack = self._each(np.minimum(0.06, np.abs(along) + np.abs(across))) * (bottom - top)
        source = torch.minimum(v - self._each(along), bottom - slack)
        source = torch.maximum(source, top + slack)
        most = 0.8 * self.aperture.half
        away = (self._each(-across) * self.give[self.hole]).clip_(-most, most)
        turned = self._take(self.layers[:, 6:], self.hole, source - v, away)
        pixels[(..., *self.hole)].lerp_(turned, self.within[self.hole])

    def _shade(self, pixels: Tensor, upper: np.ndarray) -> None:
        """What the upper lid casts on the eye."""
        below = (self.v[self.hole] - self._edge(upper, *self.hole)).clip_(min=0)
        cast = below.mul_(-5.0).exp_().mul_(self.inside[self.hole])
        pixels[(..., *self.hole)].mul_(1.0 - cast * self._each(0.22 * _ease(upper / 0.15)))

    def _raise(self, pixels: Tensor, lower: np.ndarray, squint: np.ndarray) -> None:
        """Draw the lower lid up."""
        (low, _), (meet, _) = self.ends["bottom"], self.ends["shut"]
        open_ = self.ends["bottom"][1] - self.ends["top"][0]
        least = min(low + lower.max() * (meet - low), low - 0.38 * squint.max() * open_)
        first = int(np.flatnonzero(self.reach[1] > least - self.soft)[0])
        rows = (slice(first, None), slice(None))
        v, top, bottom, shut = (a[rows] for a in (self.v, self.top, self.bottom, self.shut))
        rim = bottom + self._each(lower) * (shut - bottom)
        rim = torch.minimum(rim, bottom - self._each(0.38 * squint) * (bottom - top))
        past = v - rim
        further = (1 - past / LOW).clip_(0, 1).square_().mul_(bottom - rim)
        seen = self._take(self.layers[:, 3:6], rows, further.mul_(past > 0))
        begin = self._each(_ease(np.maximum(lower, squint) / 0.15)) * self.free[rows]
        on = (past / self.soft).add_(0.5).clip_(0, 1)
        pixels[(..., *rows)].lerp_(seen, on.mul_(begin))

    def _lower(self, pixels: Tensor, upper: np.ndarray) -> None:
        """Draw the upper lid down: its skin is spread from what lies above the open lid."""
        (_, top), (_, shut) = self.ends["top"], self.ends["shut"]
        most = top + upper.max() * (shut - top) + self.soft
        rows = (slice(0, int(np.flatnonzero(self.reach[0] < most)[-1]) + 1), slice(None))
        v, top = self.v[rows], self.top[rows]
        edge = self._edge(upper, *rows)
        gone = edge - top
        past = v - (top - REACH)
        part = (past / (gone + REACH)).clip_(0, 1)
        # falls from 1 to 0 as (1 - part) to a power, from 1 to 2 as the lid closes, nearly would
        left = (1 - part).mul_(1 - part * (gone / REACH).clip_(max=1.0))
        above = (top - v) - REACH * left
        seen = self._take(self.layers[:, :3], rows, above.mul_((v < edge) & (past > 0)))
        on = ((edge - v) / self.soft).add_(0.5).clip_(0, 1)
        pixels[(..., *rows)].lerp_(
            seen, on.mul_(self._each(_ease(upper / 0.15))).mul_(self.free[rows])
        )

    def _lash(self, pixels: Tensor, upper: np.ndarray) -> None:
        """Darken with the lashes, which travel with the lid's edge and turn over with it."""
        (low, high), (start, stop) = self.ends["top"], self.ends["shut"]
        high = high + upper.max() * (stop - high) + LASHES[0]
        low = low + upper.min() * (start - low) - LASHES[0]
        held = np.flatnonzero((self.reach[0] < high) & (self.reach[1] > low))
        rows = (slice(int(held[0]), int(held[-1]) + 1), slice(None))
        turn = 1.0 - 1.6 * upper
        turn = np.where(np.abs(turn) > 0.3, turn, np.where(turn > 0, 0.3, -0.3))
        v = self.v[rows]
        source = (v - self._edge(upper, *rows)).div_(self._each(turn)).add_(self.top[rows])
        dark = self._take(self.line, rows, source - v).sub_(1.0)
        dark.mul_(self._each(_ease(upper / 0.15))).mul_(self.free[rows])
        pixels[(..., *rows)].mul_(dark.add_(1.0))

    def _take(
        self, image: Tensor, at: tuple[slice, slice], down: Tensor, right: Tensor | float = 0.0
    ) -> Tensor:
        """An image (1, c, h, w) of the box, read so many half eyes further on: (t, c, h, w).

        at: the rows and columns that are wanted; down, right: (t, 1, h, w).
        """
        h, w = self.v.shape
        rows, columns = (
            torch.arange(n, device=down.device)[part] for n, part in zip((h, w), at, strict=True)
        )
        unit, (c, s) = self.axes.unit, self.turn
        x = down * (-s * unit * 2.0 / (w - 1)) + (columns * (2.0 / (w - 1)) - 1.0)
        y = down * (c * unit * 2.0 / (h - 1)) + (rows * (2.0 / (h - 1)) - 1.0)[:, None]
        if isinstance(right, Tensor):
            x += right * (c * unit * 2.0 / (w - 1))
            y += right * (s * unit * 2.0 / (h - 1))
        return sample(image, torch.cat([x, y], 1))


def _bounds(mask: np.ndarray) -> Box:
    """Around what a mask (h, w) holds."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return Box(0, 0, 0, 0)
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _cut(values: np.ndarray, box: Box) -> np.ndarray:
    return values[box.top : box.bottom, box.left : box.right]


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
    return widened(np.where(closed > 8.0, 0.0, closed - light), round(0.03 * unit))


def _front(apart: np.ndarray, light: np.ndarray, lashes: np.ndarray, v, top, bottom, t):
    """What lies in front of the eye, 0..1 (h, w): no skin, and it reaches far from the lids.

    Close to the lids only what is as dark as frames and hair counts, not shade and paint. Lashes
    and folds of the lid, bool (h, w), do not, though they may touch what does.
    """
    far = (v < top - 0.55) | (v > bottom + 0.5)
    near = (v > top - 0.45) & (v < bottom + 0.3) & (np.abs(t) < 1.3)
    never = lashes | ((v > top - 0.26) & (v < bottom + 0.08) & (np.abs(t) < 1.1))
    apart = widened(apart, 1)
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


def _ease(t: np.ndarray) -> np.ndarray:
    """Smoothly 0 to 1 over 0..1."""
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3 - 2 * t)


def place(size: tuple[int, int], centre, iod: float, roll: float) -> tuple[Axes, Box]:
    """The axes of the eye at `centre` (2,) and its box in a picture of size (width, height)."""
    axes = Axes((float(centre[0]), float(centre[1])), HALF * iod, roll)
    return axes, around(axes, *BOX).clip(*size)


def alike(pair: Sequence[Eye]) -> list[Eye]:
    """Those of a face's eyes that can blink; one that is hardly seen does as the other one."""
    if any(one.blinks for one in pair):
        for one in pair:
            if not one.blinks and ALIKE < one.odds <= OPEN:
                one.prepare()
    return [one for one in pair if one.blinks]


def eye(picture: np.ndarray, centre, iod: float, roll: float) -> Eye | None:
    """The eye at `centre` (2,) of a picture (h, w, 3) whose eyes lie `iod` pixels apart.

    None when it lies outside the picture or is too small to be drawn.
    """
    axes, box = place((picture.shape[1], picture.shape[0]), centre, iod, roll)
    if axes.unit < 2.5 or box.empty:
        return None
    return Eye(picture, axes, box)
