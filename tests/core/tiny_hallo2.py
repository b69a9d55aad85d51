"""Tiny random Hallo2 checkpoints in the published layout."""

from dataclasses import replace
from pathlib import Path

import torch

from imgsync_core.engines.hallo2.model import Params, reading, recording
from imgsync_core.nn.face_locator import FaceLocator
from imgsync_core.nn.projections import AudioTokens, PictureTokens
from imgsync_core.nn.temporal import TemporalParams
from imgsync_core.nn.unet import SD15
from imgsync_core.nn.wav2vec2 import STRIDES, Wav2Vec2, Wav2Vec2Params

if __package__:
    from .tiny_echomimic import _drawn
    from .tiny_latentsync import write_vae
else:  # run as a script's neighbour
    from tiny_echomimic import _drawn
    from tiny_latentsync import write_vae

RESOLUTION = 64
WIDTHS = (32, 32, 64, 64)  # the last two see a single pixel, of which a norm needs more
AUDIO, FACE, EMBEDDED = 24, 16, 512
HEARD = Wav2Vec2Params(
    convolutions=tuple(zip([16] * 7, (10, 3, 3, 3, 3, 2, 2), STRIDES, strict=True)),
    width=64, heads=1, layers=2, inner=64, positions=(16, 4),
)  # fmt: skip


def params(widths: tuple[int, ...] = WIDTHS, length: int = 32) -> Params:
    """Networks of the published kind with these widths (multiples of 32)."""
    shape = replace(SD15, widths=widths, layers=1)
    places = ["mid_block.motion_modules.0"]
    for i in range(3):
        places += [f"down_blocks.{i}.motion_modules.0"]
        places += [f"up_blocks.{1 + i}.motion_modules.{j}" for j in (0, 1)]
    return Params(shape, TemporalParams(8, length), AUDIO, FACE, frozenset(places))


def networks(shape: Params | None = None, tokens: int = 4) -> dict[str, torch.nn.Module]:
    """The parts of ``net.pth`` by their names in it."""
    shape = shape or params()
    return {
        "reference_unet": recording(replace(shape.unet, out_channels=None), shape.face),
        "denoising_unet": reading(shape),
        "face_locator": FaceLocator(3, (8, 8, 8, 8), shape.unet.widths[0]),
        "imageproj": PictureTokens(EMBEDDED, shape.face, 4),
        "audioproj": AudioTokens(5 * HEARD.layers * HEARD.width, 32, shape.audio, tokens),
    }


def published_name(key: str) -> str:
    """A key of ours as it is called in the file."""
    for i, name in enumerate(("full", "face", "lip")):
        key = key.replace(f".regions.each.{i}.attention.", f".attn2_{i}.")
        key = key.replace(f".regions.each.{i}.out.", f".zero_conv_{name}.")
    return key


def state(parts: dict[str, torch.nn.Module] | None = None) -> dict[str, torch.Tensor]:
    """All tensors of ``net.pth``, motion modules that never run among them."""
    out = {}
    for part, network in (parts or networks()).items():
        for key, tensor in _drawn(network).items():
            out[f"{part}.{published_name(key)}"] = tensor
    start = "denoising_unet.mid_block.motion_modules.0."
    for key in [key for key in out if key.startswith(start)]:
        for idle in ("down_blocks.3", "up_blocks.0"):
            out[key.replace("mid_block", idle)] = out[key].clone()
    return out


def write_net(path: Path, parts: dict[str, torch.nn.Module] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state(parts), path)


def write_wav2vec2(path: Path, shape: Wav2Vec2Params = HEARD) -> None:
    """Under the names that Hugging Face gives, with what is of no use here."""
    from safetensors.torch import save_file

    out = {"lm_head.weight": torch.zeros(4, shape.width)}
    for key, tensor in _drawn(Wav2Vec2(shape)).items():
        name = key.replace("encoder.transformer.", "encoder.").replace(
            "encoder.feature_projection.", "feature_projection."
        )
        name = name.replace("parametrizations.weight.original0", "weight_g")
        name = name.replace("parametrizations.weight.original1", "weight_v")
        out[f"wav2vec2.{name}"] = tensor.contiguous()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(out, path)


def write_all(folder: Path, seed: int = 0) -> Path:
    """All files below one folder, as ``--weights`` takes it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        write_net(folder / "hallo2" / "net.pth")
        write_wav2vec2(folder / "wav2vec" / "wav2vec2-base-960h" / "model.safetensors")
        write_vae(folder / "sd-vae-ft-mse" / "diffusion_pytorch_model.safetensors")
    return folder
