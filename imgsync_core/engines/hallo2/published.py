"""What only the published pipeline does: where it looks, and what it leaves to chance."""

from __future__ import annotations

import torch
from torch import Tensor

from .model import LATENTS
from .pipeline import Drawer


class PublishedDrawer(Drawer):
    """Frames as the published pipeline draws them, with what goes wrong in it.

    Pictures are looked at with the face and without it by turns, conditional frames see the two
    still pictures that come of it by turns, what was recorded is rounded to 16 bits, and clips only
    follow each other.
    """

    def _seeing(self, halves: int) -> Tensor:
        return (torch.arange(halves * (1 + self._plan.motion)) % halves).view(halves, -1)

    def _shown(self, halves: int) -> Tensor:
        frames = self._plan.frames
        return torch.arange((halves - 1) * frames, halves * frames) % halves

    def _rounded(self, tokens: Tensor) -> Tensor:
        return tokens.half().to(tokens.dtype)

    def _chance(self) -> tuple[Tensor, Tensor]:
        draw, still = self._random, self._still
        spots = torch.rand(still.shape[-2:], generator=draw)
        shape = (1, LATENTS, self._plan.frames, *self._located.shape[-2:])
        return spots, torch.randn(shape, generator=draw, dtype=torch.float16).float()

    def _joined(self, squares: Tensor, tail: Tensor) -> Tensor:
        return squares
