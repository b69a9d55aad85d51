"""The training's material: what phonemes ask of the mouth, harm that keeps time, scores."""

# ruff: noqa: RUF001

from __future__ import annotations

import ctypes.util
import shutil

import numpy as np
import pytest
import torch

from training import augment, corpus, score, train
from training.corpus_targets import PHONES, gestures, phones_of, truth
from training.muon import orthogonal

speaks = pytest.mark.skipif(
    shutil.which("flite") is None or ctypes.util.find_library("espeak-ng") is None,
    reason="espeak-ng and flite are not installed",
)


def curve(segments: list, name: str, arpabet: bool = False) -> np.ndarray:
    """A curve at 100 Hz over one second."""
    columns = ("open", "spread", "round", "close", "tuck")
    found = truth(gestures(segments, arpabet), np.ones(100))
    return found.curves[:, columns.index(name)]


@pytest.mark.parametrize(
    ("name", "arpabet", "sounds"),
    [("aɪ", False, "aɪ"), ("tʃ", False, "ʃ"), ("ɔ̃", False, "ɔ"), ("kʰ", False, "k"),
     ("ts.h", False, "s"), ("oː", False, "o"), ("", False, ""), ("ow", True, "oʊ"),
     ("ch", True, "ʃ"), ("hh", True, "h"), ("??", False, "h")],
)  # fmt: skip
def test_phonemes_are_taken_apart(name: str, arpabet: bool, sounds: str) -> None:
    assert "".join(phones_of(name, arpabet)) == sounds


def test_an_open_vowel_is_wider_than_a_close_one() -> None:
    peaks = [curve([("", 0, 0.3), (v, 0.3, 0.6), ("", 0.6, 1)], "open").max() for v in "aeiu"]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] > 0.8


def test_lips_round_for_w_and_spread_for_i() -> None:
    segments = [("w", 0.2, 0.3), ("i", 0.3, 0.6), ("", 0.6, 1.0)]
    assert curve(segments, "round")[25] > 0.7 and curve(segments, "round")[50] < 0.1
    assert curve(segments, "spread")[50] > 0.7


@pytest.mark.parametrize(("arpabet", "middle"), [(False, 0.47), (True, 0.53)])
def test_p_closes_before_its_burst(arpabet: bool, middle: float) -> None:
    vowel = "aa" if arpabet else "a"
    segments = [(vowel, 0.2, 0.5), ("p", 0.5, 0.6), (vowel, 0.6, 0.9)]
    found = curve(segments, "close", arpabet)
    assert found.argmax() / 100 == pytest.approx(middle, abs=0.035)
    assert found.max() == 1 and found[[30, 75]].max() < 0.01
    assert curve(segments, "open", arpabet)[found.argmax()] < 0.2


def test_pauses_shut_the_mouth_and_gaps_between_words_do_not() -> None:
    segments = [("a", 0.1, 0.3), ("", 0.3, 0.34), ("a", 0.34, 0.5), ("", 0.5, 1.0)]
    found = curve(segments, "open")
    assert found[32] > 0.7 and found[75:].max() < 0.1


def test_every_sound_has_a_reachable_target() -> None:
    for sound, mouth in PHONES.items():
        values = (mouth.open, mouth.spread, mouth.round, mouth.close, mouth.tuck)
        assert all(0 <= v <= 1 for v in values), sound


def test_harm_keeps_the_time() -> None:
    g = torch.Generator().manual_seed(0)
    clicks = torch.zeros(8, 32000)
    clicks[:, 8000:8400] = torch.randn(8, 400, generator=g)
    harmed = augment.degrade(clicks, torch.zeros(40000), g)
    for before, after in zip(clicks, harmed, strict=True):
        lag = torch.fft.irfft(torch.fft.rfft(after) * torch.fft.rfft(before).conj()).abs().argmax()
        assert min(int(lag), 32000 - int(lag)) <= 16


def test_music_and_noise_are_what_they_say() -> None:
    music = augment.music(6, np.random.default_rng(0))
    assert len(music) >= 6 * 16000 and np.abs(music).max() == pytest.approx(0.5, rel=1e-3)
    noise = augment.noise(3, 16000, torch.Generator().manual_seed(0))
    assert noise.square().mean(1).numpy() == pytest.approx(1, rel=1e-4)


def test_closures_are_counted() -> None:
    close = np.zeros(100)
    close[[10, 11, 50, 80]] = 1
    true = np.array([[0.2, 0.24], [0.98, 1.02], [1.2, 1.25]])
    assert score.found(close, true, 0.5).tolist() == [2, 3, 2, 3]


def test_nothing_learnt_scores_nothing() -> None:
    assert score.pearson(np.ones(5), np.arange(5)) == 0
    assert score.pearson(np.arange(5), np.arange(5)) == pytest.approx(1)


@pytest.mark.parametrize("shape", [(6, 4, 3), (5, 40), (7, 7, 1)])
def test_muon_steps_are_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)).flatten(1)
    u, _, v = np.linalg.svd(matrix.numpy(), full_matrices=False)
    found = u.T @ orthogonal(matrix).numpy() @ v.T
    assert np.abs(found - np.diag(np.diag(found))).max() < 0.05
    assert np.diag(found).min() > 0.6 and np.diag(found).max() < 1.3


def test_respelt_lines_have_other_consonants_only() -> None:
    line = "a big map, die kleine Bombe"
    made = corpus._respelt(line, np.random.default_rng(0))
    assert len(made) == len(line) and made != line
    kept = [(a, b) for a, b in zip(line.lower(), made, strict=True) if a not in "pbmtdnkgfv"]
    assert all(a == b for a, b in kept)


def test_lead_is_measured() -> None:
    curve = np.random.default_rng(0).random(200).cumsum() % 3
    assert score.lead(curve[3:], curve[:-3]) == pytest.approx(0.06, abs=1e-6)


@speaks
def test_the_corpus_repeats_and_trains() -> None:
    def tracks() -> list[corpus.Track]:
        made = [corpus.flite_track("slt", np.random.default_rng(3))]
        espeak = corpus.Espeak()
        return [*made, corpus.espeak_track(espeak, "de", np.random.default_rng(4))]

    first, again = tracks(), tracks()[0]
    assert np.array_equal(first[0].samples, again.samples)
    assert np.array_equal(first[0].truth.curves, again.truth.curves)
    for a in first:
        assert len(a.samples) == 160 * len(a.truth.curves)
        assert len(a.truth.closures) > 5
        level = np.sqrt(np.square(a.samples).reshape(-1, 160).mean(1))
        assert np.corrcoef(level, a.truth.curves[:, 0])[0, 1] > 0.35
    everything = train.material(first, 8, 0)
    features, truths = train.batch(everything, torch.Generator().manual_seed(0))
    same, _ = train.batch(everything, torch.Generator().manual_seed(0))
    assert features.shape == (train.BATCH, 40, 400)
    assert truths.shape == (train.BATCH, 6, 200)
    assert torch.equal(features, same)
