"""Windows in, frames out: nothing but the networks and one window is held, at any length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ...errors import EngineError, MemoryLimitError
from ...media.frames import FrameSource, View
from ...timeline import Timeline
from ...watcher import NOBODY, Watcher
from ..base import Chunk, Values
from .batches import Batch, batches

T = TypeVar("T")
Stepped = Callable[[float], None]
"""Called with the share of a window that is done, 0 to 1; stops it by raising."""


class StreamedFrames(View):
    """Finished frames, made when they are read, best in order.

    Going back makes all from the start again, but for what was made last.
    """

    def __init__(
        self,
        source: FrameSource,
        timeline: Timeline,
        make: Callable[[Watcher], Iterator[Chunk]],
        *,
        size: tuple[int, int] | None = None,
    ) -> None:
        """make(watcher): all chunks from the first frame on, for whoever watches these frames.

        size: of a frame; None = that of the source.
        """
        super().__init__(source, timeline.n_frames)
        self.fps, self.size = timeline.fps, size or source.size
        self._make, self._watcher = make, NOBODY
        self._coming: Iterator[Chunk] | None = None
        self._held: list[Chunk] = []

    def origin(self, index: int, at: FrameSource | None = None) -> tuple[FrameSource, int]:
        return self, index

    def read(self, start: int, stop: int) -> np.ndarray:
        stop = min(stop, self.n_frames)
        if self._coming is None or (self._held and start < self._held[0].start):
            self._coming, self._held = self._make(self._forwarding()), []
        parts = []
        for chunk in self._until(start, stop):
            first, last = max(start, chunk.start), min(stop, chunk.stop)
            if first < last:
                parts.append(chunk.data[first - chunk.start : last - chunk.start])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def watch(self, watcher: Watcher) -> None:
        self._watcher = watcher
        super().watch(Watcher(check=watcher.check, note=watcher.note))  # its frames are not ours

    def close(self) -> None:
        self._coming, self._held = None, []
        super().close()

    def _forwarding(self) -> Watcher:
        """Tells whoever watches by then: frames outlive those who look at them."""

        def progress(done: float, total: int) -> None:
            self._watcher.progress(done * self.n_frames / total, self.n_frames)

        return Watcher(
            check=lambda: self._watcher.check(),
            progress=progress,
            frame=lambda frame: self._watcher.frame(frame),
            note=lambda sentence: self._watcher.note(sentence),
        )

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


@dataclass(frozen=True)
class _Crops:
    """Crops of consecutive frames and what is heard at them."""

    pixels: Tensor  # uint8 (f, 3, R, R)
    heard: Tensor  # (f, tokens, channels)

    def joined(self, before: _Crops | None, again: int, padding: int) -> _Crops:
        """With ``again`` frames of another piece before, and the last one repeated."""
        parts: list[_Crops] = [self]
        if again and before is not None:
            parts.insert(0, _Crops(before.pixels[-again:], before.heard[-again:]))
        if padding:
            last = _Crops(self.pixels[-1:], self.heard[-1:])
            parts += [last] * padding
        if len(parts) == 1:
            return self
        return _Crops(torch.cat([p.pixels for p in parts]), torch.cat([p.heard for p in parts]))


@dataclass(frozen=True)
class Redrawn:
    """Frames whose faces are cut out, drawn anew to a voice, and put back.

    source: frames, at least ``n_frames`` of them.
    matrix(index): frame to crop, (2, 3), or whatever else tells ``cut`` and ``paste`` the place;
        None where there is no face and nothing is drawn.
    hear(start, stop): what is heard at frames, (t, tokens, channels); start never goes back.
    cut(frames, matrices): uint8 (f, h, w, 3), (f, 2, 3) -> crops uint8 (f, 3, R, R).
    draw(crops, which, heard, stepped): different crops, which of them each frame shows, int64
        (f,), and what is heard -> new faces float32 (f, 3, R, R), about -1..1.
    paste(frames, drawn, crops, matrices): frames with their new faces.
    size: frames drawn at once.   full: see `batches`.
    alike: crops that are equal are given once: a still is encoded once.
    """

    source: FrameSource
    n_frames: int
    matrix: Callable[[int], Tensor | None]
    hear: Callable[[int, int], Tensor]
    cut: Callable[[np.ndarray, Tensor], Tensor]
    draw: Callable[[Tensor, Tensor, Tensor, Stepped], Tensor]
    paste: Callable[[np.ndarray, Tensor, Tensor, Tensor], np.ndarray]
    size: int
    full: bool = False
    alike: bool = True

    def chunks(self, watcher: Watcher) -> Iterator[Chunk]:
        """All frames, finished, in order."""
        last: _Crops | None = None
        for batch in batches(self.matrix, self.n_frames, self.size, full=self.full):
            watcher.check()
            frames = self.source.read(batch.frames.start, batch.frames.stop)
            if batch.matrices:
                with torch.inference_mode():
                    frames, last = self._redrawn(frames, batch, last, watcher)
            watcher.progress(batch.frames.stop, self.n_frames)
            watcher.frame(frames[-1])
            yield Chunk(frames, batch.frames.start)

    def _redrawn(
        self, frames: np.ndarray, batch: Batch, last: _Crops | None, watcher: Watcher
    ) -> tuple[np.ndarray, _Crops]:
        """The frames, and their crops for a window that has to look back."""
        matrices = torch.stack(batch.matrices)
        heard = self.hear(batch.frames.start, batch.frames.stop)
        own = _Crops(self.cut(frames[..., :3], matrices), heard)
        seen = own.joined(last, batch.again, batch.padding)

        def stepped(share: float) -> None:
            watcher.check()
            watcher.progress(batch.frames.start + share * len(batch.frames), self.n_frames)

        drawn = self.draw(*self._different(seen.pixels), seen.heard, stepped)
        drawn = drawn[batch.again : batch.again + len(batch.frames)]
        return self.paste(frames, drawn, own.pixels, matrices), own

    def _different(self, every: Tensor) -> tuple[Tensor, Tensor]:
        """Each crop once, and which of them each frame shows."""
        if not self.alike:
            return every, torch.arange(len(every))
        same = (every[1:] == every[:-1]).flatten(1).all(1)
        new = torch.cat([torch.ones(1, dtype=torch.bool), ~same.cpu()])
        return every[new.to(every.device)], new.long().cumsum(0) - 1


class Attempt:
    """Draws with a plan, and when memory runs out once more with less of it.

    low_memory: begin with the low-memory plan.   retry: go on in it when memory runs out.
    advice: what else to try, for the sentence when nothing helps.
    """

    def __init__(self, *, low_memory: bool, retry: bool, advice: tuple[str, ...] = ()) -> None:
        self.low_memory, self._retry, self._advice = low_memory, retry, advice

    @classmethod
    def of(cls, values: Values, *advice: str) -> Attempt:
        """As an engine's options say."""
        return cls(low_memory=values["low_memory"], retry=values["auto"], advice=advice)

    def __call__(self, draw: Callable[[bool], T]) -> T:
        """draw(low_memory). Raises MemoryLimitError."""
        try:
            return draw(self.low_memory)
        except RuntimeError as e:
            if not _is_out_of_memory(e):
                raise
            if self.low_memory or not self._retry:
                raise MemoryLimitError(self._sentence()) from e
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.low_memory = True
        return self(draw)

    def _sentence(self) -> str:
        plan = "the low-memory plan (--low-memory, or --auto if it is needed)"
        ways = [*([] if self.low_memory else [plan]), *self._advice]
        ways += ["closing other programs that use the device", "or the CPU"]
        return f"There is not enough memory for a window of frames. Try {', '.join(ways)}."


def counted(stepped: Stepped, total: int) -> Callable[[], None]:
    """Tells the share that is done, each time that one of so many pieces is."""
    done = count(1)
    return lambda: stepped(next(done) / total)


def _is_out_of_memory(error: RuntimeError) -> bool:
    return any(words in str(error) for words in ("out of memory", "allocate memory"))


def refuse_non_finite(x: Tensor, what: str, dtype: torch.dtype) -> None:
    """Raise EngineError where numbers went wrong; what: such as "The latents are"."""
    if not bool(torch.isfinite(x).all()):
        name = str(dtype).removeprefix("torch.")
        way = "Check the weights" if dtype == torch.float32 else "Try float32, or check the weights"
        raise EngineError(
            f"{what} no numbers any more (NaN or infinite, in {name}), so the picture would be "
            f"black. {way} (imgsync models verify)."
        )
