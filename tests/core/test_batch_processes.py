"""Workers on this machine: what is left when they die, and when the command is stopped."""

import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from operator import methodcaller
from pathlib import Path

import pytest

from imgsync_core.batch.here import Here
from imgsync_core.batch.pool import LostError, flow
from imgsync_core.cli.batch import _usual_workers

from .batches import here, make_files, results, states, table

__all__ = ["here"]
CALL = methodcaller("__call__")  # rows are what to do, so that other processes can name it
PROC = Path("/proc/self/task")
KILL = partial(signal.raise_signal, getattr(signal, "SIGKILL", 0))
needs_signals = pytest.mark.skipif(os.name == "nt", reason="processes there end with a code only")
needs_proc = pytest.mark.skipif(not PROC.is_dir(), reason="looks for processes in /proc")
LONG = "pan-zoom,25,160x160"  # of mode, fps, size: about a second of work


def test_rows_come_back_as_they_are_done():
    with Here(2) as pool:
        rows = [partial(math.sqrt, n * n) for n in range(20)]
        assert sorted(found for _, found in pool.map(CALL, rows)) == list(range(20))
        assert len({found for _, found in pool.map(CALL, [os.getpid] * 20)}) <= 2  # still those


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (partial(os._exit, 3), "ended with code 3 2 times"),
        pytest.param(os.abort, r"crashed \(SIGABRT\) 2 times", marks=needs_signals),
        pytest.param(KILL, "was killed, perhaps for want of memory", marks=needs_signals),
    ],
)
def test_a_row_that_kills_its_worker_takes_no_other_along(how, words):
    good = [partial(math.sqrt, n) for n in (1, 4, 9, 16, 25)]
    with Here(2) as pool:
        found = dict(pool.map(CALL, [*good[:2], how, *good[2:]]))
    assert [found[row] for row in good] == [1, 2, 3, 4, 5]
    assert isinstance(found[how], LostError) and re.search(words, str(found[how]))


def test_a_row_whose_worker_died_once_is_done(tmp_path):
    """The first worker dies of it, the second finds what the first has left."""
    script = f"import os; p = {str(tmp_path / 'tried')!r}\nif os.path.exists(p): done = 1\n"
    script += "else: open(p, 'w').close(); os._exit(9)"
    with Here(1) as pool:
        ((_, found),) = pool.map(CALL, [partial(exec, script, {})])
    assert found is None and (tmp_path / "tried").exists()


def test_no_more_rows_are_begun_than_wanted():
    begun: list[int] = []
    rows = flow(range(10), lambda row: begun.append(row) or row, lambda waiting: waiting[:1], 3)
    assert [next(rows)[0] for _ in range(3)] == [0, 1, 2] and len(begun) <= 6
    assert [row for row, _ in rows] == [3, 4, 5, 6, 7, 8, 9]


def test_workers_by_cores_memory_and_engines(monkeypatch):
    from imgsync_core import machine
    from imgsync_core.batch.run import Order

    def orders(n: int, *words: str) -> list[Order]:
        return [Order(i, "", "", "", "", (), ("extend", *words)) for i in range(n)]

    monkeypatch.setattr(machine, "cores", lambda: 8)
    monkeypatch.setattr(machine, "main_memory", lambda: (9 << 30, 5_500_000_000))
    assert [_usual_workers(orders(n)) for n in (0, 1, 3, 99)] == [1, 1, 3, 5]
    assert _usual_workers(orders(99, "--engine=built-in")) == 5
    assert _usual_workers(orders(99, "--engine=latentsync")) == 1
    assert _usual_workers(orders(99, "--engine=auto")) == 1
    monkeypatch.setattr(machine, "main_memory", lambda: (9 << 30, 0))  # not known
    assert _usual_workers(orders(99)) == 8


# -- the command, and real kills --


@pytest.fixture
def batch(here) -> Iterator[Callable[..., subprocess.Popen]]:
    """Begin ``imgsync batch jobs.csv -o out`` with two workers."""
    running: list[subprocess.Popen] = []

    def begin(*words: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "imgsync_core", "batch", "jobs.csv", "-o", "out"]
        heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # not so in background jobs
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command += ["--workers=2", *words]
        running.append(subprocess.Popen(command, env=env, text=True, preexec_fn=heard, **pipes))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()
        process.communicate()


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def workers(pid: int) -> list[int]:
    """The processes that work for another."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return [
        child for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def long_rows(here: Path, n: int, seconds: float = 30) -> None:
    make_files(here, 3, int(16000 * seconds))
    rows = (f"p{i % 3}.png,s{i % 3}.wav,{i}.mp4,{LONG}" for i in range(n))
    table(here / "jobs.csv", *rows, header="picture,audio,output,mode,fps,size")


def parts(here: Path) -> list[Path]:
    return list((here / "out").glob("*.part"))


def some_are_made(here: Path) -> bool:
    """And others are being made."""
    path = here / "out" / "results.csv"
    return path.exists() and "made" in states(path).values() and bool(parts(here))


@needs_proc
def test_a_worker_that_is_killed_is_noticed_and_its_row_made(here, batch):
    long_rows(here, 4)
    process = batch("--quiet")
    until(lambda: len(parts(here)) == 2)
    os.kill(workers(process.pid)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "") and "4 rows: 4 made" in out
    assert set(states(here / "out" / "results.csv").values()) == {"made"} and not parts(here)


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_what_is_finished_and_says_how_to_go_on(number, here, batch):
    long_rows(here, 5)
    process = batch("--quiet")
    until(lambda: some_are_made(here))
    mine = workers(process.pid)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "of 5 rows are made and stay" in err and "same command goes on" in err
    assert not parts(here) and not any(map(alive, mine))
    found = states(here / "out" / "results.csv")
    made = {f"{row - 2}.mp4" for row, status in found.items() if status == "made"}
    assert made and made <= {path.name for path in (here / "out").glob("*.mp4")}
    assert set(found.values()) == {"made", "waiting"}


@needs_proc
def test_a_command_that_is_killed_leaves_no_workers_and_loses_nothing(here, batch):
    long_rows(here, 5)
    process = batch("--quiet")
    until(lambda: some_are_made(here))
    mine = workers(process.pid)
    process.kill()
    process.communicate()
    until(lambda: not any(map(alive, mine)), 10)
    before = results(here / "out" / "results.csv")
    made = [row for row, line in before.items() if line["status"] == "made"]
    times = {row: (here / "out" / before[row]["output"]).stat().st_mtime_ns for row in made}
    again = batch("--quiet")
    out, err = again.communicate(timeout=120)
    assert (again.returncode, err) == (0, ""), out
    after = results(here / "out" / "results.csv")
    assert all(after[row]["status"] == "skipped" for row in made) and len(after) == 5
    for row, at in times.items():
        assert (here / "out" / after[row]["output"]).stat().st_mtime_ns == at
    assert not parts(here)
