"""Animate: find the face, let an engine move it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .engines.base import PLAIN, Engine, Host
from .engines.choice import choose
from .engines.pace import Timed
from .engines.registry import AUTO, PREFERRED, engine
from .errors import FaceError, InputError
from .face.find import find_faces, pick
from .face.geometry import Face, from_points
from .face.tracks import FaceTrack, FollowedFace, GivenFaces, NoFace, StillFace
from .machine import Machine, look
from .media.frames import FrameSource
from .media.sound import Sound
from .timeline import Timeline

LOOKS = 120  # frames of a clip that are searched for a face before it counts as having none


@dataclass(frozen=True)
class Animation:
    """What is asked of an engine.

    engine: its name; ``auto`` = the best that can run, see ``decided``.
    face: the one to move; None = find it.
    index, point: which of several faces, by number or by a point in it.
    mouth, eyes: the user's own points, in pixels of the fitted picture; they win over finding.
    landmarks: all faces of each frame, found by somebody else; they win over finding too.
    seed: of what is left to chance.   strength: 0 to 2 of mouth, head, blink and expression.
    options: of the engine, by name (see `engines.registry.options_of`).
    host: the device that the engine runs on, and who listens to it.
    lively: a still first gets head, blinks and brows from the built-in engine, its mouth off, so
        that an engine which draws lips into a moving picture has one.
    """

    engine: str = "built-in"
    face: Face | None = None
    index: int | None = None
    point: tuple[float, float] | None = None
    mouth: tuple[float, float, float] | None = None
    eyes: tuple[tuple[float, float], tuple[float, float]] | None = None
    landmarks: Sequence[Sequence[Face]] | None = None
    seed: int = 0
    strength: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    host: Host = PLAIN
    lively: bool = False

    def made(self) -> Engine:
        """The engine that is asked for, by name. Raises InputError."""
        return engine(self.engine, self.options, self.host)

    def face_in(self, rgb: np.ndarray) -> Face:
        """The face to move in a picture uint8 (h, w, 3). Raises FaceError."""
        if self.face is not None:
            return self.face
        if self.mouth is not None:
            size = rgb.shape[1], rgb.shape[0]
            return from_points(size, mouth=self.mouth, eyes=self.eyes)
        if self.eyes is not None:
            raise InputError("Eyes alone do not say where the mouth is. Give the mouth too.")
        found = find_faces(rgb) if self.landmarks is None else self._first_landmarks()
        return pick(found, self.index, self.point)

    def _first_landmarks(self) -> Sequence[Face]:
        """The faces of the first frame that has any."""
        return next((faces for faces in self.landmarks or () if faces), ())

    def located(self, source: FrameSource) -> Animation:
        """The same, with the face of the source's first frame. Raises FaceError."""
        return replace(self, face=self.face_in(source.read(0, 1)[0, ..., :3]))

    def faces(self, source: FrameSource, losing: bool = False) -> FaceTrack:
        """The face in every frame of a source. Raises FaceError.

        losing: the face may come later than in the first frame. In a clip there is none where it
            cannot be seen.
        """
        if source.n_frames == 1 or not losing or self.landmarks is not None:
            first = self.face_in(source.read(0, 1)[0, ..., :3])
            if source.n_frames == 1:
                return StillFace(first)
            if self.landmarks is not None:
                return GivenFaces(source, self.landmarks, first)
            return FollowedFace(source, first)
        begin, first = self._first_seen(source)
        return FollowedFace(source, first, begin=begin)

    def _first_seen(self, source: FrameSource) -> tuple[int, Face]:
        """The first frame that shows the face, and where. Raises FaceError if none does."""

        def seen(index: int) -> Face | None:
            self.host.check()
            try:
                return self.face_in(source.read(index, index + 1)[0, ..., :3])
            except FaceError as e:
                errors.append(e)
                return None

        errors: list[FaceError] = []
        step = max(1, round(source.fps / 2), source.n_frames // LOOKS)
        for index in range(0, source.n_frames, step):
            face = seen(index)
            if face is not None:
                earlier = ((i, seen(i)) for i in range(max(0, index - step + 1), index))
                return next(((i, f) for i, f in earlier if f is not None), (index, face))
        raise errors[0]


def parse_which(text: str) -> tuple[int | None, tuple[float, float] | None]:
    """``""``, ``"1"`` or ``"x,y"`` as the index and the point of a face. Raises InputError."""
    text = text.strip()
    if not text:
        return None, None
    if text.isdecimal():
        return int(text), None
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"Face {text!r} is neither a number, such as 1, nor a point in it, such as 320,200."
        ) from None
    return None, (x, y)


def decided(
    source: FrameSource, how: Animation, n_frames: int, machine: Machine | None = None
) -> tuple[Animation, str]:
    """What is asked for, with the face found and the engine chosen; and why that one.

    ``auto`` counts on no device but the host's, and where it finds no face the picture is only
    extended. Raises FaceError where a face was asked for that is not there, or where the engine
    that was asked for needs one at once.
    """
    automatic = how.engine == AUTO
    try:
        how = how.located(source)
    except FaceError:
        if automatic:
            needed = how.index is not None or how.point is not None
        else:
            spec = how.made().spec
            needed = spec.face and not spec.loses_faces
        if needed:
            raise
    if not automatic:
        return how, ""
    engines = [engine(name, host=how.host) for name in PREFERRED]
    face = how.face is not None
    seen = (machine or look()).limited(str(how.host.device).partition(":")[0])
    choice = choose(seen, source.size, n_frames, face=face, engines=engines)
    return replace(how, engine=choice.engine), choice.reason


def animated(source: FrameSource, how: Animation, sound: Sound | None, timeline: Timeline) -> Timed:
    """The source with a face that speaks. Raises FaceError and InputError."""
    if sound is None:
        raise InputError("A face cannot speak without a sound. Give one, or use extend.")
    if how.engine == AUTO:
        how, _ = decided(source, how, timeline.n_frames)
    chosen = how.made()
    losing = chosen.spec.loses_faces
    if how.lively and source.n_frames == 1:
        quiet = {**how.strength, "mouth": 0.0}
        moving = replace(how, engine="built-in", options={}, strength=quiet, lively=False)
        source, losing = animated(source, moving, sound, timeline), False  # it is always there
    faces = how.faces(source, losing) if chosen.spec.face else NoFace()
    drawn = chosen.animate(source, faces, sound, timeline, seed=how.seed, strength=how.strength)
    options = tuple(sorted({**how.strength, **how.options}.items()))
    still = source.n_frames == 1
    kind = (how.engine, str(how.host.device), drawn.size, still, how.lively, options)
    return Timed(drawn, kind, still)
