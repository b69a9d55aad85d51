"""The user's points of a face, as JSON, and the face that they make in a picture.

::

    {"version": 1,
     "size": [640, 480],        optional: of the picture the points were made for
     "face": 1,                 optional: which of the faces found, largest first; or a point in it
     "points": {"mouth_left": [x, y], ..., "oval": [x, y, a, b, roll], "inner": 0}}

Everything but the version may be left out. Pixels of the upright picture before it is fitted; left
is the viewer's left. What is given wins over what was found. What is not given follows: brows, oval
and an unmentioned mouth go with the eyes, lips and chin with the corners of the mouth. Where no
face was found around the points, the corners of the mouth make one of average proportions, whose
lips meet at the dark line between them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import FaceError
from .find import find_faces, pick
from .geometry import Face, from_points, in_order, inside, lips_in_order, with_mouth
from .muzzle import line_between

VERSION = 1
NAMES = (
    "left_eye", "right_eye", "left_brow", "right_brow", "mouth_left", "mouth_right",
    "lip_line", "lip_top", "lip_bottom", "chin",
)  # fmt: skip
OVAL, INNER = "oval", "inner"
EYES, BROWS = ("left_eye", "right_eye"), ("left_brow", "right_brow")
MOUTH = ("mouth_left", "mouth_right")
LIPS = ("lip_line", "lip_top", "lip_bottom")
MIDDLE = (*LIPS, "chin")
LONGEST = 10_000  # characters; more is no face


@dataclass(frozen=True)
class FacePoints:
    """What the user says of the face in a picture.

    face: which of those found, by number from 0 (largest first) or by a point in it.
    points: names of NAMES -> (2,) px; "oval" -> x, y, half width, half height, roll in radians;
        "inner" -> px between the open lips.
    size: width and height in px of the picture they were made for, if that is known.
    """

    face: int | tuple[float, float] | None = None
    points: Mapping[str, np.ndarray] = field(default_factory=dict)
    size: tuple[int, int] | None = None

    def face_in(self, rgb: np.ndarray) -> Face:
        """The face in a picture uint8 (h, w, 3). Raises FaceError."""
        return self.face_of(find_faces(rgb), (rgb.shape[1], rgb.shape[0]), rgb)

    def face_of(
        self, faces: list[Face], size: tuple[int, int], rgb: np.ndarray | None = None
    ) -> Face:
        """The face among those found in a picture of `size` (width, height) px, largest first.

        rgb: the picture, where a mouth without a face around it is to open at its own line
        """
        if self.size not in (None, size):
            raise FaceError(
                f"The points were made for a picture of {self.size[0]}x{self.size[1]} px, this "
                f"one has {size[0]}x{size[1]}. Clear the points, or load that picture again."
            )
        inside(size, **{name: self.points[name] for name in NAMES if name in self.points})
        if not self.points:
            return _chosen(faces, self.face)
        base = _around(faces, self.points) if self.face is None else _chosen(faces, self.face)
        return placed(base, self.points, size, rgb)


AUTOMATIC = FacePoints()


def _chosen(faces: list[Face], which: int | tuple[float, float] | None) -> Face:
    return pick(faces, which) if isinstance(which, int) else pick(faces, point=which)


def _around(faces: list[Face], points: Mapping[str, np.ndarray]) -> Face | None:
    """The face found where the points are."""
    places = [points[name] for name in NAMES if name in points]
    if not places:
        return pick(faces)
    try:
        return pick(faces, point=np.mean(places, 0).tolist())
    except FaceError:
        return None


def placed(
    base: Face | None,
    points: Mapping[str, np.ndarray],
    size: tuple[int, int],
    rgb: np.ndarray | None = None,
) -> Face:
    """The face found, or None, with the points of the user in it; rgb: the picture, if known."""
    face = _begun(points, size, rgb) if base is None else base
    mouth_is_new = any(name in points for name in (*MOUTH, *MIDDLE))
    if any(name in points for name in EYES):
        face = _with_eyes(face, _pair(face.eyes, points, EYES), whole=not mouth_is_new)
    corners = _pair(face.mouth, points, MOUTH)
    in_order(corners, face.eyes)
    face = _with_mouth(face, corners, points.get("lip_line"))
    face = replace(face, **{name: points[name] for name in MIDDLE if name in points})
    lips_in_order(face)
    oval = face.oval
    if OVAL in points:
        x, y, a, b, roll = (float(v) for v in points[OVAL])
        oval = x, y, a, b, roll
    elif mouth_is_new:
        oval = _ending_at(face.oval, face.chin)
    sure = base is None or any(name in points for name in (*MOUTH, "lip_line"))
    return replace(
        face,
        brows=_pair(face.brows, points, BROWS),
        oval=oval,
        inner=float(points.get(INNER, face.inner)),
        confidence=1.0 if sure else face.confidence,
        source="points",
    )


def _begun(points: Mapping[str, np.ndarray], size: tuple[int, int], rgb: np.ndarray | None) -> Face:
    """A face of average proportions where none was found; its lips meet where it is dark."""
    if not all(name in points for name in MOUTH):
        raise FaceError(
            "No face was found around these points. Give both corners of the mouth, and best the "
            "eyes too; or let it only last (Extend Frames, imgsync extend), which needs no face."
        )
    known = [name in points for name in EYES]
    if any(known) and not all(known):
        raise FaceError("No face was found around these points. Give both eyes, or none.")
    eyes = [points[name].tolist() for name in EYES] if all(known) else None
    face = from_points(size, mouth=[points[name] for name in MOUTH], eyes=eyes)
    return face if rgb is None else with_mouth(face, face.mouth, line_between(rgb, face.mouth))


def _pair(old: np.ndarray, points: Mapping[str, np.ndarray], names: tuple[str, str]) -> np.ndarray:
    return np.stack([points.get(name, old[i]) for i, name in enumerate(names)])


@dataclass(frozen=True)
class _Turn:
    """A similarity of the plane, as complex numbers: z -> by * z + add."""

    by: complex
    add: complex

    @classmethod
    def between(cls, old: np.ndarray, new: np.ndarray) -> _Turn:
        """The one that takes two points, (2, 2) px, to two others."""
        (a, b), (c, d) = (complex(*p) for p in old), (complex(*p) for p in new)
        by = (d - c) / (b - a)
        return cls(by, c - by * a)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        z = self.by * (points[..., 0] + 1j * points[..., 1]) + self.add
        return np.stack([z.real, z.imag], -1)


def _with_eyes(face: Face, eyes: np.ndarray, whole: bool) -> Face:
    """The face with its eyes here; brows, box and oval go with them, and all if `whole`."""
    turn = _Turn.between(face.eyes, eyes)
    moved = replace(face.turned(turn.by, turn.add), eyes=eyes)
    if whole:
        return moved
    rest = {name: getattr(face, name) for name in ("mouth", *MIDDLE, "inner")}
    return replace(moved, **rest)


def _with_mouth(face: Face, corners: np.ndarray, line: np.ndarray | None) -> Face:
    """The face with its mouth's corners, and perhaps the lip line, here.

    The lips go with them, the chin with their middle.
    """
    turn = _Turn.between(face.mouth, corners)
    lips = {name: turn(getattr(face, name)) for name in LIPS}
    if line is not None:
        step = line - lips["lip_line"]
        lips = {name: place + step for name, place in lips.items()}
    chin = face.chin + corners.mean(0) - face.mouth.mean(0)
    return replace(face, mouth=corners, **lips, chin=chin, inner=face.inner * abs(turn.by))


def _ending_at(
    oval: tuple[float, float, float, float, float], chin: np.ndarray
) -> tuple[float, float, float, float, float]:
    """The oval with its top where it was and its other end as low as the chin."""
    x, y, a, b, roll = oval
    down = np.array([-np.sin(roll), np.cos(roll)])
    top = np.array([x, y]) - b * down
    half = max(float((chin - top) @ down) / 2, b / 4)
    middle = top + half * down
    return float(middle[0]), float(middle[1]), a, half, roll


def as_points(face: Face) -> dict[str, list[float]]:
    """The "points" of the JSON that say all of a face that can be dragged, to 0.01 px."""
    pairs = ((EYES, face.eyes), (BROWS, face.brows), (MOUTH, face.mouth))
    found = {name: pair[i] for names, pair in pairs for i, name in enumerate(names)}
    found |= {name: getattr(face, name) for name in MIDDLE}
    said = {name: [round(float(v), 2) for v in found[name]] for name in NAMES}
    return said | {OVAL: [*(round(v, 2) for v in face.oval[:4]), round(face.oval[4], 4)]}


def parse_points(text: str) -> FacePoints:
    """The points in a JSON text; an empty one leaves all to the finder. Raises FaceError."""
    if not text.strip():
        return AUTOMATIC
    if len(text) > LONGEST:
        raise FaceError(f"The face points have {len(text)} characters; {LONGEST} is the limit.")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FaceError(f"The face points are not JSON: {error}.") from None
    if not isinstance(data, dict) or "version" not in data:
        raise FaceError('The face points need a version: {"version": 1, "points": {...}}.')
    if data["version"] != VERSION or isinstance(data["version"], bool):
        raise FaceError(
            f"The face points have version {str(data['version'])[:20]}, this ImgSync reads "
            f"version {VERSION}. Make them again, or update ImgSync."
        )
    _only(data, ("version", "size", "face", "points"), "The face points")
    points = data.get("points", {})
    if not isinstance(points, dict):
        raise FaceError('The "points" are not an object of names and places: {"chin": [x, y]}.')
    _only(points, (*NAMES, OVAL, INNER), "The points of the face")
    return FacePoints(
        face=_which(data.get("face")),
        points={name: _place(name, value) for name, value in points.items()},
        size=_size(data.get("size")),
    )


def _only(data: dict[str, Any], known: tuple[str, ...], what: str) -> None:
    strange = [name for name in data if name not in known]
    if strange:
        raise FaceError(f"{what} know no {strange[0][:40]!r}. Use {', '.join(known)}.")


def _numbers(value: Any, n: int) -> list[float] | None:
    """n finite numbers, or None where it is something else."""
    if not isinstance(value, list) or len(value) != n:
        return None
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in value):
        return None
    return [float(v) for v in value] if all(abs(v) < 1e9 for v in value) else None


def _which(value: Any) -> int | tuple[float, float] | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    point = _numbers(value, 2)
    if point is None:
        raise FaceError('The "face" is a number from 0 (the largest) or a point [x, y] in it.')
    return point[0], point[1]


def _size(value: Any) -> tuple[int, int] | None:
    size = None if value is None else _numbers(value, 2)
    if value is not None and size is None:
        raise FaceError('The "size" is [width, height] of the picture in pixels.')
    return None if size is None else (int(size[0]), int(size[1]))


def _place(name: str, value: Any) -> np.ndarray:
    numbers = [value] if name == INNER else value
    found = _numbers(numbers, {OVAL: 5, INNER: 1}.get(name, 2))
    if found is None:
        shape = {OVAL: "[x, y, half width, half height, roll]", INNER: "one number"}
        raise FaceError(f"The point {name} is {shape.get(name, '[x, y]')}, in pixels.")
    if (name == INNER and found[0] < 0) or (name == OVAL and min(found[2:4]) <= 0):
        raise FaceError(f"The {name} has a length that is negative or nothing.")
    return np.array(found[0] if name == INNER else found)
