"""Sound of all kinds, against ffmpeg's decoder, scipy's reader and numpy slices."""

import io
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import wavfile

from imgsync_core.errors import SoundError
from imgsync_core.media.file_sound import FileSound
from imgsync_core.media.layouts import layout_of
from imgsync_core.media.sound import (
    BLOCK,
    ArraySound,
    Filtered,
    Padded,
    Part,
    Sound,
    pad,
    to_length,
    trim,
)

N = 70_001  # odd, and more than two blocks
WAV = {"u8": "pcm_u8", "s16": "pcm_s16le", "s24": "pcm_s24le", "s32": "pcm_s32le"}
WAV |= {"f32": "pcm_f32le", "f64": "pcm_f64le"}
# name: (is it lossless, the sample rate, what ffmpeg needs to make it)
KINDS = {
    **{f"{name}.wav": (True, 44100, ["-c:a", codec]) for name, codec in WAV.items()},
    "rf64.wav": (True, 44100, ["-rf64", "always"]),
    "a.flac": (True, 44100, ["-sample_fmt", "s16"]),
    "s24.flac": (True, 96000, ["-sample_fmt", "s32"]),
    "alac.m4a": (True, 44100, ["-c:a", "alac"]),
    "a.aiff": (True, 44100, []),
    "pcm.mkv": (True, 44100, ["-c:a", "pcm_s16le"]),
    "a.mp3": (False, 44100, []),
    "vbr.mp3": (False, 22050, ["-q:a", 4]),
    "no_table.mp3": (False, 44100, ["-write_xing", 0]),
    "a.m4a": (False, 44100, []),
    "fast.m4a": (False, 48000, ["-movflags", "+faststart"]),
    "a.ogg": (False, 44100, ["-c:a", "libvorbis"]),
    "a.opus": (False, 48000, ["-b:a", "96k"]),
    "a.webm": (False, 48000, ["-c:a", "libopus"]),
    "adts.aac": (False, 44100, []),
}


def voices(channels: int, n: int, rate: int) -> np.ndarray:
    """A tone and some noise, different in each channel: float32 (channels, n)."""
    t, chance = np.arange(n) / rate, np.random.default_rng(0)
    tones = [np.sin(2 * np.pi * (220 + 97 * c) * t) for c in range(channels)]
    return (0.4 * np.stack(tones) + 0.01 * chance.normal(size=(channels, n))).astype(np.float32)


def samples(sound: Sound) -> np.ndarray:
    """All blocks as one; each is as the contract says."""
    blocks = list(sound.blocks())
    for block in blocks:
        assert block.dtype == np.float32 and block.shape[0] == sound.channels
        assert 0 < block.shape[1] <= 32 * BLOCK  # small, even where 8 kHz become 192
    together = np.concatenate([np.zeros((sound.channels, 0), np.float32), *blocks], 1)
    assert together.shape[1] == sound.n_samples
    return together


@pytest.fixture(scope="session")
def make(ffmpeg, media):
    """Write a sound with ffmpeg."""

    def write(path: Path, sound: np.ndarray, rate: int, *options) -> Path:
        data = np.ascontiguousarray(sound.T).astype("<f4").tobytes()
        ffmpeg("-f", "f32le", "-ar", rate, "-ac", len(sound), "-i", "-", *options, path, stdin=data)
        return path

    return write


@pytest.fixture(scope="session")
def file_of(make, media):
    """A stereo file of a kind, made when it is first asked for."""

    def get(name: str) -> Path:
        path = media / name
        if not path.exists():
            _, rate, options = KINDS[name]
            make(path, voices(2, N, rate), rate, *options)
        return path

    return get


@pytest.fixture
def decoded(ffmpeg):
    """A file as ffmpeg decodes it: float32 (channels, n)."""

    def decode(path: Path, *options, channels: int = 2) -> np.ndarray:
        data = ffmpeg("-i", path, "-map", "0:a:0", *options, "-f", "f32le", "-")
        return np.frombuffer(data, "<f4").reshape(-1, channels).T

    return decode


