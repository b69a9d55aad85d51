"""The corpus: tracks of about half a minute of synthetic speech with its truth, from one seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imgsync_core.audio.mel import RATE
from imgsync_core.audio.resample import Resampler

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
# Letters of consonants that sound alike but look different on the lips, of five scripts.
_ALIKE = ("pbmtdnkgfv", "пбмтднкгфв", "πμτνκγφδ", "पबमतदनकगफव", "بمتدنكف")
_RESPELT = 0.5  # of the lines that are trained on
_KEPT = ("cmn-latn-pinyin", "ja", "ko")  # spellings that do not bear other letters


@dataclass(frozen=True)
class Track:
    """name: who speaks.   samples: float32 (n,) at 16 kHz.   truth: n / 160 values."""

    name: str
    samples: np.ndarray
    truth: Truth


def training(seed: int, espeak_tracks: int, flite_tracks: int) -> Iterator[Track]:
    """Tracks to learn from: so many for each language, and for each flite voice."""
    espeak = Espeak()
    for number, language in enumerate(TRAINED):
        for i in range(espeak_tracks):
            rng = np.random.default_rng((seed, 1, i, number))
            yield espeak_track(espeak, language, rng, 0.0 if language in _KEPT else _RESPELT)
    for number, name in enumerate(FLITE_VOICES):
        if name != HELD_OUT_VOICE:
            for i in range(flite_tracks):
                rng = np.random.default_rng((seed, 2, i, number))
                yield flite_track(name, rng, _RESPELT)


def held_out(seed: int, tracks: int = 3) -> Iterator[Track]:
    """Tracks to be judged on: a flite voice and three languages that are never trained on."""
    espeak = Espeak()
    for i in range(2 * tracks):
        yield flite_track(HELD_OUT_VOICE, np.random.default_rng((seed, 3, i)))
    for language in HELD_OUT:
        for i in range(tracks):
            yield espeak_track(espeak, language, np.random.default_rng((seed, 4, i)))


def espeak_track(
    espeak: Espeak, language: str, rng: np.random.Generator, respelt: float = 0.0
) -> Track:
    """One speaker of one language; respelt: the share of lines with other consonants."""
    voice = language + str(rng.choice(VARIANTS))
    speed, pitch, tone = int(rng.integers(125, 205)), int(rng.integers(20, 80)), 30
    said = []
    for text in _lines(sentences(language), rng, respelt):
        tone = int(rng.integers(25, 90))
        said.append(espeak.say(text, voice, speed + int(rng.integers(-15, 16)), pitch, tone))
    return _track(f"espeak {language}", said, False, rng)


def flite_track(voice: str, rng: np.random.Generator, respelt: float = 0.0) -> Track:
    """One flite voice at one pace; the pitch wanders."""
    pace, usual = rng.uniform(0.85, 1.2), FLITE_VOICES[voice] * rng.uniform(0.85, 1.2)
    said = [
        flite(text, voice, pace * rng.uniform(0.93, 1.08), usual * rng.uniform(0.92, 1.1))
        for text in _lines(ENGLISH, rng, respelt)
    ]
    return _track(f"flite {voice}", said, True, rng)


def _lines(all_lines: list[str], rng: np.random.Generator, respelt: float) -> list[str]:
    """Some of the lines; half of them with their words in another order, some ``respelt``."""
    count = min(_SENTENCES, len(all_lines))
    chosen: list[str] = [all_lines[i] for i in rng.permutation(len(all_lines))[:count]]
    for i in range(count):
        if rng.random() < 0.5:
            words = chosen[i].strip(" .?!。").split()
            chosen[i] = " ".join(words[k] for k in rng.permutation(len(words))) + "."
        if rng.random() < respelt:
            chosen[i] = _respelt(chosen[i], rng)
    return chosen


def _respelt(line: str, rng: np.random.Generator) -> str:
    """The line with half of its consonants exchanged: words that nobody can guess.

    In real words the neighbours tell an m from an n; here only the sound does.
    """
    letters = list(line.lower())
    for i, letter in enumerate(letters):
        group = next((x for x in _ALIKE if letter in x), "")
        if group and rng.random() < 0.5:
            letters[i] = group[rng.integers(len(group))]
    return "".join(letters)


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
