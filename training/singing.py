"""Song from speech: a vocoder that gives spoken phonemes notes, lengths and vibrato.

The phoneme times are those of the speech, moved as the sound is, so a song has its truth too.
Envelope by iterated cepstral smoothing (Roebel & Rodet 2005); each period of the voice is the
minimum-phase response of the envelope (homomorphic vocoder, Oppenheim 1969), unvoiced sounds are
noise through the same envelope.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imgsync_core.audio.mel import RATE

from .corpus_speech import Segment, Spoken
from .corpus_targets import VOWELS, phones_of

_HOP = 80  # samples between envelopes, 5 ms
_FFT = 512
_QUEFRENCY = 30  # cepstral coefficients that make an envelope
_VOICELESS = frozenset("ptkfsθʃçxχhʔɸɕqcʈʂħʍ")  # noqa: RUF001
_EDGES = 0.035, 0.075  # seconds of a long vowel's start and end (a closure) that keep their pace
_SCALES = ((0, 2, 4, 7, 9), (0, 3, 5, 7, 10), (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))


@dataclass(frozen=True)
class Style:
    """beat: seconds.   held: share of vowels that last for beats, and how many at most.

    pace: of what is not held.   melody: 0 = on one note.   vibrato: semitones.
    """

    beat: float
    held: float
    most: float
    pace: float
    melody: float
    vibrato: float


EXERCISE = Style(beat=0.7, held=0.9, most=6, pace=1.0, melody=1.0, vibrato=0.4)


def style(rng: np.random.Generator) -> Style:
    """A ballad, a song, a chant or a rap."""
    kind = rng.random()
    vibrato = rng.uniform(0.2, 1.0) if rng.random() < 0.6 else 0.05
    if kind < 0.3:
        return Style(rng.uniform(0.5, 0.9), 0.6, 6, rng.uniform(0.9, 1.2), 1.0, vibrato)
    if kind < 0.7:
        return Style(rng.uniform(0.3, 0.6), 0.5, 4, rng.uniform(0.8, 1.1), 1.0, vibrato)
    if kind < 0.85:
        return Style(rng.uniform(0.3, 0.6), 0.3, 3, rng.uniform(0.8, 1.1), 0.0, 0.05)
    return Style(rng.uniform(0.15, 0.25), 0.25, 1, rng.uniform(0.6, 0.85), 0.3, 0.05)


def sing(
    spoken: Spoken, arpabet: bool, how: Style, root: float, rng: np.random.Generator
) -> Spoken:
    """Speech at 16 kHz -> the same words sung.   root: Hz of the lowest note."""
    held = [_is_vowel(name, arpabet) for name, _, _ in spoken.segments]
    lengths = [
        _length(b - a, vowel, how, rng)
        for (_, a, b), vowel in zip(spoken.segments, held, strict=True)
    ]
    sung: list[Segment] = []
    ends = np.cumsum(lengths)
    for (name, _, _), length, end in zip(spoken.segments, lengths, ends, strict=True):
        sung.append((name, float(end - length), float(end)))
    n = int(ends[-1] * RATE) if len(ends) else 0
    at = np.arange(0, n, _HOP) / RATE
    source = _source_times(spoken.segments, sung, at)
    loud = _log_envelopes(spoken.samples)
    frame = np.clip(np.round(source * RATE / _HOP).astype(int), 0, len(loud) - 1)
    loud = loud[frame] + _colour(rng)
    voiced = _voiced(sung, arpabet, at)
    hertz = _melody(sung, held, at, how, root, rng)
    made = _buzz(loud, voiced, hertz, n, rng) + _hiss(loud, voiced, n, rng)
    return Spoken(_without_rumble(made), RATE, sung)


def vowels(spoken: Spoken, arpabet: bool, rng: np.random.Generator) -> Spoken:
    """Speech at 16 kHz -> its vowels alone, with pauses between them: to be sung as exercises."""
    samples, segments, now = [], [], 0.0
    for name, a, b in spoken.segments:
        if b - a < 0.06 or not _is_vowel(name, arpabet):
            continue
        part = spoken.samples[int(a * RATE) : int(b * RATE)]
        fade = np.minimum(1, np.arange(len(part)) / (0.012 * RATE))
        gap = int(rng.uniform(0.2, 0.7) * RATE)
        samples += [np.zeros(gap), part * fade * fade[::-1]]
        start, stop = now + gap / RATE, now + (gap + len(part)) / RATE
        segments += [("", now, start), (name, start, stop)]
        now = stop
    whole = np.concatenate([*samples, np.zeros(int(0.3 * RATE))]).astype(np.float32)
    return Spoken(whole, RATE, [*segments, ("", now, now + 0.3)])


def _without_rumble(made: np.ndarray) -> np.ndarray:
    """What lies below 50 Hz, where no voice sounds, taken out."""
    spectrum = np.fft.rfft(made)
    spectrum[: int(50 * len(made) / RATE)] = 0
    return np.fft.irfft(spectrum, len(made)).astype(np.float32)


def _is_vowel(name: str, arpabet: bool) -> bool:
    return any(sound in VOWELS for sound in phones_of(name, arpabet))


def _length(spoken: float, vowel: bool, how: Style, rng: np.random.Generator) -> float:
    if vowel and rng.random() < how.held:
        beats = min(how.most, float(rng.choice([0.5, 1, 1, 1, 2, 2, 3, 4, 6])))
        return max(spoken, how.beat * beats * rng.uniform(0.9, 1.1))
    return spoken * how.pace * (1.0 if not vowel else rng.uniform(0.9, 1.3))


def _source_times(spoken: list[Segment], sung: list[Segment], at: np.ndarray) -> np.ndarray:
    """Where in the speech each moment of the song is; long vowels are slow in their middle."""
    xs, ys = [0.0], [0.0]
    for (_, a, b), (_, c, d) in zip(spoken, sung, strict=True):
        if d - c > 1.3 * (b - a):
            start, end = min(_EDGES[0], 0.25 * (b - a)), min(_EDGES[1], 0.5 * (b - a))
            xs += [c + start, d - end]
            ys += [a + start, b - end]
        xs.append(d)
        ys.append(b)
    return np.interp(at, xs, ys)


def _log_envelopes(samples: np.ndarray) -> np.ndarray:
    """float32 (n,) at 16 kHz -> log magnitude each 5 ms, (t, 257)."""
    side = _FFT // 2
    padded = np.pad(samples, (side, side + _HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    target = np.log(np.abs(np.fft.rfft(frames * np.hanning(_FFT))) + 1e-5)
    smooth = target
    for _ in range(6):
        cepstrum = np.fft.irfft(np.maximum(target, smooth))
        cepstrum[:, _QUEFRENCY : _FFT - _QUEFRENCY + 1] = 0
        smooth = np.fft.rfft(cepstrum).real
    return smooth


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Log gains (257,): how bright a voice is, and the singer's formant near 3 kHz."""
    hertz = np.linspace(0, RATE / 2, _FFT // 2 + 1)
    tilt = rng.uniform(-0.5, 0.8) * np.log2(np.maximum(hertz, 500) / 500) * 0.35
    ring = rng.uniform(0, 1.2) * np.exp(-0.5 * ((hertz - rng.uniform(2500, 3300)) / 400) ** 2)
    return tilt + ring


def _voiced(sung: list[Segment], arpabet: bool, at: np.ndarray) -> np.ndarray:
    """0..1 each 5 ms: whether the cords swing."""
    made = np.zeros(len(at))
    for name, a, b in sung:
        sounds = phones_of(name, arpabet)
        made[int(a * RATE / _HOP) : int(b * RATE / _HOP) + 1] = float(
            bool(sounds) and sounds[-1] not in _VOICELESS
        )
    return np.convolve(np.pad(made, 2, mode="edge"), np.full(5, 0.2), "valid")


def _melody(
    sung: list[Segment],
    held: list[bool],
    at: np.ndarray,
    how: Style,
    root: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Hz each 5 ms: notes of a scale that glide into each other, late vibrato, a little jitter."""
    scale = np.array(_SCALES[rng.integers(len(_SCALES))])
    ladder = np.concatenate([scale, scale + 12, [24]])
    step = int(rng.integers(len(scale)))
    notes, since = np.zeros(len(at)), np.zeros(len(at))
    begin = 0
    for (_, a, b), vowel in zip(sung, held, strict=True):
        turns = 1 + int(vowel and b - a > 0.8 and rng.random() < 0.3)  # some vowels change note
        for turn in range(turns if vowel else 0):
            step = int(np.clip(step + rng.integers(-2, 3), 0, len(ladder) - 1))
            start = a + (b - a) * turn / turns
            first = begin if turn == 0 else int(start * RATE / _HOP)
            notes[first:] = ladder[step] * how.melody
            since[first:] = at[first:] - start
        begin = int(b * RATE / _HOP) if vowel else begin
    glide = np.exp(-np.arange(60) * _HOP / RATE / rng.uniform(0.02, 0.06))
    notes = np.convolve(np.pad(notes, (59, 0), mode="edge"), glide / glide.sum(), "valid")
    swing = np.clip((since - 0.2) / 0.3, 0, 1) * how.vibrato
    wobble = swing * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * at)
    drift = np.convolve(rng.standard_normal(len(at) + 19), np.full(20, 0.05), "valid")
    return root * 2 ** ((notes + wobble + 0.3 * drift) / 12)


def _buzz(
    loud: np.ndarray, voiced: np.ndarray, hertz: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """The voiced part (n,): one minimum-phase response for each period."""
    phase = np.cumsum(np.repeat(hertz, _HOP)[:n] / RATE)
    pulses = np.flatnonzero(np.diff(np.floor(phase)) > 0) + 1
    pulses = pulses[voiced[pulses // _HOP] > 0.05]
    made = np.zeros(n + 2 * _FFT)
    for some in np.array_split(pulses, len(pulses) // 512 + 1):
        frames = some // _HOP
        shaken = loud[frames] + 0.03 * rng.standard_normal((len(some), 1))
        late = (phase[some] % 1) * RATE / hertz[frames]  # samples since the period began
        delay = np.exp(2j * np.pi * np.arange(_FFT // 2 + 1) * late[:, None] / _FFT)
        size = voiced[frames] * np.sqrt(RATE / hertz[frames])
        waves = np.fft.irfft(_minimum_phase(shaken) * delay) * size[:, None]
        for start, wave in zip(some, waves, strict=True):
            made[start + 8 : start + 8 + _FFT - 8] += wave[:-8]
            made[start : start + 8] += wave[-8:]
    return made[:n] / 16


def _minimum_phase(loud: np.ndarray) -> np.ndarray:
    """Log magnitudes (t, 257) -> spectra (t, 257) whose energy comes as early as can be."""
    cepstrum = np.fft.irfft(loud)
    cepstrum[:, 1 : _FFT // 2] *= 2
    cepstrum[:, _FFT // 2 + 1 :] = 0
    return np.exp(np.fft.rfft(cepstrum))


def _hiss(loud: np.ndarray, voiced: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """The noisy part (n,): all of unvoiced sounds, the heights of voiced ones, some breath."""
    heights = 1 / (1 + np.exp(-(np.linspace(0, 8, _FFT // 2 + 1) - 4.5) * 4))
    share = (1 - voiced)[:, None] + voiced[:, None] * (
        rng.uniform(0.2, 0.5) * heights + rng.uniform(0.0, 0.08)
    )
    white = np.fft.rfft(rng.standard_normal((len(loud), _FFT)) * np.hanning(_FFT))
    frames = np.fft.irfft(white * np.exp(loud) * share)
    made = np.zeros(n + 2 * _FFT)
    for i, frame in enumerate(frames):
        made[i * _HOP : i * _HOP + _FFT] += frame
    return made[_FFT // 2 : _FFT // 2 + n] / 40


def breath(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A breath drawn in, float32 (n,) at 16 kHz, RMS about 0.003."""
    n = int(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hertz = np.linspace(0, RATE / 2, len(spectrum))
    shape = sum(
        np.exp(-0.5 * ((hertz - f) / (0.25 * f)) ** 2)
        for f in rng.uniform([500, 1300, 2500, 4200], [900, 2100, 3600, 6500])
    )
    wave = np.fft.irfft(spectrum * (shape + 0.05), n) * np.hanning(n) ** 0.7
    return (0.003 * wave / max(1e-9, np.sqrt(np.square(wave).mean()))).astype(np.float32)
