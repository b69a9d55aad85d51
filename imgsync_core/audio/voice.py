"""Loudness, pitch and the voice gate of a stretch of speech at 16 kHz, 50 values a second.

Value ``j`` is about the samples ``[320 j, 320 j + 320)``. All are independent of the level.
"""

from __future__ import annotations

import numpy as np

from .mel import RATE

HOP = 320  # samples, 20 ms
SILENCE = 1e-4  # RMS of full scale; a stretch that is nowhere louder is silent (-80 dB)
_RANGE_DB = 30.0  # from the loudest speech down to loudness 0
_PITCH = (65.0, 420.0)  # Hz
_PITCH_WINDOW = 960  # samples, 60 ms
_OCTAVE = 8.5  # semitones from the median beyond which a pitch is an octave off
_PERIODIC = 0.55  # normalised autocorrelation from which on a frame counts as pitched
_FORMANT_WINDOW = 1024  # samples, 64 ms
_FORMANT_BAND = (600, 4200)  # Hz
_DEEPEST = 50.0  # dB below the highest peak at which an envelope ends
_CLIMB = (2.0, 32.0)  # dB by which an envelope with formants climbs at least and at most
_DOUBT = 4.0  # logits that a sound without formants loses
_VOICE = 4.2  # logits that a voice reaches somewhere within ``_NEARBY``; instruments seldom do
_NEARBY = 150  # values, 3 s on either side
_LACKING = 4.0  # logits that a sound loses for each that is lacking there
_STEADY = (0.6, 0.85)  # share of the loud there that may be a voice: a held note, none lacks
_LOUD = 0.06  # of the loudest
_OPEN_AT, _OPEN_RANGE = 0.30, 0.30  # probability of speech at which the gate starts, and its ramp


def rms(audio: np.ndarray) -> np.ndarray:
    """float32 (n,) -> root mean square per 20 ms, (ceil(n / 320),)."""
    n = len(audio)
    count = -(-n // HOP)
    squares = np.zeros(count * HOP, np.float32)
    squares[:n] = np.square(audio)
    size = np.full(count, HOP, np.float32)
    size[-1:] = n - (count - 1) * HOP
    return np.sqrt(squares.reshape(count, HOP).sum(1) / size)


def loudness(audio: np.ndarray) -> np.ndarray:
    """float32 (n,) -> 0..1 per 20 ms: 1 is the loud part of this stretch, 0 is 30 dB below."""
    level = rms(audio)
    if not len(level) or level.max() < SILENCE:
        return np.zeros_like(level)
    smooth = np.sqrt(spread_out(np.square(level), 2))
    top = np.percentile(smooth, 95)
    db = 20 * np.log10(np.maximum(smooth, 1e-9) / max(top, 1e-9))
    return np.clip(1 + db / _RANGE_DB, 0, 1).astype(np.float32)


def pitch(audio: np.ndarray) -> np.ndarray:
    """float32 (n,) -> semitones above the median of this stretch per 20 ms; 0 where unvoiced."""
    hertz = fundamental(audio)
    voiced = hertz > 0
    if voiced.sum() < 3:
        return np.zeros_like(hertz)
    semitones = 12 * np.log2(np.where(voiced, hertz, 1.0))
    away = semitones - np.median(semitones[voiced])
    away -= 12 * np.sign(away) * (np.abs(away) > _OCTAVE)  # a period taken for half or double
    return np.where(voiced, away, 0).astype(np.float32)


def fundamental(audio: np.ndarray) -> np.ndarray:
    """float32 (n,) -> Hz per 20 ms, 0 where there is no pitch: peak of the autocorrelation."""
    count = -(-len(audio) // HOP)
    side = (_PITCH_WINDOW - HOP) // 2
    padded = np.zeros(count * HOP + 2 * side, np.float32)
    padded[side : side + len(audio)] = audio
    window = np.hanning(_PITCH_WINDOW).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _PITCH_WINDOW)[::HOP] * window
    loud = np.sqrt(np.square(frames).mean(1)) > SILENCE / 4
    found = _autocorrelation(frames) / np.maximum(_autocorrelation(window[None]), 1e-6)
    found /= np.maximum(found[:, :1], 1e-12)
    first, last = int(RATE / _PITCH[1]), int(RATE / _PITCH[0])
    part = found[:, first:last] * (1 - 0.1 * np.arange(last - first) / (last - first))
    lag = part.argmax(1) + first
    good = loud & (found[np.arange(count), lag] > _PERIODIC)
    return _without_jumps(np.where(good, RATE / lag, 0).astype(np.float32))


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    """float32 (t, n) -> (t, lags)"""
    spectrum = np.fft.rfft(frames, 2048)
    return np.fft.irfft(np.square(np.abs(spectrum)))[:, : int(RATE / _PITCH[0]) + 1]


def _without_jumps(hertz: np.ndarray) -> np.ndarray:
    """Median of five neighbours; frames that are alone in having a pitch lose it."""
    padded = np.pad(hertz, 2)
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1).astype(np.float32)


