"""A face as numbers: what the renderer needs to know, in pixels of the picture.

x runs right, y down, the middle of the top left pixel is (0.5, 0.5); "left" is the viewer's left.
`from_points` makes a face of a mouth and, if they are known, eyes; the rest are the proportions of
an average face, in units of the distance between the eyes (IOD).
"""

import cmath
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ..errors import FaceError, InputError

VERSION = 1
LONGEST = 100_000  # characters of a face as JSON; more is none
Point = Sequence[float]

# The average face, in IOD from the point between the eyes: across (u) and down (v).
MOUTH_DOWN, MOUTH_HALF = 0.98, 0.4
LIP_UP, LIP_DOWN = 0.1, 0.17  # the lips' thickness at the middle
CHIN_DOWN = 1.56
CROWN_UP = 0.78  # the oval's top, at the hair line
OVAL_HALF = 1.03
BROW_OUT, BROW_UP = 0.6, 0.36
EYE_HALF, EYE_OPEN = 0.215, 0.085
BOX_LEFT, BOX_UP, BOX_SIDE = 1.27, 0.99, 2.54  # the box of the cascade finder


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one picture; every length in px, every point (x, y)."""

    box: tuple[float, float, float, float]  # x, y, width, height
    eyes: np.ndarray  # (2, 2) centres, left then right
    brows: np.ndarray  # (2, 2) the middle of each brow
    mouth: np.ndarray  # (2, 2) corners of the lip line, left then right
    lip_line: np.ndarray  # (2,) where the lips meet at the middle; if open: the lower inner edge
    lip_top: np.ndarray  # (2,) top of the upper lip at the middle
    lip_bottom: np.ndarray  # (2,) bottom of the lower lip at the middle
    inner: float  # the gap between the inner lips at the middle; 0: closed
    chin: np.ndarray  # (2,)
    oval: tuple[float, float, float, float, float]  # centre x, y, half width, half height, roll
    eye_size: tuple[float, float]  # half width and half opening of an eye
    confidence: float  # 0..1, how often such eyes and lip line are right (doubt.py)
    source: str  # "found", "landmarks" or "points"
    picture: tuple[int, int] | None = None  # width, height of what it lies in; None: not said

    @property
    def iod(self) -> float:
        """The distance between the eyes."""
        return float(np.hypot(*(self.eyes[1] - self.eyes[0])))

    @property
    def roll(self) -> float:
        """The tilt of the eye line in radians; positive: the right eye is lower."""
        across = self.eyes[1] - self.eyes[0]
        return math.atan2(across[1], across[0])

    @property
    def centre(self) -> np.ndarray:
        """(2,) the middle of the box."""
        x, y, w, h = self.box
        return np.array([x + w / 2, y + h / 2])

    @property
    def outline(self) -> tuple[float, float, float, float]:
        """left, top, right, bottom of the oval: hair line to chin, as face detectors draw it."""
        x, y, a, b, roll = self.oval
        across = math.hypot(a * math.cos(roll), b * math.sin(roll))
        down = math.hypot(a * math.sin(roll), b * math.cos(roll))
        return x - across, y - down, x + across, y + down

    def scaled(self, sx: float, sy: float | None = None) -> "Face":
        """The face in the picture resized by these factors."""
        sy = sx if sy is None else sy
        by = np.array([sx, sy])
        x, y, w, h = self.box
        cx, cy, a, b, roll = self.oval
        turned = math.atan2(math.sin(roll) * sy, math.cos(roll) * sx)
        return replace(
            self,
            box=(x * sx, y * sy, w * sx, h * sy),
            oval=(cx * sx, cy * sy, a * sx, b * sy, turned),
            inner=self.inner * sy,
            eye_size=(self.eye_size[0] * sx, self.eye_size[1] * sy),
            picture=self.picture and (round(self.picture[0] * sx), round(self.picture[1] * sy)),
            **{name: getattr(self, name) * by for name in POINTS},
        )

    def resized(self, size: tuple[int, int]) -> "Face":
        """The face in its picture brought to another size (width, height), shape unchanged.

        A face that does not say what it lies in stays as it is. Raises FaceError where the shape
        is another, so that the picture was cropped or stretched on the way.
        """
        if self.picture is None or self.picture == size:
            return self
        (w, h), sx, sy = self.picture, size[0] / self.picture[0], size[1] / self.picture[1]
        if min(abs(w * sy - size[0]), abs(h * sx - size[1])) > 1:  # px, from rounding
            raise FaceError(
                f"The face belongs to a picture of {w}x{h} px, and this one has "
                f"{size[0]}x{size[1]}: it was cropped or stretched on the way. Set the size where "
                "the picture is loaded, or leave the face away, so that it is found anew."
            )
        return replace(self.scaled(sx, sy), picture=size)

    def moved(self, dx: float, dy: float) -> "Face":
        """The face in a picture that grew by dx at the left and dy at the top."""
        x, y, w, h = self.box
        cx, cy, *rest = self.oval
        return replace(
            self,
            box=(x + dx, y + dy, w, h),
            oval=(cx + dx, cy + dy, rest[0], rest[1], rest[2]),
            picture=None,
            **{name: getattr(self, name) + np.array([dx, dy]) for name in POINTS},
        )

    def turned(self, by: complex, add: complex) -> "Face":
        """The face under a similarity of the plane: each point z, as x + iy, at by * z + add."""

        def at(points: np.ndarray) -> np.ndarray:
            z = (points[..., 0] + 1j * points[..., 1]) * by + add
            return np.stack([z.real, z.imag], -1)

        size = abs(by)
        _, _, w, h = self.box
        x, y, a, b, roll = self.oval
        (cx, cy), (ox, oy) = at(self.centre), at(np.array([x, y]))
        return replace(
            self,
            **{name: at(getattr(self, name)) for name in POINTS},
            box=(float(cx - w * size / 2), float(cy - h * size / 2), w * size, h * size),
            oval=(float(ox), float(oy), a * size, b * size, roll + cmath.phase(by)),
            inner=self.inner * size,
            eye_size=(self.eye_size[0] * size, self.eye_size[1] * size),
            picture=None,
        )

    def towards(self, other: "Face", part: float) -> "Face":
        """Between this face (part 0) and another (part 1); the other's source."""
        mix: dict[str, Any] = {
            name: (1 - part) * getattr(self, name) + part * getattr(other, name)
            for name in (*POINTS, "inner", "confidence")
        }
        for name in TUPLES:
            pair = zip(getattr(self, name), getattr(other, name), strict=True)
            mix[name] = tuple((1 - part) * a + part * b for a, b in pair)
        return replace(other, **mix)

    def to_json(self) -> str:
        """One line of JSON that from_json understands."""
        data: dict[str, Any] = {"version": VERSION}
        for field in fields(self):
            value = getattr(self, field.name)
            data[field.name] = value.tolist() if isinstance(value, np.ndarray) else value
        return json.dumps(data, default=float)


