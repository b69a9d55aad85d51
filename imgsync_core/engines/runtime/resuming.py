"""Making frames from somewhere in the middle, and keeping what is made.

::

    segment   |  0  |  1  |  2  |  3  |  4  |          each ends where making can begin again
    store     |taken|taken| -- |taken| -- |
    engine                |made|       |made|          begins with the state after the one before

A segment is a few chunks. With it the store keeps what drawing goes on with after it: what an
engine carries from window to window, such as random generators or the last frames.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

from safetensors.torch import load, save
from torch import Tensor

from ...spool.packing import Packer
from ...spool.store import Store, kept_in_words
from ...watcher import Watcher
from ..base import Chunk

LEAST = 12  # frames of a segment, if any; it ends where making can begin, so it may be longer
MOST = 512  # frames; whoever makes more in one go cannot be resumed

State = Mapping[str, Tensor]


class Carrier(Protocol):
    """Something that changes from window to window."""

    def state(self) -> State:
        """All that changes, as it is now, in memory of its own."""
        ...

    def restore(self, state: State) -> None:
        """Be as then."""
        ...


def state_of(carriers: Iterable[Carrier]) -> State:
    """The states of several, as one."""
    each = (carrier.state() for carrier in carriers)
    return {f"{i}.{name}": x for i, state in enumerate(each) for name, x in state.items()}


def restore(carriers: Iterable[Carrier], state: State) -> None:
    """Let several be as they were then; nothing where the state is empty: from the beginning."""
    for i, carrier in enumerate(carriers):
        own = {k.removeprefix(f"{i}."): x for k, x in state.items() if k.startswith(f"{i}.")}
        if own:
            carrier.restore(own)


@dataclass(frozen=True)
class Point:
    """Where making begins: at this frame, with what is carried on from those before it."""

    frame: int = 0
    state: State = field(default_factory=dict)


BEGINNING = Point()
Chunks = Generator[Chunk, None, None]
Making = Callable[[Watcher, Point], Chunks]
"""All chunks from a point on, for whoever watches."""


class Resumed:
    """Chunks that a store has, and between them those that are made and kept.

    make: as of `Making`.   frame: (h, w, c) of the frames.
    """

    def __init__(
        self, make: Making, store: Store, n_frames: int, frame: tuple[int, int, int]
    ) -> None:
        self._make, self._store, self._n, self._frame = make, store, n_frames, frame
        self._keeping = True

    def chunks(self, watcher: Watcher) -> Chunks:
        """All chunks from the first frame on, made where they are missing."""
        if why := self._store.open(self._frame):
            watcher.note(f"nothing of this video is kept in case it is interrupted: {why}")
            yield from self._make(watcher, BEGINNING)
            return
        if ready := self._store.ready():
            watcher.note(kept_in_words(ready, self._n))
        number = frame = 0
        try:
            while frame < self._n:
                frames = self._store.frames(number, frame)
                if frames is None:
                    number, frame = yield from self._made(number, frame, watcher)
                    continue
                if len(frames):
                    watcher.check()
                    watcher.progress(frame + len(frames), self._n)
                    yield Chunk(frames, frame, kept=True)
                number, frame = number + 1, frame + len(frames)
        finally:
            self._store.close()

    def _made(
        self, wanted: int, frame: int, watcher: Watcher
    ) -> Generator[Chunk, None, tuple[int, int]]:
        """Chunks from a segment on that is missing, up to one that is there; which, and where.

        Drawing may have to begin earlier, with a state that is there.
        """
        number, point = self._before(wanted)
        start, n, packer = point.frame, 0, Packer()
        with closing(self._make(watcher, point)) as making:
            for chunk in making:
                n += len(chunk.data)
                if self._keeping and number >= wanted:
                    packer.add(chunk.data)
                last = chunk.stop >= self._n
                ends = last or (chunk.carried is not None and (n == 0 or n >= LEAST))
                if n > MOST or (ends and number >= wanted):
                    self._keep(number, start, packer, None if last else chunk, watcher)
                if chunk.start >= frame and len(chunk.data):
                    yield chunk
                if ends:
                    number, start, n, packer = number + 1, chunk.stop, 0, Packer()
                    if number > wanted and self._store.has(number):
                        break
        return number, start

    def _before(self, wanted: int) -> tuple[int, Point]:
        """The last segment up to that number that can be begun with, and where it begins."""
        for number in range(wanted, 0, -1):
            state = self._store.state(number - 1)
            if state is not None:
                return number, Point(self._store.stop(number - 1), load(state))
        return 0, BEGINNING

    def _keep(
        self, number: int, start: int, packer: Packer, last: Chunk | None, watcher: Watcher
    ) -> None:
        """Keep a segment, or say why nothing more is kept.

        last: its last chunk; None where drawing does not go on after it.
        """
        if not self._keeping:
            return
        why, state = "", None
        if last is not None:
            if last.carried is None:
                why = "drawing could not begin again in the middle of it"
            else:
                state = save({name: x.contiguous() for name, x in last.carried().items()})
        why = why or self._store.put(number, start, packer, state)
        if why:
            self._keeping = False
            watcher.note(f"{start} frames are kept in case it is interrupted, and no more: {why}")
