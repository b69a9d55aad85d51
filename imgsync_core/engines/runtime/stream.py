"""Windows in, frames out: nothing but the networks and one window is held, at any length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ...errors import EngineError, MemoryLimitError
from ...media.frames import FrameSource, View
from ...spool.store import Store
from ...timeline import Timeline
from ...watcher import NOBODY, Watcher
from ..base import Chunk, Values
from .batches import Batch, batches
from .resuming import BEGINNING, Carrier, Chunks, Making, Point, Resumed, State, restore, state_of

T = TypeVar("T")
Stepped = Callable[[float], None]
"""Called with the share of a window that is done, 0 to 1; stops it by raising."""


class StreamedFrames(View):
    """Finished frames, made when they are read, best in order.

    Going back makes all from the start again, but for what was made last and what a store has.
    """

    def __init__(
        self,
        source: FrameSource,
        timeline: Timeline,
        make: Making,
        *,
        size: tuple[int, int] | None = None,
        store: Store | None = None,
    ) -> None:
        """make(watcher, point): all chunks from there on, for whoever watches these frames.

        size: of a frame; None = that of the source.   store: where they are kept; None = nowhere.
        """
        super().__init__(source, timeline.n_frames)
        self.fps, self.size = timeline.fps, size or source.size
        self._make, self._watcher, self._store = make, NOBODY, store
        self._reused = 0
        self._coming: Chunks | None = None
        self._held: list[Chunk] = []

    def origin(self, index: int, at: FrameSource | None = None) -> tuple[FrameSource, int]:
        return self, index

    def read(self, start: int, stop: int) -> np.ndarray:
        stop = min(stop, self.n_frames)
        if self._coming is None or (self._held and start < self._held[0].start):
            self._coming = None  # it lets go of the store
            self._coming, self._held = self._begun(), []
        parts = []
        for chunk in self._until(start, stop):
            first, last = max(start, chunk.start), min(stop, chunk.stop)
            if first < last:
                self._reused += chunk.kept * (last - first)
                parts.append(chunk.data[first - chunk.start : last - chunk.start])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def watch(self, watcher: Watcher) -> None:
        self._watcher = watcher
        super().watch(Watcher(check=watcher.check, note=watcher.note))  # its frames are not ours

    def close(self) -> None:
        self._coming, self._held = None, []
        super().close()

    @property
    def reused(self) -> int:
        return self._reused

    def digest(self) -> str | None:
        return None if self._store is None else self._store.folder.name

    def finish(self) -> None:
        self._coming, self._held = None, []
        if self._store is not None:
            self._store.remove()
        super().finish()

    def _begun(self) -> Chunks:
        """All chunks from the first frame on."""
        if self._store is None:
            return self._make(self._forwarding(), BEGINNING)
        frame = self.size[1], self.size[0], self.channels
        resumed = Resumed(self._make, self._store, self.n_frames, frame)
        return resumed.chunks(self._forwarding())

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
                if self._held[-1].stop >= self.n_frames:
                    self._coming.close()  # it lets go of networks and the store
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
    carriers: what changes from window to window in any of these.
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
    carriers: tuple[Carrier, ...] = ()

    def chunks(self, watcher: Watcher, point: Point = BEGINNING) -> Chunks:
        """All frames from a point on, finished, in order."""
        restore(self.carriers, point.state)
        last: _Crops | None = None
        for batch in batches(self.matrix, self.n_frames, self.size, full=self.full):
            watcher.check()
            if batch.frames.stop <= point.frame:
                if self.full and batch.matrices and batch.frames.stop == point.frame:
                    last = self._crops(self._read(batch), batch)
                continue
            frames = self._read(batch)
            if batch.matrices:
                with torch.inference_mode():
                    frames, last = self._redrawn(frames, batch, last, watcher)
            watcher.progress(batch.frames.stop, self.n_frames)
            watcher.frame(frames[-1])
            yield Chunk(frames, batch.frames.start, partial(state_of, self.carriers))

    def _read(self, batch: Batch) -> np.ndarray:
        return self.source.read(batch.frames.start, batch.frames.stop)

    def _crops(self, frames: np.ndarray, batch: Batch) -> _Crops:
        """What is cut out of these frames, and heard at them."""
        heard = self.hear(batch.frames.start, batch.frames.stop)
        return _Crops(self.cut(frames[..., :3], torch.stack(batch.matrices)), heard)

    def _redrawn(
        self, frames: np.ndarray, batch: Batch, last: _Crops | None, watcher: Watcher
    ) -> tuple[np.ndarray, _Crops]:
        """The frames, and their crops for a window that has to look back."""
        own = self._crops(frames, batch)
        seen = own.joined(last, batch.again, batch.padding)

        def stepped(share: float) -> None:
            watcher.check()
            watcher.progress(batch.frames.start + share * len(batch.frames), self.n_frames)

        drawn = self.draw(*self._different(seen.pixels), seen.heard, stepped)
        drawn = drawn[batch.again : batch.again + len(batch.frames)]
        return self.paste(frames, drawn, own.pixels, torch.stack(batch.matrices)), own

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

    def state(self) -> State:
        """Whether memory has run out."""
        return {"low_memory": torch.tensor(self.low_memory)}

    def restore(self, state: State) -> None:
        """Go on in the plan that was gone over to."""
        self.low_memory = bool(state["low_memory"])

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


def counted(stepped: Stepped, total: int, before: int = 0) -> Callable[[], None]:
    """Tells the share that is done, each time that one of so many pieces is.

    before: pieces that were done earlier.
    """
    done = count(before + 1)
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
