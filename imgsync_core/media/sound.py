"""Sound as blocks of samples that are decoded when they are read.

A block is float32 (channels, n) in -1..1. The length of every ``Sound`` is known exactly, in
samples, before anything is read.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.filter import Graph

from ..errors import SoundError
from ..timeline import round_half_up
from .layouts import layout_of

RATES = 100, 10_000_000  # Hz; the fastest recorders of ultrasound take 5 MHz
LONGEST = 30 * 86_400  # seconds; what claims more has wrong times
LONGEST_SILENCE = 86_400  # seconds; more is a slip of the keyboard
BLOCK = 1 << 15  # samples of a block, about; small enough to stay out of the way
_PLANES = 8  # PyAV reads past the end of planar frames of so many channels, and may crash
_FLOATS: dict[str, Any] = {"flt": np.float32, "dbl": np.float64}
_FULL_SCALE = {"u8": 128.0, "s16": 32768.0, "s32": 2147483648.0, "s64": 9223372036854775808.0}


class Sound(ABC):
    """Lazily readable PCM.

    rate: samples per second.   layout: FFmpeg's name of the channel layout.
    n_samples: exact length.    name: for messages.
    bits: depth that a lossless codec needs, 16 or 24.
    """

    rate: int
    layout: str
    n_samples: int
    name: str = "sound"
    bits: int = 24

    @property
    def channels(self) -> int:
        return av.AudioLayout(self.layout).nb_channels

    @property
    def duration(self) -> Fraction:
        """Seconds, exact."""
        return Fraction(self.n_samples, self.rate)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was lost or changed of what came in, as far as it was read, in words."""
        return ()

    @abstractmethod
    def blocks(self) -> Iterator[np.ndarray]:
        """All samples in order, float32 (channels, n) each; together exactly ``n_samples``."""


class ArraySound(Sound):
    """Samples that are in memory already: float (channels, n), all of them finite."""

    def __init__(self, samples: np.ndarray, rate: int, layout: str | None = None) -> None:
        if samples.ndim != 2:
            raise SoundError(f"Samples have the shape channels x n, not {samples.shape}.")
        if not 1000 <= rate <= 768_000:
            raise SoundError(f"A sample rate of {rate} Hz is not usable. Use 8000 to 192000.")
        self.layout = layout or layout_of(samples.shape[0])
        self.rate, self.n_samples = rate, samples.shape[1]
        self._samples = samples
        refuse_empty(self)
        for start in range(0, self.n_samples, BLOCK):
            refuse_non_finite(samples[:, start : start + BLOCK], start, self)

    def blocks(self) -> Iterator[np.ndarray]:
        for start in range(0, self.n_samples, BLOCK):
            yield np.asarray(self._samples[:, start : start + BLOCK], np.float32)


class Part(Sound):
    """Samples ``[start, stop)`` of another sound."""

    def __init__(self, source: Sound, start: int, stop: int) -> None:
        if not 0 <= start < stop <= source.n_samples:
            raise SoundError(
                f"{source.name}: nothing is left between {start / source.rate:g} s and "
                f"{stop / source.rate:g} s of its {float(source.duration):g} s."
            )
        self.source, self._start = source, start
        self.rate, self.layout, self.name = source.rate, source.layout, source.name
        self.bits = source.bits
        self.n_samples = stop - start

    @property
    def notes(self) -> tuple[str, ...]:
        return self.source.notes

    def blocks(self) -> Iterator[np.ndarray]:
        position, stop = 0, self._start + self.n_samples
        for block in self.source.blocks():
            end = position + block.shape[1]
            if end > self._start:
                yield block[:, max(0, self._start - position) : stop - position]
            position = end
            if position >= stop:
                return


class Padded(Sound):
    """Another sound with silence before and after, in samples."""

    def __init__(self, source: Sound, before: int, after: int) -> None:
        if min(before, after) < 0:
            raise SoundError("Silence at the start or the end cannot be shorter than 0 s.")
        self.source, self._before, self._after = source, before, after
        self.rate, self.layout, self.name = source.rate, source.layout, source.name
        self.bits = source.bits
        self.n_samples = before + source.n_samples + after

    @property
    def notes(self) -> tuple[str, ...]:
        return self.source.notes

    def blocks(self) -> Iterator[np.ndarray]:
        yield from silence(self.channels, self._before)
        yield from self.source.blocks()
        yield from silence(self.channels, self._after)


