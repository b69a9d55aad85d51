"""A clip that already talks is given another voice: its own quiet mouth, laid over and animated.

Old lips cannot be moved out of the way well, since what they hide is never seen. So the frame with
the quietest mouth is sought in the clip itself. Its lower face speaks the new voice, is laid over
each frame where that frame's nose and cheeks say, and what differs along the border is diffused
inward (Perez et al., Poisson Image Editing, 2003), so light and colour are the frame's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...face.geometry import Face, Frame
from .axes import bilinear, luminance, ramp
from .membrane import membrane
from .pose import Strength
from .render import Renderer

AROUND = (-0.8, 0.8, 0.5, 1.85)  # IOD from between the eyes: the part of a face that is looked at
COARSE = 28  # pixels to one IOD where places are compared
SEEK = 0.09  # IOD by which the quiet mouth may have to be moved
DROPS = (0.0, 0.05, 0.1, 0.15, 0.2)  # IOD by which the jaw of a frame may hang lower
STILL = 0.02  # worth of staying where the eyes say, per SEEK, in levels squared of the mean light


@dataclass(frozen=True)
class Quiet:
    """The quiet frame of a clip: its picture (h, w, 3), its face, and how open it seems."""

    picture: np.ndarray
    face: Face
    openness: float


def quietest(frames: Iterator[tuple[np.ndarray, Face | None]]) -> Quiet | None:
    """The frame whose mouth is shut, of pictures (h, w, 3) and the face in each; None without."""
    best: Quiet | None = None
    for picture, face in frames:
        if face is None:
            continue
        value = _openness(picture, face)
        if best is None or value < best.openness:
            best = Quiet(picture.copy(), face, value)
    return best


def _openness(picture: np.ndarray, face: Face) -> float:
    """How much of the mouth is dark or pale as no lip is, with the gap that was found."""
    frame = Frame.of(face.eyes)
    mouth = frame.into(face.mouth.mean(0))
    u, v = np.meshgrid(np.linspace(-0.3, 0.3, 25), np.linspace(-0.16, 0.3, 24))
    seen = _sampled(picture, frame, u + mouth[0], v + mouth[1])
    cheeks = _sampled(picture, frame, np.array([-0.6, 0.6]), np.array([0.6, 0.6]))
    light = luminance(seen) / max(float(luminance(cheeks).mean()), 8.0)
    pale = seen.max(-1) - seen.min(-1) < 0.5 * (cheeks.max(-1) - cheeks.min(-1)).mean()
    odd = (light < 0.35) | ((light > 0.6) & pale)
    return float(odd.mean()) + 2.0 * face.inner / face.iod


def _sampled(picture: np.ndarray, frame: Frame, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Pixels (..., 3) of a picture at places of a face, u and v in IOD from between its eyes."""
    at = frame.out(u, v) - 0.5
    return bilinear(picture, at[..., 0], at[..., 1])


class Dub:
    """Gives every frame of a clip the mouth of its quiet frame, speaking."""

    def __init__(self, quiet: Quiet, strength: Strength) -> None:
        shut = replace(quiet.face, inner=0.0) if quiet.face.inner < 0.05 * quiet.face.iod else None
        self.face = shut or quiet.face
        self.renderer = Renderer(quiet.picture, self.face, strength=strength, rests=True)
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

    def _mask(self, u: np.ndarray, v: np.ndarray, low: float) -> np.ndarray:
        """1 on the lips of both, softly 0 beyond; `low` is v of the frame's lower lip."""
        side = ramp(np.abs(u - self.line[0]), 1.2 * self.half + 0.22, 1.2 * self.half + 0.04)
        above = ramp(v, self.top - 0.14, self.top - 0.04)
        low = max(low, self.bottom) + 0.05
        return side * above * ramp(v, low + 0.22, low)

    def _place(self, picture: np.ndarray, frame: Frame, low: float) -> tuple[float, float, float]:
        """How far right, down and open the frame's face is of where its eyes put the quiet one."""
        seen = luminance(_sampled(picture, frame, self.u, self.v))
        free = ramp(self._mask(self.u, self.v, low), 0.35, 0.1)
        reach = round(SEEK * COARSE)
        inner = (slice(reach, -reach), slice(reach, -reach))
        there, weight = seen[inner], free[inner]
        weight = weight / weight.sum()
        best = (np.inf, 0.0, 0.0, 0.0)
        for drop, own in self.own.items():
            for dv in range(-reach, reach + 1):
                for du in range(-reach, reach + 1):
                    rows = slice(reach - dv, own.shape[0] - reach - dv)
                    columns = slice(reach - du, own.shape[1] - reach - du)
                    off = there - own[rows, columns]
                    off = off - (weight * off).sum()
                    cost = float((weight * off * off).sum()) * (
                        1.0 + STILL * (du * du + dv * dv + (COARSE * drop) ** 2 / 4)
                    )
                    if cost < best[0]:
                        best = (cost, du / COARSE, dv / COARSE, drop)
        return best[1:]

    def draw(self, picture: np.ndarray, face: Face, pose: np.ndarray) -> np.ndarray:
        """A frame (h, w, 3) of the clip with the mouth of a pose (16,)."""
        frame = Frame.of(face.eyes)
        low = float(frame.into(face.lip_bottom)[1])
        right, down, drop = self._place(picture, frame, low)
        corners = frame.out(
            np.array([AROUND[0], AROUND[1], AROUND[0], AROUND[1]]),
            np.array([AROUND[2], AROUND[2], AROUND[3], AROUND[3]]),
        )
        h, w = picture.shape[:2]
        x0, y0 = np.clip(np.floor(corners.min(0)).astype(int), 0, [w, h])
        x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int), 0, [w, h])
        if x1 - x0 < 4 or y1 - y0 < 4:
            return picture
        x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
        at = frame.into(np.stack([x, y], -1))
        u, v = at[..., 0] - right, at[..., 1] - down
        mask = self._mask(u, v, low - down)
        spoken = self.renderer.render(pose[None])[0]
        source = self._raised(v, drop)
        still = _sampled(self.picture, self.frame, u, source)
        patch = _sampled(spoken, self.frame, u, source)
        there = picture[y0:y1, x0:x1].astype(np.float64)
        known = ramp(mask, 0.3, 0.02) + 1e-6
        patch = patch + membrane(there - still, known, max(1.0, face.iod / COARSE))
        drawn = picture.copy()
        mixed = there + mask[..., None] * (patch - there)
        drawn[y0:y1, x0:x1] = np.clip(mixed + 0.5, 0, 255)
        return drawn
