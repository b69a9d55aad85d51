"""How fast and frugal LatentSync is: the plain way of denoising beside ours, and the paste-back.

    python tests/bench/latentsync.py                                        two cores: some minutes
    python tests/bench/latentsync.py --full --device cuda --dtype float16   full size, 20 steps

Prints Markdown tables. Weights are random; each way runs in a process of its own, once to warm up
with two steps and once to be measured. "Plain" asks the network as the published pipeline does:
both halves of guidance as one batch with zero tokens in the first, keys and values in every step,
in torch's own memory format. Only denoising is measured in the first table, one window of frames.
On a GPU two more are measured: "compiled", without the time that compiling takes, and the plain way
in float32, from which all are off by so much, largest and RMS.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from echomimic import peak
from networks import as_published, filled

from imgsync_core.diffusion.ddim import ddim, denoise
from imgsync_core.diffusion.guidance import guided_by
from imgsync_core.diffusion.predict import Guided, cached
from imgsync_core.engines.latentsync import model as spec
from imgsync_core.engines.latentsync.align import Aligner, Geometry
from imgsync_core.engines.latentsync.mask import fixed_mask
from imgsync_core.engines.latentsync.model import Params, build
from imgsync_core.engines.latentsync.pipeline import DEEP
from imgsync_core.engines.latentsync.published import restored
from imgsync_core.engines.runtime.crop import crops, pixel_values
from imgsync_core.engines.runtime.paste import Paste
from imgsync_core.nn.hearing import AUDIO
from imgsync_core.nn.stages import Cond, Context, projected
from imgsync_core.nn.temporal import TemporalParams
from imgsync_core.nn.unet import SD15, UNet

WAYS = ("plain", "default", "default, halves in turn", "default + DeepCache")
ON_GPU = ("plain, float32", *WAYS, "default, compiled")
HEARD, TOKENS = 384, 50


def network(args: argparse.Namespace) -> UNet:
    """The published shape, narrower by a factor, with random weights that keep numbers in range."""
    widths = tuple(width // args.narrower for width in SD15.widths)
    shape = replace(SD15, in_channels=spec.CHANNELS, widths=widths, joint=True)
    places = [f"down_blocks.{i}.motion_modules.{j}" for i in range(4) for j in range(2)]
    places += [f"up_blocks.{i}.motion_modules.{j}" for i in range(4) for j in range(3)]
    params = Params(shape, spec.HEADS, HEARD, TemporalParams(8, 24), frozenset(places))
    torch.manual_seed(0)
    return filled(lambda: build(params), args)


def plainly(unet: UNet, noise, steps, tokens, constant):
    """Denoise as the published pipeline does, without any saving."""
    both = torch.cat([torch.zeros_like(tokens), tokens])
    dtype = tokens.dtype
    latents = noise.float()
    for step in steps:
        sample = torch.cat([latents, constant], 1).to(dtype).repeat(2, 1, 1, 1, 1)
        out = unet(sample, step.timestep, Cond(context={AUDIO: Context(both)})).float()
        without, told = out.chunk(2)
        latents = ddim(latents, without + 1.5 * (told - without), step)
    return latents


def run(way: str, unet: UNet, args: argparse.Namespace, count: int) -> torch.Tensor:
    """Final latents of one window."""
    side = args.resolution // 8
    random = torch.Generator().manual_seed(1)
    noise = torch.randn(1, 4, 1, side, side, generator=random).expand(-1, -1, args.frames, -1, -1)
    constant = torch.randn(1, 9, args.frames, side, side, generator=random).to(args.device)
    tokens = torch.randn(args.frames, TOKENS, HEARD, generator=random)
    tokens = tokens.to(args.device, getattr(torch, args.dtype))
    noise, steps = noise.to(args.device), spec.SCHEDULE.steps(count)
    if way.startswith("plain"):
        return plainly(unet, noise, steps, tokens, constant)
    keys_values = projected(unet, AUDIO, tokens)
    guidance = guided_by(AUDIO, keys_values, 1.5, in_turn="turn" in way)
    refresh = DEEP if "DeepCache" in way else 1
    return denoise(cached(Guided(unet, guidance, extra=constant), refresh), noise, steps)


def child(args: argparse.Namespace) -> None:
    """Measure one way and leave the latents in a file."""
    if args.threads:
        torch.set_num_threads(args.threads)
    cuda = args.device.startswith("cuda")
    with torch.inference_mode():
        args.dtype = "float32" if "float32" in args.way else args.dtype
        unet = network(args)
        if args.way.startswith("plain"):
            as_published(unet)
        unet = torch.compile(unet) if "compiled" in args.way else unet
        run(args.way, unet, args, 2)
        peak(cuda, reset=True)
        # on the CPU what the process used: other work on the machine does not count
        clock = time.perf_counter if cuda else time.process_time
        began = clock()
        latents = run(args.way, unet, args, args.steps).cpu()
        if cuda:
            torch.cuda.synchronize()
        seconds = clock() - began
    torch.save(latents, args.out)
    print(json.dumps({"seconds": seconds, "peak": peak(cuda)}))


def denoising(args: argparse.Namespace) -> None:
    """The first table."""
    cuda = args.device.startswith("cuda")
    ways = args.ways or (ON_GPU if cuda else WAYS)
    print(f"| way | {'s' if cuda else 'CPU s'} | times faster | peak MB | off by | RMS |")
    print("| --- | --- | --- | --- | --- | --- |")
    plain, exact = 0.0, torch.zeros(0)
    with tempfile.TemporaryDirectory() as folder:
        for way in ways:
            out = Path(folder) / "latents.pt"
            command = [sys.executable, __file__, *sys.argv[1:], "--way", way, "--out", str(out)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"| {way} | {done.stderr.strip().splitlines()[-1][:90]} | | | | |")
                continue
            told, latents = json.loads(done.stdout), torch.load(out, weights_only=True)
            exact = exact if len(exact) else latents
            plain = told["seconds"] if way == "plain" else plain
            off = latents - exact
            cells = (
                f"{told['seconds']:.2f}", f"{plain / told['seconds']:.2f}", f"{told['peak']:.0f}",
                f"{off.abs().max():.1e}", f"{off.square().mean().sqrt():.1e}",
            )  # fmt: skip
            print(f"| {way} | {' | '.join(cells)} |", flush=True)
    print(f"\nLatents of the first go up to {exact.abs().max():.2f}." if len(exact) else "")


def pasting(frames: int = 16) -> None:
    """The second table: crops and paste-back of a window of full HD."""
    geometry = Geometry(256)
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (frames, 1080, 1920, 3), np.uint8)
    points = torch.tensor([[[900.0, 300], [1040, 300], [970, 370]]]).expand(frames, -1, -1)
    matrices = Aligner(geometry, bias=False).matrices(points)
    faces = pixel_values(crops(pictures, matrices, geometry))
    paste = Paste(geometry, fixed_mask(256))

    def published() -> None:
        crops(pictures, matrices, geometry, whole=True)
        for picture, face, matrix in zip(pictures, faces, matrices, strict=True):
            restored(picture, face, matrix, geometry)

    def ours() -> None:
        crops(pictures, matrices, geometry)
        paste.paste(pictures, faces, faces, matrices)

    print(f"\n{frames} frames of 1920x1080, crops cut out and pasted back\n")
    print("| way | CPU s |")
    print("| --- | --- |")
    for name, way in (("reference", published), ("default", ours)):
        began = time.process_time()
        way()
        print(f"| {name} | {time.process_time() - began:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="full width, 512 pixels, 20 steps")
    parser.add_argument("--narrower", type=int, default=2, help="divides all widths (2)")
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--ways", nargs="+")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.full:
        args.narrower, args.resolution, args.steps = 1, 512, 20
        args.frames = 16
    if args.way:
        child(args)
        return
    widths = "/".join(str(width // args.narrower) for width in SD15.widths)
    print(
        f"One window of {args.frames} frames of {args.resolution}x{args.resolution}, widths "
        f"{widths}, {args.steps} steps, guidance {1.5}, {args.dtype} on {args.device}\n"
    )
    denoising(args)
    with torch.inference_mode():
        pasting()


if __name__ == "__main__":
    main()
