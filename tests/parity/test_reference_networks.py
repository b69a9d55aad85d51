"""The shared UNet as two more published networks have it: one that records, one that reads.

The tables stand here as a proof that the shared parts are enough; their engines are to come.
Small activations are among the inputs: with another epsilon in a norm these are off by far.
"""

from collections.abc import Callable

import pytest
import torch

from imgsync_core.nn.reference import RecordingSelf, ReferenceSelf
from imgsync_core.nn.stages import (
    Cond,
    Context,
    Cross,
    FeedForward,
    ResBlock,
    SelfAttention,
    Spatial,
    projected,
)
from imgsync_core.nn.temporal import Temporal, TemporalParams
from imgsync_core.nn.unet import Site, UNet, UNetParams
from imgsync_core.nn.weights import fill

from .goldens import close, goldens, manifest
from .test_manifests import shapes

PUBLISHED = {
    "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2, "norm_num_groups": 32,
    "norm_eps": 1e-5, "attention_head_dim": 8, "in_channels": 4, "out_channels": 4,
    "down_block_types": ["CrossAttn", "CrossAttn", "CrossAttn", "Down"],
    "use_inflated_groupnorm": True, "cross_attention_dim": 384,
    "motion_module_kwargs": {
        "num_attention_heads": 8, "temporal_position_encoding_max_len": 32,
        "attention_block_types": ["Temporal_Self", "Temporal_Self"],
    },
}  # fmt: skip
Stages = dict[tuple[str, str], torch.nn.Module]


def unet_of(config: dict, tokens: Callable[[int, str], Stages], *, output: bool, motion: bool):
    """A UNet for a published configuration, with what its transformers do on tokens."""
    params = UNetParams(
        in_channels=config["in_channels"],
        out_channels=config["out_channels"] if output else None,
        widths=tuple(config["block_out_channels"]),
        attends=tuple("CrossAttn" in kind for kind in config["down_block_types"]),
        layers=config["layers_per_block"],
        groups=config["norm_num_groups"],
        eps=config["norm_eps"],
        joint=not config.get("use_inflated_groupnorm", True),
    )
    if motion:
        kwargs = config["motion_module_kwargs"]
        temporal = TemporalParams(
            heads=kwargs["num_attention_heads"],
            length=kwargs["temporal_position_encoding_max_len"],
            attentions=len(kwargs["attention_block_types"]),
        )

    def layer(site: Site):
        groups, width = params.groups, site.channels
        norms = {"groups": groups, "eps": params.eps, "joint": params.joint}
        stages: dict = {"resnets": ResBlock(site.inputs, width, time=params.time, **norms)}
        if site.attends:
            path = site.path("attentions") + ".transformer_blocks.0"
            stages["attentions"] = Spatial(width, tokens(width, path), groups=groups)
        if motion and not site.closing:
            stages["motion_modules"] = Temporal(width, temporal)
        return stages

    with torch.device("meta"):
        return UNet(params, layer)


def recording(config: dict) -> UNet:
    heads = config["attention_head_dim"]

    def tokens(width: int, site: str) -> Stages:
        return {
            ("norm1", "attn1"): RecordingSelf(width, heads, site=site),
            ("norm3", "ff"): FeedForward(width),
        }

    return unet_of(config, tokens, output=False, motion=False)


def reading(config: dict, scale: float = 3.0) -> UNet:
    heads, audio = config["attention_head_dim"], config["cross_attention_dim"]

    def tokens(width: int, site: str) -> Stages:
        cross = Cross(width, heads, context=audio, reads="audio", site=site, scale=scale)
        return {
            ("norm1", "attn1"): ReferenceSelf(width, heads, reads="picture", site=site),
            ("norm2", "attn2"): cross,
            ("norm3", "ff"): FeedForward(width),
        }

    return unet_of(config, tokens, output=True, motion=True)


def bank(golden, side: str) -> dict[str, torch.Tensor]:
    """The recorded tokens of a file by site."""
    keys = [key for key in golden.keys if key.startswith(f"{side}.bank.")]
    return {key.split(".", 3)[3]: golden[key] for key in keys}


@pytest.mark.parametrize("golden", goldens("echomimic", "1_reference_unet*"))
def test_recording(golden):
    unet = fill(recording(golden.config["constructor"]), golden.weights(), "golden", "itself")
    record: dict[str, torch.Tensor] = {}
    out = unet(golden["in.ref_latents"][:, :, None], golden["in.timestep"], Cond(record=record))
    close(out[:, :, 0], golden["out.sample"], 2e-4)
    wanted = bank(golden, "out")
    assert record.keys() == wanted.keys()
    for site, tokens in wanted.items():
        close(record[site], tokens, 2e-4)


