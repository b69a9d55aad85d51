"""How good a net is on voices it never heard: what ``train`` prints at its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from imgsync_core.audio.mel import RATE as HERTZ
from imgsync_core.audio.mouth_curves import RATE, VoiceNet, curves

from . import augment
from .corpus import Track

_NEAR = 0.04  # seconds by which a closure may be early or late
_SHUT = 0.5  # a closure curve from here on is a closure


@dataclass(frozen=True)
class Score:
    """Means over tracks. r: Pearson at lag 0 against the truth.

    recall, precision: of p, b, m closures at a curve of 0.5, within 40 ms.
    recall_80: the best recall at a precision of at least 0.80, over all thresholds.
    heard: mean gate during speech.   energy: r between opening and loudness.
    lead: seconds by which the opening goes before the truth, where r is best.
    """

    r_open: float
    r_width: float
    r_spread: float
    r_round: float
    r_tongue: float
    recall: float
    precision: float
    recall_80: float
    heard: float
    energy: float
    lead: float


def harmed(tracks: Iterable[Track], music: np.ndarray, seed: int, times: int = 1) -> list[Track]:
    """The tracks, each so many times, with random noise, reverb, equaliser, music, low-pass."""
    g = torch.Generator().manual_seed(seed)
    tune = torch.from_numpy(np.tile(music, 4))
    return [
        Track(
            t.name,
            augment.degrade(torch.from_numpy(t.samples)[None], tune, g)[0].numpy(),
            t.truth,
        )
        for t in tracks
        for _ in range(times)
    ]


def score(net: VoiceNet, tracks: list[Track]) -> Score:
    """The score over some tracks."""
    rows, hits = [], []
    for track in tracks:
        table = np.concatenate([c.table() for c in curves([track.samples], HERTZ, net)])
        true = track.truth.curves.reshape(len(table), 2, 6).mean(1)
        speech = track.truth.speech.reshape(len(table), 2).mean(1)
        width, true_width = table[:, 1] - table[:, 2], true[:, 1] - true[:, 2]
        rows.append([
            pearson(table[:, 0], true[:, 0]), pearson(width, true_width),
            pearson(table[:, 1], true[:, 1]), pearson(table[:, 2], true[:, 2]),
            pearson(table[:, 8], true[:, 5]),
            float(table[speech > 0.5, 5].mean()), pearson(table[:, 0], table[:, 6]),
            lead(table[:, 0], true[:, 0]),
        ])  # fmt: skip
        hits.append([found(table[:, 3], track.truth.closures, x) for x in _THRESHOLDS])
    *shapes, heard, energy, ahead = np.mean(rows, 0).tolist()
    recall, precision = _rates(np.sum(hits, 0))
    at = int(np.argmin(np.abs(_THRESHOLDS - _SHUT)))
    best = float(recall[precision >= 0.80].max(initial=0))
    return Score(*shapes, recall[at], precision[at], best, heard, energy, ahead)


_THRESHOLDS = np.arange(0.02, 1.0, 0.02)


def found(close: np.ndarray, closures: np.ndarray, threshold: float) -> np.ndarray:
    """[true closures found, true closures, claims that are right, claims]."""
    shut = close >= threshold
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shut.astype(np.int8), [0]])))
    claims = edges.reshape(-1, 2) / RATE  # seconds
    near = (claims[:, None, 0] <= closures[None, :, 1] + _NEAR) & (
        claims[:, None, 1] >= closures[None, :, 0] - _NEAR
    )
    return np.array([near.any(0).sum(), len(closures), near.any(1).sum(), len(claims)])


def _rates(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return counts[:, 0] / np.maximum(1, counts[:, 1]), counts[:, 2] / np.maximum(1, counts[:, 3])


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation; 0 if one does not move."""
    if a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def lead(a: np.ndarray, b: np.ndarray) -> float:
    """Seconds by which ``a`` goes before ``b``, both at 50 Hz: where they agree best, to 5 ms."""
    at = np.arange(len(a)) / RATE
    tried = np.arange(-0.1, 0.1001, 0.005)
    r = [pearson(a[5:-5], np.interp(at + x, at, b)[5:-5]) for x in tried]
    return float(tried[np.argmax(r)])


def gaping(net: VoiceNet, sound: np.ndarray) -> float:
    """95th percentile of the opening over something that is not speech; 0 is right."""
    values = np.concatenate([c.values for c in curves([sound], HERTZ, net)])
    return float(np.percentile(values[:, 0], 95))


def not_speech(seed: int) -> dict[str, np.ndarray]:
    """Half a minute each of what must leave the mouth shut, float32 at 16 kHz."""
    rng = np.random.default_rng((seed, 9))
    n = 30 * HERTZ
    white = rng.standard_normal(n)
    rumble = np.convolve(white, np.full(60, 1 / 60), "same")
    sounds = {
        "silence": np.zeros(n),
        "dither": white * 1e-5,
        "white noise": white * 0.1,
        "rumble": rumble,
        "gusts": rumble * (1 + np.sin(np.arange(n) / HERTZ * 4)),
        "music": augment.music(30, rng)[:n],
    }
    return {name: x.astype(np.float32) for name, x in sounds.items()}
