"""Files at addresses, with fsspec's file system in memory and a folder as the other one."""

from pathlib import Path

import pytest

from imgsync_core.batch import places
from imgsync_core.batch.places import is_address, resolved
from imgsync_core.errors import InputError, OutputError

from .batches import here, inline, make_files, states
from .command import imgsync

__all__ = ["here", "imgsync", "inline"]
pytestmark = pytest.mark.usefixtures("inline")
fsspec = pytest.importorskip("fsspec", reason="fsspec, which comes with torch, is not installed")


@pytest.fixture
def memory():
    """An empty file system in memory."""
    from fsspec.implementations.memory import MemoryFileSystem

    def clear() -> None:
        MemoryFileSystem.store.clear()
        MemoryFileSystem.pseudo_dirs[:] = [""]

    clear()
    yield fsspec.filesystem("memory")
    clear()


@pytest.mark.parametrize(
    ("place", "told"),
    [("s3://b/a.png", True), ("memory://a", True), ("gs://b", True), ("a.png", False),
     ("/a/b.png", False), ("C:\\a.png", False), ("C://a.png", False), ("a/s3://b", False)],
)  # fmt: skip
def test_what_is_an_address(place, told):
    assert is_address(place) is told


@pytest.mark.parametrize(
    ("written", "folder", "place"),
    [
        ("a.png", "/jobs", "/jobs/a.png"),
        ("/data/a.png", "/jobs", "/data/a.png"),
        ("s3://b/a.png", "/jobs", "s3://b/a.png"),
        ("a.png", "s3://b/jobs", "s3://b/jobs/a.png"),
        ("../in/a.png", "s3://b/jobs", "s3://b/in/a.png"),
        ("/data/a.png", "s3://b/jobs", "/data/a.png"),
        ("file:///data/a%20b.png", "s3://b", "/data/a b.png"),
    ],
)
def test_names_are_beside_the_table(written, folder, place):
    found = resolved(written, folder)
    assert found == place if is_address(place) else Path(found) == Path(place)


def test_a_batch_from_and_to_addresses(here, imgsync, memory):
    """The videos are those that a batch on this machine makes, and nothing is left half done."""
    for name in ("p0.png", "s0.wav", "p1.png", "s1.wav"):
        memory.pipe(f"/in/{name}", Path(name).read_bytes())
    rows = "picture,audio,output\np0.png,s0.wav,sub/a.mp4\nmemory://in/p1.png,s1.wav,\n"
    rows += "gone.png,s0.wav,\np1.png,s1.wav,../x.mp4\n"
    memory.pipe("/in/jobs.csv", rows.encode())
    words = ("batch", "memory://in/jobs.csv", "-o", "memory://out/videos", "--quiet")
    ran = imgsync(*words)
    assert ran.code == 1 and "4 rows: 2 made, 2 refused" in ran.out
    assert "row 4, column picture: memory://in/gone.png: there is nothing at this" in ran.err
    Path("jobs.csv").write_text("picture,audio,output\np0.png,s0.wav,a.mp4\np1.png,s1.wav,b.mp4\n")
    assert imgsync("batch", "jobs.csv", "-o", "local", "--quiet").code == 0
    assert memory.cat("/out/videos/sub/a.mp4") == Path("local/a.mp4").read_bytes()
    assert memory.cat("/out/videos/p1-s1.mp4") == Path("local/b.mp4").read_bytes()
    assert memory.cat("/out/videos/results.csv") == Path("jobs-results.csv").read_bytes()
    assert sorted(memory.find("/out")) == [
        f"/out/videos/{name}" for name in ("p1-s1.mp4", "results.csv", "sub/a.mp4")
    ]

    ran = imgsync(*words)
    assert "4 rows: 2 made before, 2 refused" in ran.out
    Path("jobs-results.csv").unlink()  # as on another machine
    memory.pipe("/in/p0.png", Path("p2.png").read_bytes())
    memory.pipe("/out/videos/p1-s1.mp4", b"cut")
    assert "4 rows: 2 made, 2 refused" in imgsync(*words).out
    assert memory.cat("/out/videos/p1-s1.mp4") == Path("local/b.mp4").read_bytes()