# -- files --


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_sample_as_ffmpeg_decodes_it(file_of, decoded, name):
    path = file_of(name)
    sound, expected = FileSound(path), decoded(path)
    assert sound.n_samples == expected.shape[1]
    assert np.abs(samples(sound) - expected).max() <= 1e-6
    assert (sound.rate, sound.layout, sound.channels) == (KINDS[name][1], "stereo", 2)
    assert sound.duration == Fraction(sound.n_samples, sound.rate)
    assert sound.name == name
    if KINDS[name][0] or name in ("a.mp3", "vbr.mp3", "a.opus", "a.webm"):  # exact by header
        assert sound.n_samples == N


@pytest.mark.parametrize("name", sorted(name for name, kind in KINDS.items() if kind[0]))
def test_lossless_kinds_hold_what_was_put_in(file_of, name):
    steps = {"u8": 2**7, "s24": 2**23, "s32": 2**31, "f32": 2**40, "f64": 2**40}
    step = 1 / steps.get(name.split(".")[0], 2**15)
    error = np.abs(samples(FileSound(file_of(name))) - voices(2, N, KINDS[name][1])).max()
    assert error <= step + 2**-24  # quantisation, and float32


@pytest.mark.parametrize("name", ["u8.wav", "s16.wav", "s24.wav", "s32.wav", "f32.wav", "f64.wav"])
def test_wav_against_scipy(file_of, name):
    rate, expected = wavfile.read(file_of(name))
    if expected.dtype == np.uint8:
        expected = (expected.astype(float) - 128) / 128
    elif expected.dtype.kind == "i":  # scipy puts 24 bits into the upper part of 32
        expected = expected / -float(np.iinfo(expected.dtype).min)
    sound = FileSound(file_of(name))
    assert np.array_equal(samples(sound), expected.T.astype(np.float32))
    assert sound.rate == rate


@pytest.mark.parametrize(
    ("name", "codec", "bits"),
    [
        ("s16.wav", "pcm_s16le", 16),
        ("u8.wav", "pcm_u8", 16),
        ("s24.wav", "pcm_s24le", 24),
        ("f32.wav", "pcm_f32le", 24),
        ("a.flac", "flac", 16),
        ("s24.flac", "flac", 24),
        ("a.mp3", "mp3", 24),
        ("a.m4a", "aac", 24),
        ("a.ogg", "vorbis", 24),
        ("a.opus", "opus", 24),
    ],
)
def test_codec_and_depth(file_of, ffprobe_json, name, codec, bits):
    sound = FileSound(file_of(name))
    assert (sound.codec, sound.bits) == (codec, bits)
    assert ffprobe_json(file_of(name))["streams"][0]["codec_name"] == codec


@pytest.mark.parametrize("channels", range(1, 9))
@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_mono_to_seven_one(make, decoded, ffprobe_json, tmp_path, channels, name):
    wanted = voices(channels, 5001, 48000)
    path = make(tmp_path / name, wanted, 48000)
    sound = FileSound(path)
    assert sound.channels == channels
    assert np.abs(samples(sound) - wanted).max() <= 2**-15
    layout = ffprobe_json(path)["streams"][0].get("channel_layout")
    assert layout in (sound.layout, None, f"{channels} channels")
    assert layout_of(channels) == sound.layout or layout == sound.layout


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 32000, 88200, 96000, 176400, 192000])
def test_rates(make, tmp_path, rate):
    sound = FileSound(make(tmp_path / "a.wav", voices(1, 3333, rate), rate))
    assert (sound.rate, sound.n_samples, sound.layout) == (rate, 3333, "mono")
    assert sound.duration == Fraction(3333, rate)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.webm"])
def test_sound_of_a_video(ffmpeg, decoded, tmp_path, name):
    picture = ["-f", "lavfi", "-i", "testsrc=s=64x48:d=1:r=25"]
    ffmpeg(*picture, "-f", "lavfi", "-i", "sine=d=1.3:r=48000", "-ac", 2, tmp_path / name)
    sound = FileSound(tmp_path / name)
    assert np.abs(samples(sound) - decoded(tmp_path / name)).max() <= 1e-6


def test_the_first_of_two_tracks(ffmpeg, tmp_path):
    tones = [a for f in (440, 1000) for a in ("-f", "lavfi", "-i", f"sine=f={f}:d=1:r=8000")]
    ffmpeg(*tones, "-map", 0, "-map", 1, "-c:a", "pcm_s16le", tmp_path / "two.mkv")
    sound = samples(FileSound(tmp_path / "two.mkv"))[0]
    assert np.abs(np.fft.rfft(sound)).argmax() == 440


