"""A clip that already talks is given another voice: its own quiet mouth, laid over and animated.

Old lips cannot be moved out of the way well, since what they hide is never seen. So the frame with
the quietest mouth is sought in the clip itself. Its lower face speaks the new voice, is laid over
each frame where that frame's nose and cheeks say, and what differs along the border is diffused
inward (Perez et al., Poisson Image Editing, 2003), so light and colour are the frame's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ...face.geometry import Face, Frame
from .axes import bilinear, luminance, ramp, redness
from .membrane import membrane, widened
from .pose import Strength
from .render import Renderer

AROUND = (-0.8, 0.8, 0.2, 1.85)  # IOD from between the eyes: the part of a face that is looked at
DRAWN = 0.5  # where the part that is drawn begins
COARSE = 28  # pixels to one IOD where places are compared
SEEK = 0.09  # IOD by which the quiet mouth may have to be moved
PRESSED = 0.8  # of the red that is usually seen of a mouth; lips that show less are pressed
RED = 0.1  # log red over green of a mouth, beyond the cheeks', from which on that is told
SHUT = 0.05  # IOD between the lips up to which the quiet mouth counts as shut
DROPS = (0.0, 0.05, 0.1, 0.15, 0.2)  # IOD by which the jaw of a frame may hang lower
UNLIKE = (0.15, 0.3)  # of the light: what frame and quiet face differ by where one is no skin
STILL = 0.02  # worth of staying where the eyes say, per SEEK, in levels squared of the mean light


@dataclass(frozen=True)
class _Glance:
    """What is remembered of a frame while the quietest is sought."""

    index: int
    face: Face
    place: tuple[float, float, float]  # u, v of the mouth's middle and its width, IOD
    odd: np.ndarray  # bool (h, w): dark or pale as no lip is, on the grid of `_GRID`
    red: np.ndarray  # (h, w): log red over green beyond the cheeks'


_GRID = np.meshgrid(np.linspace(-0.45, 0.45, 37), np.linspace(0.7, 1.5, 33))


def quietest(frames: Iterable[tuple[int, np.ndarray, Face | None]]) -> tuple[int, Face] | None:
    """The frame with a shut mouth, of numbers, pictures (h, w, 3) and faces; None without a face.

    Lips that were found apart from where this mouth usually is are not trusted, nor odd widths.
    Where less red is seen than usual, lips are pressed together, which is no quiet mouth either.
    """
    seen = [_glance(i, picture, face) for i, picture, face in frames if face is not None]
    if not seen:
        return None
    usual = np.median([one.place for one in seen], axis=0)
    u, v = _GRID
    mouth = (np.abs(u - usual[0]) < 0.55 * usual[2]) & (v > usual[1] - 0.12) & (v < usual[1] + 0.22)

    red = np.array([one.red[mouth].mean() for one in seen])
    lips = float(np.median(red))
    pale = np.clip(PRESSED - red / lips, 0.0, 1.0) if lips > RED else 0.0 * red

    def worth(number: int) -> float:
        one = seen[number]
        off = np.abs(np.array(one.place) - usual)
        apart = off[0] + off[1] + off[2] / 2
        doubt = 0.3 * (1.0 - one.face.confidence)
        seems = float(one.odd[mouth].mean()) + one.face.inner / one.face.iod
        return seems + apart + doubt + float(pale[number])

    best = seen[min(range(len(seen)), key=worth)]
    return best.index, best.face


def _glance(index: int, picture: np.ndarray, face: Face) -> _Glance:
    frame = Frame.of(face.eyes)
    u, v = frame.into(face.mouth.mean(0))
    width = float(np.hypot(*np.diff(face.mouth, axis=0)[0])) / face.iod
    seen = _sampled(picture, frame, *_GRID)
    cheeks = _sampled(picture, frame, np.array([-0.6, 0.6]), np.array([0.6, 0.6]))
    light = luminance(seen) / max(float(luminance(cheeks).mean()), 8.0)
    pale = np.ptp(seen, axis=-1) < 0.5 * np.ptp(cheeks, axis=-1).mean()
    odd = (light < 0.35) | ((light > 0.6) & pale)
    red = redness(seen) - np.median(redness(cheeks))
    return _Glance(index, face, (float(u), float(v), width), odd, red)


def _sampled(picture: np.ndarray, frame: Frame, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Pixels (..., 3) of a picture at places of a face, u and v in IOD from between its eyes."""
    at = frame.out(u, v) - 0.5
    return bilinear(picture, at[..., 0], at[..., 1])


