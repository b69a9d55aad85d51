"""``imgsync jobs``: what was interrupted is listed, gone on with, and deleted."""

import contextlib
import io
import json
import shutil
import signal
import wave
from pathlib import Path

import pytest
import torch
from PIL import Image

from imgsync_core.cli import main
from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.media.video_track import VideoTrack
from imgsync_core.spool.jobs import Spool

from . import tiny_latentsync
from .command import imgsync
from .hosts import one_thread

__all__ = ["imgsync", "one_thread"]
RATE, N = 16000, 30


@pytest.fixture(scope="module")
def things(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("jobs")
    tiny_latentsync.write_all(folder / "weights")
    Image.fromarray(demo_picture(256)).resize((96, 96)).save(folder / "still.png")
    with wave.open(str(folder / "voice.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        voice = demo_speech(N / 25, RATE, 0).mean(0)
        file.writeframes((voice * 32767).astype("<i2").tobytes())
    return folder


WORDS = [
    "animate", "still.png", "voice.wav", "-o", "out.mp4", "--engine", "latentsync", "--weights",
    "weights", "--resolution", "64", "--steps", "1", "--device", "cpu",
]  # fmt: skip


@pytest.fixture(scope="module")
def cancelled(things) -> str:
    """What is said by a run that is cancelled when some frames are written."""
    whole, said = VideoTrack.segment, io.StringIO()

    def halting(self, chunks):
        for i, packet in enumerate(whole(self, chunks)):
            if i == 4:
                raise KeyboardInterrupt
            yield packet

    before, threads = signal.getsignal(signal.SIGTERM), torch.get_num_threads()
    torch.set_num_threads(1)  # as in the tests: another number makes another job
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
        patch.chdir(things)
        patch.setattr(VideoTrack, "segment", halting)
        assert main([*WORDS, "--spool", "jobs"]) == 1
    signal.signal(signal.SIGTERM, before)
    torch.set_num_threads(threads)
    return said.getvalue()


@pytest.fixture
def jobs(cancelled, things, tmp_path, monkeypatch) -> Path:
    """A folder with that job; we are where it was begun."""
    monkeypatch.chdir(things)
    (things / "out.mp4").unlink(missing_ok=True)
    return Path(shutil.copytree(things / "jobs", tmp_path / "jobs"))


def test_what_is_kept_is_said_when_a_run_is_cancelled(cancelled):
    assert "Cancelled" in cancelled
    assert "of 30 frames are kept: the same command goes on from there" in cancelled


def test_it_is_listed_and_gone_on_with(imgsync, jobs, things):
    folder, out = jobs, things / "out.mp4"
    ran = imgsync("jobs", "--spool", folder)
    assert ran.code == 0, ran.err
    head, line = ran.out.splitlines()
    assert head.split() == ["ID", "DONE", "SIZE", "AGE", "ENGINE", "PICTURE", "AUDIO"]
    assert "of 30" in line and "latentsync" in line
    assert "still.png" in line and "voice.wav" in line
    (job,) = json.loads(imgsync("jobs", "--spool", folder, "--json").out)["jobs"]
    assert job["done"] in (16, 30) and job["frames"] == 30 and not job["running"]
    assert job["output"] == str(out) and not out.exists()
    ran = imgsync("jobs", "resume", job["id"][:4], "--spool", folder)
    assert ran.code == 0, ran.err
    assert f"note: {job['done']} of 30 frames were kept from a run before" in ran.out
    resumed = out.read_bytes()
    assert "Nothing was interrupted" in imgsync("jobs", "--spool", folder).out
    plain = imgsync(*WORDS, "--overwrite", "--no-spool")
    assert plain.code == 0 and out.read_bytes() == resumed


def test_resuming_counts_names_from_where_it_was_begun(
    imgsync, jobs, things, tmp_path, monkeypatch
):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (job,) = json.loads(imgsync("jobs", "--spool", "jobs", "--json").out)["jobs"]
    ran = imgsync("jobs", "resume", job["id"], "--spool", "jobs", "--json")
    assert ran.code == 0 and json.loads(ran.out)["picture"]["frames"] == 30
    assert Path.cwd() == tmp_path


def test_it_is_deleted(imgsync, jobs):
    folder = jobs
    (job,) = json.loads(imgsync("jobs", "--spool", folder, "--json").out)["jobs"]
    ran = imgsync("jobs", "delete", job["id"], "--spool", folder)
    assert ran.code == 0 and "deleted 1 job" in ran.out
    assert json.loads(imgsync("jobs", "--spool", folder, "--json").out)["jobs"] == []


def test_all_are_deleted(imgsync, jobs):
    folder = jobs
    deleted = json.loads(imgsync("jobs", "delete", "--all", "--spool", folder, "--json").out)
    assert len(deleted["deleted"]) == 1 and deleted["bytes"] > 1000


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["resume", "nothing"], "No job has an id that begins with 'nothing'"),
        (["delete"], "Say which job"),
        (["delete", "--all", "3f"], "Say which job"),
    ],
)
def test_what_is_refused(imgsync, tmp_path, more, sentence):
    ran = imgsync("jobs", *more, "--spool", tmp_path)
    assert ran.code == 1 and sentence in ran.err


def test_a_job_of_a_graph_is_resumed_by_its_graph(imgsync, tmp_path):
    store = Spool(tmp_path / "graphs").store({"a": 1}, 5, "hallo2")
    assert store.open((1, 1, 3)) == ""
    store.close()
    ran = imgsync("jobs", "resume", store.folder.name, "--spool", tmp_path / "graphs")
    assert ran.code == 1 and "Run that once more" in ran.err


@pytest.mark.parametrize("more", [["--no-spool"], ["--dry-run"], ["--engine", "built-in"]])
def test_where_nothing_is_to_be_kept_nothing_is(imgsync, jobs, tmp_path, more):
    at = WORDS.index("--engine")
    words = WORDS[:at] if more[0] == "--engine" else WORDS
    ran = imgsync(*words, *more, "--spool", tmp_path / "none")
    assert ran.code == 0, ran.err
    assert not (tmp_path / "none").exists()
