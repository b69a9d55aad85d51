"""A batch with an engine of networks: loaded once, looked for before anything is made."""

import csv
import logging

import pytest

from imgsync_core.cli import working

from .batches import inline, states
from .command import imgsync
from .test_latentsync_cli import things
from .test_musetalk import small_and_on_one_thread
from .tiny_musetalk import write_all

__all__ = ["imgsync", "inline", "small_and_on_one_thread", "things"]
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
