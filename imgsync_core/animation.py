"""Animate: find the face, let an engine move it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .engines.registry import engine
from .errors import InputError
from .face.find import find_faces, pick
from .face.geometry import Face, from_points
from .media.frames import FrameSource
from .media.sound import Sound
from .timeline import Timeline


@dataclass(frozen=True)
class Animation:
    """What is asked of an engine.

    engine: its name.   face: the one to move; None = find it.
    index, point: which of several faces, by number or by a point in it.
    mouth, eyes: the user's own points, in pixels of the fitted picture; they win over finding.
    seed: of what is left to chance.   strength: 0 to 2 of mouth, head, blink and expression.
    """

    engine: str = "built-in"
    face: Face | None = None
    index: int | None = None
    point: tuple[float, float] | None = None
    mouth: tuple[float, float, float] | None = None
    eyes: tuple[tuple[float, float], tuple[float, float]] | None = None
    seed: int = 0
    strength: Mapping[str, float] = field(default_factory=dict)

    def face_in(self, rgb: np.ndarray) -> Face:
        """The face to move in a picture uint8 (h, w, 3). Raises FaceError."""
        if self.face is not None:
            return self.face
        if self.mouth is not None:
            size = rgb.shape[1], rgb.shape[0]
            return from_points(size, mouth=self.mouth, eyes=self.eyes)
        if self.eyes is not None:
            raise InputError("Eyes alone do not say where the mouth is. Give the mouth too.")
        return pick(find_faces(rgb), self.index, self.point)


def animated(
    source: FrameSource, how: Animation, sound: Sound | None, timeline: Timeline
) -> FrameSource:
    """The source with a face that speaks. Raises FaceError and InputError."""
    if sound is None:
        raise InputError("A face cannot speak without a sound. Give one, or use extend.")
    face = how.face_in(source.read(0, 1)[0, ..., :3])
    return engine(how.engine).animate(
        source, face, sound, timeline, seed=how.seed, strength=how.strength
    )
