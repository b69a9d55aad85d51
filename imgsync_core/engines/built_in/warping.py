"""Backward maps: where in the picture each pixel of a frame comes from."""

from math import ceil

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .axes import Box


class Warp:
    """Constant forward fields (k, 2, h, w), in pixels, on a grid from corner to corner of a box."""

    def __init__(self, fields: np.ndarray, box: Box, device):
        self.box = box
        kinds, _, self.rows, self.columns = fields.shape
        self.basis = torch.from_numpy(fields.reshape(kinds, -1)).float().to(device)
        self.half = torch.tensor(  # pixels to the -1..1 of grid_sample
            [2.0 / (box.width - 1), 2.0 / (box.height - 1)], device=device
        ).view(1, 2, 1, 1)
        self.coarse = _unit_grid(self.rows, self.columns, device)
        at = torch.linspace(0, self.rows - 1, box.height, dtype=torch.float64, device=device)
        self.above = at.long().clip(max=self.rows - 2)  # the coarse row above each pixel's
        self.share = (at - self.above)[:, None].float()

    def forward(self, weights: Tensor) -> Tensor:
        """The summed fields (t, 2, h, w) of weights (t, k).

        One by one, so that a frame is the same to the bit whichever are drawn along with it.
        """
        summed = torch.stack([weight @ self.basis for weight in weights])
        return summed.view(-1, 2, self.rows, self.columns)

    def invert(self, field: Tensor, steps: int, places: Tensor | None = None, start=None) -> Tensor:
        """Where each place of the frames comes from, (t, 2, h, w) in -1..1 over the box.

        Solves d = field(p - d) by fixed-point steps from d = `start`. Places are (t, 2, h, w),
        the grid's own when left out.
        """
        places = self.coarse if places is None else places
        moved = (field if start is None else start) * self.half
        field = field * self.half
        for _ in range(steps):
            moved = sample(field, (places - moved).expand_as(field))
        return places - moved

    def full(self, coarse: Tensor) -> Tensor:
        """Coarse maps (t, 2, h, w) at every pixel of the box, (t, 2, H, W)."""
        rows = torch.lerp(coarse[:, :, self.above], coarse[:, :, self.above + 1], self.share)
        lines = rows.flatten(0, 2)[None]
        wide = functional.interpolate(lines, self.box.width, mode="linear", align_corners=True)
        return wide.view(*rows.shape[:3], self.box.width)


def sample(image: Tensor, source: Tensor) -> Tensor:
    """Images (t, c, h, w) over a box, or one (1, c, h, w) for all, as seen through maps.

    source: (t, 2, h', w') in -1..1.
    """
    image = image.expand(len(source), -1, -1, -1)
    grid = source.permute(0, 2, 3, 1)
    return functional.grid_sample(image, grid, padding_mode="border", align_corners=True)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images (t, c, h, w) after a Gaussian blur by so many pixels, edges repeated."""
    side = ceil(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-side, side + 1, device=images.device) / sigma) ** 2)
    kernel = kernel / kernel.sum()
    t, c, h, w = images.shape
    rows = functional.pad(images.reshape(t * c, 1, h, w), (side,) * 4, mode="replicate")
    rows = functional.conv2d(rows, kernel.view(1, 1, 1, -1))
    return functional.conv2d(rows, kernel.view(1, 1, -1, 1)).view(t, c, h, w)


def _unit_grid(rows: int, columns: int, device) -> Tensor:
    """Positions (1, 2, rows, columns) from -1 to 1 in x, y."""
    y = torch.linspace(-1, 1, rows, dtype=torch.float64)
    x = torch.linspace(-1, 1, columns, dtype=torch.float64)
    gy, gx = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([gx, gy])[None].float().to(device)
