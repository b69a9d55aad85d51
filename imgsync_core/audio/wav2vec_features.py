"""From a sound to wav2vec's features, 25 a second, and a window of them for each frame.

::

    samples      |------ 30 s ------|
                              |------ 30 s ------|                  overlapped, cross-faded
    features     |. . . . . . . . . . . . . . . . . . .)            one each 640 samples
    frame i          |- 2 . c . . + 2|        c = floor(25 i / fps), clamped at both ends
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from .passing import Passing
from .windows import overlapped

RATE = 16000
STEPS = 25  # features a second
HOP = RATE // STEPS  # samples of one
PIECE, OVERLAP = 30 * RATE, 4 * RATE  # samples heard at once, and shared by neighbours
REACH = 2  # features on either side of a frame's own that belong to it
TINY = 1e-7  # added to a variance, so that silence stays silent

Encode = Callable[[Tensor, int], Tensor]
"""Samples (1, n) with mean 0 and variance 1, and f -> features (1, f, layers, channels)."""
Blocks = Callable[[], Iterable[np.ndarray]]
"""Makes an iterator over a sound, mono float32 (n,) at 16 kHz."""


def n_features(n_samples: int) -> int:
    """Features of so many samples."""
    return -(-n_samples // HOP)


def around(start: int, stop: int, fps: Fraction, n: int) -> np.ndarray:
    """Which of n features belong to frames ``[start, stop)``: int64 (stop - start, 5)."""
    frames = np.arange(start, stop, dtype=np.int64)
    centre = frames * (STEPS * fps.denominator) // fps.numerator
    return np.clip(centre[:, None] + np.arange(-REACH, REACH + 1), 0, n - 1)


class SpeechFeatures(Passing):
    """The features of a sound, worked out piece by piece as frames ask for them, in order.

    Holds two pieces at most, however long the sound is.
    """

    def windows(self, start: int, stop: int, fps: Fraction) -> Tensor:
        """What belongs to frames ``[start, stop)``: (t, 5, layers, channels).

        ``start`` never goes back.
        """
        return self.at(around(start, stop, fps, self.n))


def features(blocks: Blocks, n_samples: int, encode: Encode, n: int) -> SpeechFeatures:
    """The n features of a sound that silence follows, as loud throughout as it is.

    blocks: is called twice.
    """
    silence = np.zeros(max(0, n * HOP - n_samples), np.float32)

    def normal(mean: float, spread: float) -> Iterator[np.ndarray]:
        for block in blocks():
            yield ((block - mean) / spread).astype(np.float32)
        for start in range(0, len(silence), RATE):
            yield silence[start : start + RATE]

    def made() -> Generator[Tensor, None, None]:
        mean, spread = _statistics(blocks())
        shape: list[int] = []

        def work(samples: np.ndarray) -> np.ndarray:
            found = encode(torch.from_numpy(samples)[None], n_features(len(samples)))[0]
            shape[:] = found.shape[1:]
            return found.flatten(1).float().cpu().numpy()

        for table in overlapped(normal(mean, spread), work, PIECE, OVERLAP, HOP):
            yield torch.from_numpy(table).unflatten(1, shape)

    return SpeechFeatures(made(), n)


def _statistics(blocks: Iterable[np.ndarray]) -> tuple[float, float]:
    """Mean and standard deviation of all samples."""
    n, total, squares = 0, 0.0, 0.0
    for block in blocks:
        exact = block.astype(np.float64)
        n, total, squares = n + len(block), total + exact.sum(), squares + np.square(exact).sum()
    mean = total / max(n, 1)
    return mean, float(np.sqrt(max(0.0, squares / max(n, 1) - mean**2) + TINY))
