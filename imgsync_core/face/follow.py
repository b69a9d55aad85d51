"""A face followed through a clip: a piece of it is registered in each frame, the lips found anew.

Finding a face takes a tenth of a second, so it is done rarely: to begin, to check, and where the
registered piece does not look like itself any more. State is one face and two small templates.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .find import find_faces
from .geometry import Face
from .lips import Lips, find_lips
from .look import Look
from .pixels import grey, reduced, shrunk
from .refine import DETAIL, LEAST, near, with_lips
from .register import Place, Template

FINE, COARSE = 24.0, 10.0  # px to one IOD of the two templates
REACH = ((1.25, 1.25), (0.95, 2.05))  # IOD left, right, above and below the eyes: what is looked at
GOOD = 0.6  # correlation with the template that is the face
BACK = 0.75  # the same for a face that had been lost
FRESH = 0.9  # a lower one: the face has changed, take a new template at the next check
CHECK = 25  # frames between two checks by the cascade
OFF, PULL = 0.05, 0.2  # IOD: a check that is so far off pulls this much
WRONG = 0.3  # IOD: a check so far off saw something else
LOOK = 6  # frames of a lost face between two searches of the whole picture
STRANGER = 0.5  # likeness under which a face that turns up is somebody else
DIFFERENT = 0.4  # likeness under which a face that was being followed has been swapped
NEAR, FAR = 0.2, 3.0  # likeness that nearness is worth; IOD beyond which it says nothing
JUMP = 1.3  # times larger or smaller in one frame: not the same face
CALM, SURE_STEP = 0.75, 0.03  # share of the old lips that is kept at rest; IOD of real motion
JAW = 0.8  # of the lower lip's way is the chin's
AGREE = 0.08  # IOD: lips that somebody gave and that are found so near are followed


@dataclass(frozen=True)
class _Key:
    """What is known of the face: how it looks, and its shape in its own axes (IOD)."""

    fine: Template
    coarse: Template
    shape: Face  # eyes at (-.5, 0) and (.5, 0)
    lips: Lips | None  # None: they are where the face is, and not looked for


class Follower:
    """One face in a clip, frame after frame; ``copy.copy`` of it is a place to go on from."""

    def __init__(self, first: Face | None = None) -> None:
        """first: the face to follow, as it is in the first frame; None: the largest."""
        self._first = first
        self._key: _Key | None = None
        self._place = Place(1, 0)
        self._lips: Lips | None = None
        self._look: Look | None = None  # in the first frame
        self._checked = 0  # frames since
        self._lost = 0  # frames

    def update(self, rgb: np.ndarray) -> Face | None:
        """The face in the next frame, uint8 (h, w, 3); None where it cannot be seen."""
        rgb = rgb[..., :3] if rgb.ndim == 3 else rgb[..., None]
        if self._key is None:
            return self._begin(rgb)
        view = _View.of(rgb, self._place)
        place, fit = self._registered(view)
        if fit < (GOOD if self._lost == 0 else BACK):
            return self._again(rgb)
        if self._look is not None and view.look(place).likeness(self._look) < DIFFERENT:
            return self._again(rgb)
        self._place, self._lost = place, 0
        self._checked += 1
        if self._checked >= CHECK:
            self._check(rgb, view, fit)
        return self._seen(view)

    def _begin(self, rgb: np.ndarray) -> Face | None:
        face = self._first or next(iter(find_faces(rgb)), None)
        if face is None:
            return None
        self._take(rgb, face)
        return None if self._key is None else face

    def _registered(self, view: _View) -> tuple[Place, float]:
        """Where the templates are, first roughly, then precisely."""
        assert self._key is not None
        near = view.inside(self._place)
        rough, _ = self._key.coarse.found(view.coarse, near.scaled(view.coarse_scale))
        place, fit = self._key.fine.found(
            view.fine, rough.scaled(view.fine_scale / view.coarse_scale)
        )
        place = view.outside(place.scaled(1 / view.fine_scale))
        size = abs(place.across) / abs(self._place.across)
        turn = abs(cmath.phase(place.across / self._place.across))
        return place, fit if 1 / JUMP < size < JUMP and turn < math.radians(20) else 0.0

    def _check(self, rgb: np.ndarray, view: _View, fit: float) -> None:
        """Look with the cascade whether it is still a face, and exactly there."""
        assert self._key is not None
        self._checked = 0
        found = near(rgb, self._moved(self._key.shape))
        if found is None:
            return
        there = _place_of(found)
        off = abs(there.origin - self._place.origin) / abs(self._place.across)
        off += abs(there.across / self._place.across - 1) / 2
        if off > WRONG:
            return
        if off > OFF:
            self._place = self._place.towards(there, PULL)
        if off > OFF or fit < FRESH:
            fine, coarse = view.templates(self._place)
            if fine is not None and coarse is not None:
                self._key = replace(self._key, fine=fine, coarse=coarse)

    def _again(self, rgb: np.ndarray) -> Face | None:
        """The face, found again after the template was not there."""
        assert self._key is not None
        last = self._moved(self._key.shape)
        found = None if self._lost else self._known(rgb, near(rgb, last), DIFFERENT)
        if found is None and self._lost % LOOK == 0:
            faces = [(self._kinship(rgb, face, last), face) for face in find_faces(rgb)]
            _, best = max(faces, key=lambda pair: pair[0], default=(0.0, None))
            found = self._known(rgb, best, STRANGER)
        self._lost += 1
        if found is None:
            return None
        self._take(rgb, found)
        return found

    def _known(self, rgb: np.ndarray, face: Face | None, least: float) -> Face | None:
        """The face, if it looks like the one that is followed."""
        if face is None or self._look is None:
            return face
        return face if Look.of(rgb, face).likeness(self._look) >= least else None

    def _kinship(self, rgb: np.ndarray, face: Face, last: Face) -> float:
        """How much a face is the one that is followed: looks, place and size."""
        alike = Look.of(rgb, face).likeness(self._look) if self._look is not None else 1.0
        way = distance(face, last) + 2 * abs(math.log(face.iod / last.iod))
        return alike - NEAR * min(way, FAR) / FAR

    def _take(self, rgb: np.ndarray, face: Face) -> None:
        """Follow this face from here on."""
        place = _place_of(face)
        view = _View.of(rgb, place)
        fine, coarse = view.templates(place)
        if fine is None or coarse is None:
            return
        shape = face.turned(1 / place.across, -place.origin / place.across)
        lips = _lips_of(shape)
        if face.source != "found":
            seen = view.lips(place, lips, None)
            if math.hypot(*(np.subtract(seen.line, lips.line))) > AGREE:
                lips = None
        if self._look is None:
            self._look = Look.of(rgb, face)
        self._key = _Key(fine, coarse, shape, lips)
        self._place, self._lips = place, lips
        self._checked = self._lost = 0

    def _seen(self, view: _View) -> Face:
        """The face as it is in this frame."""
        assert self._key is not None
        shape = self._key.shape
        if self._key.lips is not None and self._lips is not None:
            found = view.lips(self._place, self._key.lips, self._lips)
            self._lips = _calmed(self._lips, found)
            chin = float(shape.chin[1]) + JAW * (self._lips.line[1] - self._key.lips.line[1])
            shape = with_lips(shape, self._lips, chin)
        return self._moved(shape)

    def _moved(self, shape: Face) -> Face:
        return shape.turned(self._place.across, self._place.origin)


@dataclass(frozen=True)
class _View:
    """The surroundings of a face in one frame, small: DETAIL px or fewer to one IOD."""

    image: np.ndarray  # float32 (h, w, 3)
    factor: float  # px of the frame to one of the image
    left: int
    top: int
    fine: np.ndarray  # luma at about FINE px to one IOD
    fine_scale: float  # of the image
    coarse: np.ndarray  # luma at about COARSE px to one IOD
    coarse_scale: float
    colours: np.ndarray  # of the coarse one

    @classmethod
    def of(cls, rgb: np.ndarray, place: Place) -> _View:
        iod, x, y = abs(place.across), place.origin.real, place.origin.imag
        (west, east), (north, south) = REACH
        left, top = (max(0, int(v)) for v in (x - west * iod, y - north * iod))
        left, top = min(left, rgb.shape[1] - LEAST), min(top, rgb.shape[0] - LEAST)
        left, top = max(left, 0), max(top, 0)
        crop = rgb[top : max(int(y + south * iod), top + LEAST)]
        crop = crop[:, left : max(int(x + east * iod), left + LEAST)]
        image, factor = reduced(crop, max(LEAST, round(max(crop.shape[:2]) * DETAIL / iod)))
        fine, fine_scale = _smaller(grey(image), FINE * factor / iod)
        colours, coarse_scale = _smaller(image, COARSE * factor / iod)
        return cls(image, factor, left, top, fine, fine_scale, grey(colours), coarse_scale, colours)

    def inside(self, place: Place) -> Place:
        """A place in the frame as one in the image."""
        return place.scaled(1, -self.left, -self.top).scaled(1 / self.factor)

    def outside(self, place: Place) -> Place:
        return place.scaled(self.factor, self.left, self.top)

    def templates(self, place: Place) -> tuple[Template | None, Template | None]:
        """The fine and the coarse one at a place in the frame."""
        here = self.inside(place)
        return (
            Template.of(self.fine, here.scaled(self.fine_scale), FINE),
            Template.of(self.coarse, here.scaled(self.coarse_scale), COARSE),
        )

    def lips(self, place: Place, usual: Lips, last: Lips | None) -> Lips:
        """The lips of the face at a place in the frame."""
        frame = self.inside(place).frame
        return find_lips(self.image, frame, last)

    def look(self, place: Place) -> Look:
        """How the face at a place in the frame looks."""
        return Look.seen(self.colours, self.inside(place).scaled(self.coarse_scale).frame)


def _smaller(image: np.ndarray, scale: float) -> tuple[np.ndarray, float]:
    """The picture about `scale` times as large, but not larger, and its exact scale."""
    if scale >= 1:
        return image, 1.0
    h, w = (max(2, round(n * scale)) for n in image.shape[:2])
    return shrunk(image, h, w), w / image.shape[1]


def _place_of(face: Face) -> Place:
    left, right = (complex(*eye) for eye in face.eyes)
    return Place(right - left, (left + right) / 2)


def _lips_of(shape: Face) -> Lips:
    line = float(shape.lip_line[0]), float(shape.lip_line[1])
    upper = line[1] - shape.inner - float(shape.lip_top[1])
    lower = float(shape.lip_bottom[1]) - line[1]
    return Lips(line, shape.mouth, shape.inner, upper, lower, shape.confidence)


def _calmed(last: Lips, new: Lips) -> Lips:
    """The new lips, nearer to the last ones the less they moved."""

    def gain(step: float) -> float:
        return 1 - CALM * math.exp(-((step / SURE_STEP) ** 2))

    def mixed(old: np.ndarray | float, now: np.ndarray | float, part: float) -> np.ndarray:
        return np.asarray(old) * (1 - part) + np.asarray(now) * part

    step = abs(new.line[1] - last.line[1]) + abs(new.inner - last.inner)
    part = gain(step)
    ends = gain(0.5 * float(np.abs(new.corners - last.corners).max()))
    u, v = mixed(np.array(last.line), np.array(new.line), part).tolist()
    return Lips(
        (u, v),
        mixed(last.corners, new.corners, ends),
        float(mixed(last.inner, new.inner, part)),
        float(mixed(last.upper, new.upper, part)),
        float(mixed(last.lower, new.lower, part)),
        float(mixed(last.confidence, new.confidence, 0.2)),
    )


def follow(frames: Iterable[np.ndarray], first: Face | None = None) -> Iterator[Face | None]:
    """The same face in each frame; None where it is not to be seen.

    frames: uint8 (h, w, 3), in order; first: the face to follow, as seen in the first frame; None:
        the largest of the first frame that has one
    """
    follower = Follower(first)
    for frame in frames:
        yield follower.update(frame)


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


def distance(face: Face, other: Face) -> float:
    """Between two faces' eyes, in IOD."""
    return float(np.hypot(*(face.eyes - other.eyes).mean(0))) / other.iod
