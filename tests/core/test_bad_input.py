"""What cannot be used is refused with one sentence, and nothing is left behind."""

import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsync_core.errors import SoundError
from imgsync_core.media.file_sound import FileSound

from .command import imgsync
from .judge import JUDGED, numbered, pictures, run, stream

__all__ = ["imgsync"]
pytestmark = JUDGED

RATE = 16000


def wav(path: Path, samples: np.ndarray, kind: str = "<i2") -> Path:
    """A RIFF file, written by hand so that anything can be wrong in it."""
    code = 3 if "f" in kind else 1
    width = np.dtype(kind).itemsize
    data = samples.astype(kind).tobytes()
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, code, 1, RATE, RATE * width, width, 8 * width)
    body = b"WAVE" + head + struct.pack("<4sI", b"data", len(data)) + data
    path.write_bytes(struct.pack("<4sI", b"RIFF", len(body)) + body)
    return path


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    """A folder with usable files: a.png, a.jpg, a.wav, a.mp3, a.m4a, a.flac, clip.mp4, ..."""
    folder = tmp_path_factory.mktemp("good")
    picture = np.random.default_rng(7).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    for name in ("a.png", "a.jpg", "a.webp", "a.bmp", "a.gif", "a.tif", "a.avif"):
        Image.fromarray(picture).save(folder / name)
    tone = 9000 * np.sin(np.arange(RATE) * 2 * np.pi * 220 / RATE)
    wav(folder / "a.wav", tone)
    for name in ("a.mp3", "a.m4a", "a.flac", "a.ogg", "a.aiff"):
        run("ffmpeg", "-v", "error", "-i", folder / "a.wav", folder / name)
    raw = numbered(range(1, 26), (64, 48)).tobytes()
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x48", "-r", 25, "-i", "-")
    for name in ("clip.mp4", "clip.webm", "clip.mkv"):
        run("ffmpeg", "-v", "error", *source, "-an", folder / name, stdin=raw)
    return folder


@pytest.fixture
def refused(imgsync, tmp_path):
    """Check that a command is refused as the house wants it; returns the sentence."""

    def check(*words: object) -> str:
        before = {path: path.stat() for path in tmp_path.rglob("*")}
        ran = imgsync(*words)
        assert ran.code == 1
        assert ran.out == ""
        (line,) = ran.err.splitlines()
        assert line.startswith("imgsync: ")
        assert line.endswith(".")
        assert "Traceback" not in line and "please report" not in line.lower()
        after = {path: path.stat() for path in tmp_path.rglob("*")}
        assert {p: (s.st_size, s.st_mtime_ns) for p, s in after.items() if p.is_file()} == {
            p: (s.st_size, s.st_mtime_ns) for p, s in before.items() if p.is_file()
        }
        assert not list(tmp_path.rglob("*.part"))
        return line.removeprefix("imgsync: ")

    return check


@pytest.fixture
def extend(refused, good, tmp_path):
    """Refused: extend a picture by a sound, good ones unless said otherwise."""

    def check(*more: object, picture="a.png", sound="a.wav", out="out.mp4") -> str:
        words = [good / picture, *([] if sound is None else [good / sound])]
        return refused("extend", *words, "-o", tmp_path / out, *more)

    return check


def test_the_good_files_are_good(imgsync, good, tmp_path):
    """Without this, all of the below could be refused for no reason."""
    out = tmp_path / "out.mp4"
    for picture in [*sorted(good.glob("a.[pjbgtw][!a]*")), *sorted(good.glob("clip.*"))]:
        ran = imgsync("extend", picture, good / "a.wav", "-o", out, "--overwrite", "--quiet")
        if picture.suffix not in (".wav",):
            assert (ran.code, ran.err) == (0, ""), picture
            assert len(pictures(out)) == 25
    for sound in ("a.mp3", "a.m4a", "a.flac", "a.ogg", "a.aiff"):
        ran = imgsync("extend", good / "a.png", good / sound, "-o", out, "--overwrite", "--quiet")
        assert (ran.code, ran.err) == (0, ""), sound


# -- files that are not what they should be --


@pytest.mark.parametrize("what", ["picture", "sound"])
def test_a_file_that_is_not_there(what, extend, tmp_path):
    sentence = extend(**{what: tmp_path / "nowhere" / "a.png"})
    assert "there is no such file" in sentence
    assert str(tmp_path / "nowhere" / "a.png") in sentence


@pytest.mark.parametrize("what", ["picture", "sound"])
def test_a_folder(what, extend, tmp_path):
    assert "is a folder" in extend(**{what: tmp_path})


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.mp4", "a"])
def test_an_empty_picture(name, extend, tmp_path):
    (tmp_path / name).touch()
    assert f"{name} is empty" in extend(picture=tmp_path / name)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a"])
