"""The picture and the sound that the package makes for itself."""

import numpy as np
import pytest
from scipy import signal

from imgsync_core.demo import demo_picture, demo_speech

RATE = 16000


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return demo_picture(256)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return demo_speech(8.0, 44100)[0].astype(float)


def levels(sound: np.ndarray, rate: int) -> np.ndarray:
    """The rms of each 20 ms."""
    width = rate // 50
    blocks = sound[: len(sound) // width * width].reshape(-1, width)
    return np.sqrt((blocks**2).mean(axis=1))


@pytest.mark.parametrize("size", [1, 31, 128])
def test_picture_has_the_size_asked_for(size):
    picture = demo_picture(size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.writeable


def test_picture_is_the_same_twice(picture):
    assert np.array_equal(picture, demo_picture(256))


def test_picture_is_the_same_drawing_at_another_size(picture):
    small = demo_picture(128).astype(float)
    averaged = picture.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - averaged).mean() < 2


def test_picture_is_symmetric_but_for_the_catchlights(picture):
    difference = np.abs(picture.astype(int) - picture[:, ::-1]).max(axis=2)
    assert difference.mean() < 1.5
    assert (difference > 40).mean() < 0.01


def test_picture_is_not_blank(picture):
    assert picture.std() > 30
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 1000


def test_features_lie_where_the_docstring_says(picture):
    red, green, blue = picture.astype(int).transpose(2, 0, 1)
    rows, columns = np.nonzero((red - green > 80) & (red > 130) & (blue > 70))  # only lips are so
    assert 0.58 < rows.mean() / 256 < 0.65
    assert 0.48 < columns.mean() / 256 < 0.52
    teal = (green - red > 30) & (np.arange(256)[:, None] < 0.7 * 256)  # irises; the jumper is lower
    rows, columns = np.nonzero(teal)
    assert rows.min() / 256 > 0.42 and rows.max() / 256 < 0.48
    for side, centre in ((columns < 128, 0.414), (columns >= 128, 0.586)):
        assert columns[side].mean() / 256 == pytest.approx(centre, abs=0.01)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.31, 2.345])
def test_speech_has_the_length_asked_for(seconds, rate):
    sound = demo_speech(seconds, rate)
    assert sound.shape == (1, round(seconds * rate))
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()


def test_speech_depends_on_the_seed_alone():
    assert np.array_equal(demo_speech(1.5, RATE, seed=3), demo_speech(1.5, RATE, seed=3))
    assert not np.array_equal(demo_speech(1.5, RATE, seed=3), demo_speech(1.5, RATE, seed=4))


@pytest.mark.parametrize("seed", range(5))
def test_speech_does_not_clip_and_fades_at_its_ends(seed):
    sound = demo_speech(5.0, RATE, seed)[0]
    assert np.abs(sound).max() == pytest.approx(0.5, abs=1e-6)
    assert np.abs(sound[[0, -1]]).max() < 1e-4
    assert abs(sound.mean()) < 1e-3


@pytest.mark.parametrize("seed", range(5))
def test_speech_has_pauses_and_is_mostly_speech(seed):
    level = levels(demo_speech(10.0, RATE, seed)[0], RATE)
    quiet = level < 1e-3
    assert 0.08 < quiet.mean() < 0.5
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet, [0]])))
    pauses = np.diff(edges)[::2] / 50  # seconds
    assert (pauses > 0.2).sum() >= 2
    assert pauses.max() < 1.0


def test_speech_has_its_energy_where_a_voice_has_it(speech):
    hertz, power = signal.welch(speech, 44100, nperseg=4096)
    share = np.cumsum(power) / power.sum()
    assert share[hertz < 80][-1] < 0.02
    assert 0.5 < share[hertz < 1000][-1] < 0.97
    assert share[hertz < 5000][-1] > 0.97


def test_loudness_moves_at_the_pace_of_syllables(speech):
    level = levels(speech, 44100)
    hertz, power = signal.periodogram(level - level.mean(), 50)
    assert power[(hertz > 0.2) & (hertz < 9)].sum() > 0.75 * power.sum()
    bumps, _ = signal.find_peaks(level, prominence=0.2 * level.max())
    assert 1.5 < len(bumps) / 8.0 < 8


def test_vowels_have_a_pitch_and_it_moves(speech):
    pitches = []
    for start in range(0, len(speech) - 2048, 2048):
        block = speech[start : start + 2048] * np.hanning(2048)
        echo = np.fft.irfft(np.abs(np.fft.rfft(block, 4096)) ** 2)
        lags = np.arange(44100 // 320, 44100 // 100)
        lag = lags[np.argmax(echo[lags])]
        if np.sqrt((block**2).mean()) > 0.02 and echo[lag] > 0.4 * echo[0]:
            pitches.append(44100 / lag)
    assert len(pitches) > 40
    assert 150 < np.median(pitches) < 230
    assert np.percentile(pitches, 90) / np.percentile(pitches, 10) > 1.2


def test_the_seed_says_the_same_at_every_rate():
    low, high = (levels(demo_speech(4.0, rate)[0], rate) for rate in (16000, 48000))
    assert np.corrcoef(low, high)[0, 1] > 0.95
