"""Hallo2's networks against the numbers of the published code, and against its list of keys."""

import re
from dataclasses import dataclass, fields, replace

import pytest
import torch
from einops import rearrange

from imgsync_core.diffusion.guidance import guided_from
from imgsync_core.engines.hallo2 import model
from imgsync_core.engines.hallo2.model import (
    AUDIO,
    FACE,
    PICTURE,
    Params,
    reading,
    recognise,
    recognise_recording,
    recording,
)
from imgsync_core.nn import face_locator, projections, wav2vec2
from imgsync_core.nn.blocks import Block
from imgsync_core.nn.reference import sites
from imgsync_core.nn.regions import Regions
from imgsync_core.nn.stages import (
    Areas,
    Cond,
    Context,
    FeedForward,
    SelfAttention,
    Spatial,
    projected,
)
from imgsync_core.nn.temporal import TemporalParams
from imgsync_core.nn.unet import SD15, UNet, UNetParams
from imgsync_core.nn.weights import fill, renamed

from .goldens import beside_goldens, close, goldens, manifest
from .test_latentsync_nn import run, stage_of
from .test_manifests import empty, shapes


def recorder_of(config: dict, weights: dict) -> UNet:
    """The network that looks, for a configuration as the published code states it."""
    shape, face = recognise_recording(weights, config["norm_num_groups"])
    assert shape.widths == tuple(config["block_out_channels"])
    assert (shape.layers, face) == (config["layers_per_block"], config["cross_attention_dim"])
    shape = replace(shape, eps=config["norm_eps"])
    with torch.device("meta"):
        network = recording(shape, face, config["attention_head_dim"])
    return fill(network, weights, "golden", "itself")


def told_apart(weights: dict) -> dict:
    """The denoising network's tensors as it is loaded: renamed, without what never runs."""
    tensors = renamed(weights, model.RENAMES)
    return {key: x for key, x in tensors.items() if not re.match(model.IDLE, key)}


def reader_of(config: dict, additional: dict, weights: dict) -> UNet:
    motion, weights = additional["motion_module_kwargs"], told_apart(weights)
    params = recognise(
        weights,
        heads=config["attention_head_dim"],
        groups=config["norm_num_groups"],
        temporal_heads=motion["num_attention_heads"],
    )
    assert params.unet.widths == tuple(config["block_out_channels"])
    assert params.audio == additional["audio_attention_dim"]
    assert params.face == config["cross_attention_dim"]
    assert params.temporal.length == motion["temporal_position_encoding_max_len"]
    params = replace(params, unet=replace(params.unet, eps=config["norm_eps"]))
    with torch.device("meta"):
        network = reading(params)
    return fill(network, weights, "golden", "itself")


def bank(golden, side: str) -> dict[str, torch.Tensor]:
    """Recorded tokens of a file, by our name of the site."""
    start, end = f"{side}.bank.", ".transformer_blocks.0"
    return {
        key.removeprefix(start).removesuffix(end): golden[key].float()
        for key in golden.keys
        if key.startswith(start)
    }


def areas_of(golden, levels: int = 4) -> Areas:
    masks = [
        torch.stack([golden[f"in.{name}_mask.{i}"][0] for name in model.REGIONS])
        for i in range(levels)
    ]
    return Areas(tuple(masks), tuple(golden["in.motion_scale"].tolist()))


