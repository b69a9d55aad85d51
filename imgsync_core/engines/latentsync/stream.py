"""Window in, frames out: nothing but the networks and one window is held, at any length."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...errors import MemoryLimitError
from ...media.frames import FrameSource, OnStep
from ...timeline import Timeline
from ..base import Chunk, Host
from .align import Geometry, crops
from .draw import Drawer, Plan
from .mask import composite, pixel_values
from .paste import Paste
from .restore import restored
from .track import Track
from .ways import Way
from .windows import Batch, batches

Hear = Callable[[int, int], Tensor]
"""Frames [start, stop), start never going back -> what is heard at them, (t, tokens, channels)."""


@dataclass(frozen=True)
class Scene:
    """What is drawn, and onto what.

    source: frames, at least as many as are drawn.
    track: the face in each frame of the source.   hear: what is heard.
    n_frames: that are drawn; the timeline may show fewer.
    """

    source: FrameSource
    track: Track
    hear: Hear
    n_frames: int


@dataclass
class _Faces:
    """Crops of consecutive frames and what is heard at them."""

    crops: Tensor  # uint8 (f, 3, R, R)
    heard: Tensor  # (f, tokens, channels)

    def joined(self, before: _Faces | None, again: int, padding: int) -> _Faces:
        """With ``again`` frames of another piece before, and the last one repeated."""
        parts: list[_Faces] = [self]
        if again and before is not None:
            parts.insert(0, _Faces(before.crops[-again:], before.heard[-again:]))
        if padding:
            last = _Faces(self.crops[-1:], self.heard[-1:])
            parts += [last] * padding
        if len(parts) == 1:
            return self
        return _Faces(torch.cat([p.crops for p in parts]), torch.cat([p.heard for p in parts]))


class Painter:
    """Draws a scene batch by batch."""

    def __init__(
        self, scene: Scene, drawer: Drawer, geometry: Geometry, plan: Plan, way: Way, host: Host
    ) -> None:
        self.scene, self.drawer, self.geometry = scene, drawer, geometry
        self.plan, self.way, self.host = plan, way, host
        self._paste = Paste(geometry, drawer.mask)
        self._last: _Faces | None = None  # of the batch before, as context for a shifted one

    def chunks(self, size: int, *, retry: bool, check: Callable[[], None]) -> Iterator[Chunk]:
        """All frames, finished, in order.

        size: frames of a window.   retry: once, when memory runs out, go on with the frugal plan.
        check(): called after each step; may raise.
        """
        scene = self.scene
        for batch in batches(scene.track.matrix, scene.n_frames, size, full=self.way.full):
            check()
            frames = scene.source.read(batch.frames.start, batch.frames.stop)
            if batch.matrices:
                with torch.inference_mode():
                    frames = self._painted(frames, batch, retry, check)
            self._progress(batch.frames.stop, 0, 0)
            self.host.on_frames(frames)
            yield Chunk(frames, batch.frames.start)

    def _painted(
        self, frames: np.ndarray, batch: Batch, retry: bool, check: Callable[[], None]
    ) -> np.ndarray:
        matrices = torch.stack(batch.matrices)
        own = _Faces(
            crops(frames[..., :3], matrices, self.geometry, whole=self.way.entire),
            self.scene.hear(batch.frames.start, batch.frames.stop),
        )
        faces = own.joined(self._last, batch.again, batch.padding)
        self._last = own

        def stepped(step: int) -> None:
            check()
            self._progress(batch.frames.start, step + 1, len(batch.frames))

        drawn = self._drawn(faces, retry, stepped)[batch.again : batch.again + len(batch.frames)]
        return self._pasted(frames, drawn, own.crops, matrices)

    def _drawn(self, faces: _Faces, retry: bool, stepped: Callable[[int], None]) -> Tensor:
        different, which = self._different(faces.crops)
        try:
            return self.drawer.draw(different, which, faces.heard, self.plan, stepped)
        except RuntimeError as e:
            if not _is_out_of_memory(e):
                raise
            if self.plan.frugal or not retry:
                raise MemoryLimitError(_sentence(self.plan, self.geometry.resolution)) from e
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.plan = replace(self.plan, frugal=True)
        return self._drawn(faces, retry, stepped)

    def _different(self, every: Tensor) -> tuple[Tensor, Tensor]:
        """Each crop once, and which of them each frame shows: a still is encoded once."""
        if self.way.sampled:  # each has its own noise
            return every, torch.arange(len(every))
        same = (every[1:] == every[:-1]).flatten(1).all(1)
        new = torch.cat([torch.ones(1, dtype=torch.bool), ~same.cpu()])
        return every[new.to(every.device)], new.long().cumsum(0) - 1

    def _pasted(
        self, frames: np.ndarray, drawn: Tensor, original: Tensor, matrices: Tensor
    ) -> np.ndarray:
        values = pixel_values(original.to(drawn.device))
        if not self.way.whole:
            return self._paste.paste(frames, drawn, values, matrices)
        mixed = composite(drawn, values, self.drawer.mask).to(matrices)
        out = np.array(frames)
        for i, (frame, face, matrix) in enumerate(zip(frames, mixed, matrices, strict=True)):
            out[i, ..., :3] = restored(frame, face, matrix, self.geometry)
        return out

    def _progress(self, done: int, step: int, kept: int) -> None:
        """Steps are counted as if each frame had its own."""
        steps = self.plan.steps
        self.host.on_step(done * steps + step * kept, self.scene.n_frames * steps)


class Dubbed(FrameSource):
    """The finished frames, made when they are read, best in order.

    Going back makes all from the start again, but for what was made last.
    """

    def __init__(
        self,
        source: FrameSource,
        timeline: Timeline,
        make: Callable[[Callable[[], None]], Iterator[Chunk]],
    ) -> None:
        """make(check): all chunks from the first frame on; check() is to be called often."""
        self._source, self._make = source, make
        self.size, self.channels = source.size, source.channels
        self.fps, self.n_frames = timeline.fps, timeline.n_frames
        self._stop = threading.Event()
        self._on_step: OnStep | None = None
        self._coming: Iterator[Chunk] | None = None
        self._held: list[Chunk] = []

    def read(self, start: int, stop: int) -> np.ndarray:
        self._stop.clear()
        stop = min(stop, self.n_frames)
        if self._coming is None or (self._held and start < self._held[0].start):
            self.restart()
        parts = []
        for chunk in self._until(start, stop):
            first, last = max(start, chunk.start), min(stop, chunk.stop)
            if first < last:
                parts.append(chunk.data[first - chunk.start : last - chunk.start])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def watch(self, on_step: OnStep | None) -> None:
        self._on_step = on_step

    def told(self, host: Host) -> Host:
        """The host, with who watches these frames told as well."""

        def stepped(done: int, total: int) -> None:
            host.on_step(done, total)
            if self._on_step is not None:
                self._on_step(done / total * self.n_frames, None)

        def finished(frames: np.ndarray) -> None:
            host.on_frames(frames)
            if self._on_step is not None:
                self._on_step(0, frames[-1])  # how many there are was said by the last step

        return replace(host, on_step=stepped, on_frames=finished)

    def _until(self, start: int, stop: int) -> list[Chunk]:
        """Chunks that hold frames ``[start, stop)``; those before are let go."""
        try:
            while not self._held or self._held[-1].stop < stop:
                assert self._coming is not None
                self._held.append(next(self._coming))
                while len(self._held) > 1 and self._held[0].stop <= start:
                    self._held.pop(0)
        except BaseException:
            self._coming, self._held = None, []
            raise
        return self._held

    def restart(self) -> None:
        """Begin with the first frame when frames are read next."""
        self._coming, self._held = self._make(self._check), []

    def _check(self) -> None:
        if self._stop.is_set():
            raise _CancelledError

    def cancel(self) -> None:
        self._stop.set()
        self._source.cancel()

    def close(self) -> None:
        self._coming, self._held = None, []
        self._source.close()


class _CancelledError(Exception):
    """Somebody else's thread said so; nobody is to see it."""


def _is_out_of_memory(error: RuntimeError) -> bool:
    return any(words in str(error) for words in ("out of memory", "allocate memory"))


def _sentence(plan: Plan, resolution: int) -> str:
    ways = [] if plan.frugal else ["the low-memory plan (--low-memory, or --auto if it is needed)"]
    ways += ["LatentSync 1.5, whose crops are 256 pixels"] if resolution > 256 else []
    ways += ["closing other programs that use the device", "or the CPU"]
    return f"There is not enough memory for a window of frames. Try {', '.join(ways)}."
