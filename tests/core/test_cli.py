"""The command line does what its help says, judged by the files and lines it makes."""

import argparse
import json
import re
import signal
import subprocess
import sys
import time
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsync_core import __version__
from imgsync_core.cli import base as cli
from imgsync_core.errors import InputError
from imgsync_core.media.encoding import PRESETS
from imgsync_core.media.extend import MODES
from imgsync_core.media.fit import MODES as FITS
from imgsync_core.media.motion import MOVES
from imgsync_core.timeline import GRIDS

from .command import imgsync
from .judge import (
    JUDGED,
    boxes,
    complaints,
    ends,
    facts,
    found,
    impulse,
    milliseconds,
    numbered,
    numbers,
    pictures,
    run,
    samples,
    stream,
)

__all__ = ["imgsync"]
pytestmark = JUDGED

RATE = 16000
LENGTH = 12345  # samples
CLICK = 8000
COLOR = (200, 60, 30)


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    """A folder: wide.png (red left, blue right), click.wav, clip.mkv (frames 1 to 7), clip.mp4."""
    folder = tmp_path_factory.mktemp("given")
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, :48], wide[:, 48:] = COLOR, (20, 80, 220)
    Image.fromarray(wide).save(folder / "wide.png")
    raw = impulse(LENGTH, CLICK).tobytes()
    reading = ("-f", "f32le", "-ar", RATE, "-ac", 1, "-i", "-")
    run("ffmpeg", "-v", "error", *reading, folder / "click.wav", stdin=raw)
    frames = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "32x32", "-r", 25, "-i", "-")
    for name, codec in (("clip.mkv", "ffv1"), ("clip.mp4", "libx264")):
        made = ("-c:v", codec, "-crf", 4, folder / name)
        run("ffmpeg", "-v", "error", *frames, *made, stdin=numbered(range(1, 8)).tobytes())
    return folder


@pytest.fixture
def extend(imgsync, given, tmp_path):
    """Extend a picture by a sound; the file and what ``--json`` told."""

    def call(*words: object, picture="wide.png", sound: str | None = "click.wav", out="out.mp4"):
        path = tmp_path / out
        inputs = [given / picture, *([] if sound is None else [given / sound])]
        ran = imgsync("extend", *inputs, "-o", path, "--json", *words)
        assert (ran.code, ran.err) == (0, "")
        return path, json.loads(ran.out)

    return call


# -- what it takes --


def test_a_picture_and_a_sound(extend):
    path, told = extend()
    n_frames = -(-LENGTH * 25 // RATE)
    at = ends(facts(path))
    assert (max(at.values()) - min(at.values())) * 1000 < 1
    assert int(stream(path, "video")["nb_frames"]) == told["picture"]["frames"] == n_frames
    assert milliseconds(found(samples(path)) / RATE, CLICK / RATE) < 1
    assert complaints(path) == ""
    assert told["agrees"] is True
    assert told["path"] == str(path)
    assert told["difference_ms"] < 1


@pytest.mark.parametrize("fps", ["24", "23.976", "30000/1001", "12.5", "60"])
def test_fps(fps, extend):
    path, _ = extend("--fps", fps)
    video = stream(path, "video")
    assert Fraction(video["avg_frame_rate"]) == Fraction(fps)
    assert int(video["nb_frames"]) == -(-LENGTH * Fraction(fps) // RATE)


@pytest.mark.parametrize("sound", ["click.wav", None])
@pytest.mark.parametrize(
    ("words", "n_frames"), [(("--frames", 37), 37), (("--seconds", "2.5"), 63), ((), 20)]
)
def test_frames_and_seconds(words, n_frames, sound, extend):
    if not words and sound is None:
        words, n_frames = ("--seconds", "1/25"), 1
    path, _ = extend(*words, sound=sound)
    told = facts(path)
    assert int(stream(told, "video")["nb_frames"]) == n_frames
    assert milliseconds(told["format"]["duration"], n_frames / Fraction(25)) < 1
    assert len(told["streams"]) == (1 if sound is None else 2)
    if sound is not None:
        assert milliseconds(stream(told, "audio")["duration"], n_frames / Fraction(25)) < 1


@pytest.mark.parametrize(
    ("grid", "n_frames"), [("any", 20), ("16k", 32), ("4k+1", 21), ("8n+1", 25), ("17k+5", 22)]
)
def test_grids(grid, n_frames, extend):
    path, _ = extend("--grid", grid)
    told = facts(path)
    assert int(stream(told, "video")["nb_frames"]) == n_frames
    assert milliseconds(stream(told, "audio")["duration"], n_frames / Fraction(25)) < 1
    assert milliseconds(found(samples(path)) / RATE, CLICK / RATE) < 1


@pytest.mark.parametrize("grid", ["16k", "4k+1"])
def test_grids_hold_for_frames_too(grid, extend):
    path, _ = extend("--grid", grid, "--frames", 40, sound=None)
    assert int(stream(path, "video")["nb_frames"]) == {"16k": 48, "4k+1": 41}[grid]


# -- size --


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (("--size", "48x16"), (48, 16)),
        (("--size", "48x48"), (48, 16)),  # keep: fits inside
        (("--size", "48x0"), (48, 16)),
        (("--size", "0x16"), (48, 16)),
        (("--size", "48x48", "--fit", "crop"), (48, 48)),
        (("--size", "48x48", "--fit", "pad"), (48, 48)),
        (("--size", "48x48", "--fit", "stretch"), (48, 48)),
        (("--multiple-of", 64), (64, 32 + 32)),
        (("--multiple-of", 64, "--fit", "pad"), (128, 64)),
        (("--size", "48X20", "--multiple-of", 8, "--fit", "crop"), (48, 16)),
    ],
)
def test_sizes(words, size, extend):
    path, told = extend(*words)
    assert pictures(path).shape[1:3] == size[::-1]
    assert (told["picture"]["width"], told["picture"]["height"]) == size


