"""Windows that follow each other, step after step: the same as all frames at once, in less room."""

from functools import partial
from itertools import pairwise

import pytest
import torch

from imgsync_core.diffusion.ddim import denoise
from imgsync_core.diffusion.guidance import guided_by_all
from imgsync_core.diffusion.predict import averaged
from imgsync_core.diffusion.schedule import Schedule
from imgsync_core.diffusion.streamed import Streamed
from imgsync_core.diffusion.windows import in_order, ramped
from imgsync_core.nn.stages import Cond, Context

STEPS = Schedule("linear", "trailing", "v_prediction", zero_snr=True).steps(5)


def mixing(frames):
    """A prediction of a frame that hangs on all others of its window, and on its place there."""

    def predict(latents, step, index):
        n = latents.shape[2]
        place = torch.linspace(-1, 1, n)[:, None, None]
        return torch.tanh(latents.mean(2, keepdim=True) - 0.5 * latents + place * (index + 1))

    return predict


@pytest.mark.parametrize("size, overlap", [(12, 3), (8, 6), (5, 0), (12, 11), (2, 1)])
@pytest.mark.parametrize("frames", [1, 4, 12, 13, 22, 57])
def test_piece_by_piece_is_all_at_once(frames, size, overlap):
    noise = torch.randn(1, 4, frames, 2, 3, generator=torch.Generator().manual_seed(0))
    windows, weight = in_order(frames, size, overlap), partial(ramped, overlap=overlap)
    whole = denoise(averaged(lambda _: windows, mixing, weight), noise, STEPS)
    for piece in (1, 5, frames):
        stream = Streamed(windows, mixing, STEPS, weight)
        parts = [stream.push(some) for some in noise.split(piece, dim=2)]
        assert torch.allclose(torch.cat(parts, 2), whole, atol=1e-6)


def test_what_is_held_does_not_grow():
    windows = in_order(2000, 12, 3)
    made, stream = [], Streamed(windows, lambda w: made.append(w) or mixing(w), STEPS, ramped_3)
    most = done = 0
    for window in windows:
        begun = done if not window.start else window.start + 3
        done += stream.push(torch.zeros(1, 4, window.stop - begun, 1, 1)).shape[2]
        held = sum(stage._held.shape[2] for stage in stream._stages)
        most = max(most, held)
    assert most <= 12 * len(STEPS) and len(made) == len(windows) and not stream._made


ramped_3 = partial(ramped, overlap=3)


@pytest.mark.parametrize(
    "frames, size, overlap", [(100, 12, 3), (13, 12, 3), (12, 12, 3), (1, 8, 2)]
)
def test_windows_in_order_cover_all_and_go_over_smoothly(frames, size, overlap):
    windows = in_order(frames, size, overlap)
    weight = torch.zeros(frames)
    for one, two in pairwise(windows):
        assert one.stop - two.start >= overlap and two.start > one.start
    for window in windows:
        assert len(window) == min(size, frames)
        weight[window.start : window.stop] += ramped(len(window), overlap)
    assert windows[0].start == 0 and windows[-1].stop == frames and (weight > 0).all()
    if frames == 100:
        inner = weight[3 : windows[-2].stop - 3]
        assert torch.allclose(inner[: 12 * 6], torch.ones(72)), "two ramps make one"


def test_guidance_by_everything():
    """What is added is nothing in the unconditional pass; together or one after the other."""
    made = {"here": (torch.ones(3, 1, 2, 2), torch.ones(3, 1, 2, 2))}
    told = Cond(context={"a": Context(projected=made), "b": Context(projected=made)},
                added=torch.ones(3, 4, 2, 2))  # fmt: skip
    assert guided_by_all(told, 1.0).conds == (told,)
    (both,) = guided_by_all(told, 2.0).conds
    assert both.added[:3].abs().sum() == 0 and torch.equal(both.added[3:], told.added)
    assert {c.unconditional for c in both.context.values()} == {1}
    silent, same = guided_by_all(told, 2.0, in_turn=True).conds
    assert same is told and silent.added is None and silent.context["b"].items(3) == 1
