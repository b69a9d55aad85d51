"""What a killed run leaves beside its output: deleted by the next run, and nothing else is."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imgsync_core.engines.built_in.export import export
from imgsync_core.errors import OutputError
from imgsync_core.media import target
from imgsync_core.media.muxer import Muxer
from imgsync_core.media.target import claimed, clear_leftovers
from imgsync_core.timeline import Timeline

from .making import PRESETS, noise

WRITER = """
import sys, time
from pathlib import Path
from imgsync_core.media.target import claimed
with claimed(Path(sys.argv[1])) as part:
    part.write_bytes(b"half")
    print(part.name, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writer(tmp_path):
    """Begins a process that writes a.mp4 and does not end; gives it, and the name of its part."""
    begun = []

    def begin() -> tuple[subprocess.Popen, Path]:
        command = [sys.executable, "-c", WRITER, str(tmp_path / "a.mp4")]
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return begun[-1], tmp_path / begun[-1].stdout.readline().strip()

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mux(path: Path) -> None:
    with Muxer(path, PRESETS["mp4-h264"], Timeline.of_frames(2, 25), (32, 32)) as out:
        out.write(np.zeros((2, 32, 32, 3), np.uint8))


def left(folder: Path, name: str = "a.mp4", mark: bytes = target._MARK) -> tuple[Path, Path]:
    """As a killed run leaves it."""
    part, lock = folder / f"{name}.0123ab.part", folder / f"{name}.0123ab.lock"
    part.write_bytes(b"half")
    lock.write_bytes(mark)
    return part, lock


@pytest.mark.parametrize("output", ["a.mp4", "b.mp4"], ids=["the same", "another"])
def test_what_a_killed_run_left_goes_with_the_next_into_its_folder(tmp_path, writer, output):
    process, part = writer()
    process.kill()
    process.wait()
    assert names(tmp_path) == sorted([part.name, part.with_suffix(".lock").name])
    mux(tmp_path / output)
    assert names(tmp_path) == [output]


def test_what_is_being_written_stays(tmp_path, writer):
    process, part = writer()
    mux(tmp_path / "a.mp4")
    assert part.read_bytes() == b"half"
    with claimed(tmp_path / "b.mp4") as mine:
        clear_leftovers(tmp_path)
        assert mine.exists() and part.exists(), "nor what this very process writes"
    process.kill()
    process.wait()
    clear_leftovers(tmp_path)
    assert names(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize("mark", [b"", b"x", b"x" * len(target._MARK), target._MARK + b"x"])
def test_a_lock_of_somebody_else_stands_for_nothing(tmp_path, mark):
    part, lock = left(tmp_path, mark=mark)
    clear_leftovers(tmp_path)
    assert part.exists() and lock.read_bytes() == mark


@pytest.mark.parametrize(
    "name",
    ["a.mp4.part", "a.mp4.0123ab.part", "a.mp4.0123ab.part.etag", "a.mp4.lock", "0123ab.lock",
     "a.mp4.0123AB.lock", "a.mp4.0123abc.lock", "a.mp4.0123ab.lock.txt"],
)  # fmt: skip
def test_files_of_similar_names_stay(tmp_path, name):
    (tmp_path / name).write_bytes(target._MARK)
    (tmp_path / name).with_suffix(".part").write_bytes(b"precious")
    before = names(tmp_path)
    clear_leftovers(tmp_path)
    assert names(tmp_path) == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_lock_that_is_no_file_stands_for_nothing(tmp_path, kind):
    part, lock = left(tmp_path)
    lock.unlink()
    away = tmp_path / "away"
    away.write_bytes(target._MARK)
    {"link": lambda: lock.symlink_to(away), "pipe": lambda: os.mkfifo(lock), "folder": lock.mkdir}[
        kind
    ]()
    clear_leftovers(tmp_path)
    assert part.exists() and lock.exists() and away.exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
def test_of_a_part_that_is_a_link_only_the_link_goes(tmp_path):
    part, _ = left(tmp_path)
    precious = tmp_path / "precious.mp4"
    part.rename(precious)
    part.symlink_to(precious)
    clear_leftovers(tmp_path)
    assert names(tmp_path) == ["precious.mp4"] and precious.read_bytes() == b"half"


def test_where_nothing_can_be_locked_nothing_is_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(target, "lock", lambda file: False)
    part, lock = left(tmp_path)
    clear_leftovers(tmp_path)
    assert part.exists() and lock.exists()
    with claimed(tmp_path / "b.mp4") as mine:
        assert mine.with_suffix(".lock").read_bytes() == b"", "a run elsewhere must not take it"
    mux(tmp_path / "a.mp4")
    assert names(tmp_path) == ["a.mp4", part.with_suffix(".lock").name, part.name]


@pytest.mark.parametrize("ending", ["part", "lock"])
def test_a_name_that_is_taken_stays_its_owners(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(target.secrets, "token_hex", lambda n: "0123ab")
    taken = tmp_path / f"a.mp4.0123ab.{ending}"
    taken.write_bytes(b"precious")
    with pytest.raises(OutputError, match="could not be written"):
        mux(tmp_path / "a.mp4")
    assert names(tmp_path) == [taken.name] and taken.read_bytes() == b"precious"


def test_a_lock_that_another_run_has_just_deleted_is_none(tmp_path, monkeypatch):
    part, lock = left(tmp_path)
    monkeypatch.setattr(target, "lock", lambda file: lock.unlink() or True)
    clear_leftovers(tmp_path)
    assert part.exists()


def test_what_cannot_be_deleted_stops_nobody(tmp_path, monkeypatch):
    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError

    part, _ = left(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        clear_leftovers(tmp_path)
    assert part.exists()
    clear_leftovers(tmp_path / "nowhere")


def test_curves_are_written_beside_a_file_of_that_name(tmp_path):
    (tmp_path / "a.csv.part").write_bytes(b"precious")
    export(noise(4000, 16000), tmp_path / "a.csv", 0)
    assert names(tmp_path) == ["a.csv", "a.csv.part"]
    assert (tmp_path / "a.csv.part").read_bytes() == b"precious"
