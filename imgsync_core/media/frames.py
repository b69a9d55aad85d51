"""Frames that are made when they are read, and the maps that turn few of them into many.

A still is a source of one frame; ``Held``, ``Looped``, ``PingPong`` and ``Trimmed`` are views that
copy nothing until somebody reads. Each source knows when it repeats::

    frame   0 . . lead . . . . lead+period . . . . .  n_frames
            |     |<- one period ->|<- the same ->|
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import InputError, TimeError
from ..timeline import (
    hold_index,
    loop_index,
    mirrored_index,
    ping_pong_index,
    ping_pong_period,
)
from ..watcher import Watcher
from .digest import derived, of_frames
from .fit import Fit
from .picture import RGB, Picture, compose


class FrameSource(ABC):
    """Lazily readable frames.

    size: width and height in pixels.   channels: 3 (RGB) or 4 (RGB and straight alpha).
    fps: frames per second, exact.      n_frames: how many there are.
    period: frame i equals frame i + period for every i >= lead; None = does not repeat.
    """

    size: tuple[int, int]
    channels: int
    fps: Fraction
    n_frames: int
    period: int | None = None
    lead: int = 0

    @abstractmethod
    def read(self, start: int, stop: int) -> np.ndarray:
        """Frames ``[start, stop)``: uint8 (t, h, w, c). The result may be a read-only view."""

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The frames at ``indices``, in that order: uint8 (t, h, w, c)."""
        lowest, highest = int(indices.min()), int(indices.max())
        if lowest == highest:
            frame = self.read(lowest, lowest + 1)
            return np.broadcast_to(frame, (len(indices), *frame.shape[1:]))
        cuts = np.flatnonzero(np.abs(np.diff(indices)) > 1) + 1
        runs = [
            self.read(int(run.min()), int(run.max()) + 1)[run - run.min()]
            for run in np.split(indices, cuts)
        ]
        return runs[0] if len(runs) == 1 else np.concatenate(runs)

    def origin(self, index: int, at: FrameSource | None = None) -> tuple[FrameSource, int]:
        """The source that this very frame is read from, and its index there.

        at: a source on the way down that is gone no further than.
        """
        return self, index

    @property
    def notes(self) -> tuple[str, ...]:
        """What was lost or changed of what came in, as far as it was read, in words."""
        return ()

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.size[0] * self.size[1] * self.channels

    def watch(self, watcher: Watcher) -> None:  # noqa: B027 - most are done at once
        """Whom to tell what happens inside of ``read``, where a frame takes long.

        It is called on the thread that reads, whose work ends with what ``check`` raises. Views
        hand it on, with their own count of frames.
        """

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Let go of open files. Reading afterwards opens them again."""

    def digest(self) -> str | None:
        """What tells the frames from others; None where they would have to be drawn for that."""
        return None

    @property
    def reused(self) -> int:
        """Frames, of those read, that a run before had drawn and kept."""
        return 0

    def finish(self) -> None:  # noqa: B027 - most keep nothing
        """All frames are where they were to go: what was kept of them on a disk is let go."""


class _InMemory(FrameSource):
    _frames: np.ndarray  # uint8 (t, h, w, c)

    def read(self, start: int, stop: int) -> np.ndarray:
        return self._frames[start:stop]

    def digest(self) -> str:
        return of_frames(self)


class StillFrames(_InMemory):
    """One picture as a source of a single frame."""

    n_frames = 1
    period = 1

    def __init__(self, picture: Picture, fps: Fraction = Fraction(25)) -> None:
        frame = picture.rgb if picture.alpha is None else picture.rgba()
        self._frames = frame[None]
        self.size = picture.size
        self.channels = frame.shape[-1]
        self.fps = fps
        self._notes = picture.notes

    @property
    def notes(self) -> tuple[str, ...]:
        return self._notes


class ArrayFrames(_InMemory):
    """Frames that are in memory already: uint8 (t, h, w, c)."""

    def __init__(self, frames: np.ndarray, fps: Fraction) -> None:
        if frames.ndim != 4 or frames.shape[-1] not in (3, 4) or not len(frames):
            raise InputError(f"Frames have the shape t h w 3 or t h w 4, not {frames.shape}.")
        self._frames = frames
        self.size = frames.shape[2], frames.shape[1]
        self.channels = frames.shape[3]
        self.fps = fps
        self.n_frames = len(frames)
        self.period = 1 if self.n_frames == 1 else None


class View(FrameSource):
    """A source that shows another one differently: what wraps a source derives from it.

    n_frames: how many are shown; None = as many as the source has, repeating as it does.
    """

    def __init__(self, source: FrameSource, n_frames: int | None = None) -> None:
        if n_frames is None:
            n_frames, self.lead, self.period = source.n_frames, source.lead, source.period
        if n_frames < 1:
            raise TimeError(f"{n_frames} frames were asked for; at least 1 is needed.")
        self.source = source
        self.size, self.channels, self.fps = source.size, source.channels, source.fps
        self.n_frames = n_frames

    def watch(self, watcher: Watcher) -> None:
        self.source.watch(watcher)

    def close(self) -> None:
        self.source.close()

    @property
    def reused(self) -> int:
        return self.source.reused

    def finish(self) -> None:
        self.source.finish()

    @property
    def notes(self) -> tuple[str, ...]:
        return self.source.notes

    def _cycle(self, lead: int, period: int) -> None:
        """Declare a repetition, where one is reached at all."""
        if self.n_frames > lead:
            self.lead, self.period = lead, period

    def _indices(self, start: int, stop: int) -> np.ndarray:
        return np.arange(start, min(stop, self.n_frames))


class _Mapped(View):
    """Frames of another source in another order."""

    @abstractmethod
    def shown(self, index: Any) -> Any:
        """Index, or array of indices, here -> in the source."""

    def read(self, start: int, stop: int) -> np.ndarray:
        return self.source.take(self.shown(self._indices(start, stop)))

    def digest(self) -> str | None:
        shown = np.asarray(self.shown(self._indices(0, self.n_frames)))
        return derived(self.source.digest(), shown.tobytes(), self.fps)

    def origin(self, index: int, at: FrameSource | None = None) -> tuple[FrameSource, int]:
        return (self, index) if self is at else self.source.origin(int(self.shown(index)), at)


class Held(_Mapped):
    """The source once, then its last frame for as long as needed."""

    def __init__(self, source: FrameSource, n_frames: int) -> None:
        super().__init__(source, n_frames)
        self._cycle(source.n_frames - 1, 1)

    def shown(self, index: Any) -> Any:
        return hold_index(index, self.source.n_frames)


class Looped(View):
    """The source again and again, hard or with the end blended into the next start.

    crossfade: frames of blending, 0 to n // 2. Each pass is then ``crossfade`` frames shorter, as
    the last frames of one pass lie over the first frames of the next.
    """

    def __init__(self, source: FrameSource, n_frames: int, crossfade: int = 0) -> None:
        super().__init__(source, n_frames)
        if not 0 <= 2 * crossfade <= source.n_frames:
            raise TimeError(
                f"A cross-fade of {crossfade} frames does not fit a clip of {source.n_frames}. "
                f"Use 0 to {source.n_frames // 2}."
            )
        self._fade = crossfade
        self._pass = source.n_frames - crossfade
        self._cycle(crossfade, self._pass)

    def origin(self, index: int, at: FrameSource | None = None) -> tuple[FrameSource, int]:
        if self is at or self._fade:  # blended frames are of no one source
            return self, index
        return self.source.origin(int(loop_index(index, self._pass)), at)

    def digest(self) -> str | None:
        return derived(self.source.digest(), "looped", self.n_frames, self._fade)

    def read(self, start: int, stop: int) -> np.ndarray:
        indices = self._indices(start, stop)
        frames = self.source.take(loop_index(indices, self._pass))
        blended = np.flatnonzero((indices >= self._pass) & (indices % self._pass < self._fade))
        if not len(blended):
            return frames
        step = indices[blended] % self._pass
        ending = self.source.take(step + self._pass)
        frames = frames.copy()
        frames[blended] = _mix(ending, frames[blended], step + 1, self._fade + 1)
        return frames


def _mix(a: np.ndarray, b: np.ndarray, part: np.ndarray, whole: int) -> np.ndarray:
    """``a`` to ``b`` in steps of ``part / whole``, rounded to nearest; part: one value a frame."""
    weight = part.reshape(-1, 1, 1, 1).astype(np.uint32)
    return ((a * (whole - weight) + b * weight + whole // 2) // whole).astype(np.uint8)


class PingPong(_Mapped):
    """There and back again; neither end frame is shown twice."""

    def __init__(self, source: FrameSource, n_frames: int) -> None:
        super().__init__(source, n_frames)
        self._cycle(0, ping_pong_period(source.n_frames))

    def shown(self, index: Any) -> Any:
        return ping_pong_index(index, self.source.n_frames)


class Mirrored(_Mapped):
    """There and back again, each end frame shown twice."""

    def __init__(self, source: FrameSource, n_frames: int) -> None:
        super().__init__(source, n_frames)
        self._cycle(0, 2 * source.n_frames)

    def shown(self, index: Any) -> Any:
        return mirrored_index(index, self.source.n_frames)


class Trimmed(View):
    """Frames ``[start, stop)`` of the source."""

    def __init__(self, source: FrameSource, start: int, stop: int) -> None:
        if not 0 <= start < stop <= source.n_frames:
            raise TimeError(
                f"Frames {start} to {stop} are not in a clip of {source.n_frames} frames."
            )
        super().__init__(source, stop - start)
        self._start = start
        if source.period is not None:
            self._cycle(max(0, source.lead - start), source.period)

    def watch(self, watcher: Watcher) -> None:
        self.source.watch(_counted(watcher, lambda done: done - self._start, self.n_frames))

    def read(self, start: int, stop: int) -> np.ndarray:
        stop = min(stop, self.n_frames)
        return self.source.read(start + self._start, stop + self._start)

    def origin(self, index: int, at: FrameSource | None = None) -> tuple[FrameSource, int]:
        return (self, index) if self is at else self.source.origin(index + self._start, at)

    def digest(self) -> str | None:
        return derived(self.source.digest(), "trimmed", self._start, self.n_frames)

    def finish(self) -> None:
        """A part is not all."""


class Resampled(_Mapped):
    """The source at another rate: of each moment the frame that is on screen then."""

    def __init__(self, source: FrameSource, fps: Fraction) -> None:
        ratio = source.fps / fps  # frames of the source for each one here
        super().__init__(source, -(-source.n_frames // ratio))
        self.fps, self._ratio = fps, ratio
        if source.period == 1:
            self._cycle(-(-source.lead // ratio), 1)

    def watch(self, watcher: Watcher) -> None:
        ratio = float(self._ratio)
        self.source.watch(_counted(watcher, lambda done: done / ratio, self.n_frames))

    def shown(self, index: Any) -> Any:
        return index * self._ratio.numerator // self._ratio.denominator


class Thinned(_Mapped):
    """One of ``every`` frames of the source, each shown so much longer."""

    def __init__(self, source: FrameSource, every: int) -> None:
        super().__init__(source, -(-source.n_frames // every))
        self.fps = source.fps / every
        self._every = every
        if source.period is not None:
            lead = -(-source.lead // every)
            self._cycle(lead, source.period // math.gcd(source.period, every))

    def watch(self, watcher: Watcher) -> None:
        self.source.watch(_counted(watcher, lambda done: done / self._every, self.n_frames))

    def shown(self, index: Any) -> Any:
        return index * self._every


class Fitted(View):
    """The source at another size."""

    def __init__(self, source: FrameSource, fit: Fit) -> None:
        super().__init__(source)
        self._fit = fit
        self.size = fit.size(*source.size)

    def read(self, start: int, stop: int) -> np.ndarray:
        return _each(self._fit.apply, self.source.read(start, stop))

    def digest(self) -> str | None:
        return derived(self.source.digest(), self._fit)


class Composed(View):
    """A source with alpha over one colour."""

    def __init__(self, source: FrameSource, color: RGB) -> None:
        super().__init__(source)
        self._color = color
        self.channels = 3

    def read(self, start: int, stop: int) -> np.ndarray:
        return _each(lambda frame: compose(frame, self._color), self.source.read(start, stop))


def _counted(watcher: Watcher, here: Callable[[float], float], n_frames: int) -> Watcher:
    """A watcher for a source whose count of frames is another one here."""

    def progress(done: float, total: int) -> None:
        watcher.progress(min(max(0.0, here(done)), n_frames), n_frames)

    return replace(watcher, progress=progress)


def _each(change: Any, frames: np.ndarray) -> np.ndarray:
    """Apply ``change`` to each frame; only once where all of them are one frame in memory."""
    if is_one_frame(frames):
        first = change(frames[0])
        return np.broadcast_to(first, (len(frames), *first.shape))
    return np.stack([change(frame) for frame in frames])


def is_one_frame(frames: np.ndarray) -> bool:
    """Whether all frames of a chunk are the same memory."""
    return len(frames) == 1 or frames.strides[0] == 0
