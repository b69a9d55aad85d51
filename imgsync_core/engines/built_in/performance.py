"""How a face performs a speech: the mouth from the voice, blinks, brows and head from its prosody.

Head and blinks come from a seeded generator, shaped by what is said: the head sways less in
silence and dips on stressed syllables, brows rise with the pitch, blinks fall into pauses.
Sizes after the study of calm speakers: the head turns with a standard deviation of 1 to 3 degrees
about each axis, 8 to 20 blinks a minute of 0.15 to 0.2 s.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...audio.mouth_curves import CURVES, RATE, at_fps
from .pose import COLUMNS

BLINK = np.array([0.0, 0.35, 0.9, 1.0, 0.75, 0.35, 0.1, 0.0])  # every 40 ms
BLINK_STEP = 0.04  # seconds
_BLINK_GAP = (1.8, 2.4)  # seconds: the least, and the mean of what comes on top (16 a minute)
_BLINK_MOST = 4.2  # seconds that come on top at most, so that no eye stares
_SNAP = 0.6  # seconds by which a blink may move into a pause
_SWAY = {"yaw": 1.8, "pitch": 1.65, "roll": 1.65, "shift_x": 0.012, "shift_y": 0.006}
_SWAY_HZ = (0.08, 0.35)
_NOD = 1.0  # degrees for a fully stressed syllable
# The net answers with the mean of what it heard, which is shy: natural speech reaches 0.35 to 0.45
# at the 95th percentile. This brings that to about 0.65 and leaves closures shut.
_OPENNESS = 1.9
_STILL = 0.35  # share of the sway that stays while nobody speaks


def perform(table: np.ndarray, fps: Fraction, n_frames: int, seed: int) -> np.ndarray:
    """Poses of a whole speech, float32 (n_frames, 16).

    table: float32 (t, 8) at 50 Hz: the five mouth curves, voiced, loudness, pitch.
    """
    at = (np.arange(n_frames) + 0.5) / float(fps)
    rng = np.random.default_rng(seed)
    voiced, loudness, pitch = table[:, 5], table[:, 6], table[:, 7]
    poses = np.zeros((n_frames, len(COLUMNS)), np.float32)

    def put(name: str, values: np.ndarray) -> None:
        poses[:, COLUMNS.index(name)] += values.astype(np.float32)

    mouth = np.concatenate(list(at_fps([table], fps, n_frames)))
    mouth[:, 0] = np.tanh(_OPENNESS * mouth[:, 0]) / np.tanh(_OPENNESS)
    for i, name in enumerate(CURVES):
        put(name, mouth[:, i])
    put("blink", _blinks(voiced, n_frames / float(fps), at, rng))
    put("brow", _sampled(_brows(voiced, loudness, pitch), at))
    liveliness = _STILL + (1 - _STILL) * _sampled(_smooth(voiced, 0.6), at)
    for name, size in _SWAY.items():
        put(name, size * liveliness * _sway(at, rng))
    stress = _sampled(_stress(voiced, loudness), at - 0.06)  # the head follows the voice
    put("pitch", _NOD * stress)
    put("shift_y", 0.007 * stress)
    return poses


def _sampled(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values at 50 Hz read at times in seconds."""
    if not len(values):
        return np.zeros(len(at))
    return np.interp(at, (np.arange(len(values)) + 0.5) / RATE, values)


def _smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    """Gaussian mean; the ends repeat."""
    sigma = seconds * RATE
    side = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-side, side + 1) / sigma) ** 2)
    padded = np.pad(values.astype(np.float64), side, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), "valid")


def _stress(voiced: np.ndarray, loudness: np.ndarray) -> np.ndarray:
    """-1..1: how far the loudness stands out of its surroundings, where somebody speaks."""
    out = _smooth(loudness, 0.16) - _smooth(loudness, 0.6)
    return np.clip(2.2 * out, -1, 1) * _smooth(voiced, 0.1)


def _brows(voiced: np.ndarray, loudness: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """-1..1: up with high pitch and stress, never far."""
    accent = _smooth(np.clip(pitch, 0, 8) / 8, 0.16) + 0.35 * np.clip(
        _stress(voiced, loudness), 0, 1
    )
    return np.clip(_smooth(accent * voiced, 0.16), 0, 0.9)


def _sway(at: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A slow wander with a standard deviation of 1, smooth at any frame rate."""
    low, high = np.log(_SWAY_HZ)
    # one wave in each seventh of the range, so that no seed makes a head that stands still
    hertz = np.exp(low + (high - low) * (np.arange(7) + rng.random(7)) / 7)
    size = hertz**-0.35
    size *= np.sqrt(2 / np.square(size).sum())
    phase = rng.uniform(0, 2 * np.pi, 7)
    return (size[:, None] * np.sin(2 * np.pi * hertz[:, None] * at + phase[:, None])).sum(0)


def _blinks(
    voiced: np.ndarray, seconds: float, at: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """0..1: both lids, each blink moved into a pause where one is near."""
    pauses = np.flatnonzero(np.diff((voiced > 0.5).astype(int)) < 0) / RATE
    least, more = _BLINK_GAP
    lids = np.zeros(len(at))
    moment = rng.uniform(0.6, 3.2)
    length = BLINK_STEP * (len(BLINK) - 1)
    while moment < seconds - length:
        near = pauses[np.abs(pauses - moment) < _SNAP]
        begin = float(near[0]) if len(near) else moment
        a, b = np.searchsorted(at, (begin, begin + length))
        lids[a:b] = np.maximum(
            lids[a:b], np.interp(at[a:b] - begin, BLINK_STEP * np.arange(len(BLINK)), BLINK)
        )
        moment = max(moment, begin) + least + min(rng.exponential(more), _BLINK_MOST)
    return lids
