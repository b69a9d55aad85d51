"""Slow, sub-pixel smooth camera moves over a picture, still or moving."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from ..errors import PictureError
from .digest import derived
from .frames import FrameSource, View

Rect = tuple[float, float, float, float]
"""x, y, width, height as parts of the picture, 0 to 1."""

WHOLE: Rect = (0.0, 0.0, 1.0, 1.0)


def _centre(share: float, x: float = 0.5, y: float = 0.5) -> Rect:
    return (1 - share) * x, (1 - share) * y, share, share


MOVES: dict[str, tuple[Rect, Rect]] = {
    "zoom in": (WHOLE, _centre(0.8)),
    "zoom out": (_centre(0.8), WHOLE),
    "pan left": (_centre(0.8, 1.0), _centre(0.8, 0.0)),
    "pan right": (_centre(0.8, 0.0), _centre(0.8, 1.0)),
    "pan up": (_centre(0.8, 0.5, 1.0), _centre(0.8, 0.5, 0.0)),
    "pan down": (_centre(0.8, 0.5, 0.0), _centre(0.8, 0.5, 1.0)),
    "drift": (_centre(0.92, 0.2, 0.4), _centre(0.84, 0.8, 0.6)),
}


def ease(x: np.ndarray) -> np.ndarray:
    """0..1 -> 0..1 with no speed at either end (smoothstep, 3x^2 - 2x^3)."""
    return x * x * (3 - 2 * x)


class PanZoom(View):
    """A picture seen by a camera that glides from one rectangle to another.

    source: a still, or as many frames as are made, each seen by the camera where it is then.
    start, end: rectangles as parts of the picture; each grows to the picture's own shape, so
        that nothing is distorted. The zoom runs evenly in magnification
        (geometrically), which looks steady to the eye.
    eased: slow start and slow end.   size: of the frames; the picture's own when not given.
    """

    def __init__(
        self,
        source: FrameSource,
        n_frames: int,
        start: Rect,
        end: Rect,
        *,
        eased: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(source, n_frames)
        self._still = _image(source.read(0, 1)[0]) if source.n_frames == 1 else None
        self._whole = source.size
        self.size = size or source.size
        self.period = 1 if start == end and self._still else None
        self._start, self._end, self._eased = _square(start), _square(end), eased

    def origin(self, index: int, at: FrameSource | None = None) -> tuple[FrameSource, int]:
        return self, index

    def digest(self) -> str | None:
        how = self._start, self._end, self._eased, self.size, self.n_frames
        return derived(self.source.digest(), "pan-zoom", *how)

    def boxes(self, start: int, stop: int) -> np.ndarray:
        """float64 (t, 4): left, top, right, bottom in pixels of the picture for each frame."""
        x = np.arange(start, stop) / max(1, self.n_frames - 1)
        x = (ease(x) if self._eased else x)[:, None]
        (ax, ay, a), (bx, by, b) = self._start, self._end
        share = a * (b / a) ** x
        # the corner moves with the share, so that a point fixed in both views stays fixed
        part = x if math.isclose(a, b, rel_tol=1e-6) else (share - a) / (b - a)
        corner = np.array([ax, ay]) * (1 - part) + np.array([bx, by]) * part
        scale = np.array([*self._whole, *self._whole], float)
        return (np.concatenate([corner, corner + share], 1) * scale).clip(0, scale)

    def read(self, start: int, stop: int) -> np.ndarray:
        boxes = self.boxes(start, min(stop, self.n_frames))
        if self._still is not None:
            if self.period == 1:
                frame = self._view(self._still, boxes[0])
                return np.broadcast_to(frame, (len(boxes), *frame.shape))
            return np.stack([self._view(self._still, box) for box in boxes])
        frames = self.source.read(start, start + len(boxes))
        return np.stack(
            [self._view(_image(frame), box) for frame, box in zip(frames, boxes, strict=True)]
        )

    def _view(self, image: Image.Image, box: np.ndarray) -> np.ndarray:
        left, top, right, bottom = box.tolist()
        view = image.resize(self.size, Image.Resampling.BICUBIC, box=(left, top, right, bottom))
        return np.asarray(view.convert("RGBA") if view.mode == "RGBa" else view)


def _image(frame: np.ndarray) -> Image.Image:
    """uint8 (h, w, 3 or 4) as a picture whose colours can be mixed."""
    image = Image.fromarray(np.ascontiguousarray(frame))
    return image.convert("RGBa") if image.mode == "RGBA" else image


def _square(rect: Rect) -> tuple[float, float, float]:
    """x, y and share of the smallest view with the picture's own shape that shows ``rect``."""
    x, y, w, h = rect
    if not (x >= 0 and y >= 0 and w >= 0.01 and h >= 0.01 and x + w <= 1.0001 and y + h <= 1.0001):
        raise PictureError(
            f"The rectangle {rect} is not inside the picture. "
            "Give x, y, width, height as parts from 0 to 1."
        )
    share = min(1.0, max(w, h))
    corner = (min(max(0.0, at + (side - share) / 2), 1 - share) for at, side in ((x, w), (y, h)))
    return *corner, share  # type: ignore[return-value]


def parse_rect(text: str) -> Rect:
    """``"0.1, 0.1, 0.8, 0.8"`` -> x, y, width, height. Raises PictureError."""
    try:
        x, y, w, h = (float(part) for part in text.split(","))
    except ValueError:
        raise PictureError(
            f"View {text!r:.40} is not x, y, width, height. Use for example 0.1, 0.1, 0.8, 0.8."
        ) from None
    return x, y, w, h
