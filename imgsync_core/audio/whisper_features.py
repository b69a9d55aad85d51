"""From a sound to what the model hears: Whisper's features, and a window of them for each frame.

::

    mel frames   |0 . . . . . . . . . . 3000)                         100 a second
    pieces       |------- 30 s --------|
                              |------- 30 s --------|                 overlapped, cross-faded
    features     |. . . . . . . . . . . . . . . . . . . . . . .)      50 a second
    frame i            |- 4 . c . . . . 5|        c = floor(50 i / fps), clamped at both ends
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from . import whisper_mel as mel
from .passing import Passing

STEPS = 50  # features a second
PIECE = 3000  # mel frames that Whisper takes at once
OVERLAP = 500  # mel frames that neighbouring pieces share where they do
FADE = 100  # features over which one piece goes over into the next
REACH = (2, 2)  # neighbours of a frame at 25 fps that the model hears, two features each

Encode = Callable[[Tensor], Tensor]
"""Normalised log-mel (1, 80, 3000) -> features (1, 1500, layers, channels)."""


def n_features(n_samples: int) -> int:
    """Features of a sound at 16 kHz."""
    return mel.n_frames(n_samples) // 2


def n_chunks(n: int, fps: Fraction) -> int:
    """Frames that the published pipeline makes of n features: up to two more than needed."""
    return math.ceil((n + 1) * fps / STEPS) + 1


def chunk_indices(
    start: int, stop: int, fps: Fraction, n: int, reach: tuple[int, int] = REACH
) -> np.ndarray:
    """Which of n features belong to frames ``[start, stop)``: int64 (stop - start, 10)."""
    frames = np.arange(start, stop, dtype=np.int64)
    centre = frames * (STEPS * fps.denominator) // fps.numerator
    around = np.arange(-2 * reach[0], 2 * (reach[1] + 1))
    return np.clip(centre[:, None] + around, 0, n - 1)


@dataclass(frozen=True)
class Piece:
    """Mel frames ``[start, stop)``, at most 3000, and the features ``[first, last)`` taken of it.

    All are counted from the start of the sound; start is even. Pieces whose features overlap are
    cross-faded there.
    """

    start: int
    stop: int
    first: int
    last: int


def pieces(n_mel: int, overlapped: bool) -> list[Piece]:
    """Pieces that cover n_mel mel frames.

    overlapped: neighbours share at least 5 s and go over into each other in their middle, and the
    last piece is as long as the others; otherwise one piece simply follows the other.
    """
    total, whole = n_mel // 2, PIECE // 2
    if not overlapped or total <= whole:
        firsts = range(0, total, whole)
        return [Piece(2 * a, min(2 * a + PIECE, n_mel), a, min(a + whole, total)) for a in firsts]
    last = 2 * (total - whole)
    starts = [*range(0, last, PIECE - OVERLAP), last]
    middles = [(b + a + PIECE) // 4 for a, b in pairwise(starts)]
    first = [0, *(m - FADE // 2 for m in middles)]
    end = [*(m + FADE // 2 for m in middles), total]
    return [
        Piece(s, min(s + PIECE, n_mel), a, b) for s, a, b in zip(starts, first, end, strict=True)
    ]


class Features(Passing):
    """The features of a sound, worked out piece by piece as frames ask for them, in order.

    blocks: makes an iterator over the sound, mono float32 (n,) at 16 kHz; it is called twice.
    n_samples: of the sound.   overlapped: as of ``pieces``.   reach: as of ``chunk_indices``.
    silent: what a piece lacks to 30 s is silence to the model; otherwise it is zeros in its input.
    Holds two pieces at most, however long the sound is.
    """

    def __init__(
        self,
        blocks: Callable[[], Iterable[np.ndarray]],
        n_samples: int,
        encode: Encode,
        *,
        overlapped: bool,
        reach: tuple[int, int] = REACH,
        silent: bool = False,
    ) -> None:
        missing = max(0, mel.SHORTEST - n_samples)
        self._blocks = lambda: _padded(blocks(), missing)
        self._reach, self._silent = reach, silent
        made = self._features(mel.n_frames(n_samples + missing), encode, overlapped)
        super().__init__(made, n_features(n_samples + missing))

    def chunks(self, start: int, stop: int, fps: Fraction) -> Tensor:
        """What the model hears at frames ``[start, stop)``: (t, 10 * layers, channels).

        ``start`` never goes back.
        """
        indices = chunk_indices(start, stop, fps, self.n, self._reach)
        return self.at(indices).flatten(1, 2)  # t 10 layers c

    def _features(
        self, n_mel: int, encode: Encode, overlapped: bool
    ) -> Generator[Tensor, None, None]:
        peak = mel.loudest(self._blocks())
        tail: Tensor | None = None  # of the piece before, which the next one fades out
        for piece, part in self._parts(n_mel, overlapped, peak):
            found = encode(part)[0]
            found = found[piece.first - piece.start // 2 : piece.last - piece.start // 2]
            if tail is not None:
                faded = torch.lerp(tail, found[: len(tail)], _ramp(tail))
                found = torch.cat([faded, found[len(tail) :]])
            tail = None
            if overlapped and piece.last < self.n:
                found, tail = found[:-FADE], found[-FADE:]
            yield found

    def _parts(self, n_mel: int, overlapped: bool, peak: float) -> Iterator[tuple[Piece, Tensor]]:
        """Each piece with its mel (1, 80, 3000); what is missing is as the model was trained."""
        nothing = float(mel.normalised(mel.silence(), peak)) if self._silent else 0.0
        source = mel.log_power(self._blocks())
        held, at = torch.zeros(mel.N_MELS, 0), 0
        for piece in pieces(n_mel, overlapped):
            held, at = held[:, piece.start - at :], piece.start
            while held.shape[1] < piece.stop - piece.start:
                held = torch.cat([held, next(source)], 1)
            part = torch.full((1, mel.N_MELS, PIECE), nothing)
            n = piece.stop - piece.start
            part[0, :, :n] = mel.normalised(held[:, :n], peak)
            yield piece, part


def _padded(blocks: Iterable[np.ndarray], missing: int) -> Iterator[np.ndarray]:
    yield from blocks
    if missing:
        yield np.zeros(missing, np.float32)


def _ramp(like: Tensor) -> Tensor:
    """0 to 1 along the first of three dimensions."""
    n = len(like)
    return ((torch.arange(n) + 0.5) / n).to(like)[:, None, None]
