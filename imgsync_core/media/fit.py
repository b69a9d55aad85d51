"""Fit a picture or frames to a size: keep, crop, pad, stretch; multiples; a background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageFilter

from ..errors import PictureError
from .opening import MAX_PIXELS
from .picture import RGB

Mode = Literal["keep", "crop", "pad", "stretch"]
MODES: tuple[Mode, ...] = ("keep", "crop", "pad", "stretch")
BLUR = "blur"


View = tuple[int, int, int, int]
Box = tuple[float, float, float, float]  # x, y, width, height


@dataclass(frozen=True)
class Mapping:
    """Pixels of a picture to pixels of the fitted one: x * sx + dx, y * sy + dy."""

    sx: float
    sy: float
    dx: float
    dy: float


@dataclass(frozen=True)
class _Place:
    """A box of the picture, drawn ``inner`` px large at ``at`` px."""

    box: Box
    inner: tuple[int, int]
    at: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Fit:
    """How a picture gets its size.

    mode: ``keep`` scales to fit inside width x height and keeps the shape; ``crop`` fills the size
        and cuts what stands out; ``pad`` shows all and fills the rest; ``stretch`` ignores shape.
    width, height: pixels; 0 follows from the other, both 0 leave the size as it is.
    multiple_of: width and height become multiples of this; what is over is cut at the edges
        (``pad``: filled up).
    background: colour of the padding, or ``"blur"`` for the picture itself, blurred.
    view: the part of the picture to use, x, y, width, height in px; None = all of it.
    """

    mode: Mode = "keep"
    width: int = 0
    height: int = 0
    multiple_of: int = 1
    background: RGB | Literal["blur"] = (0, 0, 0)
    view: View | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise PictureError(f"Fit {self.mode!r} is not known. Use {', '.join(MODES)}.")
        if min(self.width, self.height) < 0 or self.multiple_of < 1:
            raise PictureError("Width and height start at 0, multiples at 1.")
        if self.view and (min(self.view) < 0 or min(self.view[2:]) < 1):
            raise PictureError(f"The view {self.view} is outside the picture, or empty.")

    @property
    def is_identity(self) -> bool:
        return self.width == self.height == 0 and self.multiple_of == 1 and self.view is None

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The size that a width x height picture gets."""
        width, height = self._part(width, height)[2:]
        w, h = self._asked(width, height)
        if self.mode == "keep":
            w, h = _scaled(width, height, min(w / width, h / height))
        m = self.multiple_of
        if self.mode == "pad":
            w, h = w + -w % m, h + -h % m
        else:
            w, h = max(w - w % m, m), max(h - h % m, m)
        if w * h > MAX_PIXELS:
            raise PictureError(f"{w}x{h} pixels are more than {MAX_PIXELS:,}. Ask for less.")
        return w, h

    def mapping(self, width: int, height: int) -> Mapping:
        """Where the points of a width x height picture come to lie in the fitted one."""
        x, y, w, h = self._part(width, height)
        place = self._place(w, h, self.size(width, height))
        bx, by, bw, bh = place.box
        sx, sy = place.inner[0] / bw, place.inner[1] / bh
        return Mapping(sx, sy, place.at[0] - (x + bx) * sx, place.at[1] - (y + by) * sy)

    def apply(self, frame: np.ndarray) -> np.ndarray:
        """uint8 (h, w, c) -> uint8 of the fitted size, c = 3 or 4 as it came."""
        size = self.size(frame.shape[1], frame.shape[0])
        x, y, width, height = self._part(frame.shape[1], frame.shape[0])
        if self.view:
            frame = frame[y : y + height, x : x + width]
        if size == (width, height):
            return frame
        image, place = _image(frame), self._place(width, height, size)
        if self.mode != "pad":
            return _array(_drawn(image, place))
        if self.background == BLUR:
            out = _blurred(image, size)
        else:
            out = Image.new(image.mode, size, _fill(self.background, image.mode))
        out.paste(_drawn(image, place), place.at)
        return _array(out)

    def _part(self, width: int, height: int) -> View:
        """The view, inside a width x height picture."""
        x, y, w, h = self.view or (0, 0, width, height)
        if x + w > width or y + h > height:
            raise PictureError(f"The view {self.view} is outside the {width}x{height} picture.")
        return x, y, w, h

    def _asked(self, width: int, height: int) -> tuple[int, int]:
        w, h = self.width, self.height
        if w and h:
            return w, h
        if w:
            return w, max(1, round(height * w / width))
        if h:
            return max(1, round(width * h / height)), h
        return width, height

    def _place(self, width: int, height: int, size: tuple[int, int]) -> _Place:
        """Which part of the view is drawn, how large, and where."""
        whole = (0.0, 0.0, float(width), float(height))
        # nothing or only a multiple was asked for: leave the pixels alone
        alone = not (self.width or self.height)
        if self.mode == "stretch" or size == (width, height):
            return _Place(whole, size)
        if self.mode == "pad":
            scale = 1.0 if alone else min(size[0] / width, size[1] / height)
            inner = _scaled(width, height, scale)
            return _Place(whole, inner, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
        if alone and size[0] <= width and size[1] <= height:
            return _Place(_middle(width, height, size), size)
        return _Place(_cover(width, height, size), size)


AS_IT_IS = Fit()


def _scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(1, round(width * scale)), max(1, round(height * scale))


def _fill(color: RGB | Literal["blur"], mode: str) -> tuple[int, ...]:
    return (*color, 255) if mode == "RGBa" else tuple(color)  # type: ignore[return-value]


def _image(frame: np.ndarray) -> Image.Image:
    """Premultiplied, so that colours under transparent pixels do not bleed when resampled."""
    image = Image.fromarray(np.ascontiguousarray(frame))
    return image.convert("RGBa") if image.mode == "RGBA" else image


def _array(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGBA") if image.mode == "RGBa" else image)


def _drawn(image: Image.Image, place: _Place) -> Image.Image:
    """The box of a picture at its size, in one sub-pixel exact step."""
    x, y, w, h = place.box
    if (w, h) == place.inner and x % 1 == y % 1 == 0:
        return image.crop((int(x), int(y), int(x + w), int(y + h)))
    return image.resize(place.inner, Image.Resampling.LANCZOS, box=(x, y, x + w, y + h))


def _cover(width: int, height: int, size: tuple[int, int]) -> Box:
    """The largest box of the shape of ``size`` in the middle of a picture."""
    w, h = size
    scale = max(w / width, h / height)
    if scale == 1:
        return _middle(width, height, size)
    bw, bh = min(w / scale, width), min(h / scale, height)
    return (width - bw) / 2, (height - bh) / 2, bw, bh


def _middle(width: int, height: int, size: tuple[int, int]) -> Box:
    """The whole pixels in the middle of a picture."""
    w, h = size
    return float((width - w) // 2), float((height - h) // 2), float(w), float(h)


def _blurred(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture itself filling ``size``, strongly blurred: done small, as nobody can tell."""
    small = (max(1, size[0] // 8), max(1, size[1] // 8))
    cover = _drawn(image, _Place(_cover(image.width, image.height, small), small))
    return cover.filter(ImageFilter.GaussianBlur(max(small) / 24)).resize(
        size, Image.Resampling.BICUBIC
    )
