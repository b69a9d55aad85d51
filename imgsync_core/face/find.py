"""Faces in a picture, with nothing but numpy: box, eyes, lips, and the rest from proportions."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..errors import FaceError
from .cascade import detect, grouped, load
from .geometry import BROW_OUT, BROW_UP, Face, Frame, average, with_mouth
from .lips import find_lips
from .pixels import blurred, grey, reduced, sampled, turned

SIDES = (320, 800)  # px the picture is reduced to: first look, second look for small faces
TURNS = tuple(math.radians(angle) for angle in (15, -15, 30, -30))
NEIGHBOURS = (5, 3, 2)  # windows that agree on a face; fewer when no look finds one
CLEAR = 14  # so many, and no other look is needed
TURNED = 9  # at least so many for a face that is not upright
DOUBT = 0.2  # confidence of the lips under which a face that is not clear is none
EYES = np.array([(0.309, 0.390), (0.703, 0.405)])  # in the cascade's box
EYE_SHIFT = np.array([(0.043, 0.034), (0.021, 0.033)])  # IOD; the eye cascade looks up and left
MOUTH_IN_BOX = 0.77
DETAIL = 62  # px between the eyes at which eyes and lips are looked for
HALF = np.array([0.5, 0.5, 0.0])  # of the side: from a box's corner to its centre
LOWEST = 12  # px; smaller pictures hold no face

Spot = tuple[np.ndarray, float]  # centre x, y and side in px of the picture; roll in radians
Windows = tuple[np.ndarray, np.ndarray]  # (n, 3) centre and side in px of the picture; scores


def find_faces(rgb: np.ndarray) -> list[Face]:
    """All faces of a picture that are upright or turned up to 40 degrees, largest first.

    rgb: uint8 (h, w, 3 or 4) or grey (h, w) or (h, w, 1)
    """
    if min(rgb.shape[:2]) < LOWEST:
        return []
    found, clear = _search(rgb)
    faces = [refined(rgb, spot, angle) for (spot, angle), _ in found]
    if not clear:
        faces = [face for face in faces if face.confidence >= DOUBT]
    return sorted(faces, key=lambda face: -face.box[2])


def _search(rgb: np.ndarray) -> tuple[list[tuple[Spot, float]], bool]:
    """Where faces are, each with a score, and whether one of them was seen clearly."""
    looks = [(side, 0.0) for side in SIDES if side == SIDES[0] or max(rgb.shape[:2]) > SIDES[0]]
    looks += [(SIDES[0], angle) for angle in TURNS]
    seen = []
    for side, angle in looks:
        windows = _look(rgb, side, angle)
        if _spots(windows, angle, CLEAR):  # then the fainter ones beside it count too
            return _spots(windows, angle, NEIGHBOURS[0]), True
        seen.append((windows, angle))
    return _doubtful(seen), False


def _look(rgb: np.ndarray, side: int, angle: float) -> Windows:
    """Windows that look like a face in the picture, reduced and turned."""
    image, factor = reduced(rgb, side)
    luma, back = grey(image), np.array([[1.0, 0, 0], [0, 1, 0]])
    if angle:
        luma, back = turned(luma, angle)
    boxes, scores = detect(luma, load("face"), 20, 1e9)
    boxes[:, :2] += boxes[:, 2:] / 2 - 0.5
    boxes[:, :2] = boxes[:, :2] @ back[:, :2].T + back[:, 2] + 0.5
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


def refined(rgb: np.ndarray, spot: np.ndarray, angle: float = 0.0) -> Face:
    """The face at centre x, y and side (px), its roll roughly `angle` radians."""
    x, y, side = spot
    reach = 0.85 * side
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    crop = rgb[top : int(y + reach) + 1, left : int(x + reach) + 1]
    image, factor = reduced(crop, max(LOWEST, round(max(crop.shape[:2]) * DETAIL / (0.39 * side))))
    face = _details(image, (spot - [left, top, 0]) / factor, angle)
    return face.scaled(factor).moved(left, top)


def _details(image: np.ndarray, spot: np.ndarray, angle: float) -> Face:
    """The face in a small picture, float32 (h, w, 3)."""
    side = spot[2]
    eyes = _eyes(image, spot, angle)
    frame = Frame.of(eyes)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    mouth = frame.into(spot[:2] + turn @ np.array([0, (MOUTH_IN_BOX - 0.5) * side]))[1]
    lips = find_lips(image, frame, 0.5 * float(mouth) + 0.5 * 0.99)
    face = replace(
        average(eyes, "found", lips.confidence),
        box=tuple(float(v) for v in (*(spot[:2] - side / 2), side, side)),
        brows=_brows(image, frame),
    )
    face = with_mouth(
        face,
        frame.out(lips.corners[:, 0], lips.corners[:, 1]),
        frame.out(*lips.line),
        lips.inner * frame.iod,
    )
    return face


def _eyes(image: np.ndarray, spot: np.ndarray, angle: float) -> np.ndarray:
    """Eye centres (2, 2) px: the middle of what the eye cascade finds near where eyes are."""
    side = float(spot[2])
    c, s = math.cos(angle), math.sin(angle)
    turn = np.array([[c, -s], [s, c]])
    n = max(int(side * 1.2), 40)
    step = side * 1.2 / n
    u, v = np.meshgrid((np.arange(n) + 0.5) * step, (np.arange(int(n * 0.72)) + 0.5) * step)
    corner = spot[:2] + turn @ (np.array([-0.6, -0.6]) * side)
    x, y = corner[:, None, None] + np.tensordot(turn, np.stack([u, v]), 1)
    luma = grey(sampled(image, x - 0.5, y - 0.5))
    boxes, _ = detect(luma, load("eye"), 0.17 * side / step, 0.42 * side / step)
    seen = (boxes[:, :2] + boxes[:, 2:] / 2) * step / side - 0.1  # in the box
    eyes = []
    for prior in EYES:
        at = prior
        for sigma in (0.12, 0.072, 0.048):
            distance = ((seen - at) ** 2).sum(1) / sigma**2
            weight = np.exp(-distance / 2) * (distance < 6)
            at = (weight @ seen + 0.3 * prior) / (weight.sum() + 0.3)
        eyes.append(at)
    centres = spot[:2] + ((np.array(eyes) - 0.5) * side) @ turn.T
    frame = Frame.of(centres)
    return centres + np.stack([u * frame.across + v * frame.down for u, v in EYE_SHIFT])


def _brows(image: np.ndarray, frame: Frame) -> np.ndarray:
    """The darkest bar above each eye, or where brows usually are; (2, 2) px."""
    v = np.linspace(-0.66, -0.18, 49)
    found = []
    for side in (-1, 1):
        u = side * np.linspace(BROW_OUT - 0.2, BROW_OUT + 0.12, 17)
        points = frame.out(*np.meshgrid(u, v)) - 0.5
        luma = grey(sampled(image, points[..., 0], points[..., 1])).mean(1)
        soft = blurred(np.log(luma + 12), 2.5, 0)
        dark = np.zeros_like(soft)
        dark[5:-5] = soft[10:] + soft[:-10] - 2 * soft[5:-5]
        score = dark - 0.5 * 0.1 * ((v + BROW_UP) / 0.1) ** 2
        found.append(frame.out(side * BROW_OUT, v[int(score.argmax())]))
    return np.stack(found)


def pick(
    faces: Sequence[Face], index: int | None = None, point: Sequence[float] | None = None
) -> Face:
    """One of the faces: by number from 0 (largest first), by a point in it, or the largest."""
    if not faces:
        raise FaceError(
            "No face was found in the picture. Say where mouth and eyes are (points), "
            "or use ExtendFrames, which needs no face."
        )
    if point is not None:
        x, y = point
        hit = [face for face in faces if _holds(face, x, y)]
        if not hit:
            raise FaceError(f"There is no face at ({x:g}, {y:g}). {_listed(faces)}")
        return min(hit, key=lambda face: float(np.hypot(*(face.centre - [x, y]))))
    if index is None:
        return faces[0]
    if not 0 <= index < len(faces):
        raise FaceError(f"There is no face number {index}. {_listed(faces)}")
    return faces[index]


def _holds(face: Face, x: float, y: float) -> bool:
    left, top, w, h = face.box
    return left <= x <= left + w and top <= y <= top + h * 1.1


def _listed(faces: Sequence[Face]) -> str:
    places = ", ".join(
        f"{i} at ({face.centre[0]:.0f}, {face.centre[1]:.0f})" for i, face in enumerate(faces[:8])
    )
    return f"The picture has {len(faces)} face{'s' * (len(faces) > 1)}: {places}."


def track(
    frames: Iterable[np.ndarray],
    first: Face | None = None,
    *,
    smooth: float = 0.5,
    again: int = 12,
) -> Iterator[Face | None]:
    """The same face in each frame, None while it has not been seen yet.

    frames: uint8 (h, w, 3), in order; first: the face to follow, as picked in the first frame
    smooth: how much of the last place is kept, 0..1; fast motion keeps less
    again: frames without a face near the last place before the whole picture is searched
    """
    last, lost = first, 0
    for frame in frames:
        if last is None or lost >= again:
            faces = find_faces(frame)
            new = min(faces, key=lambda face: distance(face, last)) if faces else None
        else:
            new = near(frame, last)
        lost = 0 if new is not None else lost + 1
        if new is not None and last is not None:
            step = distance(new, last)
            new = last.towards(new, 1 - smooth * math.exp(-((step / 0.08) ** 2)))
        last = new or last
        yield last


def distance(face: Face, other: Face | None) -> float:
    """Between two faces' eyes, in IOD; for no other face, smaller for a larger face."""
    if other is None:
        return -face.box[2]
    return float(np.hypot(*(face.eyes - other.eyes).mean(0))) / other.iod


def near(rgb: np.ndarray, last: Face) -> Face | None:
    """The face near its last place, or None."""
    x, y, w, h = last.box
    reach = 0.35 * w
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    crop = rgb[top : int(y + h + reach) + 1, left : int(x + w + reach) + 1]
    if min(crop.shape[:2], default=0) < LOWEST:
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
