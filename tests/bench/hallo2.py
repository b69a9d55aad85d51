"""How Hallo2 saves time, and that memory does not grow with the length.

    python tests/bench/hallo2.py clip [--narrower 2] [--resolution 128] [--steps 2] [--device cuda]
    python tests/bench/hallo2.py length [--seconds 20 200]

clip: one clip of 16 frames, drawn as the published pipeline does it beside ours, on random weights
of the published shape, narrower by a factor, and a small autoencoder; each way in a process of its
own. "Plain" looks at the still anew for each clip and to the end of the network, projects its keys
and values in every frame and step, attends to them for both halves and then once more for the
unconditional one, and computes unconditional audio, in torch's own memory format.
length: tiny random checkpoints, from a picture to a file: the peak of resident memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from echomimic import CORE, peak, told_by, voice
from networks import as_published, filled
from PIL import Image

from imgsync_core.demo import demo_picture
from imgsync_core.diffusion.ddim import denoise
from imgsync_core.engines.base import PLAIN
from imgsync_core.engines.hallo2 import model
from imgsync_core.engines.hallo2.networks import Loaded
from imgsync_core.engines.hallo2.pipeline import Drawer, Plan, Still
from imgsync_core.engines.hallo2.published import PublishedDrawer
from imgsync_core.engines.runtime.networks import placing
from imgsync_core.engines.runtime.stream import Attempt
from imgsync_core.job import Animation, Job, prepare, render
from imgsync_core.machine import Device
from imgsync_core.nn.face_locator import FaceLocator
from imgsync_core.nn.projections import AudioTokens, PictureTokens
from imgsync_core.nn.reference import ReferenceSelf
from imgsync_core.nn.stages import Cond, Context
from imgsync_core.nn.temporal import TemporalParams
from imgsync_core.nn.unet import SD15
from imgsync_core.nn.vae import VAE, VAEParams

WAYS = ("plain", "reference", "default", "default, halves in turn")
TOKENS, WIDTH, EMBEDDED, HEARD = 32, 768, 512, (5, 12, 768)


class Published(ReferenceSelf):
    """The published way: both halves with the reference, the first once more without."""

    def forward(self, x, cond):
        frames = cond.frames
        tokens = cond.context[self.reads].tokens[self.site].repeat(frames, 1, 1)
        out = self.look(x, self.project(torch.cat([x, tokens], 1)))
        alone = self.look(x[:frames], self.project(x[:frames]))
        return torch.cat([alone, out[frames:]])


class Tokens(Context):
    """Tokens of several sites, for both halves."""

    def items(self, frames):
        return 2


class Plain(PublishedDrawer):
    """Draws without any saving."""

    def _clip(self, heard, last, done):
        networks, plan = self._networks, self._plan
        spots, noise = self._chance()
        keep = (spots > plan.drop) | self._protected
        latents = networks.encode(torch.cat([self._still, last.clamp(-1, 1) * keep]))
        record = {}
        faces = self._faces[self._seeing(2).flatten()]
        cond = Cond(record=record, context={model.FACE: Context(faces)})
        networks.recording(latents.repeat(2, 1, 1, 1)[:, :, None], 0, cond)
        for module in networks.reading.modules():
            if isinstance(module, ReferenceSelf):
                module.__class__ = Published
        kind = networks.place.dtype
        record = {site: x.half().to(kind) for site, x in record.items()}
        items = 1 + plan.motion
        audio = networks.hear_tokens(heard)
        place = self._located.expand(plan.frames, -1, -1, -1)
        cond = Cond(
            added=torch.cat([torch.zeros_like(place), place]),
            context={
                model.PICTURE: Tokens({site: x[::items] for site, x in record.items()}),
                model.FACE: Context(self._faces.repeat_interleave(plan.frames, 0)),
                model.AUDIO: Context(torch.cat([torch.zeros_like(audio), audio])),
            },
            before={s: x.unflatten(0, (2, items))[:, 1:] for s, x in record.items()},
            areas=self._areas,
        )  # fmt: skip

        def predict(x, step, index):
            sample = x.repeat(2, 1, 1, 1, 1).to(kind)
            without, told = networks.reading(sample, step.timestep, cond).float().chunk(2)
            return without + plan.guidance * (told - without)

        steps = model.SCHEDULE.steps(plan.steps)
        return denoise(predict, noise.to(networks.place.device), steps, on_step=done)


def networks(args: argparse.Namespace) -> Loaded:
    """Random ones of the published shape, narrower."""
    shape = replace(SD15, widths=tuple(width // args.narrower for width in SD15.widths))
    moving = [f"down_blocks.{i}.motion_modules.{j}" for i in range(3) for j in (0, 1)]
    moving += [f"up_blocks.{i}.motion_modules.{j}" for i in (1, 2, 3) for j in (0, 1, 2)]
    moving = frozenset([*moving, "mid_block.motion_modules.0"])
    params = model.Params(shape, TemporalParams(8, 32), WIDTH, WIDTH, moving)
    torch.manual_seed(0)

    def made(build):
        return filled(build, args)

    device = Device(torch.device(args.device).type, "here")
    place = placing(replace(PLAIN, device=device, dtype=getattr(torch, args.dtype)))
    heard = HEARD[0] * HEARD[1] * HEARD[2]
    return Loaded(
        reading=made(lambda: model.reading(params)),
        recording=made(lambda: model.recording(replace(shape, out_channels=None), WIDTH)),
        locator=made(lambda: FaceLocator(3, (16, 32, 64, 128), shape.widths[0])),
        face_tokens=made(lambda: PictureTokens(EMBEDDED, WIDTH, 4)),
        audio_tokens=made(lambda: AudioTokens(heard, 512, WIDTH, TOKENS)),
        vae=made(lambda: VAE(VAEParams((32, 32, 32, 32), layers=1))),
        place=place,
    )


def drawer(way: str, args: argparse.Namespace, loaded: Loaded, steps: int) -> Drawer:
    side, draw = args.resolution, torch.Generator().manual_seed(1)
    place = torch.zeros(1, 1, side, side)
    place[..., side // 4 : -side // 4, side // 4 : -side // 4] = 1
    masks = [torch.rand(3, (side >> (3 + i)) ** 2, generator=draw) for i in range(4)]
    pixels = torch.rand(1, 3, side, side, generator=draw) * 2 - 1
    still = Still(pixels, place, tuple(masks), torch.randn(1, EMBEDDED, generator=draw))
    plan = Plan(steps, 3.5, (1.0, 1.0, 1.0), 0)
    kinds = {"plain": Plain, "reference": PublishedDrawer}
    attempt = Attempt(low_memory="turn" in way, retry=False)
    return kinds.get(way, Drawer)(loaded, still, plan, attempt, seed=0)


def child(args: argparse.Namespace) -> None:
    """Measure one way and leave the latents in a file."""
    torch.set_num_threads(args.threads)
    cuda, kept = args.device.startswith("cuda"), []
    heard = torch.randn(16, *HEARD, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        loaded = networks(args)
        if args.way == "plain":
            as_published(loaded.reading)
            as_published(loaded.recording)
        drawer(args.way, args, loaded, 1)._clip(heard, torch.zeros(2, 3, args.resolution,
                                                args.resolution), lambda *_: None)  # fmt: skip
        made = drawer(args.way, args, loaded, args.steps)
        last = made._still.expand(2, -1, -1, -1)
        peak(cuda, reset=True)
        clock = time.perf_counter if cuda else time.process_time
        began = clock()
        made._clip(heard, last, lambda index, latents: kept.append(latents.cpu()))
        seconds = clock() - began
    torch.save(kept[-1], args.out)
    print(json.dumps({"seconds": seconds, "peak": peak(cuda)}))


def clip(args: argparse.Namespace) -> None:
    widths = "/".join(str(width // args.narrower) for width in SD15.widths)
    print(
        f"16 frames of {args.resolution}x{args.resolution}, widths {widths}, {args.steps} steps, "
        f"guidance 3.5, {args.dtype} on {args.device}\n"
    )
    seconds = "s" if args.device.startswith("cuda") else "CPU s"
    print(f"| way | {seconds} | times faster | peak MB | latents off by |")
    print("| --- | --- | --- | --- | --- |")
    first: tuple[float, torch.Tensor] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for way in args.ways or WAYS:
            out = Path(folder) / "latents.pt"
            told = json.loads(told_by(["--way", way, "--out", str(out)]))
            latents = torch.load(out, weights_only=True)
            first = first or (told["seconds"], latents)
            off = (latents - first[1]).abs().max().item()
            print(
                f"| {way} | {told['seconds']:.1f} | {first[0] / told['seconds']:.2f} | "
                f"{told['peak']:.0f} | {off:.1e} |",
                flush=True,
            )


def one_length(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    folder, seconds = Path(args.folder), args.seconds[0]
    options = {"weights": str(folder / "weights"), "resolution": 64, "steps": 1}
    picture = folder / "still.png"
    Image.fromarray(demo_picture(512)).resize((256, 256)).save(picture)
    how = Animation("hallo2", options=options)
    job = Job(picture, voice(seconds), fps=args.fps, animation=how)
    began = time.perf_counter()
    report = render(prepare(job), folder / f"{seconds}.mp4")
    frames = report.info.picture.frames if report.info.picture else 0
    took = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "frames": frames, "peak": peak(False), "took": took}))


def length(args: argparse.Namespace) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        sys.path.insert(0, str(CORE))
        import tiny_hallo2

        tiny_hallo2.write_all(Path(name) / "weights")
        for seconds in args.seconds:
            rows.append(json.loads(told_by(["--folder", name, "--seconds", str(seconds)])))
    if args.json:
        print(json.dumps(rows))
        return
    print("| seconds of speech | frames | peak MB | took s |\n| --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row['seconds']:g} | {row['frames']} | {row['peak']:.0f} | {row['took']:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("clip", "length"))
    parser.add_argument("--narrower", type=int, default=2, help="divides all widths (2)")
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--ways", nargs="+")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, nargs="+", default=[20.0, 200.0])
    parser.add_argument("--fps", type=int, default=5, help="of what is written (5: fewer frames)")
    parser.add_argument("--json", action="store_true")
    for hidden in ("--way", "--out", "--folder"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        child(args)
    elif args.folder:
        one_length(args)
    else:
        {"clip": clip, "length": length}[args.what](args)


if __name__ == "__main__":
    main()