def published(network, golden, record: dict, frames: int, *, guided: bool) -> tuple[Cond, Cond]:
    """(nothing, told) as the published code has them: each frame of the latter sees one of the two
    recorded pictures in turn, and what went before is taken from a half each."""
    half = len(next(iter(record.values()))) // 2
    shown = torch.arange(frames, 2 * frames) % 2 if guided else torch.ones(frames).long()
    made = projected(network, PICTURE, {s: x[[0, half]] for s, x in record.items()})
    face = golden["in.encoder_hidden_states"]
    audio = golden["in.audio_embedding"]
    added = golden["in.mask_cond_fea"]
    areas = areas_of(golden) if "in.face_mask.0" in golden else None

    def cond(item: int) -> Cond:
        context = {
            FACE: Context(projected=projected(network, FACE, face[item].expand(frames, -1, -1))),
            PICTURE: Context(projected={s: (k[shown], v[shown]) for s, (k, v) in made.items()}),
            AUDIO: Context(projected=projected(network, AUDIO, audio[item])),
        }
        if item == 0:
            context = {FACE: context[FACE], PICTURE: Context(unconditional=1),
                       AUDIO: Context(unconditional=1)}  # fmt: skip
        before = {s: x[item * half + 1 : (item + 1) * half][None] for s, x in record.items()}
        place = rearrange(added[item], "c f h w -> f c h w") if item else None
        return Cond(context=context, added=place, before=before, areas=areas)

    return cond(0), cond(1)


