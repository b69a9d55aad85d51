"""Hallo2's whole loop over two clips, against the published code's numbers."""

from dataclasses import replace

import pytest
import torch
from einops import rearrange

from imgsync_core.diffusion.ddim import denoise
from imgsync_core.engines.base import PLAIN
from imgsync_core.engines.hallo2 import model, pipeline
from imgsync_core.engines.hallo2.networks import Loaded
from imgsync_core.engines.hallo2.pipeline import Drawer, Plan, Still
from imgsync_core.engines.hallo2.published import PublishedDrawer
from imgsync_core.engines.runtime.networks import placing
from imgsync_core.engines.runtime.stream import Attempt
from imgsync_core.nn import vae
from imgsync_core.nn.weights import fill

from .goldens import DEFAULT, FOLDER, Golden, close, goldens
from .test_hallo2_nn import locator_of, reader_of, recorder_of, tokens_of
from .test_latentsync_loop import schedule_of

LOOPS = goldens("hallo2", "07_two_clip_loop")
TOLERANCE = 2e-3  # noise other by 1e-5 moves the last latents by as much


class Listening:
    """What went through a drawer's hands."""

    def __init__(self) -> None:
        self.latents: list[list[torch.Tensor]] = []
        self.predicted: list[torch.Tensor] = []
        self.encoded: list[torch.Tensor] = []
        self.tokens: list[torch.Tensor] = []


class Loop:
    """What the loop needs, from a golden file."""

    def __init__(self, golden) -> None:
        self.golden, self.config = golden, golden.config
        config = self.config
        more = Golden(golden.path.with_name(config["also_load"]))
        draws = more.weights("denoising_unet.") or golden.weights("denoising_unet.")
        face, heard = tokens_of(config, golden.weights())
        self.networks = Loaded(
            reading=reader_of(config["unet"], config["additional"], draws),
            recording=recorder_of(config["unet"], golden.weights("reference_unet.")),
            locator=locator_of(config["face_locator"], golden.weights("face_locator.")),
            face_tokens=face,
            audio_tokens=heard,
            vae=autoencoder_of(config["vae"], golden.weights("vae.")),
            place=placing(PLAIN),
        )
        strengths = tuple(golden["in.motion_scale"].tolist())
        levels = len([key for key in golden.keys if key.startswith("in.face_mask.")])
        masks = [
            torch.cat([golden[f"in.{region}_mask.{i}"] for region in model.REGIONS])
            for i in range(levels)
        ]
        self.still = Still(
            golden["in.ref_image"][None],
            golden["in.face_region_single_channel"][None],
            tuple(masks),
            golden["in.face_embedding"],
        )
        self.plan = Plan(
            config["steps"], config["guidance_scale"], strengths, 0, config["frames"],
            config["n_motion_frames"], config["mask_rate"],
        )  # fmt: skip

    def drawer(self, patch, seen: Listening, kind=PublishedDrawer, **changes) -> Drawer:
        golden, clips = self.golden, iter(range(100))
        low_memory = changes.pop("low_memory", False)

        class Given(kind):
            def _chance(self):
                i = next(clips)
                return golden[f"in.rand_mask.clip{i}"], golden[f"in.noise.clip{i}"]

            def _rounded(self, tokens):
                return tokens if changes.get("exact", True) else super()._rounded(tokens)

        def listening(predict, noise, steps, on_step):
            seen.latents.append([])

            def told(index, latents):
                seen.latents[-1].append(latents)
                on_step(index, latents)

            def asked(latents, step, index):
                out = predict(latents, step, index)
                if index == 0:
                    seen.predicted.append(out)
                return out

            return denoise(asked, noise, steps, on_step=told)

        encode, hear = Loaded.encode, Loaded.hear_tokens
        patch.setattr(pipeline, "SCHEDULE", schedule_of(self.config["scheduler"]))
        patch.setattr(pipeline, "denoise", listening)
        patch.setattr(
            Loaded, "encode",
            lambda self, x: seen.encoded.append(encode(self, x)) or seen.encoded[-1],
        )  # fmt: skip
        patch.setattr(
            Loaded, "hear_tokens",
            lambda self, x: seen.tokens.append(hear(self, x)) or seen.tokens[-1],
        )  # fmt: skip
        attempt = Attempt(low_memory=low_memory, retry=False)
        plan = replace(self.plan, **changes.get("plan", {}))
        return Given(self.networks, self.still, plan, attempt, seed=0)

    def hear(self, start: int, stop: int) -> torch.Tensor:
        return self.golden["in.audio_windows"][start:stop]

    def clips(self, drawer: Drawer) -> list[torch.Tensor]:
        n = len(self.golden["in.audio_windows"]) // self.config["frames"]
        return list(drawer.clips(self.hear, n, lambda share: None))