def test_reading_twice_and_from_memory(file_of):
    path = file_of("s16.wav")
    sound = FileSound(path)
    first = samples(sound)
    assert np.array_equal(first, samples(sound))
    half = next(iter(sound.blocks()))  # left half-way
    assert np.array_equal(half, first[:, : half.shape[1]])
    for name in ("s16.wav", "a.flac", "a.mp3"):
        data = FileSound(io.BytesIO(file_of(name).read_bytes()))
        assert np.array_equal(samples(data), samples(FileSound(file_of(name))))


def test_a_rate_that_changes_half_way_is_converted(make, decoded, tmp_path):
    parts = []
    for rate in (44100, 22050):
        parts.append(make(tmp_path / f"{rate}.aac", voices(1, rate, rate), rate).read_bytes())
    (tmp_path / "both.aac").write_bytes(b"".join(parts))
    told = r"both\.aac: changes its sample rate .* after 1\.0"
    with pytest.raises(SoundError, match=told):
        FileSound(tmp_path / "both.aac", strict=True)
    sound = FileSound(tmp_path / "both.aac")
    assert re.match(told, *sound.notes)
    assert (sound.rate, sound.layout) == (44100, "mono")
    heard = samples(sound)[0]
    for second in (0.5, 1.6):
        part = heard[int(second * 44100) :][:22050]
        assert abs(np.abs(np.fft.rfft(part)).argmax() * 2 - 220) <= 2
    expected = decoded(tmp_path / "both.aac", "-ar", 44100, channels=1)
    assert abs(heard.size - expected.shape[1]) < 100  # by another resampler


# -- what is refused --


@pytest.mark.parametrize(
    "name",
    ["s16.wav", "f32.wav", "rf64.wav", "a.mp3", "vbr.mp3", "a.flac", "a.m4a", "fast.m4a", "a.aiff"],
)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.8])
def test_cut_short(file_of, tmp_path, name, part):
    data = file_of(name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(SoundError, match=rf"^{name}:? .*\."):
        FileSound(path, strict=True)
    try:
        sound = FileSound(path)
    except SoundError as e:  # where what was cut off is needed to read the rest
        assert name == "a.m4a" or part == 0.02, e
    else:
        assert 0 < samples(sound).shape[1] < N
        assert any("It is cut short" in note for note in sound.notes)


def test_cut_short_says_how_much_is_there(tmp_path):
    path = tmp_path / "a.wav"
    wavfile.write(path, 8000, np.ones((80_000, 2), np.int16))
    path.write_bytes(path.read_bytes()[: 44 + 4 * 30_000])
    told = r"a\.wav ends after 3\.75 of 10\.00 s\. It is cut short"
    with pytest.raises(SoundError, match=told):
        FileSound(path, strict=True)
    sound = FileSound(path)
    assert sound.n_samples == 30_000
    (note,) = sound.notes
    assert re.fullmatch(told, note)


def test_a_wav_that_was_written_to_a_pipe_is_not_cut_short(ffmpeg, tmp_path):
    """Its header could not be mended, and claims four gigabytes."""
    data = ffmpeg("-f", "lavfi", "-i", "sine=d=1:r=8000", "-f", "wav", "-")
    assert b"data\xff\xff\xff\xff" in data
    (tmp_path / "piped.wav").write_bytes(data)
    assert FileSound(tmp_path / "piped.wav").n_samples == 8000


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.m4a", "a.ogg", "a.aac", "a.ac3"])
def test_empty_and_text(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"")
    with pytest.raises(SoundError, match=f"{name} is empty"):
        FileSound(path)
    path.write_text("This is no sound.\n" * 100)
    with pytest.raises(SoundError, match=f"{name} (is not a sound|has no sound|is damaged)"):
        FileSound(path)


def test_folder_and_missing_file(tmp_path):
    with pytest.raises(SoundError, match="is a folder"):
        FileSound(tmp_path)
    with pytest.raises(SoundError, match="there is no such file"):
        FileSound(tmp_path / "missing.wav")


def test_a_video_without_sound_and_a_picture(ffmpeg, tmp_path):
    for name in ("mute.mp4", "a.png"):
        ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:d=0.04:r=25", tmp_path / name)
        with pytest.raises(SoundError, match=f"{name} has no sound. Name an audio file"):
            FileSound(tmp_path / name)


def test_zero_samples(ffmpeg, tmp_path):
    wavfile.write(tmp_path / "zero.wav", 8000, np.zeros(0, np.int16))
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-t", 0, tmp_path / "zero.flac")
    for name in ("zero.wav", "zero.flac"):
        with pytest.raises(SoundError, match=f"{name} has no samples: its duration is 0"):
            FileSound(tmp_path / name)
    with pytest.raises(SoundError, match="has no samples"):
        ArraySound(np.zeros((2, 0)), 8000)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 999, BLOCK - 1, BLOCK, 69_999])
