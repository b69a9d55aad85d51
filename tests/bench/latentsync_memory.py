"""Whether a lip engine's memory grows with the length of a video.

    python tests/bench/latentsync_memory.py [--engine NAME] [--seconds 20 200] [--fps 25] [--json]

Dubs videos of a drawn face that drifts, from files to a file, on tiny random checkpoints of the
published layout: decoding, following the face, hearing, drawing, pasting, encoding. Each length
runs in a process of its own. Prints the peak of resident memory (Linux).
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from imgsync_core.demo import demo_picture
from imgsync_core.job import Animation, Job, prepare, render
from imgsync_core.media.encoding import preset
from imgsync_core.media.muxer import Muxer
from imgsync_core.media.sound import ArraySound
from imgsync_core.timeline import Timeline

SIDE = 768  # so large that the cache of decoded frames, 64 MB, is full after 38 of them
OPTIONS = {"latentsync": {"resolution": 64, "steps": 1}, "musetalk": {}}


def write_weights(folder: Path, engine: str) -> None:
    """Tiny random checkpoints."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    importlib.import_module(f"tests.core.tiny_{engine}").write_all(folder)


def write_video(path: Path, seconds: float, fps: Fraction) -> None:
    """A face that drifts to and fro, and a noisy voice."""
    time_line = Timeline.of_seconds(seconds, fps)
    portrait = np.asarray(Image.fromarray(demo_picture(512)).resize((SIDE, SIDE)))
    wide = np.pad(portrait, ((0, 0), (10, 10), (0, 0)), mode="edge")
    rng = np.random.default_rng(0)
    n = time_line.at_rate(16000).total_samples
    voice = ArraySound(rng.normal(0, 0.1, (1, n)).astype(np.float32), 16000)
    line = Timeline.of_sound(n, 16000, fps)
    with Muxer(path, preset("mp4-h264"), line, (SIDE, SIDE), sound=voice) as out:
        for i in range(line.n_frames):
            left = abs(i % 40 - 20)
            out.write(wide[None, :, left : left + SIDE])


def child(folder: Path, seconds: float, engine: str) -> None:
    """Dub one video and tell the peak."""
    torch.set_num_threads(1)
    video = folder / f"{seconds}.mp4"
    how = Animation(engine, options={"weights": str(folder / "weights"), **OPTIONS[engine]})
    began = time.perf_counter()
    report = render(prepare(Job(video, video, animation=how)), folder / f"{seconds}_out.mp4")
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1e3
    frames = report.info.picture.frames if report.info.picture else 0
    told = {"seconds": seconds, "frames": frames, "peak": peak}
    print(json.dumps({**told, "took": time.perf_counter() - began}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, nargs="+", default=[20.0, 200.0])
    parser.add_argument("--engine", choices=tuple(OPTIONS), default="latentsync")
    parser.add_argument("--fps", default="25")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(Path(args.child), args.seconds[0], args.engine)
        return
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_weights(folder / "weights", args.engine)
        for seconds in args.seconds:
            write_video(folder / f"{seconds}.mp4", seconds, Fraction(args.fps))
            command = [sys.executable, __file__, "--child", name, "--seconds", str(seconds)]
            command += ["--engine", args.engine]
            # glibc learns to keep large blocks that were freed, more of them in a longer run; so
            # that what is held is measured and not what the allocator hoards, it may not learn
            env = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
            out = done.stdout
            rows.append(json.loads(out.splitlines()[-1]))
    if args.json:
        print(json.dumps(rows))
        return
    print("| seconds of video | frames | peak MB | took s |\n| --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row['seconds']:g} | {row['frames']} | {row['peak']:.0f} | {row['took']:.0f} |")


if __name__ == "__main__":
    main()
