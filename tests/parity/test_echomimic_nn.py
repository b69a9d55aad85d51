"""EchoMimic's networks against the numbers of the published code, and against its lists of keys.

Small activations are among the inputs: with another epsilon in a norm these are off by far.
"""

from dataclasses import replace

import pytest
import torch

from imgsync_core.engines.echomimic import model
from imgsync_core.engines.echomimic.model import (
    AUDIO,
    PICTURE,
    Params,
    reading,
    recognise,
    recording,
)
from imgsync_core.nn import face_locator
from imgsync_core.nn.recognise import unet_params
from imgsync_core.nn.reference import sites
from imgsync_core.nn.stages import Cond, Context, Cross, projected
from imgsync_core.nn.unet import SD15, UNet
from imgsync_core.nn.weights import fill

from .goldens import DEFAULT, FOLDER, close, goldens, manifest
from .test_manifests import empty, shapes


def recorder_of(config: dict, weights: dict) -> UNet:
    """The network that looks, for a configuration as the published code states it."""
    shape = unet_params(weights, groups=config["norm_num_groups"], joint=False)
    assert shape.widths == tuple(config["block_out_channels"])
    assert shape.layers == config["layers_per_block"] and shape.out_channels is None
    shape = replace(shape, eps=config["norm_eps"])
    with torch.device("meta"):
        network = recording(shape, config["attention_head_dim"])
    return fill(network, weights, "golden", "itself")


def params_of(config: dict, weights: dict) -> Params:
    motion = config["motion_module_kwargs"]
    params = recognise(
        weights,
        heads=config["attention_head_dim"],
        groups=config["norm_num_groups"],
        temporal_heads=motion["num_attention_heads"],
    )
    assert params.unet.widths == tuple(config["block_out_channels"])
    assert params.audio == config["cross_attention_dim"]
    if motion["temporal_position_encoding"]:
        assert params.temporal.length == motion["temporal_position_encoding_max_len"]
    assert params.temporal.blocks == motion["num_transformer_block"]
    joint = not config["use_inflated_groupnorm"]
    return replace(params, unet=replace(params.unet, eps=config["norm_eps"], joint=joint))


def reader_of(config: dict, weights: dict, scale: float = model.AUDIO_SCALE) -> UNet:
    """The network that denoises; scale: of what its attention to the audio adds."""
    with torch.device("meta"):
        network = reading(params_of(config, weights))
    for module in network.modules():
        if isinstance(module, Cross):
            module.scale = scale
    return fill(network, weights, "golden", "itself")


def bank(golden, side: str) -> dict[str, torch.Tensor]:
    """The recorded tokens of a file by our name of the site."""
    keys = [key for key in golden.keys if key.startswith(f"{side}.bank.")]
    return {key.split(".", 3)[3].removesuffix(".transformer_blocks.0"): golden[key] for key in keys}


def told(unet: UNet, golden, record: dict, *, unconditional: int) -> Cond:
    """The condition with one picture, audio and face features, with or without a first half."""
    frames = golden["in.sample"].shape[2]
    audio = golden["in.audio"][1:].flatten(0, 1)
    face = golden["in.face"].expand(-1, -1, frames, -1, -1)[1 - unconditional :]
    return Cond(
        added=face.transpose(1, 2).flatten(0, 1),
        context={
            name: Context(projected=projected(unet, name, read), unconditional=unconditional)
            for name, read in ((PICTURE, record), (AUDIO, audio))
        },
    )


@pytest.mark.parametrize("golden", goldens("echomimic", "1_reference_unet*"))
def test_recording(golden):
    """All of it, and as far as the last place that records: that much is enough."""
    unet = recorder_of(golden.config["constructor"], golden.weights())
    latents, t = golden["in.ref_latents"][:, :, None], golden["in.timestep"]
    wanted = bank(golden, "out")
    record: dict[str, torch.Tensor] = {}
    out = unet(latents, t, Cond(record=record))
    close(out[:, :, 0], golden["out.sample"], 2e-4)
    shorter: dict[str, torch.Tensor] = {}
    unet(latents, t, Cond(record=shorter), until=sites(unet)[-1])
    assert record.keys() == shorter.keys() == wanted.keys() == set(sites(unet))
    for site, tokens in wanted.items():
        close(record[site], tokens, 2e-4)
        assert torch.equal(record[site], shorter[site])


