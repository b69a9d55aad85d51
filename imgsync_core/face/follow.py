"""A face followed through a clip: a piece of it is registered in each frame, the lips found anew.

Finding a face takes a tenth of a second, so it is done rarely: to begin, to check, and where the
registered piece does not look like itself any more. State is one face and two small templates.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from .cascade import detect, grouped, load
from .find import find_faces
from .geometry import Face, Frame
from .lips import Lips, find_lips
from .pixels import grey, reduced, sampled, shrunk, turned
from .refine import DETAIL, LEAST, refined, with_lips
from .register import Place, Template

FINE, COARSE = 24.0, 10.0  # px to one IOD of the two templates
REACH = ((1.25, 1.25), (0.95, 2.05))  # IOD left, right, above and below the eyes: what is looked at
GOOD = 0.6  # correlation with the template that is the face
BACK = 0.75  # the same for a face that had been lost
FRESH = 0.9  # a lower one: the face has changed, take a new template at the next check
CHECK = 25  # frames between two checks by the cascade
OFF, PULL = 0.05, 0.2  # IOD: a check that is so far off pulls this much
WRONG = 0.3  # IOD: a check so far off saw something else
LOOK = 12  # frames of a lost face between two searches of the whole picture
KIN = 0.35  # correlation with the first frame's colours under which it is somebody else
FAR = 0.1  # correlation that a distance of one IOD is worth
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
        self._looks: np.ndarray | None = None  # of the first frame's face
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
        found = None
        if self._lost == 0:
            found = near(rgb, last)
            found = found if found is not None and self._kinship(rgb, found, last) > KIN else None
        elif self._lost % LOOK == 0:
            faces = [(self._kinship(rgb, face, last), face) for face in find_faces(rgb)]
            kin, face = max(faces, key=lambda pair: pair[0], default=(-1.0, None))
            found = face if kin > KIN else None
        self._lost += 1
        if found is None:
            return None
        self._take(rgb, found)
        return found

    def _kinship(self, rgb: np.ndarray, face: Face, last: Face) -> float:
        """How much a face is the followed one: looks, place and size."""
        looks = _looks(_View.of(rgb, _place_of(face)), _place_of(face))
        alike = float(looks @ self._looks) if self._looks is not None else 1.0
        way = math.hypot(*(face.eyes - last.eyes).mean(0)) / last.iod
        return alike - FAR * min(way + 2 * abs(math.log(face.iod / last.iod)), 3)

    def _take(self, rgb: np.ndarray, face: Face) -> None:
        """Follow this face from here on."""
        place = _place_of(face)
        view = _View.of(rgb, place)
        fine, coarse = view.templates(place)
        if fine is None or coarse is None:
            return
        shape = _turned(face, 1 / place.across, -place.origin / place.across)
        lips = _lips_of(shape)
        if face.source != "found":
            seen = view.lips(place, lips, None)
            if math.hypot(*(np.subtract(seen.line, lips.line))) > AGREE:
                lips = None
        if self._looks is None:
            self._looks = _looks(view, place)
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
        return _turned(shape, self._place.across, self._place.origin)


@dataclass(frozen=True)
class _View:
    """The surroundings of a face in one frame, small: DETAIL px or fewer to one IOD."""

    image: np.ndarray  # float32 (h, w, 3)
    factor: float  # px of the frame to one of the image
    left: int
    top: int
    fine: np.ndarray  # luma at about FINE px to one IOD
    fine_scale: float  # of the image
    coarse: np.ndarray
    coarse_scale: float

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
        luma = grey(image)
        fine, fine_scale = _smaller(luma, FINE * factor / iod)
        coarse, coarse_scale = _smaller(fine, COARSE * factor / iod / fine_scale)
        return cls(image, factor, left, top, fine, fine_scale, coarse, coarse_scale * fine_scale)

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
        here = self.inside(place)
        frame = Frame(
            np.array([here.origin.real, here.origin.imag]),
            np.array([here.across.real, here.across.imag]),
        )
        return find_lips(self.image, frame, usual.line[1] - usual.inner / 2, last)


def _smaller(luma: np.ndarray, scale: float) -> tuple[np.ndarray, float]:
    """The picture about `scale` times as large, but not larger, and its exact scale."""
    if scale >= 1:
        return luma, 1.0
    h, w = (max(2, round(n * scale)) for n in luma.shape)
    return shrunk(luma, h, w), w / luma.shape[1]


def _looks(view: _View, place: Place) -> np.ndarray:
    """The colours of a face, coarse: a vector of length 1 that forgets how bright they are."""
    here = view.inside(place)
    u, v = (np.arange(low, high, 1 / COARSE) for low, high in ((-0.8, 0.8), (-0.6, 1.4)))
    x, y = here.out(u + 1j * v[:, None])
    size = max(1.0, abs(here.across) / COARSE)
    h, w = (max(1, round(n / size)) for n in view.image.shape[:2])
    small = shrunk(view.image, h, w)
    scale = np.array([w, h]) / view.image.shape[1::-1]
    offsets = x * scale[0] - 0.5, y * scale[1] - 0.5
    colours = np.log(sampled(small, *offsets) + 16).ravel()
    colours = colours - colours.mean()
    return colours / max(float(np.linalg.norm(colours)), 1e-6)


def _place_of(face: Face) -> Place:
    left, right = (complex(*eye) for eye in face.eyes)
    return Place(right - left, (left + right) / 2)


def _turned(face: Face, across: complex, origin: complex) -> Face:
    """The face with each point w at across * w + origin."""

    def at(points: np.ndarray) -> np.ndarray:
        z = (points[..., 0] + 1j * points[..., 1]) * across + origin
        return np.stack([z.real, z.imag], -1)

    size = abs(across)
    x, y, w, h = face.box
    (cx, cy), (ox, oy) = at(np.array([x + w / 2, y + h / 2])), at(np.array(face.oval[:2]))
    names = ("eyes", "brows", "mouth", "lip_line", "lip_top", "lip_bottom", "chin")
    return replace(
        face,
        **{name: at(getattr(face, name)) for name in names},
        box=(float(cx - w * size / 2), float(cy - h * size / 2), w * size, h * size),
        oval=(
            float(ox), float(oy), face.oval[2] * size, face.oval[3] * size,
            face.oval[4] + cmath.phase(across),
        ),
        inner=face.inner * size,
        eye_size=(face.eye_size[0] * size, face.eye_size[1] * size),
    )  # fmt: skip


def _lips_of(shape: Face) -> Lips:
    line = float(shape.lip_line[0]), float(shape.lip_line[1])
    return Lips(line, shape.mouth, shape.inner, shape.confidence)


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
        float(mixed(last.confidence, new.confidence, 0.2)),
    )


def near(rgb: np.ndarray, last: Face) -> Face | None:
    """The face near its last place, by the cascade, or None."""
    x, y, w, h = last.box
    reach = 0.35 * w
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    crop = rgb[top : int(y + h + reach) + 1, left : int(x + w + reach) + 1]
    if min(crop.shape[:2], default=0) < LEAST:
        return None
    image, factor = reduced(crop, 96)
    luma, back = grey(image), np.array([[1.0, 0, 0], [0, 1, 0]])
    angle = -last.roll if abs(last.roll) > math.radians(12) else 0.0
    if angle:
        luma, back = turned(luma, -angle)
    side = w / factor
    boxes, scores = detect(luma, load("face"), side * 0.75, side * 1.35)
    boxes, scores, members = grouped(boxes, scores, 1)
    if not len(boxes):
        return None
    bx, by, wide = boxes[int(members.argmax())]
    centre = back @ np.array([bx + wide / 2 - 0.5, by + wide / 2 - 0.5, 1.0]) + 0.5
    spot = np.array([*centre, wide]) * factor + [left, top, 0]
    return refined(rgb, spot, -angle)


def track(frames: Iterable[np.ndarray], first: Face | None = None) -> Iterator[Face | None]:
    """The same face in each frame; None where it cannot be seen.

    frames: uint8 (h, w, 3), in order; first: the face to follow, as picked in the first frame
    """
    follower = Follower(first)
    for frame in frames:
        yield follower.update(frame)