def middle(frame: np.ndarray, x: float, y: float) -> np.ndarray:
    """The colour around a point, given as parts of the frame."""
    h, w = frame.shape[:2]
    row, column = int(y * h), int(x * w)
    return frame[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3).mean(0)


RED, BLUE = np.array(COLOR), np.array((20, 80, 220))


@pytest.mark.parametrize(
    ("words", "top"),
    [
        ((), (0, 0, 0)),
        (("--background", "white"), (255, 255, 255)),
        (("--background", "#20a0ff"), (0x20, 0xA0, 0xFF)),
        (("--background", "rgb(1, 200, 3)"), (1, 200, 3)),
    ],
)
def test_padding_has_its_colour(words, top, extend):
    path, _ = extend("--size", "96x96", "--fit", "pad", *words)
    frame = pictures(path)[0]
    for x in (0.25, 0.75):
        assert np.abs(middle(frame, x, 0.1) - top).max() < 4
        assert np.abs(middle(frame, x, 0.9) - top).max() < 4
    assert np.abs(middle(frame, 0.25, 0.5) - RED).max() < 4
    assert np.abs(middle(frame, 0.75, 0.5) - BLUE).max() < 4


def test_padding_with_the_blurred_picture(extend):
    path, _ = extend("--size", "96x96", "--fit", "pad", "--background", "blur")
    frame = pictures(path)[0]
    assert np.abs(middle(frame, 0.05, 0.1) - RED).max() < 30
    assert np.abs(middle(frame, 0.95, 0.9) - BLUE).max() < 30
    assert frame[5, 40:56].std() < frame[48, 40:56].std()  # soft there, sharp here


def test_cropping_cuts_both_sides_evenly(extend):
    path, _ = extend("--size", "32x32", "--fit", "crop")
    frame = pictures(path)[0].astype(int)
    assert np.abs(frame[:, 2:12] - RED).mean() < 4
    assert np.abs(frame[:, 20:30] - BLUE).mean() < 4


# -- motion --


def triangle(n: int, k: int) -> list[int]:
    order = [*range(1, k + 1), *range(k - 1, 1, -1)]
    return [order[i % len(order)] for i in range(n)]


