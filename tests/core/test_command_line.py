"""The command line does what its words say: judged by ffprobe and by decoded pictures."""

import json
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from .command import imgsync
from .judge import JUDGED, facts, numbered, run, stream

__all__ = ["imgsync"]
pytestmark = JUDGED


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """a.png (64x48), a.wav (1.01 s), clip.mp4 (25 numbered frames), late.mp4 (sound too long)."""
    folder = tmp_path_factory.mktemp("cli")
    Image.fromarray(numbered([7], (64, 48))[0]).save(folder / "a.png")
    tone = ("-f", "lavfi", "-i", "sine=220:r=16000:d=1.01")
    run("ffmpeg", "-v", "error", *tone, folder / "a.wav")
    raw = numbered(range(25), (64, 48)).tobytes()
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x48", "-r", 25, "-i", "-")
    run("ffmpeg", "-v", "error", *source, "-pix_fmt", "yuv420p", folder / "clip.mp4", stdin=raw)
    run("ffmpeg", "-v", "error", "-i", folder / "clip.mp4", "-f", "lavfi", "-i",
        "sine=220:d=3", "-c:v", "copy", folder / "late.mp4")  # fmt: skip
    return folder


@pytest.fixture
def extend(imgsync, media, tmp_path):
    """Run extend; the facts of ffprobe about what came out."""

    def call(*words, picture="a.png", sound="a.wav", name="out.mp4"):
        out = tmp_path / name
        given = [media / picture, *([media / sound] if sound else [])]
        ran = imgsync("extend", *given, "-o", out, "--quiet", *words)
        assert ran.code == 0, ran.err
        return facts(out)

    return call


@pytest.mark.parametrize(
    ("words", "frames"),
    [
        ((), 26),
        (("--fps", "24"), 25),
        (("--fps", "30000/1001"), 31),
        (("--fps", "12.5"), 13),
        (("--grid", "4k+1"), 29),
        (("--grid", "16k"), 32),
        (("--frames", "40"), 40),
        (("--seconds", "2.5"), 63),
        (("--start", "0.5"), 13),
        (("--duration", "0.5"), 13),
        (("--pad-start", "0.5", "--pad-end", "1/4"), 44),
        (("--loudness", "-20"), 26),
    ],
)
def test_how_long(extend, words, frames):
    told = extend(*words)
    picture, sound = stream(told, "video"), stream(told, "audio")
    assert int(picture["nb_frames"]) == frames
    seconds = frames / Fraction(picture["r_frame_rate"])
    for ending in (picture["duration"], sound["duration"], told["format"]["duration"]):
        assert abs(Fraction(ending) - seconds) < Fraction(1, 1000)


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ((), (64, 48)),
        (("--size", "128x0"), (128, 96)),
        (("--size", "100x100"), (100, 76)),
        (("--size", "100x100", "--fit", "crop"), (100, 100)),
        (("--size", "100x100", "--fit", "pad", "--background", "blur"), (100, 100)),
        (("--size", "33x21", "--fit", "stretch"), (34, 22)),
        (("--multiple-of", "16", "--size", "70x0"), (64, 48)),
    ],
)
def test_how_large(extend, words, size):
    picture = stream(extend(*words), "video")
    assert (picture["width"], picture["height"]) == size


@pytest.mark.parametrize(
    ("name", "words", "codec"),
    [
        ("a.mp4", (), "h264"),
        ("a.webm", (), "vp9"),
        ("a.mkv", (), "ffv1"),
        ("a.mov", (), "prores"),
        ("a.mp4", ("--preset", "mp4-h265"), "hevc"),
        ("a.mp4", ("--preset", "mp4-av1"), "av1"),
    ],
)
def test_presets(extend, name, words, codec):
    assert stream(extend(*words, name=name), "video")["codec_name"] == codec


def test_a_better_quality_takes_more_space(extend):
    low, high = (int(extend("--crf", crf)["format"]["size"]) for crf in ("40", "5"))
    assert high > 1.3 * low


def test_the_sound_has_the_bit_rate_asked_for(extend):
    rates = [int(stream(extend("--audio-bitrate", k), "audio")["bit_rate"]) for k in ("24", "96")]
    assert rates[0] < 40_000 < rates[1]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (("--mode", "hold"), [*range(25), *[24] * 15]),
        (("--mode", "loop"), [*range(25), *range(15)]),
        (("--mode", "ping-pong"), [*range(25), *range(23, 8, -1)]),
    ],
)
def test_modes(extend, tmp_path, mode, expected):
    extend(*mode, "--frames", "40", picture="clip.mp4", sound=None)
    raw = run("ffmpeg", "-v", "error", "-i", tmp_path / "out.mp4", "-f", "rawvideo", "-pix_fmt",
              "gray", "-").stdout  # fmt: skip
    decoded = np.frombuffer(raw, np.uint8).reshape(-1, 48, 64).astype(int)
    wanted = numbered(expected, (64, 48))[..., 0].astype(int)
    assert decoded.shape == wanted.shape
    assert np.abs(decoded - wanted).mean() < 12  # tv range decoded as grey keeps the pattern


def test_json_and_plain_words_agree(imgsync, media, tmp_path):
    words = ("extend", media / "a.png", media / "a.wav", "-o", tmp_path / "a.mp4")
    told = json.loads(imgsync(*words, "--json").out)
    assert told["agrees"] and told["picture"]["frames"] == 26
    assert told["path"] == str(tmp_path / "a.mp4")
    plain = imgsync(*words, "--overwrite", "--quiet").out
    assert "26 frames" in plain and "end together" in plain


def test_progress_in_plain_lines(imgsync, media, tmp_path):
    ran = imgsync("extend", media / "a.png", media / "a.wav", "-o", tmp_path / "a.mp4")
    assert ran.err.splitlines()[-1] == "100 % (26 of 26 frames)"


@pytest.mark.parametrize(("name", "verdict"), [("out.mp4", True), ("late.mp4", False)])
def test_probe(imgsync, extend, media, tmp_path, name, verdict):
    extend()
    path = tmp_path / name if verdict else media / name
    told = json.loads(imgsync("probe", path, "--json").out)
    assert told["agrees"] is verdict
    assert ("do NOT end" in imgsync("probe", path).out) is not verdict


def test_demo(imgsync, tmp_path):
    assert imgsync("demo", tmp_path / "d.mp4", "--seconds", "1", "--quiet").code == 0
    told = facts(tmp_path / "d.mp4")
    assert int(stream(told, "video")["nb_frames"]) == 25 and stream(told, "audio")
