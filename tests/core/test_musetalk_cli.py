"""``imgsync animate --engine musetalk`` from files to a file, on tiny random checkpoints."""

import json
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from imgsync_core.media.file_sound import FileSound
from imgsync_core.media.video import VideoFrames

from .command import imgsync  # noqa: F401 - a fixture
from .test_latentsync_cli import FPS, RATE, N, things  # noqa: F401 - a fixture
from .test_musetalk import small_and_on_one_thread  # noqa: F401 - a fixture
from .tiny_musetalk import write_all


@pytest.fixture(scope="module")
def lips(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("lips"))


def words(things, lips, source, target, *more):  # noqa: F811
    return [
        "animate", things / source, things / "voice.mkv", "-o", target, "--engine", "musetalk",
        "--device", "cpu", "--weights", lips, "--quiet", *more,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "more", [(), ("--engine-mode", "reference"), ("--low-memory", "--shift", "0.1")],
    ids=["default", "reference", "frugal"],
)  # fmt: skip
def test_dubbing_a_video(imgsync, things, lips, tmp_path, more):  # noqa: F811
    """Rate and sound are those of the sources, ends agree, only the face is drawn on."""
    target = tmp_path / "out.mkv"
    ran = imgsync(*words(things, lips, "clip.mkv", target, "--json", *more))
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    n_samples = FileSound(things / "voice.mkv").n_samples
    n_frames = -(-n_samples * FPS // RATE)
    assert told["picture"]["frames"] == n_frames and told["agrees"]
    assert Fraction(told["picture"]["fps"]) == FPS
    made, source = VideoFrames(target), VideoFrames(things / "clip.mkv")
    frames, own = made.read(0, n_frames), source.read(0, N)
    mirrored = "reference" in more
    order = [0, *range(1, N), *([N - 1] if mirrored else []), *range(N - 2, -1, -1)][:n_frames]
    changed = (frames != own[order]).any(-1)
    assert not changed[:, :40].any() and not changed[:, :, :20].any()
    assert changed[:, 112:128, 110:130].mean() > 0.9, "the mouth is drawn anew in every frame"


def test_a_lively_still(imgsync, things, lips, tmp_path):  # noqa: F811
    target = tmp_path / "out.mkv"
    more = ["--lively", "--strength", "head=2", "--fps", "10"]
    ran = imgsync(*words(things, lips, "still.png", target, *more))
    assert ran.code == 0, ran.err
    frames = VideoFrames(target).read(0, 7)
    brow = frames[:, 40:70, 60:130].astype(int)  # above what is drawn
    assert np.abs(brow - brow[0]).max() > 0
    assert not np.array_equal(frames[0, 110:125, 80:110], frames[1, 110:125, 80:110])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--weights", "nowhere"], "there is no file or folder nowhere"),
        (["--shift", "1"], "shift 1.0 is out of range"),
        (["--steps", "3"], "--steps is not for the engine musetalk"),
    ],
)
def test_what_is_refused(imgsync, things, lips, tmp_path, change, sentence):  # noqa: F811
    target = tmp_path / "out.mkv"
    ran = imgsync(*words(things, lips, "clip.mkv", target, *change))
    assert ran.code == 1 and sentence in ran.err
    assert "Traceback" not in ran.err and list(tmp_path.iterdir()) == []


def test_no_face_at_all(imgsync, things, lips, tmp_path):  # noqa: F811
    Image.new("RGB", (96, 96), (90, 120, 30)).save(tmp_path / "wall.png")
    target = tmp_path / "out.mkv"
    ran = imgsync(*words(things, lips, str(tmp_path / "wall.png"), target))
    assert ran.code == 1 and "No face was found" in ran.err and not target.exists()