POINTS = ("eyes", "brows", "mouth", "lip_line", "lip_top", "lip_bottom", "chin")
TUPLES = {"box": 4, "oval": 5, "eye_size": 2}


def from_json(text: str) -> Face:
    """The face that to_json wrote; a sentence for anything else."""
    if len(text) > LONGEST:
        raise InputError(f"The face has {len(text)} characters; {LONGEST} is the limit.")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"The face is not JSON: {error}.") from None
    if not isinstance(data, dict) or "version" not in data:
        raise InputError("The JSON is not a face of ImgSync: it has no version.")
    if data["version"] != VERSION:
        raise InputError(
            f"The face has version {data['version']!r:.20}, this ImgSync reads version {VERSION}. "
            "Find the face again, or update ImgSync."
        )
    try:
        return _from_dict(data)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"The face is damaged ({type(error).__name__}: {error}). Find it again."
        ) from None


def _from_dict(data: dict[str, Any]) -> Face:
    values: dict[str, Any] = {}
    for name in POINTS:
        shape = (2, 2) if name in ("eyes", "brows", "mouth") else (2,)
        values[name] = np.array(data[name], np.float64).reshape(shape)
    for name, length in TUPLES.items():
        values[name] = tuple(float(v) for v in data[name])
        if len(values[name]) != length:
            raise ValueError(f"{name} needs {length} numbers")
    values["inner"], values["confidence"] = float(data["inner"]), float(data["confidence"])
    for name, value in values.items():
        if not np.isfinite(value).all():
            raise ValueError(f"{name} is not finite")
    if data.get("picture") is not None:
        width, height = data["picture"]
        values["picture"] = int(width), int(height)
    return Face(**values, source=str(data["source"]))


