"""An hour of sound through what makes videos: does memory stay flat?

    python tests/bench/soak.py [hold] [pan-zoom] [built-in] [node-hold] [node-pan-zoom]
        [--seconds 3600] [--side 128]

Each in a process of its own. Resident memory when a minute of the video is written, its highest
after that, and at the end; prints a Markdown table, and exits 1 where the end lies more than 20 MB
above the first minute. Needs /proc.

Those of the node are ImgSyncExtendFrames in ComfyUI's own modules, whose VIDEO is then saved as
Save Video does it; they need IMGSYNC_COMFYUI=<checkout> and IMGSYNC_COMFYUI_PYTHON, and are left
out without. The whole sound is in memory there, as Load Audio gives it.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from imgsync_core.animation import Animation
from imgsync_core.cli.base import settle
from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.engines.base import Host
from imgsync_core.job import Job, prepare, render
from imgsync_core.media.extend import Extension
from imgsync_core.media.picture import Picture
from imgsync_core.media.probe import probe
from imgsync_core.watcher import Watcher

RATE, FPS, MINUTE = 16000, 25, 60
MOST = 20.0  # MB
WAYS = {
    "hold": {"extension": Extension("hold")},
    "pan-zoom": {"extension": Extension("pan-zoom")},
    "built-in": {"animation": Animation(host=Host(settle=settle))},
}


NODE = "node-"
OF_NODE = (f"{NODE}hold", f"{NODE}pan-zoom")
HERE = Path(__file__).parent


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


Progress = Callable[[float, int], None]


def by_library(way: str, picture: np.ndarray, sound: Path, out: Path, progress: Progress) -> None:
    """Extend or animate as a command does."""
    with prepare(Job(Picture(picture), sound, **WAYS[way])) as prepared:
        render(prepared, out, watcher=Watcher(progress=progress))


def by_node(mode: str, picture: np.ndarray, sound: Path, out: Path, progress: Progress) -> None:
    """ImgSyncExtendFrames as ComfyUI runs it, and what Save Video does with its VIDEO."""
    import torch

    sys.path[0] = str(HERE.parent / "nodes")  # here is a comfy.py, which is not ComfyUI
    import conftest as nodes

    nodes._install_real(out.parent)
    # _install_real has to come first, or ComfyUI asks for a GPU
    utils = importlib.import_module("comfy.utils")
    utils.set_progress_bar_global_hook(
        lambda value, total, preview=None, prompt_id=None, node_id=None: progress(value, total)
    )
    extension = asyncio.run(nodes._import_folder(HERE.parents[1], "imgsync").comfy_entrypoint())
    found = {node.GET_SCHEMA().node_id: node for node in asyncio.run(nodes._list_nodes(extension))}
    with wave.open(str(sound)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    waveform = torch.from_numpy(samples.astype(np.float32) / 32768)[None, None]
    image = torch.from_numpy(picture.astype(np.float32) / 255)[None]
    way = {"mode": mode, "crossfade": 0, "move": "zoom in", "eased": True}
    video, _ = (
        found["ImgSyncExtendFrames"]
        .execute(
            source=image,
            audio={"waveform": waveform, "sample_rate": RATE},
            fps=float(FPS),
            mode=way,
            length={"length": "match audio"},
            grid="any",
        )
        .args
    )
    video.save_to(str(out), format="auto", codec="auto", metadata=None)


def one(way: str, seconds: int, side: int) -> None:
    """Render in this process and print what was measured, as JSON."""
    with tempfile.TemporaryDirectory() as name:
        sound, out = Path(name, "sound.wav"), Path(name, "out.mp4")
        write_sound(sound, seconds)
        picture = demo_picture(side)
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
        if way.startswith(NODE):
            by_node(way.removeprefix(NODE), picture, sound, out, progress)
        else:
            by_library(way, picture, sound, out, progress)
        told |= {"end": resident(), "took": time.perf_counter() - began, "way": way}
        told |= {"frames": probe(out).picture.frames, "bytes": out.stat().st_size}
        print(json.dumps(told))


def python_of(way: str) -> tuple[str, dict[str, str]]:
    """What runs a way, and its environment."""
    if not way.startswith(NODE):
        return sys.executable, dict(os.environ)
    env = os.environ | {"PYTHONPATH": str(HERE.parents[1])}
    return os.environ.get("IMGSYNC_COMFYUI_PYTHON", sys.executable), env


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("ways", nargs="*", choices=[[], *WAYS, *OF_NODE], default=[])
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
    usual = [*WAYS, *(OF_NODE if os.environ.get("IMGSYNC_COMFYUI") else ())]
    for way in args.ways or usual:
        python, env = python_of(way)
        words = [way, "--one", "--seconds", str(args.seconds), "--side", str(args.side)]
        command = [python, __file__, *words]
        ran = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=env)
        m = json.loads(ran.stdout.splitlines()[-1])
        numbers = [f"{m[k]:.1f}" for k in ("minute", "highest", "end")]
        cells = [way, m["frames"], *numbers, f"{m['bytes'] / 1e6:.1f}", f"{m['took']:.0f}"]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        bad += m["end"] > m["minute"] + MOST
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
