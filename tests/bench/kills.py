"""Renders that are killed at random and gone on with: is anything torn, different, or done twice?

    python tests/bench/kills.py [--kills 200] [--engines hallo2 echomimic latentsync musetalk]
        [--seed 0] [--json]

Each kill is SIGKILL to a process of its own that runs ``imgsync animate`` on tiny random weights,
at a random time of its run. Then the same command runs to its end. All is compared, byte by byte,
with a run that nobody disturbed and that kept nothing. Processes are forked from this one, which
has imported everything and read the weights, so that a run is short. Prints a Markdown table; exits
1 where something is not as it should be. Needs a system with fork.

A segment counts as drawn twice when the killed run had finished something of it that had to be made
again: it was drawn in part, or wholly but was not yet on the disk. What an engine was at work on
when it was killed, the window or clip under way, is lost besides.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # a process that is forked must have no threads

import argparse
import json
import random
import signal
import sys
import tempfile
import time
import wave
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))

import tiny_echomimic
import tiny_hallo2
import tiny_latentsync
import tiny_musetalk
from killed import share_networks

from imgsync_core.cli import main as imgsync
from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.engines.runtime.stream import StreamedFrames
from imgsync_core.spool.store import segments

RATE, SECONDS = 16000, 1.28
LEAST = 12  # frames of a segment
ENGINES = {  # tiny weights, words for as little work as possible, share of the kills
    "hallo2": (tiny_hallo2, ["--resolution", "64", "--steps", "1"], 0.35),
    "echomimic": (
        tiny_echomimic,
        ["--resolution", "64", "--steps", "3", "--context", "8", "--overlap", "2"],
        0.3,
    ),
    "latentsync": (tiny_latentsync, ["--resolution", "64", "--steps", "1", "--lively"], 0.3),
    "musetalk": (tiny_musetalk, [], 0.05),  # its crops are never small
}


@dataclass
class Tally:
    """What came of the kills of one engine."""

    kills: int = 0
    identical: int = 0
    torn: int = 0
    redone: Counter[int] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    reused: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def prepare(folder: Path) -> None:
    """Weights, a drawn face, a voice."""
    for name, (tiny, _, _) in ENGINES.items():
        tiny.write_all(folder / name)
    Image.fromarray(demo_picture(512)).resize((128, 128)).save(folder / "still.png")
    voice = demo_speech(SECONDS, RATE, 0).mean(0)
    with wave.open(str(folder / "voice.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((voice * 32767).astype("<i2").tobytes())


def begin(words: list[str], log: Path) -> int:
    """Fork a process that runs the command; what is drawn is written to a log. Returns its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        out = os.open(log.with_suffix(".out"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        spy(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND))
        code = imgsync(words)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def spy(log: int) -> None:
    """Write down each chunk that an engine draws, before anybody keeps it."""
    whole = StreamedFrames.__init__

    def init(self, source, timeline, make, **more) -> None:
        def told(watcher, point):
            os.write(log, f"begin {point.frame}\n".encode())
            for chunk in make(watcher, point):
                ends = chunk.carried is not None
                os.write(log, f"chunk {chunk.start} {chunk.stop} {ends:d}\n".encode())
                yield chunk

        whole(self, source, timeline, told, **more)

    StreamedFrames.__init__ = init


def drawn(log: Path, n_frames: int) -> tuple[bool, int, bool]:
    """Whether drawing had begun, segments that were drawn, and whether another was under way."""
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    done, n = 0, 0
    for word, *numbers in lines:
        if word != "chunk":
            continue
        start, stop, ends = map(int, numbers)
        n += stop - start
        if stop >= n_frames or (ends and (n == 0 or n >= LEAST)):
            done, n = done + 1, 0
    return bool(lines), done, n > 0


def words(folder: Path, engine: str, out: Path, *more: str) -> list[str]:
    own = ENGINES[engine][1]
    weights = ["--weights", str(folder / engine), "--device", "cpu"]
    return [
        "animate", str(folder / "still.png"), str(folder / "voice.wav"), "-o", str(out),
        "--engine", engine, *weights, *own, *more,
    ]  # fmt: skip


def ended(pid: int) -> int:
    return os.waitpid(pid, 0)[1]


def kill_once(folder: Path, engine: str, wanted: bytes, seconds: float, rng: random.Random,
              tally: Tally) -> None:  # fmt: skip
    """One kill, and the run that goes on."""
    out, spool, log = folder / "out.mp4", folder / "spool", folder / "log"
    n_frames = round(SECONDS * 25)
    for path in (out, log):
        path.unlink(missing_ok=True)
    command = words(folder, engine, out, "--spool", str(spool))
    pid = begin(command, log)
    time.sleep(rng.uniform(0.0, 1.0) * seconds)
    os.kill(pid, signal.SIGKILL)
    status = ended(pid)
    if not os.WIFSIGNALED(status):
        return  # it was faster: nothing was killed
    tally.kills += 1
    if out.exists() and out.read_bytes() != wanted:
        tally.torn += 1
    began, done, under_way = drawn(log, n_frames)
    jobs = [path for path in spool.iterdir() if path.is_dir()] if spool.exists() else []
    kept = len(segments(jobs[0])) if jobs else 0
    all_drawn = began and not under_way and kept == done and drawn_all(log, n_frames)
    stage = (
        "in place" if out.exists() else "written" if all_drawn else "drawn" if began else "begun"
    )
    tally.stages[stage] += 1
    if stage != "in place":
        tally.redone[done - kept + under_way] += 1
    log.unlink(missing_ok=True)
    more = ["--overwrite"] if out.exists() else []
    status = ended(begin([*command, *more], log))
    said = log.with_suffix(".out").read_text()
    made = sum(int(b) - int(a) for a, b in chunks(log))
    tally.reused.append(1 - made / n_frames)
    if status or out.read_bytes() != wanted:
        tally.wrong.append(f"{engine}: status {status}, {said[-500:]}")
    else:
        tally.identical += 1
    left = [path.name for path in spool.iterdir() if path.name != "hashes"]
    if left:
        tally.wrong.append(f"{engine}: left behind: {left}")
    if beside := [path.name for path in folder.glob("out.mp4.*")]:
        tally.wrong.append(f"{engine}: left beside the video: {beside}")


def chunks(log: Path) -> list[tuple[str, str]]:
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [(line[1], line[2]) for line in lines if line[0] == "chunk"]


def drawn_all(log: Path, n_frames: int) -> bool:
    return any(int(stop) >= n_frames for _, stop in chunks(log))


def measure(folder: Path, engine: str, kills: int, rng: random.Random) -> Tally:
    """So many kills of one engine."""
    out = folder / f"{engine}.mp4"
    seconds = 0.0
    if imgsync(words(folder, engine, out, "--no-spool", "--quiet", "--print", "path")):
        raise SystemExit(f"{engine} does not run")
    for _ in range(2):  # the second one finds the files in memory
        began = time.perf_counter()
        status = ended(
            begin(words(folder, engine, out, "--no-spool", "--overwrite"), folder / "log")
        )
        seconds = time.perf_counter() - began
        if status:
            raise SystemExit((folder / "log.out").read_text())
    wanted, tally = out.read_bytes(), Tally()
    while tally.kills < kills:
        kill_once(folder, engine, wanted, seconds, rng, tally)
    return tally


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--kills", type=int, default=200)
    p.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    torch.set_num_threads(1)
    share_networks()
    rng, tallies = random.Random(args.seed), {}
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        whole = sum(ENGINES[engine][2] for engine in args.engines)
        left = args.kills
        for engine in args.engines:
            share = min(left, -(-args.kills * ENGINES[engine][2] // whole))
            tallies[engine] = measure(Path(name), engine, int(share), rng)
            left -= int(share)
    if args.json:
        print(json.dumps({k: vars(t) for k, t in tallies.items()}))
    else:
        table(tallies)
    good = all(
        t.identical == t.kills and not t.torn and not t.wrong and max(t.redone, default=0) <= 1
        for t in tallies.values()
    )
    return 0 if good else 1


def table(tallies: dict[str, Tally]) -> None:
    print("| engine | kills | before drawing | drawing | writing | in place | identical | torn "
          "| segments drawn twice: 0 | 1 | more | frames reused, mean |")  # fmt: skip
    print("| --- " * 12 + "|")
    for engine, t in tallies.items():
        stages = [t.stages[name] for name in ("begun", "drawn", "written", "in place")]
        more = sum(n for k, n in t.redone.items() if k > 1)
        cells = [engine, t.kills, *stages, t.identical, t.torn, t.redone[0], t.redone[1], more,
                 f"{np.mean(t.reused):.0%}"]  # fmt: skip
        print("| " + " | ".join(map(str, cells)) + " |")
        for sentence in t.wrong:
            print(f"wrong: {sentence}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
