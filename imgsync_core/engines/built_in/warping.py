"""Backward maps: where in the picture each pixel of a frame comes from."""

from collections.abc import Iterable, Iterator
from math import ceil

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .axes import Box

BLOCK = 32  # rows that are made at once: of the coarse rows only few count for each


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
        at = np.linspace(0, self.rows - 1, box.height)
        above = at.astype(int).clip(max=self.rows - 2)
        self.above = above.tolist()  # the coarse row above each pixel's
        down = np.zeros((box.height, self.rows))  # the share of each coarse row in each pixel's
        down[np.arange(box.height), above] = 1 - (at - above)
        down[np.arange(box.height), above + 1] = at - above
        self.down = torch.from_numpy(down).float().to(device)

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

    def full(self, coarse: Tensor, rows: slice) -> Tensor:
        """Coarse maps (t, 2, h, w) at every pixel of these rows of the box, (t, 2, H, W).

        Rows may be none.
        """
        wide, first = self._wide(coarse), rows.start - rows.start % BLOCK
        blocks = [slice(i, min(i + BLOCK, self.box.height)) for i in range(first, rows.stop, BLOCK)]
        made = torch.cat([wide[:, :, :0], *(self._down(wide, block) for block in blocks)], 2)
        return made[:, :, rows.start - first : rows.stop - first]

    def seen(
        self, image: Tensor, coarse: Tensor, parts: Iterable[tuple[slice, slice]]
    ) -> Iterator[Tensor]:
        """An image (1, c, H, W) of the box through a coarse map (1, 2, h, w), in parts of it.

        parts: rows and columns of the box.   Yields (c, h', w') for each.

        The rows that are seen in a part are copied out of the image first: from there, close
        together, they are sampled in half the time.
        """
        wide = self._wide(coarse)
        low, high = (ends[0, 1].tolist() for ends in (coarse.amin(3), coarse.amax(3)))
        for rows, columns in parts:
            lines = self._lines(rows)
            held = self._rows(min(low[lines]), max(high[lines]))
            part = wide[:, :, lines, columns].clone()
            # y from -1 to 1 over the box, to the same over the rows that are held
            share = (self.box.height - 1) / (held.stop - held.start - 1)
            part[:, 1].add_(1.0).mul_(share).sub_(2 * held.start / (held.stop - held.start - 1) + 1)
            source = self.down[rows, lines] @ part
            yield sample(image[:, :, held].contiguous(), source)[0]

    def _lines(self, rows: slice) -> slice:
        """The coarse rows around these rows of the box."""
        return slice(self.above[rows.start], self.above[rows.stop - 1] + 2)

    def _down(self, wide: Tensor, rows: slice) -> Tensor:
        """Maps (t, 2, h, w) of the coarse rows at these rows of the box, (t, 2, H, w)."""
        lines = self._lines(rows)
        return self.down[rows, lines] @ wide[:, :, lines]

    def _rows(self, low: float, high: float) -> slice:
        """The rows of the box between two places of -1 to 1, two at least."""
        size, half = self.box.height, (self.box.height - 1) / 2
        first = min(max(int((low + 1) * half), 0), size - 2)
        return slice(first, max(min(ceil((high + 1) * half) + 1, size), first + 2))

    def _wide(self, coarse: Tensor) -> Tensor:
        """Coarse maps (t, 2, h, w) at every column of the box, (t, 2, h, W)."""
        lines = coarse.flatten(0, 2)[None]
        wide = functional.interpolate(lines, self.box.width, mode="linear", align_corners=True)
        return wide.view(*coarse.shape[:3], self.box.width)


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
