"""Loudness against ffmpeg's ebur128 and the tables and tones of ITU-R BS.1770 and EBU Tech 3341."""

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from imgsync_core.demo import demo_speech
from imgsync_core.errors import SoundError
from imgsync_core.media import loudness
from imgsync_core.media.file_sound import FileSound
from imgsync_core.media.loudness import measure, normalise
from imgsync_core.media.sound import ArraySound, Part, Sound

CEILING = 10 ** (-1 / 20)  # -1 dB


@pytest.fixture
def ebur128(ffmpeg) -> Callable[[np.ndarray, int, str], float]:
    """Integrated loudness in LUFS by another program."""

    def level(sound: np.ndarray, rate: int, layout: str) -> float:
        data = np.ascontiguousarray(sound.T).astype("<f4").tobytes()
        source = [
            "-f",
            "f32le",
            "-ar",
            rate,
            "-ac",
            len(sound),
            "-channel_layout",
            layout,
            "-i",
            "-",
        ]
        meter = "ebur128=metadata=1,ametadata=print:key=lavfi.r128.I:file=-"
        told = ffmpeg(*source, "-af", meter, "-f", "null", "-", stdin=data).decode()
        return float(re.findall(r"r128\.I=(\S+)", told)[-1])

    return level


def pink(channels: int, n: int) -> np.ndarray:
    """Noise whose power falls by 3 dB an octave, as in music; its peaks reach 0.5."""
    white = np.fft.rfft(np.random.default_rng(0).normal(size=(channels, n)))
    noise = np.fft.irfft(white / np.sqrt(np.maximum(1, np.arange(n // 2 + 1))), n)
    return noise / np.abs(noise).max() / 2


def tones(channels: int, n: int, rate: int, hertz: float, level: float) -> np.ndarray:
    t = np.arange(n) / rate
    return level * np.stack([np.sin(2 * np.pi * hertz * t + c) for c in range(channels)])


def some(name: str, channels: int, rate: int) -> np.ndarray:
    n = round(5.3 * rate)
    t = np.arange(n) / rate
    if name == "pink":
        made = pink(channels, n)
    elif name == "tone":
        made = tones(channels, n, rate, 997, 0.1)
    elif name == "bass":
        made = tones(channels, n, rate, 50, 0.5)
    elif name == "treble":
        made = tones(channels, n, rate, 0.4 * rate, 0.2)
    elif name == "pauses":  # two thirds of it below the relative gate
        made = pink(channels, n) * np.where(t % 1.8 < 0.6, 1, 0.03)
    elif name == "peaky":  # short swells, of which a limiter takes much
        made = pink(channels, n) * np.sin(2 * np.pi * 1.7 * t) ** 4
    elif name == "quiet start":  # below the absolute gate
        made = pink(channels, n) * np.where(t < 2, 1e-5, 1)
    else:
        made = (
            np.repeat(demo_speech(5.3, rate), channels, 0) * np.linspace(1, 0.5, channels)[:, None]
        )
    return made.astype(np.float32)


def samples(sound: Sound) -> np.ndarray:
    return np.concatenate(list(sound.blocks()), 1)


# -- measuring --


SIGNALS = ["pink", "tone", "bass", "treble", "pauses", "quiet start", "speech"]
FORMATS = [
    (16000, "mono", 1),
    (44100, "stereo", 2),
    (48000, "5.1", 6),
    (48000, "7.1", 8),
    (8000, "stereo", 2),
    (22050, "mono", 1),
]


@pytest.mark.parametrize(
    ("name", "rate", "layout", "channels"),
    [
        *[(name, *form) for name in SIGNALS for form in FORMATS],
        ("pink", 192000, "stereo", 2),
        ("bass", 192000, "stereo", 2),
    ],
)
def test_loudness_as_ffmpeg_measures_it(ebur128, name, rate, layout, channels):
    made = some(name, channels, rate)
    found = measure(ArraySound(made, rate, layout))
    assert found.integrated == pytest.approx(ebur128(made, rate, layout), abs=0.1)
    assert found.peak == pytest.approx(np.abs(made).max(), abs=1e-6)


def test_real_voices_as_ffmpeg_measures_them(ebur128, shared_media):
    files = sorted(shared_media.glob("*.wav"))
    assert files
    for path in files:
        sound = FileSound(path)
        expected = ebur128(samples(sound), sound.rate, sound.layout)
        assert measure(sound).integrated == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("level", [-23, -33, -40])
@pytest.mark.parametrize("rate", [44100, 48000])
def test_tone_of_ebu_tech_3341(level, rate):
    """Case 1 and 2: a stereo sine of 1 kHz at -23 dBFS in each channel reads -23.0 +- 0.1 LUFS."""
    tone = 10 ** (level / 20) * np.sin(2 * np.pi * 1000 * np.arange(6 * rate) / rate)
    found = measure(ArraySound(np.stack([tone, tone]).astype(np.float32), rate))
    assert found.integrated == pytest.approx(level, abs=0.1)


def test_gates_of_ebu_tech_3341():
    """Case 3, shortened: -36, -23 and -36 dBFS read -23.0, as the quiet parts do not count."""
    rate, parts = 48000, [(-36, 4), (-23, 20), (-36, 4)]
    level = np.concatenate([np.full(s * rate, 10 ** (db / 20)) for db, s in parts])
    tone = level * np.sin(2 * np.pi * 1000 * np.arange(len(level)) / rate)
    found = measure(ArraySound(np.stack([tone, tone]).astype(np.float32), rate))
    assert found.integrated == pytest.approx(-23, abs=0.1)


def test_full_scale_tone_in_one_channel_reads_minus_3_01():
    """BS.1770-4, Annex 1: a 0 dBFS sine of 997 Hz in left, centre or right indicates -3.01 LKFS."""
    tone = np.sin(2 * np.pi * 997 * np.arange(4 * 48000) / 48000).astype(np.float32)
    for channel in range(3):
        sound = np.zeros((6, len(tone)), np.float32)
        sound[channel] = tone
        found = measure(ArraySound(sound, 48000, "5.1"))
        assert found.integrated == pytest.approx(-3.01, abs=0.02)
    assert measure(ArraySound(tone[None], 48000)).integrated == pytest.approx(-3.01, abs=0.02)


def test_weights_of_the_channels():
    """BS.1770-4, table 3: 1.41 (+1.5 dB) at the back and the sides, and nothing for the LFE."""
    tone = 0.1 * np.sin(2 * np.pi * 997 * np.arange(48000) / 48000).astype(np.float32)

    def alone(channel: int, layout: str = "5.1", channels: int = 6) -> float:
        sound = np.zeros((channels, len(tone)), np.float32)
        sound[channel] = tone
        return measure(ArraySound(sound, 48000, layout)).integrated

    left, right, centre, lfe, back_left, back_right = (alone(c) for c in range(6))
    assert left == right == centre
    assert lfe == -math.inf
    assert back_left == back_right == pytest.approx(left + 10 * math.log10(1.41))
    assert alone(7, "7.1", 8) == pytest.approx(back_left)


def test_filter_has_the_coefficients_of_bs_1770():
    """Its tables 1 and 2, given for 48 kHz."""
    shelf, high_pass = loudness._shelf(48000), loudness._high_pass(48000)
    b = [1.53512485958697, -2.69169618940638, 1.19839281085285]
    assert np.allclose(shelf[0], b, atol=1e-8)
    assert np.allclose(shelf[1], [-1.69065929318241, 0.73248077421585], atol=1e-8)
    assert np.allclose(high_pass[0], [1.0, -2.0, 1.0])
    assert np.allclose(high_pass[1], [-1.99004745483398, 0.99007225036621], atol=1e-8)


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 192000])
def test_filter_against_scipy(rate):
    """Convolving block by block is the same as running the two filters over the whole."""
    noise = pink(2, 3 * rate).astype(np.float32)
    expected = noise.astype(float)
    for b, a in (loudness._shelf(rate), loudness._high_pass(rate)):
        expected = signal.lfilter(b, [1.0, *a], expected)
    got = np.concatenate([w for w, _ in loudness._k_weighted(ArraySound(noise, rate))], 1)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() < 1e-6


@given(st.integers(1, 30_000))
@settings(max_examples=40)
def test_twice_the_amplitude_is_six_decibels_more(n):
    noise = pink(2, 30_000)[:, :n].astype(np.float32)
    quiet, loud = (measure(ArraySound(noise * f, 8000)) for f in (0.5, 1.0))
    if math.isfinite(quiet.integrated):
        assert loud.integrated - quiet.integrated == pytest.approx(20 * math.log10(2), abs=1e-3)
    assert loud.peak == pytest.approx(2 * quiet.peak, rel=1e-6)


@pytest.mark.parametrize("n", [1, 10, 799, 3000, 3199, 3200, 3201])
def test_sounds_shorter_than_a_block_of_400_ms(n):
    found = measure(ArraySound(np.full((1, n), 0.5, np.float32), 8000))
    assert found.peak == 0.5
    assert found.integrated < 0


def test_silence_has_no_loudness():
    for level in (0.0, 1e-5):
        found = measure(ArraySound(np.full((2, 48000), level, np.float32), 48000))
        assert found.integrated == -math.inf
        assert found.peak == pytest.approx(level)


# -- normalising --


@pytest.mark.parametrize("target", [-31, -23, -16, -14])
@pytest.mark.parametrize(
    ("name", "rate", "layout", "channels"),
    [
        ("pink", 44100, "stereo", 2),
        ("tone", 16000, "mono", 1),
        ("pauses", 48000, "stereo", 2),
        ("peaky", 44100, "stereo", 2),
        ("peaky", 16000, "mono", 1),
        ("speech", 16000, "mono", 1),
        ("speech", 44100, "stereo", 2),
        ("speech", 48000, "5.1", 6),
    ],
)
def test_normalised_sound_reaches_the_target_below_the_ceiling(
    ebur128, name, rate, layout, channels, target
):
    made = some(name, channels, rate)
    out = samples(normalise(ArraySound(made, rate, layout), target))
    assert out.shape == made.shape
    assert ebur128(out, rate, layout) == pytest.approx(target, abs=0.5)
    assert np.abs(out).max() <= CEILING + 1e-5


@pytest.mark.parametrize("target", [-23, -16, -14])
def test_real_voices_reach_the_target(ebur128, shared_media, target):
    for path in sorted(shared_media.glob("*.wav")):
        sound = FileSound(path)
        out = samples(normalise(sound, target))
        assert ebur128(out, sound.rate, sound.layout) == pytest.approx(target, abs=0.5)
        assert np.abs(out).max() <= CEILING + 1e-5
        assert out.shape[1] == sound.n_samples


@pytest.mark.parametrize("target", [-10, -5])
def test_the_ceiling_goes_before_the_target(target):
    made = some("pauses", 2, 44100)
    out = samples(normalise(ArraySound(made, 44100), target))
    assert np.abs(out).max() <= CEILING + 1e-5
    louder = measure(ArraySound(out, 44100)).integrated
    assert measure(ArraySound(made, 44100)).integrated + 3 < louder < target + 0.5


@pytest.mark.parametrize("target", [-40, -30, -25])
def test_without_limiting_only_the_level_changes(target):
    made = some("pink", 2, 44100)
    out = samples(normalise(ArraySound(made, 44100), target))
    gain = out.astype(float).sum() / made.astype(float).sum()
    assert 20 * math.log10(gain) == pytest.approx(
        target - measure(ArraySound(made, 44100)).integrated, abs=0.01
    )
    assert np.abs(out - gain * made).max() < 1e-6


def test_limiting_keeps_everything_in_its_place():
    made = some("pink", 1, 16000)
    made[0, 40_000] = 0.99  # a click that has to be limited
    sound = normalise(ArraySound(made, 16000), -16)
    out = samples(sound)[0]
    assert sound.n_samples == made.shape[1]
    assert np.abs(out).argmax() == 40_000
    shifts = signal.correlate(out, made[0], "full", "fft")
    assert shifts.argmax() == made.shape[1] - 1  # no delay


def test_silence_stays_as_it_is():
    for level in (0.0, 1e-6):
        silence = ArraySound(np.full((1, 20_000), level, np.float32), 16000)
        assert normalise(silence, -16) is silence


def test_part_of_a_sound_is_measured_alone():
    made = np.concatenate([some("pink", 1, 8000), np.zeros((1, 8000), np.float32)], 1)
    whole = ArraySound(made, 8000)
    loud = samples(normalise(Part(whole, 0, 40_000), -20))
    assert measure(ArraySound(loud, 8000)).integrated == pytest.approx(-20, abs=0.05)


@pytest.mark.parametrize("target", [-41, -4.9, 0, 5, float("nan"), float("inf"), "-100"])
def test_targets_out_of_range_are_refused(target):
    with pytest.raises(SoundError, match=r"out of range\. Use -40 to -5\."):
        normalise(ArraySound(np.ones((1, 8000), np.float32), 8000), target)
