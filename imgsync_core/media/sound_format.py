"""Sound whose rate or channels change on the way, in one format from its start to its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np

from .layouts import Plan
from .sound import as_floats, as_frame


class Run:
    """Frames of another format on their way into the first one's.

    key: their rate and layout.   given: samples that have left, from the file's start.
    """

    def __init__(
        self, key: tuple[int, str], channels: Plan, layout: str, rate: int, start: int
    ) -> None:
        self.key, self._plan, self._start, self._rate = key, channels, start, rate
        self.given, self._fed = start, 0
        self._resampler = av.AudioResampler("flt", layout, rate)

    @property
    def position(self) -> int:
        """Samples that will have left, from the file's start, when all that went in is out."""
        return self._start + self._fed * self._rate // self.key[0]

    def through(self, frame: Any) -> Iterator[np.ndarray]:
        """What comes out when a frame goes in."""
        samples = mixed(as_floats(frame), self._plan)
        ready = as_frame(samples, self._plan.layout, self.key[0], self._fed)
        self._fed += frame.samples
        yield from self._out(self._resampler.resample(ready))

    def rest(self) -> Iterator[np.ndarray]:
        """What is still inside."""
        yield from self._out(self._resampler.resample(None))

    def _out(self, frames: list[Any]) -> Iterator[np.ndarray]:
        for frame in frames:
            if frame.samples:
                self.given += frame.samples
                yield as_floats(frame)


def key_of(frame: Any) -> tuple[int, str]:
    """Rate and layout of a decoded frame."""
    return frame.sample_rate, frame.layout.name


def mixed(samples: np.ndarray, channels: Plan) -> np.ndarray:
    """Samples (channels, n) in the layout of a plan."""
    return samples if channels.matrix is None else channels.matrix @ samples