class Dub:
    """Gives every frame of a clip the mouth of its quiet frame, speaking."""

    def __init__(self, picture: np.ndarray, face: Face, strength: Strength) -> None:
        """The quiet frame, uint8 (h, w, 3), and the face in it."""
        self.face = replace(face, inner=0.0) if face.inner < SHUT * face.iod else face
        self.renderer = Renderer(picture, self.face, strength=strength, rests=True)
        self.picture = self.renderer.render(np.zeros((1, 16)))[0]
        self.frame = Frame.of(self.face.eyes)
        self.line = self.frame.into(self.face.mouth.mean(0))
        self.half = float(np.hypot(*np.diff(self.face.mouth, axis=0)[0])) / self.face.iod / 2
        self.top = float(self.frame.into(self.face.lip_top)[1])
        self.bottom = float(self.frame.into(self.face.lip_bottom)[1])
        step = 1.0 / COARSE
        self.u, self.v = np.meshgrid(
            np.arange(AROUND[0], AROUND[1], step), np.arange(AROUND[2], AROUND[3], step)
        )
        self.own = {drop: self._coarse(drop) for drop in DROPS}

    def _coarse(self, drop: float) -> np.ndarray:
        """The quiet face's light on the coarse grid, its jaw lowered."""
        return luminance(_sampled(self.picture, self.frame, self.u, self._raised(self.v, drop)))

    def _raised(self, v: np.ndarray, drop: float) -> np.ndarray:
        """Where in the quiet face lies what is seen at v with the jaw lowered."""
        return v - drop * ramp(v, self.bottom - 0.02, self.bottom + drop + 0.25)

    def _mask(self, u: np.ndarray, v: np.ndarray, lips: tuple[float, float, float]) -> np.ndarray:
        """1 on the lips of both, softly 0 beyond.

        lips: of the frame: v of the upper one's top and the lower one's bottom, half their width.
        """
        top, low, half = lips
        half = 1.1 * max(half, self.half)
        side = ramp(np.abs(u - self.line[0]), half + 0.24, half + 0.06)
        top, low = min(top, self.top) - 0.07, max(low, self.bottom) + 0.06
        return side * ramp(v, top - 0.12, top) * ramp(v, low + 0.22, low)

    def _place(self, picture: np.ndarray, frame: Frame, lips) -> tuple[float, float, float]:
        """How far right, down and open the frame's face is of where its eyes put the quiet one."""
        seen = luminance(_sampled(picture, frame, self.u, self.v))
        reach = round(SEEK * COARSE)
        inner = (slice(reach, -reach), slice(reach, -reach))
        weight = ramp(self._mask(self.u, self.v, lips), 0.35, 0.1)[inner]
        weight = weight * np.where(self.v[inner] < 0.75, 2.0, 1.0)  # noses are firm
        weight = weight / weight.sum()
        there = seen[inner]
        steps = range(-reach, reach + 1)
        best, chosen, table = np.inf, 0.0, np.zeros((1, 1))
        for drop, own in self.own.items():
            moved = np.stack(
                [
                    there - own[reach - dv : own.shape[0] - reach - dv,
                                reach - du : own.shape[1] - reach - du]
                    for dv in steps
                    for du in steps
                ]
            )  # fmt: skip
            moved = moved - (weight * moved).sum((1, 2), keepdims=True)
            cost = (weight * moved * moved).sum((1, 2)).reshape(len(steps), -1)
            far = np.square(steps)[:, None] + np.square(steps) + (COARSE * drop) ** 2 / 4
            cost = cost * (1.0 + STILL * far)
            if cost.min() < best:
                best, chosen, table = float(cost.min()), drop, cost
        row, column = np.unravel_index(table.argmin(), table.shape)
        right = (column - reach + _vertex(table[row], int(column))) / COARSE
        return right, (row - reach + _vertex(table[:, column], int(row))) / COARSE, chosen

    def draw(self, picture: np.ndarray, face: Face, pose: np.ndarray) -> np.ndarray:
        """A frame (h, w, 3) of the clip with the mouth of a pose (16,)."""
        frame = Frame.of(face.eyes)
        top, low = (float(frame.into(p)[1]) for p in (face.lip_top, face.lip_bottom))
        half = float(np.hypot(*np.diff(face.mouth, axis=0)[0])) / face.iod / 2
        right, down, drop = self._place(picture, frame, (top, low, half))
        corners = frame.out(
            np.array([AROUND[0], AROUND[1], AROUND[0], AROUND[1]]),
            np.array([DRAWN, DRAWN, AROUND[3], AROUND[3]]),
        )
        h, w = picture.shape[:2]
        x0, y0 = np.clip(np.floor(corners.min(0)).astype(int), 0, [w, h])
        x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int), 0, [w, h])
        if x1 - x0 < 4 or y1 - y0 < 4:
            return picture
        x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
        at = frame.into(np.stack([x, y], -1))
        u, v = at[..., 0] - right, at[..., 1] - down
        mask = self._mask(u, v, (top - down, low - down, half))
        # lips that were found too large reach beyond what is drawn
        mask = mask * ramp(np.abs(at[..., 0]), AROUND[1], AROUND[1] - 0.08)
        mask = mask * ramp(at[..., 1], AROUND[3], AROUND[3] - 0.08)
        spoken = self.renderer.render(pose[None])[0]
        source = self._raised(v, drop)
        still = _sampled(self.picture, self.frame, u, source)
        patch = _sampled(spoken, self.frame, u, source)
        there = picture[y0:y1, x0:x1].astype(np.float64)
        border = ramp(mask, 0.3, 0.02)
        middle = float(frame.into(face.mouth.mean(0))[0]) - right
        away = np.minimum(np.abs(u - self.line[0]) - self.half, np.abs(u - middle) - half)
        beside = ramp(away, 0.02, 0.1)
        same = 1.0 - _odd(there, still, mask, beside, 0.03 * face.iod)
        mask, known = mask * same, border * same + 1e-6
        patch = patch + membrane(there - still, known, max(1.0, face.iod / COARSE))
        drawn = picture.copy()
        mixed = there + mask[..., None] * (patch - there)
        drawn[y0:y1, x0:x1] = np.clip(mixed + 0.5, 0, 255)
        return drawn


def _odd(
    there: np.ndarray, still: np.ndarray, mask: np.ndarray, beside: np.ndarray, px: float
) -> np.ndarray:
    """Where one of the frame and the quiet face (h, w, 3) shows no skin, 0..1 (h, w).

    That is hair, a collar or what is behind the face, most of all where the head is turned further
    in one of them. Nothing is laid over it, and what it differs by is no difference of light.
    mask: where the quiet face is laid.   beside: 1 beside both mouths; lips and jaws may differ.
    px: over which it fades.
    """
    laid = mask > 0.02
    light = max(float(luminance(there)[laid].mean()), 8.0) if laid.any() else 8.0
    off = (there - still) / light
    border = laid & (mask < 0.9)
    if border.any():
        off = off - np.median(off[border], axis=0)
    return widened(ramp(np.abs(off).mean(-1), *UNLIKE) * beside, max(2, round(px)))


def _vertex(cost: np.ndarray, at: int) -> float:
    """Where between the neighbours of its least value a cost has its minimum: -0.5 .. 0.5."""
    if not 0 < at < len(cost) - 1:
        return 0.0
    before, here, after = cost[at - 1 : at + 2]
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend > 1e-9 else 0.0
