"""The corpus: tracks of about half a minute of synthetic speech with its truth, from one seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imgsync_core.audio.mel import RATE
from imgsync_core.audio.resample import Resampler

from . import instruments, singing
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
_VERSES = 3  # sentences in a song, which takes its time
_EXERCISES = 0.2  # share of songs that are vowels alone
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
    """Spoken tracks to be judged on: a flite voice and three languages never trained on."""
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
    for text in _lines(sentences(language), rng, respelt, _SENTENCES):
        tone = int(rng.integers(25, 90))
        said.append(espeak.say(text, voice, speed + int(rng.integers(-15, 16)), pitch, tone))
    return _track(f"espeak {language}", said, False, rng)


def songs(
    seed: int, espeak_tracks: int, flite_tracks: int, band: np.ndarray | None
) -> Iterator[Track]:
    """Sung tracks to learn from, counted as those of ``training``; half of them accompanied.

    band: float32 (m,) at 16 kHz, music to be accompanied by; None = nothing but voices.
    """
    espeak = Espeak()
    for number, language in enumerate(TRAINED):
        for i in range(espeak_tracks):
            rng = np.random.default_rng((seed, 5, i, number))
            yield accompanied(espeak_song(espeak, language, rng), band, rng)
    for number, name in enumerate(FLITE_VOICES):
        if name != HELD_OUT_VOICE:
            for i in range(flite_tracks):
                rng = np.random.default_rng((seed, 6, i, number))
                yield accompanied(flite_song(name, rng), band, rng)


def choirs(seed: int, tracks: int) -> Iterator[Track]:
    """Tracks of about 20 s in which a choir holds one vowel at a time."""
    for i in range(tracks):
        rng = np.random.default_rng((seed, 10, i))
        program = list(instruments.CHOIR)[i % 2]
        yield _track("choir", [instruments.choir(program, 20, rng)], False, rng)


def held_out_songs(seed: int, tracks: int = 3) -> Iterator[Track]:
    """Sung tracks to be judged on, by the voices and languages of ``held_out``."""
    espeak = Espeak()
    for i in range(2 * tracks):
        yield flite_song(HELD_OUT_VOICE, np.random.default_rng((seed, 11, i)))
    for language in HELD_OUT:
        for i in range(tracks):
            yield espeak_song(espeak, language, np.random.default_rng((seed, 12, i)))


def espeak_song(espeak: Espeak, language: str, rng: np.random.Generator) -> Track:
    """Some lines sung by one speaker of a language."""
    voice, pitch = language + str(rng.choice(VARIANTS)), int(rng.integers(20, 80))
    lines = _lines(sentences(language), rng, 0.0, _VERSES)
    said = [espeak.say(text, voice, 150, pitch, 40) for text in lines]
    return _song(f"sung {language}", said, False, rng)


def flite_song(voice: str, rng: np.random.Generator) -> Track:
    """Some lines sung by one voice of flite."""
    lines = _lines(ENGLISH, rng, 0.0, _VERSES)
    said = [flite(text, voice, rng.uniform(0.9, 1.1), FLITE_VOICES[voice]) for text in lines]
    return _song(f"sung {voice}", said, True, rng)


def _song(name: str, said: list[Spoken], arpabet: bool, rng: np.random.Generator) -> Track:
    how, root = singing.style(rng), 85 * 2 ** rng.uniform(0, 1.6)
    said = [Spoken(_at_rate(x), RATE, x.segments) for x in said]
    if rng.random() < _EXERCISES:
        said, how = [singing.vowels(x, arpabet, rng) for x in said[:2]], singing.EXERCISE
    sung = [singing.sing(x, arpabet, how, root, rng) for x in said]
    return _track(name, sung, arpabet, rng, breathes=True)


def accompanied(track: Track, band: np.ndarray | None, rng: np.random.Generator) -> Track:
    """The track with a part of the music under it, at least as quiet as 4 dB above the voice."""
    if band is None or rng.random() < 0.4:
        return track
    start = int(rng.integers(len(band)))
    part = np.resize(np.roll(band, -start), len(track.samples))
    level = np.sqrt(np.square(track.samples).mean() / max(1e-9, float(np.square(part).mean())))
    gain = np.float32(level * 10 ** (rng.uniform(-20, 4) / 20))
    return Track(track.name, track.samples + gain * part, track.truth)


def flite_track(voice: str, rng: np.random.Generator, respelt: float = 0.0) -> Track:
    """One flite voice at one pace; the pitch wanders."""
    pace, usual = rng.uniform(0.85, 1.2), FLITE_VOICES[voice] * rng.uniform(0.85, 1.2)
    said = [
        flite(text, voice, pace * rng.uniform(0.93, 1.08), usual * rng.uniform(0.92, 1.1))
        for text in _lines(ENGLISH, rng, respelt, _SENTENCES)
    ]
    return _track(f"flite {voice}", said, True, rng)


def _lines(all_lines: list[str], rng: np.random.Generator, respelt: float, count: int) -> list[str]:
    """Some of the lines; half of them with their words in another order, some ``respelt``."""
    count = min(count, len(all_lines))
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


def _track(
    name: str, said: list[Spoken], arpabet: bool, rng: np.random.Generator, breathes: bool = False
) -> Track:
    """Utterances one after the other with pauses, at 16 kHz, and the truth about them.

    breathes: in some pauses a breath is drawn.
    """
    samples: list[np.ndarray] = []
    made = []
    n = 0
    for spoken in said:
        gap = np.zeros(int(rng.uniform(0.05, 0.2 if rng.random() < 0.6 else 1.2) * RATE))
        if breathes and len(gap) > 0.4 * RATE and rng.random() < 0.7:
            drawn = singing.breath(rng.uniform(0.2, 0.38), rng)
            gap[-len(drawn) :] += drawn * rng.uniform(0.1, 1.5)
        voice = _at_rate(spoken)
        shift = (n + len(gap)) / RATE
        made += gestures([("", n / RATE, shift)], arpabet)
        made += gestures([(s, a + shift, b + shift) for s, a, b in spoken.segments], arpabet)
        samples += [gap.astype(np.float32), voice]
        n += len(gap) + len(voice)
    whole = np.concatenate(samples)
    whole = whole[: len(whole) // 320 * 320]
    return Track(name, whole, truth(made, _level(whole)))


def _at_rate(spoken: Spoken) -> np.ndarray:
    """The samples at 16 kHz."""
    resampler = Resampler(spoken.rate, RATE)
    return np.concatenate([resampler.feed(spoken.samples), resampler.finish()])


def _level(samples: np.ndarray) -> np.ndarray:
    """float32 (n,) at 16 kHz -> loudness at 100 Hz, 1 = the loud parts; smoothed over 50 ms."""
    squares = np.square(samples).reshape(-1, RATE // TRUTH_RATE).mean(1)
    level = np.sqrt(np.convolve(squares, np.full(5, 0.2), "same"))
    return level / max(1e-6, float(np.percentile(level, 95)))