def test_an_empty_sound(name, extend, tmp_path):
    (tmp_path / name).touch()
    assert f"{name} is empty" in extend(sound=tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.tif", "a.mp4", "a.txt"])
def test_text_in_place_of_a_picture(name, extend, tmp_path):
    (tmp_path / name).write_text("This is not a picture.\n" * 100)
    assert name in extend(picture=tmp_path / name)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a", "a.flac", "a.ogg", "a.txt"])
def test_text_in_place_of_a_sound(name, extend, tmp_path):
    (tmp_path / name).write_text("This is not a sound.\n" * 100)
    sentence = extend(sound=tmp_path / name)
    assert f"{name} is not a sound" in sentence or f"{name} has no sound" in sentence


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.bmp", "a.gif", "a.tif", "a.avif"])
def test_a_picture_that_is_cut_short(name, share, extend, good, tmp_path):
    if name in ("a.png", "a.jpg") and share > 0.1:
        pytest.skip("shown as far as it goes, as viewers do")
    data = (good / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    assert name in extend(picture=tmp_path / name)


@pytest.mark.parametrize("share", [0.02, 0.5])
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a", "a.flac", "a.ogg", "a.aiff"])
def test_a_sound_that_is_cut_short(name, share, good, tmp_path):
    if name == "a.ogg" and share == 0.5:
        pytest.skip("Ogg does not say how long it is")
    data = (good / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(SoundError, match=name):
        FileSound(tmp_path / name, strict=True)


@pytest.mark.parametrize(
    ("name", "share"),
    [("clip.mp4", 0.02), ("clip.mp4", 0.5), ("clip.webm", 0.02), ("clip.mkv", 0.02)],
)
def test_a_clip_that_is_cut_short_before_its_first_frame(name, share, extend, good, tmp_path):
    data = (good / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    assert name in extend("--mode", "loop", picture=tmp_path / name)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.webm", "clip.mkv"])
def test_a_clip_that_is_cut_short_is_used_as_far_as_it_goes(name, imgsync, good, tmp_path):
    """Also where its index is whole and promises frames that are not there."""
    whole, cut, out = tmp_path / f"whole_{name}", tmp_path / name, tmp_path / "out.mp4"
    moved = ("-movflags", "+faststart") if name == "clip.mp4" else ()
    run("ffmpeg", "-v", "error", "-i", good / name, "-c", "copy", *moved, whole)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 9 // 10])
    ran = imgsync("extend", cut, good / "a.wav", "-o", out, "--mode", "loop")
    assert ran.code == 0 and len(pictures(out)) == 25


def test_noise_in_the_middle_of_a_picture(extend, good, tmp_path):
    data = bytearray((good / "a.png").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    (tmp_path / "a.png").write_bytes(data)
    assert "a.png" in extend(picture=tmp_path / "a.png")


def test_a_video_without_sound(extend, good):
    assert "clip.mp4 has no sound" in extend(sound=good / "clip.mp4")


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_picture_in_place_of_a_sound(name, extend, good):
    assert name in extend(sound=good / name)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a"])
def test_a_sound_in_place_of_a_picture(name, extend, good):
    assert f"{name} has no picture" in extend(picture=good / name)


def test_a_sound_without_samples(extend, tmp_path):
    path = wav(tmp_path / "none.wav", np.zeros(0))
    assert "none.wav has no samples" in extend(sound=path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["<f4", "<f8"])
@pytest.mark.parametrize("loudness", [(), ("--loudness", -20)])
def test_samples_that_are_no_numbers(loudness, kind, value, extend, tmp_path):
    samples = np.zeros(RATE)
    samples[4000] = value
    sentence = extend(*loudness, sound=wav(tmp_path / "bad.wav", samples, kind))
    assert "bad.wav" in sentence and "not a number" in sentence and "0.250 s" in sentence


def test_a_picture_of_16384_by_16384(extend, tmp_path):
    """268 megapixels in a few kilobytes: refused before they are unpacked."""
    path = tmp_path / "huge.png"
    Image.new("1", (16384, 16384)).save(path)
    assert path.stat().st_size < 100_000
    sentence = extend(picture=path)
    assert "16384x16384" in sentence or "too many pixels" in sentence
    assert "megapixels" in sentence


def test_a_picture_of_one_pixel_is_no_problem(imgsync, good, tmp_path):
    Image.new("RGB", (1, 1), (200, 60, 30)).save(tmp_path / "dot.png")
    out = tmp_path / "out.mp4"
    ran = imgsync("extend", tmp_path / "dot.png", good / "a.wav", "-o", out)
    assert ran.code == 0
    assert "1x1 to 2x2" in ran.out
    frames = pictures(out)
    assert frames.shape == (25, 2, 2, 3)
    assert np.abs(frames.astype(int) - (200, 60, 30)).max() <= 2


@pytest.mark.parametrize("name", ["x" * 300 + ".png", "x" * 300 + ".wav"])
def test_a_name_that_no_disk_takes(name, extend, tmp_path):
    sentence = extend(**{"sound" if name.endswith("wav") else "picture": tmp_path / name})
    assert "..." in sentence or "xxx" in sentence


# -- numbers that make no sense --


@pytest.mark.parametrize("fps", ["0", "-25", "nan", "inf", "-inf", "1e9", "1/0", "abc", "", "0.01"])
def test_frame_rates(fps, extend):
    assert "rame rate" in extend(f"--fps={fps}")


@pytest.mark.parametrize("frames", ["0", "-1", "5"])
def test_numbers_of_frames(frames, extend):
    assert "frames" in extend(f"--frames={frames}")  # 5 are less than the sound needs


@pytest.mark.parametrize("frames", ["0", "-1"])
def test_numbers_of_frames_without_a_sound(frames, extend):
    assert "frames" in extend(f"--frames={frames}", sound=None)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "abc", "", "0.5"])
def test_numbers_of_seconds(seconds, extend):
    assert extend(f"--seconds={seconds}")


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "abc", "1e9", "1e99"])
def test_numbers_of_seconds_without_a_sound(seconds, extend):
    assert extend(f"--seconds={seconds}", sound=None)


def test_neither_sound_nor_frames_nor_seconds(extend):
    assert "Give a sound" in extend(sound=None)


@pytest.mark.parametrize("option", ["--start", "--duration", "--pad-start", "--pad-end"])
@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "abc", "", "1/0"])
def test_parts_of_a_sound(option, seconds, extend):
    assert extend(f"{option}={seconds}")


