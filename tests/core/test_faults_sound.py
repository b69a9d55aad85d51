"""Sounds with faults that real files have, against ffmpeg's decoder, sox, ffprobe and formulas."""

import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from imgsync_core.errors import SoundError
from imgsync_core.media.encoding import PRESETS
from imgsync_core.media.file_sound import FileSound, own_sound
from imgsync_core.media.sound import ArraySound, Padded, Part, trim

from .making import talk

RATE = 48000
TONE = ["-f", "lavfi", "-i", f"sine=f=300:d=4:r={RATE}"]
PCM = bytes.fromhex("0100000000001000800000aa00389b71")  # KSDATAFORMAT_SUBTYPE_PCM


def samples(sound) -> np.ndarray:
    together = np.concatenate(list(sound.blocks()), 1)
    assert together.shape == (sound.channels, sound.n_samples)
    return together


def told(sound, *words: str) -> bool:
    return any(all(word in note for word in words) for note in sound.notes)


def silent_spans(x: np.ndarray, least: int) -> list[tuple[int, int]]:
    """(start, length) of runs of zeros."""
    loud = np.flatnonzero(np.concatenate([[True], np.abs(x).max(0) > 0, [True]]))
    return [(int(a), int(b - a - 1)) for a, b in pairwise(loud) if b - a > least]


@pytest.fixture
def heard(ffmpeg):
    """The first sound track as ffmpeg decodes it: float32 (channels, n)."""

    def decode(path: Path, channels: int = 1, *options) -> np.ndarray:
        data = ffmpeg("-v", "quiet", "-i", path, "-map", "0:a:0", *options, "-f", "f32le", "-")
        return np.frombuffer(data, "<f4").reshape(-1, channels).T

    return decode


@pytest.fixture
def sample() -> object:
    folder = Path(__file__).resolve().parents[3] / "shared" / "faults"

    def find(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"no ../shared/faults/{name} beside the repository")
        return folder / name

    return find


def wav(path: Path, data: bytes, channels: int, width: int, bits: int, mask: int) -> Path:
    """WAVE_FORMAT_EXTENSIBLE by hand: ``width`` bytes a sample, ``bits`` of them valid."""
    align = channels * width
    form = struct.pack("<HHIIHH", 0xFFFE, channels, RATE, RATE * align, align, 8 * width)
    form += struct.pack("<HHI", 22, bits, mask) + PCM
    head = b"WAVEfmt " + struct.pack("<I", 40) + form + b"data" + struct.pack("<I", len(data))
    path.write_bytes(b"RIFF" + struct.pack("<I", len(head) + len(data)) + head + data)
    return path


# -- row 2: packets that cannot be decoded --

TAG = b"ID3\4\0\0\0\0\0\x40" + b"\xaa" * 64
EXTRAS = {
    "id3 in the middle": lambda a: a + TAG + a,
    "zero tail": lambda a: a + bytes(5000),
    "lyrics": lambda a: a + b"LYRICSBEGININD0000200000029LYRICS200" + b"TAG" + bytes(125),
    "ape": lambda a: a + b"APETAGEX" + struct.pack("<IIIIQ", 2000, 32, 0, 1 << 31, 0),
    "junk": lambda a: a + bytes(range(1, 200)) * 3 + a,
}


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("rate", [24000, 44100])
def test_what_stands_between_the_frames_of_an_mp3(ffmpeg, heard, tmp_path, extra, rate):
    path = tmp_path / "a.mp3"
    ffmpeg(*TONE, "-t", 1, "-ar", rate, "-write_xing", 0, "-id3v2_version", 0, path)
    path.write_bytes(EXTRAS[extra](path.read_bytes()))
    sound, expected = FileSound(path), heard(path)
    assert sound.n_samples == expected.shape[1]
    assert np.abs(samples(sound) - expected).max() < 2e-3  # two decoders
    assert not sound.copyable or not sound.notes
    if extra == "junk":
        with pytest.raises(SoundError, match=r"could not be decoded: left out"):
            FileSound(path, strict=True)
    else:
        assert FileSound(path, strict=True).n_samples == sound.n_samples


