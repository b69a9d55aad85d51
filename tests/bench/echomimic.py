"""How EchoMimic saves time and memory, and that nothing shows where windows meet.

    python tests/bench/echomimic.py denoise [--narrower 2] [--resolution 128] [--device cuda]
    python tests/bench/echomimic.py length [--seconds 20 200]
    python tests/bench/echomimic.py seams [--seconds 200]

denoise: one clip, denoised as the published pipeline does it beside ours, on random weights of the
published shape, narrower by a factor; each way in a process of its own. "Plain" projects the
reference's keys and values in every frame, window and step, attends to them for both halves and
then once more for the unconditional one, and computes unconditional audio, in torch's own memory
format. Score work counts pairs
of a query and a key of all spatial self attentions.
length: tiny random checkpoints, from files to a file: the peak of resident memory.
seams: the same, change of latents from frame to frame where a window begins and elsewhere.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from networks import as_published, filled
from PIL import Image

from imgsync_core.demo import demo_picture
from imgsync_core.diffusion.ddim import denoise
from imgsync_core.diffusion.predict import averaged
from imgsync_core.diffusion.windows import in_order, overlapping
from imgsync_core.engines.base import PLAIN
from imgsync_core.engines.echomimic import engine as engines
from imgsync_core.engines.echomimic import model, pipeline
from imgsync_core.engines.echomimic.networks import Seen
from imgsync_core.engines.echomimic.pipeline import Drawer, Plan
from imgsync_core.engines.runtime.networks import placing
from imgsync_core.engines.runtime.stream import Attempt
from imgsync_core.job import Animation, Job, prepare, render
from imgsync_core.machine import Device
from imgsync_core.media.picture import Picture
from imgsync_core.media.sound import ArraySound
from imgsync_core.nn.reference import ReferenceSelf, sites
from imgsync_core.nn.stages import Cond, Context
from imgsync_core.nn.temporal import TemporalParams
from imgsync_core.nn.unet import SD15, UNet

WAYS = ("plain", "reference", "default", "default, halves in turn")
HEARD, TOKENS, GUIDANCE = 384, 50, 2.5
CORE = Path(__file__).parents[1] / "core"


def nobody(share: float) -> None:
    pass


# -- denoise --


def networks(args: argparse.Namespace) -> tuple[UNet, Seen]:
    """Random networks, and what was seen of a random still."""
    shape = replace(SD15, widths=tuple(width // args.narrower for width in SD15.widths))
    torch.manual_seed(0)

    unet = filled(lambda: model.reading(model.Params(shape, TemporalParams(8, 32), HEARD)), args)
    looking = filled(lambda: model.recording(replace(shape, out_channels=None)), args)
    side, record = args.resolution // 8, {}
    dtype = getattr(torch, args.dtype)
    latents = torch.randn(1, 4, 1, side, side, device=args.device, dtype=dtype)
    looking(latents, 0, Cond(record=record), until=sites(looking)[-1])
    place = torch.randn(1, shape.widths[0], side, side, device=args.device, dtype=dtype)
    return unet, Seen(record, place)


class Published(ReferenceSelf):
    """The published way: both halves with the reference, the first once more without."""

    def forward(self, x, cond):
        tokens, frames = cond.context[self.reads].tokens[self.site], cond.frames
        both = torch.cat([x, tokens.expand(len(x), -1, -1)], 1)
        out = self.look(x, self.project(both))
        alone = self.look(x[:frames], self.project(x[:frames]))
        return torch.cat([alone, out[frames:]])


class Tokens(Context):
    """Tokens of several sites, for both halves."""

    def items(self, frames):
        return 2


def plainly(unet: UNet, seen: Seen, heard, noise, windows, steps):
    """Denoise as the published pipeline does, without any saving."""
    dtype = seen.place.dtype
    for module in unet.modules():
        if isinstance(module, ReferenceSelf):
            module.__class__ = Published

    def within(frames):
        audio = heard[list(frames)]
        audio = torch.cat([torch.zeros_like(audio), audio])
        place = seen.place.expand(len(frames), -1, -1, -1)
        cond = Cond(
            added=torch.cat([torch.zeros_like(place), place]),
            context={model.PICTURE: Tokens(seen.record), model.AUDIO: Context(audio)},
        )

        def predict(latents, step, index):
            sample = latents.repeat(2, 1, 1, 1, 1).to(dtype)
            without, told = unet(sample, step.timestep, cond).float().chunk(2)
            return without + GUIDANCE * (told - without)

        return predict

    return denoise(averaged(windows, within), noise, steps)


def run(way: str, args: argparse.Namespace, unet: UNet, seen: Seen, count: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    dtype = getattr(torch, args.dtype)
    heard = torch.randn(args.frames, TOKENS, HEARD, generator=draw).to(args.device, dtype)
    side = args.resolution // 8
    noise = torch.randn(args.frames, 4, side, side, generator=draw)
    plan = Plan(count, GUIDANCE, 12, 3)
    attempt = Attempt(low_memory="turn" in way, retry=False)
    device = Device(torch.device(args.device).type, "here")
    place = placing(replace(PLAIN, device=device, dtype=dtype))
    drawer = Drawer(unet, None, seen, place, plan, attempt, seed=0)
    at = [0]

    def given(*shape, generator):
        if shape[0] == 1 and shape[1] == 4:
            return noise.transpose(0, 1)[None]
        at[0] += shape[0]
        return noise[at[0] - shape[0] : at[0]]

    hear, torch_randn = (lambda a, b: heard[a:b]), torch.randn
    torch.randn = given
    pipeline.TURN = args.turn
    try:
        if way == "plain":
            latents = noise.transpose(0, 1)[None].clamp(-1.5, 1.5).to(args.device)
            windows = lambda i: overlapping(args.frames, 12, 3, args.turn * i)  # noqa: E731
            steps = model.SCHEDULE.steps(count)
            return plainly(unet, seen, heard, latents, windows, steps)
        draws = drawer.published if way == "reference" else drawer.streamed
        return torch.cat(list(draws(hear, args.frames, nobody)), 2)
    finally:
        torch.randn = torch_randn


def score_work(way: str, args: argparse.Namespace) -> float:
    """Pairs of a query and a key in the spatial self attentions, in 10^9."""
    side, total = args.resolution // 8, 0
    for level, layers in ((0, 5), (1, 5), (2, 5), (3, 1)):
        tokens = (side >> level) ** 2
        total += layers * tokens**2
    n = args.frames
    windows = overlapping(n, 12, 3) if way in WAYS[:2] else in_order(n, 12, 3)
    units = 5 if way == "plain" else 3
    return units * total * sum(map(len, windows)) * args.steps / 1e9


def child(args: argparse.Namespace) -> None:
    """Measure one way and leave the latents in a file."""
    if args.threads:
        torch.set_num_threads(args.threads)
    cuda = args.device.startswith("cuda")
    with torch.inference_mode():
        unet, seen = networks(args)
        if args.way == "plain":
            as_published(unet)
        run(args.way, args, unet, seen, 1)
        peak(cuda, reset=True)
        clock = time.perf_counter if cuda else time.process_time
        began = clock()
        latents = run(args.way, args, unet, seen, args.steps).cpu()
        if cuda:
            torch.cuda.synchronize()
        seconds = clock() - began
    torch.save(latents, args.out)
    print(json.dumps({"seconds": seconds, "peak": peak(cuda)}))


def peak(cuda: bool, reset: bool = False) -> float:
    """Most memory so far, MB: allocated on the device, or resident in main memory."""
    if cuda:
        most = torch.cuda.max_memory_allocated() / 1e6
        if reset:
            torch.cuda.reset_peak_memory_stats()
        return most
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def denoising(args: argparse.Namespace) -> None:
    widths = "/".join(str(width // args.narrower) for width in SD15.widths)
    print(
        f"{args.frames} frames of {args.resolution}x{args.resolution}, widths {widths}, "
        f"{args.steps} steps, guidance {GUIDANCE}, windows move on by {args.turn}, {args.dtype} on "
        f"{args.device}\n"
    )
    seconds = "s" if args.device.startswith("cuda") else "CPU s"
    print(f"| way | {seconds} | times faster | score work, 10^9 | peak MB | latents off by |")
    print("| --- | --- | --- | --- | --- | --- |")
    first: tuple[float, torch.Tensor] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for way in args.ways or WAYS:
            out = Path(folder) / "latents.pt"
            words = ["--way", way, "--out", str(out)]
            told = json.loads(told_by(words))
            latents = torch.load(out, weights_only=True)
            first = first or (told["seconds"], latents)
            off = (latents - first[1]).abs().max().item()
            print(
                f"| {way} | {told['seconds']:.1f} | {first[0] / told['seconds']:.2f} | "
                f"{score_work(way, args):.2f} | {told['peak']:.0f} | {off:.1e} |",
                flush=True,
            )


def told_by(words: list[str]) -> str:
    """What the script prints, run again with more words."""
    command = [sys.executable, *sys.argv, *words]
    # glibc learns to keep large blocks that were freed, more of them in a longer run; so that what
    # is held is measured and not what the allocator hoards, it may not learn
    env = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout.splitlines()[-1]


# -- length and seams --


def weights(folder: Path) -> Path:
    """Tiny random checkpoints."""
    sys.path.insert(0, str(CORE))
    spec = importlib.util.spec_from_file_location("tiny_echomimic", CORE / "tiny_echomimic.py")
    assert spec is not None and spec.loader is not None
    tiny = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    return tiny.write_all(folder)


def voice(seconds: float) -> ArraySound:
    rng = np.random.default_rng(0)
    n = round(seconds * 16000)
    return ArraySound(rng.normal(0, 0.1, (1, n)).astype(np.float32), 16000)


def job(folder: Path, seconds: float, **more) -> Job:
    options = {"weights": str(folder), "resolution": 64, "steps": 1, **more}
    picture = np.asarray(Image.fromarray(demo_picture(512)).resize((256, 256)))
    return Job(Picture(picture), voice(seconds), animation=Animation("echomimic", options=options))


def one_length(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    folder, seconds = Path(args.folder), args.seconds[0]
    began = time.perf_counter()
    report = render(prepare(job(folder / "weights", seconds)), folder / f"{seconds}.mp4")
    frames = report.info.picture.frames if report.info.picture else 0
    took = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "frames": frames, "peak": peak(False), "took": took}))


def length(args: argparse.Namespace) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        weights(Path(name) / "weights")
        for seconds in args.seconds:
            words = ["--folder", name, "--seconds", str(seconds)]
            rows.append(json.loads(told_by(words)))
    if args.json:
        print(json.dumps(rows))
        return
    print("| seconds of speech | frames | peak MB | took s |\n| --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row['seconds']:g} | {row['frames']} | {row['peak']:.0f} | {row['took']:.0f} |")


def seams(args: argparse.Namespace) -> None:
    """Latents of a long clip: change from frame to frame, where windows begin, end, and else."""
    torch.set_num_threads(1)
    kept = []

    def listening(self, latents):
        kept.append(latents.float().cpu())
        for some in torch.arange(latents.shape[2]).split(4):
            yield torch.zeros(len(some), 3, 64, 64)  # what they look like is of no interest

    Drawer.drawn = listening
    engines.SquarePaste.paste = lambda self, drawn: np.zeros((len(drawn), 256, 256, 3), np.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder = weights(Path(name) / "weights")
        with prepare(job(folder, args.seconds[-1], steps=args.steps)) as ready:
            n = ready.frames.n_frames
            for start in range(0, n, 50):
                ready.frames.read(start, min(start + 50, n))
    latents = torch.cat(kept, 2)[0].transpose(0, 1)  # f c h w
    change = (latents[1:] - latents[:-1]).flatten(1).square().mean(1).sqrt().numpy()
    windows = in_order(n, 12, 3)
    begins = np.array([w.start for w in windows[1:]]) - 1  # change into the first frame
    ends = np.array([w.stop for w in windows[:-1]]) - 1
    pieces = np.arange(25 * 25, n - 1, 25 * 25) - 1  # where pieces of the sound go over
    rest = np.setdiff1d(np.arange(len(change)), np.concatenate([begins, ends]))
    print(f"{n} frames, {len(windows)} windows, {args.steps} steps\n")
    print("| change from frame to frame | mean | 95 % | largest |\n| --- | --- | --- | --- |")
    places = {"elsewhere": rest, "where a window begins": begins, "where one ends": ends}
    for what, at in {**places, "where pieces of the sound meet": pieces}.items():
        part = change[at]
        print(f"| {what} | {part.mean():.4f} | {np.quantile(part, 0.95):.4f} | {part.max():.4f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("denoise", "length", "seams"))
    parser.add_argument("--narrower", type=int, default=2, help="divides all widths (2)")
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--turn", type=int, default=0, help="2 as published; 0: plans agree")
    parser.add_argument("--ways", nargs="+")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seconds", type=float, nargs="+", default=[20.0, 200.0])
    parser.add_argument("--json", action="store_true")
    for hidden in ("--way", "--out", "--folder"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        child(args)
    elif args.folder:
        one_length(args)
    else:
        {"denoise": denoising, "length": length, "seams": seams}[args.what](args)


if __name__ == "__main__":
    main()
