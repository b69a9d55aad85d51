"""``imgsync animate --engine echomimic`` from files to a file, on tiny random checkpoints."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsync_core.demo import demo_picture
from imgsync_core.media.encoding import preset
from imgsync_core.media.file_sound import FileSound
from imgsync_core.media.muxer import Muxer
from imgsync_core.media.sound import ArraySound
from imgsync_core.media.video import VideoFrames
from imgsync_core.timeline import Timeline

from .command import imgsync  # noqa: F401 - a fixture
from .hosts import one_thread
from .tiny_echomimic import write_all

__all__ = ["one_thread"]

RATE = 44100


@pytest.fixture(scope="module")
def things(tmp_path_factory) -> Path:
    """Weights, a drawn face in a wide picture, a wall without any, a stereo voice."""
    folder = tmp_path_factory.mktemp("mimic")
    write_all(folder / "weights", accelerated=True)
    portrait = np.asarray(Image.fromarray(demo_picture(512)).resize((192, 192)))
    wide = np.pad(portrait, ((0, 0), (60, 60), (0, 0)), mode="edge")
    Image.fromarray(wide).save(folder / "still.png")
    Image.new("RGB", (96, 80), (90, 120, 30)).save(folder / "wall.png")
    rng = np.random.default_rng(0)
    voice = ArraySound(rng.normal(0, 0.1, (2, RATE * 4 // 10)).astype(np.float32), RATE)
    blank = np.zeros((1, 32, 32, 3), np.uint8)
    time = Timeline.of_sound(voice.n_samples, RATE, 25)
    with Muxer(folder / "voice.mkv", preset("mkv-ffv1"), time, (32, 32), sound=voice) as out:
        out.write(np.broadcast_to(blank, (time.n_frames, 32, 32, 3)))
    return folder


def words(things: Path, source: str, target: Path, *more: object) -> list[object]:
    weights = ["--weights", things / "weights", "--resolution", "64", "--steps", "1"]
    return [
        "animate", things / source, things / "voice.mkv", "-o", target,
        "--engine", "echomimic", "--device", "cpu", *weights, *more,
    ]  # fmt: skip


@pytest.mark.parametrize("fps", ["25", "30000/1001"])
def test_a_still_speaks(imgsync, things, tmp_path, fps):  # noqa: F811
    target = tmp_path / "out.mkv"
    ran = imgsync(*words(things, "still.png", target, "--fps", fps, "--json", "--quiet"))
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    n = -(-FileSound(things / "voice.mkv").n_samples * Fraction(fps) // RATE)
    assert told["picture"]["frames"] == n and told["agrees"]
    assert Fraction(told["picture"]["fps"]) == Fraction(fps)
    frames = VideoFrames(target).read(0, int(n))
    own = np.asarray(Image.open(things / "still.png"))
    changed = (frames != own).any(-1)
    assert not changed[:, :, :40].any() and not changed[:, :, -40:].any()
    assert changed[:, 60:140, 120:190].mean() > 0.9
    assert (frames[0] != frames[-1])[60:140, 120:190].mean() > 0.5, "the face moves"


def test_only_the_square_in_the_published_way(imgsync, things, tmp_path):  # noqa: F811
    target = tmp_path / "out.mkv"
    more = ["--crop-only", "--engine-mode", "reference", "--fps", "24", "--quiet", "--json"]
    ran = imgsync(*words(things, "still.png", target, *more))
    assert ran.code == 0, ran.err
    picture = json.loads(ran.out)["picture"]
    assert (picture["width"], picture["height"], picture["frames"]) == (64, 64, 10)


def test_without_a_face_a_note_is_printed(imgsync, things, tmp_path):  # noqa: F811
    target = tmp_path / "out.mkv"
    ran = imgsync(*words(things, "wall.png", target, "--quiet"))
    assert ran.code == 0, ran.err
    assert "note: EchoMimic took the middle of the picture for the face" in ran.out


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--weights", "nowhere"], "there is no file or folder nowhere"),
        (["--context", "33"], "context 33 is out of range"),
        (["--overlap", "12"], "cannot share 12"),
        (["--deepcache"], "--deepcache is not for the engine echomimic"),
        (["--lively"], "lively is for engines that draw only lips"),
        (["--engine-mode", "reference"], "24 frames a second"),
        (["--face", "3"], "no face number 3"),
    ],
)
def test_what_is_refused(imgsync, things, tmp_path, change, sentence):  # noqa: F811
    target = tmp_path / "out.mkv"
    ran = imgsync(*words(things, "still.png", target, *change))
    assert ran.code == 1 and sentence in ran.err
    assert "Traceback" not in ran.err and list(tmp_path.iterdir()) == []


def test_plain_weights_with_accelerated_motion(imgsync, things, tmp_path):  # noqa: F811
    motion = things / "weights" / "motion_module_acc.pth"
    ran = imgsync(*words(things, "still.png", tmp_path / "out.mkv", "--motion", motion))
    assert ran.code == 1 and "do not belong together" in ran.err