@pytest.mark.parametrize("channel", [0, 1])
def test_samples_that_are_no_numbers_are_refused_with_their_time(tmp_path, bad, at, channel):
    data = np.zeros((70_000, 2), np.float32)
    data[at, channel] = bad
    wavfile.write(tmp_path / "a.wav", 8000, data)
    for opened in (lambda: FileSound(tmp_path / "a.wav"), lambda: ArraySound(data.T, 8000)):
        with pytest.raises(SoundError, match=rf"not a number .* at {at / 8000:.3f} s"):
            opened()


@pytest.mark.parametrize("shape", [(5,), (1, 2, 3)])
def test_arrays_of_another_shape_are_refused(shape):
    with pytest.raises(SoundError, match="channels x n"):
        ArraySound(np.zeros(shape), 8000)


def test_channels_and_rates_without_sense_are_refused():
    with pytest.raises(SoundError, match="9 channels are more than the 8"):
        ArraySound(np.zeros((9, 5)), 8000)
    for rate in (0, -1, 10, 10**7):
        with pytest.raises(SoundError, match="sample rate of"):
            ArraySound(np.zeros((1, 5)), rate)


def test_nine_channels_in_a_file(make, tmp_path):
    path = make(tmp_path / "nine.wav", voices(9, 100, 8000), 8000)
    with pytest.raises(SoundError, match="9 channels are more than the 8"):
        FileSound(path)


# -- trim, pad, length --

NOISE = np.random.default_rng(0).normal(0, 0.1, (2, 2 * BLOCK + 77)).astype(np.float32)
SOUND = ArraySound(NOISE, 8000)
TOTAL = NOISE.shape[1]


@given(st.integers(0, TOTAL - 1), st.integers(1, TOTAL))
def test_part_is_a_slice(start, length):
    stop = min(TOTAL, start + length)
    part = Part(SOUND, start, stop)
    assert np.array_equal(samples(part), NOISE[:, start:stop])
    assert (part.rate, part.layout, part.bits) == (8000, "stereo", SOUND.bits)


@given(st.integers(0, 3 * BLOCK), st.integers(0, 3 * BLOCK))
def test_padded_has_zeros_around(before, after):
    padded = Padded(Part(SOUND, 0, 500), before, after)
    assert np.array_equal(samples(padded), np.pad(NOISE[:, :500], ((0, 0), (before, after))))


@given(st.integers(1, 3 * TOTAL))
def test_to_length_cuts_or_pads_the_end(n):
    expected = np.pad(NOISE[:, :n], ((0, 0), (0, max(0, n - TOTAL))))
    assert np.array_equal(samples(to_length(SOUND, n)), expected)


def test_nothing_to_do_is_the_same_object():
    assert to_length(SOUND, TOTAL) is SOUND
    assert trim(SOUND) is trim(SOUND, 0, 0) is trim(SOUND, None, 10**6) is SOUND
    assert pad(SOUND) is pad(SOUND, 0, None) is SOUND


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        (1, None, slice(8000, TOTAL)),
        (0.5, 0.25, slice(4000, 6000)),
        (Fraction(1, 3), Fraction(1, 3), slice(2667, 5334)),
        (0, 2, slice(0, 16000)),
        (8, 99, slice(64000, TOTAL)),
        ("0.5", "1", slice(4000, 12000)),
    ],
)
def test_trim_by_seconds(start, duration, expected):
    assert np.array_equal(samples(trim(SOUND, start, duration)), NOISE[:, expected])


