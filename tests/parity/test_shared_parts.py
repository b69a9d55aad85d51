"""The shared parts against the numbers of two published models, without their engines."""

import pytest
import torch

from imgsync_core.diffusion.ddim import ddim
from imgsync_core.diffusion.windows import overlapping
from imgsync_core.nn.stages import (
    Cond,
    Context,
    Cross,
    FeedForward,
    ResBlock,
    SelfAttention,
    Spatial,
)

from .goldens import close, goldens
from .test_latentsync_loop import schedule_of
from .test_latentsync_nn import run, stage_of, temporal_of

SCHEDULES = [*goldens("echomimic", "8_scheduler*"), *goldens("hallo2", "08_scheduler*")]


@pytest.mark.parametrize("golden", SCHEDULES)
def test_schedule(golden):
    schedule = schedule_of(golden.config["scheduler"])
    close(schedule.table, golden["out.betas"], 1e-5)
    close(schedule.alphas, golden["out.alphas_cumprod"], 1e-5)
    assert schedule.alphas[-1] == 0
    final = golden["out.final_alpha_cumprod"].flatten()
    close(torch.tensor([schedule.final_alpha]), final, 1e-6)
    for match, expected in golden.outputs(r"timesteps\.(\d+)"):
        assert [s.timestep for s in schedule.steps(int(match[1]))] == expected.tolist()


@pytest.mark.parametrize("golden", goldens("echomimic", "8_scheduler*"))
def test_single_steps(golden):
    schedule = schedule_of(golden.config["scheduler"])
    x, out = golden["in.sample"], golden["in.model_output"]
    for match, expected in golden.outputs(r"step\.(\d+)\.(\d+)\.(pred_x0|prev_sample)"):
        step = schedule.steps(int(match[1]))[int(match[2])]
        made = step.split(x, out)[0] if match[3] == "pred_x0" else ddim(x, out, step)
        close(made, expected, 1e-5)


@pytest.mark.parametrize("golden", goldens("hallo2", "08_scheduler*"))
def test_steps_in_a_row(golden):
    schedule = schedule_of(golden.config["scheduler"])
    for match, expected in golden.outputs(r"(\d+)\.prev_sample"):
        x, outs = golden[f"in.{match[1]}.sample"], golden[f"in.{match[1]}.model_output"]
        pictures = golden[f"out.{match[1]}.pred_original"]
        for i, step in enumerate(schedule.steps(int(match[1]))):
            close(step.split(x, outs[i])[0], pictures[i], 1e-5)
            x = ddim(x, outs[i], step)
            close(x, expected[i], 1e-5)


@pytest.mark.parametrize("golden", goldens("echomimic", "7_context_windows*"))
def test_overlapping_windows(golden):
    plain = [c for c in golden.config["cases"] if c["context_stride"] == 1 and not c["step"]]
    assert plain
    for case in plain:
        plan = case["num_frames"], case["context_size"], case["context_overlap"]
        name = f"case{case['index']:02}"
        assert overlapping(*plan) == golden[f"out.{name}.windows"].tolist()
        for match, expected in golden.outputs(name + r"\.shifted_t(\d+)"):
            assert overlapping(*plan, shift=2 * int(match[1])) == expected.tolist()


@pytest.mark.parametrize("golden", goldens("echomimic", "4_motion_module*"))
def test_motion_module(golden):
    config = golden.config["constructor"]
    groups = golden.config["group_norm"]["groups"]
    stage = temporal_of(golden.weights(), config["in_channels"], config, groups)
    for match, expected in golden.outputs(r"y(.*)"):
        close(run(stage, golden["in.x" + match[1]], Cond()), expected, 5e-5)


@pytest.mark.parametrize("golden", goldens("hallo2", "05_motion_module*"))
def test_another_motion_module(golden):
    config = golden.config["constructor"]
    stage = temporal_of(golden.weights(), config["in_channels"], config, groups=32)
    x = golden["in.hidden_states"]
    close(run(stage, x, Cond()), golden["out.hidden_states"], 2e-5)


SMALL = pytest.mark.parametrize("golden", goldens("hallo2", "10_small_variance_layers*"))


@SMALL
def test_small_resnet(golden):
    """Small activations: with another epsilon this is off by far more."""
    config = golden.config["resnet_3d"]
    block = ResBlock(
        config["in_channels"],
        config["out_channels"],
        time=config["temb_channels"],
        groups=config["groups"],
        eps=config["eps"],
        joint=not config["use_inflated_groupnorm"],
    )
    block = stage_of(block, golden.weights("resnet_3d."))
    cond = Cond(time=golden["in.resnet_3d.temb"])
    close(run(block, golden["in.resnet_3d"], cond), golden["out.resnet_3d"], 2e-5)


@SMALL
def test_small_motion_module(golden):
    config = golden.config["motion"]
    stage = temporal_of(golden.weights("motion."), config["in_channels"], config, groups=32)
    close(run(stage, golden["in.motion"], Cond()), golden["out.motion"], 2e-5)


@SMALL
def test_small_spatial_transformer(golden):
    config = golden.config["spatial_2d"]
    width, heads = config["in_channels"], config["num_attention_heads"]
    stages = {
        ("norm1", "attn1"): SelfAttention(width, heads),
        ("norm2", "attn2"): Cross(
            width, heads, context=config["cross_attention_dim"], reads="face", site="here"
        ),
        ("norm3", "ff"): FeedForward(width),
    }
    spatial = Spatial(width, stages, groups=config["norm_num_groups"])
    spatial = stage_of(spatial, golden.weights("spatial_2d."))
    cond = Cond(context={"face": Context(golden["in.spatial_2d.context"])})
    x = golden["in.spatial_2d"]
    close(spatial(x, cond), golden["out.spatial_2d"], 2e-5)
    tokens = spatial.proj_in(spatial.norm(x)).flatten(2).transpose(1, 2)
    normed = spatial.transformer_blocks[0].norm1(tokens)
    close(normed, golden["out.spatial_2d.norm1_bank"], 2e-5)
