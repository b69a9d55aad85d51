"""Colours held to those of the still: what each clip adds to the one before would pile up."""

from __future__ import annotations

import torch
from torch import Tensor

RIM = 1 / 8  # of the side: how far from the edge the still and the frames are compared
MOST = 1.25  # by which contrast is raised at most, or lowered


class Anchor:
    """Maps the colours of clips so that mean and contrast at the rim are those of the still.

    The rim, less where the face is, is what moves least.
    """

    def __init__(self, still: Tensor, face: Tensor) -> None:
        """still: (1, 3, R, R).   face: bool (R, R), where it is."""
        side = still.shape[-1]
        at = torch.arange(side)
        near = torch.minimum(at, side - 1 - at) < RIM * side
        rim = near | near[:, None]
        self._rim = rim & ~face if bool((rim & ~face).any()) else rim
        self._mean, self._spread = self._measured(still)

    def __call__(self, squares: Tensor) -> Tensor:
        """(f, 3, R, R) -> the same in the still's colours, one map for all frames."""
        mean, spread = self._measured(squares)
        gain = (self._spread / spread.clamp(min=1e-3)).clamp(1 / MOST, MOST)
        return (squares - mean) * gain + self._mean

    def _measured(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel, (3, 1, 1)."""
        pixels = x[..., self._rim].float()  # f 3 n
        mean = pixels.mean((0, 2))[:, None, None]
        return mean, pixels.std((0, 2), unbiased=False)[:, None, None]
