"""How fast an engine is on this machine, as measured while it draws. Nothing is ever assumed."""

from __future__ import annotations

import time
from collections.abc import Hashable

import numpy as np

from ..media.frames import FrameSource, View

_measured: dict[Hashable, tuple[float, int]] = {}  # seconds a frame by kind, of so many frames
FEW = 32  # frames; fewer say less than an earlier job of the same kind
QUICKEST = 0.25  # of the reads: other programs make the rest slower


class Timed(View):
    """The frames of an engine, which notes how long they take.

    kind: what makes two jobs equally fast: engine, size, options.
    still: they are drawn from one picture, so that each is as soon done as the next one.
    The first read is not counted where others follow: it also does what is done once. Nor is one
    of frames that were drawn by a run before.
    """

    def __init__(self, source: FrameSource, kind: Hashable, still: bool) -> None:
        super().__init__(source)
        self._kind, self.still = kind, still
        self._began = False
        self._frames, self._seconds = 0, 0.0
        self._few: list[float] = []  # seconds a frame of each of the first reads

    def read(self, start: int, stop: int) -> np.ndarray:
        before, reused = time.perf_counter(), self.source.reused
        frames = self.source.read(start, stop)
        if self.source.reused > reused:
            return frames
        if self._began:
            self._note(time.perf_counter() - before, len(frames))
        self._began = True
        return frames

    def digest(self) -> str | None:
        return self.source.digest()

    def _note(self, seconds: float, n: int) -> None:
        """Of many frames the mean counts; a few on a busy machine would say far too much."""
        self._seconds, self._frames = self._seconds + seconds, self._frames + n
        if self._frames >= FEW:
            _measured[self._kind] = self._seconds / self._frames, self._frames
            return
        self._few.append(seconds / max(1, n))
        if _measured.get(self._kind, (0.0, 0))[1] < FEW:
            quick = float(np.quantile(self._few, QUICKEST))
            _measured[self._kind] = quick, self._frames

    @property
    def seconds_a_frame(self) -> float | None:
        """As measured in this job or, before it began, in the last one of its kind; or None."""
        return _measured[self._kind][0] if self._kind in _measured else None
