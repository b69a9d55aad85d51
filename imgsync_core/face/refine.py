"""The parts of a face that the cascade has found: eyes, brows, lips, chin."""

import math
from dataclasses import replace

import numpy as np

from . import cascade
from .cascade import detect, grouped
from .geometry import BROW_OUT, BROW_UP, Face, Frame, average, with_mouth
from .lips import Lips, find_lips
from .net import Net, load, places, seen
from .pixels import blurred, brightened, grey, reduced, sampled, turned

BOX_DOWN, BOX_SIDE = 0.25, 2.5  # IOD; the box that the net expects around eyes
DETAIL = 62  # px between the eyes at which eyes and lips are looked for
LEAST = 12  # px of a picture in which parts are looked for
CHIN = (1.3, 0.39, 0.2)  # IOD; v of the chin from v of the mouth, a constant, and the gap
CHIN_SPREAD = 0.12  # its standard deviation
CHIN_EDGE = 8.0  # log odds of a jaw line, for one natural log of contrast
OVAL = (0.22, 0.85)  # IOD; half the face's width from v of the mouth, and a constant


def refined(rgb: np.ndarray, spot: np.ndarray, angle: float = 0.0) -> Face:
    """The face at centre x, y and side (px), its roll roughly `angle` radians."""
    x, y, side = spot
    reach = 0.85 * side
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    crop = rgb[top : int(y + reach) + 1, left : int(x + reach) + 1]
    image, factor = reduced(crop, max(LEAST, round(max(crop.shape[:2]) * DETAIL / (0.39 * side))))
    face = _details(brightened(image), (spot - [left, top, 0]) / factor, angle)
    return face.scaled(factor).moved(left, top)


def _details(image: np.ndarray, spot: np.ndarray, angle: float) -> Face:
    """The face in a small picture, float32 (h, w, 3)."""
    side = float(spot[2])
    eyes, spread = _eyes(image, spot, angle)
    frame = Frame.of(eyes)
    lips = find_lips(image, frame, eyes=spread)
    face = replace(
        average(eyes, "found", lips.confidence),
        box=(float(spot[0]) - side / 2, float(spot[1]) - side / 2, side, side),
        brows=_brows(image, frame),
    )
    return with_lips(face, lips, chin_of(image, frame, lips))


def _eyes(image: np.ndarray, spot: np.ndarray, angle: float) -> tuple[np.ndarray, float]:
    """Eye centres (2, 2) px, and the spread of the belief in them in IOD.

    First as seen in the box, then in the box that belongs to such eyes, then from near.
    """
    across = np.array([math.cos(angle), math.sin(angle)])
    eyes, _ = _pair(image, load("box"), Frame(spot[:2], spot[2] * across))
    frame = Frame.of(eyes)
    eyes, _ = _pair(image, load("box"), Frame(frame.out(0, BOX_DOWN), BOX_SIDE * frame.across))
    eyes, _ = _pair(image, load("eyes"), Frame.of(eyes))
    return _pair(image, load("eyes"), Frame.of(eyes))


def _pair(image: np.ndarray, net: Net, frame: Frame) -> tuple[np.ndarray, float]:
    """Eye centres (2, 2) px as a net sees them in these axes, and the spread, in its unit."""
    belief = net(seen(image, net.patch, frame.out(*places(net.patch))))
    both = [[belief[f"{axis} of {side} eye"] for axis in "uv"] for side in ("left", "right")]
    eyes = np.stack([frame.out(u.mean, v.mean) for u, v in both])
    return eyes, max(part.spread for pair in both for part in pair)


def with_lips(face: Face, lips: Lips, chin: float | None = None) -> Face:
    """The face with these lips; chin: v of it, None: where it was, as seen from the lips."""
    frame = Frame.of(face.eyes)
    corners = frame.out(lips.corners[:, 0], lips.corners[:, 1])
    rims = lips.line[1] - lips.inner - lips.upper, lips.line[1] + lips.lower
    face = with_mouth(face, corners, frame.out(*lips.line), lips.inner * frame.iod, chin, rims)
    x, y, _, b, roll = face.oval
    half = (OVAL[0] * (lips.line[1] - lips.inner / 2) + OVAL[1]) * frame.iod
    return replace(face, oval=(x, y, half, b, roll), confidence=lips.confidence)


def chin_of(image: np.ndarray, frame: Frame, lips: Lips) -> float:
    """v of the chin: where it usually is below such a mouth, or at an edge near there.

    image: float32 (h, w, 3); the edge is an arc below which it is darker, as a jaw's shadow is
    """
    usual = CHIN[0] * (lips.line[1] - lips.inner / 2) + CHIN[1] + CHIN[2] * lips.inner
    v = usual + np.arange(-17, 18) / 48
    u = np.linspace(-0.3, 0.3, 15)
    arcs = v[:, None] - 0.3 * u**2
    points = frame.out(np.broadcast_to(u, arcs.shape), arcs) - 0.5
    log = np.log(grey(sampled(image, points[..., 0], points[..., 1])) + 8)
    soft = blurred(log, 1.5, 0)
    edge = np.zeros(len(v))
    change = np.median(soft[:-6] - soft[6:], axis=1)
    edge[3:-3] = np.where(change > 0, change, -0.2 * change)
    edge[(points[..., 1] > image.shape[0] - 2).any(1)] = 0
    score = 2 * np.tanh(CHIN_EDGE * edge / 2) - 0.5 * ((v - usual) / CHIN_SPREAD) ** 2
    return float(v[score.argmax()])


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
    boxes, scores = detect(luma, cascade.load("face"), side * 0.75, side * 1.35)
    boxes, scores, members = grouped(boxes, scores, 1)
    if not len(boxes):
        return None
    bx, by, wide = boxes[int(members.argmax())]
    centre = back @ np.array([bx + wide / 2 - 0.5, by + wide / 2 - 0.5, 1.0]) + 0.5
    spot = np.array([*centre, wide]) * factor + [left, top, 0]
    return refined(rgb, spot, -angle)
