"""What a face reacts to in a voice: phrases, accents, how much is said; at 50 Hz.

Value ``j`` of everything here stands at ``(j + 0.5) / 50`` s. Nothing depends on a frame rate, and
what comes later than a second after a moment does not change it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...audio.mouth_curves import RATE, TABLE

_PAUSE = 0.15  # seconds of silence that end a phrase
_SHORT = 0.1  # seconds; a shorter sound is no phrase
_APART = 0.34  # seconds between accents, about two syllables
_LEAST = 0.16  # prominence of an accent


@dataclass(frozen=True)
class Prosody:
    """t values at 50 Hz each.

    voiced: 0..1, somebody speaks.   prominence: 0..1, how far loudness and pitch stand out.
    phrases: (n, 2) seconds, start and stop.   accents: (n, 2), seconds and size 0..1.
    """

    voiced: np.ndarray
    prominence: np.ndarray
    phrases: np.ndarray
    accents: np.ndarray

    @property
    def seconds(self) -> float:
        return len(self.voiced) / RATE


def prosody(table: np.ndarray) -> Prosody:
    """Of a table of curves, float32 (t, 8 or more) as of ``mouth_curves.TABLE``."""
    voiced, loudness, pitch = (
        table[:, TABLE.index(name)].astype(np.float64) for name in ("voiced", "loudness", "pitch")
    )
    out = prominence(voiced, loudness, pitch)
    return Prosody(voiced, out, phrases(voiced), accents(out))


def phrases(voiced: np.ndarray) -> np.ndarray:
    """(t,) -> stretches of speech between pauses of 0.15 s and more, (n, 2) seconds."""
    speaks = np.concatenate([[0], (voiced > 0.5).astype(np.int8), [0]])
    runs = np.flatnonzero(np.diff(speaks)).reshape(-1, 2) / RATE
    if not len(runs):
        return runs
    apart = runs[1:, 0] - runs[:-1, 1] >= _PAUSE
    starts = runs[np.concatenate([[True], apart]), 0]
    stops = runs[np.concatenate([apart, [True]]), 1]
    long = stops - starts >= _SHORT
    return np.stack([starts[long], stops[long]], 1)


def prominence(voiced: np.ndarray, loudness: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """0..1 (t,): loudness above its surroundings, and pitch above the speaker's middle."""
    louder = smooth(loudness, 0.07) - smooth(loudness, 0.5)
    higher = smooth(np.clip(pitch, -3, 7), 0.1) / 10
    return np.clip(1.8 * louder + 0.6 * np.maximum(higher, 0), 0, 1) * smooth(voiced, 0.06)


def accents(out: np.ndarray) -> np.ndarray:
    """Prominence (t,) -> its peaks, each the highest within 0.34 s, (n, 2): seconds, size."""
    side = round(_APART * RATE)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(out, side), 2 * side + 1).max(1)
    peaks = np.flatnonzero((out >= around) & (out > _LEAST))
    peaks = peaks[np.diff(peaks, prepend=-side) > side // 2]  # of a flat top, one
    return np.stack([(peaks + 0.5) / RATE, out[peaks]], 1)


def smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    """Gaussian mean, sigma in seconds; the ends repeat."""
    sigma = seconds * RATE
    side = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-side, side + 1) / sigma) ** 2)
    padded = np.pad(values.astype(np.float64), side, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), "valid")


def times(count: int) -> np.ndarray:
    """Seconds at which ``count`` values stand."""
    return (np.arange(count) + 0.5) / RATE


def eased(x: np.ndarray) -> np.ndarray:
    """0..1 -> 0..1 along the path of least jerk (Flash & Hogan 1985); clipped."""
    x = np.clip(x, 0, 1)
    return x**3 * (10 - 15 * x + 6 * x**2)


def moved(count: int, moves: list[tuple[float, float]], goals: np.ndarray) -> np.ndarray:
    """(t, k): from 0 to one goal after the other, held in between.

    moves: (m) of seconds at which a move begins and that it takes; they do not overlap.
    goals: (m, k).
    """
    at = times(count)
    begins, lasts = np.array([(0.0, 1.0), *moves]).T
    held = np.concatenate([np.zeros((1, goals.shape[1])), goals])
    now = np.searchsorted(begins[1:], at, "right")
    share = eased((at - begins[now]) / lasts[now])[:, None]
    return held[np.maximum(now - 1, 0)] * (1 - share) + held[now] * share


def add_bump(
    track: np.ndarray, start: float, rise: float, hold: float, fall: float, size: float
) -> None:
    """Add a rise, hold and fall (seconds) of some size to a track at 50 Hz, in place."""
    first = max(0, int(start * RATE))
    stop = min(len(track), int((start + rise + hold + fall) * RATE) + 2)
    t = (np.arange(first, stop) + 0.5) / RATE - start
    track[first:stop] += size * (eased(t / rise) - eased((t - rise - hold) / fall))
