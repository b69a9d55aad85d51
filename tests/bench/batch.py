"""A batch on a Ray cluster of two nodes, one of which is killed; and what single clips take.

    python tests/bench/batch.py ray [--rows 200] [--bad 20]     needs imgsync[ray]
    python tests/bench/batch.py clip [--seconds 30]

``ray`` compares the videos with those of the same table made here, watches which files are written
more than once, and makes everything a second time, which must make nothing. ``clip`` is the cost of
one clip of 512x512, by which larger batches can be planned. Both print Markdown.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from imgsync_core.demo import demo_picture, demo_speech

ROOT = Path(__file__).parents[2]
RATE = 16000
BAD = (  # picture, sound, engine, fit: kinds of bad rows, in turn
    ("broken.png", "{good}.wav", "", ""),
    ("{good}.png", "missing.wav", "", ""),
    ("{good}.png", "{good}.wav", "", "bogus"),
    ("{good}.png", "{good}.wav", "built-in", ""),  # no face: only found when it is made
    ("{good}.png", "empty.wav", "", ""),
)


def make_table(folder: Path, rows: int, bad: int) -> Path:
    """Tiny rows, 0.5 s over 64x64 that is slowly zoomed into; bad ones spread among them."""
    generator = np.random.default_rng(0)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    (folder / "empty.wav").touch()
    lines, every = ["picture,audio,engine,fit,mode"], rows // bad
    for i in range(rows):
        pixels = generator.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
        write_wav(folder / f"{i}.wav", demo_speech(0.5, RATE, i)[0])
        at, is_bad = i // every, i % every == every // 2 and i // every < bad
        picture, sound, engine, fit = (
            BAD[at % len(BAD)] if is_bad else ("{good}.png", "{good}.wav", "", "")
        )
        lines.append(",".join([picture, sound, engine, fit, "pan-zoom"]).replace("{good}", str(i)))
    path = folder / "jobs.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())


class Written(threading.Thread):
    """Every file that appears in a folder under a name, whatever was there before, by its hash."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.over = folder, threading.Event()
        self.seen: dict[str, dict[int, str]] = {}

    def run(self) -> None:
        while not self.over.wait(0.01):
            self.look()

    def look(self) -> None:
        for path in self.folder.glob("*.mp4"):
            known = self.seen.setdefault(path.name, {})
            state = path.stat()
            stamp = state.st_ino ^ state.st_mtime_ns
            if stamp not in known:
                known[stamp] = hashlib.sha256(path.read_bytes()).hexdigest()


