"""The mouth at full resolution: two warped parts of the picture, and what shows between them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import inside, mouth
from .axes import Box
from .layout import Layout, rim
from .warping import Warp

CELLS = 72  # cells along the mouth's box
STEPS = 5  # of the fixed-point search
FEATHER = 1.2  # pixels over which a lip's edge fades, at least


class Lips:
    """The cut mouth of one picture, drawn over frames of the head's box."""

    def __init__(self, picture: np.ndarray, layout: Layout, outer: Box, device):
        """`outer` is the box of pixels that `draw` is given."""
        self.outer, self.device = outer, device
        box = layout.mouth_box().clip(picture.shape[1], picture.shape[0])
        self.box = box
        self.usable = not box.empty
        if not self.usable:
            return
        x, y = box.grid(max(1.0, max(box.width, box.height) / CELLS))
        upper, lower = layout.fields(x, y)
        self.upper, self.lower = Warp(upper, box, device), Warp(lower, box, device)
        skull = upper.copy()
        skull[: mouth.KINDS] = 0.0
        self.skull = Warp(skull, box, device)
        x, y = box.grid()
        u, v = layout.axes.to_face(x, y)
        crop = picture[box.top : box.bottom, box.left : box.right].transpose(2, 0, 1)
        below = layout.below(x, y)[None] / layout.unit
        across = (u - layout.mouth.middle)[None] / layout.mouth.half
        self.skin = self._put(np.concatenate([crop + 0.5, below]))
        self.under = self._put(np.concatenate([crop + 0.5, below, across]))
        self.teeth = self._put(inside.skull(layout.mouth, layout.tone, u, v, layout.unit))
        self.inside = inside.Inside(layout.tone, layout.line_colour(picture), device)
        self.rim = self._put(rim(box.height, box.width))[0]
        self.soft = max(FEATHER / layout.unit, 0.007)
        self.over = layout.mouth.smiling  # the lower lip lies over the picture's own teeth
        x, y = layout.axes.to_picture(0.0, 0.0)
        self.at = (float(x) - box.left, float(y) - box.top)

    def _put(self, values: np.ndarray) -> Tensor:
        """Constant values with a leading axis of one, on the device."""
        return torch.from_numpy(np.ascontiguousarray(values)).float().to(self.device)[None]

    def draw(self, pixels: Tensor, weight: Tensor, tongue: float) -> None:
        """Draw the mouth of the weights (k,) over the pixels (3, h, w) of the outer box.

        tongue: 0..1, how far its tip is up.
        """
        if not self.usable:
            return
        upper, lower = self.upper.forward(weight), self.lower.forward(weight)
        skull = self.skull.forward(weight)
        move = self._move(skull)
        start = torch.tensor(move, dtype=torch.float32, device=self.device).view(1, 2, 1, 1)
        places = self.upper.coarse + start * self.upper.half
        top = self._seen(self.skin, upper, places, start, STEPS)
        bottom = self._seen(self.under, lower, places, start, STEPS)
        teeth = self._seen(self.teeth, skull, places, start, 2)
        self._place(pixels, self._compose(top, bottom, teeth, tongue), move)

    def _seen(self, image: Tensor, field: Tensor, places: Tensor, start: Tensor, steps: int):
        """A constant image (1, c, H, W) as a field moves it, (c, H, W)."""
        source = self.upper.invert(field, steps, places, start.expand_as(field))
        return self.upper.sample(image, self.upper.full(source))[0]

    def _move(self, field: Tensor) -> tuple[int, int]:
        """How far the mouth has gone with the head, in whole pixels."""
        rows, columns = field.shape[-2:]
        row = round(self.at[1] / max(self.box.height - 1, 1) * (rows - 1))
        column = round(self.at[0] / max(self.box.width - 1, 1) * (columns - 1))
        row, column = min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)
        dx, dy = field[0, :, row, column].tolist()
        return round(dx), round(dy)

    def _compose(self, upper: Tensor, lower: Tensor, teeth: Tensor, tongue: float) -> Tensor:
        """Upper (4, h, w), lower (5, h, w) and teeth (4, h, w) as one mouth (3, h, w)."""
        top = (1.0 - upper[3] / self.soft).clip_(0, 1)
        bottom = (1.0 + lower[3] / self.soft).clip_(0, 1)
        hollow = self.inside.draw(upper[3], -lower[3], lower[4], teeth, tongue)
        if self.over:
            return torch.lerp(torch.lerp(hollow, upper[:3], top), lower[:3], bottom)
        return torch.lerp(torch.lerp(hollow, lower[:3], bottom), upper[:3], top)

    def _place(self, pixels: Tensor, drawn: Tensor, move: tuple[int, int]) -> None:
        """Blend the drawn mouth into the outer box's pixels, moved by whole pixels."""
        left = self.box.left - self.outer.left + move[0]
        top = self.box.top - self.outer.top + move[1]
        spot = Box(left, top, left + self.box.width, top + self.box.height)
        held = spot.clip(pixels.shape[2], pixels.shape[1])
        if held.empty:
            return
        own = (
            slice(held.top - spot.top, held.bottom - spot.top),
            slice(held.left - spot.left, held.right - spot.left),
        )
        target = pixels[:, held.top : held.bottom, held.left : held.right]
        target.lerp_(drawn[(slice(None), *own)], self.rim[own])