def test_trim_of_a_file_and_trims_of_trims(file_of):
    whole = samples(FileSound(file_of("a.flac")))
    part = trim(trim(FileSound(file_of("a.flac")), 0.1, 1.2), 0.5, 0.5)
    assert np.array_equal(samples(part), whole[:, 4410 + 22050 : 4410 + 44100])


@pytest.mark.parametrize(("start", "duration"), [(9, None), (100, 1), (-1, None), (0, -1), (1, -5)])
def test_trims_that_leave_nothing_are_refused(start, duration):
    with pytest.raises(SoundError, match="nothing is left between"):
        trim(SOUND, start, duration)


def test_pad_by_seconds():
    padded = pad(trim(SOUND, 0, 1), 0.5, Fraction(1, 3))
    assert np.array_equal(samples(padded), np.pad(NOISE[:, :8000], ((0, 0), (4000, 2667))))
    for before, after in ((-0.1, 0), (0, -1)):
        with pytest.raises(SoundError, match="cannot be shorter than 0"):
            pad(SOUND, before, after)


# -- filters: rate, layout, limiter --

LIMITER = ("alimiter", "limit=0.5:attack=5:release=50:level=disabled:latency=1")


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("new", [8000, 16000, 44100, 48000, 192000])
def test_an_impulse_stays_where_it_is_when_resampled(rate, new):
    n, at = rate + 777, rate // 3
    click = np.zeros((1, n), np.float32)
    click[0, at] = 0.9
    out = Filtered(ArraySound(click, rate), rate=new)
    assert out.n_samples == (2 * n * new + rate) // (2 * rate)  # n * new / rate, halves up
    assert abs(np.abs(samples(out)[0]).argmax() / new - at / rate) < 0.0001


@given(
    st.integers(1, 5000),
    st.sampled_from([8000, 11025, 44100, 48000]),
    st.sampled_from([8000, 22050, 48000]),
)
def test_resampled_length_is_the_duration_at_the_new_rate(n, rate, new):
    out = Filtered(ArraySound(np.full((1, n), 0.1, np.float32), rate), rate=new)
    assert samples(out).shape[1] == (2 * n * new + rate) // (2 * rate)


@pytest.mark.parametrize(("rate", "new"), [(44100, 48000), (48000, 44100), (8000, 48000)])
def test_resampled_tone_against_the_formula(rate, new):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)
    out = samples(Filtered(ArraySound(tone[None].astype(np.float32), rate), rate=new))[0]
    exact = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(out)) / new)
    assert np.abs(out - exact)[200:-200].max() < 1e-4  # but for where it starts and stops


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000, 96000])
@pytest.mark.parametrize("n", [3, 100, 5001, 100_000])
def test_an_impulse_stays_where_it_is_in_the_limiter(rate, n):
    click = np.full((2, n), 0.01, np.float32)
    click[:, n // 3] = 0.9
    out = samples(Filtered(ArraySound(click, rate), (LIMITER,)))
    assert out.shape == click.shape
    assert np.abs(out[0]).argmax() == n // 3
    assert np.abs(out).max() <= 0.5 + 1e-6


def test_no_filter_changes_nothing():
    assert np.array_equal(samples(Filtered(SOUND)), NOISE)


@pytest.mark.parametrize(("channels", "layout"), [(1, "stereo"), (2, "mono"), (6, "stereo")])
def test_another_layout_as_ffmpeg_mixes_it(make, decoded, tmp_path, channels, layout):
    path = make(tmp_path / "a.wav", voices(channels, 9001, 44100), 44100, "-c:a", "pcm_f32le")
    out = Filtered(FileSound(path), layout=layout)
    number = {"mono": 1, "stereo": 2}[layout]
    expected = decoded(path, "-ac", number, channels=number)
    assert np.abs(samples(out) - expected).max() < 1e-6


def test_volume_and_resampling_together_against_ffmpeg(file_of, decoded):
    path = file_of("a.flac")
    out = samples(Filtered(FileSound(path), (("volume", "volume=0.25:precision=float"),), 16000))
    expected = decoded(path, "-af", "volume=0.25:precision=float", "-ar", 16000)
    n = min(out.shape[1], expected.shape[1])
    assert abs(out.shape[1] - expected.shape[1]) <= 20
    assert np.abs(out[:, 100 : n - 100] - expected[:, 100 : n - 100]).max() < 1e-4
