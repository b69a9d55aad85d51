"""One face through the frames of a clip: followed by where it is and by what it looks like.

No network knows people here. A face's look is the upper half of it on a coarse grid (hair line,
brows, eyes, nose: what speech does not move), light and colour apart, so that it tells the two
people of a conversation apart, not twins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .find import distance, find_faces, near
from .geometry import Face, Frame
from .pixels import reduced, sampled

GRID = np.meshgrid(np.linspace(-1.0, 1.0, 16), np.linspace(-0.9, 0.75, 14))  # u, v in IOD
DETAIL = 9  # px between the eyes at which a look is taken
COLOUR = 2.0  # weight of the difference of colour against the likeness of light
STRANGER = 0.5  # likeness under which a face that turns up is somebody else
DIFFERENT = 0.3  # likeness under which a face that was being followed has been swapped
LEARNED = 0.05  # how much of a new look goes into the known one
FAR = 3.0  # IOD beyond which nearness says nothing
AGAIN = 6  # frames between two searches of the whole picture


@dataclass(frozen=True)
class Look:
    """light: (14, 16), of mean 0 and variance 1.   colour: (2, 14, 16) log ratios."""

    light: np.ndarray
    colour: np.ndarray

    @classmethod
    def of(cls, rgb: np.ndarray, face: Face) -> Look:
        """How a face in a picture, uint8 (h, w, 3), looks."""
        x, y, w, h = face.box
        left, top = max(0, int(x - 0.2 * w)), max(0, int(y - 0.3 * h))
        crop = rgb[top : int(y + 1.2 * h) + 1, left : int(x + 1.2 * w) + 1]
        if not crop.size:
            return cls(np.zeros_like(GRID[0]), np.zeros((2, *GRID[0].shape)))
        side = max(2, round(max(crop.shape[:2]) * DETAIL / max(face.iod, 1.0)))
        image, factor = reduced(crop, side)
        points = Frame.of((face.eyes - [left, top]) / factor).out(*GRID) - 0.5
        log = np.log(sampled(image, points[..., 0], points[..., 1]) + 16)
        light = log.mean(-1)
        light = (light - light.mean()) / max(float(light.std()), 1e-3)
        return cls(light, np.stack([log[..., 0] - log[..., 1], log[..., 1] - log[..., 2]]))

    def likeness(self, other: Look) -> float:
        """1 for the same; about 0.9 for the same person, 0.6 or less for others."""
        light = float((self.light * other.light).mean())
        return light - COLOUR * float(np.abs(self.colour - other.colour).mean())

    def towards(self, other: Look, part: float) -> Look:
        """Between this look (part 0) and another (part 1)."""
        return Look(
            (1 - part) * self.light + part * other.light,
            (1 - part) * self.colour + part * other.colour,
        )


class Follower:
    """Follows one face, frame by frame."""

    def __init__(self, rgb: np.ndarray, face: Face) -> None:
        """rgb: uint8 (h, w, 3), the picture that the face was seen in."""
        self.last = face
        self._look = Look.of(rgb, face)
        self._lost = 0

    def see(self, rgb: np.ndarray) -> Face | None:
        """The face in the next frame; None while it is not to be seen."""
        found = None if self._lost else self._kept(rgb)
        if found is None and self._lost % AGAIN == 0:
            found = self._searched(rgb)
        self._lost = 0 if found is not None else self._lost + 1
        if found is not None:
            self.last = found
        return found

    def _kept(self, rgb: np.ndarray) -> Face | None:
        face = near(rgb, self.last)
        if face is None:
            return None
        look = Look.of(rgb, face)
        if look.likeness(self._look) < DIFFERENT:
            return None
        self._look = self._look.towards(look, LEARNED)
        return face

    def _searched(self, rgb: np.ndarray) -> Face | None:
        def score(face: Face) -> tuple[float, float]:
            alike = Look.of(rgb, face).likeness(self._look)
            return alike - 0.2 * min(distance(face, self.last), FAR) / FAR, alike

        scored = [(*score(face), face) for face in find_faces(rgb)]
        best = max(scored, key=lambda found: found[0], default=None)
        return best[2] if best is not None and best[1] >= STRANGER else None


def follow(frames: Iterable[np.ndarray], first: Face) -> Iterator[Face | None]:
    """The same face in each frame, None where it is not to be seen.

    frames: uint8 (h, w, 3), in order.   first: the face to follow, as seen in the first frame.
    """
    follower: Follower | None = None
    for frame in frames:
        if follower is None:
            follower = Follower(frame, first)
            yield first
        else:
            yield follower.see(frame)


def follow_given(frames: Iterable[Sequence[Face]], first: Face) -> Iterator[Face | None]:
    """The same face among those that somebody else found in each frame, by its place.

    A face that went away may come back anywhere when it comes back alone.
    """
    last, lost = first, False
    for faces in frames:
        best = min(faces, key=lambda face: distance(face, last), default=None)
        if best is not None and distance(best, last) > 1.0 and not (lost and len(faces) == 1):
            best = None
        lost = best is None
        last = best or last
        yield best
