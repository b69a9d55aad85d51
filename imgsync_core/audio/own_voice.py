"""A voice without what its microphone heard of the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, repeat, zip_longest

import numpy as np

from ..media.sound import BLOCK, Sound

HOPS = 20  # a second; the pieces that are loud or quiet
AROUND = 4  # hops before and after that count with one: breaths between two words
LEAK = 10 ** (-15 / 20)  # of the loudest; a voice that is quieter is heard from afar


class OwnVoice(Sound):
    """One of several voices that were recorded side by side.

    It is silent where another one is more than 15 dB louder: what is to be heard there is that
    one, in the wrong microphone. Where nobody is that much louder it stays as it is.
    """

    def __init__(self, voices: Sequence[Sound], index: int) -> None:
        """voices: all of them from the same moment on; their rates may differ."""
        own = voices[index]
        self._voices, self._index = voices, index
        self.rate, self.layout, self.bits = own.rate, own.layout, own.bits
        self.n_samples, self.name = own.n_samples, own.name

    @property
    def notes(self) -> tuple[str, ...]:
        return self._voices[self._index].notes

    def blocks(self) -> Iterator[np.ndarray]:
        gathered: list[np.ndarray] = []
        for hop in self._hops():
            gathered.append(hop)
            if sum(piece.shape[1] for piece in gathered) >= BLOCK:
                yield np.concatenate(gathered, 1)
                gathered = []
        if gathered:
            yield np.concatenate(gathered, 1)

    def _hops(self) -> Iterator[np.ndarray]:
        """Its own hops, faded out and in where others are louder."""
        levels: deque[np.ndarray] = deque(maxlen=2 * AROUND + 1)
        own: deque[np.ndarray] = deque()
        gain: float | None = None
        none = (None,) * len(self._voices)
        hops = zip_longest(*map(_hops, self._voices))
        for number, together in enumerate(chain(hops, repeat(none, AROUND))):
            levels.append(np.array([0.0 if hop is None else _level(hop) for hop in together]))
            mine = together[self._index]
            if mine is not None:
                own.append(mine)
            if number >= AROUND and own:
                hop, before = own.popleft(), gain
                gain = self._gain(np.max(levels, 0))
                begin = gain if before is None else before
                yield hop * np.linspace(begin, gain, hop.shape[1], dtype=np.float32)

    def _gain(self, levels: np.ndarray) -> float:
        return float(levels[self._index] >= LEAK * levels.max())


def _level(hop: np.ndarray) -> float:
    """RMS of all channels."""
    return float(np.sqrt(np.mean(np.square(hop)))) if hop.size else 0.0


def _hops(sound: Sound) -> Iterator[np.ndarray]:
    """A sound in pieces of 1 / HOPS s; the last one may be shorter."""
    waiting, done, number = np.zeros((sound.channels, 0), np.float32), 0, 1
    for block in sound.blocks():
        waiting = np.concatenate([waiting, block], 1)
        while done + waiting.shape[1] >= (stop := number * sound.rate // HOPS):
            yield waiting[:, : stop - done]
            waiting, done, number = waiting[:, stop - done :], stop, number + 1
    if waiting.shape[1]:
        yield waiting