@pytest.mark.parametrize("golden", goldens("echomimic", "1_reference_unet*"))
def test_each_block_of_recording(golden):
    """What the published code shows of the way: each block's output."""
    unet = recorder_of(golden.config["constructor"], golden.weights())
    seen: dict[str, torch.Tensor] = {}
    wanted = {match[1]: expected for match, expected in golden.outputs(r"block\.(.*)")}
    for name in ("conv_in", "time_embedding", "mid_block"):
        unet.get_submodule(name).register_forward_hook(
            lambda _, __, out, name=name: seen.update({name: out})
        )
    unet(golden["in.ref_latents"][:, :, None], golden["in.timestep"], Cond(record={}))
    assert seen.keys() <= wanted.keys()
    for name, out in seen.items():
        close(out, wanted[name], 2e-4)


@pytest.mark.parametrize("golden", goldens("echomimic", "2_denoising_unet3d*"))
def test_reading(golden):
    config = golden.config
    unet = reader_of(config["constructor"], golden.weights(), config["audio_ratio"])
    if FOLDER == DEFAULT:
        assert config["audio_ratio"] == model.AUDIO_SCALE
    sample, record = golden["in.sample"], bank(golden, "in")
    both = told(unet, golden, record, unconditional=1)
    for match, expected in golden.outputs(r"pred\.(\d+)"):
        close(unet(sample, golden[f"in.timestep.{match[1]}"], both), expected, 2e-4)
    rounded = {site: x.half().float() for site, x in record.items()}
    for match, expected in golden.outputs(r"pred_bank_fp16\.(\d+)"):
        cond = told(unet, golden, rounded, unconditional=1)
        close(unet(sample, golden[f"in.timestep.{match[1]}"], cond), expected, 2e-4)
    alone = told(unet, golden, record, unconditional=0)
    for match, expected in golden.outputs(r"pred_nocfg\.(\d+)"):
        close(unet(sample[1:], golden[f"in.timestep.{match[1]}"], alone), expected, 2e-4)


@pytest.mark.parametrize("golden", goldens("echomimic", "11_small_activations*"))
def test_small_activations(golden):
    looks, draws = golden.config["reference_unet"], golden.config["denoising_unet"]
    network = recorder_of(looks, golden.weights("reference_unet."))
    record: dict[str, torch.Tensor] = {}
    out = network(golden["in.ref_latents"][:, :, None], 0, Cond(record=record))
    close(out[:, :, 0], golden["out.ref_sample"], 1e-5)
    for site, tokens in bank(golden, "out").items():
        close(record[site], tokens, 1e-5)
    unet = reader_of(draws, golden.weights("denoising_unet."))
    cond = told(unet, golden, record, unconditional=1)
    close(unet(golden["in.sample"], golden["in.timestep"], cond), golden["out.pred"], 1e-5)


def locator_of(config: dict, weights: dict) -> face_locator.FaceLocator:
    with torch.device("meta"):
        network = face_locator.build(weights)
    assert network.conv_in.in_channels == config["conditioning_channels"]
    assert network.conv_out.out_channels == config["conditioning_embedding_channels"]
    assert network.conv_out.in_channels == config["block_out_channels"][-1]
    return fill(network, weights, "golden", "itself")


@pytest.mark.parametrize("golden", goldens("echomimic", "3_face_locator*"))
def test_face_locator(golden):
    locator = locator_of(golden.config["constructor"], golden.weights())
    for match, expected in golden.outputs("(.*)"):
        place = golden[f"in.{match[1]}"].transpose(1, 2)
        found = locator(place.flatten(0, 1)).unflatten(0, place.shape[:2])
        close(found.transpose(1, 2), expected, 5e-5)


def test_full_size():
    """The published files have exactly these keys and shapes, plain and accelerated."""
    looks = manifest("echomimic", "reference_unet")
    with torch.device("meta"):
        network = recording(unet_params(empty(looks), groups=32, joint=False))
    assert shapes(network.state_dict()) == looks and len(looks) == 570
    whole = manifest("echomimic", "denoising_unet_full_model")
    for ending in ("", "_acc"):
        base = manifest("echomimic", f"denoising_unet{ending}")
        motion = manifest("echomimic", f"motion_module{ending}")
        assert (len(base), len(motion)) == (686, 588) and not base.keys() & motion.keys()
        params = recognise(empty({**motion, **base}))
        with torch.device("meta"):
            network = reading(params)
        assert shapes(network.state_dict()) == {**motion, **base} == whole
        assert params.unet == SD15 and (params.audio, params.temporal.length) == (384, 32)
    place = manifest("echomimic", "face_locator")
    with torch.device("meta"):
        locator = face_locator.build(empty(place))
    assert shapes(locator.state_dict()) == place and len(place) == 16
    assert model.HEADS == model.TEMPORAL_HEADS == 8
