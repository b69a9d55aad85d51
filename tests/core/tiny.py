"""Small random checkpoints in the layout of the published files.

Their numbers of heads and groups are the published ones, which leave no trace in a file.
"""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from imgsync_core.engines.latentsync import model as spec
from imgsync_core.engines.latentsync.model import Params, build
from imgsync_core.nn.temporal import TemporalParams
from imgsync_core.nn.unet import SD15
from imgsync_core.nn.vae import VAE, VAEParams
from imgsync_core.nn.whisper import WhisperEncoder, WhisperParams

AUDIO_WIDTH, AUDIO_LAYERS = 64, 1
WIDTHS = (32, 32, 32, 32)


def randomised(network: nn.Module, seed: int) -> dict[str, Tensor]:
    """The state dict of a network, all weights drawn anew so that none is zero."""
    draw = torch.Generator().manual_seed(seed)
    out = {}
    for key, tensor in network.state_dict().items():
        noise = torch.randn(tensor.shape, generator=draw)
        if key.endswith("pos_encoder.pe"):
            out[key] = tensor.clone()
        elif tensor.ndim == 1:
            out[key] = noise * 0.1 + ("norm" in key and key.endswith("weight"))
        else:
            out[key] = noise / tensor[0].numel() ** 0.5
    return out


def latentsync_unet(path: Path, *, seed: int = 1, layers: int = 1) -> Path:
    """Write a small ``latentsync_unet.pt``; hears Whisper states `AUDIO_WIDTH` wide."""
    shape = replace(SD15, in_channels=spec.CHANNELS, widths=WIDTHS, layers=layers, joint=True)
    moving = {f"down_blocks.0.motion_modules.{i}" for i in range(layers)}
    moving |= {f"up_blocks.3.motion_modules.{i}" for i in range(layers + 1)}
    params = Params(
        unet=shape,
        heads=spec.HEADS,
        audio=AUDIO_WIDTH,
        temporal=TemporalParams(spec.TEMPORAL_HEADS, 24),
        moving=frozenset(moving),
    )
    torch.save({"global_step": 7, "state_dict": randomised(build(params), seed)}, path)
    return path


def autoencoder(path: Path, *, seed: int = 2) -> Path:
    """Write a small ``diffusion_pytorch_model.safetensors`` with older attention names."""
    weights = randomised(VAE(VAEParams(widths=WIDTHS, layers=1)), seed)
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    for new, former in old.items():
        weights = {key.replace(f".{new}.", f".{former}."): x for key, x in weights.items()}
    save_file(weights, path)
    return path


def whisper(path: Path, *, seed: int = 3) -> Path:
    """Write a small ``tiny.pt`` in half precision, with dims and the stump of a decoder."""
    params = WhisperParams(mels=80, context=1500, width=AUDIO_WIDTH, heads=2, layers=AUDIO_LAYERS)
    weights = randomised(WhisperEncoder(params), seed)
    state = {f"encoder.{key}": x.half() for key, x in weights.items()}
    state["decoder.ln.weight"] = torch.ones(AUDIO_WIDTH).half()
    dims = {"n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": AUDIO_WIDTH}
    dims |= {"n_audio_head": 2, "n_audio_layer": AUDIO_LAYERS}
    torch.save({"dims": dims, "model_state_dict": state}, path)
    return path
