"""Three tiny nets that say where the parts of a face are: as shares of belief along two axes.

Each looks at a small patch, as light (its logarithm, standardised) and redness, and gives for each
coordinate of each point how likely it is at every place of a row or column. One looks at the box of
the cascade for eyes and mouth, one at the eyes where that sees them, one at the mouth in the axes
of the eyes. Such shares tell not only where a point is but how sure that is, and where else it may
be.

A 4x4 convolution of every second place, two 3x3 ones with maxima over 2x2, two linear layers (about
80 000 weights each). The weights (`parts.npz`) are whole
numbers of 8 bits with a scale for each row. See ``training/face`` and NOTICE for how they were
fitted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .pixels import LUMA, product, sampled

NEAR = 3  # places on either side of the likeliest that its mean is taken of
FLOOR = 1e-4  # of belief: no place is impossible


@dataclass(frozen=True)
class Patch:
    """What a net looks at, in its axes, and which coordinates it knows."""

    u: np.ndarray  # (w,) places across
    v: np.ndarray  # (h,) places down
    across: tuple[str, ...]  # coordinates along u
    down: tuple[str, ...]  # coordinates along v


PATCHES = {
    "box": Patch(  # in sides of the cascade's box, from its centre
        np.linspace(-0.62, 0.62, 48),
        np.linspace(-0.55, 0.75, 48),
        ("left eye", "right eye", "left corner", "right corner", "middle"),
        ("left eye", "right eye", "left corner", "right corner", "lower", "chin", "upper"),
    ),
    "eyes": Patch(  # in IOD, from the middle of the eyes
        np.linspace(-1.03, 1.03, 48),
        np.linspace(-0.5, 0.5, 24),
        ("left eye", "right eye"),
        ("left eye", "right eye"),
    ),
    "mouth": Patch(  # likewise, from the middle of the eyes
        np.linspace(-0.78, 0.78, 40),
        np.linspace(0.3, 1.94, 42),
        ("left corner", "right corner", "middle"),
        ("left corner", "right corner", "top", "upper", "lower", "bottom", "chin"),
    ),
}


@dataclass(frozen=True)
class Belief:
    """How likely a coordinate is at each place."""

    at: np.ndarray  # (n,) places, evenly apart
    share: np.ndarray  # (n,) of sum 1

    @property
    def mean(self) -> float:
        """The likeliest place, to parts of a step."""
        k = int(self.share.argmax())
        part = slice(max(0, k - NEAR), k + NEAR + 1)
        return float(self.share[part] @ self.at[part] / self.share[part].sum())

    @property
    def spread(self) -> float:
        """The standard deviation of all of it."""
        middle = self.share @ self.at
        return float(np.sqrt(self.share @ (self.at - middle) ** 2))

    def near(self, place: float, reach: float) -> float:
        """How much of it is within `reach` of a place."""
        edges = np.r_[self.at - (step := self.at[1] - self.at[0]) / 2, self.at[-1] + step / 2]
        total = np.r_[0.0, np.cumsum(self.share)]
        low, high = np.interp([place - reach, place + reach], edges, total)
        return float(high - low)

    def resized(self, size: float, moved: float) -> "Belief":
        """The belief of a place that is `size` times as far off, and `moved`."""
        share = np.interp(self.at, self.at * size + moved, self.share)
        return Belief(self.at, share / share.sum())

    def log(self, places: np.ndarray) -> np.ndarray:
        """The logarithm of the share at places between."""
        return np.interp(places, self.at, np.log(self.share + FLOOR))


@dataclass(frozen=True)
class Net:
    """The weights of one net, and what it looks at."""

    patch: Patch
    filters: tuple[tuple[np.ndarray, np.ndarray], ...]  # (side * side * channels, out), (out,)
    hidden: tuple[np.ndarray, np.ndarray]
    last: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, patch: Patch, numbers: Mapping[str, np.ndarray]) -> "Net":
        """From the arrays of the file: of each layer the weights, their scales and the bias."""

        def layer(name: str) -> tuple[np.ndarray, np.ndarray]:
            weights = numbers[f"{name}_weights"].astype(np.float32) * numbers[f"{name}_scale"]
            return weights, numbers[f"{name}_bias"].astype(np.float32)

        filters = tuple(layer(f"filter{i}") for i in range(3))
        return cls(patch, filters, layer("hidden"), layer("last"))

    def __call__(self, rgb: np.ndarray) -> dict[str, Belief]:
        """The beliefs, "u of left eye", "v of chin" and so on, in a patch, float32 (h, w, 3).

        The mean of what it says of the patch and of the mirrored patch.
        """
        x = signs(rgb)
        x = _filtered(np.stack([x, x[:, ::-1]]), 4, 2, *self.filters[0])
        for weights, bias in self.filters[1:]:
            x = _halved(_filtered(x, 3, 1, weights, bias))
        x = np.maximum(product(x.reshape(2, -1), self.hidden[0]) + self.hidden[1], 0)
        x = (product(x, self.last[0]) + self.last[1]).astype(np.float64)
        patch = self.patch
        here, mirrored = (_shares(patch, row) for row in x)
        found = {}
        for axis, at, names in (("u", patch.u, patch.across), ("v", patch.v, patch.down)):
            for name in names:
                other = mirrored[f"{axis} of {_mirrored(name)}"]
                other = other[::-1] if axis == "u" else other
                found[f"{axis} of {name}"] = Belief(at, (here[f"{axis} of {name}"] + other) / 2)
        return found


def _mirrored(name: str) -> str:
    side, _, rest = name.partition(" ")
    return f"{SIDES[side]} {rest}" if side in SIDES else name


SIDES = {"left": "right", "right": "left"}


def _shares(patch: Patch, values: np.ndarray) -> dict[str, np.ndarray]:
    """The last layer's values as shares of belief."""
    start, found = 0, {}
    for axis, at, names in (("u", patch.u, patch.across), ("v", patch.v, patch.down)):
        for name in names:
            part = values[start : start + len(at)]
            share = np.exp(part - part.max())
            found[f"{axis} of {name}"] = share / share.sum()
            start += len(at)
    return found


