"""The corpus: tracks of about half a minute of synthetic speech with its truth, from one seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...audio.mel import RATE
from ...audio.resample import Resampler
from .corpus_speech import FLITE_VOICES, Espeak, Spoken, flite
from .corpus_targets import RATE as TRUTH_RATE
from .corpus_targets import Truth, gestures, truth
from .corpus_text import ENGLISH, HELD_OUT, OTHERS, sentences

VARIANTS = (
    "", "+f1", "+f2", "+f3", "+f4", "+f5", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+m8",
    "+Alicia", "+Andy", "+Annie", "+Denis", "+Michael", "+adam", "+belinda", "+linda", "+steph",
    "+zac", "+victor", "+john",
)  # fmt: skip
TRAINED = ("en", "en-us", "en-gb-scotland", *(x for x in OTHERS if x not in HELD_OUT))
HELD_OUT_VOICE = "rms"
_SENTENCES = 8  # in a track


@dataclass(frozen=True)
class Track:
    """name: who speaks.   samples: float32 (n,) at 16 kHz.   truth: n / 160 values."""

    name: str
    samples: np.ndarray
    truth: Truth


def training(seed: int, espeak_tracks: int, flite_tracks: int) -> Iterator[Track]:
    """Tracks to learn from: so many for each language, and for each flite voice."""
    espeak = Espeak()
    for language in TRAINED:
        for i in range(espeak_tracks):
            yield espeak_track(espeak, language, np.random.default_rng((seed, 1, i, len(language))))
    for number, name in enumerate(FLITE_VOICES):
        if name != HELD_OUT_VOICE:
            for i in range(flite_tracks):
                yield flite_track(name, np.random.default_rng((seed, 2, i, number)))


def held_out(seed: int, tracks: int = 3) -> Iterator[Track]:
    """Tracks to be judged on: a flite voice and three languages that are never trained on."""
    espeak = Espeak()
    for i in range(2 * tracks):
        yield flite_track(HELD_OUT_VOICE, np.random.default_rng((seed, 3, i)))
    for language in HELD_OUT:
        for i in range(tracks):
            yield espeak_track(espeak, language, np.random.default_rng((seed, 4, i)))


def espeak_track(espeak: Espeak, language: str, rng: np.random.Generator) -> Track:
    """One speaker of one language."""
    voice = language + str(rng.choice(VARIANTS))
    speed, pitch, tone = int(rng.integers(125, 205)), int(rng.integers(20, 80)), 30
    said = []
    for text in _lines(sentences(language), rng):
        tone = int(rng.integers(25, 90))
        said.append(espeak.say(text, voice, speed + int(rng.integers(-15, 16)), pitch, tone))
    return _track(f"espeak {language}", said, False, rng)


def flite_track(voice: str, rng: np.random.Generator) -> Track:
    """One flite voice at one pace; the pitch wanders."""
    pace, usual = rng.uniform(0.85, 1.2), FLITE_VOICES[voice] * rng.uniform(0.85, 1.2)
    said = [
        flite(text, voice, pace * rng.uniform(0.93, 1.08), usual * rng.uniform(0.92, 1.1))
        for text in _lines(ENGLISH, rng)
    ]
    return _track(f"flite {voice}", said, True, rng)


def _lines(all_lines: list[str], rng: np.random.Generator) -> list[str]:
    """Some of the lines; half of them with their words in another order."""
    count = min(_SENTENCES, len(all_lines))
    chosen: list[str] = [all_lines[i] for i in rng.permutation(len(all_lines))[:count]]
    for i in range(count):
        if rng.random() < 0.5:
            words = chosen[i].strip(" .?!。").split()
            chosen[i] = " ".join(words[k] for k in rng.permutation(len(words))) + "."
    return chosen


def _track(name: str, said: list[Spoken], arpabet: bool, rng: np.random.Generator) -> Track:
    """Utterances one after the other with pauses, at 16 kHz, and the truth about them."""
    samples: list[np.ndarray] = []
    made = []
    n = 0
    for spoken in said:
        gap = np.zeros(int(rng.uniform(0.05, 0.2 if rng.random() < 0.6 else 1.2) * RATE))
        resampler = Resampler(spoken.rate, RATE)
        voice = np.concatenate([resampler.feed(spoken.samples), resampler.finish()])
        shift = (n + len(gap)) / RATE
        made += gestures([("", n / RATE, shift)], arpabet)
        made += gestures([(s, a + shift, b + shift) for s, a, b in spoken.segments], arpabet)
        samples += [gap.astype(np.float32), voice]
        n += len(gap) + len(voice)
    whole = np.concatenate(samples)
    whole = whole[: len(whole) // 320 * 320]
    return Track(name, whole, truth(made, _level(whole)))


def _level(samples: np.ndarray) -> np.ndarray:
    """float32 (n,) at 16 kHz -> loudness at 100 Hz, 1 = the loud parts; smoothed over 50 ms."""
    squares = np.square(samples).reshape(-1, RATE // TRUTH_RATE).mean(1)
    level = np.sqrt(np.convolve(squares, np.full(5, 0.2), "same"))
    return level / max(1e-6, float(np.percentile(level, 95)))
