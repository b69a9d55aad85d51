"""Whole commands of the engines with weights, at full size: speed, and memory beside the forecast.

    python tests/bench/full_size.py [--engine musetalk ...] [--seconds 10] [--device cuda]

The published files are written with random numbers in them: all keys, shapes and sizes as they are
published. A lip engine gets a clip of a drawn face, the others the face itself, of 512x512 px at 25
fps. Each row is a process of its own. Frames a second are counted from when the first frames are
there, so that loading and compiling are not in them. "Forecast" is what `auto` counts with.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from echomimic import voice
from latentsync_memory import write_video
from PIL import Image
from safetensors.torch import save_file

from imgsync_core.demo import demo_picture
from imgsync_core.engines.base import Host
from imgsync_core.engines.options import checked
from imgsync_core.engines.registry import spec_of
from imgsync_core.job import Animation, Job, prepare, render
from imgsync_core.models.published import Published, named
from imgsync_core.models.verify import known
from imgsync_core.nn.temporal import positions
from imgsync_core.plan.numbers import choose
from imgsync_core.watcher import Watcher

ENGINES = ("musetalk", "latentsync", "echomimic", "hallo2")
FPS = 25
WHISPER = {"n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 384, "n_audio_head": 6,
           "n_audio_layer": 4}  # fmt: skip
HALF = ("whisper-tiny", "hallo2")  # published at 16 bits


def drawn(key: str, shape: Sequence[int], device: str) -> torch.Tensor:
    """Random numbers for one tensor that keep what goes through in range."""
    if key.endswith("pos_encoder.pe"):
        return positions(*shape[1:])
    noise = torch.randn(tuple(shape), device=device)
    if len(shape) == 1:
        one = key.endswith("weight") and ("norm" in key or "ln" in key)
        return (0.1 * noise + one).cpu()
    return (noise / noise[0].numel() ** 0.5).cpu()


def write(model: Published, folder: Path, device: str) -> None:
    """One published file; its config beside it where it has one."""
    path = model.path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = torch.float16 if model.name in HALF else torch.float32
    state = {k: drawn(k, s, device).to(kind) for k, s in known()[model.keys[0]].items()}
    if path.suffix == ".safetensors":
        save_file(state, path)
    elif model.name == "whisper-tiny":
        torch.save({"dims": WHISPER, "model_state_dict": state}, path)
    else:
        torch.save({"state_dict": state} if "latentsync" in model.name else state, path)


def write_weights(engine: str, folder: Path, device: str) -> None:
    """All that an engine needs, where it is not there yet."""
    torch.manual_seed(0)
    for need in spec_of(engine).needs:
        model = named(need.published[0])
        if not model.path(folder).exists():
            write(model, folder, device)


def measured(
    engine: str, options: Mapping[str, Any], folder: Path, seconds: float, device: str
) -> dict[str, float]:
    """Make one video and tell how that went."""
    where, dtype = choose(device)
    host = Host(device=where, dtype=dtype, models=folder)
    picture = folder / ("face.png" if spec_of(engine).draws == "head" else f"{seconds}.mp4")
    how = Animation(engine, options=options, host=host)
    seen: list[tuple[float, float]] = []

    def progress(done: float, total: int) -> None:
        seen.append((done, time.perf_counter()))

    began = time.perf_counter()
    job = Job(picture, voice(seconds), fps=FPS, animation=how)
    watcher = Watcher(progress=progress)
    with prepare(job) as ready:
        report = render(ready, folder / "out.mp4", overwrite=True, watcher=watcher)
    ended = time.perf_counter()
    frames = report.info.picture.frames if report.info.picture else 0
    first, at = next((done, at) for done, at in seen if done >= 1)
    values = checked(spec_of(engine).options, options, engine)
    cost = spec_of(engine).cost(values, (512, 512), frames)
    told = {"frames": frames, "s": ended - began, "fps": (frames - first) / (ended - at)}
    if where.kind == "cuda":
        told["device"] = torch.cuda.max_memory_allocated() / 1e6
        told["reserved"] = torch.cuda.max_memory_reserved() / 1e6
    told["rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {**told, "rss forecast": cost.memory / 1e6, "device forecast": cost.device_memory / 1e6}


def row(engine: str, options: Mapping[str, Any], seconds: float, args: argparse.Namespace) -> None:
    told = json.dumps([engine, dict(options), args.folder, seconds, args.device])
    command = [sys.executable, __file__, "--child", told]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    how = ", ".join(f"{k} {v}".replace(" True", "") for k, v in options.items()) or "default"
    if done.returncode:
        print(f"| {engine} | {how} | {done.stderr.strip().splitlines()[-1][:120]} |", flush=True)
        return
    one = json.loads(done.stdout.splitlines()[-1])
    print(
        f"| {engine} | {how} | {one['frames']:.0f} | {one['s']:.1f} | {one['fps']:.2f} | "
        f"{one.get('device', 0):.0f} | {one.get('reserved', 0):.0f} | {one['device forecast']:.0f}"
        f" | {one['rss']:.0f} | {one['rss forecast']:.0f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--seconds", type=float, nargs="+", default=[10.0], help="of each engine")
    parser.add_argument("--option", nargs="+", default=[], help="more rows: low_memory compile ...")
    parser.add_argument("--steps", type=int, default=0, help="0 = as the engine has them")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--folder", help="where files are written, and found by the next run")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        engine, options, folder, seconds, device = json.loads(args.child)
        print(json.dumps(measured(engine, options, Path(folder), seconds, device)))
        return
    with tempfile.TemporaryDirectory() as name:
        args.folder = args.folder or name
        Path(args.folder).mkdir(exist_ok=True)
        write_rows(args)


def write_rows(args: argparse.Namespace) -> None:
    folder, drawing = Path(args.folder), "cuda" if torch.cuda.is_available() else "cpu"
    Image.fromarray(demo_picture(512)).save(folder / "face.png")
    print(
        "| engine | options | frames | s in all | frames/s | device MB | reserved | forecast | "
        "main memory MB | forecast |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    for i, engine in enumerate(args.engine):
        seconds = args.seconds[min(i, len(args.seconds) - 1)]
        write_weights(engine, folder, drawing)
        clip = folder / f"{seconds}.mp4"
        if spec_of(engine).draws == "lips" and not clip.exists():
            write_video(clip, seconds, Fraction(FPS))
        own = {option.name for option in spec_of(engine).options}
        steps = {"steps": args.steps} if args.steps and "steps" in own else {}
        row(engine, steps, seconds, args)
        for name in own.intersection(args.option):
            row(engine, {**steps, name: True}, seconds, args)


if __name__ == "__main__":
    main()