def autoencoder_of(config: dict, weights: dict) -> vae.VAE:
    shape = vae.recognise(weights, groups=config["norm_num_groups"])
    assert shape.widths == tuple(config["block_out_channels"])
    with torch.device("meta"):
        network = vae.VAE(shape)
    return fill(network, weights, "golden", "itself")


@pytest.mark.parametrize("low_memory", [False, True], ids=["together", "in turn"])
@pytest.mark.parametrize("golden", LOOPS)
def test_two_clips(golden, low_memory, monkeypatch):
    loop, seen = Loop(golden), Listening()
    if FOLDER == DEFAULT:
        assert (loop.plan.motion, loop.plan.drop) == (Plan.motion, Plan.drop)
        assert schedule_of(loop.config["scheduler"]).steps(40) == model.SCHEDULE.steps(40)
    drawer = loop.drawer(monkeypatch, seen, low_memory=low_memory)
    close(drawer._located, golden["out.face_features"][:, :, 0], 2e-5)
    first, *_ = loop.clips(drawer)
    n, wanted = loop.plan.motion, golden["out.clip0.last_frames_01"]
    close((first[-n:] / 2 + 0.5).clamp(0, 1), wanted, 1e-3)
    still = seen.encoded[0]  # once, and then the last frames of each clip
    for clip in range(len(seen.latents)):
        expected = golden[f"out.clip{clip}.ref_latents"]
        close(torch.cat([still, seen.encoded[1 + clip]]), expected, 2e-3)
        close(seen.tokens[clip][None], golden[f"out.clip{clip}.audio_tokens"], 2e-5)
        without, told = golden[f"out.clip{clip}.noise_pred.step0"].chunk(2)
        guided = without + loop.plan.guidance * (told - without)
        close(seen.predicted[clip], guided, TOLERANCE)
        for match, expected in golden.outputs(rf"clip{clip}\.latents\.step(\d+)"):
            close(seen.latents[clip][int(match[1])], expected, TOLERANCE)


@pytest.mark.parametrize("golden", LOOPS)
def test_what_was_recorded_is_rounded(golden, monkeypatch):
    """As published, to 16 bits; which shows in the last latents, if little."""
    loop, seen, exact = Loop(golden), Listening(), Listening()
    loop.clips(loop.drawer(monkeypatch, seen, exact=False))
    with pytest.MonkeyPatch.context() as patch:
        loop.clips(loop.drawer(patch, exact))
    for match, expected in golden.outputs(r"clip(\d+)\.latents\.final\.bank_fp16"):
        close(seen.latents[int(match[1])][-1], expected, TOLERANCE)
    assert not torch.equal(seen.latents[0][-1], exact.latents[0][-1])


@pytest.mark.parametrize("golden", LOOPS)
def test_a_quarter_of_the_last_frames_is_dropped(golden, monkeypatch):
    """In grey, one frame as the other, and not where the face is."""
    loop, seen, given = Loop(golden), Listening(), []
    encode = Loaded.encode
    drawer = loop.drawer(monkeypatch, seen)
    monkeypatch.setattr(Loaded, "encode", lambda self, x: given.append(x) or encode(self, x))
    loop.clips(drawer)
    close(given[1][-1:], golden["out.clip1.motion_frame_last_after_drop"], 2e-3)
    protected = loop.still.place[0, 0] > 0
    dropped = (given[0] == 0).all(1).all(0)
    assert 0.2 < dropped[~protected].float().mean() < 0.3
    assert not (dropped & protected).any() or bool((loop.still.pixels == 0).any())


@pytest.mark.parametrize("golden", LOOPS)
def test_the_default_way_differs_where_the_published_one_mixes_halves(golden, monkeypatch):
    """Without guidance there is but one half to mix, and the first clip is the same in both."""
    loop = Loop(golden)
    for scale, same in ((1.0, True), (loop.plan.guidance, False)):
        made = []
        for kind in (PublishedDrawer, Drawer):
            seen = Listening()
            with pytest.MonkeyPatch.context() as patch:
                drawer = loop.drawer(patch, seen, kind, plan={"guidance": scale})
                loop.clips(drawer)
            made.append(seen.latents[0][-1])
        difference = (made[0] - made[1]).abs().max()
        assert bool(difference < 1e-4) is same, difference
    assert rearrange(made[0], "b c f h w -> b f c h w").isfinite().all()
