"""AAC in pieces: the same times, the same quality at the joints, legal window sequences."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from imgsync_core.media import aac
from imgsync_core.media.sound import BLOCK, ArraySound, as_frame

RATE = 44100
# ISO/IEC 14496-3, table 4.125: which window_sequence may follow which
ONLY_LONG, LONG_START, EIGHT_SHORT, LONG_STOP = range(4)
LEGAL = {
    ONLY_LONG: {ONLY_LONG, LONG_START},
    LONG_START: {EIGHT_SHORT},
    EIGHT_SHORT: {EIGHT_SHORT, LONG_STOP},
    LONG_STOP: {ONLY_LONG, LONG_START},
}


def speech(seconds, channels, seed=0):
    """Noise and tones that come and go, with clicks: long and short windows."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    envelope = np.abs(np.sin(2 * np.pi * 1.7 * t)) ** 3
    wave = envelope * (0.2 * np.sin(2 * np.pi * 220 * t) + 0.05 * rng.standard_normal(n))
    wave[rng.integers(0, n, round(seconds))] += 0.8
    side = 0.02 * rng.standard_normal((channels, n))
    return (wave + side).astype(np.float32)


def context(channels):
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout = RATE, "stereo" if channels == 2 else "mono"
    encoder.format, encoder.bit_rate = "fltp", 96000 * channels
    encoder.time_base, encoder.options = Fraction(1, RATE), {"aac_coder": "fast"}
    encoder.open()
    return encoder


def layout(samples):
    return "stereo" if len(samples) == 2 else "mono"


def in_pieces(samples):
    blocks = ArraySound(samples, RATE).blocks()
    n = samples.shape[1]
    return list(aac.encode(lambda: context(len(samples)), blocks, layout(samples), RATE, n))


def in_turn(samples):
    encoder, packets = context(len(samples)), []
    for i in range(0, samples.shape[1], BLOCK):
        packets += encoder.encode(as_frame(samples[:, i : i + BLOCK], layout(samples), RATE, i))
    return packets + encoder.encode(None)


def error(packets, samples):
    """Power of what coding changed, for every 512 samples."""
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = context(len(samples)).extradata
    frames = [f.to_ndarray() for p in packets for f in decoder.decode(p)]
    decoded = np.concatenate(frames, 1)[:, 1024 : 1024 + samples.shape[1]]
    n = samples.shape[1] // 512 * 512
    return ((decoded - samples)[:, :n].reshape(len(samples), -1, 512) ** 2).mean((0, 2))


@pytest.fixture
def joints(monkeypatch):
    """Small pieces, and the list of the places where they were joined."""
    found, real = [], aac._joint
    monkeypatch.setattr(aac, "PIECE", 150_000)
    monkeypatch.setattr(aac, "workers", lambda: 2)
    monkeypatch.setattr(aac, "_joint", lambda a, b: found.append(real(a, b)) or found[-1])
    return found


@pytest.mark.parametrize("channels", [1, 2])
def test_joints_are_as_good_as_the_rest(joints, channels):
    samples = speech(30, channels)
    pieces, turn = in_pieces(samples), in_turn(samples)
    assert len(joints) >= 7 and None not in joints
    times = [(p.pts, p.duration) for p in turn]
    assert [(p.pts, p.duration) for p in pieces] == times
    ratio = 10 * np.log10((error(pieces, samples) + 1e-9) / (error(turn, samples) + 1e-9))
    at = np.concatenate([np.arange(j // 512 - 4, j // 512 + 5) for j in joints])
    assert ratio[at].mean() < 1.0 and ratio[at].max() < 12
    assert -1.5 < ratio.mean() < 0.5


@pytest.mark.parametrize("channels", [1, 2])
def test_windows_follow_each_other_legally(joints, channels):
    found = [aac.window_of(bytes(p)) for p in in_pieces(speech(30, channels))[1:]]
    sequences = [w and w[1] for w in found]
    assert EIGHT_SHORT in sequences  # the clicks
    pairs = [(a, b) for a, b in pairwise(sequences) if None not in (a, b)]
    assert len(pairs) > 1000
    assert all(b in LEGAL[a] for a, b in pairs)


def test_without_a_joint_one_encoder_does_it_all(joints, monkeypatch):
    monkeypatch.setattr(aac, "_joint", lambda a, b: None)
    samples = speech(12, 2)
    assert [bytes(p) for p in in_pieces(samples)] == [bytes(p) for p in in_turn(samples)]


@pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 150_000, 150_001, 200_704, 250_123])
def test_any_length(joints, n):
    samples = speech(6, 1)[:, :n]
    pieces, turn = in_pieces(samples), in_turn(samples)
    assert [(p.pts, p.duration) for p in pieces] == [(p.pts, p.duration) for p in turn]


def test_errors_of_the_source_arrive(joints):
    def blocks():
        yield speech(5, 1)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(aac.encode(lambda: context(1), blocks(), "mono", RATE, 10 * RATE))
