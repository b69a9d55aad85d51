"""How fast MuseTalk is beside LatentSync: frames a second of both, in one process and run.

    python tests/bench/musetalk.py                                        half width: some minutes
    python tests/bench/musetalk.py --narrower 1 --device cuda --dtype float16    full size

Prints a Markdown table. Weights are random, crops have 256 px, the picture is a still, whose
latents are made once and not counted. LatentSync denoises a window of 16 frames; one step of it is
measured and counted 20 times. Each part is run once to warm up.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from networks import filled

from imgsync_core.diffusion.ddim import denoise
from imgsync_core.diffusion.guidance import guided_by
from imgsync_core.diffusion.predict import Guided
from imgsync_core.engines.base import PLAIN
from imgsync_core.engines.latentsync import model as latentsync
from imgsync_core.engines.musetalk import model as musetalk
from imgsync_core.engines.musetalk.pipeline import Drawer
from imgsync_core.engines.musetalk.spec import BATCH, SIDE
from imgsync_core.engines.runtime.lips import Networks
from imgsync_core.engines.runtime.networks import placing
from imgsync_core.machine import Device
from imgsync_core.nn.hearing import AUDIO, HEADS, HearingParams
from imgsync_core.nn.stages import projected
from imgsync_core.nn.temporal import TemporalParams
from imgsync_core.nn.unet import SD15
from imgsync_core.nn.vae import SD_VAE, VAE

HEARD, TOKENS, WINDOW, STEPS = 384, 50, 16, 20


def timed(work: Callable[[], object], args: argparse.Namespace) -> float:
    """Seconds; on the CPU those that the process used, as other work does not count."""
    cuda = args.device.startswith("cuda")
    clock = time.perf_counter if cuda else time.process_time
    work()
    if cuda:
        torch.cuda.synchronize()
    began = clock()
    work()
    if cuda:
        torch.cuda.synchronize()
    return clock() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--narrower", type=int, default=2, help="divides all widths (2)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--window", type=int, default=WINDOW, help="frames of LatentSync at once")
    args = parser.parse_args()
    torch.manual_seed(0)
    widths = tuple(width // args.narrower for width in SD15.widths)
    shape = replace(SD15, widths=widths)
    device, dtype = torch.device(args.device), getattr(torch, args.dtype)

    def quick() -> torch.nn.Module:
        unet = replace(shape, in_channels=musetalk.CHANNELS)
        return musetalk.build(HearingParams(unet, HEADS, HEARD))

    def slow() -> torch.nn.Module:
        places = [f"down_blocks.{i}.motion_modules.{j}" for i in range(4) for j in range(2)]
        places += [f"up_blocks.{i}.motion_modules.{j}" for i in range(4) for j in range(3)]
        unet = replace(shape, in_channels=latentsync.CHANNELS, joint=True)
        temporal = TemporalParams(8, 24)
        params = latentsync.Params(unet, HEADS, HEARD, temporal, frozenset(places))
        return latentsync.build(params)

    narrow = replace(SD_VAE, widths=tuple(width // args.narrower for width in SD_VAE.widths))
    place = placing(replace(PLAIN, device=Device(device.type, "here"), dtype=dtype))
    vae, side = filled(lambda: VAE(narrow), args), SIDE // 8
    net = Networks(filled(quick, args), vae, None, place)  # type: ignore[arg-type]
    drawer, rows = Drawer(net), {}
    given = torch.randn(1, 8, side, side, device=device)
    heard = torch.randn(BATCH, TOKENS, HEARD)
    latents = torch.randn(BATCH, 4, side, side, device=device)
    with torch.inference_mode():
        rows["one pass"] = timed(lambda: drawer.made(given, heard), args) / BATCH
        decode = timed(lambda: net.pictures(latents, low_memory=False), args) / BATCH
        other = filled(slow, args)
        noise = torch.randn(1, 4, args.window, side, side, device=device)
        constant = torch.randn(1, 9, args.window, side, side, device=device)
        tokens = torch.randn(args.window, TOKENS, HEARD, device=device, dtype=dtype)

        def step() -> None:
            made = projected(other, AUDIO, tokens)
            guided = Guided(other, guided_by(AUDIO, made, 1.5), extra=constant)
            denoise(guided, noise, latentsync.SCHEDULE.steps(STEPS)[:1])

        rows["a step"] = timed(step, args) / args.window
    first, second = rows["one pass"] + decode, STEPS * rows["a step"] + decode
    print(f"Widths {'/'.join(map(str, widths))}, {args.dtype} on {args.device}, {SIDE} px\n")
    unit = "s" if device.type == "cuda" else "CPU s"
    print(f"| engine | UNet, {unit} a frame | decoding | frames/s | times faster |")
    print("| --- | --- | --- | --- | --- |")
    told = f"{rows['one pass']:.3f} | {decode:.3f} | {1 / first:.3f} | {second / first:.1f}"
    print(f"| MuseTalk | {told} |")
    told = f"{STEPS} x {rows['a step']:.3f} | {decode:.3f} | {1 / second:.4f} | 1"
    print(f"| LatentSync | {told} |")


if __name__ == "__main__":
    main()
