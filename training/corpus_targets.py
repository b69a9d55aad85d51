"""What the mouth does for each phoneme, and how neighbours blend: the truth to train on.

Dominance blending: at each moment a curve is the mean of the targets of all phonemes near,
weighted by how much each insists and by how far away it is (falling by 1/e every ``tau``).
"""

# ruff: noqa: RUF001

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

import numpy as np

from .corpus_speech import Segment

RATE = 100  # Hz; value i stands at (i + 0.5) / 100 s
_PAUSE = 0.06  # seconds; shorter gaps between words are no pauses
_ESPEAK_CLOSURE = 0.055  # seconds before the burst at which espeak-ng dates p, t, k
_NEAR = 0.35  # seconds; further neighbours do not count
_EDGE = 0.022  # seconds: width of the flanks of a closure


@dataclass(frozen=True)
class Mouth:
    """Targets 0..1, how much they insist (``weight`` on open, ``shape`` on spread and round)."""

    open: float
    spread: float = 0.1
    round: float = 0.0
    close: float = 0.0
    tuck: float = 0.0
    tongue: float = 0.0
    weight: float = 1.0
    shape: float = 1.0
    tau: float = 0.06  # seconds


_REST = Mouth(0.0, 0.0, weight=1.3, shape=0.6)
_LIPS = Mouth(0.0, close=1.0, weight=8, shape=0.25, tau=0.022)
_TEETH = Mouth(0.08, 0.15, tuck=1.0, weight=5, shape=0.5, tau=0.025)
_HISS = Mouth(0.12, 0.4, weight=1.5, shape=0.7, tau=0.045)
_HUSH = Mouth(0.2, 0.0, 0.5, weight=1.2, shape=1.2, tau=0.05)
_TONGUE = Mouth(0.22, 0.2, tongue=1.0, weight=0.8, shape=0.2, tau=0.045)
_BACK = Mouth(0.3, weight=0.35, shape=0.1, tau=0.05)
_BREATH = Mouth(0.35, weight=0.15, shape=0.05, tau=0.05)

PHONES: dict[str, Mouth] = {
    **dict.fromkeys("pbm", _LIPS),
    **dict.fromkeys("fv", _TEETH),
    "ʋ": replace(_TEETH, open=0.14, tuck=0.6, weight=3),
    **dict.fromkeys("βɸ", Mouth(0.06, close=0.35, weight=4, shape=0.3, tau=0.025)),
    **dict.fromkeys("sz", _HISS),
    **dict.fromkeys("ʃʒ", _HUSH),
    **dict.fromkeys("ɕʑç", replace(_HUSH, round=0.15, spread=0.25)),
    **dict.fromkeys("tdnlɾrʈɖɽɭɫɳ", _TONGUE),
    **dict.fromkeys("ɲʎcɟ", replace(_TONGUE, tongue=0.5)),  # its blade, further back
    **dict.fromkeys("θð", replace(_TONGUE, open=0.2, weight=1.0)),
    "ɹ": Mouth(0.26, 0.0, 0.35, weight=0.7, shape=0.6, tau=0.05),
    **dict.fromkeys("kgɡŋxɣɴ", _BACK),
    **dict.fromkeys("hɦʔʕħʁχq", _BREATH),
    **dict.fromkeys("wʍ", Mouth(0.15, 0.0, 0.95, weight=2, shape=2.5)),
    "j": Mouth(0.28, 0.65, weight=0.7, shape=0.9),
    **dict.fromkeys("aɑ", Mouth(1.0, 0.2)),
    "ɐ": Mouth(0.72, 0.2),
    "æ": Mouth(0.85, 0.45),
    "ʌ": Mouth(0.6, 0.15),
    "ɒ": Mouth(0.68, 0.0, 0.3),
    "ɔ": Mouth(0.58, 0.0, 0.5),
    "o": Mouth(0.47, 0.0, 0.75),
    "ɛ": Mouth(0.62, 0.5),
    "e": Mouth(0.5, 0.6),
    "ɜ": Mouth(0.48, 0.15, 0.1),
    "ə": Mouth(0.4, 0.15, weight=0.6, shape=0.5),
    "ɚ": Mouth(0.38, 0.05, 0.25),
    "ɪ": Mouth(0.36, 0.6),
    "ᵻ": Mouth(0.34, 0.5, weight=0.7),
    "i": Mouth(0.28, 0.9),
    "ɨ": Mouth(0.3, 0.45),
    "ɯ": Mouth(0.26, 0.3, 0.1),
    "u": Mouth(0.2, 0.0, 1.0),
    "ʊ": Mouth(0.28, 0.0, 0.7),
    "ʉ": Mouth(0.22, 0.0, 0.8),
    "ɵ": Mouth(0.35, 0.0, 0.7),
    "y": Mouth(0.2, 0.05, 0.95),
    "ø": Mouth(0.36, 0.05, 0.8),
    "œ": Mouth(0.46, 0.05, 0.65),
}
VOWELS = frozenset("aɑɐæʌɒɔoɛeɜəɚɪᵻiɨɯuʊʉɵyøœ")