def gate(speech: np.ndarray, audio: np.ndarray) -> np.ndarray:
    """Logits of a voice (t,) and the samples they are about -> 0 shut .. 1 open, (t,).

    Opens 40 ms ahead and holds 60 ms, so that soft starts and short closures stay inside. A sound
    without formants has to be a voice beyond doubt, and so has one that seems to be a voice now
    and then, and surely never: an orchestra's.
    """
    level = rms(audio)
    if not len(level) or level.max() < SILENCE:
        return np.zeros_like(speech)
    lacking = np.clip(_VOICE - _surest(speech), 0, None) * (1 - _steady(speech, level))
    doubt = _DOUBT * (1 - formants(audio)) + _LACKING * lacking
    sure = 0.5 + 0.5 * np.tanh((speech - doubt) / 2)  # the sigmoid
    held = np.lib.stride_tricks.sliding_window_view(np.pad(sure, (3, 2)), 6).max(1)
    wide = np.clip((held - _OPEN_AT) / _OPEN_RANGE, 0, 1)
    return spread_out(wide * wide * (3 - 2 * wide), 2)


def _surest(speech: np.ndarray) -> np.ndarray:
    """The highest logit, of means over 0.1 s, within ``_NEARBY`` on either side, (t,)."""
    padded = np.pad(spread_out(speech, 2), _NEARBY, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEARBY + 1).max(1)


def _steady(speech: np.ndarray, level: np.ndarray) -> np.ndarray:
    """0..1: how much of what is loud around may be a voice, of its logits and its RMS (t,)."""
    loud = (level > _LOUD * level.max()).astype(np.float32)
    near = spread_out(loud, _NEARBY)
    share = spread_out(loud * (speech > 0), _NEARBY) / np.maximum(near, 1e-6)
    low, high = _STEADY
    return np.clip((share - low) / (high - low), 0, 1)


def formants(audio: np.ndarray) -> np.ndarray:
    """float32 (n,) -> 0..1 per 20 ms: whether the spectrum falls and rises, as those of vowels do.

    Tones without a vocal tract do not climb again, or plunge between their partials. Mean over
    a second.
    """
    count = -(-len(audio) // HOP)
    side = (_FORMANT_WINDOW - HOP) // 2
    padded = np.zeros(count * HOP + 2 * side, np.float32)
    padded[side : side + len(audio)] = audio
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FORMANT_WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FORMANT_WINDOW).astype(np.float32)))
    envelope = 20 * np.log10(np.maximum(power, 1e-9))  # t bins
    narrow = _highest(envelope, 20)  # within 310 Hz: plunges between partials stay
    wide = _highest(envelope, 24)  # within 375 Hz: they are bridged, valleys between formants stay
    low, high = _CLIMB
    found = np.clip((_climb(wide) - low) / 2, 0, 1) * np.clip((high - _climb(narrow)) / 4, 0, 1)
    return spread_out(found, 25)


def _highest(envelope: np.ndarray, side: int) -> np.ndarray:
    """dB (t, bins) -> the highest within some bins on either side, floored at ``_DEEPEST``."""
    padded = np.pad(envelope, ((0, 0), (side, side)), mode="edge")
    left = 2 * side
    step = 1
    while left:
        step = min(step, left)
        padded = np.maximum(padded[:, :-step], padded[:, step:])
        left -= step
        step *= 2
    return np.maximum(padded, padded.max(1, keepdims=True) - _DEEPEST)


def _climb(envelope: np.ndarray) -> np.ndarray:
    """dB (t, bins) -> dB (t,) from the deepest valley to a later peak, between 0.6 and 4.2 kHz."""
    first, last = (int(hertz * _FORMANT_WINDOW / RATE) for hertz in _FORMANT_BAND)
    band = envelope[:, first:last]
    return (band - np.minimum.accumulate(band, 1)).max(1)


def spread_out(values: np.ndarray, side: int) -> np.ndarray:
    """(t,) -> mean over ``side`` neighbours on either side; the ends repeat."""
    padded = np.pad(values.astype(np.float32), side, mode="edge")
    kernel = np.full(2 * side + 1, 1 / (2 * side + 1), np.float32)
    return np.convolve(padded, kernel, "valid").astype(np.float32)
