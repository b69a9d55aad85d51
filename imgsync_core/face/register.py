"""Registration of a piece of a face: where it is now, to parts of a pixel.

The inverse compositional way of Lucas and Kanade (Baker and Matthews 2004): the derivatives are
taken in the template, once, so a step is a few samples and a small matrix product. What is found
is a similarity of the plane, as complex numbers: a template point w lies at across * w + origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Frame
from .pixels import sampled

SPAN = ((-0.8, 0.8), (-0.52, 0.6))  # u and v in IOD: from the brows to the nose, not the mouth
STEPS = 12  # at most
STILL = 2e-4  # IOD; a smaller step is the last
FLAT = 1.5  # levels; a piece with less contrast shows nothing


@dataclass(frozen=True)
class Place:
    """A similarity: u + iv in IOD -> x + iy in px."""

    across: complex
    origin: complex

    def out(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x and y of points w."""
        z = self.across * w + self.origin
        return z.real, z.imag

    @property
    def frame(self) -> Frame:
        """The same as vectors."""
        return Frame(
            np.array([self.origin.real, self.origin.imag]),
            np.array([self.across.real, self.across.imag]),
        )

    def scaled(self, factor: float, left: float = 0.0, top: float = 0.0) -> Place:
        """The place in a picture resized by `factor` and then moved by left, top px."""
        return Place(self.across * factor, self.origin * factor + complex(left, top))

    def towards(self, other: Place, part: float) -> Place:
        """Between this one (part 0) and another (part 1)."""
        return Place(
            self.across + part * (other.across - self.across),
            self.origin + part * (other.origin - self.origin),
        )


@dataclass(frozen=True)
class Template:
    """What a piece looks like at one resolution, and how that changes with a small similarity."""

    points: np.ndarray  # (n,) complex, IOD
    values: np.ndarray  # (n,) of mean 0 and standard deviation 1
    descent: np.ndarray  # (4, n): the least squares step of (scale, turn, right, down) per error

    @classmethod
    def of(cls, luma: np.ndarray, place: Place, grid: float) -> Template | None:
        """The piece at a place of a grey picture (h, w); None where it is flat.

        grid: px to one IOD, about as many as the picture has
        """
        u, v = (np.arange(low, high, 1 / grid) for low, high in SPAN)
        w = u + 1j * v[:, None]
        values = _normal(_look(luma, place, w))
        if values is None:
            return None
        down, right = np.gradient(values, 1 / grid)
        slopes = np.stack(
            [right * w.real + down * w.imag, down * w.real - right * w.imag, right, down]
        ).reshape(4, -1)
        descent = np.linalg.solve(slopes @ slopes.T + 1e-6 * np.eye(4), slopes)
        return cls(w.ravel(), values.ravel(), descent)

    def found(self, luma: np.ndarray, place: Place) -> tuple[Place, float]:
        """Where it is in a grey picture, near a place, and its correlation, -1..1, there."""
        fit = 0.0
        for _ in range(STEPS):
            values = _normal(_look(luma, place, self.points))
            if values is None:
                return place, 0.0
            fit = float(values @ self.values) / len(values)
            scale, turn, right, down = self.descent @ (values - self.values)
            across = place.across / (1 + complex(scale, turn))
            place = Place(across, place.origin - across * complex(right, down))
            if max(abs(scale), abs(turn), abs(right), abs(down)) < STILL:
                break
        return place, fit


def _look(luma: np.ndarray, place: Place, w: np.ndarray) -> np.ndarray:
    x, y = place.out(w)
    return sampled(luma, x - 0.5, y - 0.5)


def _normal(values: np.ndarray) -> np.ndarray | None:
    """With mean 0 and standard deviation 1; None if there is no contrast."""
    deviation = float(values.std())
    return None if deviation < FLAT else (values - values.mean()) / deviation
