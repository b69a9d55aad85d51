"""The mouth at full resolution: two warped parts of the picture, and what shows between them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import inside, mouth
from .axes import Box
from .layout import Layout, rim
from .sharpness import blur
from .warping import Warp, blurred, sample

CELLS = 72  # cells along the mouth's box
STEPS = 5  # of the fixed-point search
FEATHER = 1.2  # pixels over which a lip's edge fades, at least
SLACK = 0.01  # inter-ocular distances by which the line may bend between places of the coarse grid


class Lips:
    """The cut mouth of one picture, drawn over frames."""

    def __init__(self, picture: np.ndarray, layout: Layout, device):
        """`picture` is uint8 (h, w, 3)."""
        self.device = device
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
        self.image = self._put(np.concatenate([crop + 0.5, below, across]))
        self.teeth = self._put(inside.skull(layout.mouth, layout.tone, u, v, layout.unit))
        self.inside = inside.Inside(layout.tone, layout.line_colour(picture), device)
        self.rim = self._put(rim(box.height, box.width))[0]
        self.soft = max(FEATHER / layout.unit, 0.007)
        self.blur = blur(picture, layout.face) * layout.unit  # px; of what is drawn
        self.over = layout.mouth.smiling  # the lower lip lies over the picture's own teeth
        x, y = layout.axes.to_picture(0.0, 0.0)
        self.at = (float(x) - box.left, float(y) - box.top)

    def _put(self, values: np.ndarray) -> Tensor:
        """Constant values with a leading axis of one, on the device."""
        return torch.from_numpy(np.ascontiguousarray(values)).float().to(self.device)[None]

    def drawn(self, weights: Tensor, tongue: np.ndarray) -> list[tuple[Box, Tensor]]:
        """The mouths of weights (t, k): where each is in the picture, and its pixels (3, h, w).

        tongue: 0..1, how far its tip is up, (t,).
        """
        fields = [warp.forward(weights) for warp in (self.upper, self.lower, self.skull)]
        moves = self._moves(fields[2])
        start = torch.tensor(moves, dtype=torch.float32, device=self.device)[:, :, None, None]
        places = self.upper.coarse + start * self.upper.half
        upper, lower, skull = (
            self.upper.invert(field, steps, places, start.expand_as(field))
            for field, steps in zip(fields, (STEPS, STEPS, 2), strict=True)
        )
        up = torch.from_numpy(tongue).float().to(self.device)[:, None, None, None]
        mouths = self._compose(upper, lower, skull, up)
        return [(self.box.moved(*move), one) for move, one in zip(moves, mouths, strict=True)]

    def _moves(self, field: Tensor) -> list[tuple[int, int]]:
        """How far each mouth has gone with the head, in whole pixels."""
        rows, columns = field.shape[-2:]
        row = round(self.at[1] / max(self.box.height - 1, 1) * (rows - 1))
        column = round(self.at[0] / max(self.box.width - 1, 1) * (columns - 1))
        row, column = min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)
        return [(round(dx), round(dy)) for dx, dy in field[:, :, row, column].tolist()]

    def _compose(self, upper: Tensor, lower: Tensor, skull: Tensor, tongue: Tensor) -> Tensor:
        """The mouths (t, 3, h, w) seen through coarse maps of the upper part, lower part, skull.

        Above a row only the upper part is seen and below another only the lower one, so the
        parts are drawn no further than they are seen, and the inside only where it is.
        """
        over, under = (sample(self.image[:, 3:4], part) for part in (upper, lower))
        gap = self._held((over > -SLACK) & (under < SLACK))
        if self.blur:  # everywhere, so that a frame is the same whichever are drawn along with it
            gap = Box(0, 0, self.box.width, self.box.height)
        first = self._held(under > -self.soft - SLACK).top
        last = self._held(over < self.soft + SLACK).bottom
        first, last = min(first, last, gap.top), max(first, last, gap.bottom)
        full = self.upper.full
        upper, lower = full(upper, slice(0, last)), full(lower, slice(first, self.box.height))
        top, low = (sample(self.image[:, :4], part) for part in (upper, lower))
        pixels = torch.cat([top[:, :3, :first], low[:, :3]], 2)
        top, low = top[:, :, first:], low[:, :, : last - first]
        middle = pixels[:, :, first:last]
        middle.copy_(self._met(top, low))
        if not gap.empty:
            columns = slice(gap.left, gap.right)
            held = (..., slice(gap.top - first, gap.bottom - first), columns)
            teeth = sample(self.teeth, full(skull, slice(gap.top, gap.bottom))[..., columns])
            across = sample(self.image[:, 4:], lower[held])
            hollow = self.inside.draw(top[held][:, 3:], -low[held][:, 3:], across, teeth, tongue)
            middle[held] = self._met(top[held], low[held], hollow)
        return pixels

    def _met(self, upper: Tensor, lower: Tensor, hollow: Tensor | None = None) -> Tensor:
        """Upper (t, 4, h, w) and lower part as one, with the hollow (t, 3, h, w) between them."""
        top, bottom = upper[:, :3], lower[:, :3]
        on_top = (upper[:, 3:] / -self.soft).add_(1.0).clip_(0, 1)
        on_bottom = (lower[:, 3:] / self.soft).add_(1.0).clip_(0, 1)
        if hollow is not None and self.blur:
            seen = (1 - on_top) * (1 - on_bottom)
            seen, hollow = blurred(seen, self.blur), blurred(seen * hollow, self.blur)
            part = 1 - blurred(on_bottom, self.blur) if self.over else blurred(on_top, self.blur)
            return torch.lerp(bottom, top, part).mul_(1 - seen).add_(hollow)
        if self.over:
            back = top if hollow is None else torch.lerp(hollow, top, on_top)
            return torch.lerp(back, bottom, on_bottom)
        back = bottom if hollow is None else torch.lerp(hollow, bottom, on_bottom)
        return torch.lerp(back, top, on_top)

    def _held(self, mask: Tensor) -> Box:
        """The pixels of the box around what a mask (t, 1, h, w) on the coarse grid holds."""
        seen, spans = mask[:, 0].any(0), []
        for line, size in ((seen.any(1), self.box.height), (seen.any(0), self.box.width)):
            at = torch.nonzero(line)
            if not len(at):
                return Box(self.box.width, self.box.height, 0, 0)
            step = (size - 1) / max(len(line) - 1, 1)
            start, stop = int((int(at[0]) - 1) * step), int((int(at[-1]) + 1) * step) + 2
            spans.append((max(start, 0), min(stop, size)))
        (top, bottom), (left, right) = spans
        return Box(left, top, right, bottom)

    def place(self, target: Tensor, corner: tuple[int, int], mouth: tuple[Box, Tensor]) -> None:
        """Blend a drawn mouth into pixels (3, h, w) whose first is the picture's `corner`, x, y."""
        box, pixels = mouth
        spot = box.moved(-corner[0], -corner[1])
        held = spot.clip(target.shape[2], target.shape[1])
        if held.empty:
            return
        own = (
            slice(held.top - spot.top, held.bottom - spot.top),
            slice(held.left - spot.left, held.right - spot.left),
        )
        part = target[:, held.top : held.bottom, held.left : held.right]
        part.lerp_(pixels[(slice(None), *own)], self.rim[own])
