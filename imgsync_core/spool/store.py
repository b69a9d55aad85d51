"""The finished pieces of one job: segments of frames, and what drawing goes on with after each.

::

    job/   manifest   lock   000000-0-16.frames   000000.state   000001-16-32.frames ...
                             number, first frame, one past the last

A segment's state is written before its frames: where the frames are, all is there. Large states of
segments before the last two are deleted.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError
from ..locks import locked
from ..machine import free_disk, readable
from ..timeline import frames_in_words
from .files import PART, bytes_in, private_folder, read_whole, write_whole
from .packing import Packer, unpacked

MANIFEST, LOCK = "manifest", "lock"
FRAMES = re.compile(r"(\d{6,})-(\d+)-(\d+)\.frames")
SMALL = 64 << 10  # bytes of a state that may stay
RESERVE = 2_000_000_000  # bytes of the disk that are never used


class Store:
    """Where one job's segments are. Nothing is written before it is opened.

    folder: of the job.   manifest: what tells it from others, and how it looks to people.
    room: bytes that it may take.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any], room: int) -> None:
        self.folder = folder
        self._manifest, self._room = dict(manifest), room
        self._frame = 0, 0, 0
        self._held = ExitStack()
        self._writes = False
        self._segments: dict[int, tuple[int, int]] = {}  # of frames, by number
        self._bytes = 0

    def open(self, frame: tuple[int, int, int]) -> str:
        """Hold the job, so that no other run writes into it. Returns why not, in words.

        frame: (h, w, c) of its frames.
        """
        self._frame = frame
        try:
            private_folder(self.folder.parent)
            private_folder(self.folder)
            if not self._held.enter_context(locked(self.folder / LOCK)):
                self.close()
                return "another run works on the same"
            for part in self.folder.glob(f"*{PART}"):  # of a run that was killed
                part.unlink()
            if manifest_of(self.folder) is None:
                write_whole(self.folder / MANIFEST, [json.dumps(self._manifest).encode()])
        except OSError as e:
            self.close()
            return _reason(e)
        self._segments, self._bytes = segments(self.folder), bytes_in(self.folder)
        self._writes = True
        return ""

    def close(self) -> None:
        """Let go of the job."""
        self._writes, self._segments = False, {}
        self._held.close()

    def has(self, number: int) -> bool:
        """Whether there is a segment of that number; it may turn out to be damaged."""
        return number in self._segments

    def stop(self, number: int) -> int:
        """One past the last frame of a segment that is there."""
        return self._segments[number][1]

    def frames(self, number: int, start: int) -> np.ndarray | None:
        """A segment's frames from ``start`` on, uint8 (t, h, w, c); None = it is to be made."""
        first, stop = self._segments.get(number, (-1, -1))
        packed = read_whole(self._named(number, first, stop)) if first == start else None
        if packed is not None:
            h, w, c = self._frame
            # nobody but this library writes here, but anybody can copy files
            with contextlib.suppress(ValueError):
                return unpacked(packed, (stop - first, h, w, c))
        self._segments.pop(number, None)
        return None

    def state(self, number: int) -> bytes | None:
        """What drawing goes on with after a segment; None where it cannot begin there."""
        found = read_whole(self._state(number)) if number in self._segments else None
        return None if found is None else bytes(found)

    def put(self, number: int, start: int, frames: Packer, state: bytes | None) -> str:
        """Keep a segment. Returns why it and all that follow cannot be kept; empty = it is.

        state: None where the job ends with it.
        """
        if not self._writes:
            return ""
        packed = frames.packed()
        needed, why = sum(map(len, packed)) + len(state or b""), ""
        free = free_disk(self.folder)
        if free is not None and free - needed < RESERVE:
            why = f"its disk has only {readable(free)} left"
        elif self._bytes + needed > self._room:
            why = f"it has reached its limit of {readable(self._room)}"
        else:
            why = self._written(number, start, frames.n_frames, packed, state)
        self._writes = not why
        self._bytes += needed
        return why

    def _written(
        self, number: int, start: int, n: int, packed: list[bytes], state: bytes | None
    ) -> str:
        try:
            if state is not None:
                write_whole(self._state(number), [state])
            write_whole(self._named(number, start, start + n), packed)
        except OSError as e:
            return _reason(e)
        self._segments[number] = start, start + n
        with contextlib.suppress(OSError):  # the first two have none before them
            old = self._state(number - 2)
            size = old.stat().st_size
            if size > SMALL:
                old.unlink()
                self._bytes -= size
        return ""

    def remove(self) -> None:
        """Delete all of it, unless another run works on it."""
        with contextlib.suppress(OutputError):
            remove(self.folder)

    def ready(self) -> int:
        """Frames from the first on that are there, as the names say."""
        return ready(self.folder)

    def _named(self, number: int, start: int, stop: int) -> Path:
        return self.folder / f"{number:06}-{start}-{stop}.frames"

    def _state(self, number: int) -> Path:
        return self.folder / f"{number:06}.state"


def remove(folder: Path) -> None:
    """Delete a job. Raises OutputError where a run works on it, or where it cannot be deleted."""
    if not folder.is_dir():
        return
    try:
        with locked(folder / LOCK) as ours:
            if not ours:
                raise OutputError(f"{folder.name} is being drawn right now. Stop that run first.")
            for path in folder.iterdir():
                if path.name != LOCK:
                    path.unlink()
            if (folder / LOCK).exists():
                shutil.rmtree(folder, ignore_errors=True)  # Windows: not while it is open
        shutil.rmtree(folder, ignore_errors=True)
    except OSError as e:
        raise OutputError(f"{folder} cannot be deleted ({_reason(e)}).") from e


def is_held(folder: Path) -> bool:
    """Whether a run works on a job right now."""
    try:
        with locked(folder / LOCK) as ours:
            return not ours
    except OSError:
        return False


def read_json(path: Path) -> Any:
    """What was written as JSON, or None where it is not there, torn, or something else."""
    data = read_whole(path)
    try:
        return None if data is None else json.loads(bytes(data))
    except (ValueError, RecursionError):
        return None


def manifest_of(folder: Path) -> dict[str, Any] | None:
    """What tells a job from others: engine, frames, and about; None where nothing sound does."""
    match found := read_json(folder / MANIFEST):
        case {"engine": str(), "frames": int(frames), "about": dict(about)}:
            words = about.get("words") or []
            texts = [text for name, text in about.items() if name != "words" and text is not None]
            whole = isinstance(words, list) and not isinstance(frames, bool)
            return found if whole and all(isinstance(t, str) for t in (*words, *texts)) else None
    return None


def segments(folder: Path) -> dict[int, tuple[int, int]]:
    """Frames ``[start, stop)`` of each segment whose name is there."""
    if not folder.is_dir():
        return {}
    names = (FRAMES.fullmatch(path.name) for path in folder.iterdir())
    return {int(m[1]): (int(m[2]), int(m[3])) for m in names if m is not None}


def ready(folder: Path) -> int:
    """Frames from the first on that are there, as the names of segments say."""
    found, done, number = segments(folder), 0, 0
    while number in found and found[number][0] == done:
        done, number = found[number][1], number + 1
    return done


def kept_in_words(n: int, total: int) -> str:
    """For people: how much of a video need not be drawn again."""
    return f"{n} of {frames_in_words(total)} were kept from a run before and are not drawn again"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
