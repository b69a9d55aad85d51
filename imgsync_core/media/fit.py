"""Fit a picture or frames to a size: keep, crop, pad, stretch; multiples; a background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageFilter

from ..errors import PictureError
from .picture import MAX_PIXELS, RGB

Mode = Literal["keep", "crop", "pad", "stretch"]
MODES: tuple[Mode, ...] = ("keep", "crop", "pad", "stretch")
BLUR = "blur"


@dataclass(frozen=True)
class Fit:
    """How a picture gets its size.

    mode: ``keep`` scales to fit inside width x height and keeps the shape; ``crop`` fills the size
        and cuts what stands out; ``pad`` shows all and fills the rest; ``stretch`` ignores shape.
    width, height: pixels; 0 follows from the other, both 0 leave the size as it is.
    multiple_of: width and height become multiples of this; what is over is cut at the edges
        (``pad``: filled up).
    background: colour of the padding, or ``"blur"`` for the picture itself, blurred.
    """

    mode: Mode = "keep"
    width: int = 0
    height: int = 0
    multiple_of: int = 1
    background: RGB | Literal["blur"] = (0, 0, 0)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise PictureError(f"Fit {self.mode!r} is not known. Use {', '.join(MODES)}.")
        if min(self.width, self.height) < 0 or self.multiple_of < 1:
            raise PictureError("Width and height start at 0, multiples at 1.")

    @property
    def is_identity(self) -> bool:
        return self.width == self.height == 0 and self.multiple_of == 1

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The size that a width x height picture gets."""
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

    def _asked(self, width: int, height: int) -> tuple[int, int]:
        w, h = self.width, self.height
        if w and h:
            return w, h
        if w:
            return w, max(1, round(height * w / width))
        if h:
            return max(1, round(width * h / height)), h
        return width, height

    def apply(self, frame: np.ndarray) -> np.ndarray:
        """uint8 (h, w, c) -> uint8 of the fitted size, c = 3 or 4 as it came."""
        height, width = frame.shape[:2]
        size = self.size(width, height)
        if size == (width, height):
            return frame
        image = _image(frame)
        if self.mode == "stretch":
            out = image.resize(size, Image.Resampling.LANCZOS)
        elif self.mode == "pad":
            out = self._pad(image, size)
        elif not (self.width or self.height) and size[0] <= width and size[1] <= height:
            out = _middle(image, size)  # only a multiple was asked for: leave the pixels alone
        else:
            out = _cover(image, size)
        return _array(out)

    def _pad(self, image: Image.Image, size: tuple[int, int]) -> Image.Image:
        scale = min(size[0] / image.width, size[1] / image.height)
        if not (self.width or self.height):
            scale = 1.0  # only a multiple was asked for: leave the pixels alone
        inner = image.resize(_scaled(image.width, image.height, scale), Image.Resampling.LANCZOS)
        if self.background == BLUR:
            out = _blurred(image, size)
        else:
            out = Image.new(image.mode, size, _fill(self.background, image.mode))
        out.paste(inner, ((size[0] - inner.width) // 2, (size[1] - inner.height) // 2))
        return out


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


def _cover(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale to cover ``size`` and cut the rest evenly, in one sub-pixel exact step."""
    w, h = size
    scale = max(w / image.width, h / image.height)
    if scale == 1:
        return _middle(image, size)
    bw, bh = min(w / scale, image.width), min(h / scale, image.height)
    x, y = (image.width - bw) / 2, (image.height - bh) / 2
    return image.resize(size, Image.Resampling.LANCZOS, box=(x, y, x + bw, y + bh))


def _middle(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of a picture, cut out."""
    x, y = (image.width - size[0]) // 2, (image.height - size[1]) // 2
    return image.crop((x, y, x + size[0], y + size[1]))


def _blurred(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture itself filling ``size``, strongly blurred: done small, as nobody can tell."""
    small = (max(1, size[0] // 8), max(1, size[1] // 8))
    cover = _cover(image, small)
    return cover.filter(ImageFilter.GaussianBlur(max(small) / 24)).resize(
        size, Image.Resampling.BICUBIC
    )
