"""Full-size networks, on ``meta``, have exactly the keys and shapes of the published files."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch

from imgsync_core.engines.latentsync.model import build, recognise
from imgsync_core.engines.musetalk.model import build as build_musetalk
from imgsync_core.nn import vae, whisper
from imgsync_core.nn.hearing import hearing_params
from imgsync_core.nn.unet import SD15
from imgsync_core.nn.weights import Checkpoint, renamed

from .goldens import manifest, renames


def empty(keys: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Tensors of the listed shapes without memory."""
    return {key: torch.empty(shape, device="meta") for key, shape in keys.items()}


def shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in tensors.items()}


@pytest.mark.parametrize("name", ["latentsync_15", "latentsync_16"])
def test_unet(name):
    keys = manifest("latentsync", name)
    params = recognise(empty(keys))
    with torch.device("meta"):
        unet = build(params)
    assert shapes(unet.state_dict()) == keys
    assert len(keys) == 1246
    assert params.unet.widths == SD15.widths and params.unet.attends == SD15.attends
    assert params.unet.layers == SD15.layers
    assert (params.audio, params.temporal.length) == (384, 24)


def test_unet_of_a_file_with_temporal_stages_in_the_decoder_only():
    keys = manifest("latentsync", "latentsync_15")
    keys = {k: s for k, s in keys.items() if not ("down_blocks" in k and "motion_modules" in k)}
    with torch.device("meta"):
        unet = build(recognise(empty(keys)))
    assert shapes(unet.state_dict()) == keys
    assert len(keys) == 1246 - 224


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        ("latentsync", "sd_vae_ft_mse"),
        ("latentsync", "sd_vae_ft_mse_new_names"),
        ("musetalk", "sd_vae_ft_mse"),
        ("musetalk", "sd_vae_ft_mse_new_names"),
        ("echomimic", "sd_vae_ft_mse"),
    ],
)
def test_autoencoder(engine, name):
    tensors = renamed(empty(manifest(engine, name)), vae.RENAMES)
    assert vae.recognise(tensors) == vae.SD_VAE
    with torch.device("meta"):
        network = vae.VAE(vae.SD_VAE)
    assert shapes(network.state_dict()) == shapes(tensors)
    assert len(tensors) == 248


@pytest.mark.parametrize("engine", ["latentsync", "echomimic"])
def test_whisper(engine):
    keys = manifest(engine, "whisper_tiny")
    encoder = {k.removeprefix("encoder."): s for k, s in keys.items() if k.startswith("encoder.")}
    decoder = [key for key in keys if key.startswith("decoder.")]
    assert len(encoder) + len(decoder) == len(keys) == 167
    assert whisper.recognise(Checkpoint(empty(encoder))) == whisper.TINY
    with torch.device("meta"):
        network = whisper.WhisperEncoder(whisper.TINY)
    assert shapes(network.state_dict()) == encoder


@pytest.mark.parametrize("name", ["musetalk_v15_unet", "musetalk_v10_unet"])
def test_unet_without_time(name):
    keys = manifest("musetalk", name)
    params = hearing_params(empty(keys), joint=False)
    with torch.device("meta"):
        unet = build_musetalk(params)
    assert shapes(unet.state_dict()) == keys
    assert len(keys) == 686 and params.audio == 384
    assert params.unet == replace(SD15, in_channels=8)


@pytest.mark.parametrize(
    ("name", "others"), [("whisper_tiny_hf_encoder", 0), ("whisper_tiny_hf_all", 100)]
)
def test_whisper_under_other_names(name, others):
    keys = manifest("musetalk", name)
    tensors = renamed(empty(keys), whisper.RENAMES)
    encoder = {key: x for key, x in tensors.items() if not key.startswith("decoder.")}
    assert len(tensors) - len(encoder) == others
    assert whisper.recognise(Checkpoint(encoder)) == whisper.TINY
    with torch.device("meta"):
        network = whisper.WhisperEncoder(whisper.TINY)
    assert shapes(network.state_dict()) == shapes(encoder)


def test_the_table_of_whisper_s_names():
    """The same for each key as the list that was delivered with the goldens."""
    table = renames("musetalk", "whisper_hf_to_openai")
    keys = manifest("musetalk", "whisper_tiny_hf_encoder")
    ours, theirs = renamed(empty(keys), whisper.RENAMES), renamed(empty(keys), table)
    assert list(ours) == list(theirs) and set(ours) != set(keys)
