"""A whole run in which something gives way: it says so, and no file is torn."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.errors import OutputError
from imgsync_core.job import Job, prepare, render
from imgsync_core.media import muxer as muxers
from imgsync_core.media.frames import ArrayFrames
from imgsync_core.media.muxer import Muxer
from imgsync_core.media.picture import Picture, save_png
from imgsync_core.media.sound import ArraySound
from imgsync_core.media.video_track import VideoTrack
from imgsync_core.watcher import Watcher

from .command import imgsync
from .making import FPS, PRESETS, mux, noise

__all__ = ["imgsync"]
N = 40
STAGES = (
    "preparing", "drawing", "a segment is written", "a segment is renamed", "muxing", "finishing",
    "renaming", "in place", "clearing away",
)  # fmt: skip
"""As of ``killed.STAGES``, which is not imported: it wants no threads."""


def moving(n: int = N) -> ArrayFrames:
    return ArrayFrames(np.random.default_rng(6).integers(0, 256, (n, 32, 48, 3), np.uint8), FPS)


# -- kill -9 --


@pytest.fixture(scope="module")
def kills(tmp_path_factory) -> dict:
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    script = Path(__file__).with_name("killed.py")
    folder = tmp_path_factory.mktemp("kills")
    words = [sys.executable, str(script), str(folder)]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_that_is_killed_tears_nothing_and_is_gone_on_with(kills, stage):
    found = kills[stage]
    assert found["killed"] == -9
    assert found["left"] == ("whole" if stage in ("in place", "clearing away") else "precious")
    assert found["again"] == 0 and found["same"], found["said"]
    assert found["jobs"] == [], "what was kept is cleared away"
    assert found["beside"] == [], "and so is what the killed run had written"


def test_these_are_all_stages(kills):
    assert {*STAGES, "out of memory"} == set(kills)


@pytest.mark.parametrize(
    ("stage", "kept"),
    [("preparing", 0), ("drawing", 16), ("a segment is renamed", 16), ("muxing", 30),
     ("finishing", 30), ("renaming", 30)],
)  # fmt: skip
def test_what_was_finished_is_not_drawn_again(kills, stage, kept):
    said = f"{kept} of 30 frames were kept" if kept else "were kept"
    assert (said in kills[stage]["said"]) is bool(kept)


def test_out_of_memory_is_a_sentence(kills):
    found = kills["out of memory"]
    assert found["code"] == 1 and not found["there"]
    assert "memory" in found["said"] and "Traceback" not in found["said"]


@pytest.mark.parametrize("place", ["picture", "frames", "sound"])
def test_an_allocation_that_fails_is_a_sentence(imgsync, tmp_path, monkeypatch, place):
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    home = {
        "picture": "imgsync_core.media.picture.normalise",
        "frames": "imgsync_core.media.video_track.VideoTrack.segment",
        "sound": "imgsync_core.media.file_sound.FileSound.blocks",
    }
    save_png(demo_picture(64), tmp_path / "a.png")
    assert imgsync("demo", tmp_path / "c.mp4", "--seconds", "0.2", "--quiet").code == 0
    monkeypatch.setattr(home[place], fail)
    before = sorted(tmp_path.iterdir())
    words = [tmp_path / "a.png", tmp_path / "c.mp4", "-o", tmp_path / "d.mp4", "--pad-end", "0.2"]
    ran = imgsync("extend", *words)
    assert ran.code == 1 and "not enough memory" in ran.err and "Traceback" not in ran.err
    assert sorted(tmp_path.iterdir()) == before


# -- the encoder, the disk --


@pytest.mark.parametrize("preset", ["mp4-h264", "webm-vp9", "mkv-ffv1"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), ValueError("broken")])
def test_an_encoder_that_fails_in_the_middle_leaves_nothing(preset, error, tmp_path, monkeypatch):
    whole = VideoTrack.segment

    def failing(self, chunks):
        for i, packet in enumerate(whole(self, chunks)):
            if i == 5:
                raise error
            yield packet

    path = tmp_path / f"a{PRESETS[preset].extension}"
    path.write_bytes(b"precious")
    monkeypatch.setattr(VideoTrack, "segment", failing)
    kind = OutputError if isinstance(error, OSError) else ValueError
    with pytest.raises(kind):
        mux(path, moving(), preset, sound=noise(N * 1920, 48000), overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("where", ["locked", "claimed", "corrected", "renamed"])
@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EIO, "could not be written"),
        (errno.EPERM, "may not be written"),
        (errno.EROFS, "may not be written"),
    ],
)
def test_a_disk_that_fails_is_told(where, number, sentence, tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    homes = {"locked": (Path, "open"), "claimed": (muxers, "claimed"),
             "corrected": (Muxer, "_correct"), "renamed": (muxers.os, "replace")}  # fmt: skip
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")
    with monkeypatch.context() as patched, pytest.raises(OutputError, match=sentence):
        patched.setattr(*homes[where], fail)
        mux(path, moving(), sound=noise(N * 1920, 48000), overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]
    assert path.read_bytes() == b"precious"


# -- time, and others --


@pytest.mark.parametrize("jumps", [[-3600.0], [0.0, 1e9], [86400.0, -86400.0, 0.5]])
def test_a_clock_that_jumps_changes_nothing(tmp_path, monkeypatch, jumps):
    sound = ArraySound(demo_speech(1.0, 16000, 0).astype(np.float32), 16000)
    job = Job(Picture(demo_picture(64)), sound)

    def made(name: str) -> bytes:
        with prepare(job) as prepared:
            render(prepared, tmp_path / name)
        return (tmp_path / name).read_bytes()

    wanted = made("a.mp4")
    real, calls = time.time, iter(jumps * 100_000)
    monkeypatch.setattr(time, "time", lambda: real() + next(calls))
    assert made("b.mp4") == wanted


@pytest.mark.parametrize("overwrite", [False, True])
def test_of_two_runs_on_one_output_each_file_is_whole(tmp_path, overwrite):
    """The second begins when the first is half done."""
    path, turn = tmp_path / "a.mp4", threading.Event()
    alone = tmp_path / "alone.mp4"
    mux(alone, moving(), sound=noise(N * 1920, 48000))
    wanted = alone.read_bytes()
    alone.unlink()
    errors: list[Exception] = []

    def second() -> None:
        turn.wait(30)
        try:
            mux(path, moving(), sound=noise(N * 1920, 48000), overwrite=overwrite)
        except OutputError as e:
            errors.append(e)

    def progress(done: float, _: int) -> None:
        if done >= N // 2:
            turn.set()

    other = threading.Thread(target=second)
    other.start()
    try:
        mux(
            path, moving(), sound=noise(N * 1920, 48000), overwrite=overwrite,
            watcher=Watcher(progress=progress),
        )  # fmt: skip
    except OutputError as e:
        errors.append(e)
    other.join(30)
    assert len(errors) == (0 if overwrite else 1)
    assert all("exists already" in str(e) for e in errors)
    assert path.read_bytes() == wanted and [f.name for f in tmp_path.iterdir()] == ["a.mp4"]
