"""LatentSync's noise schedule and denoising loop against the published code's numbers."""

from types import SimpleNamespace

import pytest
import torch

from imgsync_core.diffusion.ddim import ddim, denoise
from imgsync_core.diffusion.guidance import guided_by
from imgsync_core.diffusion.predict import Guided, cached
from imgsync_core.diffusion.schedule import Schedule
from imgsync_core.engines.latentsync import model as spec
from imgsync_core.nn.hearing import AUDIO
from imgsync_core.nn.stages import Cond, Context, projected

from .goldens import DEFAULT, FOLDER, Golden, close, goldens
from .test_latentsync_nn import unet_of

SCHEDULES = goldens("latentsync", "scheduler*")
LOOPS = goldens("latentsync", "denoise_loop*")


def schedule_of(config: dict) -> Schedule:
    """The schedule for a configuration as the published code states it."""
    assert not config["clip_sample"] and config.get("trained_betas") is None
    return Schedule(
        betas=config["beta_schedule"],
        spacing=config["timestep_spacing"],
        prediction=config["prediction_type"],
        offset=config["steps_offset"],
        zero_snr=config["rescale_betas_zero_snr"],
        ends_clean=config.get("set_alpha_to_one", True),
        start=config["beta_start"],
        end=config["beta_end"],
        trained=config.get("num_train_timesteps", 1000),
    )


@pytest.mark.parametrize("golden", SCHEDULES)
def test_schedule(golden):
    schedule = schedule_of(golden.config["config"])
    close(schedule.table, golden["out.betas"], 1e-6)
    close(schedule.alphas, golden["out.alphas_cumprod"], 1e-6)
    final = golden["out.final_alpha_cumprod"].flatten()
    close(torch.tensor([schedule.final_alpha]), final, 1e-6)
    for match, expected in golden.outputs(r"timesteps_(\d+)"):
        assert [s.timestep for s in schedule.steps(int(match[1]))] == expected.tolist()


@pytest.mark.parametrize("golden", SCHEDULES)
def test_steps(golden):
    schedule = schedule_of(golden.config["config"])
    x, out = golden["in.latents"], golden["in.noise_pred"]
    for match, expected in golden.outputs(r"(prev|x0)_N(\d+)_i(\d+)_t(\d+)"):
        step = schedule.steps(int(match[2]))[int(match[3])]
        assert step.timestep == int(match[4])
        made = ddim(x, out, step) if match[1] == "prev" else step.split(x, out)[0]
        close(made, expected, 2e-5)


@pytest.mark.parametrize("golden", SCHEDULES)
def test_the_published_schedule_is_ours(golden):
    if FOLDER != DEFAULT:
        pytest.skip("goldens of another folder may have another schedule")
    assert schedule_of(golden.config["config"]) == spec.SCHEDULE


class Loop(SimpleNamespace):
    """What the loop needs, from a golden file."""

    @classmethod
    def of(cls, golden):
        unet = unet_of(golden.config["unet"], golden.weights())
        names = ("in.mask_latents", "in.masked_image_latents", "in.ref_latents")
        constant = torch.cat([golden[name] for name in names], dim=1)
        noise = golden["in.noise"].expand(-1, -1, constant.shape[2], -1, -1)
        beside = Golden(golden.path.with_stem("scheduler"))  # as the file's metadata says
        schedule = spec.SCHEDULE
        if beside.path.is_file():
            schedule = schedule_of(beside.config["config"])
        audio = golden["in.audio"]
        return cls(unet=unet, constant=constant, noise=noise, audio=audio, schedule=schedule)

    def run(self, steps, scale, *, in_turn=False, refresh=1, on_step=None):
        made = projected(self.unet, AUDIO, self.audio)
        guidance = guided_by(AUDIO, made, scale, in_turn=in_turn)
        predict = cached(Guided(self.unet, guidance, extra=self.constant), refresh)
        return denoise(predict, self.noise, self.schedule.steps(steps), on_step=on_step)


@pytest.mark.parametrize("in_turn", [False, True], ids=["together", "in turn"])
@pytest.mark.parametrize("golden", LOOPS)
def test_final_latents(golden, in_turn):
    loop, seen = Loop.of(golden), 0
    for match, expected in golden.outputs(r"final_N(\d+)_(nocfg|cfg([\d.]+))(?:_deepcache(\d+))?"):
        scale, refresh = float(match[3] or 1), int(match[4] or 1)
        final = loop.run(int(match[1]), scale, in_turn=in_turn, refresh=refresh)
        close(final, expected, 1e-4)
        seen += 1
    assert seen


@pytest.mark.parametrize("golden", LOOPS)
def test_latents_after_each_step(golden):
    loop, latents = Loop.of(golden), []
    config = golden.config
    final = loop.run(
        config["steps"], config["guidance_scale"], on_step=lambda _, x: latents.append(x)
    )
    assert len(latents) == config["steps"]
    assert torch.equal(final, latents[-1])
    for match, expected in golden.outputs(r"latents_after_step(\d+)"):
        close(latents[int(match[1])], expected, 1e-4)


@pytest.mark.parametrize("golden", LOOPS)
def test_both_halves_as_the_published_code_asks_them(golden):
    """The plain way: a batch of two with zero tokens in the first."""
    loop = Loop.of(golden)
    tokens = torch.cat([torch.zeros_like(loop.audio), loop.audio])
    sample = torch.cat([loop.noise, loop.constant], dim=1).repeat(2, 1, 1, 1, 1)
    first = loop.schedule.steps(golden.config["steps"])[0]
    out = loop.unet(sample, first.timestep, Cond(context={AUDIO: Context(tokens)}))
    close(out, golden["out.step0_model_output_cfgbatch"], 2e-5)


@pytest.mark.parametrize("golden", LOOPS)
def test_the_loop_stops_when_told(golden):
    class Stop(Exception):
        pass

    def stop(index, latents):
        if index == 1:
            raise Stop

    with pytest.raises(Stop):
        Loop.of(golden).run(5, 1.5, on_step=stop)
