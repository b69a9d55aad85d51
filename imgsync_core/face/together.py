"""Several faces of one picture that were animated one by one, in one picture again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..media.frames import FrameSource, View
from ..watcher import Watcher
from .geometry import Face
from .tracks import FaceTrack

Part = tuple[FrameSource, FaceTrack]
"""Frames in which one face was animated, and where that face is in them."""


class Together(View):
    """Every pixel as in the part whose face is next to it, in sizes of that face.

    Parts differ from each other only around their faces, so where two meet nothing is to be seen.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(parts[0][0])
        self.parts = tuple(parts)
        self.period = None
        self._places: tuple[tuple[float, ...], ...] = ()
        self._owners = np.zeros(0, np.intp)

    def read(self, start: int, stop: int) -> np.ndarray:
        drawn = [source.read(start, stop) for source, _ in self.parts]
        frames = np.array(drawn[0])
        for i, frame in enumerate(frames):
            seen = [track.at(start + i) for _, track in self.parts]
            owner = self._owner(seen)
            for number in range(1, len(drawn)):
                theirs = owner == number
                frame[theirs] = drawn[number][i][theirs]
        return frames

    def _owner(self, faces: Sequence[Face | None]) -> np.ndarray:
        """Whose each pixel is: (h, w) numbers of parts; of who is not to be seen nothing is."""
        places = tuple((0.0, 0.0, 0.0) if f is None else (*f.oval[:2], f.iod) for f in faces)
        if places != self._places:
            width, height = self.size
            y, x = np.ogrid[:height, :width]
            far = [
                np.broadcast_to(
                    np.inf if not iod else ((x - a) ** 2 + (y - b) ** 2) / iod**2, (height, width)
                )
                for a, b, iod in places
            ]
            self._places, self._owners = places, np.argmin(far, axis=0)
        return self._owners

    def watch(self, watcher: Watcher) -> None:
        """All of them together count as one."""
        done = [0.0] * len(self.parts)

        def of(number: int) -> Watcher:
            def progress(so_far: float, total: int) -> None:
                done[number] = so_far
                watcher.progress(sum(done) / len(done), total)

            return replace(watcher, progress=progress)

        for number, (source, _) in enumerate(self.parts):
            source.watch(of(number))

    def close(self) -> None:
        for source, _ in self.parts:
            source.close()

    @property
    def reused(self) -> int:
        return min(source.reused for source, _ in self.parts)

    def finish(self) -> None:
        for source, _ in self.parts:
            source.finish()

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(note for source, _ in self.parts for note in source.notes))
