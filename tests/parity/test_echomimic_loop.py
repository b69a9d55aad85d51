"""EchoMimic's whole loop and what it hears and sees, against the published code's numbers."""

from functools import partial

import pytest
import torch

from imgsync_core.diffusion.ddim import denoise
from imgsync_core.diffusion.predict import averaged
from imgsync_core.diffusion.windows import in_order, overlapping, ramped
from imgsync_core.engines.base import PLAIN
from imgsync_core.engines.echomimic import model, pipeline
from imgsync_core.engines.echomimic.networks import Seen
from imgsync_core.engines.echomimic.pipeline import Drawer, Plan
from imgsync_core.engines.runtime.networks import placing
from imgsync_core.engines.runtime.stream import Attempt
from imgsync_core.nn.stages import Cond

from .goldens import DEFAULT, FOLDER, close, goldens
from .test_echomimic_nn import locator_of, reader_of, recorder_of
from .test_latentsync_loop import schedule_of

LOOPS = goldens("echomimic", "6_denoise_loop*")
TOLERANCE = 5e-3  # values go up to 10, and guidance makes much of little differences


def nobody(share: float) -> None:
    pass


class Loop:
    """What the loop needs, from a golden file."""

    def __init__(self, golden) -> None:
        self.golden, self.config = golden, golden.config
        config = self.config
        looks = recorder_of(config["reference_unet"], golden.weights("reference_unet."))
        weights = golden.weights("denoising_unet.")
        self.unet = reader_of(config["denoising_unet"], weights, config["audio_ratio"])
        locator = locator_of(config["face_locator"], golden.weights("face_locator."))
        record: dict[str, torch.Tensor] = {}
        looks(golden["in.ref_latents"][:, :, None], 0, Cond(record=record))
        self.seen = Seen(record, locator(golden["in.face_mask"][:, :, 0]))
        self.steps = config["num_inference_steps"]

    def drawer(self, monkeypatch, scale: float, noise: str, low_memory: bool = False) -> Drawer:
        raw = self.golden[f"in.{noise}"]
        frames = iter(raw[0].transpose(0, 1))  # c f h w -> f c h w

        def given(n: int, *shape, generator):
            wanted = (n, *shape)
            if wanted == tuple(raw.shape):
                return raw
            made = torch.stack([next(frames) for _ in range(n)])
            assert made.shape == wanted
            return made

        monkeypatch.setattr(torch, "randn", given)
        monkeypatch.setattr(pipeline, "SCHEDULE", schedule_of(self.config["scheduler"]))
        if FOLDER == DEFAULT:
            assert self.config["window_shift_per_step"] == pipeline.TURN
        monkeypatch.setattr(pipeline, "TURN", self.config["window_shift_per_step"])
        plan = Plan(
            self.steps, scale, self.config["context_frames"], self.config["context_overlap"]
        )
        attempt = Attempt(low_memory=low_memory, retry=False)
        return Drawer(self.unet, None, self.seen, placing(PLAIN), plan, attempt, seed=0)

    def hear(self, start: int, stop: int) -> torch.Tensor:
        return self.golden["in.audio_chunks"][start:stop]

    def published(self, monkeypatch, scale, frames, noise="noise_raw", **more) -> torch.Tensor:
        drawer = self.drawer(monkeypatch, scale, noise, **more)
        (latents,) = drawer.published(self.hear, frames, nobody)
        return latents


@pytest.mark.parametrize("low_memory", [False, True], ids=["together", "in turn"])
@pytest.mark.parametrize("golden", LOOPS)
def test_plain(golden, low_memory, monkeypatch):
    loop, after, asked = Loop(golden), [], []

    def listening(predict, noise, steps):
        def heard(*a):
            asked.append(predict(*a))
            return asked[-1]

        close(noise, golden["in.latents_init"], 0)
        return denoise(heard, noise, steps, on_step=lambda _, x: after.append(x))

    monkeypatch.setattr(pipeline, "denoise", listening)
    scale, n = loop.config["guidance_scale"], loop.config["num_frames"]
    close(loop.published(monkeypatch, scale, n, low_memory=low_memory), golden["out.latents"],
          TOLERANCE)  # fmt: skip
    close(asked[0], golden["out.step0.model_output"], 2e-3)
    for match, expected in golden.outputs(r"step(\d+)\.latents"):
        close(after[int(match[1])], expected, TOLERANCE if int(match[1]) else 2e-3)