def signs(rgb: np.ndarray) -> np.ndarray:
    """Light and redness of a patch, float32 (h, w, 3) of 0..255 -> (h, w, 2)."""
    light = np.log(rgb @ LUMA + 8)
    light = (light - light.mean()) / max(float(light.std()), 0.05)
    red = np.log(rgb[..., 0] + 12) - np.log(rgb[..., 1] * 0.7 + rgb[..., 2] * 0.3 + 12)
    return np.stack([light, np.clip((red - red.mean()) / 0.15, -3, 3)], -1)


def _filtered(
    x: np.ndarray, side: int, step: int, weights: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """A convolution of (n, h, w, c), zeros around it, and what of it is above 0.

    side: of the filters; step: from one place to the next; weights: (side * side * c, out)
    """
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    h, w = ((n - side) // step + 1 for n in padded.shape[1:3])
    parts = [
        padded[:, i : i + step * h : step, j : j + step * w : step]
        for i in range(side)
        for j in range(side)
    ]
    rows = np.concatenate(parts, -1).reshape(len(x) * h * w, -1)
    return np.maximum(product(rows, weights) + bias, 0).reshape(len(x), h, w, -1)


def _halved(x: np.ndarray) -> np.ndarray:
    """The maxima of 2x2 places, (n, h, w, c) -> (n, h // 2, w // 2, c)."""
    h, w = x.shape[1] // 2, x.shape[2] // 2
    return x[:, : 2 * h, : 2 * w].reshape(len(x), h, 2, w, 2, -1).max((2, 4))


@cache
def load(name: str) -> Net:
    """The net called "box", "eyes" or "mouth"."""
    with np.load(Path(__file__).with_name("parts.npz")) as file:
        numbers = {key.split("_", 1)[1]: file[key] for key in file if key.startswith(f"{name}_")}
    return Net.of(PATCHES[name], numbers)


def seen(image: np.ndarray, patch: Patch, points: np.ndarray) -> np.ndarray:
    """A patch, float32 (h, w, 3), of an image whose pixels are about as large or smaller.

    points: (2 h, 2 w, 2) px of the image, four for each place of the patch
    """
    colour = sampled(image, points[..., 0] - 0.5, points[..., 1] - 0.5)
    h, w = len(patch.v), len(patch.u)
    return colour.reshape(h, 2, w, 2, 3).mean((1, 3))


def places(patch: Patch) -> tuple[np.ndarray, np.ndarray]:
    """u and v of the four points of each place of a patch, (2 h, 2 w)."""

    def fine(at: np.ndarray) -> np.ndarray:
        step = (at[1] - at[0]) / 4
        return np.stack([at - step, at + step], 1).ravel()

    u, v = np.meshgrid(fine(patch.u), fine(patch.v))
    return u, v


def together(beliefs: Sequence[Belief]) -> Belief:
    """The mean of several, on the same places."""
    return Belief(beliefs[0].at, np.mean([belief.share for belief in beliefs], 0))
