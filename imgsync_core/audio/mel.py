"""Log-mel features of speech at 16 kHz: 40 bands, windows of 25 ms, one each 10 ms.

Frame ``i`` looks at the 25 ms around the centre of samples ``[160 i, 160 i + 160)``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

RATE = 16000  # Hz
HOP = 160  # samples, 10 ms
WINDOW = 400  # samples, 25 ms
FFT = 512
N_MELS = 40
LOW, HIGH = 60.0, 7600.0  # Hz
RANGE = 16.0  # nats of power below the loudest value that are looked at
_TINY = 1e-12  # power; far below one step of 24 bits
_SPEECH_RANGE = 7.0  # nats: frames quieter than that below the loud ones are pauses


def log_mel(audio: Tensor) -> Tensor:
    """float32 (b, n) at 16 kHz -> natural log of mel power, (b, 40, ceil(n / 160))."""
    n = audio.shape[-1]
    side = (WINDOW - HOP) // 2
    padded = functional.pad(audio, (side, side + -n % HOP))
    frames = padded.unfold(-1, WINDOW, HOP) * _window().to(audio)  # b t samples
    power = torch.fft.rfft(frames, FFT).abs().square()  # b t bins
    mel = power @ mel_filters().to(audio)  # b t bands
    return (mel + _TINY).log().transpose(1, 2)


def features(audio: Tensor) -> Tensor:
    """float32 (b, n) at 16 kHz -> what the voice net hears, (b, 80, ceil(n / 160)).

    Forty bands ``normalised``, and the same forty with their colour, which tells a held vowel
    from a held tone where the first know only change.
    """
    mel = log_mel(audio)
    return torch.cat([normalised(mel), coloured(mel)], 1)


def coloured(mel: Tensor) -> Tensor:
    """Log-mel (b, bands, t) without level: 0 is the loudest value of all, floored 16 nats below."""
    loudest = mel.amax((1, 2), keepdim=True)
    return (torch.maximum(mel - loudest, torch.tensor(-RANGE)) + RANGE / 2) * 0.25


def normalised(mel: Tensor) -> Tensor:
    """Log-mel (b, bands, t) without the colour of microphone and voice and without level.

    Floored 16 nats below the loudest value; then each band loses its mean over the louder half
    of the frames that are not pauses.
    """
    mel = torch.maximum(mel, mel.amax((1, 2), keepdim=True) - RANGE)
    level = mel.exp().mean(1).log()  # b t
    loud = level.quantile(0.95, dim=1, keepdim=True)
    speech = level > loud - _SPEECH_RANGE
    middle = torch.where(speech, level, torch.nan).nanmedian(1, keepdim=True).values
    weight = (speech & (level >= middle)).to(mel)[:, None]  # b 1 t
    mean = (mel * weight).sum(2, keepdim=True) / weight.sum(2, keepdim=True).clamp(min=1)
    return (mel - mean) * 0.25


@lru_cache(1)
def _window() -> Tensor:
    return torch.hann_window(WINDOW, periodic=True)


@lru_cache(1)
def mel_filters() -> Tensor:
    """float32 (257, 40): triangles evenly spaced on the mel scale (HTK), peak 1."""
    low, high = (2595 * np.log10(1 + f / 700) for f in (LOW, HIGH))
    edges = 700 * (10 ** (np.linspace(low, high, N_MELS + 2) / 2595) - 1)  # Hz
    bins = np.arange(FFT // 2 + 1) * RATE / FFT
    rise = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return torch.from_numpy(np.clip(np.minimum(rise, fall), 0, None).astype(np.float32))
