"""Drawn faces with known points: flat colours, outlines, big eyes, lines for mouths.

A face mesh knows photographs and paintings; of drawings it says little. These are drawn at random,
so that the nets see a mouth in a line and an eye in a dot. Same view and points as marks.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .view import HEIGHT, LEFT, POINTS, SCALE, TOP, WIDTH

FINE = 3  # px drawn for one
SKINS = np.array(
    [
        (255, 224, 196), (241, 194, 160), (224, 172, 125), (198, 134, 90), (141, 85, 56),
        (92, 56, 40), (250, 235, 220), (200, 200, 205),
    ],
    float,
)  # fmt: skip
Colour = tuple[int, int, int]


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n faces: uint8 (n, HEIGHT, WIDTH, 3), and their points (n, POINTS, 2) in IOD."""
    found = [_Drawing(np.random.default_rng((seed, i))).face() for i in range(n)]
    return np.stack([picture for picture, _ in found]), np.stack([points for _, points in found])


def _colour(values: Sequence[float] | np.ndarray) -> Colour:
    r, g, b = (int(v) for v in np.clip(values, 0, 255))
    return r, g, b


@dataclass(frozen=True)
class _Mouth:
    """The inner edges from corner to corner, in IOD, and the thickness of the lips."""

    u: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    bend: np.ndarray
    rims: tuple[float, float]  # 0.02: only a line
    lips: bool

    @property
    def top(self) -> float:
        return float(self.upper[len(self.u) // 2]) - self.rims[0]


class _Drawing:
    """One face, from the hair behind it to the mouth."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.unit = SCALE * FINE
        self.image = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), self.any(30, 255))
        self.draw = ImageDraw.Draw(self.image)
        self.big_eyed = self.often(0.4)
        tone = SKINS[rng.integers(len(SKINS))] + rng.normal(0, 10, 3)
        self.tone = rng.uniform(90, 240, 3) if self.often(0.12) else tone
        self.dark = _colour(self.tone * rng.uniform(0.15, 0.45))
        self.ink = _colour(rng.uniform(0, 60) * np.ones(3)) if self.often(0.6) else self.dark
        self.hair = self.any(0, 220)
        self.chin = rng.uniform(1.25, 1.6) if self.big_eyed else rng.uniform(1.45, 1.95)
        self.half = rng.uniform(0.95, 1.25)
        self.line = rng.uniform(0.008, 0.035)

    def often(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def any(self, low: float, high: float) -> Colour:
        return _colour(self.rng.uniform(low, high, 3))

    def at(self, u: float, v: float) -> tuple[float, float]:
        """px of a place in IOD."""
        return (u + LEFT) * self.unit, (v - TOP) * self.unit

    def px(self, length: float) -> int:
        return max(1, int(length * self.unit))

    def box(self, u: float, v: float, a: float, b: float) -> tuple[float, float, float, float]:
        return *self.at(u - a, v - b), *self.at(u + a, v + b)

    def oval(self, u: float, v: float, a: float, b: float, fill: Colour) -> None:
        self.draw.ellipse(self.box(u, v, a, b), fill=fill)

    def face(self) -> tuple[np.ndarray, np.ndarray]:
        self._head()
        eye = self._eyes()
        mouth = self._mouth()
        self._nose(mouth)
        self._draw(mouth)
        if self.often(0.12):
            self._moustache(mouth)
        picture = self.image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
        across = np.linspace(-1, 1, WIDTH)[None, :, None]
        light = np.asarray(picture, float) * (1 - self.rng.uniform(-0.25, 0.25) * across)
        return light.clip(0, 255).astype(np.uint8), self._points(eye, mouth)

    def _head(self) -> None:
        """Hair, neck, shoulders, face, fringe."""
        rng, half, chin = self.rng, self.half, self.chin
        self.oval(0, -0.1, half * 1.2, rng.uniform(1.1, 1.5), self.hair)
        if self.often(0.5):
            self.draw.rectangle((*self.at(-half * 1.15, 0), *self.at(half * 1.15, 2.4)), self.hair)
        neck = rng.uniform(0.3, 0.5)
        shade = _colour(self.tone * rng.uniform(0.75, 0.95))
        self.draw.rectangle((*self.at(-neck, 1), *self.at(neck, 2.4)), shade)
        shoulders = [(-1.9, 2.4), (-1, chin + 0.35), (1, chin + 0.35), (1.9, 2.4)]
        self.draw.polygon([self.at(*p) for p in shoulders], self.any(0, 255))
        angles = np.linspace(-np.pi / 2, 1.5 * np.pi, 80)
        x, y = np.cos(angles), np.sin(angles)
        below = np.sign(x) * np.abs(x) ** rng.uniform(0.6, 1.1)
        u, v = np.where(y > 0, below, x) * half, 0.1 + np.where(y > 0, chin - 0.1, 1.2) * y
        edge = [self.at(*p) for p in zip(u, v, strict=True)]
        self.draw.polygon(edge, _colour(self.tone))
        if self.often(0.6):
            self.draw.line(edge + edge[:1], self.ink, self.px(self.line))
        if self.often(0.6):
            right, left = rng.uniform(0.2, 0.7), rng.uniform(-0.3, 0.2)
            fringe = [
                (-half * 1.1, -0.2), (-half, -1.2), (half, -1.2), (half * 1.1, -0.2),
                (right, -0.55), (left, -0.4), (-0.7, -0.6),
            ]  # fmt: skip
            self.draw.polygon([self.at(*p) for p in fringe], self.hair)

    def _eyes(self) -> float:
        """Eyes, brows, glasses; half the width of an eye."""
        rng = self.rng
        wide = rng.uniform(0.24, 0.38) if self.big_eyed else rng.uniform(0.13, 0.26)
        high = wide * (rng.uniform(0.7, 1.2) if self.big_eyed else rng.uniform(0.3, 0.7))
        shut, iris, dots = self.often(0.06), self.any(0, 160), self.often(1 / 3)
        for u in (-0.5, 0.5):
            if shut:
                lid = self.box(u, 0, wide, high * 0.6)
                self.draw.arc(lid, 10, 170, self.ink, self.px(0.03))
                continue
            if dots and not self.big_eyed:
                size = min(wide, 0.12)
                self.oval(u, 0, size, size * rng.uniform(0.9, 1.4), self.ink)
            else:
                self._eye(u, wide, high, iris)
            if self.often(0.9):
                v = -rng.uniform(0.25, 0.42) - high * 0.4
                brow = [(u - 0.22, v + 0.02 * rng.normal()), (u, v - 0.06), (u + 0.22, v)]
                colour = self.hair if self.often(0.6) else self.ink
                width = self.px(rng.uniform(0.02, 0.07))
                self.draw.line([self.at(*p) for p in brow], colour, width)
        if self.often(0.1):
            for u in (-0.5, 0.5):
                frame = self.box(u, 0.02, 0.36, 0.28)
                self.draw.ellipse(frame, outline=self.ink, width=self.px(0.025))
            self.draw.line([self.at(-0.14, 0), self.at(0.14, 0)], self.ink, self.px(0.025))
        return wide

    def _eye(self, u: float, wide: float, high: float, iris: Colour) -> None:
        white = self.box(u, 0, wide, high)
        self.draw.ellipse(white, (255, 255, 255), self.ink, self.px(self.line))
        size = min(high, wide * 0.75)
        self.oval(u, 0, size * 0.8, size, iris)
        self.oval(u, 0, size * 0.4, size * 0.45, (10, 10, 15))
        self.oval(u - 0.25 * size, -0.3 * size, size * 0.2, size * 0.2, (255, 255, 255))
        self.draw.arc(white, 185, 355, self.ink, self.px(self.rng.uniform(0.02, 0.05)))

    def _mouth(self) -> _Mouth:
        rng = self.rng
        v = rng.uniform(0.6, 0.8) * self.chin
        half = rng.uniform(0.06, 0.3) if self.big_eyed else rng.uniform(0.15, 0.5)
        smile = rng.normal(0.02, 0.06) * half / 0.3
        gap = rng.uniform(0.06, 0.32) * min(1, half / 0.25) if self.often(0.4) else 0.0
        lips = self.often(0.55) and not self.big_eyed
        small = min(1, half / 0.3)
        rims = (rng.uniform(0.05, 0.12) * small, rng.uniform(0.08, 0.18) * small)
        x = np.linspace(-1, 1, 41)
        bend = 1 - x**2
        upper = v - smile + smile * bend
        lower = upper + gap * bend**0.8
        return _Mouth(x * half, upper, lower, bend, rims if lips else (0.02, 0.02), lips)

    def _nose(self, mouth: _Mouth) -> None:
        v, kind = mouth.top - self.rng.uniform(0.14, 0.3), self.rng.integers(4)
        if kind == 0:
            for u in (-0.08, 0.08):
                self.oval(u, v, 0.035, 0.02, self.dark)
        elif kind == 1:
            line = [self.at(-0.02, v - 0.35), self.at(0.08, v), self.at(-0.05, v + 0.02)]
            self.draw.line(line, self.dark, self.px(self.line))
        elif kind == 2:
            below = (*self.at(-0.1, v - 0.08), *self.at(0.1, v + 0.05))
            self.draw.arc(below, 20, 160, self.dark, self.px(self.line))

    def _draw(self, mouth: _Mouth) -> None:
        """The lips, what is between them, and their lines."""
        rng, u, upper, lower = self.rng, mouth.u, mouth.upper, mouth.lower
        if mouth.lips:
            red = self.tone * [0.85, 0.5, 0.5] + rng.normal(0, 15, 3)
            painted = rng.uniform(80, 220, 3) * [1, 0.4, 0.5]
            bow = 1 - 0.25 * np.exp(-((u / u[-1] / 0.15) ** 2))
            top = upper - mouth.rims[0] * mouth.bend * bow
            bottom = lower + mouth.rims[1] * mouth.bend
            self._between(u, top, bottom, _colour(red if self.often(0.7) else painted))
        is_open = bool((lower > upper).any())
        if is_open:
            inside = np.array([110, 30, 35]) * rng.uniform(0.3, 1.3)
            self._between(u, upper, lower, _colour(inside))
            if self.often(0.5):
                teeth = upper + (lower - upper) * rng.uniform(0.3, 1.0)
                self._between(u, upper, teeth, (250, 248, 240))
        if not mouth.lips or self.often(0.7):
            width = self.px(rng.uniform(0.012, 0.04))
            for edge in (upper, lower) if is_open else (upper,):
                self.draw.line([self.at(*p) for p in zip(u, edge, strict=True)], self.ink, width)
        if not mouth.lips and self.often(0.3):
            v = float(lower[len(u) // 2]) + 0.12
            shade = _colour(self.tone * 0.8)
            self.draw.line([self.at(-0.08, v), self.at(0.08, v)], shade, self.px(0.02))

    def _between(self, u: np.ndarray, above: np.ndarray, below: np.ndarray, fill: Colour) -> None:
        edge = [*zip(u, above, strict=True), *zip(u[::-1], below[::-1], strict=True)]
        self.draw.polygon([self.at(*p) for p in edge], fill)

    def _moustache(self, mouth: _Mouth) -> None:
        v = float(mouth.upper[len(mouth.u) // 2])
        low = v - mouth.rims[0] - 0.03
        edge = [
            (-0.3, v - 0.08), (0, v - 0.16), (0.3, v - 0.08), (0.25, v - 0.03), (0, low),
            (-0.25, v - 0.03),
        ]  # fmt: skip
        self.draw.polygon([self.at(*p) for p in edge], self.hair)

    def _points(self, eye: float, mouth: _Mouth) -> np.ndarray:
        """As view.KEY: corners and lids of the eyes, mouth, chin."""
        middle = len(mouth.u) // 2
        upper, lower = float(mouth.upper[middle]), float(mouth.lower[middle])
        points = [(-0.5 - eye, 0), (-0.5 + eye, 0), (-0.5, 0), (-0.5, 0)]
        points += [(0.5 + eye, 0), (0.5 - eye, 0), (0.5, 0), (0.5, 0)]
        points += [(mouth.u[0], mouth.upper[0]), (mouth.u[-1], mouth.upper[-1])]
        points += [(0, upper), (0, lower), (0, mouth.top), (0, lower + mouth.rims[1])]
        points += [(0, self.chin)]
        assert len(points) == POINTS
        return np.array(points, float)