def batch(folder: Path, out: str, *words: str) -> tuple[int, str, str, float]:
    """Exit code, stdout, stderr and seconds of ``imgsync batch``."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "imgsync_core", "batch", "jobs.csv", "-o", out, "--quiet"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, *words], cwd=folder, env=env, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr, time.perf_counter() - began


def on_ray(rows: int, bad: int) -> None:
    from ray.cluster_utils import Cluster

    os.environ |= {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_table(folder, rows, bad)
        written = Written(folder / "ray")
        killed: list[int] = []

        def kill() -> None:
            while len(written.seen) < rows // 4:
                time.sleep(0.01)
            killed.append(len(written.seen))
            cluster.remove_node(nodes[1], allow_graceful=False)

        written.start()
        threading.Thread(target=kill, daemon=True).start()
        words = ("--on", "ray", "--address", cluster.address)
        code, out, err, seconds = batch(folder, "ray", *words)
        written.look()
        again = batch(folder, "ray", *words)
        written.look()
        written.over.set()
        here = batch(folder, "here", "--workers", "2")
        report(folder, written, code, out, err, seconds, killed)
        same = hashes(folder / "ray") == hashes(folder / "here")
        print(f"| the same videos here, two processes | {here[3]:.1f} s, "
              f"{'all hashes equal' if same else 'DIFFERENT'} |")  # fmt: skip
        print(f"| the same command again | {again[3]:.1f} s, exit {again[0]}: "
              f"{again[1].splitlines()[-1].partition('; in ')[0]} |")  # fmt: skip
    cluster.shutdown()


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.mp4")}


def report(
    folder: Path, written: Written, code: int, out: str, err: str, seconds: float, killed: list[int]
) -> None:
    twice = {name: set(found.values()) for name, found in written.seen.items() if len(found) > 1}
    errors = [line for line in err.splitlines() if line.startswith("imgsync: row ")]
    videos = list((folder / "ray").glob("*.mp4"))
    good = sum(probed(path) for path in videos)
    print("| what | result |\n| --- | --- |")
    print(f"| exit, seconds | {code}, {seconds:.1f} |")
    print(f"| summary | {out.splitlines()[-1].partition('; in ')[0]} |")
    print(f"| a node killed after | {killed} videos |")
    print(f"| videos, good by ffprobe | {len(videos)}, {good} |")
    print(f"| lines of errors, different rows | {len(errors)}, "
          f"{len({line.split(':')[1].split(',')[0] for line in errors})} |")  # fmt: skip
    print(f"| videos written more than once, with more than one hash | {len(twice)}, "
          f"{sum(len(found) > 1 for found in twice.values())} |")  # fmt: skip
    print(f"| pieces left behind | {len(list((folder / 'ray').glob('*.part')))} |")
    kinds = {re.sub(r"row \d+|\d+\.(png|wav)", "", line): line for line in errors}
    for line in kinds.values():
        print(f"| such as | `{line.replace(str(folder), '...')}` |")


def probed(path: Path) -> bool:
    """13 frames of picture that end with the sound."""
    asked = ("-count_frames", "-show_entries", "stream=nb_read_frames,duration", "-of", "csv=p=0")
    told = subprocess.run(["ffprobe", "-v", "error", *asked, path], capture_output=True, text=True)
    first, second = (line.split(",") for line in told.stdout.split())
    return first[1] == "13" and abs(float(first[0]) - float(second[0])) < 0.001


# -- single clips --


def clips(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        Image.fromarray(demo_picture(512)).save(folder / "p.png")
        write_wav(folder / "s.wav", demo_speech(seconds, RATE)[0])
        print(f"| {seconds:g} s at 512x512, 25 fps | whole command: s | CPU s | a row of many: s | "
              "CPU s | MB written |")  # fmt: skip
        print("| --- | --- | --- | --- | --- | --- |")
        for name, words, engine in (
            ("extend, held", ["extend"], ""),
            ("extend, pan-zoom", ["extend", "--mode=pan-zoom"], ""),
            ("built-in engine", ["animate"], "built-in"),
        ):
            alone = timed(lambda words=words: command(folder, words))
            size = (folder / "o.mp4").stat().st_size / 1e6
            row = in_batch(folder, engine, "pan-zoom" if "pan" in name else "")
            print(f"| {name} | {alone[0]:.2f} | {alone[1]:.2f} | {row[0]:.2f} | {row[1]:.2f} | "
                  f"{size:.2f} |", flush=True)  # fmt: skip


def command(folder: Path, words: list[str]) -> None:
    line = [sys.executable, "-m", "imgsync_core", words[0], "p.png", "s.wav", "-o", "o.mp4"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([*line, *words[1:], "--overwrite", "--quiet"], cwd=folder, env=env, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip


def in_batch(folder: Path, engine: str, mode: str, n: int = 4) -> tuple[float, float]:
    """Seconds and CPU seconds of one more row in a worker that is warm: n + 1 rows less one."""

    def run(rows: int) -> None:
        lines = [f"p.png,s.wav,{engine},{mode},{i}.mp4" for i in range(rows)]
        (folder / "jobs.csv").write_text("\n".join(["picture,audio,engine,mode,output", *lines]))
        assert batch(folder, "out", "--workers", "1", "--overwrite")[0] == 0

    one, many = timed(lambda: run(1)), timed(lambda: run(n + 1))
    return (many[0] - one[0]) / n, (many[1] - one[1]) / n


def timed(run: Callable[[], None]) -> tuple[float, float]:
    """Seconds, and CPU seconds of the processes that it ran."""
    before, began = os.times(), time.perf_counter()
    run()
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user
    return time.perf_counter() - began, cpu - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("ray", "clip"))
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--bad", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    args = parser.parse_args()
    on_ray(args.rows, args.bad) if args.what == "ray" else clips(args.seconds)


if __name__ == "__main__":
    main()
