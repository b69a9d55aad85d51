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


class _Folded(FaceTrack):
    """A track that repeats where its source does, so that no frame is looked at twice."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self.n_frames = source.n_frames
        if source.period is not None:
            self.n_frames = min(source.n_frames, source.lead + source.period)

    def _fold(self, index: int) -> int:
        lead = self._source.lead
        return index if index < self.n_frames else lead + (index - lead) % (self.n_frames - lead)


class GivenFaces(_Folded):
    """Faces that somebody else found, of which the one that is kept to is taken."""

    def __init__(self, source: FrameSource, faces: Sequence[Sequence[Face]], first: Face) -> None:
        """faces: all faces of each of the first ``n_frames`` frames.   first: the one to keep to.

        The last entry stands for the frames after it.
        """
        super().__init__(source)
        self._faces = list(follow_given(faces[: self.n_frames], first))

    def at(self, index: int) -> Face | None:
        return self._faces[min(self._fold(index), len(self._faces) - 1)]


class FollowedFace(_Folded):
    """A face followed through the frames, each looked at once, as far as somebody asks.

    Keeps 34 numbers a frame: 12 MB for an hour.
    """

    def __init__(self, source: FrameSource, first: Face, *, begin: int = 0) -> None:
        """begin: the frame in which the first face is; it is not to be seen before."""
        super().__init__(source)
        self._first, self._begin = first, begin
        self._rows: list[np.ndarray | None] = []
        self._coming: Iterator[Face | None] | None = None

    def at(self, index: int) -> Face | None:
        index = self._fold(index)
        if self._coming is None:
            seen = range(self._begin, self.n_frames)
            frames = (self._source.read(i, i + 1)[0, ..., :3] for i in seen)
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
