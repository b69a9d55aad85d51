"""The denoising loop's promises: exact savings, precision of its inputs, nothing left behind."""

import pytest
import torch

from imgsync_core.diffusion.ddim import denoise
from imgsync_core.diffusion.guidance import Guidance, guided_by
from imgsync_core.diffusion.predict import Guided, cached
from imgsync_core.engines.latentsync import model as spec
from imgsync_core.engines.latentsync.model import load_unet
from imgsync_core.nn.hearing import AUDIO
from imgsync_core.nn.stages import Cond, Context, projected
from imgsync_core.nn.unet import DeepCache

from . import tiny

FRAMES, TOKENS = 3, 10
STEPS = spec.SCHEDULE.steps(4)
ROUNDING = 1e-4  # of float32 over all steps, as the golden loops allow


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tiny.latentsync_unet(tmp_path_factory.mktemp("weights") / "unet.pt")


@pytest.fixture(scope="module")
def unet(path):
    return load_unet(path)


@pytest.fixture
def case():
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(1, spec.LATENTS, FRAMES, 8, 8, generator=draw)
    constant = torch.randn(1, spec.CHANNELS - spec.LATENTS, FRAMES, 8, 8, generator=draw)
    return noise, constant, torch.randn(FRAMES, TOKENS, tiny.AUDIO_WIDTH, generator=draw)


def run(unet, case, *, scale=1.5, in_turn=False, **options):
    noise, constant, audio = case
    made = projected(unet, AUDIO, audio.to(next(unet.parameters()).dtype))
    guidance = guided_by(AUDIO, made, scale, in_turn=in_turn)
    predict = cached(Guided(unet, guidance, extra=constant), options.pop("refresh", 1))
    return denoise(predict, noise, STEPS, **options)


def off(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


@pytest.mark.parametrize("in_turn", [False, True])
def test_savings_change_nothing(unet, case, in_turn):
    """Against both halves in full, zeros through all projections and attentions."""
    noise, constant, audio = case

    class Plain:
        def nothing_kept(self):
            return None

        def __call__(self, predict, sample, timestep, deep):
            tokens = torch.cat([torch.zeros_like(audio), audio])
            cond = Cond(context={AUDIO: Context(tokens)})
            without, told = predict(sample.repeat(2, 1, 1, 1, 1), timestep, cond, None).chunk(2)
            return without + 1.5 * (told - without)

    plain = denoise(Guided(unet, Plain(), extra=constant), noise, STEPS)
    assert off(run(unet, case, in_turn=in_turn), plain) < ROUNDING
    assert off(run(unet, case, scale=1.0), plain) > 1e-2  # so guidance does something


@pytest.mark.parametrize(
    ("dtype", "allowed"), [(torch.bfloat16, 0.1), (torch.float16, 0.02)], ids=str
)
def test_the_networks_precision_is_followed(path, unet, case, dtype, allowed):
    low = load_unet(path, dtype=dtype)
    final = run(low, case)
    assert final.dtype == torch.float32
    assert 0 < off(final, run(unet, case)) < allowed


class Counting(torch.nn.Module):
    """A network that notes what is kept for it."""

    def __init__(self, unet):
        super().__init__()
        self.unet, self.full = unet, []

    def forward(self, sample, timestep, cond, deep=None):
        self.full.append(deep is None or deep.hidden is None)
        out = self.unet(sample, timestep, cond, deep)
        assert deep is None or [*vars(deep)] == ["hidden"]
        return out


@pytest.mark.parametrize(("refresh", "full"), [(1, 4), (2, 2), (3, 2), (4, 1)])
@pytest.mark.parametrize("in_turn", [False, True])
def test_deep_layers_are_computed_each_so_many_steps(unet, case, refresh, full, in_turn):
    counting = Counting(unet)
    final = run(counting, case, refresh=refresh, in_turn=in_turn)
    assert sum(counting.full) == full * (2 if in_turn else 1)
    exact = run(unet, case)
    assert (off(final, exact) < ROUNDING) == (refresh == 1)


def test_what_is_kept_is_one_tensor(unet, case):
    noise, constant, audio = case
    sample = torch.cat([noise, constant], dim=1)
    made = projected(unet, AUDIO, audio)
    cond = Cond(context={AUDIO: Context(projected=made, unconditional=1)})
    deep = DeepCache()
    first = unet(sample, 900, cond, deep)
    assert deep.hidden is not None
    assert deep.hidden.shape == (2 * FRAMES, tiny.WIDTHS[0], 8, 8)
    kept = deep.hidden.clone()
    assert torch.allclose(unet(sample, 900, cond, deep), first, atol=1e-5)  # same step, same out
    assert deep.hidden.equal(kept)


def test_nothing_stays_on_the_network(unet, case):
    def state():
        return {
            (name, key): id(value)
            for name, module in unet.named_modules()
            for key, value in vars(module).items()
        }

    before, first = state(), run(unet, case, refresh=2)
    assert state() == before
    assert torch.equal(run(unet, case, refresh=2), first)


@pytest.mark.parametrize("size", [(9, 12), (7, 5), (16, 10)])
def test_sizes_that_do_not_halve_evenly(unet, size):
    sample = torch.randn(1, spec.CHANNELS, 2, *size)
    cond = Cond(context={AUDIO: Context(unconditional=1)})
    assert unet(sample, 1, cond).shape == (1, spec.LATENTS, 2, *size)


def test_the_callback_sees_each_step_and_can_stop(unet, case):
    seen = []

    def stop(index, latents):
        seen.append(index)
        if index == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(unet, case, on_step=stop)
    assert seen == [0, 1, 2]


def test_one_condition_is_not_guided(unet, case):
    noise, constant, _ = case
    sample = torch.cat([noise, constant], dim=1)
    cond = Cond(context={AUDIO: Context(unconditional=1)})
    assert torch.equal(Guidance((cond,), 9.0)(unet, sample, 5, None), unet(sample, 5, cond))


@pytest.mark.parametrize("count", [0, 1001])
def test_numbers_of_steps_that_make_no_sense(count):
    with pytest.raises(ValueError, match="from 1 to 1000"):
        spec.SCHEDULE.steps(count)