@pytest.mark.parametrize("start", ["1", "1.5", "1e9"])
def test_a_start_behind_the_end(start, extend):
    assert "nothing is left" in extend("--start", start)


@pytest.mark.parametrize("seconds", ["1e9", "1e30"])
@pytest.mark.parametrize("option", ["--pad-start", "--pad-end"])
def test_a_silence_of_decades(option, seconds, extend):
    assert "a day at most" in extend(option, seconds)


@pytest.mark.parametrize("loudness", ["0", "-100", "nan", "inf", "-inf"])
def test_loudnesses(loudness, extend):
    assert "LUFS" in extend(f"--loudness={loudness}")


@pytest.mark.parametrize("grid", ["", "0k", "k", "-4k", "4k-1", "4k+", "abc", "1.5k"])
def test_grids(grid, extend):
    assert "rid" in extend(f"--grid={grid}")


@pytest.mark.parametrize(
    "size", ["", "x", "64", "64x", "x64", "64x-1", "axb", "64x64x64", "1e3x1e3", "200000x200000"]
)
def test_sizes(size, extend):
    assert extend(f"--size={size}")


@pytest.mark.parametrize("multiple", ["0", "-2", "100000"])
def test_multiples(multiple, extend):
    assert extend(f"--multiple-of={multiple}")


@pytest.mark.parametrize("color", ["", "no-colour", "#12", "rgb(1,2)", "256,0,0"])
def test_colours(color, extend):
    assert "is not a colour" in extend(f"--background={color}")


@pytest.mark.parametrize("fade", ["-1", "25", "1000"])
def test_cross_fades(fade, extend, good):
    assert "cross-fade" in extend("--mode=loop", f"--crossfade={fade}", picture=good / "clip.mp4")


@pytest.mark.parametrize("rect", ["", "0,0,1", "0,0,2,2", "-0.1,0,1,1", "a,b,c,d", "nan,0,1,1"])
@pytest.mark.parametrize("option", ["--from", "--to"])
def test_views(option, rect, extend):
    assert extend("--mode=pan-zoom", f"{option}={rect}")


def test_a_pan_over_a_clip(extend, good):
    assert "25 frames" in extend("--mode=pan-zoom", picture=good / "clip.mp4")


@pytest.mark.parametrize("crf", ["0", "52", "-1", "1000"])
def test_qualities(crf, extend):
    assert "CRF" in extend(f"--crf={crf}")


@pytest.mark.parametrize("kbps", ["0", "-192", "1000"])
def test_bit_rates(kbps, extend):
    assert "kbit/s" in extend(f"--audio-bitrate={kbps}")


