"""Tiny random LatentSync checkpoints in the published layout."""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import save_file

from imgsync_core.engines.latentsync.model import Params, build
from imgsync_core.nn.temporal import TemporalParams
from imgsync_core.nn.unet import SD15, UNetParams
from imgsync_core.nn.vae import VAE, VAEParams
from imgsync_core.nn.whisper import WhisperEncoder, WhisperParams

RESOLUTION = 64
HEARD = 16  # channels of a feature
OLD_NAMES = (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn"))


def unet_params(widths: tuple[int, ...] = (32, 32, 32, 32), heard: int = HEARD) -> Params:
    """A UNet of the published kind with these widths (multiples of 32), temporal at the top."""
    unet = UNetParams(
        13, 4, widths, SD15.attends, layers=1, groups=32, eps=1e-5, joint=True
    )  # fmt: skip
    moving = frozenset({"down_blocks.0.motion_modules.0", "up_blocks.3.motion_modules.1"})
    return Params(unet, 8, heard, TemporalParams(8, 24), moving)


def _drawn_again(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """So that no layer is zero and none does nothing."""
    return {k: v if v.abs().sum() else torch.randn_like(v) * 0.05 for k, v in state.items()}


def write_unet(path: Path, params: Params | None = None) -> Path:
    """As the trainer writes it: a step and a state dict."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = _drawn_again(build(params or unet_params()).state_dict())
    torch.save({"global_step": 7, "state_dict": state}, path)
    return path


def write_whisper(path: Path, width: int = HEARD, layers: int = 1) -> Path:
    """As OpenAI writes it: dims, and half precision, with a decoder that nobody needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encoder = WhisperEncoder(WhisperParams(80, 1500, width, 2, layers))
    state = _drawn_again(encoder.state_dict())
    state = {f"encoder.{key}": value.half() for key, value in state.items()}
    state["decoder.token_embedding.weight"] = torch.zeros(3, width)
    dims = {"n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": width, "n_audio_head": 2}
    torch.save({"dims": {**dims, "n_audio_layer": layers}, "model_state_dict": state}, path)
    return path


def write_vae(path: Path, widths: tuple[int, ...] = (32, 32, 32, 32)) -> Path:
    """As it is hosted: older names, a configuration beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = VAE(VAEParams(widths, layers=1)).state_dict()
    old = {}
    for key, value in state.items():
        for new, name in OLD_NAMES:
            key = re.sub(rf"(\.attentions\.\d+)\.{re.escape(new)}\.", rf"\1.{name}.", key)
        old[key] = value.contiguous()
    save_file(old, path)
    config = {"_class_name": "AutoencoderKL", "block_out_channels": list(widths)}
    path.with_name("config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


def write_all(folder: Path, seed: int = 0, **words) -> Path:
    """All three below one folder, as ``--weights`` takes it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        write_unet(folder / "latentsync_unet.pt", words.get("params"))
        write_whisper(folder / "whisper" / "tiny.pt")
        write_vae(folder / "sd-vae-ft-mse" / "diffusion_pytorch_model.safetensors")
    return folder
