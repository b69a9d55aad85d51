"""``imgsync animate --engine hallo2`` from files to a file, on tiny random checkpoints."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsync_core.media.file_sound import FileSound
from imgsync_core.media.video import VideoFrames

from .command import imgsync  # noqa: F401 - a fixture
from .test_echomimic_cli import one_thread, things  # noqa: F401 - fixtures
from .tiny_hallo2 import write_all


@pytest.fixture(scope="module")
def files(things, tmp_path_factory) -> tuple[Path, Path]:  # noqa: F811
    """Pictures and a voice, and weights."""
    return things, write_all(tmp_path_factory.mktemp("hallo"))


def words(files, source: str, target: Path, *more: object) -> list[object]:
    things, weights = files  # noqa: F811
    return [
        "animate", things / source, things / "voice.mkv", "-o", target, "--engine", "hallo2",
        "--device", "cpu", "--weights", weights, "--resolution", "64", "--steps", "1", *more,
    ]  # fmt: skip


@pytest.mark.parametrize("fps", ["25", "30000/1001"])
def test_a_still_speaks(imgsync, files, tmp_path, fps):  # noqa: F811
    target, (folder, _) = tmp_path / "out.mkv", files
    ran = imgsync(*words(files, "still.png", target, "--fps", fps, "--json", "--quiet"))
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    n = -(-FileSound(folder / "voice.mkv").n_samples * Fraction(fps) // 44100)
    assert told["picture"]["frames"] == n and told["agrees"]
    assert Fraction(told["picture"]["fps"]) == Fraction(fps)
    frames = VideoFrames(target).read(0, int(n))
    own = np.asarray(Image.open(folder / "still.png"))
    changed = (frames != own).any(-1)
    assert not changed[:, :, :40].any() and not changed[:, :, -40:].any()
    assert changed[:, 60:140, 120:190].mean() > 0.9
    assert (frames[0] != frames[-1])[60:140, 120:190].mean() > 0.5, "the face moves"


def test_all_of_the_picture_in_the_published_way(imgsync, files, tmp_path):  # noqa: F811
    more = ["--engine-mode", "reference", "--quiet", "--json", "--guidance", "1"]
    ran = imgsync(*words(files, "still.png", tmp_path / "out.mkv", *more))
    assert ran.code == 0, ran.err
    picture = json.loads(ran.out)["picture"]
    assert (picture["width"], picture["height"], picture["frames"]) == (64, 64, 10)


def test_a_clip_gives_a_still(imgsync, files, tmp_path):  # noqa: F811
    ran = imgsync(*words(files, "voice.mkv", tmp_path / "out.mkv", "--lip-weight", "1.5"))
    assert ran.code == 0, ran.err
    assert "note: Hallo2 animates a still: the first frame of the clip was taken" in ran.out
    assert "note: Hallo2 took the middle of the picture for the face" in ran.out


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--weights", "nowhere"], "there is no file or folder nowhere"),
        (["--overlap", "9"], "overlap 9 is out of range"),
        (["--pose-weight", "4"], "pose_weight 4.0 is out of range"),
        (["--face-models", "nowhere"], "there is no file or folder nowhere"),
        (["--context", "12"], "--context is not for the engine hallo2"),
        (["--lively"], "lively is for engines that draw only lips"),
        (["--engine-mode", "reference", "--fps", "24"], "25 frames a second"),
    ],
)
def test_what_is_refused(imgsync, files, tmp_path, change, sentence):  # noqa: F811
    ran = imgsync(*words(files, "still.png", tmp_path / "out.mkv", *change))
    assert ran.code == 1 and sentence in ran.err
    assert "Traceback" not in ran.err and list(tmp_path.iterdir()) == []
