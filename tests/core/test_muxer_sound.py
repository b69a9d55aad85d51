"""Compressed sound that nothing was done to is copied; anything else is encoded anew."""

import io
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from imgsync_core.job import Job, SoundEdit, prepare, render
from imgsync_core.media.encoding import PRESETS
from imgsync_core.media.extend import HOLD
from imgsync_core.media.file_sound import FileSound

from .judge import (
    JUDGED,
    complaints,
    facts,
    found,
    impulse,
    milliseconds,
    packets,
    run,
    samples,
    shown,
    stream,
)
from .making import held, mux, talk

pytestmark = JUDGED

RATE = 48000
CLICK = 30011  # samples from the start
LENGTH = 61001
# source file, codec, options of ffmpeg, preset
COPIED = {
    "m4a in mp4": ("a.m4a", "aac", (), "mp4-h264"),
    "mp3 in mp4": ("a.mp3", "libmp3lame", (), "mp4-h264"),
    "m4a in h265": ("a.m4a", "aac", (), "mp4-h265"),
    "m4a in mov": ("a.m4a", "aac", (), "mov-prores4444"),
    "opus in webm": ("a.opus", "libopus", (), "webm-vp9"),
    "vorbis in webm": ("a.ogg", "libvorbis", (), "webm-vp9"),
    "vorbis in mkv": ("a.ogg", "libvorbis", (), "mkv-ffv1"),
    "ac3 in mkv": ("a.ac3", "ac3", ("-b:a", "192k"), "mkv-ffv1"),
    "opus in mkv": ("a.opus", "libopus", (), "mkv-ffv1"),
}
ENCODED = [
    ("a.m4a", "aac", "webm-vp9", "opus"),
    ("a.opus", "libopus", "mp4-h264", "aac"),
    ("a.flac", "flac", "mp4-h264", "aac"),
    ("a.wav", "pcm_s16le", "mp4-h264", "aac"),
    ("a.mp3", "libmp3lame", "webm-vp9", "opus"),
    ("a.wav", "pcm_s16le", "mkv-ffv1", "flac"),
    ("a.flac", "flac", "mkv-ffv1", "flac"),  # loses nothing, and ends with the picture
    ("a.m4a", "aac", "mkv-ffv1", "flac"),  # Matroska cannot say what players have to skip
    ("a.mp3", "libmp3lame", "mkv-ffv1", "flac"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Makes a file with a click in it, once for each kind."""
    folder = tmp_path_factory.mktemp("sounds")

    def make(name: str, codec: str, options: tuple = (), channels: int = 2):
        path = folder / f"{codec}-{channels}-{name}"
        if not path.exists():
            raw = impulse(LENGTH, CLICK, channels).T.astype("<f4").tobytes()
            source = ("-f", "f32le", "-ar", RATE, "-ac", channels, "-i", "-")
            command = ("ffmpeg", "-v", "error", *source, "-c:a", codec, *options, path)
            run(*command, stdin=raw)
        return path

    return make


def hashes(path) -> list[str]:
    return [packet["data_hash"] for packet in packets(path, "audio")]


@cache
def known(source) -> tuple[frozenset[str], float]:
    """Hashes of the packets of a made file, and when its click comes."""
    return frozenset(hashes(source)), found(samples(source)) / RATE


def copy(folder, source, preset: str, **edit):
    """The source under a small still, as the command line does it; the path and the report."""
    path = folder / f"out{PRESETS[preset].extension}"
    return path, talk(path, SoundEdit(**edit).apply(FileSound(source)), preset)


def heard_at(path) -> float:
    """When the click comes, in seconds after the sound begins."""
    return found(samples(path)) / int(stream(path, "audio")["sample_rate"])


@pytest.mark.parametrize("kind", COPIED)
def test_packets_are_taken_over_and_heard_at_their_place(kind, made, tmp_path):
    """Encoders put silence in front, which players skip; after a copy they still have to."""
    name, codec, options, preset = COPIED[kind]
    source = made(name, codec, options)
    path, report = copy(tmp_path, source, preset)
    assert any("copied" in note for note in report.notes)
    assert hashes(path) == hashes(source)
    assert complaints(path) == ""

    late = 256 / RATE if codec == "ac3" else 0  # which nothing tells players to skip
    heard = samples(source)
    assert milliseconds(found(heard) / RATE, CLICK / RATE + late) < 1
    assert milliseconds(found(samples(path)) / RATE, found(heard) / RATE) < 1

    told, end = facts(path), len(packets(path, "video")) / Fraction(25)
    audio, video = stream(told, "audio"), stream(told, "video")
    assert milliseconds(told["format"]["duration"], end) < 1
    assert -0.001 < float(end) - heard.shape[1] / RATE < 0.041  # all of it, and at most a frame
    assert float(video["start_time"]) == 0
    # Opus: 6.5 ms that are skipped, and Matroska's clock ticks in milliseconds
    assert float(audio["start_time"]) in (0, -0.007)
    if path.suffix in (".mp4", ".mov"):
        assert milliseconds(Fraction(audio["start_time"]) + Fraction(audio["duration"]), end) < 1
    packet = 1024 / RATE if codec == "libvorbis" else 0  # Matroska keeps no length of the last one
    assert report.info.difference <= Fraction(1, 1000) + Fraction(packet)


@pytest.mark.parametrize(("name", "codec", "preset", "becomes"), ENCODED)
def test_what_the_container_does_not_take_is_encoded(name, codec, preset, becomes, made, tmp_path):
    path, report = copy(tmp_path, made(name, codec), preset)
    assert stream(path, "audio")["codec_name"] == becomes
    assert not any("copied" in note for note in report.notes)
    assert milliseconds(heard_at(path), CLICK / RATE) < 1


def test_raw_aac_without_a_header_is_encoded(made, tmp_path):
    """ADTS repeats in every packet what MP4 wants once."""
    source = made("a.aac", "aac")
    path, report = copy(tmp_path, source, "mp4-h264")
    assert not any("copied" in note for note in report.notes)
    assert hashes(path) != hashes(source)
    assert complaints(path) == ""


@pytest.mark.parametrize(
    ("edit", "shift"),
    [
        ({"start": Fraction("0.1")}, -0.1),
        ({"duration": Fraction(1)}, 0),
        ({"pad_start": Fraction("0.25")}, 0.25),
        ({"pad_end": Fraction("0.25")}, 0),
        ({"loudness": -30.0}, 0),
    ],
)
@pytest.mark.parametrize("kind", ["m4a in mp4", "mp3 in mp4", "opus in webm"])
def test_what_was_changed_is_encoded_anew(kind, edit, shift, made, tmp_path):
    name, codec, options, preset = COPIED[kind]
    source = made(name, codec, options)
    path, report = copy(tmp_path, source, preset, **edit)
    assert not any("copied" in note for note in report.notes)
    before, click = known(source)
    assert not set(hashes(path)) >= before
    assert milliseconds(heard_at(path), click + shift) < 1


@pytest.mark.parametrize("bits", [16, 24])
def test_lossless_sound_stays_lossless(bits, tmp_path):
    source, raw = tmp_path / "a.flac", np.random.default_rng(5).integers(-(2**31), 2**31, LENGTH)
    options = ("-c:a", "flac", "-sample_fmt", "s16" if bits == 16 else "s32")
    reading = ("-f", "s32le", "-ar", RATE, "-ac", 1, "-i", "-")
    run("ffmpeg", "-v", "error", *reading, *options, source, stdin=raw.astype("<i4").tobytes())
    path, _ = copy(tmp_path, source, "mkv-ffv1")
    before, after = samples(source), samples(path)
    assert np.array_equal(after[:, :LENGTH], before)
    assert not after[:, LENGTH:].any()
    assert after.shape[1] == len(shown(path)) * RATE // 25


def test_the_sound_of_a_video_is_copied_too(made, tmp_path, ffmpeg):
    """Picture and sound start together in the source; only the sound is wanted."""
    source = tmp_path / "a.mp4"
    with_sound = ("-i", made("a.m4a", "aac"), "-c:a", "copy", "-shortest")
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:r=25:d=1", *with_sound, source)
    path, _ = copy(tmp_path, source, "mp4-h264")
    assert hashes(path) == hashes(source)
    assert milliseconds(heard_at(path), CLICK / RATE) < 1


def test_a_longer_picture_pads_the_copied_sound(made, tmp_path):
    """Asked for three seconds of a shorter sound, which is then left as it is."""
    path = tmp_path / "out.mp4"
    source = tmp_path / "a.png"
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", 1, source)
    job = Job(source, made("a.m4a", "aac"), seconds=3, extension=HOLD)
    report = render(prepare(job), path)
    told = facts(path)
    assert int(stream(told, "video")["nb_frames"]) == 75
    assert milliseconds(told["format"]["duration"], 3) < 1
    assert milliseconds(stream(told, "audio")["duration"], 3) < 1
    assert report.info.difference <= Fraction(1, 1000)
    assert milliseconds(heard_at(path), CLICK / RATE) < 1
    assert complaints(path) == ""


def test_copied_sound_survives_a_memory_target(made, tmp_path):
    memory, path = io.BytesIO(), tmp_path / "a.mp4"
    source = made("a.mp3", "libmp3lame")
    sound = FileSound(source)
    mux(memory, held(np.zeros((32, 32, 3), np.uint8), 35), sound=sound)
    path.write_bytes(memory.getvalue())
    assert hashes(path) == hashes(source)