class Filtered(Sound):
    """Another sound through FFmpeg audio filters that keep its duration.

    filters: ``("name", "arguments")`` in order.   rate, layout: of the result.
    """

    def __init__(
        self,
        source: Sound,
        filters: tuple[tuple[str, str], ...] = (),
        rate: int | None = None,
        layout: str | None = None,
    ) -> None:
        self.source, self._filters = source, filters
        self.rate, self.layout = rate or source.rate, layout or source.layout
        self.name = source.name
        self.n_samples = round_half_up(source.duration * self.rate)

    def _graph(self) -> Graph:
        graph = Graph()
        shape = f"sample_fmts=fltp:sample_rates={self.rate}:channel_layouts={self.layout}"
        nodes = [
            graph.add_abuffer(
                format="fltp",
                sample_rate=self.source.rate,
                layout=self.source.layout,
                time_base=Fraction(1, self.source.rate),
            ),
            *(graph.add(name, arguments) for name, arguments in self._filters),
            graph.add("aformat", shape),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        return graph

    @property
    def notes(self) -> tuple[str, ...]:
        return self.source.notes

    def blocks(self) -> Iterator[np.ndarray]:
        left = self.n_samples
        for block in self._through(self._graph()):
            yield block[:, :left]
            left -= min(left, block.shape[1])
            if not left:
                return
        yield from silence(self.channels, left)

    def _through(self, graph: Graph) -> Iterator[np.ndarray]:
        position = 0
        for block in self.source.blocks():
            frame = as_frame(block, self.source.layout, self.source.rate, position)
            position += block.shape[1]
            graph.push(frame)
            yield from _pulled(graph)
        graph.push(None)
        yield from _pulled(graph)


def _pulled(graph: Graph) -> Iterator[np.ndarray]:
    while True:
        try:
            yield _array(graph.pull())
        except (BlockingIOError, EOFError):
            return


def as_frame(block: np.ndarray, layout: str, rate: int, pts: int) -> av.AudioFrame:
    """float32 (channels, n) -> a planar PyAV frame that starts at sample ``pts``."""
    many = len(block) >= _PLANES
    kind, samples = ("flt", block.T.reshape(1, -1)) if many else ("fltp", block)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=kind, layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, pts, Fraction(1, rate)
    return av.AudioResampler(format="fltp").resample(frame)[0] if many else frame


def _array(frame: Any) -> np.ndarray:
    """The samples of a frame as they are: (channels, n)."""
    channels = frame.layout.nb_channels
    if frame.format.is_planar and channels >= _PLANES:
        (frame,) = av.AudioResampler(format=frame.format.packed.name).resample(frame)
    samples = frame.to_ndarray()
    return samples.reshape(-1, channels).T if frame.format.is_packed else samples


def to_length(sound: Sound, n_samples: int) -> Sound:
    """Cut the end, or pad it with silence."""
    if n_samples == sound.n_samples:
        return sound
    if n_samples < sound.n_samples:
        return Part(sound, 0, n_samples)
    return Padded(sound, 0, n_samples - sound.n_samples)


def trim(sound: Sound, start: Any = 0, duration: Any = None) -> Sound:
    """Seconds ``[start, start + duration)``; duration None or 0 = to the end."""
    first = round_half_up(Fraction(start or 0) * sound.rate)
    stop = sound.n_samples
    if duration:
        stop = min(stop, first + round_half_up(Fraction(duration) * sound.rate))
    return sound if (first, stop) == (0, sound.n_samples) else Part(sound, first, stop)


def pad(sound: Sound, before: Any = 0, after: Any = 0) -> Sound:
    """Seconds of silence at either end."""
    first, last = (round_half_up(Fraction(s or 0) * sound.rate) for s in (before, after))
    if max(first, last) > LONGEST_SILENCE * sound.rate:
        raise SoundError("Silence at the start or the end can last a day at most.")
    return sound if first == last == 0 else Padded(sound, first, last)


def silence(channels: int, n: int) -> Iterator[np.ndarray]:
    """``n`` samples of silence in blocks."""
    for start in range(0, n, BLOCK):
        yield np.zeros((channels, min(BLOCK, n - start)), np.float32)


def as_floats(frame: Any) -> np.ndarray:
    """One decoded frame as float32 (channels, n), in its own layout."""
    samples = _array(frame)
    kind = frame.format.packed.name
    if kind in _FULL_SCALE:
        samples = samples - 128.0 if kind == "u8" else samples
        return (samples * (1 / _FULL_SCALE[kind])).astype(np.float32)
    return np.asarray(samples, np.float32)


def all_finite(frame: Any) -> bool:
    """Whether a decoded frame surely holds numbers only; False = look closer."""
    kind = _FLOATS.get(frame.format.packed.name)
    if kind is None:
        return True
    channels = frame.layout.nb_channels
    if frame.format.is_planar and channels >= _PLANES:
        return False
    n = frame.samples * (1 if frame.format.is_planar else channels)
    planes = (np.frombuffer(plane, kind, n) for plane in frame.planes)
    return all(math.isfinite(np.dot(samples, samples)) for samples in planes)


def refuse_empty(sound: Sound) -> None:
    """Raise SoundError where there are no samples."""
    if sound.n_samples < 1:
        raise SoundError(f"{sound.name} has no samples: its duration is 0. Use another sound.")


def refuse_odd(sound: Sound) -> None:
    """Raise SoundError for a sample rate that nobody has, and for what lasts beyond all use."""
    if not RATES[0] <= sound.rate <= RATES[1]:
        raise SoundError(f"A sample rate of {sound.rate} Hz is not usable. Use 8000 to 192000.")
    if sound.duration > LONGEST:
        raise SoundError(
            f"{sound.name} would last {float(sound.duration) / 3600:,.0f} hours: its times are "
            "wrong, or it is too long. Cut it into parts."
        )


def refuse_non_finite(block: np.ndarray, start: int, sound: Sound) -> None:
    """Raise SoundError for a block from sample ``start`` on that holds NaN or infinity."""
    if not np.isfinite(block).all():
        at = start + int(np.argmax(~np.isfinite(block).all(0)))
        raise SoundError(
            f"{sound.name} holds a sample that is not a number (NaN or infinite) "
            f"at {at / sound.rate:.3f} s. Repair it in an audio editor."
        )