@pytest.mark.parametrize("clip", ["clip.mkv", "clip.mp4"])
@pytest.mark.parametrize(
    ("words", "shows"),
    [
        ((), [1, 2, 3, 4, 5, 6, 7] + [7] * 13),
        (("--mode", "hold"), [1, 2, 3, 4, 5, 6, 7] + [7] * 13),
        (("--mode", "loop"), [i % 7 + 1 for i in range(20)]),
        (("--mode", "ping-pong"), triangle(20, 7)),
    ],
)
def test_modes(words, shows, clip, extend):
    path, _ = extend(*words, picture=clip)
    assert numbers(pictures(path)) == shows


def test_a_cross_fade(extend):
    """Two frames lie over the next two: each pass has five."""
    path, _ = extend("--mode", "loop", "--crossfade", 2, picture="clip.mkv")
    frames, clip = pictures(path), numbered(range(1, 8)).astype(float)
    assert numbers(frames[:5]) == [1, 2, 3, 4, 5]
    for at in (5, 10, 15):
        assert np.abs(frames[at] - (clip[5] * 2 + clip[0]) / 3).mean() < 4
        assert np.abs(frames[at + 1] - (clip[6] + clip[1] * 2) / 3).mean() < 4
        assert numbers(frames[at + 2 : at + 5]) == [3, 4, 5]


def test_a_clip_keeps_its_rate_or_takes_another(extend):
    path, _ = extend("--mode", "loop", "--fps", 50, picture="clip.mkv")
    assert numbers(pictures(path))[:14] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]
    path, _ = extend("--mode", "loop", "--overwrite", picture="clip.mkv")
    assert Fraction(stream(path, "video")["avg_frame_rate"]) == 25


def edge(frame: np.ndarray) -> float:
    """Where red becomes blue, as a part of the width."""
    return float((np.abs(frame - RED).sum(-1) < np.abs(frame - BLUE).sum(-1)).mean())


def test_panning_moves_the_picture(extend):
    right = [edge(f) for f in pictures(extend("--mode=pan-zoom", "--move=pan right")[0])]
    left = [
        edge(f) for f in pictures(extend("--mode=pan-zoom", "--move=pan left", "--overwrite")[0])
    ]
    assert right[0] == pytest.approx(0.5 / 0.8, abs=0.02)  # the left four fifths are seen
    assert right[-1] == pytest.approx(0.3 / 0.8, abs=0.02)
    assert all(a >= b - 0.001 for a, b in pairwise(right))
    assert np.abs(np.array(left) - right[::-1]).max() < 0.02


@pytest.mark.parametrize("linear", [False, True])
def test_views_are_those_that_were_asked_for(linear, extend):
    """From the left half to the right half; in the middle of the way, the middle half."""
    words = ("--from=0,0.25,0.5,0.5", "--to=0.5,0.25,0.5,0.5", "--frames=41")
    path, _ = extend("--mode=pan-zoom", *words, *(["--linear"] if linear else []), sound=None)
    frames = pictures(path)
    assert edge(frames[0]) == pytest.approx(1, abs=0.02)
    assert edge(frames[20]) == pytest.approx(0.5, abs=0.02)
    assert edge(frames[40]) == pytest.approx(0, abs=0.02)
    quarter = 0.25 if linear else 0.25**2 * (3 - 0.5)  # smoothstep starts slowly
    assert edge(frames[10]) == pytest.approx(1 - quarter, abs=0.03)


# -- sound --


