"""Song and instruments: a sung note opens the mouth, an instrument leaves it shut.

The sung notes are made here with scipy (a buzz through formants), the instruments with numpy and,
where it is installed, with a sound font that the net was never trained on.
"""

from __future__ import annotations

import ctypes.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import signal

from imgsync_core.audio import mouth_curves as voice
from imgsync_core.audio.voice import HOP, gate
from imgsync_core.errors import ImgSyncError
from training import corpus, instruments, score, singing, train, train_song
from training.corpus_speech import Spoken

RATE = 16000
OTHER_FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
FORMANTS = {  # Hz, after Peterson & Barney (1952), men and women
    "a": ((730, 1090, 2440), (850, 1220, 2810)), "e": ((530, 1840, 2480), (610, 2330, 2990)),
    "o": ((570, 840, 2410), (590, 920, 2710)), "i": ((270, 2290, 3010), (310, 2790, 3310)),
}  # fmt: skip
speaks = pytest.mark.skipif(
    shutil.which("flite") is None or ctypes.util.find_library("espeak-ng") is None,
    reason="espeak-ng and flite are not installed",
)
plays = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not instruments.SOUND_FONT.exists(),
    reason="fluidsynth and fluid-soundfont-gm are not installed",
)
plays_others = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not OTHER_FONT.exists(),
    reason="fluidsynth and timgm6mb-soundfont are not installed",
)


def heard(sound: np.ndarray) -> np.ndarray:
    sound = sound.astype(np.float32)
    return np.concatenate([c.table() for c in voice.curves([sound], RATE)])


