"""MuseTalk's UNet, its shape read off a file."""

from __future__ import annotations

from pathlib import Path

import torch

from ...nn.hearing import HearingParams, check_kind, hearing_layer, hearing_params
from ...nn.unet import UNet
from ...nn.weights import Checkpoint, load
from ..runtime.lips import LATENTS

CHANNELS = 2 * LATENTS  # the picture with its lower half black, the whole picture
RENAMES = ((r"^unet\.", ""),)  # the trainer's own files
EXPECTED = "MuseTalk's unet.pth (1.5) or pytorch_model.bin (1.0), repository TMElyralab/MuseTalk"


def build(params: HearingParams) -> UNet:
    """The network, with weights as they happen to be."""
    return UNet(params.unet, lambda site: hearing_layer(params, site))


def load_unet(
    path: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> UNet:
    """The network in a published file; WeightsError if it is not one."""

    def make(checkpoint: Checkpoint) -> UNet:
        params = hearing_params(checkpoint.tensors, joint=False)
        check_kind(checkpoint, params, CHANNELS, expected=EXPECTED, moves=False)
        return build(params)

    return load(path, make, expected=EXPECTED, renames=RENAMES, device=device, dtype=dtype)