@pytest.mark.parametrize(
    ("words", "length", "click"),
    [
        (("--start", "0.1"), LENGTH - 1600, CLICK - 1600),
        (("--duration", "0.6"), 9600, CLICK),
        (("--start", "1/4", "--duration", "0.3"), 4800, CLICK - 4000),
        (("--pad-start", "0.3"), LENGTH + 4800, CLICK + 4800),
        (("--pad-end", "0.7"), LENGTH + 11200, CLICK),
        (("--start", "0.4", "--duration", "0.2", "--pad-start", "1"), 19200, CLICK + 9600),
        (("--duration", "100"), LENGTH, CLICK),
    ],
)
def test_parts_of_the_sound(words, length, click, extend):
    path, told = extend(*words)
    assert int(stream(path, "video")["nb_frames"]) == -(-length * 25 // RATE)
    assert milliseconds(found(samples(path)) / RATE, click / RATE) < 1
    assert told["difference_ms"] < 1


@pytest.mark.parametrize("target", [-16, -23, -30])
def test_loudness(target, imgsync, given, tmp_path):
    """Measured by ffmpeg's EBU R 128 meter."""
    source, path = tmp_path / "a.wav", tmp_path / "out.mkv"
    sweep = "aevalsrc='0.05*sin(300*t*(1+t))*(1+sin(5*t))':s=48000:d=4"
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", sweep, source)
    words = ("-o", path, "--loudness", target, "--quiet")
    assert imgsync("extend", given / "wide.png", source, *words).code == 0
    meter = ("-af", "ebur128", "-f", "null", "-")
    told = run("ffmpeg", "-v", "info", "-i", path, *meter).stderr.decode()
    integrated = re.findall(r"I:\s+(-?[\d.]+) LUFS", told)[-1]
    assert float(integrated) == pytest.approx(target, abs=0.3)


def test_the_sound_of_a_video_will_do(extend, given, tmp_path):
    source = tmp_path / "talk.mkv"
    joined = ("-i", given / "clip.mkv", "-i", given / "click.wav", "-c:v", "copy", source)
    run("ffmpeg", "-v", "error", *joined)
    path, _ = extend(sound=source)
    assert milliseconds(found(samples(path)) / RATE, CLICK / RATE) < 1


# -- how it is written --


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_by_name(preset, extend):
    path, told = extend(
        "--preset", preset, "--size", "96x32", out=f"out{PRESETS[preset].extension}"
    )
    codecs = {
        "mp4-h264": "h264",
        "mp4-h265": "hevc",
        "mp4-av1": "av1",
        "webm-vp9": "vp9",
        "mov-prores4444": "prores",
        "mkv-ffv1": "ffv1",
        "gif": "gif",
        "webp": "webp",
    }
    assert facts(path)["streams"][0]["codec_name"] == codecs[preset]
    assert any("sound was left out" in note for note in told["notes"]) == (
        preset in ("gif", "webp")
    )


@pytest.mark.parametrize(
    ("out", "codec"),
    [
        ("a.webm", "vp9"),
        ("a.mov", "prores"),
        ("a.mkv", "ffv1"),
        ("a.gif", "gif"),
        ("A.MP4", "h264"),
    ],
)
def test_presets_by_extension(out, codec, extend):
    assert stream(extend(out=out)[0], "video")["codec_name"] == codec


def test_crf_and_audio_bitrate(imgsync, given, tmp_path):
    noise = tmp_path / "noise.wav"
    made = "anoisesrc=r=48000:d=2:seed=1:a=0.2"
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", made, "-ac", 2, noise)
    sizes, rates = [], []
    for crf, kbps in ((10, 64), (40, 256)):
        path = tmp_path / f"{crf}.mp4"
        words = ("--crf", crf, "--audio-bitrate", kbps, "--quiet")
        assert imgsync("extend", given / "clip.mkv", noise, "-o", path, *words).code == 0
        sizes.append(int(stream(path, "video")["bit_rate"]))
        rates.append(int(stream(path, "audio")["bit_rate"]) / 1000 / kbps)
    assert sizes[0] > sizes[1]
    assert all(0.85 < rate < 1.15 for rate in rates)


def test_transparency_lies_over_the_background(imgsync, given, tmp_path):
    Image.new("RGBA", (32, 32), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    out = tmp_path / "out.mp4"
    words = ("-o", out, "--background", "#c83c1e", "--frames", 3, "--json")
    ran = imgsync("extend", tmp_path / "clear.png", *words)
    assert np.abs(pictures(out).astype(int) - COLOR).max() <= 2
    assert any("transparency was filled" in note for note in json.loads(ran.out)["notes"])


def test_overwriting(imgsync, given, tmp_path):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"old")
    words = ("extend", given / "wide.png", given / "click.wav", "-o", out, "--quiet")
    assert imgsync(*words).code == 1
    assert out.read_bytes() == b"old"
    assert imgsync(*words, "--overwrite").code == 0
    assert dict(boxes(out.read_bytes()))["ftyp"]


# -- what it says --


def test_what_is_printed_when_all_went_well(imgsync, given, tmp_path):
    out = tmp_path / "out.mp4"
    ran = imgsync("extend", given / "wide.png", given / "click.wav", "-o", out)
    assert ran.code == 0
    first, *rest = ran.out.splitlines()
    assert first.startswith(f"wrote {out} in ")
    assert any("h264 96x32 yuv420p, 20 frames at 25 fps, 0.800 s" in line for line in rest)
    assert any("aac 16000 Hz mono, 0.800 s" in line for line in rest)
    assert any("end together" in line for line in rest)
    tenths = [f"{i * 10} % ({i * 2} of 20 frames)" for i in range(1, 11)]
    said = [line.partition(",")[0] for line in ran.err.splitlines()]  # then speed and time left
    assert said == tenths  # not on a terminal: plain lines


@pytest.mark.parametrize("words", [("--quiet",), ("--json",)])
def test_silence_on_demand(words, imgsync, given, tmp_path):
    ran = imgsync("extend", given / "wide.png", "--frames", 20, "-o", tmp_path / "a.mp4", *words)
    assert (ran.code, ran.err) == (0, "")


def test_a_bar_on_a_terminal(imgsync, given, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ran = imgsync("extend", given / "wide.png", "--frames", 200, "-o", tmp_path / "a.mp4")
    assert ran.code == 0
    assert "/200" in ran.err and "%|" in ran.err


def test_notes_are_told(imgsync, given, tmp_path):
    words = ("--size", "95x31", "--fit", "stretch", "-o", tmp_path / "a.gif", "--quiet")
    ran = imgsync("extend", given / "wide.png", given / "click.wav", *words)
    assert "note: the sound was left out" in ran.out


# -- probe --


def test_probing_a_good_file(imgsync, extend):
    path, told = extend()
    ran = imgsync("probe", path, "--json")
    again = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert again == {key: told[key] for key in again}
    video = stream(path, "video")
    assert again["picture"]["frames"] == int(video["nb_frames"])
    assert again["bytes"] == path.stat().st_size
    assert again["duration"] == pytest.approx(float(facts(path)["format"]["duration"]), abs=1e-6)
    assert "end together" in imgsync("probe", path).out


@pytest.mark.parametrize("name", ["bad.mp4", "bad.mkv", "bad.mov"])
@pytest.mark.parametrize(("picture", "sound"), [(1, 1.5), (1.6, 1), (1, 1.02)])
def test_probing_a_file_that_does_not_agree(picture, sound, name, imgsync, tmp_path):
    path = tmp_path / name
    made = ("-f", "lavfi", "-i", f"testsrc=s=64x64:r=25:d={picture}")
    made += ("-f", "lavfi", "-i", f"sine=r=48000:d={sound}", "-c:a", "pcm_s16le")
    made = made if name != "bad.mp4" else (*made[:-1], "aac")
    run("ffmpeg", "-v", "error", *made, path)
    ran = imgsync("probe", path)
    assert ran.code == 0
    assert "do NOT end together" in ran.out
    told = json.loads(imgsync("probe", path, "--json").out)
    assert told["agrees"] is False
    assert told["difference_ms"] == pytest.approx(abs(picture - sound) * 1000, abs=25)
    assert told["sound"]["duration"] == pytest.approx(sound, abs=0.025)
    assert told["picture"]["duration"] == pytest.approx(picture, abs=0.001)


@pytest.mark.parametrize("name", ["click.wav", "clip.mkv"])
def test_probing_what_has_but_one_of_them(name, imgsync, given):
    told = json.loads(imgsync("probe", given / name, "--json").out)
    missing = "picture" if name == "click.wav" else "sound"
    assert told[missing] is None
    assert "together" not in imgsync("probe", given / name).out
    if missing == "picture":
        assert told["sound"]["rate"] == RATE
        assert told["duration"] == pytest.approx(LENGTH / RATE, abs=1e-6)
    else:
        assert told["picture"]["frames"] == 7


# -- demo --


def test_the_demo_makes_a_video_of_nothing(imgsync, tmp_path):
    out = tmp_path / "demo.mp4"
    ran = imgsync("demo", out, "--seconds", 1.5, "--json")
    assert (ran.code, ran.err) == (0, "")
    told = facts(out)
    at = ends(told)
    assert (max(at.values()) - min(at.values())) * 1000 < 1
    assert milliseconds(told["format"]["duration"], 1.52) < 1
    assert pictures(out)[0].std() > 20
    assert np.abs(samples(out)).max() > 0.2
    assert complaints(out) == ""


def test_the_demo_is_six_seconds_long(imgsync, tmp_path):
    assert imgsync("demo", tmp_path / "demo.mkv", "--quiet").code == 0
    assert milliseconds(facts(tmp_path / "demo.mkv")["format"]["duration"], 6) < 1


# -- the command itself --


def test_help_names_the_commands(imgsync):
    ran = imgsync("--help")
    assert ran.code == 0
    assert all(command in ran.out for command in ("extend", "probe", "demo"))


@pytest.mark.parametrize("command", ["extend", "probe", "demo"])
def test_every_command_has_help(command, imgsync):
    ran = imgsync(command, "--help")
    assert ran.code == 0
    assert "--json" in ran.out


def test_the_version(imgsync):
    assert imgsync("--version").out.strip() == f"imgsync {__version__}"


def test_help_knows_all_that_there_is(imgsync):
    """The words of the command line are written down twice, so that help stays fast."""
    text = " ".join(imgsync("extend", "--help").out.split())
    assert tuple(PRESETS) == cli._PRESETS
    assert tuple(MODES) == cli._MODES
    assert tuple(FITS) == cli._FITS
    assert tuple(MOVES) == cli._MOVES
    assert all(word in text for word in (*PRESETS, *MODES, *FITS))
    assert all(word in text for word in GRIDS if word != "any")


def test_python_m_is_the_same_command(tmp_path):
    words = [sys.executable, "-m", "imgsync_core", "probe", "nothing.mp4"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "imgsync: nothing.mp4: there is no such file. Check the name.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_interrupted_leaves_nothing(number, given, tmp_path):
    words = ["extend", given / "wide.png", "--mode=pan-zoom", "--seconds=3600", "--size=960x320"]
    command = [sys.executable, "-m", "imgsync_core", *words, "-o", tmp_path / "out.mp4", "--quiet"]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # not so in background jobs
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as running:
        try:
            until = time.monotonic() + 60
            while not list(tmp_path.glob("*.part")) and time.monotonic() < until:
                time.sleep(0.02)
            assert list(tmp_path.glob("*.part"))
            running.send_signal(number)
            _, said = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 1
    assert said == "imgsync: Cancelled; nothing was written.\n"
    assert not list(tmp_path.iterdir())


def test_strict_refuses_what_would_lose_something(imgsync, given, tmp_path):
    """Without it the sound is played as far as it goes, and the report says so."""
    whole = (given / "click.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) * 2 // 3])
    words = ["extend", given / "wide.png", tmp_path / "cut.wav", "-o"]
    ran = imgsync(*words, tmp_path / "a.mp4", "--json")
    assert ran.code == 0 and any("cut.wav" in note for note in json.loads(ran.out)["notes"])
    ran = imgsync(*words, tmp_path / "b.mp4", "--strict")
    assert ran.code == 1 and "cut.wav" in ran.err and not list(tmp_path.glob("b.mp4*"))


def test_options_of_two_engines_do_not_mix(monkeypatch):
    """One word, two meanings: each engine's own is said, and checked by the engine that is used."""
    from imgsync_core.cli import animate
    from imgsync_core.engines.options import Option

    own = {
        "a": (Option("steps", int, 20, "of a", low=1, high=50),),
        "b": (Option("steps", int, 6, "of b", low=1, high=9), Option("mode", str, "x", "how")),
        "auto": (),
    }
    monkeypatch.setattr(animate, "NAMES", ("a", "b"))
    monkeypatch.setattr(animate, "options_of", own.__getitem__)
    parser = argparse.ArgumentParser()
    animate._add_options(parser)
    text = " ".join(parser.format_help().split())
    assert "of a (20); a; of b (6); b" in text
    args = parser.parse_args(["--steps", "30"], argparse.Namespace(engine="a", strength=""))
    assert animate._options(args) == {"steps": "30"} and own["a"][0].checked("30") == 30
    args = parser.parse_args(["--mode", "y"], argparse.Namespace(engine="a", strength=""))
    with pytest.raises(InputError, match="--mode is not for the engine a"):
        animate._options(args)