def test_pictures_that_cannot_be_read_fail_where_they_are_fetched(here, imgsync, memory):
    memory.pipe("/in/p.png", b"nonsense")
    Path("jobs.csv").write_text("picture,audio\nmemory://in/p.png,s0.wav\np0.png,s0.wav\n")
    ran = imgsync("batch", "jobs.csv", "-o", "out", "--quiet")
    assert ran.code == 1 and "row 2, column picture: p.png: " in ran.err
    assert states(Path("out/results.csv")) == {2: "failed", 3: "made"}


def test_a_file_appears_whole_or_not_at_all(tmp_path, memory, monkeypatch):
    """Whoever reads an address sees the old file until the new one is there."""
    memory.pipe("/out/a.bin", b"old")
    seen = []
    real = type(memory).mv

    def moved(self, source, target, **more):
        seen.append((source, self.cat(source)))
        real(self, source, target, **more)

    monkeypatch.setattr(type(memory), "mv", moved)
    with places.delivered("memory://out/a.bin") as path:
        path.write_bytes(b"new")
        assert memory.cat("/out/a.bin") == b"old"
    assert memory.cat("/out/a.bin") == b"new" and memory.find("/out") == ["/out/a.bin"]
    ((name, data),) = seen
    assert name.startswith("/out/a.bin.") and name.endswith(".part") and data == b"new"
    with pytest.raises(ZeroDivisionError), places.delivered("memory://out/b.bin"):
        raise ZeroDivisionError
    assert memory.find("/out") == ["/out/a.bin"]


def test_copies_go_away(tmp_path, memory):
    memory.pipe("/in/a.png", b"one")
    memory.pipe("/other/a.png", b"two")
    with places.fetched("memory://in/a.png", "memory://other/a.png", str(tmp_path)) as found:
        assert [Path(p).read_bytes() for p in found[:2]] == [b"one", b"two"]
        assert [Path(p).name for p in found] == ["a.png", "a.png", tmp_path.name]
    assert [Path(p).exists() for p in found] == [False, False, True]


def test_stamps_change_with_what_is_there(tmp_path, memory):
    path = tmp_path / "a"
    path.write_bytes(b"1")
    memory.pipe("/a", b"1")
    for place, change in ((str(path), path.write_bytes), ("memory://a", None)):
        before = places.stamp(place)
        assert places.stamp(place) == before and places.size(place) == 1
        change(b"22") if change else memory.pipe("/a", b"22")
        assert places.stamp(place) != before
    assert places.size("memory://none") is None and places.size(str(tmp_path / "none")) is None
    for place in ("memory://none", str(tmp_path / "none"), "a\0b"):
        with pytest.raises(InputError, match=r"there is (nothing|no such file)"):
            places.stamp(place)


@pytest.mark.parametrize("place", ["nonsense://a/b.png", "abfs://a/b.png"])
def test_addresses_that_nothing_here_reads(place, tmp_path):
    with pytest.raises(InputError, match=place.split(":")[0]):
        places.stamp(place)
    (tmp_path / "a").touch()
    with pytest.raises(OutputError, match=place.split(":")[0]):
        places.put(tmp_path / "a", place)


def test_a_disk_error_at_the_other_end_is_a_sentence(tmp_path, memory, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(memory), "put_file", full)
    (tmp_path / "a").touch()
    with pytest.raises(OutputError, match=r"memory://out/a cannot be written .*No space left"):
        places.put(tmp_path / "a", "memory://out/a")


def test_a_folder_named_as_an_address_is_a_folder(here, imgsync):
    make_files(here, 1)
    Path("jobs.csv").write_text(f"picture,audio\nfile://{here}/p0.png,s0.wav\n")
    assert imgsync("batch", "jobs.csv", "-o", f"file://{here}/out", "--quiet").code == 0
    assert states(here / "out" / "results.csv") == {2: "made"} and (here / "out/p0-s0.mp4").exists()
