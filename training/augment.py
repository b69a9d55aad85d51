"""What happens to a voice between mouth and file: rooms, noises, music, telephones, loudness.

All on batches, most of it in one Fourier transform of the crop. Times are kept: a room's direct
sound comes first and is the loudest.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imgsync_core.audio.mel import RATE

_TAIL = int(0.7 * RATE)  # samples that a room rings on


def degrade(
    audio: Tensor,
    music: Tensor,
    g: torch.Generator,
    share: float = 1.0,
    quiet: tuple[float, float] = (4, 25),
) -> Tensor:
    """float32 (b, n) at 16 kHz -> the same, as if recorded somewhere, (b, n).

    music: float32 (m,), longer than n, to be mixed in.   share: of the items that get each harm.
    quiet: dB by which that music lies below the voice, at least and at most.
    """
    b, n = audio.shape
    size = -(-(n + _TAIL) // 8192) * 8192
    spectrum = torch.fft.rfft(audio, size)
    spectrum = spectrum * equaliser(b, spectrum.shape[1], g) * _room(b, size, 0.5 * share, g)
    voice = torch.fft.irfft(spectrum)[:, :n]
    voice = voice / voice.square().mean(1, keepdim=True).sqrt().clamp(min=1e-5)
    voice = _mixed(voice, noise(b, n, g), (3, 43), 0.9 * share, g)
    voice = _mixed(voice, voice.roll(1, 0), (12, 30), 0.15 * share, g)  # babble
    voice = _mixed(voice, _parts(music, b, n, g), quiet, 0.2 * share, g)
    voice = _low_passed(voice, 0.25 * share, g)
    clip = _chance(b, 0.15 * share, g)
    voice = torch.where(clip, torch.tanh(voice * 0.7) / 0.7, voice)
    gain = 10 ** (_uniform((b, 1), -4, -0.6, g))
    return voice * gain


def equaliser(b: int, bins: int, g: torch.Generator) -> Tensor:
    """Smooth random gains (b, bins): -9..9 dB at eight places, and a high-pass at 40..250 Hz."""
    knots = _uniform((b, 1, 9), -9, 9, g)
    db = torch.nn.functional.interpolate(knots, size=bins, mode="linear", align_corners=True)[:, 0]
    hertz = torch.linspace(0, RATE / 2, bins)
    corner = _uniform((b, 1), 40, 250, g)
    return 10 ** (db / 20) * (hertz / corner).square() / (1 + (hertz / corner).square())


def _room(b: int, size: int, share: float, g: torch.Generator) -> Tensor:
    """Responses of rooms (b, bins): direct sound and a tail of noise that dies in 0.1..0.7 s."""
    t = torch.arange(_TAIL) / RATE
    died = _uniform((b, 1), 0.1, 0.7, g)
    tail = torch.randn(b, _TAIL, generator=g) * torch.exp(-6.9 * t / died)
    tail = tail / tail.square().sum(1, keepdim=True).sqrt()
    tail = tail * 10 ** (_uniform((b, 1), -22, -1, g) / 20) * _chance(b, share, g)
    tail[:, : int(0.002 * RATE)] = 0
    tail[:, 0] = 1
    return torch.fft.rfft(tail, size)


def noise(b: int, n: int, g: torch.Generator) -> Tensor:
    """Coloured noise (b, n), RMS 1: slopes from white to brown, some of it swelling."""
    white = torch.fft.rfft(torch.randn(b, n, generator=g))
    k = torch.arange(white.shape[1]).clamp(min=20)
    coloured = torch.fft.irfft(white * k ** -_uniform((b, 1), -0.2, 1.2, g), n)
    swell = 1 + 0.8 * torch.sin(torch.arange(n) / RATE * _uniform((b, 1), 0.5, 30, g))
    coloured = torch.where(_chance(b, 0.3, g), coloured * swell, coloured)
    return coloured / coloured.square().mean(1, keepdim=True).sqrt()


def _mixed(
    voice: Tensor, other: Tensor, db: tuple[float, float], share: float, g: torch.Generator
) -> Tensor:
    b = len(voice)
    other = other / other.square().mean(1, keepdim=True).sqrt().clamp(min=1e-5)
    return voice + other * 10 ** (-_uniform((b, 1), db[0], db[1], g) / 20) * _chance(b, share, g)


def _parts(music: Tensor, b: int, n: int, g: torch.Generator) -> Tensor:
    starts = torch.randint(0, len(music) - n, (b,), generator=g)
    return torch.stack([music[s : s + n] for s in starts.tolist()])


def _low_passed(voice: Tensor, share: float, g: torch.Generator) -> Tensor:
    b, n = voice.shape
    spectrum = torch.fft.rfft(voice)
    hertz = torch.linspace(0, RATE / 2, spectrum.shape[1])
    corner = torch.where(_chance(b, share, g), _uniform((b, 1), 2500, 6000, g), torch.tensor(2e4))
    return torch.fft.irfft(spectrum * torch.sigmoid((corner - hertz) / 80), n)


def harm_mel(mel: Tensor, g: torch.Generator) -> Tensor:
    """Log-mel (b, bands, t) with the axis of the bands stretched .88-1.14 and bands lost."""
    b, bands, _ = mel.shape
    at = torch.arange(bands)[None] * _uniform((b, 1), 0.88, 1.14, g) + _uniform((b, 1), -1, 1, g)
    at = at.clamp(0, bands - 1.001)
    low, share = at.long(), (at - at.floor())[:, :, None]
    index = low[:, :, None].expand_as(mel)
    mel = mel.gather(1, index) * (1 - share) + mel.gather(1, index + 1) * share
    lost = torch.rand(b, bands, 1, generator=g) < 0.06 * torch.rand(b, 1, 1, generator=g)
    return mel.masked_fill(lost, 0.0)


def _uniform(shape: tuple, low: float, high: float, g: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=g)


def _chance(b: int, share: float, g: torch.Generator) -> Tensor:
    """True in ``share`` of the items, (b, 1)."""
    return torch.rand(b, 1, generator=g) < share


def music(seconds: int, rng: np.random.Generator) -> np.ndarray:
    """Invented music, float32 (n,) at 16 kHz: bars of chords, melodies, bass, drums and beeps."""
    made: list[np.ndarray] = []
    while sum(map(len, made)) < seconds * RATE:
        n = int(rng.uniform(2, 6) * RATE)
        order = rng.permutation(4)[: rng.integers(1, 4)]
        kinds = [(_chords, _melody, _drums, _beeps)[i] for i in order]
        mixed = sum(kind(n, rng) * rng.uniform(0.3, 1) for kind in kinds)
        made.append(np.asarray(mixed, np.float32) / max(1e-3, float(np.abs(mixed).max())) * 0.5)
    return np.concatenate(made)


def _tone(hertz: np.ndarray | float, n: int, rng: np.random.Generator, decay: float) -> np.ndarray:
    """One note (n,): partials that fall off, an attack, a decay (per second)."""
    t = np.arange(n) / RATE
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, n)) / RATE
    slope = rng.uniform(0.5, 2.2)
    top = min(25, int(7000 / np.max(hertz)))
    odd = rng.integers(1, 3)
    wave = sum(np.sin(k * phase + rng.uniform(0, 6)) / k**slope for k in range(1, top + 1, odd))
    return wave * np.minimum(1, t / rng.uniform(0.004, 0.08)) * np.exp(-decay * t)


def _chords(n: int, rng: np.random.Generator) -> np.ndarray:
    made = np.zeros(n)
    beat = int(rng.uniform(0.25, 1.6) * RATE)
    decay = rng.uniform(0.1, 4)
    for start in range(0, n, beat):
        root = 55 * 2 ** (rng.integers(0, 30) / 12)
        for step in rng.permutation([0, 3, 4, 7, 10, 12, 16, 19])[: rng.integers(2, 5)]:
            length = min(n - start, int(beat * 1.1))
            note = _tone(root * 2 ** (step / 12), length, rng, decay)
            made[start : start + length] += note
    return made


def _melody(n: int, rng: np.random.Generator) -> np.ndarray:
    made = np.zeros(n)
    beat, vibrato = int(rng.uniform(0.1, 0.6) * RATE), rng.uniform(0, 0.012)
    for start in range(0, n, beat):
        length = min(n - start, beat)
        t = np.arange(length) / RATE
        hertz = 160 * 2 ** (rng.integers(0, 34) / 12) * (1 + vibrato * np.sin(35 * t))
        made[start : start + length] += _tone(hertz, length, rng, rng.uniform(0.2, 6))
    return 2 * made


def _drums(n: int, rng: np.random.Generator) -> np.ndarray:
    made = np.zeros(n)
    beat = int(rng.uniform(0.12, 0.5) * RATE)
    for i, start in enumerate(range(0, n, beat)):
        length = min(n - start, beat)
        t = np.arange(length) / RATE
        kick = np.sin(2 * np.pi * (60 * t + 8 * (1 - np.exp(-30 * t)))) * np.exp(-12 * t)
        hat = rng.standard_normal(length) * np.exp(-rng.uniform(15, 70) * t)
        made[start : start + length] += 3 * (kick if i % 2 == 0 else hat)
    return made


def _beeps(n: int, rng: np.random.Generator) -> np.ndarray:
    """Plain tones, sweeps, hum, frequency modulation."""
    t = np.arange(n) / RATE
    base = np.exp(rng.uniform(np.log(50), np.log(4000)))
    sweep = base * np.exp(rng.uniform(-0.5, 0.5) * t) if rng.random() < 0.5 else base + 0 * t
    wobble = rng.uniform(0, 6) * np.sin(2 * np.pi * rng.uniform(0.5, 200) * t)
    wave = np.sin(2 * np.pi * np.cumsum(np.minimum(sweep, 7500)) / RATE + wobble)
    on = np.sin(2 * np.pi * rng.uniform(0.3, 3) * t) > rng.uniform(-1.2, 0.5)
    return 2 * wave * (on if rng.random() < 0.5 else 1)
