"""Tiny random EchoMimic checkpoints in the published layout."""

from dataclasses import replace
from pathlib import Path

import torch

from imgsync_core.engines.echomimic.model import HEADS, Params, reading, recording
from imgsync_core.nn.face_locator import FaceLocator
from imgsync_core.nn.temporal import TemporalParams
from imgsync_core.nn.unet import SD15

if __package__:
    from .tiny_latentsync import HEARD, write_vae, write_whisper
else:  # run as a script's neighbour
    from tiny_latentsync import HEARD, write_vae, write_whisper

RESOLUTION = 64
WIDTHS = (32, 32, 64, 64)  # the last two see a single pixel, of which a norm needs more


def params(widths: tuple[int, ...] = WIDTHS, length: int = 32) -> Params:
    """Networks of the published kind with these widths (multiples of 32)."""
    shape = replace(SD15, widths=widths, layers=1)
    return Params(shape, TemporalParams(8, length), HEARD)


def _drawn(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Random weights that keep numbers in range, none of them zero."""
    state = {}
    for key, tensor in network.state_dict().items():
        noise = torch.randn(tensor.shape)
        if key.endswith("pos_encoder.pe"):
            state[key] = tensor
        elif tensor.ndim == 1:
            state[key] = 0.1 * noise + ("norm" in key and key.endswith("weight"))
        else:
            state[key] = noise / tensor[0].numel() ** 0.5
    return state


def write_unets(folder: Path, shape: Params | None = None, ending: str = "") -> None:
    """``denoising_unet.pth`` and ``motion_module.pth``; ending: ``_acc`` for the accelerated."""
    state = _drawn(reading(shape or params()))
    for name, moves in (("denoising_unet", False), ("motion_module", True)):
        part = {key: x for key, x in state.items() if ("motion_modules" in key) is moves}
        torch.save(part, folder / f"{name}{ending}.pth")


def write_reference(path: Path, shape: Params | None = None) -> None:
    unet = replace((shape or params()).unet, out_channels=None)
    torch.save(_drawn(recording(unet, HEADS)), path)


def write_locator(path: Path, inputs: int = 1, outputs: int = WIDTHS[0]) -> None:
    torch.save(_drawn(FaceLocator(inputs, (8, 8, 8, 8), outputs)), path)


def write_all(folder: Path, seed: int = 0, *, accelerated: bool = False) -> Path:
    """All files below one folder, as ``--weights`` takes it; accelerated: those as well."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        write_unets(folder)
        write_reference(folder / "reference_unet.pth")
        write_locator(folder / "face_locator.pth")
        write_whisper(folder / "audio_processor" / "whisper_tiny.pt")
        write_vae(folder / "sd-vae-ft-mse" / "diffusion_pytorch_model.safetensors")
        if accelerated:
            write_unets(folder, ending="_acc")
    return folder
