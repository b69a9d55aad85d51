"""Several sounds in one, and one of the channels of a sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .sound import Filtered, Sound, to_length


class Channel(Sound):
    """One channel of another sound, by its number from 0, as a mono sound."""

    def __init__(self, source: Sound, index: int) -> None:
        self.source, self._index = source, index
        self.rate, self.layout, self.bits = source.rate, "mono", source.bits
        self.n_samples = source.n_samples
        self.name = f"channel {index + 1} of {source.name}"

    @property
    def notes(self) -> tuple[str, ...]:
        return self.source.notes

    def blocks(self) -> Iterator[np.ndarray]:
        for block in self.source.blocks():
            yield block[self._index : self._index + 1]


class Noisy(Sound):
    """Another sound with white noise over it, the same one each time.

    Models that were trained on recordings hear a voice from a studio, or a synthetic one, badly:
    what drives them may be noisier than what is heard.

    level: RMS of the noise in dB of full scale, such as -40.
    """

    def __init__(self, source: Sound, level: float) -> None:
        self.source, self._level = source, 10 ** (level / 20)
        self.rate, self.layout, self.n_samples = source.rate, source.layout, source.n_samples
        self.bits, self.name = source.bits, source.name

    @property
    def notes(self) -> tuple[str, ...]:
        return self.source.notes

    def blocks(self) -> Iterator[np.ndarray]:
        random = np.random.default_rng(0)
        for block in self.source.blocks():
            noise = random.standard_normal(block.shape[::-1], np.float32).T  # whatever the blocks
            yield block + np.float32(self._level) * noise


class Mixed(Sound):
    """The sum of several sounds of one rate, layout and length."""

    def __init__(self, sources: Sequence[Sound]) -> None:
        first = sources[0]
        self.sources = tuple(sources)
        self.rate, self.layout, self.n_samples = first.rate, first.layout, first.n_samples
        self.bits = max(source.bits for source in sources)
        self.name = " and ".join(source.name for source in sources)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(note for source in self.sources for note in source.notes))

    def blocks(self) -> Iterator[np.ndarray]:
        waiting = [_Waiting(source) for source in self.sources]
        left = self.n_samples
        while left:
            n = min(each.ready() for each in waiting)
            yield sum((each.take(n) for each in waiting[1:]), waiting[0].take(n))
            left -= n


class _Waiting:
    """The blocks of a sound, handed on in pieces of any length."""

    def __init__(self, source: Sound) -> None:
        self._blocks = source.blocks()
        self._block = np.zeros((source.channels, 0), np.float32)

    def ready(self) -> int:
        """Samples that can be taken at once; 0 only at the end."""
        while not self._block.shape[1]:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._block = block
        return self._block.shape[1]

    def take(self, n: int) -> np.ndarray:
        taken, self._block = self._block[:, :n], self._block[:, n:]
        return taken


def mixed(sounds: Sequence[Sound]) -> Sound:
    """All of them from the same moment on, as long as the longest, at the highest rate.

    It has the layout of the one with the most channels. The sum is not made quieter: who talks in
    turn stays as loud as before.
    """
    if len(sounds) == 1:
        return sounds[0]
    rate = max(sound.rate for sound in sounds)
    layout = max(sounds, key=lambda sound: sound.channels).layout
    alike = [_as(sound, rate, layout) for sound in sounds]
    longest = max(sound.n_samples for sound in alike)
    return Mixed([to_length(sound, longest) for sound in alike])


def _as(sound: Sound, rate: int, layout: str) -> Sound:
    if (sound.rate, sound.layout) == (rate, layout):
        return sound
    both = (("pan", "stereo|c0=c0|c1=c0"),)  # FFmpeg by itself makes mono 3 dB quieter
    spread = both if (sound.layout, layout) == ("mono", "stereo") else ()
    return Filtered(sound, spread, rate, layout)