@pytest.mark.parametrize("golden", goldens("hallo2", "01_reference_unet*"))
def test_recording(golden):
    config = golden.config
    unet = recorder_of(config["unet"], golden.weights())
    sample, face = golden["in.sample"], golden["in.encoder_hidden_states"]
    face = face.repeat(len(sample) // len(face), 1, 1)
    record: dict[str, torch.Tensor] = {}
    cond = Cond(record=record, context={FACE: Context(face)})
    out = unet(sample[:, :, None], golden["in.timestep"], cond)
    close(out[:, :, 0], golden["out.sample_before_missing_head"], 1e-4, relative=False)
    whole = dict(record)
    record.clear()
    unet(sample[:, :, None], golden["in.timestep"], cond, until=sites(unet)[-1])
    assert all(torch.equal(record[site], whole[site]) for site in whole), "that much is enough"
    wanted = bank(golden, "out")
    assert record.keys() == wanted.keys() == set(sites(unet))
    for site, tokens in wanted.items():
        close(record[site], tokens, 1e-4, relative=False)


@pytest.mark.parametrize("in_turn", [False, True], ids=["together", "in turn"])
@pytest.mark.parametrize("golden", goldens("hallo2", "02_denoising_unet3d*"))
def test_reading(golden, in_turn):
    """Both halves, as they are guided: the published output has them before guidance."""
    config = golden.config
    unet = reader_of(config["unet"], config["additional"], golden.weights())
    sample, record = golden["in.sample"], bank(golden, "in")
    nothing, told = published(unet, golden, record, sample.shape[2], guided=True)
    guidance = guided_from(nothing, told, 2.0, in_turn=in_turn)
    assert len(guidance.conds) == 1 + in_turn
    for match, expected in golden.outputs(r"noise_pred\.t(\d+)"):
        t = golden["in.timesteps"][int(match[1])]
        if in_turn:
            parts = [unet(sample[i : i + 1], t, guidance.conds[i]) for i in (0, 1)]
            out = torch.cat(parts)
        else:
            out = unet(sample, t, guidance.conds[0])
        close(out, expected, 2e-5)
    _, alone = published(unet, golden, record, sample.shape[2], guided=False)
    for match, expected in golden.outputs(r"noise_pred\.t(\d+)\.no_cfg_second_half_only"):
        t = golden["in.timesteps"][int(match[1])]
        close(unet(sample[1:], t, alone), expected, 2e-5)


@pytest.mark.parametrize("golden", goldens("hallo2", "02_denoising_unet3d*"))
def test_each_block_of_reading(golden):
    config = golden.config
    unet = reader_of(config["unet"], config["additional"], golden.weights())
    sample, seen = golden["in.sample"], {}
    nothing, told = published(unet, golden, bank(golden, "in"), sample.shape[2], guided=True)
    wanted = {match[1]: expected for match, expected in golden.outputs(r"t0\.(.*)")}

    def watched(name: str) -> torch.nn.Module:
        """What comes last in a block."""
        block = unet.get_submodule(name)
        for way in (block.downsamplers, block.upsamplers):
            if way is not None:
                return way[0]
        last = len(block.order) - 1
        return block.get_submodule(f"{block.order[last][-1]}.{last}")

    for name in wanted:
        watched(name).register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    unet(sample, golden["in.timesteps"][0], guided_from(nothing, told, 2.0).conds[0])
    assert seen.keys() == wanted.keys() and seen
    for name, out in seen.items():
        close(rearrange(out, "(b f) c h w -> b c f h w", b=2), wanted[name], 2e-5)


BLOCKS = goldens("hallo2", "02?_crossattn_*_block3d*")


@dataclass(frozen=True)
class BlockParams(UNetParams):
    """Of one block: its time embedding has a width of its own."""

    embedding: int = 0

    @property
    def time(self) -> int:
        return self.embedding


def block_of(golden, weights: dict) -> tuple[str, Block]:
    """One block of the network, and its name."""
    config = golden.config["constructor"]
    level, layers, motion = config["depth"], config["num_layers"], config["motion_module_kwargs"]
    widths = [config["in_channels"]] * 4  # of which a block sees its own and those beside it
    widths[level] = config["out_channels"]
    name = f"down_blocks.{level}"
    if "prev_output_channel" in config:
        name, layers = f"up_blocks.{3 - level}", layers - 1
        widths[level + 1] = config["prev_output_channel"]
    shape = {field.name: getattr(SD15, field.name) for field in fields(UNetParams)}
    shape |= {"widths": tuple(widths), "layers": layers, "embedding": config["temb_channels"]}
    shape |= {"groups": config["resnet_groups"], "eps": config["resnet_eps"]}
    heads, length = motion["num_attention_heads"], motion["temporal_position_encoding_max_len"]
    moving = frozenset(f"{name}.motion_modules.{i}" for i in range(config["num_layers"]))
    params = Params(
        BlockParams(**shape), TemporalParams(heads, length), config["audio_attention_dim"],
        config["cross_attention_dim"], moving, config["attn_num_head_channels"],
    )  # fmt: skip
    with torch.device("meta"):
        block = reading(params).get_submodule(name)
    return name, fill(block, weights, "golden", "itself")


@pytest.mark.parametrize("golden", BLOCKS)
def test_one_block(golden):
    """Widths that differ show how wide the attention to the audio is inside."""
    level = golden.config["constructor"]["depth"]
    name, block = block_of(golden, told_apart(golden.weights()))
    x = golden["in.hidden_states"]
    items, frames = len(x), x.shape[2]
    record = {f"{name}.{site}": tokens for site, tokens in bank(golden, "in").items()}
    half = golden.config["n_motion_frames"] + 1
    shown = torch.arange(frames, 2 * frames) % 2
    made = projected(block, PICTURE, {s: tokens[::half] for s, tokens in record.items()})
    face = golden["in.encoder_hidden_states"].repeat_interleave(frames, 0)
    audio = golden["in.audio_embedding"].flatten(0, 1)
    masks = torch.stack([golden[f"in.{region}_mask"][0] for region in model.REGIONS])
    picture = {site: (k[shown], v[shown]) for site, (k, v) in made.items()}
    cond = Cond(
        frames=frames, items=items, time=golden["in.temb"],
        context={FACE: Context(face), AUDIO: Context(audio),
                 PICTURE: Context(projected=picture, unconditional=1)},
        before={s: tokens.unflatten(0, (items, half))[:, 1:] for s, tokens in record.items()},
        areas=Areas((masks,) * (level + 1), tuple(golden["in.motion_scale"].tolist())),
    )  # fmt: skip
    seen: dict[str, torch.Tensor] = {}
    for stage in ("attentions.0", "audio_modules.0", "motion_modules.0"):
        inside = ".temporal_transformer" if stage.startswith("motion") else ""
        block.get_submodule(stage + inside).register_forward_hook(
            lambda _, __, out, stage=stage: seen.update({stage: out})
        )
    x = rearrange(x, "b c f h w -> (b f) c h w")
    skips = [golden[key] for key in golden.keys if re.fullmatch(r"in\.skip\.\d+", key)]
    for index in range(len(block.order)):
        skip = rearrange(skips.pop(), "b c f h w -> (b f) c h w") if skips else None
        x = block.layer(index, x, cond, skip)
        seen[f"skip.{index}"] = x
    if block.downsamplers is not None:
        x = seen[f"skip.{len(block.order)}"] = block.downsamplers[0](x)
    else:
        x = block.upsamplers[0](x, golden["out.hidden_states"].shape[-2:])
    seen["hidden_states"] = x
    compared = 0
    for match, expected in golden.outputs(r"(?:layer\.)?(.*)"):
        out = rearrange(seen[match[1]], "(b f) c h w -> b c f h w", b=items)
        close(out, expected, 1e-4, relative=False)
        compared += 1
    assert compared >= 4


def locator_of(config: dict, weights: dict) -> face_locator.FaceLocator:
    with torch.device("meta"):
        network = face_locator.build(weights)
    assert network.conv_in.in_channels == config["conditioning_channels"]
    assert network.conv_out.out_channels == config["conditioning_embedding_channels"]
    return fill(network, weights, "golden", "itself")


@pytest.mark.parametrize("golden", goldens("hallo2", "03_face_locator*"))
def test_face_locator(golden):
    locator = locator_of(golden.config["constructor"], golden.weights())
    place = golden["in.conditioning"].transpose(1, 2)
    found = locator(place.flatten(0, 1)).unflatten(0, place.shape[:2])
    close(found.transpose(1, 2), golden["out.embedding"], 2e-5)


def tokens_of(config: dict, weights: dict) -> tuple[torch.nn.Module, torch.nn.Module]:
    """What makes tokens of a face, and of audio."""
    picture = {k.removeprefix("imageproj."): x for k, x in weights.items() if "imageproj" in k}
    audio = {k.removeprefix("audioproj."): x for k, x in weights.items() if "audioproj" in k}
    with torch.device("meta"):
        face, heard = projections.picture_tokens(picture), projections.audio_tokens(audio)
    assert face.proj.in_features == config["imageproj"]["clip_embeddings_dim"]
    assert heard.proj1.out_features == config["audioproj"]["intermediate_dim"]
    return fill(face, picture, "golden", "itself"), fill(heard, audio, "golden", "itself")


@pytest.mark.parametrize("golden", goldens("hallo2", "04_projections*"))
def test_projections(golden):
    face, heard = tokens_of(golden.config, golden.weights())
    windows = golden["in.audio_windows"]
    tokens = heard(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
    close(tokens, golden["out.audio_tokens"], 2e-5)
    one = golden["in.face_embedding"]
    close(face(one), golden["out.image_tokens"], 2e-5)
    close(face(torch.zeros_like(one)), golden["out.image_tokens_uncond"], 2e-5)


@pytest.mark.parametrize("golden", goldens("hallo2", "10_small_variance_layers*"))
def test_small_regions(golden):
    """Small activations: with another epsilon this is off by far more."""
    config = golden.config["audio_3d"]
    width = config["num_attention_heads"] * config["attention_head_dim"]
    heads, context = config["num_attention_heads"], config["cross_attention_dim"]
    stages = {
        ("norm1", "attn1"): SelfAttention(width, heads),
        ("norm2", "regions"): Regions(
            3, width, heads, reads=AUDIO, site="here", context=context, level=0
        ),
        ("norm3", "ff"): FeedForward(width),
    }
    groups, channels = config["norm_num_groups"], config["in_channels"]
    spatial = Spatial(channels, stages, groups=groups, inner=width)
    stage_of(spatial, told_apart(golden.weights("audio_3d.")))
    masks = [golden[f"in.audio_3d.{region}_mask"][0] for region in model.REGIONS]
    scales = re.search(r"scales full/face/lip = ([\d.]+)/([\d.]+)/([\d.]+)", golden.config["what"])
    assert scales is not None
    cond = Cond(
        context={AUDIO: Context(golden["in.audio_3d.audio_tokens"].flatten(0, 1))},
        areas=Areas((torch.stack(masks),), tuple(map(float, scales.groups()))),
    )
    close(run(spatial, golden["in.audio_3d"], cond), golden["out.audio_3d"], 2e-5)


def hearing_of(golden) -> wav2vec2.Wav2Vec2:
    config = golden.config["wav2vec2"]
    weights = renamed(golden.weights(), wav2vec2.RENAMES)
    weights = {key: x for key, x in weights.items() if not re.match(wav2vec2.UNUSED, key)}
    params = wav2vec2.recognise(weights, config["num_attention_heads"])
    assert [c[0] for c in params.convolutions] == config["conv_dim"]
    assert [c[1] for c in params.convolutions] == config["conv_kernel"]
    assert [c[2] for c in params.convolutions] == config["conv_stride"]
    assert (params.layers, params.inner) == (
        config["num_hidden_layers"], config["intermediate_size"])  # fmt: skip
    assert params.positions == (
        config["num_conv_pos_embeddings"], config["num_conv_pos_embedding_groups"])  # fmt: skip
    with torch.device("meta"):
        network = wav2vec2.Wav2Vec2(params)
    return fill(network, weights, "golden", "itself")


@pytest.mark.parametrize("golden", goldens("hallo2", "06_wav2vec2*"))
def test_wav2vec2(golden):
    network = hearing_of(golden)
    for match, expected in golden.outputs(r"hidden_states\.(\d+)"):
        values = golden[f"out.input_values.{match[1]}"]
        close(network.convolved(values).mT, golden[f"out.cnn_features.{match[1]}"], 2e-5)
        close(network(values, len(expected))[0], expected, 2e-5)


def test_full_size():
    """The published file has exactly these keys and shapes, but for the modules that never run."""
    keys = {part: manifest("hallo2", part) for part in model.PARTS}
    assert [len(keys[part]) for part in model.PARTS] == [682, 1946, 16, 4, 8]
    tensors = {
        part: {key.removeprefix(f"{part}."): x for key, x in empty(listed).items()}
        for part, listed in keys.items()
    }
    looks, draws = tensors["reference_unet"], tensors["denoising_unet"]
    params = recognise(told_apart(draws))
    with torch.device("meta"):
        networks = {
            "reference_unet": recording(*recognise_recording(looks)),
            "denoising_unet": reading(params),
            "face_locator": face_locator.build(tensors["face_locator"]),
            "imageproj": projections.picture_tokens(tensors["imageproj"]),
            "audioproj": projections.audio_tokens(tensors["audioproj"]),
        }
    for part, network in networks.items():
        wanted = told_apart(tensors[part])
        found = {key: x.reshape(wanted[key].shape) for key, x in network.state_dict().items()}
        assert shapes(found) == shapes(wanted)
    idle = [key for key in draws if re.match(model.IDLE, key)]
    assert len(told_apart(draws)) + len(idle) == len(draws) and len(idle) == 5 * 28
    assert params.unet == SD15 and (params.audio, params.face) == (768, 768)
    assert params.temporal.length == 32 and model.HEADS == model.TEMPORAL_HEADS == 8


def test_full_size_hearing():
    listed = beside_goldens("hallo2", "wav2vec2_base_960h")
    tensors = empty({key: tuple(entry["shape"]) for key, entry in listed.items()})
    named = renamed(tensors, wav2vec2.RENAMES)
    named = {key: x for key, x in named.items() if not re.match(wav2vec2.UNUSED, key)}
    for key, entry in listed.items():
        theirs = entry["torchaudio_name"]
        if theirs is not None and "aux" not in theirs:
            assert theirs in named, key
    with torch.device("meta"):
        network = wav2vec2.Wav2Vec2(wav2vec2.recognise(named))
    assert shapes(network.state_dict()) == shapes(named) and len(listed) == 213
