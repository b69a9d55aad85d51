"""Backward maps: where in the picture each pixel of a frame comes from."""

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

    def forward(self, weight: Tensor) -> Tensor:
        """The summed field (1, 2, h, w) of weights (k,)."""
        return (weight @ self.basis).view(1, 2, self.rows, self.columns)

    def invert(self, field: Tensor, steps: int, places: Tensor | None = None, start=None) -> Tensor:
        """Where each place of the frame comes from, (1, 2, h, w) in -1..1 over the box.

        Solves d = field(p - d) by fixed-point steps from d = `start`. Places are (1, 2, h, w),
        the grid's own when left out.
        """
        places = self.coarse if places is None else places
        moved = (field if start is None else start) * self.half
        field = field * self.half
        for _ in range(steps):
            grid = (places - moved).permute(0, 2, 3, 1)
            moved = functional.grid_sample(field, grid, padding_mode="border", align_corners=True)
        return places - moved

    def sample(self, image: Tensor, source: Tensor) -> Tensor:
        """An image (1, c, h, w) over the box, as seen through a map (1, 2, h', w') in -1..1."""
        grid = source.permute(0, 2, 3, 1)
        return functional.grid_sample(image, grid, padding_mode="border", align_corners=True)

    def full(self, coarse: Tensor) -> Tensor:
        """A coarse map at every pixel of the box, (1, 2, H, W)."""
        size = (self.box.height, self.box.width)
        return functional.interpolate(coarse, size, mode="bilinear", align_corners=True)

    def pixels(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """A map (2, h, w) in -1..1 as picture positions x, y (h, w)."""
        x = (source[0] + 1) / self.half[0, 0, 0, 0] + self.box.left
        y = (source[1] + 1) / self.half[0, 1, 0, 0] + self.box.top
        return x, y


def _unit_grid(rows: int, columns: int, device) -> Tensor:
    """Positions (1, 2, rows, columns) from -1 to 1 in x, y."""
    y = torch.linspace(-1, 1, rows, dtype=torch.float64)
    x = torch.linspace(-1, 1, columns, dtype=torch.float64)
    gy, gx = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([gx, gy])[None].float().to(device)
