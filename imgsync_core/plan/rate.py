"""How fast an engine is on this machine, as measured while it draws. Nothing is ever assumed."""

from __future__ import annotations

import time
from collections.abc import Hashable

import numpy as np

from ..media.frames import FrameSource, View

_measured: dict[Hashable, float] = {}  # seconds a frame in the last job of a kind


class Timed(View):
    """The frames of an engine, which notes how long they take.

    kind: what makes two jobs equally fast: engine, size, options.
    still: they are drawn from one picture, so that each is as soon done as the next one.
    The first read is not counted where others follow: it also does what is done once.
    """

    def __init__(self, source: FrameSource, kind: Hashable, still: bool) -> None:
        super().__init__(source)
        self._kind, self.still = kind, still
        self._began = False
        self._frames, self._seconds = 0, 0.0

    def read(self, start: int, stop: int) -> np.ndarray:
        before = time.perf_counter()
        frames = self.source.read(start, stop)
        if self._began:
            self._seconds += time.perf_counter() - before
            self._frames += len(frames)
            _measured[self._kind] = self._seconds / max(1, self._frames)
        self._began = True
        return frames

    @property
    def seconds_a_frame(self) -> float | None:
        """As measured in this job or, before it began, in the last one of its kind; or None."""
        return _measured.get(self._kind)