@dataclass(frozen=True)
class Frame:
    """Coordinates of a face: u along the eye line, v down from its middle, in IOD."""

    origin: np.ndarray  # (2,) px, the point between the eyes
    across: np.ndarray  # (2,) px, one IOD along the eye line

    @classmethod
    def of(cls, eyes: np.ndarray) -> "Frame":
        return cls(eyes.mean(0), eyes[1] - eyes[0])

    @property
    def iod(self) -> float:
        return float(np.hypot(*self.across))

    @property
    def down(self) -> np.ndarray:
        return np.array([-self.across[1], self.across[0]])

    def out(self, u: Any, v: Any) -> np.ndarray:
        """px (..., 2) of (u, v)."""
        u, v = np.asarray(u, float)[..., None], np.asarray(v, float)[..., None]
        return self.origin + u * self.across + v * self.down

    def into(self, points: np.ndarray) -> np.ndarray:
        """(u, v) of points in px, (..., 2) -> (..., 2)."""
        rest = points - self.origin
        return np.stack([rest @ self.across, rest @ self.down], -1) / self.iod**2


def average(eyes: np.ndarray, source: str, confidence: float = 0.0) -> Face:
    """The average face with these eye centres, (2, 2) px."""
    frame = Frame.of(eyes)
    iod, angle = frame.iod, math.atan2(frame.across[1], frame.across[0])
    corner = frame.out(0, (BOX_SIDE / 2 - BOX_UP)) - BOX_SIDE / 2 * iod
    middle = frame.out(0, (CHIN_DOWN - CROWN_UP) / 2)
    return Face(
        box=(float(corner[0]), float(corner[1]), BOX_SIDE * iod, BOX_SIDE * iod),
        eyes=np.array(eyes, float),
        brows=frame.out([-BROW_OUT, BROW_OUT], [-BROW_UP, -BROW_UP]),
        mouth=frame.out([-MOUTH_HALF, MOUTH_HALF], [MOUTH_DOWN - 0.02, MOUTH_DOWN - 0.02]),
        lip_line=frame.out(0, MOUTH_DOWN),
        lip_top=frame.out(0, MOUTH_DOWN - LIP_UP),
        lip_bottom=frame.out(0, MOUTH_DOWN + LIP_DOWN),
        inner=0.0,
        chin=frame.out(0, CHIN_DOWN),
        oval=(*middle.tolist(), OVAL_HALF * iod, (CHIN_DOWN + CROWN_UP) / 2 * iod, angle),
        eye_size=(EYE_HALF * iod, EYE_OPEN * iod),
        confidence=confidence,
        source=source,
    )


def with_mouth(
    face: Face,
    corners: np.ndarray,
    line: np.ndarray,
    inner: float = 0.0,
    chin: float | None = None,
    rims: tuple[float, float] | None = None,
) -> Face:
    """The face with this lip line; lips and chin follow it. Lengths in px, points (x, y).

    chin, rims: v in IOD of it, and of the upper lip's top and the lower lip's bottom, if known
    """
    frame = Frame.of(face.eyes)
    size = float(np.hypot(*(corners[1] - corners[0]))) / (2 * MOUTH_HALF) / frame.iod
    u, v = frame.into(line)
    if rims is None:
        thick = min(1.3, max(0.7, 0.87 * size))
        rims = float(v) - inner / frame.iod - LIP_UP * thick, float(v) + LIP_DOWN * thick
    low = float(v) + CHIN_DOWN - MOUTH_DOWN if chin is None else chin
    top = -CROWN_UP
    middle = frame.out(0, (low + top) / 2)
    _, _, a, _, roll = face.oval
    return replace(
        face,
        mouth=np.asarray(corners, float),
        lip_line=np.asarray(line, float),
        lip_top=frame.out(u, rims[0]),
        lip_bottom=frame.out(u, rims[1]),
        inner=float(inner),
        chin=frame.out(u * 0.7, low),
        oval=(*middle.tolist(), a, (low - top) / 2 * frame.iod, roll),
    )


