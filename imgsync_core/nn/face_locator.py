"""Where a face is, as features to add to what a UNet's first convolution makes of latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from .weights import Checkpoint, load, numbers


class FaceLocator(nn.Module):
    """3x3 convolutions with SiLU from a picture of the face's place to features of 1/8.

    widths: channels of each level; each level but the last halves height and width at its end.
    """

    def __init__(self, inputs: int, widths: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(inputs, widths[0], 3, padding=1)
        steps = [(a, b, stride) for a, c in pairwise(widths) for b, stride in ((a, 1), (c, 2))]
        self.blocks = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, stride=stride) for a, b, stride in steps
        )
        self.conv_out = nn.Conv2d(widths[-1], outputs, 3, padding=1)

    def forward(self, place: Tensor) -> Tensor:
        """(b, c, h, w), 0 outside the face to 1 in it -> (b, c', h/8, w/8) for four levels."""
        x = functional.silu(self.conv_in(place))
        for block in self.blocks:
            x = functional.silu(block(x))
        return self.conv_out(x)


def build(tensors: Mapping[str, Tensor]) -> FaceLocator:
    """The network whose tensors these are; KeyError if they are another's."""
    first = tensors["conv_in.weight"]
    ends = numbers(tensors, r"blocks\.(\d+)\.")[1::2]
    widths = [len(first), *(len(tensors[f"blocks.{i}.weight"]) for i in ends)]
    return FaceLocator(first.shape[1], widths, len(tensors["conv_out.weight"]))


def load_face_locator(
    path: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> FaceLocator:
    """The network in a published file; WeightsError if it is not one."""

    def make(checkpoint: Checkpoint) -> FaceLocator:
        return build(checkpoint.tensors)

    return load(path, make, expected="face_locator.pth", device=device, dtype=dtype)
