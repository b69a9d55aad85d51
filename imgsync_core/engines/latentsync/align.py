"""The canonical crop: three points of a face brought to a template.

The crop is first 75 wide to 100 high (210 x 280 for a resolution of 256) and then squeezed to a
square, as the published model was trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...face.geometry import Face, Frame
from ..runtime.crop import similarity

TEMPLATE = ((17.0, 20.0), (58.0, 20.0), (37.5, 40.0))  # left brow, right brow, nose in a 75 x 100
KEPT = 0.2  # of the bias of the frame before
NOSE_DOWN = 0.585  # of the way from the eye line to the top of the upper lip
NOSE_OUT = 1.2  # a nose stands out further than lips: it moves more when the head turns


@dataclass(frozen=True)
class Geometry:
    """The canonical crop for a working resolution R of the model (px, a multiple of 8)."""

    resolution: int

    @property
    def ratio(self) -> float:
        """Pixels of the crop per unit of the 75 x 100 template."""
        return 2.8 * self.resolution / 256

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the crop before it is squeezed to R x R."""
        return int(75 * self.ratio), int(100 * self.ratio)

    def template(self, like: Tensor) -> Tensor:
        """(3, 2) px of the crop: left brow, right brow, nose."""
        return torch.tensor(TEMPLATE, dtype=torch.float64).mul(self.ratio).to(like)


class Aligner:
    """Matrices for points that come in order, with the published pipeline's running bias.

    bias: whether the running mean of what is left at the nose (in standard deviations, a few
    hundredths) is added to the shift in pixels, as the published pipeline does.
    """

    def __init__(self, geometry: Geometry, bias: bool) -> None:
        self.geometry = geometry
        self._with_bias = bias
        self.bias: Tensor | None = None

    def matrices(self, points: Tensor) -> Tensor:
        """(b, 3, 2) px of consecutive frames -> (b, 2, 3), frame to crop."""
        matrix, rest = similarity(points, self.geometry.template(points))
        if self._with_bias:
            for i, left in enumerate(rest):
                self.bias = left if self.bias is None else KEPT * self.bias + (1 - KEPT) * left
                matrix[i, :, 2] += self.bias
        return matrix


def alignment_points(face: Face) -> np.ndarray:
    """Left brow, right brow, nose: float64 (3, 2), px with pixel centres at integers.

    The published pipeline takes means of a 106-point mesh: five points of each brow, and the lower
    bridge, the tip and both wings of the nose. Here the brows are the face's own; the middle of
    those four nose points lies 0.585 of the way from the eye line to the upper lip, sideways 1.2
    times as far out as the lip. On portraits seen from the front that is within about 0.06 of the
    distance between the eyes.
    """
    frame = Frame.of(face.eyes)
    u, v = frame.into(face.lip_top)
    nose = frame.out(NOSE_OUT * u, NOSE_DOWN * v)
    return np.concatenate([face.brows, nose[None]]) - 0.5
