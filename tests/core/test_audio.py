"""Resampling, log-mel, windows, loudness and pitch, against scipy and against known sounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import signal

from imgsync_core.audio import mel, voice
from imgsync_core.audio.resample import Resampler, cut, mono
from imgsync_core.audio.windows import overlapped

RATE = 16000


def resampled(sound: np.ndarray, rate: int, sizes: int = 1000) -> np.ndarray:
    resampler = Resampler(rate, RATE)
    parts = [resampler.feed(sound[i : i + sizes]) for i in range(0, len(sound), sizes)]
    return np.concatenate([*parts, resampler.finish()])


def tone(hertz: float, seconds: float, rate: int) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return np.sin(2 * np.pi * hertz * t).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000, 44101])
def test_a_tone_keeps_its_time_and_level(rate: int) -> None:
    found = resampled(tone(440, 1.0, rate), rate)
    inside = slice(800, -800)
    assert np.abs(found - tone(440, 1.0, RATE)[: len(found)])[inside].max() < 2e-3


@pytest.mark.parametrize("rate", [44100, 48000])
def test_what_16_khz_cannot_hold_is_removed(rate: int) -> None:
    assert np.abs(resampled(tone(11000, 1.0, rate), rate)[800:-800]).max() < 5e-3


@pytest.mark.parametrize(("rate", "up", "down"), [(48000, 1, 3), (44100, 160, 441), (8000, 2, 1)])
def test_noise_below_the_cut_off_matches_scipy(rate: int, up: int, down: int) -> None:
    low = signal.firwin(401, 3000, fs=rate)
    sound = signal.lfilter(low, 1, np.random.default_rng(0).standard_normal(rate))
    expected = signal.resample_poly(sound, up, down, window=("kaiser", 12.0))
    found = resampled(sound.astype(np.float32), rate)
    assert np.abs(found - expected)[2000:-2000].max() < 5e-3 * np.abs(expected).max()


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 44101])
@pytest.mark.parametrize("n", [1, 7, 441, 44100])
def test_the_length_is_exact(rate: int, n: int) -> None:
    assert len(resampled(np.ones(n, np.float32), rate)) == math.ceil(n * RATE / rate)


def test_blocks_of_the_resampler_join() -> None:
    sound = np.random.default_rng(0).standard_normal(50000).astype(np.float32)
    assert np.allclose(resampled(sound, 44100, 17), resampled(sound, 44100, 50000), atol=1e-5)


def test_cut_makes_equal_blocks() -> None:
    sound = np.arange(1003)
    blocks = list(cut((sound[i : i + 37] for i in range(0, 1003, 37)), 100))
    assert [len(b) for b in blocks] == [100] * 10 + [3]
    assert (np.concatenate(blocks) == sound).all()


def test_opposite_channels_do_not_vanish() -> None:
    left = tone(200, 0.1, RATE)
    assert np.abs(mono(np.stack([left, -left]))).max() > 0.9
    assert np.allclose(mono(np.stack([left, left])), left)


def test_mel_matches_scipy() -> None:
    sound = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    padded = np.pad(sound, 120)
    _, _, spectrum = signal.stft(
        padded, window=signal.get_window("hann", 400), nperseg=400, noverlap=240, nfft=512,
        boundary=None, padded=False, scaling="spectrum",
    )  # fmt: skip
    power = np.abs(spectrum * signal.get_window("hann", 400).sum()).T ** 2
    expected = np.log(power @ mel.mel_filters().numpy())
    found = mel.log_mel(torch.from_numpy(sound)[None])[0].T.numpy()
    assert found.shape == (100, 40)
    assert np.abs(found - expected).max() < 1e-3


def test_mel_sees_a_tone_in_the_right_band() -> None:
    band = mel.log_mel(torch.from_numpy(tone(1000, 1.0, RATE))[None])[0, :, 50].argmax()
    bins = mel.mel_filters()[:, band].argmax() * RATE / mel.FFT
    assert abs(bins - 1000) < 80


def test_normalised_mel_forgets_level_and_colour() -> None:
    sound = torch.randn(1, RATE * 2, generator=torch.Generator().manual_seed(0))
    sound *= torch.sin(torch.arange(RATE * 2) / RATE * 20).abs()
    features = mel.log_mel(sound)
    coloured = features + torch.linspace(-3, 2, 40)[None, :, None]
    assert torch.allclose(
        mel.normalised(features), mel.normalised(mel.log_mel(sound * 0.1)), atol=1e-3
    )
    assert (mel.normalised(features) - mel.normalised(coloured)).abs().mean() < 0.1


@pytest.mark.parametrize("n", [1, 320, 9600, 9601, 16000, 100_000])
def test_windows_join_without_a_seam(n: int) -> None:
    sound = np.arange(n, dtype=np.float32)

    def work(part: np.ndarray) -> np.ndarray:
        return part[::320, None]

    blocks = (sound[i : i + 777] for i in range(0, n, 777))
    tables = list(overlapped(blocks, work, 9600, 3200, 320))
    assert np.allclose(np.concatenate(tables)[:, 0], sound[::320], rtol=1e-6)


def test_pitch_follows_a_glide() -> None:
    hertz = np.linspace(100, 200, 2 * RATE)
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 15)).astype(np.float32) * 0.1
    found = voice.fundamental(sound)
    true = hertz.reshape(-1, 320).mean(1)
    assert np.median(np.abs(12 * np.log2(found[3:-3] / true[3:-3]))) < 0.3
    semitones = voice.pitch(sound)
    assert semitones[-10] - semitones[10] == pytest.approx(12 * np.log2(190 / 110), abs=0.5)


def test_noise_has_no_pitch() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert (voice.fundamental(noise) > 0).mean() < 0.1


def test_loudness_is_relative() -> None:
    sound = tone(200, 4.0, RATE) * np.repeat([1, 0.1, 1, 0.0], RATE).astype(np.float32)
    found = voice.loudness(sound)
    assert found[25] == pytest.approx(1, abs=0.02)
    assert found[75] == pytest.approx(1 - 20 / 30, abs=0.02)
    assert found[175] == 0
    assert np.allclose(found, voice.loudness(sound * 0.05), atol=1e-3)
    assert not voice.loudness(sound * 1e-5).any()