def sung(vowel: str, hertz: float, seconds: float, vibrato: float) -> np.ndarray:
    """A note on one vowel between half a second of silence on either side."""
    rng = np.random.default_rng(0)
    n = int(seconds * RATE)
    t = np.arange(n) / RATE
    swing = vibrato * np.clip(t - 0.3, 0, 1) * np.sin(2 * np.pi * 5.5 * t)
    drift = 0.1 * signal.lfilter([0.002], [1, -0.998], rng.standard_normal(n))
    f0 = hertz * 2 ** ((swing + drift) / 12)
    made = signal.sawtooth(2 * np.pi * np.cumsum(f0) / RATE) + 0.02 * rng.standard_normal(n)
    made = signal.lfilter([1], [1, -0.97], made)
    for formant in (*FORMANTS[vowel][hertz > 180], 3600):
        b, a = signal.iirpeak(formant, formant / (60 + 0.03 * formant), fs=RATE)
        made = 0.25 * made + 2 * signal.lfilter(b, a, made)
    made *= np.clip(np.minimum(t / 0.08, (seconds - t) / 0.12), 0, 1)
    return np.pad(0.2 * made / np.abs(made).max(), RATE // 2)


@pytest.mark.parametrize("hertz", [110, 165, 220, 330, 440])
@pytest.mark.parametrize("vowel", ["a", "e", "o"])
@pytest.mark.parametrize("vibrato", [0.0, 0.6])
def test_a_held_note_keeps_the_mouth_open(vowel: str, hertz: float, vibrato: float) -> None:
    found = heard(sung(vowel, hertz, 4, vibrato))
    note = found[50:-50]
    assert (note[:, 5] > 0.9).mean() > 0.9
    assert np.percentile(note[:, 0], 10) > 0.12
    assert found[:15, 0].max() < 0.05 and found[-10:, 0].max() < 0.05


def solo(name: str, seed: int = 0) -> np.ndarray:
    """Ten seconds of a melody with held notes."""
    rng = np.random.default_rng(seed)
    n = 10 * RATE
    t = np.arange(n) / RATE
    length = rng.choice([0.25, 0.5, 1.0, 2.0], 40)
    starts = np.concatenate([[0], np.cumsum(length)])
    note = np.searchsorted(starts, t, "right") - 1
    since = t - starts[note]
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    base = {"violin": 440, "flute": 587, "trumpet": 349, "cello": 130, "clarinet": 294,
            "organ": 262, "guitar": 196, "piano": 262}[name]  # fmt: skip
    pitch = base * 2 ** (scale[rng.integers(0, 8, 41)][note] / 12)
    bowed = name in ("violin", "flute", "cello")
    pitch = pitch * (1 + bowed * 0.006 * np.sin(2 * np.pi * 5.8 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    slope, odd = {"violin": (1, 1), "cello": (1, 1), "flute": (3, 1), "trumpet": (0.6, 1),
                  "clarinet": (1, 2), "organ": (1, 1), "guitar": (1.2, 1),
                  "piano": (1.4, 1)}[name]  # fmt: skip
    top = max(1, int(7000 / pitch.max()))
    made = sum(np.sin(k * phase) / k**slope for k in range(1, top + 1, odd))
    if name in ("guitar", "piano"):
        made = made * np.exp(-3 * since)
    return 0.1 * made * np.minimum(1, since / 0.03)


NAMES = ("violin", "flute", "trumpet", "cello", "clarinet", "organ", "guitar", "piano")


@pytest.mark.parametrize("name", NAMES)
def test_an_instrument_alone_leaves_the_mouth_shut(name: str) -> None:
    found = heard(solo(name))
    assert np.percentile(found[:, 0], 95) < 0.05
    assert found[:, 5].mean() < 0.1


@plays_others
@pytest.mark.parametrize("program", [0, 6, 13, 19, 22, 24, 30, 40, 42, 56, 65, 68, 71, 73, 80])
def test_recorded_instruments_leave_the_mouth_shut(program: int) -> None:
    notes = instruments.solo(8, np.random.default_rng(program))
    found = heard(instruments.play([instruments.Part(program, 0, notes, 60)], font=OTHER_FONT))
    assert found[:, 5].mean() < 0.1
    assert np.percentile(found[:, 0], 95) < 0.1


def test_what_is_never_surely_a_voice_is_none() -> None:
    """An orchestra sounds like a voice now and then; a voice is sure somewhere within 3 s."""
    audio = sung("a", 220, 11, 0.6).astype(np.float32)
    perhaps = np.where(np.arange(len(audio) // HOP) % 40 < 16, 3.0, -3.0).astype(np.float32)
    assert gate(perhaps, audio).max() < 0.01
    perhaps[300:310] = 6
    found = gate(perhaps, audio)
    assert found[180:440].max() > 0.9 and (found[180:440] > 0.5).mean() > 0.3
    assert found[:140].max() < 0.01 and found[470:].max() < 0.01
    assert gate(np.full_like(perhaps, 3.0), audio)[100:-100].min() > 0.9  # a held note


@speaks
def test_a_song_of_a_voice_never_heard_is_followed() -> None:
    tracks = list(corpus.held_out_songs(2, 1))
    found = score.score(voice.load_net(), tracks)
    assert found.r_open > 0.5  # 0.26 for a net that knows only speech
    assert found.heard > 0.8  # likewise 0.48


@speaks
def test_between_the_lines_of_a_song_the_mouth_is_shut() -> None:
    track = corpus.flite_song(corpus.HELD_OUT_VOICE, np.random.default_rng(5))
    words = track.samples[: 6 * RATE] / np.abs(track.samples).max() * 0.5
    song = np.concatenate([words, np.zeros(3 * RATE), words])
    found = heard(song + 0.3 * np.resize(solo("guitar"), len(song)))
    assert found[6 * 50 + 25 : 9 * 50 - 25, 0].max() < 0.1
    assert found[: 6 * 50, 5].mean() > 0.5


def line() -> Spoken:
    """Something said: s, a held by a buzz, s; at 16 kHz."""
    rng = np.random.default_rng(1)
    t = np.arange(int(0.3 * RATE)) / RATE
    hiss = 0.1 * rng.standard_normal(int(0.15 * RATE))
    buzz = sung("a", 120, 0.3, 0)[RATE // 2 : RATE // 2 + len(t)]
    samples = np.concatenate([hiss, buzz, hiss]).astype(np.float32)
    return Spoken(samples, RATE, [("s", 0, 0.15), ("a", 0.15, 0.45), ("s", 0.45, 0.6)])


def test_a_song_keeps_its_phonemes_where_its_sound_is() -> None:
    how = singing.Style(beat=0.6, held=1.0, most=4, pace=1.0, melody=0.0, vibrato=0.0)
    made = singing.sing(line(), False, how, 200.0, np.random.default_rng(0))
    (_, a, b), (_, c, d), (_, e, f) = made.segments
    assert b == pytest.approx(c) and d == pytest.approx(e) and d - c > 0.3
    assert len(made.samples) == pytest.approx(f * RATE, abs=2)
    middle = made.samples[int((c + 0.05) * RATE) : int((d - 0.05) * RATE)]
    power = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    hertz = np.fft.rfftfreq(len(middle), 1 / RATE)
    near = sum(power[np.abs(hertz - 200 * k) < 14].sum() for k in range(1, 20))
    assert near / power[hertz < 4000].sum() > 0.8  # the note that was asked for
    hiss = made.samples[int((a + 0.03) * RATE) : int((b - 0.03) * RATE)]
    crossings = np.mean(np.diff(np.sign(hiss)) != 0)
    assert crossings > 0.3 > np.mean(np.diff(np.sign(middle)) != 0)


def test_what_is_played_is_a_midi_file() -> None:
    part = instruments.Part(40, 2, [instruments.Note(0.0, 1.5, 60, 90)], 30)
    data = instruments.midi([part, part])
    assert data[:14] == b"MThd\0\0\0\6\0\1\0\2\0\xf0"
    assert data.count(b"MTrk") == 2 and data.endswith(b"\xff\x2f\0")
    assert bytes([0x92, 60, 90]) in data and b"\x85\x50" + bytes([0x82, 60, 0]) in data  # 720 ticks


@plays
def test_notes_sound_when_they_should() -> None:
    notes = [instruments.Note(1.0, 2.0, 69, 100)]
    made = instruments.play([instruments.Part(19, 0, notes)], room=False)
    assert np.abs(made).max() == pytest.approx(0.5, abs=1e-3)
    assert np.abs(made[: int(0.9 * RATE)]).max() < 0.01
    power = np.abs(np.fft.rfft(made[int(1.2 * RATE) : int(1.8 * RATE)])) ** 2
    hertz = np.fft.rfftfreq(int(1.8 * RATE) - int(1.2 * RATE), 1 / RATE)
    peaks = hertz[power > 0.05 * power.max()]
    octaves = np.log2(peaks / 440)
    assert np.abs(octaves - octaves.round()).max() < 0.05 or (peaks % 440 < 15).any()


def test_a_missing_font_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImgSyncError, match="fluidsynth"):
        instruments.play([instruments.Part(0, 0, [])], font=tmp_path / "none.sf2")


@speaks
def test_song_is_learnt_beside_speech_which_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_song, "BATCH", 2)
    track = corpus.flite_song("slt", np.random.default_rng(3))
    everything = train.material([track], 20, 0)
    features, truth = train_song.batch(everything, torch.Generator().manual_seed(0))
    assert features.shape == (2, 80, 400) and truth.shape == (2, 7, 200)
    nets = []
    for seed in (1, 1, 2):
        speech = train_song.speech_of(voice.WEIGHTS)
        nets.append(train_song.train(speech, everything, 3, seed).state_dict())
    one, same, other = nets
    shipped = voice.load_net().state_dict()
    assert all((one[k] == same[k]).all() for k in one)
    assert any((one[k] != other[k]).any() for k in one)
    assert all((one[k] == shipped[k]).all() for k in one if k.startswith("speech."))
