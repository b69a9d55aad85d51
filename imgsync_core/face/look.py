"""What a face looks like, so that two people can be told apart.

No network knows people here. A face's look is the upper half of it on a coarse grid (hair line,
brows, eyes, nose: what speech does not move), light and colour apart, so that it tells the two
people of a conversation apart, not twins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Face, Frame
from .pixels import reduced, sampled

GRID = np.meshgrid(np.linspace(-1.0, 1.0, 16), np.linspace(-0.9, 0.75, 14))  # u, v in IOD
DETAIL = 9  # px between the eyes at which a look is taken
COLOUR = 2.0  # weight of the difference of colour against the likeness of light


@dataclass(frozen=True)
class Look:
    """light: (14, 16), of mean 0 and variance 1.   colour: (2, 14, 16) log ratios."""

    light: np.ndarray
    colour: np.ndarray

    @classmethod
    def of(cls, rgb: np.ndarray, face: Face) -> Look:
        """How a face in a picture, uint8 (h, w, 3), looks."""
        x, y, w, h = face.box
        left, top = max(0, int(x - 0.2 * w)), max(0, int(y - 0.3 * h))
        crop = rgb[top : int(y + 1.2 * h) + 1, left : int(x + 1.2 * w) + 1]
        if not crop.size:
            return cls(np.zeros_like(GRID[0]), np.zeros((2, *GRID[0].shape)))
        side = max(2, round(max(crop.shape[:2]) * DETAIL / max(face.iod, 1.0)))
        image, factor = reduced(crop, side)
        return cls.seen(image, Frame.of((face.eyes - [left, top]) / factor))

    @classmethod
    def seen(cls, image: np.ndarray, frame: Frame) -> Look:
        """How a face looks in a picture, float32 (h, w, 3), with about DETAIL px to its IOD."""
        points = frame.out(*GRID) - 0.5
        log = np.log(sampled(image, points[..., 0], points[..., 1]) + 16)
        light = log.mean(-1)
        light = (light - light.mean()) / max(float(light.std()), 1e-3)
        return cls(light, np.stack([log[..., 0] - log[..., 1], log[..., 1] - log[..., 2]]))

    def likeness(self, other: Look) -> float:
        """1 for the same; about 0.9 for the same person, 0.6 or less for others."""
        light = float((self.light * other.light).mean())
        return light - COLOUR * float(np.abs(self.colour - other.colour).mean())

    def towards(self, other: Look, part: float) -> Look:
        """Between this look (part 0) and another (part 1)."""
        return Look(
            (1 - part) * self.light + part * other.light,
            (1 - part) * self.colour + part * other.colour,
        )
