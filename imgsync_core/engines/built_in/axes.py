"""The face's own axes, and small helpers for fields of numbers laid over the picture."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axes:
    """Coordinates (u right, v down) along and across the face, in inter-ocular distances.

    The origin is a point of the face in picture pixels; `roll` turns u against the picture's x.
    """

    origin: tuple[float, float]  # x, y in pixels
    unit: float  # pixels in one inter-ocular distance
    roll: float  # radians

    def to_face(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Picture pixels to (u, v)."""
        dx, dy = (x - self.origin[0]) / self.unit, (y - self.origin[1]) / self.unit
        c, s = np.cos(self.roll), np.sin(self.roll)
        return c * dx + s * dy, c * dy - s * dx

    def to_picture(self, u, v) -> tuple[np.ndarray, np.ndarray]:
        """(u, v) to picture pixels."""
        du, dv = self.turn(u, v)
        return self.origin[0] + du, self.origin[1] + dv

    def turn(self, u, v) -> tuple[np.ndarray, np.ndarray]:
        """A displacement along (u, v), in inter-ocular distances, as one in pixels along (x, y)."""
        u, v = np.asarray(u, np.float64), np.asarray(v, np.float64)
        c, s = np.cos(self.roll) * self.unit, np.sin(self.roll) * self.unit
        return c * u - s * v, s * u + c * v

    def point(self, xy) -> tuple[float, float]:
        """One picture point (2,) in (u, v)."""
        u, v = self.to_face(np.array(xy[0]), np.array(xy[1]))
        return float(u), float(v)


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels, half-open."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def empty(self) -> bool:
        return self.width < 2 or self.height < 2

    def clip(self, width: int, height: int) -> "Box":
        """The part of the box inside a picture of this size."""
        return Box(
            min(max(self.left, 0), width),
            min(max(self.top, 0), height),
            max(min(self.right, width), 0),
            max(min(self.bottom, height), 0),
        )

    def clip_to(self, other: "Box") -> "Box":
        """The part of the box inside another."""
        part = self.moved(-other.left, -other.top).clip(other.width, other.height)
        return part.moved(other.left, other.top)

    def moved(self, dx: int, dy: int) -> "Box":
        return Box(self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)

    def grid(self, step: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Pixel positions x, y (h, w) from corner to corner, about `step` pixels apart."""
        n_x = max(2, round((self.width - 1) / step) + 1)
        n_y = max(2, round((self.height - 1) / step) + 1)
        xs = np.linspace(self.left, self.right - 1, n_x)
        ys = np.linspace(self.top, self.bottom - 1, n_y)
        x, y = np.meshgrid(xs, ys)
        return x, y


def around(axes: Axes, u0: float, u1: float, v0: float, v1: float) -> Box:
    """The smallest box of pixels that holds the rectangle (u0..u1, v0..v1)."""
    x, y = axes.to_picture(np.array([u0, u1, u0, u1]), np.array([v0, v0, v1, v1]))
    left, top, right, bottom = np.floor([x.min(), y.min(), x.max() + 2, y.max() + 2]).astype(int)
    return Box(int(left), int(top), int(right), int(bottom))


def ramp(x: np.ndarray, start: float | np.ndarray, stop: float | np.ndarray) -> np.ndarray:
    """Smoothly from 0 at `start` to 1 at `stop`; `stop` may lie below `start`."""
    t = np.clip((np.asarray(x) - start) / (stop - start), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def bilinear(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values of an image (h, w, c) at pixel positions x, y (...), edges repeated: (..., c)."""
    h, w = image.shape[:2]
    x, y = np.clip(x, 0, w - 1), np.clip(y, 0, h - 1)
    x0, y0 = x.astype(int), y.astype(int)
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    at, right, down = y0 * w + x0, x0 < w - 1, np.where(y0 < h - 1, w, 0)
    flat = np.ascontiguousarray(image).reshape(h * w, -1)  # taking from a list is twice as fast
    a, b, c, d = (flat.take(i, 0) for i in (at, at + right, at + down, at + down + right))
    top = a * (1 - fx) + b * fx
    return top * (1 - fy) + (c * (1 - fx) + d * fx) * fy


def luminance(rgb: np.ndarray) -> np.ndarray:
    """Rec. 709 weights over the last axis, of values as they are stored."""
    return rgb @ np.array([0.2126, 0.7152, 0.0722])


def redness(rgb: np.ndarray) -> np.ndarray:
    """Log red over green, of values 0..255 in the last axis: lips have more of it than skin."""
    return np.log(rgb[..., 0] + 12) - np.log(rgb[..., 1] + 12)
