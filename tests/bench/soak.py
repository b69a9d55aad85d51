"""An hour of sound through what makes videos: does memory stay flat?

    python tests/bench/soak.py [hold] [pan-zoom] [built-in] [--seconds 3600] [--side 128]

Each in a process of its own. Resident memory when a minute of the video is written, its highest
after that, and at the end; prints a Markdown table, and exits 1 where the end lies more than 20 MB
above the first minute. Needs /proc.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

from imgsync_core.animation import Animation
from imgsync_core.cli.base import settle
from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.engines.base import Host
from imgsync_core.job import Job, prepare, render
from imgsync_core.media.extend import Extension
from imgsync_core.media.picture import Picture
from imgsync_core.watcher import Watcher

RATE, FPS, MINUTE = 16000, 25, 60
MOST = 20.0  # MB
WAYS = {
    "hold": {"extension": Extension("hold")},
    "pan-zoom": {"extension": Extension("pan-zoom")},
    "built-in": {"animation": Animation(host=Host(settle=settle))},
}


def resident() -> float:
    """MB of this process in main memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def write_sound(path: Path, seconds: int) -> None:
    """Speech with pauses, again and again: an hour of it is never held."""
    piece = np.concatenate([demo_speech(20.0, RATE, 0).mean(0), np.zeros(RATE * 2)])
    data = (piece * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        left = seconds * RATE
        while left:
            file.writeframes(data[:left].tobytes())
            left -= min(left, len(data))


def one(way: str, seconds: int, side: int) -> None:
    """Render in this process and print what was measured, as JSON."""
    with tempfile.TemporaryDirectory() as name:
        sound, out = Path(name, "sound.wav"), Path(name, "out.mp4")
        write_sound(sound, seconds)
        picture = Picture(demo_picture(side))
        told = {"minute": 0.0, "highest": 0.0, "at": -1}

        def progress(done: float, total: int) -> None:
            if done < told["at"] + FPS and done < total:
                return
            told["at"] = done
            now = resident()
            if done >= MINUTE * FPS:
                told["minute"] = told["minute"] or now
                told["highest"] = max(told["highest"], now)

        began = time.perf_counter()
        with prepare(Job(picture, sound, **WAYS[way])) as prepared:
            report = render(prepared, out, watcher=Watcher(progress=progress))
        told |= {"end": resident(), "took": time.perf_counter() - began, "way": way}
        told |= {"frames": report.info.picture.frames, "bytes": out.stat().st_size}
        print(json.dumps(told))


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("ways", nargs="*", choices=[[], *WAYS], default=[])
    p.add_argument("--seconds", type=int, default=3600)
    p.add_argument("--side", type=int, default=128, help="px of the picture")
    p.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.one:
        one(args.ways[0], args.seconds, args.side)
        return 0
    print("| way | frames | MB after a minute | highest after that | at the end | file, MB | s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    bad = 0
    for way in args.ways or WAYS:
        words = [way, "--one", "--seconds", str(args.seconds), "--side", str(args.side)]
        ran = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, check=True)
        m = json.loads(ran.stdout.splitlines()[-1])
        numbers = [f"{m[k]:.1f}" for k in ("minute", "highest", "end")]
        cells = [way, m["frames"], *numbers, f"{m['bytes'] / 1e6:.1f}", f"{m['took']:.0f}"]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        bad += m["end"] > m["minute"] + MOST
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
