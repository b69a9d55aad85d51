"""Finished segments on a disk: whole or not there, private, within limits, of one run at a time."""

import errno
import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsync_core import locks
from imgsync_core.errors import InputError, OutputError
from imgsync_core.locks import locked
from imgsync_core.spool import store as stores
from imgsync_core.spool.files import PART, SUM, read_whole, write_whole
from imgsync_core.spool.jobs import OLD, Spool, default_folder
from imgsync_core.spool.packing import Packer, unpacked
from imgsync_core.spool.store import MANIFEST, SMALL, Store, remove

FRAME = (6, 8, 3)
N = 40


def frames(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *FRAME), dtype=np.uint8)


def packed(*chunks: np.ndarray) -> Packer:
    packer = Packer()
    for chunk in chunks:
        packer.add(chunk)
    return packer


@pytest.fixture
def spool(tmp_path) -> Spool:
    return Spool(tmp_path / "spool", about={"picture": "a.png"})


def opened(spool: Spool, **parts) -> Store:
    store = spool.store({"seed": 0, **parts}, N, "some")
    assert store.open(FRAME) == ""
    return store


def filled(spool: Spool, n: int = 3, state: bytes = b"x", **parts) -> Store:
    """A job with n segments of ten frames."""
    store = opened(spool, **parts)
    for i in range(n):
        assert store.put(i, 10 * i, packed(frames(10, i)), state) == ""
    return store


# -- packing --


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=4),
    st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4]), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_what_is_packed_in_chunks_comes_out_as_it_was(counts, h, w, c, seed):
    rng = np.random.default_rng(seed)
    chunks = [rng.integers(0, 256, (n, h, w, c), dtype=np.uint8) for n in counts]
    whole = np.concatenate(chunks)
    back = unpacked(b"".join(packed(*chunks).packed()), whole.shape)
    assert back.dtype == np.uint8 and np.array_equal(back, whole)


def test_a_chunk_may_change_after_it_was_packed():
    chunk = frames(3)
    packer, whole = Packer(), chunk.copy()
    packer.add(chunk)
    chunk[:] = 0
    packer.add(whole[:1])
    assert np.array_equal(unpacked(b"".join(packer.packed()), (4, *FRAME))[3], whole[0])


def test_what_stands_still_takes_next_to_nothing():
    still = np.broadcast_to(frames(1), (30, *FRAME))
    assert sum(map(len, packed(still).packed())) < 1.5 * still[0].nbytes


# -- files --


@pytest.mark.parametrize("cut", [0, 1, SUM, SUM + 1, 50])
def test_a_torn_file_counts_as_none(tmp_path, cut):
    path = tmp_path / "a"
    write_whole(path, [b"0123456789" * 10])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - cut - 1])
    assert read_whole(path) is None


def test_every_single_bit_that_rots_is_noticed(tmp_path):
    path = tmp_path / "a"
    write_whole(path, [b"abc", b"def"])
    data = path.read_bytes()
    assert bytes(read_whole(path) or b"") == b"abcdef"
    for bit in range(8 * len(data)):
        rotten = bytearray(data)
        rotten[bit // 8] ^= 1 << bit % 8
        path.write_bytes(rotten)
        assert read_whole(path) is None


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EPERM])
def test_what_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch, call, number):
    path = tmp_path / "a"
    write_whole(path, [b"before"])

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    def parts():
        yield b"after"
        if call == "write":
            fail()

    if call != "write":
        monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        write_whole(path, parts())
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert bytes(read_whole(path) or b"") == b"before"


def test_a_lock_is_held_once(tmp_path):
    with locked(tmp_path / "lock") as first, locked(tmp_path / "lock") as second:
        assert first and not second
    with locked(tmp_path / "lock") as again:
        assert again