def from_points(
    size: tuple[int, int],
    *,
    mouth: Sequence[Any],
    eyes: Sequence[Point] | None = None,
) -> Face:
    """A face from the user's points in a picture of `size` (width, height) px.

    mouth: (x, y, width) of the lip line, or its two corners ((x, y), (x, y)), left first
    eyes: the two eye centres, left first, or None: put where eyes usually are
    """
    corners, line = _mouth_points(mouth)
    inside(size, mouth_corner=corners[0], other_mouth_corner=corners[1])
    if eyes is None:
        in_order(corners)
        across = corners[1] - corners[0]
        iod = float(np.hypot(*across)) / (2 * MOUTH_HALF)
        along = across / np.hypot(*across) * iod
        up = line - MOUTH_DOWN * np.array([-along[1], along[0]])
        centres = np.stack([up - along / 2, up + along / 2])
    else:
        centres = _eye_points(eyes)
        inside(size, left_eye=centres[0], right_eye=centres[1])
        in_order(corners, centres)
    return with_mouth(average(centres, "points", confidence=1.0), corners, line)


def _mouth_points(mouth: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Corners (2, 2) and middle (2,) of the lip line."""
    try:
        values = np.array(mouth, float)
    except (TypeError, ValueError):
        values = np.zeros(0)
    if values.shape not in ((3,), (2, 2)) or not np.isfinite(values).all():
        raise FaceError("A mouth is x, y and width, or two corners x, y and x, y, in pixels.")
    if values.shape == (2, 2):
        return values, values.mean(0)
    x, y, width = values
    if width <= 0:
        raise FaceError(f"The mouth's width is {width:g} px; it must be more than 0.")
    return np.array([[x - width / 2, y], [x + width / 2, y]]), np.array([x, y])


def _eye_points(eyes: Sequence[Point]) -> np.ndarray:
    try:
        centres = np.array(eyes, float)
    except (TypeError, ValueError):
        centres = np.zeros(0)
    if centres.shape != (2, 2) or not np.isfinite(centres).all():
        raise FaceError("Eyes are two points x, y and x, y, in pixels.")
    return centres


def in_order(corners: np.ndarray, eyes: np.ndarray | None = None) -> None:
    """FaceError unless left comes first and the mouth, (2, 2) px, is below the eyes, (2, 2) px."""
    if eyes is not None and eyes[1, 0] <= eyes[0, 0]:
        raise FaceError(
            "The eyes are crossed: give the one on the left of the picture first, then the other."
        )
    if corners[1, 0] <= corners[0, 0]:
        raise FaceError(
            "The mouth's corners are crossed: give the one on the left of the picture first."
        )
    if eyes is not None and Frame.of(eyes).into(corners.mean(0))[1] < 0.2:
        raise FaceError(
            "The mouth is not below the eyes. Check the points, or turn the picture upright."
        )


def lips_in_order(face: Face) -> None:
    """FaceError unless the lip line lies above the chin and the upper lip above the lower."""
    down = Frame.of(face.eyes).into(np.stack([face.lip_top, face.lip_line, face.lip_bottom]))[:, 1]
    chin = Frame.of(face.eyes).into(face.chin)[1]
    if down[1] >= chin:
        raise FaceError("The lips meet below the chin. Move the chin down, or the lip line up.")
    if down[0] >= down[2]:
        raise FaceError("The upper lip lies below the lower one. Exchange their points.")


def inside(size: tuple[int, int], **points: np.ndarray) -> None:
    """FaceError for a point, (2,) px, outside of a picture of `size` (width, height) px."""
    for name, (x, y) in points.items():
        if not (0 <= x <= size[0] and 0 <= y <= size[1]):
            raise FaceError(
                f"The {name.replace('_', ' ')} at ({x:g}, {y:g}) is outside the picture, "
                f"which is {size[0]}x{size[1]} px."
            )