DAMAGED = {
    "a.m4a": ["-c:a", "aac"], "a.mp4": ["-c:a", "aac"], "a.mov": ["-c:a", "aac"],
    "a.ac3": [], "a.mp2": [], "a.avi": ["-c:a", "libmp3lame"], "a.ogg": ["-c:a", "libvorbis"],
    "a.opus": [], "a.flac": [], "f.ogg": ["-c:a", "flac"], "a.ts": ["-c:a", "aac"],
    "a.wma": ["-c:a", "wmav2"], "a.mp3": [],
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("seed", [1, 2])
def test_damage_costs_no_time(ffmpeg, tmp_path, name, seed):
    path, whole = tmp_path / name, tmp_path / f"whole_{name}"
    ffmpeg(*TONE, *DAMAGED[name], whole)
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = np.random.default_rng(seed).bytes(300)
    path.write_bytes(data)
    before, sound = FileSound(whole), FileSound(path)
    assert not before.notes
    # AVI numbers its packets anew where its index is damaged
    slack = {"a.wma": 2, "a.mp3": 1152, "a.avi": 2304}.get(name, 0)
    assert abs(sound.n_samples - before.n_samples) <= slack
    x, y = samples(sound), samples(before)
    end = -RATE // 2 if slack == 0 else None
    if end is not None:
        assert np.abs(x[:, end:] - y[:, end:]).max() < 1e-3  # the rest comes at its time
    if sound.notes:
        assert told(sound, "silence there") or told(sound, "left out")
        assert silent_spans(x[:, RATE // 2 : -RATE // 2], 500)
        assert not sound.copyable
        with pytest.raises(SoundError, match=rf"{name}: .* do not be strict"):
            FileSound(path, strict=True)
    else:
        assert name in ("a.ac3", "a.mp2", "a.avi", "a.mp3", "a.flac")  # whose decoders conceal it


def test_a_damaged_mp3_keeps_the_time_of_its_table(sample):
    sound = FileSound(sample("26-one-damaged-frame/bad_d.mp3"))
    assert abs(sound.n_samples - 4 * RATE) <= 1152
    assert (sound.rate, sound.layout) == (RATE, "mono")
    assert told(sound, "could not be decoded: silence there")


@pytest.mark.parametrize("name", ["cat.mp3", "lyr.mp3", "zeros.mp3"])
def test_samples_of_real_mp3(sample, heard, name):
    path = sample(f"02-mp3-one-bad-packet/{name}")
    assert FileSound(path, strict=True).n_samples == heard(path).shape[1]


def test_a_change_of_channels_is_converted(ffmpeg, tmp_path):
    parts = []
    for channels in (2, 1):
        ffmpeg(*TONE, "-t", 1, "-ac", channels, tmp_path / "part.aac")
        parts.append((tmp_path / "part.aac").read_bytes())
    (tmp_path / "both.aac").write_bytes(b"".join(parts))
    sound = FileSound(tmp_path / "both.aac")
    assert sound.layout == "stereo" and told(sound, "changes its sample rate or channels")
    assert np.abs(samples(sound)[:, -RATE // 2 : -RATE // 4]).max() > 0.05
    with pytest.raises(SoundError, match="changes its sample rate or channels"):
        FileSound(tmp_path / "both.aac", strict=True)


def test_a_chain_that_cannot_be_followed_says_so(ffmpeg, tmp_path):
    for channels in (1, 2):
        ffmpeg(*TONE, "-t", 1, "-ac", channels, tmp_path / f"{channels}.opus")
    both = (tmp_path / "1.opus").read_bytes() + (tmp_path / "2.opus").read_bytes()
    (tmp_path / "both.opus").write_bytes(both)
    sound = FileSound(tmp_path / "both.opus")
    assert samples(sound).shape[1] >= RATE
    assert sound.notes and not sound.copyable


# -- row 3: copying --


@pytest.mark.ffmpeg
@pytest.mark.parametrize("rate", [8000, 11025, 12000, 16000, 22050, 44100])
@pytest.mark.parametrize("preset", ["mp4-h264", "mov-prores4444", "mkv-ffv1", "webm-vp9"])
def test_mp3_of_any_rate(ffmpeg, ffprobe_json, tmp_path, rate, preset):
    ffmpeg(*TONE, "-t", 0.5, "-ar", rate, tmp_path / "a.mp3")
    path = tmp_path / f"out{PRESETS[preset].extension}"
    report = talk(path, FileSound(tmp_path / "a.mp3"), preset)
    copies = rate >= 16000 and preset in ("mp4-h264", "mov-prores4444")
    assert any("copied" in note for note in report.notes) == copies
    streams = ffprobe_json(path)["streams"]
    assert ("mp3" in [s["codec_name"] for s in streams]) == copies
    assert float(report.info.difference) <= 0.002


@pytest.mark.parametrize(("codec", "name"), [("libopus", "a.opus"), ("libvorbis", "a.ogg")])
@pytest.mark.parametrize("preset", ["webm-vp9", "mkv-ffv1"])
def test_chained_ogg_is_encoded(ffmpeg, heard, tmp_path, codec, name, preset):
    ffmpeg(*TONE, "-t", 1, "-c:a", codec, tmp_path / name)
    single = FileSound(tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() * 2)
    sound = FileSound(tmp_path / name)
    assert single.copyable and not sound.copyable
    assert abs(sound.n_samples - 2 * single.n_samples) <= 2048  # blocks of Vorbis
    path = tmp_path / f"out{PRESETS[preset].extension}"
    talk(path, sound, preset)
    assert heard(path).shape[1] >= sound.n_samples - 2048


@pytest.mark.parametrize("name", ["g.m4a", "g.mp4"])
def test_files_with_gaps_are_not_copied(ffmpeg, heard, tmp_path, name):
    gap(ffmpeg, tmp_path / name, "aac", 0.5)
    sound = FileSound(tmp_path / name)
    report = talk(tmp_path / "out.mp4", sound, "mp4-h264")
    assert not any("copied" in note for note in report.notes)
    assert silent_spans(np.round(heard(tmp_path / "out.mp4"), 4), RATE // 3)


# -- row 6 --


def test_pcm_whose_packets_say_another_length(sample, heard):
    path = sample("06-pcm-count/s_camcut.mov")
    assert np.array_equal(samples(FileSound(path)), heard(path))


@pytest.mark.parametrize("name", ["a.wav", "a.caf", "a.aiff", "a.au", "a.w64", "a.mov", "a.mkv"])
@pytest.mark.parametrize("codec", ["pcm_s16", "pcm_s24", "pcm_f32"])
def test_pcm_from_pipes(ffmpeg, heard, tmp_path, name, codec):
    codec += "be" if name in ("a.aiff", "a.au") else "le"
    form = {"wav": "wav", "mkv": "matroska"}.get(name[2:], name[2:])
    options = ["-movflags", "frag_keyframe+empty_moov"] if form == "mov" else []
    source = [*TONE, "-t", 1.2, "-ac", 2, "-c:a", codec]
    if form in ("aiff", "w64"):  # which cannot be read when they come from a pipe
        ffmpeg(*source, tmp_path / name)
    else:
        (tmp_path / name).write_bytes(ffmpeg(*source, *options, "-f", form, "-"))
    sound = FileSound(tmp_path / name)
    expected = heard(tmp_path / name, 2)
    assert sound.n_samples == expected.shape[1]
    assert np.abs(samples(sound) - expected).max() < 1e-6
    assert not sound.notes


# -- row 10: times --


def gap(ffmpeg, path: Path, codec: str, seconds: float) -> None:
    late = f"asetpts='PTS+if(gte(T,1),{seconds}/TB,0)'"
    ffmpeg("-f", "lavfi", "-i", f"sine=f=300:d=2:r={RATE}", "-af", late, "-c:a", codec, path)


@pytest.mark.parametrize("seconds", [0.1, 0.5, 3])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("g.m4a", "aac"), ("g.mkv", "aac"), ("g.webm", "libopus"), ("g.ts", "aac"),
        ("p.mkv", "pcm_s16le"), ("f.mkv", "flac"), ("v.mkv", "libvorbis"), ("g.mkv", "ac3"),
        ("g.flv", "aac"),
    ],
)  # fmt: skip
def test_a_gap_is_silence_of_its_length(ffmpeg, heard, tmp_path, name, codec, seconds):
    gap(ffmpeg, tmp_path / name, codec, seconds)
    sound, joined = FileSound(tmp_path / name), heard(tmp_path / name)
    missing = sound.n_samples - joined.shape[1]
    assert abs(missing - seconds * RATE) <= RATE // 500
    x = samples(sound)
    (at,) = [start for start, n in silent_spans(x, RATE // 20) if n >= missing - 10]
    assert abs(at - RATE) < (RATE // 4 if name == "g.ts" else RATE // 10)  # PES of 0.2 s
    assert np.abs(x[:, -RATE // 2 :] - joined[:, -RATE // 2 :]).max() < 1e-6
    assert told(sound, f"{missing / RATE:.2f} s of sound at", "silence there")


@pytest.mark.parametrize(
    "shift",
    ["0.004*sin(40*T)", "0.02*T", "-0.02*T", "0.003*random(0)"],
    ids=["wobbling", "fast", "slow", "jitter"],
)
@pytest.mark.parametrize("name", ["j.mkv", "j.mp4", "j.flv"])
def test_clocks_that_are_not_exact_leave_no_gaps(ffmpeg, heard, tmp_path, shift, name):
    ffmpeg(*TONE, "-af", f"asetpts='PTS+({shift})/TB'", "-c:a", "aac", tmp_path / name)
    sound = FileSound(tmp_path / name, strict=True)
    assert not sound.notes
    assert np.abs(samples(sound) - heard(tmp_path / name)).max() < 1e-6


def test_a_clock_that_starts_anew_is_played_on(ffmpeg, tmp_path):
    for name in ("a.ts", "b.ts"):
        ffmpeg(*TONE, "-t", 1.5, "-c:a", "aac", tmp_path / name)
    n = FileSound(tmp_path / "a.ts").n_samples
    both = (tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes()
    (tmp_path / "c.ts").write_bytes(both)
    sound = FileSound(tmp_path / "c.ts")
    assert abs(sound.n_samples - 2 * n) <= 2048
    assert not told(sound, "missing")


# -- row 13: lengths that headers state --


@pytest.mark.parametrize("size", [0, 2_000_000_000, 10**9, 1 << 30, 0x7FFFF000, 0xFFFFFFFF])
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_f32le"])
def test_sizes_of_streams_are_no_sizes(ffmpeg, tmp_path, size, codec):
    data = bytearray(ffmpeg(*TONE, "-c:a", codec, "-f", "wav", "-"))
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    (tmp_path / "a.wav").write_bytes(data)
    sound = FileSound(tmp_path / "a.wav", strict=True)
    assert sound.n_samples == 4 * RATE and not sound.notes


def test_an_mp3_that_outlived_its_table(ffmpeg, heard, tmp_path):
    ffmpeg(*TONE, tmp_path / "a.mp3")
    data = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "a.mp3").write_bytes(data[: len(data) // 2])
    sound = FileSound(tmp_path / "a.mp3")
    assert abs(sound.n_samples - heard(tmp_path / "a.mp3").shape[1]) <= 1152
    assert told(sound, "of 4.00 s")
    with pytest.raises(SoundError, match=r"a\.mp3 ends after .* of 4\.00 s"):
        FileSound(tmp_path / "a.mp3", strict=True)


def test_flac_of_unknown_length(ffmpeg, tmp_path):
    ffmpeg(*TONE, tmp_path / "a.flac")
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] &= 0xF0  # STREAMINFO: 36 bits of total samples
    data[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(data)
    assert FileSound(tmp_path / "a.flac", strict=True).n_samples == 4 * RATE


# -- row 18: layouts --

PLACES = ["FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR", "TC", "TFL", "TFC"]
PLACES += ["TFR", "TBL", "TBC", "TBR"]


@pytest.mark.parametrize(
    ("channels", "layout", "lossy"),
    [
        ("SL+SR", "stereo", False), ("FL+FC", "stereo", False), ("FC+SR", "stereo", False),
        ("FLC+FRC", "stereo", False), ("BL+BR", "stereo", False), ("TFL+TFR", "stereo", False),
        ("FL+FR+TFL+TFR", "stereo", True), ("FC+LFE", "mono", True),
        ("FL+FR+FC+LFE+SL+SR+TFL+TFR", "5.1(side)", True), ("BL+BR+SL+SR", "7.1", False),
        ("FL+FR+FC+LFE+BL+BR+SL+SR+TFL+TFR+TBL+TBR", "7.1", True), ("TFC", "mono", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("preset", ["mp4-h264", "webm-vp9"])
def test_layouts_that_no_codec_knows(tmp_path, ffprobe_json, channels, layout, lossy, preset):
    """A tone of its own in each channel is heard again; left stays left."""
    names = channels.split("+")
    t = np.arange(RATE) / RATE
    tones = [np.sin(2 * np.pi * (300 + 100 * i) * t) * 0.3 for i in range(len(names))]
    data = (np.stack(tones, 1) * 32767).astype("<i2")
    mask = sum(1 << PLACES.index(name) for name in names)
    path = wav(tmp_path / "a.wav", data.tobytes(), len(names), 2, 16, mask)
    sound = FileSound(path)
    assert sound.layout == layout
    x = samples(sound)
    assert np.abs(x).max() <= 1
    level = np.abs(np.fft.rfft(x, axis=1))[:, [300 + 100 * i for i in range(len(names))]]
    for i, name in enumerate(names):
        assert (level[:, i].max() > 500) == (name != "LFE" or layout != "mono"), name
    if len(names) == 2 and layout == "stereo":  # all of them have the further left one first
        assert level[0, 0] > 100 * level[1, 0] and level[1, 1] > 100 * level[0, 1]
    assert bool(sound.notes) == (channels != "TFC")
    if lossy:
        with pytest.raises(SoundError, match="mixed down"):
            FileSound(path, strict=True)
    out = tmp_path / f"out{PRESETS[preset].extension}"
    talk(out, sound, preset)
    assert any(s["codec_type"] == "audio" for s in ffprobe_json(out)["streams"])


# -- rows 19 and 20 --


@pytest.mark.parametrize("preset", [n for n, e in PRESETS.items() if e.sound])
@pytest.mark.parametrize("rate", [1_000_000, 1_600_000, 3_000_000])
def test_rates_beyond_all_codecs(ffmpeg, tmp_path, preset, rate):
    ffmpeg(*TONE, "-t", 0.1, "-ar", rate, tmp_path / "a.wav")
    path = tmp_path / f"out{PRESETS[preset].extension}"
    report = talk(path, FileSound(tmp_path / "a.wav"), preset)
    assert report.info.sound is not None and report.info.agrees


@pytest.mark.parametrize(("width", "bits"), [(2, 12), (3, 20), (4, 20), (4, 24), (4, 32), (2, 8)])
@pytest.mark.parametrize("channels", [1, 2])
def test_valid_bits(tmp_path, width, bits, channels):
    """Samples stand in the upper bits of their place."""
    step = 1 << (8 * width - bits)
    top = 1 << (8 * width - 1)
    x = np.random.default_rng(1).integers(-top // step, top // step, (5000, channels)) * step
    packed = x.astype("<i8").reshape(-1, 1).view("u1")[:, :width].tobytes()
    sound = FileSound(wav(tmp_path / "a.wav", packed, channels, width, bits, 0))
    assert np.abs(samples(sound) - x.T / top).max() < 1e-6
    assert sound.bits == (16 if width == 2 else 24)


def test_a_recorder_with_24_bits_in_32(sample):
    path = sample("27-24-bits-in-32/s_24in32.wav")
    expected = np.frombuffer(path.read_bytes()[68:], "<i4") / 2**31
    assert np.abs(samples(FileSound(path))[0] - expected).max() < 1e-6


def test_a_codec_without_a_decoder_is_named(ffmpeg, tmp_path):
    ffmpeg(*TONE, "-c:a", "aac", tmp_path / "a.m4a")
    data = (tmp_path / "a.m4a").read_bytes()
    at = data.index(b"mp4a", data.index(b"stsd"))
    data = data[:at] + b"mhm1" + data[at + 4 :].replace(b"esds", b"free", 1)
    (tmp_path / "a.m4a").write_bytes(data)
    with pytest.raises(SoundError, match=r"mpegh_3d_audio.*Convert it to WAV"):
        FileSound(tmp_path / "a.m4a")


# -- row 21: which track, and when it begins --


@pytest.mark.parametrize("name", ["two.mkv", "two.mp4"])
@pytest.mark.parametrize("default", [0, 1])
def test_the_default_track_is_played_and_copied(ffmpeg, heard, tmp_path, name, default):
    flags = [o for i in (0, 1) for o in (f"-disposition:a:{i}", "default" if i == default else "0")]
    second = ["-f", "lavfi", "-i", f"sine=f=900:d=4:r={RATE}"]
    ffmpeg(*TONE, *second, "-map", 0, "-map", 1, "-c:a", "aac", *flags, tmp_path / name)
    sound = FileSound(tmp_path / name)
    tone = 900 if default else 300
    assert np.abs(np.fft.rfft(samples(sound)[0][:RATE])).argmax() == tone
    report = talk(tmp_path / "out.mp4", sound, "mp4-h264")
    assert any("copied" in note for note in report.notes)
    assert np.abs(np.fft.rfft(heard(tmp_path / "out.mp4")[0][:RATE])).argmax() == tone


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv", "o.ts", "o.mov"])
@pytest.mark.parametrize(("picture", "sound"), [(0, 0.7), (0.6, 0), (0, 0)])
def test_own_sound_begins_as_late_as_in_the_file(
    ffmpeg, ffprobe_json, tmp_path, name, picture, sound
):
    source = ["-f", "lavfi", "-itsoffset", picture, "-i", "testsrc=s=64x48:d=2:r=25"]
    tone = ["-f", "lavfi", "-itsoffset", sound, "-i", f"sine=f=300:d=2:r={RATE}"]
    path = tmp_path / name
    ffmpeg(*source, *tone, "-c:v", "mpeg4", "-bf", 0, "-c:a", "aac", path)
    starts = {s["codec_type"]: float(s["start_time"]) for s in ffprobe_json(path)["streams"]}
    expected = starts["audio"] - starts["video"]
    alone, beside = FileSound(path), own_sound(path)
    assert abs(alone.offset - Fraction(expected)) < Fraction(3, 1000)
    late = round(alone.offset * RATE)
    assert beside.n_samples == alone.n_samples + late
    x, y = samples(alone), samples(beside)
    assert np.array_equal(y[:, max(0, late) :], x[:, max(0, -late) :])
    assert not y[:, : max(0, late)].any()


def test_own_sound_of_a_sound_is_the_sound(ffmpeg, tmp_path, sample):
    ffmpeg(*TONE, tmp_path / "a.wav")
    assert own_sound(tmp_path / "a.wav").n_samples == 4 * RATE
    late = FileSound(sample("21-default-track-own-offset/late.mp4"))
    assert late.offset == Fraction(37344, RATE)


# -- row 25, and notes --


@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_f64le"])
@pytest.mark.parametrize("name", ["a.wav", "a.mov"])
def test_samples_that_are_no_numbers_are_said_on_opening(ffmpeg, tmp_path, codec, name):
    width = 4 if "32" in codec else 8
    data = np.zeros(RATE, "<f4" if width == 4 else "<f8")
    data[30_000] = np.nan
    raw = ["-f", codec.removeprefix("pcm_"), "-ar", RATE, "-ac", 1, "-i", "-"]
    ffmpeg(*raw, "-c:a", "copy", tmp_path / name, stdin=data.tobytes())
    with pytest.raises(SoundError, match=r"not a number .* at 0\.625 s"):
        FileSound(tmp_path / name)
    with pytest.raises(SoundError, match=r"not a number .* at 0\.625 s"):
        ArraySound(data[None], RATE)


def test_large_floats_are_numbers(ffmpeg, tmp_path):
    data = np.full(RATE, 1e30, "<f4")
    raw = ["-f", "f32le", "-ar", RATE, "-ac", 1, "-i", "-"]
    ffmpeg(*raw, "-c:a", "copy", tmp_path / "a.wav", stdin=data.tobytes())
    assert FileSound(tmp_path / "a.wav").n_samples == RATE


def test_wrappers_pass_notes_on(ffmpeg, tmp_path):
    gap(ffmpeg, tmp_path / "g.mkv", "flac", 0.5)
    sound = FileSound(tmp_path / "g.mkv")
    assert sound.notes
    assert Part(sound, 0, 9).notes == Padded(sound, 1, 1).notes == sound.notes
    assert trim(sound, 0.5).notes == sound.notes


# -- recordings glued together --


@pytest.mark.parametrize(
    "second",
    [
        [],
        ["-mpegts_start_pid", 0x200],
        ["-mpegts_start_pid", 0x300, "-mpegts_service_id", 7, "-mpegts_pmt_start_pid", 0x1200],
        ["-mpegts_start_pid", 0x300, "-mpegts_pmt_start_pid", 0x1200, "-output_ts_offset", 5],
        ["-output_ts_offset", 5000],
    ],
)
@pytest.mark.parametrize("kind", ["mp2", "aac"])
@pytest.mark.parametrize("film", [True, False])
def test_all_sound_of_glued_transport_streams(ffmpeg, heard, tmp_path, second, kind, film):
    """The next recording may have tracks of its own, and a clock of its own."""
    parts = []
    for pitch in (300, 900):
        parts.append(tmp_path / f"{pitch}.ts")
        picture = ["-f", "lavfi", "-i", "testsrc2=s=64x48:d=2", "-c:v", "mpeg2video"]
        tone = ["-f", "lavfi", "-i", f"sine=f={pitch}:d=2:r={RATE}"]
        where = second if pitch == 900 else []
        ffmpeg(*tone, *(picture if film else []), "-c:a", kind, *where, parts[-1])
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    first, other = (heard(part) for part in parts)
    sound = FileSound(both)
    got = samples(sound)
    assert got.shape[1] == first.shape[1] + other.shape[1]
    cut, near = first.shape[1], 2500  # samples: decoders fade from one into the other
    close = 1e-3  # AAC has noise that decoders make up
    assert np.abs(got[:, : cut - near] - first[:, :-near]).max() < close
    assert np.abs(got[:, cut + near :] - other[:, near:]).max() < close
    assert told(sound, "starts anew") and not sound.copyable
    assert (samples(sound) == got).all()
