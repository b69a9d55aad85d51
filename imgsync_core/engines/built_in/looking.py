"""Eyes and brows while a voice speaks, at 50 Hz: gaze, blinks, brows, squint.

Gaze jumps and rests (saccades and fixations); while it rests, the eyes turn against the head, so
that what is looked at stays looked at (the vestibulo-ocular reflex). Blinks close faster than they
open and prefer the ends of phrases (Nakano & Kitazawa 2010). Brows rise on accents.
"""

from __future__ import annotations

import numpy as np

from ...audio.mouth_curves import RATE
from .acting import wander
from .prosody import Prosody, add_bump, moved, smooth

_BLINK_GAP = (2.1, 2.5)  # seconds: the least, and the mean of what comes on top (14 a minute)
_BLINK_MOST = 4.8  # seconds that come on top at most, so that no eye stares
_BLINK_EARLY = 1.0  # seconds by which a blink may move to the end of a phrase
_BLINK_TIMES = (0.055, 0.085), (0.025, 0.045), (0.10, 0.15)  # seconds: closing, shut, opening
_REFLEX = 0.92  # of the head's turn that the eyes take back
_REST = (0.35, 1.1)  # seconds: the least that a gaze rests, and the mean on top
_NEAR = 2.5, 1.3  # degrees: where a resting gaze lies, x and y, around the viewer
_ASIDE = 6.0, 3.2  # degrees: likewise of a glance aside
_GLANCES = 0.2  # share of gazes that go aside
_JUMP = 0.021, 0.0022  # seconds: of a saccade, and for each degree of it (main sequence)
_EYES_MOST = 14.0, 10.0  # degrees
_RAISED = 0.85  # brow for the strongest accent
_RAISES = 0.65  # share of accents that raise the brows
_MOOD = 0.12  # standard deviation of what brows do for no reason


def blinks(said: Prosody, stop: float, seed: int) -> np.ndarray:
    """(t,) 0 open .. 1 shut; none that would not be over by ``stop`` seconds."""
    rng = np.random.default_rng((seed, 4))
    made = np.zeros(len(said.voiced))
    ends = said.phrases[:, 1]
    least, more = _BLINK_GAP
    moment, last = rng.uniform(0.6, 3.0), -least
    while moment < stop:
        near = ends[(np.abs(ends - moment) < _BLINK_EARLY) & (ends > last + least)]
        if len(near):
            moment = float(near[0]) + rng.uniform(-0.02, 0.1)
        closing, shut, opening = (rng.uniform(*x) for x in _BLINK_TIMES)
        depth = rng.uniform(0.94, 1.0)
        if moment + closing + shut + opening < stop:
            add_bump(made, moment, closing, shut, opening, depth)
        last = moment
        moment += least + min(rng.exponential(more), _BLINK_MOST)
    return np.minimum(made, 1.0)


def gaze(
    said: Prosody, lids: np.ndarray, yaw: np.ndarray, pitch: np.ndarray, seed: int
) -> np.ndarray:
    """(t, 2) degrees that the eyes turn in the head, x and y.

    lids: of ``blinks``: the eyes jump behind shut lids.   yaw, pitch: (t,) of the head.
    """
    looked = moved(len(lids), *_fixations(said, lids, np.random.default_rng((seed, 5))))
    against = looked - _REFLEX * np.stack([yaw, pitch], 1)
    most = np.array(_EYES_MOST)
    return np.clip(against, -most, most)


def _fixations(
    said: Prosody, lids: np.ndarray, rng: np.random.Generator
) -> tuple[list[tuple[float, float]], np.ndarray]:
    """Saccades, as (seconds, how long each), and the degrees (m, 2) at which gaze then rests."""
    shut = np.flatnonzero((lids[1:] > 0.5) & (lids[:-1] <= 0.5)) / RATE
    starts = said.phrases[:, 0]
    moves, goals = [], [np.zeros(2)]
    moment = rng.uniform(0.3, 0.9)
    while moment < said.seconds:
        begins = bool((np.abs(starts - moment) < 0.3).any())  # a speaker looks aside to think
        aside = rng.random() < _GLANCES * (2 if begins else 1)
        goals.append(rng.standard_normal(2) * (_ASIDE if aside else _NEAR))
        far = float(np.hypot(*(goals[-1] - goals[-2])))
        moves.append((moment, _JUMP[0] + _JUMP[1] * far))
        rest = _REST[0] + rng.exponential(_REST[1]) * (0.6 if aside else 1.0)
        soon = shut[(shut > moment + _REST[0]) & (shut < moment + rest)]
        moment = float(soon[0]) if len(soon) else moment + rest
    return moves, np.array(goals[1:]).reshape(-1, 2)


def brows(said: Prosody, pitch: np.ndarray, seed: int) -> np.ndarray:
    """(t,) -1..1, up is positive: accents, high pitch, and a mood that wanders.

    pitch: (t,) semitones above the speaker's middle.
    """
    rng = np.random.default_rng((seed, 6))
    speaks = smooth(said.voiced, 0.25)
    made = 0.03 * smooth(np.clip(pitch, -4, 8), 0.25) * speaks
    for moment, size in said.accents.tolist():
        takes, much, down, pace = rng.random(4).tolist()
        if takes < _RAISES:
            way = -0.4 if down < 0.12 else 1.0
            rise, hold, fall = 0.13 + 0.07 * pace, 0.22 * pace, 0.25 + 0.25 * pace
            raised = _RAISED * (0.5 + 0.7 * much) * size**0.5 * way
            add_bump(made, moment - rise, rise, hold, fall, raised)
    made += _MOOD * wander(len(made), 3.0, rng)[:, 0] * (0.3 + 0.7 * speaks)
    return np.clip(made, -0.6, 1.0)


def squint(said: Prosody, spread: np.ndarray, seed: int) -> np.ndarray:
    """(t,) 0..1: lower lids rise with wide vowels and emphasis.

    spread: (t,) 0..1 of the mouth.
    """
    rng = np.random.default_rng((seed, 7))
    wide = smooth(spread, 0.12)
    made = 0.55 * wide + 0.65 * smooth(said.prominence, 0.1)
    made += 0.1 * wander(len(made), 2.5, rng)[:, 0] * smooth(said.voiced, 0.3)
    return np.clip(made, 0.0, 1.0)
