"""Small pictures of frames, to look at while the rest is made."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from PIL import Image

SIDE = 512  # pixels, of the longer side at most
PER_SECOND = 4.0


def thumbnail(frame: np.ndarray, side: int = SIDE) -> Image.Image:
    """uint8 (h, w, 3 or 4) -> an RGB picture of at most ``side`` pixels a side, over black."""
    step = max(1, max(frame.shape[:2]) // (2 * side))  # every n-th pixel, where there are far more
    image = Image.fromarray(np.ascontiguousarray(frame[::step, ::step]))
    scale = min(1.0, side / max(image.size))
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("RGB")


class Previews:
    """Frames in, every now and then a small picture out.

    show(picture) is called at most ``per_second`` times a second; of the other frames not a pixel
    is touched. What it raises is passed on.
    """

    def __init__(
        self,
        show: Callable[[Image.Image], None],
        per_second: float = PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._show, self._clock = show, clock
        self._gap, self._next = 1 / per_second, -float("inf")

    def __call__(self, frame: np.ndarray) -> None:
        """The newest frame, uint8 (h, w, 3 or 4)."""
        now = self._clock()
        if now >= self._next:
            self._next = now + self._gap
            self._show(thumbnail(frame))
