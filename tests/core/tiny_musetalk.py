"""Tiny random MuseTalk checkpoints in the published layout."""

from pathlib import Path

import torch

from imgsync_core.engines.musetalk.model import CHANNELS, build
from imgsync_core.nn.hearing import HearingParams
from imgsync_core.nn.unet import SD15, UNetParams

if __package__:
    from .tiny_latentsync import HEARD, _drawn_again, write_vae, write_whisper
else:  # run as a script's neighbour
    from tiny_latentsync import HEARD, _drawn_again, write_vae, write_whisper

LAYERS = 1  # of the tiny Whisper: two states of each feature, 20 tokens a frame


def unet_params(widths: tuple[int, ...] = (32, 32, 32, 32), heard: int = HEARD) -> HearingParams:
    """A UNet of the published kind with these widths, multiples of 32."""
    unet = UNetParams(CHANNELS, 4, widths, SD15.attends, layers=1, groups=32, eps=1e-5, joint=False)
    return HearingParams(unet, 8, heard)


def write_unet(path: Path, params: HearingParams | None = None, wrapped: bool = False) -> Path:
    """As it is published, a flat state dict; or wrapped, as the trainer has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = _drawn_again(build(params or unet_params()).state_dict())
    if wrapped:
        state = {"state_dict": {f"unet.{key}": value for key, value in state.items()}}
    torch.save(state, path)
    return path


def write_hf_whisper(path: Path, width: int = HEARD, layers: int = LAYERS) -> Path:
    """As Hugging Face keeps it, with a decoder that nobody needs; heads are not told."""
    from imgsync_core.nn.whisper import WhisperEncoder, WhisperParams

    names = (
        ("positional_embedding", "embed_positions.weight"), ("ln_post.", "layer_norm."),
        ("blocks.", "layers."), (".attn_ln.", ".self_attn_layer_norm."),
        (".mlp_ln.", ".final_layer_norm."), (".attn.query.", ".self_attn.q_proj."),
        (".attn.key.", ".self_attn.k_proj."), (".attn.value.", ".self_attn.v_proj."),
        (".attn.out.", ".self_attn.out_proj."), (".mlp.0.", ".fc1."), (".mlp.2.", ".fc2."),
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    encoder = WhisperEncoder(WhisperParams(80, 1500, width, 1, layers))
    state = {}
    for key, value in _drawn_again(encoder.state_dict()).items():
        for ours, theirs in names:
            key = key.replace(ours, theirs)
        state[f"model.encoder.{key}"] = value
    state["model.decoder.embed_tokens.weight"] = state["proj_out.weight"] = torch.zeros(3, width)
    torch.save(state, path)
    return path


def write_all(folder: Path, seed: int = 0, **words) -> Path:
    """All three below one folder, as ``--weights`` takes it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        write_unet(folder / "musetalkV15" / "unet.pth", words.get("params"))
        write_whisper(folder / "whisper" / "tiny.pt", layers=LAYERS)
        write_vae(folder / "sd-vae-ft-mse" / "diffusion_pytorch_model.safetensors")
    return folder
