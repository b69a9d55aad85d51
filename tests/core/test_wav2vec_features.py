"""What wav2vec hears of a sound: windows at any rate, long sounds in pieces, memory bounded."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from imgsync_core.audio import wav2vec_features as speech
from imgsync_core.audio import wav2vec_pieces

RATE, HOP = speech.RATE, speech.HOP


def means(samples: torch.Tensor, n: int) -> torch.Tensor:
    """A network whose features are the means of their samples."""
    missing = n * HOP - samples.shape[1]
    padded = torch.nn.functional.pad(samples, (0, missing))
    return padded.view(1, n, 1, HOP).mean(-1, keepdim=True).expand(1, n, 2, 3)


def wave(seconds: float) -> np.ndarray:
    """Rises steadily, so that each feature tells where it is."""
    n = round(seconds * RATE)
    return np.linspace(-0.5, 0.5, n, dtype=np.float32)


def all_of(made: speech.SpeechFeatures, fps=Fraction(25), step=7) -> torch.Tensor:
    n = int(made.n * fps / 25)
    return torch.cat([made.windows(i, min(i + step, n), fps) for i in range(0, n, step)])


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(24000, 1001), Fraction(60), Fraction(10)])
def test_windows_at_any_rate(fps):
    """The feature at a frame's own time, and two on either side, clamped."""
    found = speech.around(0, 50, fps, 40)
    for i, row in enumerate(found):
        own = int(i * 25 / fps)
        assert row.tolist() == [min(max(own + k, 0), 39) for k in (-2, -1, 0, 1, 2)]


@pytest.mark.parametrize("seconds", [0.5, 59.9, 61, 130])
def test_pieces_make_no_seam(seconds):
    samples, calls = wave(seconds), []

    def encode(x, n):
        calls.append(n)
        return means(x, n)

    n = -(-len(samples) // HOP)
    made = speech.features(lambda: np.array_split(samples, 9), len(samples), encode, n)
    found = all_of(made)
    normal = (samples - samples.mean()) / samples.std()
    wanted = np.pad(normal, (0, n * HOP - len(samples))).reshape(n, HOP).mean(1)
    assert found.shape == (n, 5, 2, 3)
    assert np.abs(found[:, 2, 0, 0].numpy() - wanted).max() < 1e-4
    assert max(calls) <= 750 and len(calls) == max(1, -(-(n - 100) // 650))


def test_silence_follows_and_silence_stays_silent():
    samples = wave(1)
    made = speech.features(lambda: [samples], len(samples), means, 40)
    found = all_of(made)
    assert len(found) == 40 and (found[30:] == 0).all() and (found[:20] != 0).all()
    nothing = np.zeros(RATE, np.float32)
    assert (all_of(speech.features(lambda: [nothing], RATE, means, 25)) == 0).all()


@pytest.mark.parametrize("way", ["default", "published"])
def test_no_more_than_two_pieces_are_held(way):
    samples = wave(60)

    def blocks():
        return (samples[:RATE] for _ in range(600))

    total = 600 * RATE
    if way == "default":
        made = speech.features(blocks, total, means, total // HOP)
    else:
        made = wav2vec_pieces.features(blocks(), total, means, 16)
    most = 0
    for i in range(0, made.n, 14):
        made.windows(i, min(i + 16, made.n), Fraction(25))
        most = max(most, len(made._held))
    assert made.n >= 15000 and most <= 3100


@pytest.mark.parametrize(
    ("pieces", "padded"), [((16,), 0), ((15,), 1), ((20, 16), 0), ((20, 12), 16), ((20, 13), 15)]
)
def test_the_published_padding(pieces, padded):
    """Whole pieces are not padded, whatever came before them; others may be by a clip too many."""
    *earlier, last = pieces
    assert wav2vec_pieces.padding(last, sum(earlier), 16) == padded


def test_each_published_piece_is_as_loud_as_the_others(monkeypatch):
    """Which it is not in the default way, where a quiet minute stays quiet."""
    monkeypatch.setattr(wav2vec_pieces, "PIECE", RATE)
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 1, 2 * RATE).astype(np.float32) * np.repeat([1, 0.01], RATE)
    samples = samples.astype(np.float32)
    spread = []

    def encode(x, n):
        spread.append(float(x.std()))
        return means(x, n)

    all_of(wav2vec_pieces.features([samples], len(samples), encode, 25))
    assert spread == pytest.approx([1, 1], abs=1e-2)
    spread.clear()
    all_of(speech.features(lambda: [samples], len(samples), encode, 50))
    assert spread == pytest.approx([1], abs=1e-2)
