"""Back into the frame so that it cannot be seen: only what was drawn anew, colour matched.

::

    crop   | drawn anew: weight 1 | feather: 1 to 0 | ring: where colours are compared | untouched |

The published pipeline pastes the whole crop, resampled twice; here every pixel outside the feather
keeps its value to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .crop import CropShape, box_around, corners, inverse, moved, warp

FEATHER = 4 / 256  # of R: the feather's half width; the mask leaves 9 / 256 to the crop's edge
RING = 28 / 256  # of R: how far the ring reaches
CELL = 8  # px of the crop over which colours are averaged before they are compared
SMOOTH = 11  # cells of the kernel that spreads the ring's difference over the face
MOST = 0.2  # of -1..1: a larger difference of colour is no tint, but another thing
PIXELS = 1 << 22  # pasted at a time


class Paste:
    """Puts drawn faces into frames.

    mask: (1, R, R) float, 1 = keep, 0 = draw, on the device that the faces are on; or (f, R, R),
        one for each frame.   feather: its half width, of R.
    """

    def __init__(self, shape: CropShape, mask: Tensor, *, feather: float = FEATHER) -> None:
        self.shape = shape
        side = shape.resolution
        drawn = (1 - mask)[:, None].float()
        half = max(1, round(feather * side))
        soft = _blurred(_grown(drawn, half), 2 * half + 1).clamp(0, 1)
        self.weight = soft * _rim(side, half, soft)  # (1 or f) 1 R R
        outside = 1 - _grown(drawn, 2 * half)
        self._ring = (_grown(drawn, round(RING * side)) * outside).round()

    def paste(
        self, frames: np.ndarray, drawn: Tensor, original: Tensor, matrices: Tensor
    ) -> np.ndarray:
        """Frames uint8 (f, h, w, 3 or 4) with new faces; a fourth channel stays.

        drawn, original: (f, 3, R, R) in -1..1 as decoded and as cut out.   matrices: (f, 2, 3).
        """
        out = np.array(frames)
        face = drawn.float() + tint(drawn.float(), original.float(), self._ring)
        face = ((face.clamp(-1, 1) + 1) * 127.5).contiguous()
        matrices = matrices.cpu().double()  # not every device has doubles
        face, weight, fitted = self._fitted(face, matrices)
        weight = weight.expand(len(face), -1, -1, -1)
        for part, boxes in self._batches(matrices, (frames.shape[2], frames.shape[1])):
            spots = list(zip(part, boxes, strict=True))
            pixels = np.stack([out[i, y : y + h, x : x + w, :3] for i, (x, y, w, h) in spots])
            mixed = self._mixed(pixels, face[part], weight[part], fitted[part], boxes)
            for (i, (x, y, w, h)), new in zip(spots, mixed, strict=True):
                out[i, y : y + h, x : x + w, :3] = new
        return out

    def _fitted(self, face: Tensor, matrices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Faces and weight in about the frame's pixels, and matrices from the frame to them.

        Nothing is enlarged here, so that the warp samples the faces once; shrinking needs a filter
        that the warp does not have.
        """
        side = self.shape.resolution
        scale = (
            matrices[:, :, :2].norm(dim=2).mean(0).tolist()
        )  # px of the crop per px, across, down
        w, h = (
            max(2, min(side, round(n / by))) for n, by in zip(self.shape.size, scale, strict=True)
        )
        weight = self.weight.to(face)
        if (w, h) != (side, side):
            face = functional.interpolate(face, (h, w), mode="bicubic", antialias=True)
            weight = functional.interpolate(weight, (h, w), mode="bilinear", antialias=True)
        by = matrices.new_tensor([w / self.shape.size[0], h / self.shape.size[1]])
        fitted = matrices * by[:, None]
        fitted[:, :, 2] += (by - 1) / 2  # pixel centres are at integers
        return face, weight, fitted

    def _batches(
        self, matrices: Tensor, size: tuple[int, int]
    ) -> Iterator[tuple[list[int], list[tuple[int, int, int, int]]]]:
        """Frames to do at once, each with the box x, y, w, h to do; of one size in a batch."""
        spots = [box_around(spot, size) for spot in corners(matrices, self.shape.size)]
        w = max(right - left for left, _, right, _ in spots)
        h = max(bottom - top for _, top, _, bottom in spots)
        step = max(1, PIXELS // (w * h))
        for start in range(0, len(spots), step):
            part = list(range(start, min(start + step, len(spots))))
            places = [(min(spots[i][0], size[0] - w), min(spots[i][1], size[1] - h)) for i in part]
            yield part, [(x, y, w, h) for x, y in places]

    def _mixed(
        self,
        pixels: np.ndarray,
        face: Tensor,
        weight: Tensor,
        fitted: Tensor,
        boxes: list[tuple[int, int, int, int]],
    ) -> np.ndarray:
        size = boxes[0][2:]
        pairs = zip(fitted, boxes, strict=True)
        local = torch.cat([moved(matrix[None], -x, -y) for matrix, (x, y, _, _) in pairs])
        back = inverse(local)
        seen = warp(face, back, size, mode="bicubic").clamp(0, 255)
        share = warp(weight, back, size)
        below = torch.from_numpy(pixels).to(face.device).permute(0, 3, 1, 2).to(face)
        mixed = below + share * (seen - below)
        return (mixed + 0.5).floor().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def tint(drawn: Tensor, original: Tensor, ring: Tensor) -> Tensor:
    """What is missing to the original's colours in a ring, smoothly spread over the face.

    drawn, original: (f, 3, R, R) in -1..1.   ring: (f or 1, 1, R, R), 1 where both show the same.
    """
    cells = functional.avg_pool2d(ring, CELL)
    rest = functional.avg_pool2d((original - drawn).clamp(-MOST, MOST) * ring, CELL)
    mean = rest.sum((2, 3), keepdim=True) / cells.sum((2, 3), keepdim=True).clamp(min=1e-6)
    near, there = _spread(rest), _spread(cells)
    found = (near + 0.02 * mean) / (there + 0.02)  # far from the ring the mean counts
    return functional.interpolate(found, drawn.shape[-2:], mode="bicubic", align_corners=False)


def gaussian(size: int, like: Tensor) -> Tensor:
    """The weights (size,) of a Gaussian whose width follows from its size, as OpenCV has it.

    Worked out in the precision of ``like``: the last bit of their sum decides whether white stays
    white when the result is cut off to integers.
    """
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    at = torch.arange(size, dtype=like.dtype, device=like.device) - size // 2
    weight = torch.exp(-at.square() / (2 * sigma**2))
    return weight / weight.sum()


def _rim(side: int, width: int, like: Tensor) -> Tensor:
    """(side, side): 0 in the outermost pixels, 1 from ``width`` px on."""
    at = torch.arange(side, device=like.device, dtype=like.dtype)
    line = (torch.minimum(at, side - 1 - at) / width).clamp(max=1)
    return line * line[:, None]


def shrunk(mask: Tensor, by: int) -> Tensor:
    """(f, h, w), 1 = keep, with so many px less to draw: the feather's middle is where it ended."""
    return _grown(mask[:, None], by)[:, 0]


def _grown(mask: Tensor, by: int) -> Tensor:
    """(f, 1, h, w) -> the largest value within ``by`` px, first across and then down."""
    mask = functional.max_pool2d(mask, (1, 2 * by + 1), 1, (0, by))
    return functional.max_pool2d(mask, (2 * by + 1, 1), 1, (by, 0))


def _blurred(mask: Tensor, size: int) -> Tensor:
    weight, side = gaussian(size, mask), size // 2
    mask = functional.conv2d(mask, weight.view(1, 1, 1, -1), padding=(0, side))
    return functional.conv2d(mask, weight.view(1, 1, -1, 1), padding=(side, 0))


def _spread(cells: Tensor) -> Tensor:
    """(f, c, h, w) blurred widely, each channel alone."""
    flat = cells.flatten(0, 1)[:, None]
    return _blurred(flat, SMOOTH).view_as(cells)
