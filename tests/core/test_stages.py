"""Norms and resnets against torch's own layers in double precision."""

import pytest
import torch
from torch.nn import functional

from imgsync_core.nn.stages import Cond, FrameNorm, ResBlock, pixelwise

DTYPES = {torch.float32: 2e-5, torch.float16: 1e-2, torch.bfloat16: 8e-2}  # off by at most


def pictures(*shape, mean=0.0, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator) * 3 + mean
    return x.to(dtype).contiguous(memory_format=torch.channels_last)


def drawn(module, dtype=torch.float32):
    """With weights that are all different."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        parameter.data = 1 + 0.2 * torch.randn(parameter.shape, generator=generator)
    return module.to(dtype).requires_grad_(False)


def group_norm(norm, x, frames):
    """Torch's, over all frames of a clip."""
    rows, channels, h, w = x.shape
    clip = x.double().view(rows // frames, frames, channels, h, w).transpose(1, 2)
    clip = clip.reshape(rows // frames, channels, frames * h, w)
    weight, bias = norm.weight.double(), norm.bias.double()
    out = functional.group_norm(clip, norm.num_groups, weight, bias, norm.eps)
    out = out.view(rows // frames, channels, frames, h, w).transpose(1, 2)
    return out.reshape(x.shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("mean", [0.0, 20.0])
@pytest.mark.parametrize("added", [None, 1, 2, 6])
def test_a_norm_is_torchs(dtype, joint, mean, added):
    norm = drawn(FrameNorm(4, 24, 1e-5, joint=joint), dtype)
    x = pictures(6, 24, 5, 7, mean=mean, dtype=dtype)
    more = None if added is None else torch.randn(added, 24).to(dtype)
    out = norm(x, 3, more)
    assert out.dtype == dtype
    assert out.is_contiguous(memory_format=torch.channels_last)
    shifted = x.double()
    if more is not None:
        shifted = shifted + more.double().repeat_interleave(6 // added, 0)[..., None, None]
    wanted = group_norm(norm, shifted, 3 if joint else 1)
    assert (out - wanted).abs().max() < DTYPES[dtype]


def test_a_norm_takes_pictures_that_lie_otherwise():
    norm, x = drawn(FrameNorm(4, 24, 1e-5)), pictures(2, 24, 6, 6)
    assert torch.equal(norm(x.contiguous()), norm(x))
    assert torch.allclose(norm(x[..., 1:]), norm(x[..., 1:].contiguous()), atol=1e-6)


def test_a_norm_of_what_is_all_the_same():
    """Rounding may not make a variance negative, nor a product of large numbers lose its digits."""
    norm = drawn(FrameNorm(4, 8, 1e-5), torch.float16)
    out = norm(torch.full((1, 8, 64, 64), 77.7, dtype=torch.float16))
    assert torch.allclose(out, norm.bias[:, None, None].expand_as(out), atol=2e-3)


@pytest.mark.parametrize("outputs", [16, 32], ids=["same width", "shortcut"])
@pytest.mark.parametrize("time", [None, 1, 2])
def test_a_resnet_is_what_its_layers_say(outputs, time):
    block = drawn(ResBlock(16, outputs, time=time and 12, groups=4, eps=1e-5, joint=True))
    x = pictures(4, 16, 8, 8)
    embedding = None if time is None else torch.randn(time, 12)
    made = block(x, Cond(frames=2, items=2, time=embedding))
    block, x = block.double(), x.double()
    h = block.conv1(functional.silu(group_norm(block.norm1, x, 2)))
    if time is not None:
        told = block.time_emb_proj(functional.silu(embedding.double()))
        h = h + told.repeat_interleave(4 // time, 0)[..., None, None]
    h = block.conv2(functional.silu(group_norm(block.norm2, h, 2)))
    wanted = h + (x if block.conv_shortcut is None else block.conv_shortcut(x))
    assert torch.allclose(made.double(), wanted, rtol=1e-4, atol=1e-3)


def test_a_1x1_convolution_is_a_linear_layer():
    conv, more = drawn(torch.nn.Conv2d(8, 5, 1)), torch.randn(5)
    x = pictures(2, 8, 4, 3)
    assert torch.allclose(pixelwise(conv, x), conv(x), atol=1e-5)
    assert torch.allclose(pixelwise(conv, x, more), conv(x) + more[:, None, None], atol=1e-5)