def told(unet: UNet, golden, tokens: dict, frames: int, *, unconditional: int) -> Cond:
    """The condition with one reference, audio and face features, with or without a first half."""
    audio = golden["in.audio"][1:].flatten(0, 1)
    face = golden["in.face"].expand(-1, -1, frames, -1, -1)[1 - unconditional :]
    return Cond(
        added=face.transpose(1, 2).flatten(0, 1),
        context={
            name: Context(projected=projected(unet, name, read), unconditional=unconditional)
            for name, read in (("picture", tokens), ("audio", audio))
        },
    )


@pytest.mark.parametrize("golden", goldens("echomimic", "2_denoising_unet3d*"))
def test_reading(golden):
    config = golden.config
    unet = reading(config["constructor"], scale=config["audio_ratio"])
    fill(unet, golden.weights(), "golden", "itself")
    sample, tokens = golden["in.sample"], bank(golden, "in")
    frames = sample.shape[2]
    both = told(unet, golden, tokens, frames, unconditional=1)
    for match, expected in golden.outputs(r"pred\.(\d+)"):
        close(unet(sample, golden[f"in.timestep.{match[1]}"], both), expected, 2e-4)
    rounded = {site: x.half().float() for site, x in tokens.items()}
    for match, expected in golden.outputs(r"pred_bank_fp16\.(\d+)"):
        cond = told(unet, golden, rounded, frames, unconditional=1)
        close(unet(sample, golden[f"in.timestep.{match[1]}"], cond), expected, 2e-4)
    alone = told(unet, golden, tokens, frames, unconditional=0)
    for match, expected in golden.outputs(r"pred_nocfg\.(\d+)"):
        close(unet(sample[1:], golden[f"in.timestep.{match[1]}"], alone), expected, 2e-4)


@pytest.mark.parametrize("golden", goldens("echomimic", "11_small_activations*"))
def test_small_activations(golden):
    reader, recorder = golden.config["denoising_unet"], golden.config["reference_unet"]
    network = fill(recording(recorder), golden.weights("reference_unet."), "golden", "itself")
    record: dict[str, torch.Tensor] = {}
    t = golden["in.timestep"]
    out = network(golden["in.ref_latents"][:, :, None], 0, Cond(record=record))
    close(out[:, :, 0], golden["out.ref_sample"], 1e-5)
    for site, tokens in bank(golden, "out").items():
        close(record[site], tokens, 1e-5)
    unet = fill(reading(reader), golden.weights("denoising_unet."), "golden", "itself")
    sample = golden["in.sample"]
    cond = told(unet, golden, record, sample.shape[2], unconditional=1)
    close(unet(sample, t, cond), golden["out.pred"], 1e-5)


@pytest.mark.parametrize("golden", goldens("hallo2", "01_reference_unet*"))
def test_recording_with_a_context(golden):
    config = golden.config["unet"]
    heads = config["attention_head_dim"]

    def tokens(width: int, site: str) -> Stages:
        face = config["cross_attention_dim"]
        return {
            ("norm1", "attn1"): RecordingSelf(width, heads, site=site),
            ("norm2", "attn2"): Cross(width, heads, context=face, reads="face", site=site),
            ("norm3", "ff"): FeedForward(width),
        }

    unet = unet_of(config, tokens, output=False, motion=False)
    fill(unet, golden.weights(), "golden", "itself")
    sample, face = golden["in.sample"], golden["in.encoder_hidden_states"]
    record: dict[str, torch.Tensor] = {}
    face = face.repeat(len(sample) // len(face), 1, 1)
    cond = Cond(record=record, context={"face": Context(face)})
    out = unet(sample[:, :, None], golden["in.timestep"], cond)
    close(out[:, :, 0], golden["out.sample_before_missing_head"], 1e-4, relative=False)
    found = list(golden.outputs(r"bank\.(.*)"))
    assert len(found) == len(record)
    for match, expected in found:
        close(record[match[1]], expected, 1e-4, relative=False)


def test_full_size():
    """The published files of the two networks have exactly these keys and shapes."""
    assert shapes(recording(PUBLISHED).state_dict()) == manifest("echomimic", "reference_unet")
    wanted = manifest("echomimic", "denoising_unet_full_model")
    assert shapes(reading(PUBLISHED).state_dict()) == wanted


def test_a_self_attention_that_reads_nothing_is_an_ordinary_one():
    """Without a reference, and for unconditional items beside one."""
    reader = ReferenceSelf(8, 2, reads="picture", site="here")
    plain = SelfAttention(8, 2)
    plain.load_state_dict(reader.state_dict())
    x = torch.randn(4, 5, 8)
    cond = Cond(frames=2, context={"picture": Context(unconditional=1)})
    close(reader(x, cond), plain(x, cond), 1e-6)
    made = projected(reader, "picture", {"here": torch.randn(1, 3, 8)})
    cond = Cond(frames=2, context={"picture": Context(projected=made, unconditional=1)})
    close(reader(x, cond)[:2], plain(x[:2], cond), 1e-6)
    assert not torch.allclose(reader(x, cond)[2:], plain(x[2:], cond), atol=1e-2)
