"""How the head moves while a voice speaks, in degrees, at 50 Hz.

Three things are added: a slow drift whose power falls with frequency, as that of people does; a
new posture where a phrase begins; and nods on accents, with stillness in between. The axes go
together: a head that turns leans and shifts to the same side, one that nods goes down. Sizes are
those of calm real speakers: standard deviations of 1 to 3 degrees about each axis, 0.3 to 0.85
of the power of turning below 0.5 Hz, turning and leaning correlated by about 0.5.
"""

from __future__ import annotations

import numpy as np

from ...audio.mouth_curves import RATE
from .prosody import Prosody, add_bump, eased, moved, smooth, times

AXES = ("yaw", "pitch", "roll", "shift_x", "shift_y")
_OCTAVES = (4.8, 2.4, 1.2, 0.6, 0.3)  # seconds between the knots of the drift
_DRIFT = np.array([2.6, 1.9, 1.8])  # degrees: standard deviation of yaw, pitch, roll
_POSTURE = np.array([1.9, 1.5, 1.0])  # degrees: likewise, of postures
_LEAN = 0.34  # degrees of roll for one of yaw: to the viewer's right is clockwise
_KEPT = 0.35  # share of the last posture in the next
_MOVE = (0.45, 0.85)  # seconds that a change of posture takes
_IDLE = (3.5, 7.0)  # seconds after which a head that nothing moves changes its posture
_NOD = 5.4  # degrees for the strongest accent
_NODS = 0.7  # share of accents that the head takes part in
_STILL = 0.45  # share of the drift that stays while nobody speaks
_SHIFT = 0.0042, 0.0036  # of the distance between the eyes, for a degree of yaw and of pitch
_BEGIN = 0.8  # seconds in which the motion sets in: a speech begins with the picture itself
_MOST = 9.0  # degrees


def act(said: Prosody, seed: int) -> dict[str, np.ndarray]:
    """A track (t,) at 50 Hz for each of ``AXES``."""
    count = len(said.voiced)
    turns = _drift(count, np.random.default_rng((seed, 1))) * _DRIFT
    turns *= (_STILL + (1 - _STILL) * smooth(said.voiced, 0.5))[:, None]
    turns += _postures(said, _turns(said, np.random.default_rng((seed, 9))), (seed, 2))
    turns[:, 2] += _LEAN * turns[:, 0]
    turns += _nods(said, np.random.default_rng((seed, 3)))
    turns *= eased(times(count) / _BEGIN)[:, None]
    turns = _MOST * np.tanh(turns / _MOST)
    sides = [_SHIFT[0] * turns[:, 0], _SHIFT[1] * turns[:, 1]]
    return dict(zip(AXES, [*turns.T, *sides], strict=True))


def _drift(count: int, rng: np.random.Generator) -> np.ndarray:
    """(t, 3) with a standard deviation of 1: as much power in each octave, which is 1/f noise."""
    seeds = rng.integers(2**63, size=len(_OCTAVES)).tolist()
    waves = (
        wander(count, seconds, np.random.default_rng(seed))
        for seconds, seed in zip(_OCTAVES, seeds, strict=True)
    )
    return sum(waves, np.zeros((count, 3))) / np.sqrt(len(_OCTAVES))


def wander(count: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Noise (t, 3) with a standard deviation of 1 through knots that far apart (cubic B-spline)."""
    at = np.arange(count) / (seconds * RATE)
    knots = rng.standard_normal((int(count / (seconds * RATE)) + 4, 3))
    below = at.astype(int)
    x = (at - below)[:, None]
    weights = ((1 - x) ** 3, 3 * x**3 - 6 * x**2 + 4, -3 * x**3 + 3 * x**2 + 3 * x + 1, x**3)
    made = sum((w * knots[below + i] for i, w in enumerate(weights)), np.zeros((count, 3)))
    # the spline's mean power over a gap between knots is 0.479 (of 36)
    return made / 6 / np.sqrt(0.4794)


def _postures(said: Prosody, moments: list[float], seed: tuple[int, int]) -> np.ndarray:
    """(t, 3) degrees: held, and exchanged at some moments (seconds)."""
    rng = np.random.default_rng(seed)
    goals, moves = np.zeros((len(moments), 3)), []
    now = np.zeros(3)
    for i, moment in enumerate(moments):
        now = _KEPT * now + np.sqrt(1 - _KEPT**2) * rng.standard_normal(3) * _POSTURE
        goals[i] = now
        moves.append((moment, rng.uniform(*_MOVE)))
    return moved(len(said.voiced), moves, goals)


def _turns(said: Prosody, rng: np.random.Generator) -> list[float]:
    """Seconds at which the posture changes: phrases begin, or nothing has moved for long."""
    made: list[float] = []
    last = 0.0
    wait = rng.uniform(*_IDLE)
    starts = [*said.phrases[:, 0].tolist(), said.seconds]
    for start in starts:
        begins = max(0.0, start - rng.uniform(0.0, 0.25))
        while begins - last > wait:  # within a long phrase, or while nobody speaks
            last += wait * rng.uniform(0.7, 1.0)
            made.append(last)
            wait = rng.uniform(*_IDLE)
        if begins - last > 1.0 and start < said.seconds:
            made.append(begins)
            last, wait = begins, rng.uniform(*_IDLE)
    return made


def _nods(said: Prosody, rng: np.random.Generator) -> np.ndarray:
    """(t, 3) degrees: the head takes part in some accents, mostly downwards, a little aside."""
    made = np.zeros((len(said.voiced), 3))
    for moment, size in said.accents.tolist():
        takes, up, aside, lean, late, pace = rng.random(6).tolist()
        if takes > _NODS:
            continue
        degrees = _NOD * size**0.5 * (-0.7 if up < 0.3 else 1.0)
        rise, fall = 0.14 + 0.08 * pace, 0.26 + 0.2 * pace
        start = moment - rise + 0.02 + 0.08 * late
        add_bump(made[:, 1], start - 0.12, 0.13, 0.0, 0.2, -0.22 * degrees)  # it lifts first
        add_bump(made[:, 1], start, rise, 0.03, fall, degrees)
        add_bump(made[:, 0], start, rise, 0.05, fall, 1.7 * degrees * (aside - 0.5))
        add_bump(made[:, 2], start, rise, 0.05, fall, 0.9 * degrees * (lean - 0.5))
    return made
