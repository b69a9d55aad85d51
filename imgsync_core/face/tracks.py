"""Where the one face that speaks is in each frame of a picture or a clip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from ..media.frames import FrameSource
from .follow import follow, follow_given
from .geometry import POINTS, TUPLES, Face


class FaceTrack(ABC):
    """The face of each frame."""

    @abstractmethod
    def at(self, index: int) -> Face | None:
        """The face in that frame; None where it cannot be seen."""


class NoFace(FaceTrack):
    """For who needs none."""

    def at(self, index: int) -> Face | None:
        return None


class StillFace(FaceTrack):
    """A face that is where it is in every frame."""

    def __init__(self, face: Face) -> None:
        self.face = face

    def at(self, index: int) -> Face | None:
        return self.face


class _OfClip(FaceTrack):
    """A track of the frames of a clip, however they are put in order afterwards.

    So that each is looked at once where a clip is played again, or there and back.
    """

    def __init__(self, clip: FrameSource, shown: FrameSource) -> None:
        """shown: what the clip was made into; where frames were mixed, it is looked at itself."""
        last = shown.origin(shown.n_frames - 1, clip)[0]
        self._clip = clip if last is clip else shown
        self._shown = shown
        self._repeats = self._clip.n_frames
        if self._clip.period is not None:
            self._repeats = min(self._clip.n_frames, self._clip.lead + self._clip.period)

    def _index(self, index: int) -> int:
        """The frame of the clip that is shown."""
        index = self._shown.origin(index, self._clip)[1]
        lead = self._clip.lead
        return index if index < self._repeats else lead + (index - lead) % (self._repeats - lead)


class GivenFaces(_OfClip):
    """Faces that somebody else found, of which the one that is kept to is taken."""

    def __init__(
        self,
        clip: FrameSource,
        shown: FrameSource,
        faces: Sequence[Sequence[Face]],
        first: Face,
    ) -> None:
        """faces: all faces of each frame of the clip; the last entry stands for those after it.

        first: the one to keep to.
        """
        super().__init__(clip, shown)
        self._faces = list(follow_given(faces[: self._repeats], first))

    def at(self, index: int) -> Face | None:
        return self._faces[min(self._index(index), len(self._faces) - 1)]


class FollowedFace(_OfClip):
    """A face followed through the frames of a clip, each looked at once, as far as somebody asks.

    Keeps 34 numbers a frame: 12 MB for an hour.
    """

    def __init__(
        self, clip: FrameSource, shown: FrameSource, first: Face, *, begin: int = 0
    ) -> None:
        """begin: the frame in which the first face is; it is not to be seen before."""
        super().__init__(clip, shown)
        self._first, self._begin = first, begin
        self._rows: list[np.ndarray | None] = []
        self._coming: Iterator[Face | None] | None = None

    def at(self, index: int) -> Face | None:
        index = self._index(index)
        if self._coming is None:
            seen = range(self._begin, self._repeats)
            frames = (self._clip.read(i, i + 1)[0, ..., :3] for i in seen)
            self._rows = [None] * self._begin
            self._coming = follow(frames, self._first)
        while len(self._rows) <= index:
            face = next(self._coming)
            self._rows.append(None if face is None else _packed(face))
        row = self._rows[index]
        return None if row is None else _unpacked(row, self._first.source)


def _packed(face: Face) -> np.ndarray:
    parts = [np.ravel(getattr(face, name)) for name in (*POINTS, *TUPLES)]
    return np.concatenate([*parts, [face.inner, face.confidence]]).astype(np.float32)


def _unpacked(row: np.ndarray, source: str) -> Face:
    numbers = iter(row.astype(float).tolist())

    def take(n: int) -> list[float]:
        return [next(numbers) for _ in range(n)]

    points = {
        name: np.array(take(4)).reshape(2, 2) if name in ("eyes", "brows", "mouth")
        else np.array(take(2))
        for name in POINTS
    }  # fmt: skip
    tuples = {name: tuple(take(n)) for name, n in TUPLES.items()}
    inner, confidence = take(2)
    return Face(**points, **tuples, inner=inner, confidence=confidence, source=source)  # type: ignore[arg-type]
