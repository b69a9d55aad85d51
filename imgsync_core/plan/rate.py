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
    people: whose faces are moved in them, each by an engine of its own.
    The first read is not counted where others follow: it also does what is done once. Nor is one
    of frames that were drawn by a run before.

    Many frames that are read in order count with all that happens between two reads: that is how
    long a job takes whose frames are encoded too. Of a few, as they are drawn to look at, only the
    drawing counts, and what ``encoding`` adds.

    encoding: seconds that a frame takes after it is drawn; to be set by who has tried it.
    """

    encoding = 0.0

    def __init__(self, source: FrameSource, kind: Hashable, still: bool, people: int = 1) -> None:
        super().__init__(source)
        self._kind, self.still, self.people = kind, still, people
        self._last = 0.0  # when the last read ended
        self._next = -1  # the frame after it; -1 = nothing was read
        self._frames, self._seconds = 0, 0.0  # in order, after the first read of them
        self._few: list[float] = []  # seconds a frame of each of the first reads

    def read(self, start: int, stop: int) -> np.ndarray:
        before, reused = time.perf_counter(), self.source.reused
        frames = self.source.read(start, stop)
        now = time.perf_counter()
        if self.source.reused > reused:
            self._next = -1
            return frames
        if start == self._next:
            self._frames, self._seconds = (
                self._frames + len(frames),
                self._seconds + now - self._last,
            )
        else:
            self._frames, self._seconds = 0, 0.0
        if self._next >= 0:
            self._note((now - before) / max(1, len(frames)))
        self._last, self._next = now, stop
        return frames

    def digest(self) -> str | None:
        return self.source.digest()

    def _note(self, seconds: float) -> None:
        """Of many frames the mean counts; a few on a busy machine would say far too much."""
        if self._frames >= FEW:
            _measured[self._kind] = self._seconds / self._frames, self._frames
        elif not self.is_known and len(self._few) < FEW - 1:
            self._few.append(seconds)
            _measured[self._kind] = float(np.quantile(self._few, QUICKEST)), len(self._few)

    @property
    def is_known(self) -> bool:
        """Whether many frames of the kind were measured, in this job or an earlier one."""
        return _measured.get(self._kind, (0.0, 0))[1] >= FEW

    @property
    def seconds_a_frame(self) -> float | None:
        """As measured in this job or, before it began, in the last one of its kind; or None."""
        if self._kind not in _measured:
            return None
        return _measured[self._kind][0] + (0.0 if self.is_known else self.encoding)
