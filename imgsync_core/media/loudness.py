"""Loudness after ITU-R BS.1770-4 and EBU R 128, and bringing a sound to a target."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from ..errors import SoundError
from .sound import Filtered, Sound

PEAK_CEILING_DB = -1.0  # EBU R 128: maximum permitted true peak level of a programme
_CORRECTIONS = 4  # rounds of making up for what the limiter took, until it is less than
_NEAR = 0.2  # LU
_FFT = 1 << 15
_SURROUND = ("BL", "BR", "SL", "SR", "BC")


@dataclass(frozen=True)
class Loudness:
    """integrated: LUFS, -inf for silence.   peak: largest absolute sample, 1.0 = full scale."""

    integrated: float
    peak: float


def measure(sound: Sound) -> Loudness:
    """Integrated loudness of a whole sound: K-weighting, 400 ms blocks every 100 ms, two gates."""
    hop = round(sound.rate / 10)
    weights = _channel_weights(sound)
    powers: list[float] = []
    rest = np.zeros((sound.channels, 0))
    peak = 0.0
    for weighted, block_peak in _k_weighted(sound):
        peak = max(peak, block_peak)
        samples = np.concatenate([rest, weighted], 1)
        n = samples.shape[1] // hop
        squares = (samples[:, : n * hop] ** 2).reshape(len(samples), n, hop).mean(2)
        powers.extend((weights @ squares).tolist())
        rest = samples[:, n * hop :]
    return Loudness(_integrated(np.array(powers)), peak)


def _integrated(hops: np.ndarray) -> float:
    if len(hops) < 4:  # shorter than one block: the whole is the block
        return _lufs(float(hops.mean())) if len(hops) else -math.inf
    blocks = np.convolve(hops, np.full(4, 0.25), "valid")
    loud = blocks[blocks > 10 ** ((-70 + 0.691) / 10)]
    if not len(loud):
        return -math.inf
    gated = loud[loud > loud.mean() / 10]  # relative gate: 10 LU below
    return _lufs(float(gated.mean()))


def _lufs(power: float) -> float:
    return -0.691 + 10 * math.log10(power) if power > 0 else -math.inf


def _channel_weights(sound: Sound) -> np.ndarray:
    names = [channel.name for channel in av.AudioLayout(sound.layout).channels]
    return np.array([0.0 if n == "LFE" else 1.41 if n in _SURROUND else 1.0 for n in names])


def _k_weighted(sound: Sound) -> Iterator[tuple[np.ndarray, float]]:
    """The sound through the K filter, block by block (overlap-add), and each block's peak."""
    kernel = _k_kernel(sound.rate)
    step = _FFT - len(kernel) + 1
    response = np.fft.rfft(kernel, _FFT)
    tail = np.zeros((sound.channels, _FFT))
    for block in sound.blocks():
        for start in range(0, block.shape[1], step):
            part = block[:, start : start + step]
            tail += np.fft.irfft(np.fft.rfft(part, _FFT) * response, _FFT)
            n = part.shape[1]
            yield tail[:, :n].copy(), float(np.abs(part).max(initial=0.0))
            tail = np.concatenate([tail[:, n:], np.zeros((sound.channels, n))], 1)


def _k_kernel(rate: int) -> np.ndarray:
    """Impulse response of the two K-weighting stages; after 0.1 s it is below 1e-9."""
    n = min(_FFT // 2, max(64, rate // 10))
    response = np.zeros(n)
    response[0] = 1.0
    for b, a in (_shelf(rate), _high_pass(rate)):
        response = _biquad(b, a, response)
    return response


def _biquad(b: list[float], a: list[float], x: np.ndarray) -> np.ndarray:
    y, x1, x2, y1, y2 = np.empty_like(x), 0.0, 0.0, 0.0, 0.0
    for i, x0 in enumerate(x.tolist()):
        y0 = b[0] * x0 + b[1] * x1 + b[2] * x2 - a[0] * y1 - a[1] * y2
        x2, x1, y2, y1 = x1, x0, y1, y0
        y[i] = y0
    return y


def _shelf(rate: int) -> tuple[list[float], list[float]]:
    """Stage 1, the head: the analogue prototype behind BS.1770's table, at any sample rate."""
    k = math.tan(math.pi * min(1681.974450955533, rate * 0.49) / rate)
    vh, q = 10 ** (3.999843853973347 / 20), 0.7071752369554196
    vb = vh**0.4996667741545416
    a0 = 1 + k / q + k * k
    b = [(vh + vb * k / q + k * k) / a0, 2 * (k * k - vh) / a0, (vh - vb * k / q + k * k) / a0]
    return b, [2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]


def _high_pass(rate: int) -> tuple[list[float], list[float]]:
    """Stage 2, the RLB curve."""
    k = math.tan(math.pi * 38.13547087602444 / rate)
    q = 0.5003270373238773
    a0 = 1 + k / q + k * k
    return [1.0, -2.0, 1.0], [2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]


def normalise(sound: Sound, target: Any) -> Sound:
    """The sound brought to ``target`` LUFS (-40 to -5); peaks above -1 dB are limited softly.

    The length does not change. Silence stays as it is. Raises SoundError for other targets.
    """
    target = float(target)
    if not -40 <= target <= -5:
        raise SoundError(f"A loudness of {target:g} LUFS is out of range. Use -40 to -5.")
    found = measure(sound)
    if math.isinf(found.integrated):
        return sound
    gain = target - found.integrated
    louder, limited = _amplified(sound, gain, found.peak)
    for _ in range(_CORRECTIONS):
        # limiting takes loudness away, so more has to be given
        missing = target - measure(louder).integrated if limited else 0.0
        if missing < _NEAR:
            break
        gain += missing
        louder, limited = _amplified(sound, gain, found.peak)
    return louder


def _amplified(sound: Sound, gain: float, peak: float) -> tuple[Sound, bool]:
    """The sound ``gain`` dB louder, and whether that needed a limiter."""
    factor, ceiling = 10 ** (gain / 20), 10 ** (PEAK_CEILING_DB / 20)
    filters = [("volume", f"volume={factor:.6f}:precision=float")]
    limited = peak * factor > ceiling
    if limited:
        limit = f"limit={ceiling:.6f}:attack=5:release=50:level=disabled:latency=1"
        filters.append(("alimiter", limit))
    return Filtered(sound, tuple(filters)), limited
