"""Whisper's log-mel features of speech at 16 kHz: 80 bands, windows of 25 ms, one each 10 ms.

As in Radford et al. 2022: power of a centred STFT (reflected at both ends of the sound), Slaney's
mel scale and area norm, log10, limited to 8 below the loudest value, then ``(x + 4) / 4``. All of
it goes block by block; only the loudest value needs a pass of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .pair import torchaudio

RATE = 16000  # Hz
HOP = 160  # samples, 10 ms
WINDOW = 400  # samples, 25 ms; the FFT has the same length
N_MELS = 80
RANGE = 8.0  # log10 of power below the loudest value that are looked at
SHORTEST = WINDOW  # samples; a shorter sound cannot be reflected at its ends
_TINY = 1e-10  # power
_BATCH = 1024  # frames worked on at once
_SIDE = WINDOW // 2


def n_frames(n_samples: int) -> int:
    """Frames of a sound: the one centred on its end is left out."""
    return n_samples // HOP


@lru_cache(1)
def mel_filters() -> Tensor:
    """float32 (80, 201): triangles on Slaney's mel scale from 0 to 8000 Hz, of equal area."""
    filters = torchaudio().functional.melscale_fbanks(
        WINDOW // 2 + 1, 0.0, RATE / 2, N_MELS, RATE, norm="slaney", mel_scale="slaney"
    )
    return filters.T.contiguous()


@lru_cache(1)
def _window() -> Tensor:
    return torch.hann_window(WINDOW, periodic=True)


def log_power(blocks: Iterable[np.ndarray]) -> Iterator[Tensor]:
    """Blocks of float32 (n,) at 16 kHz, at least 400 samples in all -> log10 of mel power.

    Yields float32 (80, t) in order; in all as many frames as ``n_frames`` says.
    """
    held, total, done = np.zeros(0, np.float32), 0, 0
    begun = False
    for block in blocks:
        held = np.concatenate([held, block.astype(np.float32, copy=False)])
        total += len(block)
        if not begun and len(held) > _SIDE:
            held = np.concatenate([held[_SIDE:0:-1], held])
            begun = True
        # what follows may be the reflected end, so that the last 200 samples have to stay
        ready = (len(held) - WINDOW - _SIDE) // HOP + 1
        if begun and ready >= _BATCH:
            yield _frames(held, ready)
            done += ready
            held = held[ready * HOP :].copy()
    held = np.concatenate([held, held[-2 : -_SIDE - 2 : -1]])
    left = n_frames(total) - done
    for start in range(0, left, _BATCH):
        yield _frames(held[start * HOP :], min(_BATCH, left - start))


def _frames(samples: np.ndarray, count: int) -> Tensor:
    part = torch.from_numpy(np.ascontiguousarray(samples[: (count - 1) * HOP + WINDOW]))
    spectrum = torch.stft(
        part, WINDOW, HOP, window=_window(), center=False, return_complex=True
    )  # bins t
    mel = mel_filters() @ spectrum.abs().square()
    return mel.clamp(min=_TINY).log10()


def loudest(blocks: Iterable[np.ndarray]) -> float:
    """The largest log10 of mel power of a sound, for ``normalised``."""
    return max(float(log.max()) for log in log_power(blocks))


def silence() -> Tensor:
    """Log10 of mel power where there is none."""
    return torch.tensor(_TINY).log10()


def normalised(log: Tensor, peak: float) -> Tensor:
    """Log10 of mel power -> what Whisper takes; peak: of the whole sound."""
    return (log.clamp(min=peak - RANGE) + 4) / 4