def test_a_lock_whose_file_is_gone_is_none(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    monkeypatch.setattr(locks, "lock", lambda file: path.unlink() or True)
    with locked(path) as held:
        assert not held


# -- one job --


def test_segments_come_back_in_another_run(spool):
    filled(spool).close()
    store = opened(spool)
    assert store.ready() == 30
    for i in range(3):
        assert np.array_equal(store.frames(i, 10 * i), frames(10, i))
        assert store.state(i) == b"x" and store.stop(i) == 10 * i + 10
    assert store.frames(3, 30) is None and not store.has(3)


def test_a_segment_at_another_place_does_not_count(spool):
    store = filled(spool)
    assert store.frames(1, 11) is None


@pytest.mark.parametrize("kind", ["frames", "state"])
def test_a_rotten_segment_is_made_again(spool, kind):
    store = filled(spool)
    path = next(store.folder.glob(f"000001*.{kind}"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    if kind == "frames":
        assert store.frames(1, 10) is None and not store.has(1)
        assert store.put(1, 10, packed(frames(10, 1)), b"x") == ""
        assert np.array_equal(store.frames(1, 10), frames(10, 1))
    else:
        assert store.frames(1, 10) is not None and store.state(1) is None


def test_large_states_of_old_segments_are_let_go(spool):
    store = filled(spool, 4, bytes(SMALL + 1))
    assert [store.state(i) is not None for i in range(4)] == [False, False, True, True]
    small = filled(spool, 4, bytes(SMALL - SUM), seed=1)
    assert all(small.state(i) is not None for i in range(4))


def test_what_a_killed_run_was_writing_is_cleared_away(spool):
    store = filled(spool)
    store.close()
    torn = store.folder / f"000003-30-40.frames{PART}"
    torn.write_bytes(b"half")
    opened(spool)
    assert not torn.exists()


def test_another_run_on_the_same_job_is_told(spool):
    first = filled(spool)
    second = spool.store({"seed": 0}, N, "some")
    assert second.open(FRAME) == "another run works on the same"
    assert second.put(3, 30, packed(frames(10)), None) == "" and not first.has(3)
    assert [job.running for job in spool.jobs()] == [True]
    with pytest.raises(OutputError, match="right now"):
        remove(first.folder)
    first.close()
    assert [job.running for job in spool.jobs()] == [False]
    assert second.open(FRAME) == ""


def test_nobody_else_may_read_it(spool):
    store = filled(spool)
    folders = [spool.folder, store.folder]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in store.folder.iterdir()} == {0o600}


# -- limits --


def test_the_limit_ends_it_with_a_reason(spool):
    size = sum(map(len, packed(frames(10)).packed()))
    store = opened(Spool(spool.folder, limit=int(2.5 * size)))
    whys = [store.put(i, 10 * i, packed(frames(10, i)), b"") for i in range(3)]
    assert whys[:2] == ["", ""] and "limit" in whys[2]
    assert store.put(3, 30, packed(frames(1)), b"") == "", "and is not said again"
    assert store.ready() == 20, "what is there stays"


def test_other_jobs_count(spool):
    filled(spool)
    taken = spool.jobs()[0].size
    store = opened(Spool(spool.folder, limit=taken + 100), seed=2)
    assert "limit" in store.put(0, 0, packed(frames(10)), b"")


def test_the_last_of_the_disk_is_left(spool, monkeypatch):
    store = opened(spool)
    monkeypatch.setattr(stores, "free_disk", lambda path: stores.RESERVE + 10)
    assert "only 2.0 GB left" in store.put(0, 0, packed(frames(10)), b"")


def test_a_full_disk_ends_it(tmp_path, monkeypatch):
    if not shutil.which("mount") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=65536", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        monkeypatch.setattr(stores, "RESERVE", 0)
        monkeypatch.setattr(stores, "free_disk", lambda path: None)
        store = opened(Spool(folder / "spool"))
        whys = [store.put(i, i, packed(frames(100, i)), b"") for i in range(8)]
        why = next(filter(None, whys))
        assert "no space left" in why
        kept = whys.index(why)
        assert kept > 0
        assert not list(store.folder.glob(f"*{PART}"))
        store.close()
        again = opened(Spool(folder / "spool"))
        assert all(again.has(i) for i in range(kept)) and not again.has(kept)
        again.close()
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EPERM])
def test_where_no_folder_can_be_made_the_reason_is_told(spool, monkeypatch, number):
    def fail(self: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    store = spool.store({"seed": 0}, N, "some")
    monkeypatch.setattr(Path, "mkdir", fail)
    assert store.open(FRAME) == os.strerror(number).lower()
    assert store.put(0, 0, packed(frames(1)), None) == ""


# -- all jobs --


def test_jobs_are_listed_found_and_deleted(spool):
    one, two = filled(spool), filled(spool, 1, seed=1)
    for store in (one, two):
        store.close()
    jobs = {job.done: job for job in spool.jobs()}
    assert jobs.keys() == {30, 10} and jobs[30].about == {"picture": "a.png"}
    assert jobs[30].engine == "some" and jobs[30].frames == N
    assert jobs[30].size == sum(path.stat().st_size for path in one.folder.iterdir())
    assert spool.job(jobs[30].id).folder == one.folder
    with pytest.raises(InputError, match="No job"):
        spool.job("nothing")
    with pytest.raises(InputError, match="No job"):
        spool.job("")
    remove(one.folder)
    assert [job.done for job in spool.jobs()] == [10]


def test_old_jobs_go_and_running_ones_stay(spool):
    old, running = filled(spool), filled(spool, seed=1)
    old.close()
    for store in (old, running):
        for path in store.folder.iterdir():
            os.utime(path, (time.time() - OLD - 60,) * 2)
    opened(spool, seed=2)
    assert not old.folder.exists() and running.folder.exists()


@pytest.mark.parametrize("shift", [-10 * OLD, -60])
def test_a_clock_that_goes_back_deletes_nothing(spool, monkeypatch, shift):
    store = filled(spool)
    store.close()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    opened(spool, seed=2)
    assert store.folder.exists() and spool.jobs()[0].age == 0


def test_a_damaged_manifest_is_no_job_and_is_written_anew(spool):
    store = filled(spool)
    store.close()
    (store.folder / MANIFEST).write_bytes(b"rubbish")
    assert spool.jobs() == []
    assert opened(spool).ready() == 30 and len(spool.jobs()) == 1


def test_what_is_in_a_file_is_read_once_until_it_changes(spool, tmp_path, monkeypatch):
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    first = spool.content(path)
    reads = []
    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *a, **w: reads.append(self) or real(self, *a, **w)
    )
    assert spool.content(path) == first and path not in reads
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert spool.content(path) != first and path in reads


def test_the_usual_folder(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.setattr("sys.platform", "linux")
    assert default_folder() == Path("/somewhere/imgsync/jobs")
