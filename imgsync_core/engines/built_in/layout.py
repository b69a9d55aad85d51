"""Where the parts of a face lie in a picture, in the face's own axes, from a `Face`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...face.geometry import Face
from ...face.pixels import shrunk
from . import head, mouth
from .axes import Axes, Box, around, bilinear, luminance, ramp, redness
from .eyes import Eye, alike, eye, place
from .tone import Tone, tone

FINE = 60  # pixels between the eyes at which a drawing is told from a photograph
GAP = 0.9  # of the gap that the finder sees is one; teeth in the shade or in grey look like lips


class Layout:
    """The parts of one face: axes, mouth, head, brows, and the tone of its skin."""

    def __init__(self, picture: np.ndarray, face: Face):
        """`picture` is uint8 (h, w, 3)."""
        self.face = face = face.moved(-0.5, -0.5)  # here the first pixel's middle is (0, 0)
        self.unit = max(face.iod, 4.0)
        self.roll = float(face.oval[4])
        self.axes = Axes(tuple(np.asarray(face.lip_line, float).tolist()), self.unit, self.roll)
        self.tone = self._tone(picture)
        self.mouth = self._mouth(picture)
        self.brows = np.array([self.axes.point(brow) for brow in face.brows])
        self.head = self._head(picture)

    def _tone(self, picture: np.ndarray) -> Tone:
        """The skin of both cheeks and the chin's surroundings."""
        eyes = [self.axes.point(p) for p in self.face.eyes]
        spots = [(u * 0.9, v * part) for u, v in eyes for part in (0.45, 0.0)]
        du, dv = np.meshgrid(np.linspace(-0.12, 0.12, 12), np.linspace(-0.12, 0.12, 12))
        taken = [
            bilinear(picture, *self.axes.to_picture(u + du, v + dv)).reshape(-1, 3)
            for u, v in spots
        ]
        return replace(tone(np.concatenate(taken)), drawn=self._drawn(picture))

    def _drawn(self, picture: np.ndarray) -> bool:
        """Whether the face is a drawing: in good part of flat colours, with sharp edges."""
        x, y, a, b, _ = self.face.oval
        top, bottom = (max(int(y + part * b), 0) for part in (-0.7, 0.9))
        left, right = (max(int(x + part * a), 0) for part in (-0.8, 0.8))
        part = luminance(picture[top:bottom, left:right].astype(np.float32))
        scale = min(1.0, FINE / self.unit)
        light = shrunk(part, *(round(n * scale) for n in part.shape))
        if min(light.shape) < 8:
            return False
        spots = np.lib.stride_tricks.sliding_window_view(light, (3, 3))
        spread = np.ptp(spots.reshape(*spots.shape[:2], 9), axis=2)
        return bool((spread < 2.5).mean() > 0.2 and (spread > 40).mean() > 0.1)

    def _mouth(self, picture: np.ndarray) -> mouth.Mouth:
        """Corners, lip line and rims; widths held to what a mouth can be."""
        face, at = self.face, self.axes.point
        left, right = (at(corner) for corner in face.mouth)
        if left[0] > right[0]:
            left, right = right, left
        if right[0] - left[0] < 0.12:
            middle = (left[0] + right[0]) / 2
            left, right = (middle - 0.06, left[1]), (middle + 0.06, right[1])
        oval_u = self.axes.point(face.oval[:2])[0]
        half = float(face.oval[2]) / self.unit
        jaw = (max(half - oval_u, 0.62 * half), max(half + oval_u, 0.62 * half))

        inner = self._gap(picture, float(face.inner) / self.unit)

        def seen(x, y):
            return bilinear(picture, x, y)

        bend = mouth.lip_line(seen, self.axes, left, right, inner > 0.03)
        if inner > 0.03:
            bend = bend + 0.008 + 0.6 / self.unit  # lest a fringe of teeth rides on it
        top = min(at(face.lip_top)[1], -0.03)
        bottom = max(at(face.lip_bottom)[1], 0.05)
        return mouth.Mouth(left, right, bend, top, bottom, inner, at(face.chin), jaw)

    def _gap(self, picture: np.ndarray, told: float) -> float:
        """The gap between parted lips over the line: as far up as it is unlike the lower lip."""
        if told < 0.02:
            return 0.0
        u, v = np.meshgrid(np.linspace(-0.08, 0.08, 9), np.linspace(0.03, 0.11, 9))
        lip = bilinear(picture, *self.axes.to_picture(u, v)).reshape(-1, 3)
        rows = -np.arange(0.01, 1.15 * told, 0.01)
        u, v = np.meshgrid(np.linspace(-0.1, 0.1, 11), rows)
        pixels = bilinear(picture, *self.axes.to_picture(u, v))
        light = luminance(pixels) / max(float(np.median(luminance(lip))), 1.0)
        pale = (light > 1.05) & (redness(pixels) < 0.6 * np.median(redness(lip)))
        between = (light < 0.68) | pale  # dark, or teeth
        return float(np.clip(0.01 * np.median(between.sum(axis=0)) + 0.005, GAP * told, told))

    def _head(self, picture: np.ndarray) -> head.Head:
        """The head's ellipsoid and its nose, half way from the eyes to the lips."""
        face, size = self.face, (picture.shape[1], picture.shape[0])
        u, v = self.axes.point(face.oval[:2])
        a, b = float(face.oval[2]) / self.unit, float(face.oval[3]) / self.unit
        between = np.mean([self.axes.point(p) for p in face.eyes], axis=0)
        nose = (float(between[0]) * 0.4, float(between[1]) * 0.38)
        return head.Head(self.axes, (u, v, max(a, 0.6), max(b, 0.7)), nose, size)

    def fields(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """All displacements (2, 16, 2, h, w) in pixels: mouth and head; upper and lower part."""
        lips = mouth.fields(self.mouth, self.brows, self.axes, x, y)
        whole = self.head.fields(x, y)
        lips = lips * self.head.inside(x, y)
        return np.concatenate([lips, np.stack([whole, whole])], axis=1)

    def below(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How far picture points x, y lie below the line that is cut, in pixels."""
        u, v = self.axes.to_face(x, y)
        return (v - self.mouth.line(u)) * self.unit

    def line_colour(self, picture: np.ndarray) -> np.ndarray:
        """The colour (3,) of the line where the lips meet: the darker pixels along it."""
        u = self.mouth.middle + self.mouth.half * np.linspace(-0.7, 0.7, 41)
        v = self.mouth.line(u) + np.linspace(-0.012, 0.012, 5)[:, None]
        pixels = bilinear(picture, *self.axes.to_picture(np.broadcast_to(u, v.shape), v))
        pixels = pixels.reshape(-1, 3)
        luma = luminance(pixels)
        return pixels[luma <= np.percentile(luma, 25)].mean(axis=0)

    def mouth_box(self) -> Box:
        """All pixels that the lips and what is between them can cover."""
        m = self.mouth
        side = 1.3 * m.half + 0.1
        return around(
            self.axes, m.middle - side, m.middle + side, m.top - 0.16, m.bottom + mouth.MOST + 0.14
        )

    def eye_boxes(self) -> list[Box]:
        """All pixels that the lids can cover."""
        face, size = self.face, self.head.size
        return [place(size, at, face.iod, self.roll)[1] for at in face.eyes]

    def eyes(self, picture: np.ndarray) -> list[Eye]:
        """Those eyes that are open and can be drawn."""
        found = [eye(picture, at, self.face.iod, self.roll) for at in self.face.eyes]
        return alike([one for one in found if one is not None])


def rim(height: int, width: int, share: float = 0.12) -> np.ndarray:
    """1 inside a box, smoothly 0 at its edges, (height, width)."""
    y = np.minimum(np.arange(height), np.arange(height)[::-1]) / max(share * height, 1.0)
    x = np.minimum(np.arange(width), np.arange(width)[::-1]) / max(share * width, 1.0)
    return ramp(y, 0.0, 1.0)[:, None] * ramp(x, 0.0, 1.0)[None]
