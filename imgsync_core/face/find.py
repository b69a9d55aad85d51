"""Faces in a picture, with nothing but numpy: box, eyes, lips, and the rest from proportions."""

import math
from collections.abc import Sequence

import numpy as np

from ..errors import FaceError
from .cascade import detect, grouped, load
from .geometry import Face, Frame
from .pixels import brightened, grey, reduced, turned
from .refine import refined

SIDES = (320, 800)  # px the picture is reduced to: first look, second look for small faces
CLOSE = 0.25  # of the picture, added on each side, for a face that fills it
TURNS = tuple(math.radians(angle) for angle in (15, -15, 30, -30))
NEIGHBOURS = (5, 3, 2)  # windows that agree on a face; fewer when no look finds one
CLEAR = 14  # so many, and no other look is needed
TURNED = 9  # at least so many for a face that is not upright
HALF = np.array([0.5, 0.5, 0.0])  # of the side: from a box's corner to its centre
FAINT = 0.45  # confidence that a face needs which is not seen clearly
LOWEST = 12  # px; smaller pictures hold no face
MOUTH_AT_LEAST = 0.85  # IOD that a mouth is below the eyes
SMALLEST = 40  # px; a smaller face has too few pixels to speak

Spot = tuple[np.ndarray, float]  # centre x, y and side in px of the picture; roll in radians
Windows = tuple[np.ndarray, np.ndarray]  # (n, 3) centre and side in px of the picture; scores


def find_faces(rgb: np.ndarray) -> list[Face]:
    """All faces of a picture that are upright or turned up to 40 degrees, largest first.

    Both eyes and the mouth have to be in the picture.

    rgb: uint8 (h, w, 3 or 4) or grey (h, w) or (h, w, 1)
    """
    if min(rgb.shape[:2]) < LOWEST:
        return []
    found, clear = _search(rgb)
    faces = [refined(rgb, spot, angle) for (spot, angle), _ in found]
    if not clear:  # a face that is neither seen clearly nor trusted is none
        faces = [face for face in faces if face.confidence >= FAINT]
    faces = [face for face in faces if _shown(face, rgb.shape[1], rgb.shape[0])]
    return sorted(faces, key=lambda face: -face.box[2])


def _shown(face: Face, width: int, height: int) -> bool:
    """Whether eyes and mouth, also where it usually is, are in the picture."""
    points = np.vstack([face.eyes, face.lip_line, Frame.of(face.eyes).out(0, MOUTH_AT_LEAST)])
    return bool(((points >= 0) & (points <= [width, height])).all())


def _search(rgb: np.ndarray) -> tuple[list[tuple[Spot, float]], bool]:
    """Where faces are, each with a score, and whether one of them was seen clearly."""
    sides = [side for side in SIDES if side == SIDES[0] or max(rgb.shape[:2]) > SIDES[0]]
    looks = [(side, 0.0, 0.0) for side in sides] + [(SIDES[0], 0.0, CLOSE)]
    looks += [(SIDES[0], angle, 0.0) for angle in TURNS]
    seen = []
    for side, angle, margin in looks:
        windows = _look(rgb, side, angle, margin)
        if _spots(windows, angle, CLEAR):  # then the fainter ones beside it count too
            return _spots(windows, angle, NEIGHBOURS[0]), True
        seen.append((windows, angle))
    found = _doubtful(seen)
    return ([] if found and _lies(rgb) else found), False


def _lies(rgb: np.ndarray) -> bool:
    """Whether a face is seen clearly when the picture is turned on a side or on its head.

    A chin with a mouth above it is faintly like a face upside down.
    """
    turns = (np.rot90(rgb, quarters) for quarters in (2, 1, 3))
    return any(_spots(_look(turn, SIDES[0], 0.0, 0.0), 0.0, CLEAR) for turn in turns)


def _look(rgb: np.ndarray, side: int, angle: float, margin: float) -> Windows:
    """Windows that look like a face in the picture, reduced, widened and turned."""
    image, factor = reduced(rgb, side)
    image = brightened(image)
    added = round(margin * max(image.shape[:2]))
    luma, back = np.pad(grey(image), added, mode="edge"), np.array([[1.0, 0, 0], [0, 1, 0]])
    if angle:
        luma, back = turned(luma, angle)
    boxes, scores = detect(luma, load("face"), 20, 1e9)
    boxes[:, :2] += boxes[:, 2:] / 2 - 0.5
    boxes[:, :2] = boxes[:, :2] @ back[:, :2].T + back[:, 2] + 0.5 - added
    return boxes * factor, scores


def _spots(windows: Windows, angle: float, neighbours: int) -> list[tuple[Spot, float]]:
    """Faces among the windows, each with a score: stage weight * sqrt(size)."""
    boxes, scores, members = grouped(windows[0] - windows[0][:, 2:] * HALF, windows[1], neighbours)
    boxes += boxes[:, 2:] * HALF
    return [
        ((boxes[i], angle), float(scores[i] * np.sqrt(boxes[i, 2])))
        for i in _believed(boxes, members)
    ]


def _doubtful(seen: Sequence[tuple[Windows, float]]) -> list[tuple[Spot, float]]:
    """The best of all looks when none saw a face clearly."""
    for neighbours in NEIGHBOURS:
        looks = [
            _spots(windows, angle, max(neighbours, TURNED) if angle else neighbours)
            for windows, angle in seen
        ]
        best = max(looks, key=lambda found: max((score for _, score in found), default=0.0))
        if best:
            return best
    return []


def _believed(boxes: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Indices of the groups that are faces beside the best one, and in none that is better."""
    order = np.argsort(-members, kind="stable")
    kept: list[int] = []
    for i in order:
        inside = any((np.abs(boxes[i, :2] - boxes[k, :2]) < 0.6 * boxes[k, 2]).all() for k in kept)
        if members[i] >= 0.25 * members[order[0]] and not inside:
            kept.append(int(i))
    return np.array(kept, int)


def pick(
    faces: Sequence[Face], index: int | None = None, point: Sequence[float] | None = None
) -> Face:
    """One of the faces: by number from 0 (largest first), by a point in it, or the largest."""
    if not faces:
        raise FaceError(
            "No face was found in the picture: it has to be whole, from the front, and upright "
            "within 40 degrees. Turn the picture, say where mouth and eyes are (points), "
            "or let it only last (Extend Frames, imgsync extend), which needs no face."
        )
    if point is not None:
        x, y = point
        hit = [face for face in faces if _holds(face, x, y)]
        if not hit:
            raise FaceError(f"There is no face at ({x:g}, {y:g}). {_listed(faces)}")
        face = min(hit, key=lambda face: float(np.hypot(*(face.centre - [x, y]))))
    elif index is not None and not 0 <= index < len(faces):
        raise FaceError(f"There is no face number {index}. {_listed(faces)}")
    else:
        face = faces[index or 0]
    if face.box[2] < SMALLEST:
        raise FaceError(
            f"The face at ({face.centre[0]:.0f}, {face.centre[1]:.0f}) is {face.box[2]:.0f} px "
            f"wide; {SMALLEST} are needed. Use a larger picture of it, or enlarge this one."
        )
    return face


def _holds(face: Face, x: float, y: float) -> bool:
    left, top, w, h = face.box
    return left <= x <= left + w and top <= y <= top + h * 1.1


def _listed(faces: Sequence[Face]) -> str:
    places = ", ".join(
        f"{i} at ({face.centre[0]:.0f}, {face.centre[1]:.0f})" for i, face in enumerate(faces[:8])
    )
    return f"The picture has {len(faces)} face{'s' * (len(faces) > 1)}: {places}."
