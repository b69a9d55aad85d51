"""A batch with an engine of networks: loaded once, looked for before anything is made."""

import csv
import logging
import os
import signal
import subprocess
import sys
import time

import pytest

from imgsync_core.cli import working

from .batches import inline, results, states
from .command import imgsync
from .hosts import one_thread
from .test_latentsync_cli import things
from .test_musetalk import small_and_on_one_thread
from .tiny_musetalk import write_all

__all__ = ["imgsync", "inline", "one_thread", "small_and_on_one_thread", "things"]
pytestmark = pytest.mark.usefixtures("inline")


@pytest.fixture(scope="module")
def lips(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("lips"))


def test_networks_are_loaded_once_for_many_rows(imgsync, things, lips, tmp_path, caplog):
    working._library.cache_clear()
    with (tmp_path / "jobs.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["picture", "audio", "output", "fps"])
        for n in range(3):
            rows.writerow([things / "still.png", things / "voice.mkv", f"{n}.mkv", 5])
    words = ["--set", "engine=musetalk", "--set", f"weights={lips}", "--set", "device=cpu"]
    with caplog.at_level(logging.INFO, "imgsync_core.engines.runtime.networks"):
        ran = imgsync("batch", tmp_path / "jobs.csv", "-o", tmp_path / "out", "--quiet", *words)
    assert ran.code == 0, ran.err
    loaded = [r.getMessage() for r in caplog.records if r.getMessage().endswith("is loaded")]
    assert loaded and len(set(loaded)) == len(loaded)
    frames = [path.read_bytes() for path in sorted((tmp_path / "out").glob("*.mkv"))]
    assert len(frames) == 3


def test_weights_that_are_missing_are_missed_before_anything_is_made(imgsync, things, tmp_path):
    row = f"{things / 'still.png'},{things / 'voice.mkv'}"
    (tmp_path / "jobs.csv").write_text(f"picture,audio,engine\n{row},musetalk\n{row},\n")
    said = ("--set", f"models={tmp_path}", "--set", "device=cpu")  # for rows with a face
    ran = imgsync("batch", tmp_path / "jobs.csv", "-o", tmp_path / "out", "--quiet", *said)
    assert ran.code == 1 and "unet.pth" in ran.err
    assert ran.err.startswith("imgsync: row 2, column engine: MuseTalk")
    assert states(tmp_path / "out" / "results.csv") == {2: "refused", 3: "made"}


@pytest.mark.skipif(os.name == "nt", reason="kills a group of processes")
def test_a_row_that_is_killed_goes_on_where_it_was(imgsync, things, tmp_path):
    row = f"{things / 'still.png'},{things / 'voice.mkv'},{things / 'weights'}"
    (tmp_path / "jobs.csv").write_text(f"picture,audio,weights\n{row}\n")
    said = "engine=latentsync", "device=cpu", "resolution=64", "steps=1", "frames=48"
    words = [word for pair in said for word in ("--set", pair)]
    words = ["batch", str(tmp_path / "jobs.csv"), *words, "--quiet", "-o", str(tmp_path / "out")]
    spool = tmp_path / "spool"
    spooled = [*words, "--spool", str(spool)]
    command = [sys.executable, "-m", "imgsync_core", *spooled]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=env, start_new_session=True) as process:
        until = time.monotonic() + 120
        while not list(spool.glob("*/*.frames")) and time.monotonic() < until:
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
    listed = imgsync("jobs", "--spool", spool).out
    assert "still.png" in listed and "voice.mkv" in listed
    job = next(path.name for path in spool.iterdir() if path.is_dir())
    assert "Run that once more" in imgsync("jobs", "resume", job, "--spool", spool).err
    assert not list((tmp_path / "out").glob("*.mp4"))
    assert imgsync(*spooled).code == 0
    (made,) = results(tmp_path / "out" / "results.csv").values()
    assert made["status"] == "made" and "frames were kept from a run before" in made["notes"]
    assert not [path for path in spool.iterdir() if path.is_dir()], "what was kept is let go"
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix in (".part", ".lock")]
    resumed = tmp_path / "out" / made["output"]
    before = resumed.read_bytes()
    assert imgsync(*words, "--no-spool", "--overwrite").code == 0
    assert resumed.read_bytes() == before
    assert states(tmp_path / "out" / "results.csv") == {2: "made"}
    assert imgsync(*spooled).code == 0, "where frames are kept makes no other row"
    assert states(tmp_path / "out" / "results.csv") == {2: "skipped"}
