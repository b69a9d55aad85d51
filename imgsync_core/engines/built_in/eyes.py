"""Eyelids: a picture of each eye shut, made once, drawn over the open eye as far as it closes.

The shut eye is smooth skin grown in from around the eye, so no lash or crease of the open one is
drawn along. One thin lash line travels with the lid's edge.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .axes import Axes, Box, around, bilinear, luminance, ramp

FINE = 28  # pixels in half an eye where skin is grown
SHUT = 0.62  # the lids meet this part of the lower half's height below the middle
BOX = (-2.1, 2.1, -1.35, 1.25)  # the pixels kept: left, right, top, bottom, in half eye widths
LASHES = (0.30, 0.16)  # always covered above and below the eye, in half eye widths
REACH = (0.58, 0.40)  # covered where it is not skin
CONTRAST = 0.10  # an iris darker than its white by less of the skin's light is carved or painted


class Eye:
    """One eye of a picture: where it is, whether it can blink, and how it looks shut."""

    def __init__(self, crop: np.ndarray, box: Box, axes: Axes, flat: float, skin: np.ndarray):
        """`crop` is the box's pixels (h, w, 3), 0..255; `flat` is half opening by half width."""
        self.axes, self.box = axes, box
        flat = float(np.clip(flat, 0.22, 0.85))
        self.sides, self.flats = (1.0, 1.0), (flat, flat)  # left and right, top and bottom
        x, y = box.grid()
        u, v = axes.to_face(x, y)
        self.contrast = self._contrast(crop, u, v) / max(float(luminance(skin)), 1.0)
        self.blinks = self.contrast > CONTRAST
        if not self.blinks:
            return
        self._rise = max(1.0, axes.unit / FINE)
        off = self._off(crop, u, v)
        self._fit(off, u, v)
        u = self._stretch(u)
        cover = self._cover(self._off(crop, u, v), u, v)
        patch = np.concatenate([self._lid(crop, u, v, cover) + 0.5, cover[..., None]], axis=2)
        self.lash = self._lash(crop, u, v)
        self.patch = torch.from_numpy(patch.transpose(2, 0, 1).copy()).float()[None]
        self.turn = (float(np.cos(axes.roll)), float(np.sin(axes.roll)))

    def _edges(self, u):
        """v of the open upper lid, the open lower lid and where they meet, for numpy or torch."""
        bow = (1.0 - u * u).clip(0.0, 1.0) ** 0.75
        return -self.flats[0] * bow, self.flats[1] * bow, SHUT * self.flats[1] * bow

    def _stretch(self, u):
        """u in half widths of the eye as it is, for numpy or torch: -1 and 1 at its corners."""
        left, right = 1.0 / self.sides[0], 1.0 / self.sides[1]
        return u.clip(None, 0.0) * left + u.clip(0.0, None) * right

    def _contrast(self, pixels, u, v) -> float:
        """How much darker the iris is than the white beside it, 0..255."""
        luma = luminance(pixels)
        band = np.abs(v) < 0.45 * self.flats[0]
        iris = luma[band & (np.abs(u) < 0.3)]
        white = [luma[band & (side * u > 0.45) & (side * u < 0.85)] for side in (-1, 1)]
        if min(len(iris), len(white[0]), len(white[1])) == 0:
            return 0.0
        bright = [float(np.percentile(w, 75)) for w in white]
        return min(max(bright), 1.6 * min(bright)) - float(np.percentile(iris, 40))

    def _fit(self, off, u, v) -> None:
        """Find the corners and lids: how far from the middle the picture is not skin."""
        flat = self.flats[0]

        def reach(along, across, width, most):
            places = np.linspace(0.0, most, 40)
            inside = np.abs(across) < width
            hit = [off[inside & (np.abs(along - p) < most / 40)] for p in places]
            clear = [h.size > 0 and float(np.percentile(h, 60)) < 0.10 for h in hit]
            gone = [p for p, c in zip(places, clear, strict=True) if c and p > 0.5 * most]
            return gone[0] if gone else None

        found = [reach(s * u, v, 0.12, 1.5) for s in (-1, 1)]
        self.sides = tuple(float(np.clip(f or 1.05, 0.95, 1.25)) for f in found)
        found = [reach(s * v, u, 0.3, 1.7 * flat) for s in (-1, 1)]
        self.flats = tuple(float(np.clip(f or flat, 0.95 * flat, 1.5 * flat)) for f in found)

    def _window(self, u, v, above, below, side) -> np.ndarray:
        """1 on the eye and so far around it, softly 0 beyond, (h, w)."""
        top, bottom, _ = self._edges(np.clip(u, -0.96, 0.96))
        inside = ramp(v, top - above - 0.10, top - above + 0.10)
        inside *= ramp(v, bottom + below + 0.08, bottom + below - 0.08)
        return inside * ramp(np.abs(u), side + 0.13, side - 0.13)

    def _off(self, pixels, u, v) -> np.ndarray:
        """How unlike the skin around the eye each pixel is, 0..1, spread a little, (h, w)."""
        near = (self._window(u, v, 0.45, 0.35, 1.35) < 0.02) & (np.abs(u) < 1.75)
        skin = _grow(pixels, self._skin_like(pixels, near) * near + 1e-6, self._rise)
        off = np.abs(luminance(pixels - skin)) / (luminance(skin) + 8.0)
        size = max(1, round(0.05 * self.axes.unit)) * 2 + 1
        grid = torch.from_numpy(off)[None, None]
        wide = functional.max_pool2d(grid, size, 1, size // 2)
        return functional.avg_pool2d(wide, size, 1, size // 2)[0, 0].numpy()

    def _cover(self, off, u, v) -> np.ndarray:
        """Where the shut eye may replace the picture, 0..1 (h, w): the eye, and lashes beyond."""
        reach = self._window(u, v, *REACH, 1.55)
        return np.maximum(self._window(u, v, *LASHES, 1.12), reach * ramp(off, 0.05, 0.12))

    def _skin_like(self, pixels, near) -> np.ndarray:
        """How much each pixel looks like the skin around the eye, 0..1 (h, w)."""
        luma = luminance(pixels)
        usual = float(np.percentile(luma[near], 60)) if near.any() else float(np.median(luma))
        return np.exp(-((np.clip(usual - luma, 0, None) / (0.16 * usual + 2)) ** 2))

    def _lid(self, pixels, u, v, cover) -> np.ndarray:
        """The shut eye's pixels (h, w, 3): skin from around it, a little rounded by shading."""
        free = 1.0 - cover
        near = (free > 0.5) & (np.abs(u) < 1.75)
        grown = _grow(pixels, free**2 * self._skin_like(pixels, near) + 1e-6, self._rise)
        _, _, shut = self._edges(u)
        over = np.clip((shut - v) / (self.flats[0] + 0.25), 0.0, 1.0)
        body = np.clip(1.0 - u * u, 0.0, 1.0)
        rolled = 0.035 * np.sin(np.pi * over) - 0.10 * np.exp(-((over / 0.16) ** 2)) * (v < shut)
        shade = 1.0 + rolled * body
        grain = pixels - _grow(pixels, np.ones_like(free), self._rise)
        texture = bilinear(grain, *self._elsewhere(u, v))
        usual = min(2.0 * float(np.median(np.abs(texture))), 8.0)  # not lashes, not folds
        return np.clip((grown + np.clip(texture, -usual, usual)) * shade[..., None], 0, 255)

    def _elsewhere(self, u, v):
        """For every pixel, a place in the crop below the eye, where skin keeps its grain: x, y."""
        mirrored = self.flats[1] + LASHES[1] + 0.12 + np.abs(np.mod(v + 1.25, 0.8) - 0.4) * 0.6
        x, y = self.axes.to_picture(u * 0.8, mirrored)
        return x - self.box.left, y - self.box.top

    def _lash(self, pixels, u, v) -> Tensor:
        """The colour (3,) of lashes: the dark along the upper lid."""
        top, _, _ = self._edges(u)
        rim = (np.abs(v - top) < 0.14) & (np.abs(u) < 0.9)
        luma = luminance(pixels)
        dark = rim & (luma <= np.percentile(luma[rim], 18))
        return torch.from_numpy(pixels[dark].mean(axis=0)).float()

    def to(self, device: torch.device) -> "Eye":
        """This eye with its tensors on a device."""
        if self.blinks:
            self.patch, self.lash = self.patch.to(device), self.lash.to(device)
        return self

    def draw(self, frame: Tensor, x: Tensor, y: Tensor, blink: float) -> Tensor:
        """Close the eye by `blink` on pixels (3, h, w), whose picture positions are x, y (h, w)."""
        dx, dy = x - self.axes.origin[0], y - self.axes.origin[1]
        c, s = self.turn
        u = self._stretch((c * dx + s * dy) / self.axes.unit)
        v = (c * dy - s * dx) / self.axes.unit
        top, bottom, shut = self._edges(u)
        edge = torch.lerp(top, shut, blink)
        lower = torch.lerp(bottom, shut, max(0.0, (blink - 0.4) / 0.6) ** 2)
        soft = max(0.045, 1.0 / self.axes.unit)
        start = _ease(blink / 0.25)
        slide = (shut - edge) * ((v + self.flats[0] + 0.5) / (self.flats[0] + 0.5)).clip(0, 1)
        slide = torch.where(v < edge, slide, 0.0) * self.axes.unit
        skin, cover = self._sample(x - s * slide, y + c * slide, x, y)
        upper = ((edge - v) / soft + 0.5).clip(0, 1) * start
        under = ((v - lower) / soft + 0.5).clip(0, 1)
        under = under * _ease((blink - 0.4) / 0.15 + start * ((u.abs() - 0.88) / 0.15).clip(min=0))
        shadow = torch.exp(-((v - edge).clip(min=0) / 0.16)) * (1 - _ease((v - bottom) / 0.1))
        shadow = 1.0 - 0.30 * start * torch.where(v > edge, shadow, 0.0) * (u.abs() < 1)
        result = torch.lerp(frame * shadow, skin, (upper + under).clip(max=1) * cover)
        thin = 0.045 + 0.035 * (1 - u * u).clip(0, 1)
        line = torch.exp(-(((v - edge + 0.02) / thin) ** 2)) * (1 - _ease((u.abs() - 0.98) / 0.26))
        return torch.lerp(result, self.lash[:, None, None].expand_as(result), 0.80 * start * line)

    def _sample(self, lid_x: Tensor, lid_y: Tensor, x: Tensor, y: Tensor):
        """The shut eye at the slid positions (3, h, w), and its cover at the true ones (h, w)."""
        scale = (2.0 / (self.box.width - 1), 2.0 / (self.box.height - 1))

        def take(part: Tensor, px: Tensor, py: Tensor) -> Tensor:
            gx = (px - self.box.left) * scale[0] - 1.0
            gy = (py - self.box.top) * scale[1] - 1.0
            grid = torch.stack([gx, gy], dim=-1)[None]
            return functional.grid_sample(part, grid, padding_mode="border", align_corners=True)[0]

        return take(self.patch[:, :3], lid_x, lid_y), take(self.patch[:, 3:], x, y)[0]


def _ease(t):
    """Smoothly 0 to 1 over 0..1, of a number or a tensor."""
    t = t.clip(0.0, 1.0) if isinstance(t, Tensor) else min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)


def _grow(pixels: np.ndarray, weight: np.ndarray, rise: float) -> np.ndarray:
    """Pixels (h, w, 3) smoothed and, where the weight (h, w) is 0, filled in from around."""
    h, w = weight.shape
    size = (max(4, round(h / rise)), max(4, round(w / rise)))
    stack = np.concatenate([pixels * weight[..., None], weight[..., None]], axis=2)
    level = functional.interpolate(
        torch.from_numpy(stack.transpose(2, 0, 1))[None].double(), size, mode="area"
    )
    levels = [level]
    while min(levels[-1].shape[-2:]) > 2:
        levels.append(functional.avg_pool2d(levels[-1], 3, 2, 1, count_include_pad=False))
    filled = levels[-1][:, :3] / levels[-1][:, 3:]
    for level in levels[-2::-1]:
        filled = functional.interpolate(filled, level.shape[-2:], mode="bicubic")
        own = level[:, 3:].clip(0, 1)
        filled = own * level[:, :3] / level[:, 3:] + (1 - own) * filled
    for _ in range(6):
        filled = functional.avg_pool2d(filled, 3, 1, 1, count_include_pad=False)
    filled = functional.interpolate(filled, (h, w), mode="bicubic")
    return filled[0].permute(1, 2, 0).numpy()


def place(size: tuple[int, int], centre, half: tuple[float, float], roll: float):
    """The axes of the eye at `centre` (2,) and its box in a picture of size (width, height)."""
    axes = Axes((float(centre[0]), float(centre[1])), max(float(half[0]), 1e-3), roll)
    return axes, around(axes, *BOX).clip(*size)


def eye(picture: np.ndarray, centre, half: tuple[float, float], roll: float, skin) -> Eye | None:
    """The eye at `centre` (2,) of a picture (h, w, 3); `half` is its half width and opening, px.

    None when it lies outside the picture or is too small to be drawn.
    """
    axes, box = place((picture.shape[1], picture.shape[0]), centre, half, roll)
    if axes.unit < 2.5 or box.empty:
        return None
    crop = picture[box.top : box.bottom, box.left : box.right].astype(np.float64)
    return Eye(crop, box, axes, half[1] / axes.unit, skin)