_ARPABET = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "ay": "aɪ", "ch": "ʃ",
    "dh": "ð", "eh": "ɛ", "er": "ɚ", "ey": "eɪ", "hh": "h", "ih": "ɪ", "iy": "i", "jh": "ʒ",
    "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ", "r": "ɹ", "sh": "ʃ", "th": "θ", "uh": "ʊ", "uw": "u",
    "y": "j", "zh": "ʒ",
}  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """At 100 Hz: curves float32 (t, 6), speech (t,) 0/1.  closures: (n, 2) seconds of p, b, m."""

    curves: np.ndarray
    speech: np.ndarray
    closures: np.ndarray


def phones_of(name: str, arpabet: bool) -> list[str]:
    """A synthesiser's phoneme as the sounds in it, in order; [] for a pause."""
    if arpabet:
        name = _ARPABET.get(name, name)
    sounds: list[str] = []
    for letter in unicodedata.normalize("NFD", name):
        if letter not in PHONES or (letter == "h" and sounds):
            continue
        if sounds and sounds[-1] in "td" and letter in "ʃʒszɕʑ":
            sounds.pop()  # an affricate looks like its second half
        sounds.append(letter)
    return sounds or (["h"] if name else [])


Gesture = tuple[Mouth, float, float]


def gestures(segments: list[Segment], arpabet: bool) -> list[Gesture]:
    """Segments -> (mouth, start, stop) in order, with closures where they are made."""
    made: list[Gesture] = []
    for name, start, stop in segments:
        sounds = phones_of(name, arpabet)
        if not sounds:
            if stop - start < _PAUSE and made:
                made[-1] = (made[-1][0], made[-1][1], stop)
            else:
                made.append((_REST, start, stop))
            continue
        length = (stop - start) / len(sounds)
        for i, sound in enumerate(sounds):
            a, b = start + i * length, start + (i + 1) * length
            made.extend(_gesture(sound, a, b, arpabet, made))
    return made


def _gesture(sound: str, a: float, b: float, arpabet: bool, before: list[Gesture]) -> list[Gesture]:
    if sound != "p":
        return [(PHONES[sound], a, b)]
    if arpabet:  # flite: closure, burst and breath in one
        middle = a + 0.65 * (b - a)
        return [(PHONES["p"], a, middle), (_BREATH, middle, b)]
    start = a - _ESPEAK_CLOSURE  # espeak-ng: dated at the burst
    if before and before[-1][2] > start:
        mouth, begin, _ = before[-1]
        start = max(start, begin + 0.3 * (a - begin))
        before[-1] = (mouth, begin, start)
    return [(PHONES["p"], start, a), (_BREATH, a, b)]


def truth(made: list[Gesture], level: np.ndarray) -> Truth:
    """Gestures and the loudness 0..1 at 100 Hz (t,) -> what to learn, t values."""
    times = (np.arange(len(level)) + 0.5) / RATE
    sums = np.zeros((3, len(times)))
    weights = np.full((2, len(times)), 1e-9)
    bumps = np.zeros((3, len(times)))
    speech = np.zeros(len(times), np.float32)
    for mouth, a, b in made:
        near = slice(max(0, int((a - _NEAR) * RATE)), int((b + _NEAR) * RATE) + 1)
        t = times[near]
        away = np.maximum(0, np.maximum(a - t, t - b))
        fall = np.exp(-away / mouth.tau)
        insist, shape = mouth.weight * fall, mouth.shape * fall
        sums[:, near] += [mouth.open * insist, mouth.spread * shape, mouth.round * shape]
        weights[:, near] += [insist, shape]
        bump = np.exp(-np.square(away / _EDGE))
        made_by = np.outer([mouth.close, mouth.tuck, mouth.tongue], bump)
        bumps[:, near] = np.maximum(bumps[:, near], made_by)
        if mouth is not _REST:
            speech[near] = np.maximum(speech[near], away < 0.03)
    blended = sums / weights[[0, 1, 1]]
    blended[0] *= 0.6 + 0.4 * np.clip(level, 0, 1) ** 0.7
    closures = [(a, b) for mouth, a, b in made if mouth is PHONES["p"]]
    found = np.concatenate([blended, bumps]).T.astype(np.float32)
    return Truth(found, speech, np.array(closures, float).reshape(-1, 2))