@pytest.mark.parametrize("golden", LOOPS)
def test_accelerated(golden, monkeypatch):
    """The published way there and back through the picture is left out: it is the identity."""
    loop, n = Loop(golden), golden.config["num_frames"]
    first = []
    monkeypatch.setattr(
        pipeline, "denoise",
        lambda predict, noise, steps: denoise(
            lambda *a: first.append(predict(*a)) or first[-1], noise, steps
        ),
    )  # fmt: skip
    close(loop.published(monkeypatch, 1.0, n), golden["out.acc_cfg1.latents"], TOLERANCE)
    close(first[0], golden["out.acc_cfg1.step0.model_output"], 2e-3)
    scale = golden.config["guidance_scale"]
    close(loop.published(monkeypatch, scale, n), golden["out.acc_cfg.latents"], TOLERANCE)


@pytest.mark.parametrize("golden", LOOPS)
def test_a_clip_shorter_than_a_window(golden, monkeypatch):
    loop, config = Loop(golden), golden.config
    short = loop.published(
        monkeypatch, config["guidance_scale"], config["short_frames"], "short.noise_raw"
    )
    close(short, golden["out.short.latents"], TOLERANCE)


@pytest.mark.parametrize("golden", LOOPS)
def test_without_guidance_overlaps_are_averaged_too(golden, monkeypatch):
    """The plain published code adds them up there; that and nothing else is the difference."""
    loop, config = Loop(golden), golden.config
    n = config["num_frames"]

    def added(predict, noise, steps):
        def summed(latents, step, index):
            shift = config["window_shift_per_step"] * index
            plan = overlapping(n, config["context_frames"], config["context_overlap"], shift)
            counts = torch.bincount(torch.tensor(plan).flatten(), minlength=n)
            return predict(latents, step, index) * counts[:, None, None]

        return denoise(summed, noise, steps)

    ours = loop.published(monkeypatch, 1.0, n)
    monkeypatch.setattr(pipeline, "denoise", added)
    close(loop.published(monkeypatch, 1.0, n), golden["out.plain_cfg1_bug.latents"], TOLERANCE)
    assert (ours - golden["out.plain_cfg1_bug.latents"]).abs().max() > 0.1


@pytest.mark.parametrize("golden", LOOPS)
def test_in_passing_is_the_whole_clip_at_once(golden, monkeypatch):
    """The default way, window after window, comes to what `averaged` says of all frames."""
    loop, config = Loop(golden), golden.config
    n, size, overlap = config["num_frames"], config["context_frames"], config["context_overlap"]
    scale = config["guidance_scale"]
    streamed = torch.cat(
        list(loop.drawer(monkeypatch, scale, "noise_raw").streamed(loop.hear, n, nobody)), 2
    )
    drawer = loop.drawer(monkeypatch, scale, "noise_raw")
    predict = averaged(
        lambda index: in_order(n, size, overlap),
        lambda frames: drawer._predict(loop.hear(frames[0], frames[-1] + 1), lambda: None),
        partial(ramped, overlap=overlap),
    )
    whole = denoise(
        predict, golden["in.latents_init"], schedule_of(config["scheduler"]).steps(loop.steps)
    )
    close(streamed, whole, 1e-6)


@pytest.mark.parametrize("golden", LOOPS)
def test_default_and_reference_agree_where_their_windows_do(golden, monkeypatch):
    """A clip of one window, which does not turn: all that is left is how it is computed."""
    loop, config = Loop(golden), golden.config
    n = config["short_frames"]
    drawer = loop.drawer(monkeypatch, config["guidance_scale"], "short.noise_raw")
    streamed = torch.cat(list(drawer.streamed(loop.hear, n, nobody)), 2)
    drawer = loop.drawer(monkeypatch, config["guidance_scale"], "short.noise_raw")
    monkeypatch.setattr(pipeline, "TURN", 0)
    (published,) = drawer.published(loop.hear, n, nobody)
    close(streamed, published, 1e-3)


@pytest.mark.parametrize("golden", goldens("echomimic", "8_scheduler*"))
def test_the_published_schedule_is_ours(golden):
    if FOLDER != DEFAULT:
        pytest.skip("goldens of another folder may have another schedule")
    ours, theirs = model.SCHEDULE, schedule_of(golden.config["scheduler"])
    for count in golden.config["steps"]:
        assert ours.steps(count) == theirs.steps(count)
        before = golden.config["prev_timesteps"][str(count)]
        alphas = [float(ours.alphas[t]) if t >= 0 else 1.0 for t in before]
        assert [step.after for step in ours.steps(count)] == pytest.approx(alphas)