# -- places that cannot be written --


def test_an_existing_file_is_kept_without_overwrite(extend, tmp_path):
    (tmp_path / "out.mp4").write_bytes(b"precious")
    assert "exists already" in extend()
    assert (tmp_path / "out.mp4").read_bytes() == b"precious"


def test_an_existing_file_is_kept_when_overwriting_fails(extend, tmp_path):
    (tmp_path / "out.mp4").write_bytes(b"precious")
    samples = np.zeros(20 * RATE)
    samples[-1] = np.nan
    extend("--overwrite", sound=wav(tmp_path / "bad.wav", samples, "<f4"))
    assert (tmp_path / "out.mp4").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("out", "without extension"),
        ("out.avi", ".avi"),
        ("out.mp4.txt", ".txt"),
        ("missing/out.mp4", "no such folder"),
        ("file/out.mp4", "no such folder"),
        ("folder.mp4", "is a folder"),
        ("x" * 300 + ".mp4", "too long"),
    ],
)
def test_targets(out, words, extend, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()
    assert words in extend(out=out)


@pytest.mark.parametrize("preset", ["webm-vp9", "gif", "mkv-ffv1"])
def test_a_preset_that_does_not_fit_the_name(preset, extend):
    assert f"{preset} files end in" in extend("--preset", preset)


@pytest.fixture
def disk(tmp_path):
    """Mounts a file system in a folder; skips where that is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        if not shutil.which("mount") or os.geteuid() != 0:
            pytest.skip("only root can mount a disk")
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a disk cannot be mounted here")
        return folder

    yield mount
    if os.path.ismount(folder):
        subprocess.run(["umount", str(folder)], check=True)


def test_a_folder_that_may_not_be_written(extend, disk):
    disk("size=64k,ro")
    assert "may not be written" in extend(out="disk/out.mp4")


@pytest.mark.parametrize("out", ["out.mp4", "out.mkv", "out.webm", "out.mov"])
def test_a_full_disk(out, extend, disk):
    disk("size=8k")  # a page for the lock and one for the file: without, PyAV leaves it open
    assert "disk is full" in extend("--quiet", "--size=640x480", out=f"disk/{out}")


# -- JSON, and the other commands --


@pytest.mark.parametrize(
    "words",
    [
        ("extend", "nothing.png", "nothing.wav", "-o", "out.mp4"),
        ("probe", "nothing.mp4"),
        ("demo", "nowhere/out.mp4"),
    ],
)
def test_errors_are_json_too(words, imgsync, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = imgsync(*words, "--json")
    assert ran.code == 1
    told = json.loads(ran.out)
    assert list(told) == ["error"]
    assert ran.err == f"imgsync: {told['error']}\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", [b"", b"text\n" * 50, b"RIFF\x00\x00\x00\x00WEBPVP8 ", b"\0" * 99]
)
@pytest.mark.parametrize("name", ["a.mp4", "a.wav", "a.webp", "a"])
def test_probing_what_is_no_media_file(name, content, refused, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert name in refused("probe", tmp_path / name)


@pytest.mark.parametrize("name", ["nothing.mp4", "."])
def test_probing_what_is_no_file(name, refused, tmp_path):
    assert refused("probe", tmp_path / name)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e9"])
def test_a_demo_of_no_length(seconds, refused, tmp_path):
    assert "--seconds" in refused("demo", tmp_path / "a.mp4", f"--seconds={seconds}")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nonsense",),
        ("extend",),
        ("extend", "a.png", "-o", "a.mp4", "--frames", "1.5"),
        ("extend", "a.png", "-o", "a.mp4", "--crf", "good"),
        ("extend", "a.png", "-o", "a.mp4", "--mode", "spin"),
        ("extend", "a.png", "-o", "a.mp4", "--preset", "divx"),
        ("extend", "a.png", "-o", "a.mp4", "--nonsense"),
        ("probe",),
        ("demo",),
        ("demo", "a.mp4", "--seconds", "long"),
    ],
)
def test_words_that_make_no_command_exit_with_2(words, imgsync, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = imgsync(*words)
    assert ran.code == 2
    assert ran.err.startswith("imgsync") and len(ran.err.splitlines()) == 1
    assert "--help" in ran.err
    assert not list(tmp_path.iterdir())


def test_nothing_above_hides_that_it_works(imgsync, good, tmp_path):
    out = tmp_path / "out.mp4"
    assert imgsync("extend", good / "a.png", good / "a.wav", "-o", out).code == 0
    assert stream(out, "video")["nb_frames"] == "25"
