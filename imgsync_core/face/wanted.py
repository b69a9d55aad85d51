"""Which face is to be moved: what the user or another program says of it, or the finder's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import FaceError, InputError
from ..media.fit import Mapping
from ..media.frames import FrameSource
from .find import find_faces, pick
from .geometry import Face, from_points
from .tracks import FaceTrack, FollowedFace, GivenFaces, StillFace

_DIGITS = 9  # of a number of a face, or more
LOOKS = 120  # frames of a clip that are searched for a face before it counts as having none


@dataclass(frozen=True)
class WantedFace:
    """What is said of the face to move.

    face: the very one, in the first frame; None = find it.
    index, point: which of several faces, by number or by a point in it.
    from_left: (i, n) = of the n largest faces the one with i others to its left.
    mouth, eyes: the user's own points, in pixels of the fitted picture; they win over finding.
    landmarks: all faces of each frame, found by somebody else; they win over finding too.
    faceless: somebody has looked already and found none; why, as a sentence.
    """

    face: Face | None = None
    index: int | None = None
    point: tuple[float, float] | None = None
    from_left: tuple[int, int] | None = None
    mouth: tuple[float, float, float] | None = None
    eyes: tuple[tuple[float, float], tuple[float, float]] | None = None
    landmarks: Sequence[Sequence[Face]] | None = None
    faceless: str = ""

    @property
    def is_certain(self) -> bool:
        """Somebody says that it is there."""
        said = (self.face, self.index, self.point, self.from_left, self.mouth)
        return any(x is not None for x in said)

    def face_in(self, rgb: np.ndarray) -> Face:
        """The face to move in a picture uint8 (h, w, 3). Raises FaceError."""
        if self.face is not None:
            return self.face
        if self.mouth is not None:
            size = rgb.shape[1], rgb.shape[0]
            return from_points(size, mouth=self.mouth, eyes=self.eyes)
        if self.eyes is not None:
            raise InputError("Eyes alone do not say where the mouth is. Give the mouth too.")
        if self.faceless:
            raise FaceError(self.faceless)
        found = find_faces(rgb) if self.landmarks is None else self._first_landmarks()
        if self.from_left is not None:
            i, n = self.from_left
            if len(found) < n:
                raise FaceError(f"{n} faces are to speak, and {len(found)} are in the picture.")
            found = [sorted(found[:n], key=lambda face: float(face.centre[0]))[i]]
        return pick(found, self.index, self.point)

    def through(self, way: Mapping) -> WantedFace:
        """The same of the picture after it is fitted."""

        def at(x: float, y: float) -> tuple[float, float]:
            return x * way.sx + way.dx, y * way.sy + way.dy

        def fitted(face: Face) -> Face:
            return face.scaled(way.sx, way.sy).moved(way.dx, way.dy)

        faces = self.landmarks
        return replace(
            self,
            face=self.face and fitted(self.face),
            point=self.point and at(*self.point),
            mouth=self.mouth and (*at(*self.mouth[:2]), self.mouth[2] * way.sx),
            eyes=self.eyes and (at(*self.eyes[0]), at(*self.eyes[1])),
            landmarks=faces and [[fitted(face) for face in frame] for frame in faces],
        )

    def _first_landmarks(self) -> Sequence[Face]:
        """The faces of the first frame that has any."""
        return next((faces for faces in self.landmarks or () if faces), ())

    def first_seen(
        self, source: FrameSource, check: Callable[[], None] = lambda: None
    ) -> tuple[int, Face]:
        """The first frame that shows the face, and where it is. Raises FaceError if none does.

        check(): called for every frame; what it raises cancels.
        """

        def seen(index: int) -> Face | None:
            check()
            try:
                return self.face_in(source.read(index, index + 1)[0, ..., :3])
            except FaceError as e:
                errors.append(e)
                return None

        errors: list[FaceError] = []
        step = max(1, round(source.fps / 2), source.n_frames // LOOKS)
        searched = range(0, 1 if self.landmarks is not None else source.n_frames, step)
        for index in searched:
            face = seen(index)
            if face is not None:
                earlier = ((i, seen(i)) for i in range(max(0, index - step + 1), index))
                return next(((i, f) for i, f in earlier if f is not None), (index, face))
        raise errors[0]

    def track(
        self, clip: FrameSource, shown: FrameSource, first: Face, begin: int = 0
    ) -> FaceTrack:
        """Where the face is in every frame that is shown.

        clip: the source itself.   shown: what it was made into, such as the clip there and back.
        first, begin: as ``first_seen`` says of the clip. In a clip the face may be absent.
        """
        if shown.n_frames == 1 or (clip.n_frames == 1 and shown.period == 1):
            return StillFace(first)
        if self.landmarks is not None:
            return GivenFaces(clip, shown, self.landmarks, first)
        return FollowedFace(clip, shown, first, begin=begin)


def parse_which(text: str) -> tuple[int | None, tuple[float, float] | None]:
    """``""``, ``"1"`` or ``"x,y"`` as the index and the point of a face. Raises InputError."""
    text = text.strip()
    if not text:
        return None, None
    if text.isdecimal() and len(text) < _DIGITS:
        return int(text), None
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"Face {text!r:.40} is neither a number, such as 1, nor a point in it, such as 320,200."
        ) from None
    return None, (x, y)
