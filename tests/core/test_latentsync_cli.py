"""``imgsync animate --engine latentsync`` from files to a file, on tiny random checkpoints."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imgsync_core.demo import demo_picture
from imgsync_core.engines.latentsync import pipeline
from imgsync_core.job import Animation, Job, prepare, render
from imgsync_core.media.encoding import preset
from imgsync_core.media.file_sound import FileSound
from imgsync_core.media.muxer import Muxer
from imgsync_core.media.sound import ArraySound
from imgsync_core.media.video import VideoFrames
from imgsync_core.timeline import Timeline
from imgsync_core.watcher import Watcher

from .command import imgsync  # noqa: F401 - a fixture
from .hosts import one_thread
from .tiny_latentsync import write_all

__all__ = ["one_thread"]

FPS, N = Fraction(30000, 1001), 12
RATE = 44100


@pytest.fixture(scope="module")
def things(tmp_path_factory) -> Path:
    """Weights, a silent lossless video of a drawn face that drifts, the still, a stereo voice."""
    folder = tmp_path_factory.mktemp("dubbing")
    write_all(folder / "weights")
    portrait = np.asarray(Image.fromarray(demo_picture(512)).resize((192, 192)))
    Image.fromarray(portrait).save(folder / "still.png")
    wide = np.pad(portrait, ((0, 0), (30, 30), (0, 0)), mode="edge")
    frames = np.stack([wide[:, i : i + 192] for i in range(N)])
    with Muxer(
        folder / "clip.mkv", preset("mkv-ffv1"), Timeline.of_frames(N, FPS), (192, 192)
    ) as out:
        out.write(frames)
    rng = np.random.default_rng(0)
    voice = ArraySound(rng.normal(0, 0.1, (2, RATE * 7 // 10)).astype(np.float32), RATE)
    blank = np.zeros((1, 32, 32, 3), np.uint8)
    time = Timeline.of_sound(voice.n_samples, RATE, 25)
    with Muxer(folder / "voice.mkv", preset("mkv-ffv1"), time, (32, 32), sound=voice) as out:
        out.write(np.broadcast_to(blank, (time.n_frames, 32, 32, 3)))
    return folder


def words(things: Path, source: str, target: Path, *more: object) -> list[object]:
    weights = ["--weights", things / "weights", "--resolution", "64", "--steps", "1"]
    return [
        "animate", things / source, things / "voice.mkv", "-o", target,
        "--engine", "latentsync", "--device", "cpu", *weights, "--quiet", *more,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [(), ("--engine-mode", "reference"), ("--deepcache", "--low-memory", "--guidance", "1")],
    ids=["default", "reference", "frugal"],
)
def test_dubbing_a_video(imgsync, things, tmp_path, more):  # noqa: F811
    """Rate and sound are those of the sources, ends agree, only the face is drawn on."""
    target = tmp_path / "out.mkv"
    ran = imgsync(*words(things, "clip.mkv", target, "--json", *more))
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    n_samples = FileSound(things / "voice.mkv").n_samples
    n_frames = -(-n_samples * FPS // RATE)
    assert told["picture"]["frames"] == n_frames and told["agrees"]
    assert Fraction(told["picture"]["fps"]) == FPS
    assert (told["sound"]["rate"], told["sound"]["layout"]) == (RATE, "stereo")
    sound, voice = (
        np.concatenate(list(FileSound(path).blocks()), 1) for path in (target, things / "voice.mkv")
    )
    assert np.array_equal(sound[:, :n_samples], voice[:, :n_samples])
    made, source = VideoFrames(target), VideoFrames(things / "clip.mkv")
    frames, own = made.read(0, n_frames), source.read(0, N)
    mirrored = "reference" in more
    order = [0, *range(1, N), *([N - 1] if mirrored else []), *range(N - 2, -1, -1)][:n_frames]
    own = own[order]
    changed = (frames != own).any(-1)
    assert not changed[:, :40].any() and not changed[:, :, :20].any()
    assert changed[:, 100:130, 80:112].mean() > 0.9, "the mouth is drawn anew in every frame"


@pytest.mark.parametrize("lively", [False, True])
def test_a_still(imgsync, things, tmp_path, lively):  # noqa: F811
    target = tmp_path / "out.mkv"
    more = ["--lively", "--strength", "head=2"] if lively else []
    ran = imgsync(*words(things, "still.png", target, "--fps", "10", *more))
    assert ran.code == 0, ran.err
    frames = VideoFrames(target).read(0, 7)
    brow = frames[:, 40:70, 60:130].astype(int)  # above what is drawn
    moves = np.abs(brow - brow[0]).max() > 0
    assert moves is np.True_ if lively else not moves
    assert not np.array_equal(frames[0, 110:125, 80:110], frames[1, 110:125, 80:110])


def test_a_clip_with_a_mode_lasts_as_told(imgsync, things, tmp_path):  # noqa: F811
    target = tmp_path / "out.mkv"
    assert imgsync(*words(things, "clip.mkv", target, "--mode", "hold")).code == 0
    made = VideoFrames(target)
    frames = made.read(N - 1, made.n_frames)[:, :40]
    assert (frames == frames[0]).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--weights", "nowhere"], "there is no file or folder nowhere"),
        (["--steps", "0"], "steps 0 is out of range"),
        (["--engine", "built-in"], "--steps is not for the engine built-in"),
        (["--resolution", "100"], "crop of 100 pixels"),
        (["--device", "nonsense"], "no device 'nonsense'"),
        (["--face", "3"], "no face number 3"),
    ],
)
def test_what_is_refused(imgsync, things, tmp_path, change, sentence):  # noqa: F811
    target = tmp_path / "out.mkv"
    ran = imgsync(*words(things, "clip.mkv", target, *change))
    assert ran.code == 1 and sentence in ran.err
    assert "Traceback" not in ran.err and list(tmp_path.iterdir()) == []


def test_no_face_at_all(imgsync, things, tmp_path):  # noqa: F811
    Image.new("RGB", (96, 96), (90, 120, 30)).save(tmp_path / "wall.png")
    target = tmp_path / "out.mkv"
    ran = imgsync(*words(things, str(tmp_path / "wall.png"), target))
    assert ran.code == 1 and "No face was found" in ran.err and not target.exists()


def test_nothing_is_left_of_a_run_that_breaks(imgsync, things, tmp_path, monkeypatch):  # noqa: F811
    target = tmp_path / "out.mkv"
    constant = pipeline.Drawer.constant
    monkeypatch.setattr(pipeline.Drawer, "constant", lambda *a: constant(*a) * torch.nan)
    ran = imgsync(*words(things, "clip.mkv", target))
    assert ran.code == 1 and "no numbers any more" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_cancelling_a_render(things, tmp_path, monkeypatch):
    """The check of whoever renders is asked at each step of denoising too."""

    class Stop(Exception):
        pass

    steps = []
    denoised = pipeline.Drawer.denoised

    def counted(self, constant, heard, plan, on):
        def step(index):
            steps.append(index)
            on(index)

        return denoised(self, constant, heard, plan, step)

    def check():
        if len(steps) == 3:
            raise Stop

    monkeypatch.setattr(pipeline.Drawer, "denoised", counted)
    options = {"weights": str(things / "weights"), "resolution": 64, "steps": 500}
    animation = Animation("latentsync", options=options)
    ready = prepare(Job(things / "clip.mkv", things / "voice.mkv", animation=animation))
    with pytest.raises(Stop):
        render(ready, tmp_path / "out.mkv", watcher=Watcher(check))
    assert len(steps) == 3 and list(tmp_path.iterdir()) == []
