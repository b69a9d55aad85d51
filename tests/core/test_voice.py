"""Voice to face: the shipped net and the streaming around it."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from scipy import signal

from imgsync_core.audio import mouth_curves as voice
from imgsync_core.errors import SoundError
from training import train

RATE = 16000


def table(sound: np.ndarray, rate: int = RATE, size: int | None = None) -> np.ndarray:
    n = sound.shape[-1]
    size = size or n
    blocks = (sound[..., i : i + size] for i in range(0, n, size))
    pieces = [piece.table() for piece in voice.curves(blocks, rate)]
    return np.concatenate(pieces) if pieces else np.zeros((0, 9), np.float32)


def speechlike(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """A buzz through wandering formants, in syllables with closures and pauses."""
    rng = np.random.default_rng(seed)
    n = int(seconds * rate)
    t = np.arange(n) / rate
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.6 * t) + 8 * np.sin(2 * np.pi * 1.7 * t)
    buzz = signal.sawtooth(2 * np.pi * np.cumsum(pitch) / rate) + 0.05 * rng.standard_normal(n)
    sound = np.zeros(n)
    at = 0
    while at < n:
        length = int(rng.uniform(0.12, 0.3) * rate)
        part = buzz[at : at + length]
        for hertz in rng.uniform([300, 900, 2300], [800, 2000, 3000]):
            b, a = signal.iirpeak(hertz, 6, fs=rate)
            part = part * 0.15 + signal.lfilter(b, a, part)
        sound[at : at + length] = part * np.hanning(len(part)) ** 0.5
        at += length + int((0.5 if rng.random() < 0.15 else 0.06) * rate)
    return (0.2 * sound / np.abs(sound).max()).astype(np.float32)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return speechlike(22)


@pytest.fixture(scope="module")
def whole(speech: np.ndarray) -> np.ndarray:
    return table(speech)


def test_the_weights_fit_and_are_small() -> None:
    net = voice.VoiceNet()
    net.load_state_dict(load_file(voice.WEIGHTS), strict=True)
    assert voice.WEIGHTS.stat().st_size < 3_000_000
    with safe_open(voice.WEIGHTS, "pt") as file:
        assert file.metadata() == train.made_with(train.parser().parse_args([]))
    assert all(torch.isfinite(p).all() for p in net.parameters())
    assert not any(p.requires_grad for p in voice.load_net().parameters())


def test_values_stay_in_range(whole: np.ndarray) -> None:
    assert np.isfinite(whole).all()
    assert (whole[:, :7] >= 0).all() and (whole[:, :7] <= 1).all()
    assert whole[:, 0].max() > 0.1  # a buzz that is seldom surely a voice


@pytest.mark.parametrize("size", [333, 20011, 192001])
def test_any_blocks_give_the_same_curves(speech: np.ndarray, whole: np.ndarray, size: int) -> None:
    assert np.array_equal(table(speech, size=size), whole)


def test_blocks_at_another_rate_give_the_same_curves() -> None:
    sound = speechlike(3, 44100)
    assert np.array_equal(table(sound, 44100, 1024), table(sound, 44100))


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("n", [1, 320, 353, 5000])
def test_the_length_is_exact(rate: int, n: int) -> None:
    assert len(table(np.full(n, 0.1, np.float32), rate)) == math.ceil(n * 50 / rate)


def test_the_length_is_exact_at_every_window_edge() -> None:
    for n in (12 * RATE - 1, 12 * RATE, 12 * RATE + 1):
        assert len(table(np.zeros(n, np.float32))) == math.ceil(n / 320)


def test_no_sound_gives_no_curves() -> None:
    assert list(voice.curves([], RATE)) == []


def test_there_is_no_seam_where_windows_meet(speech: np.ndarray, whole: np.ndarray) -> None:
    shifted = table(speech[4 * RATE :])  # other windows over the same sound
    gap = np.abs(shifted[100:, :5] - whole[4 * 50 + 100 :, :5])
    assert gap.mean() < 0.03
    steps = np.abs(np.diff(whole[:, 0]))
    assert steps[8 * 50 - 2 : 8 * 50 + 2].max() <= np.percentile(steps, 99.5) + 0.05


def test_stereo_and_mono_agree(speech: np.ndarray, whole: np.ndarray) -> None:
    assert np.allclose(table(np.stack([speech, speech]), size=4000), whole, atol=1e-4)


def test_five_channels_and_a_low_one_fold_to_the_voice(
    speech: np.ndarray, whole: np.ndarray
) -> None:
    surround = np.zeros((6, len(speech)), np.float32)
    surround[2] = speech  # FL FR FC LFE BL BR
    assert np.abs(table(surround) - whole)[:, :7].max() < 0.01


def test_channels_that_cancel_are_heard(speech: np.ndarray, whole: np.ndarray) -> None:
    assert np.allclose(table(np.stack([speech, -speech])), whole, atol=1e-4)


@pytest.mark.parametrize("gain", [-30, -10, 30])
def test_loudness_does_not_matter(speech: np.ndarray, whole: np.ndarray, gain: int) -> None:
    found = table(speech * np.float32(10 ** (gain / 20)))
    assert np.abs(found - whole)[:, :7].max() < 0.01


@pytest.mark.parametrize("seconds", [1 / RATE, 0.02, 0.05, 0.3])
def test_a_scrap_of_sound_is_enough(speech: np.ndarray, seconds: float) -> None:
    n = max(1, int(seconds * RATE))
    found = table(speech[3000 : 3000 + n])
    assert found.shape == (math.ceil(n / 320), 9)
    assert np.isfinite(found).all() and found[:, :7].min() >= 0 and found[:, :7].max() <= 1


def test_an_hour_is_not_held_in_memory() -> None:
    block = speechlike(1)

    def hours() -> Iterator[np.ndarray]:
        for _ in range(16):
            yield block
        raise AssertionError("read too far ahead")

    first = next(voice.curves(hours(), RATE))
    assert len(first.values) == 8 * 50
    pieces = voice.curves(itertools.repeat(block, 25), RATE)
    assert max(len(p.values) for p in pieces) <= 12 * 50


@pytest.mark.slow  # an hour of sound takes a quarter of a minute
def test_memory_is_flat_over_an_hour() -> None:
    block = speechlike(10)
    tracemalloc.start()
    try:
        peaks = []
        for i, _ in enumerate(voice.curves(itertools.repeat(block, 360), RATE)):
            if i % 100 == 99:
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.reset_peak()
    finally:
        tracemalloc.stop()
    assert len(peaks) >= 4 and max(peaks) < 1.05 * peaks[0] + 1e6


def not_speech() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    n = 16 * RATE
    t = np.arange(n) / RATE
    notes = np.repeat(rng.choice([220, 262, 330, 392, 440], 64), RATE // 4)
    organ = sum(np.sin(2 * np.pi * notes * k * t) / k for k in (1, 2, 3, 4))
    bell = np.exp(-((t * 4) % 1) * 5) * np.sin(2 * np.pi * notes * t + 2 * np.sin(notes * 9 * t))
    beat = t % 0.5
    kick = np.sin(2 * np.pi * 55 * beat + 6 * (1 - np.exp(-30 * beat))) * np.exp(-12 * beat)
    snare = rng.standard_normal(n) * np.exp(-25 * ((t + 0.25) % 0.5))
    pads = sum(signal.sawtooth(2 * np.pi * f * t) for f in (110, 165, 220, 277))
    chord = sum(np.sin(2 * np.pi * f * t + np.sin(3 * t)) for f in (196, 247, 294, 392))
    return {
        "silence": np.zeros(n),
        "quantising noise": np.round(rng.standard_normal(n) * 0.6) / 32768,
        "white noise": 0.1 * rng.standard_normal(n),
        "brown noise": 0.02 * signal.lfilter([1], [1, -0.98], rng.standard_normal(n)),
        "hum": 0.3 * np.sin(2 * np.pi * 50 * t),
        "organ": 0.1 * organ,
        "bell": 0.3 * bell,
        "chord": 0.1 * chord,
        "drums": 0.4 * kick + 0.1 * snare,
        "band": 0.3 * kick + 0.05 * snare + 0.05 * pads,
        "sweep": 0.3 * signal.chirp(t, 50, 16, 6000, "logarithmic"),
    }


@pytest.mark.parametrize("name", not_speech())
def test_what_is_no_speech_shuts_the_mouth(name: str) -> None:
    found = table(not_speech()[name].astype(np.float32))
    assert np.percentile(found[:, 0], 95) < 0.03
    assert found[:, 5].mean() < 0.1


def test_the_mouth_is_shut_in_pauses(speech: np.ndarray) -> None:
    sound = np.concatenate([speech[: 4 * RATE], np.zeros(2 * RATE, np.float32), speech])
    sound = sound + 1e-4 * np.random.default_rng(0).standard_normal(len(sound)).astype(np.float32)
    assert table(sound)[4 * 50 + 15 : 6 * 50 - 15, 0].max() < 0.05


def test_a_useless_rate_is_refused() -> None:
    with pytest.raises(SoundError, match="too low"):
        next(voice.curves([np.zeros(5, np.float32)], 100))


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(24000, 1001), Fraction(60), Fraction(1)])
@pytest.mark.parametrize("size", [1, 7, 400])
def test_frames_meet_the_curves_at_exact_times(fps: Fraction, size: int) -> None:
    n = 1000
    at = (np.arange(n) + 0.5) / 50
    values = np.stack([at, np.sin(at)], 1).astype(np.float32)
    n_frames = math.ceil(n * fps / 50)
    pieces = (values[i : i + size] for i in range(0, n, size))
    found = np.concatenate(list(voice.at_fps(pieces, fps, n_frames, lead=0.02)))
    assert len(found) == n_frames
    expected = np.array([float(i / fps) + 0.02 for i in range(n_frames)])
    inside = expected < at[-1]
    assert np.allclose(found[inside, 0], expected[inside].clip(at[0]), atol=1e-4)


def test_frames_after_the_sound_relax() -> None:
    values = np.ones((50, 5), np.float32)
    found = np.concatenate(list(voice.at_fps([values], Fraction(25), 100)))
    assert found.shape == (100, 5)
    assert (found[:24] == 1).all() and not found[30:].any()
    assert (np.diff(found[24:30, 0]) <= 0).all()


def test_frames_without_any_sound_are_at_rest() -> None:
    assert np.concatenate(list(voice.at_fps([], Fraction(25), 3))).shape == (3, 9)
