"""A portrait that moves: poses in, frames out, by warping the one picture.

Every motion is a forward displacement of the picture's points, a weighted sum of constant fields.
A frame asks for the backward map, found by fixed-point steps on a coarse grid. Only the lips need
two maps: the picture is cut along the lip line, and the mouth's inside shows between the parts.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...face.geometry import Face
from . import eyes, head, mouth
from .axes import Box
from .layout import Layout
from .lips import Lips
from .pose import COLUMNS, LIMITS, Pose, Strength, bounded
from .warping import Warp, sample

__all__ = ["COLUMNS", "LIMITS", "Pose", "Renderer", "Strength"]

CELLS = 100  # cells along the longer side of the coarse grid
STEPS = 6  # of the fixed-point search
BANDS = 8  # parts of the box, one below the other, each as wide as it must be
NEAR = 1 / 24  # pixels: what moves less is not drawn anew
BATCH = 8  # frames whose eyes and lips are drawn at once
LOOKS = [COLUMNS.index(name) for name in ("blink", "gaze_x", "gaze_y", "squint")]
TONGUE = COLUMNS.index("tongue")
SPEAKS = [COLUMNS.index(name) for name in ("open", "spread", "round", "close", "tuck", "tongue")]


class Renderer:
    """One picture with one face; everything that does not change with the pose is made here."""

    def __init__(
        self,
        rgb: np.ndarray,
        face: Face,
        *,
        strength: Strength | None = None,
        rests: bool = False,
        device="cpu",
    ):
        """`rgb` is uint8 (h, w, 3); `face` says where it looks, speaks and ends.

        rests: a pose of zeros closes a mouth that the picture shows open.
        """
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
            raise ValueError(f"the picture must be uint8 (h, w, 3), not {rgb.dtype} {rgb.shape}")
        self.picture = np.array(rgb, order="C")
        self.strength = strength or Strength()
        self.rests = rests
        self.device = torch.device(device)
        self.layout = Layout(self.picture, face)
        self.box = self.layout.head.box()
        self.still = torch.from_numpy(self.picture)
        if self.box.empty:
            return
        with torch.inference_mode():
            self._prepare()

    def _prepare(self) -> None:
        """The constant fields and patches."""
        plan, box = self.layout, self.box
        step = max(2.0, max(box.width, box.height) / CELLS)
        x, y = box.grid(step)
        fields = plan.fields(x, y)
        weight = plan.head.weight(x, y)
        below = plan.below(x, y) > 0
        face = np.where(below, fields[1], fields[0])
        self.warp = Warp(face, box, self.device)
        crop = self.still[box.top : box.bottom, box.left : box.right]
        # Half a level is added here and in the patches, once, so that cutting off rounds.
        self.crop = (crop.permute(2, 0, 1)[None].float() + 0.5).contiguous().to(self.device)
        self.lips = Lips(self.picture, plan, self.device)
        self.moving = self._support(weight, np.abs(fields).sum((0, 1, 2)))

    @cached_property
    def eyes(self) -> list[eyes.Eye]:
        """The eyes that can blink, made when the first one blinks."""
        with torch.inference_mode():
            return [eye.to(self.device) for eye in self.layout.eyes(self.picture)]

    def _support(self, weight: np.ndarray, total: np.ndarray) -> np.ndarray:
        """Which pixels (h, w) of the picture can ever change."""
        grid = torch.from_numpy(((weight + total) > 0).astype(np.float32))[None, None]
        spread = functional.max_pool2d(grid, 3, 1, 1)
        size = (self.box.height, self.box.width)
        inside = functional.interpolate(spread, size, mode="bilinear", align_corners=True)[0, 0]
        moving = np.zeros(self.picture.shape[:2], bool)
        moving[self.box.top : self.box.bottom, self.box.left : self.box.right] = inside.numpy() > 0
        for part in (self.lips.box, *self.layout.eye_boxes()):
            moving[part.top : part.bottom, part.left : part.right] = True
        return moving

    @property
    def region(self) -> np.ndarray:
        """bool (h, w): outside it every frame has the picture's own pixels, bit for bit."""
        return np.zeros(self.picture.shape[:2], bool) if self.box.empty else self.moving

    def render(self, poses: np.ndarray) -> np.ndarray:
        """Frames uint8 (t, h, w, 3) of poses (t, 16), whose columns are `COLUMNS`."""
        track = bounded(poses, self.strength)
        frames = np.empty((len(track), *self.picture.shape), np.uint8)
        frames[:] = self.picture
        lips = mouth.coefficients(self.layout.mouth, track, self.rests)
        weights = np.concatenate([lips, head.coefficients(track)], axis=1).astype(np.float32)
        if self.box.empty:
            return frames
        looks = track[:, LOOKS].any(1)
        speaks = track[:, SPEAKS].any(1) | self.rests
        moves = np.flatnonzero(speaks | weights.any(1) | looks)
        with torch.inference_mode():
            for start in range(0, len(moves), BATCH):
                at = moves[start : start + BATCH]
                self._draw(frames, at, track, weights, looks, speaks)
        return frames

    def _draw(self, frames: np.ndarray, at, track, weights, looks, speaks) -> None:
        """Write the poses' pixels into frames `at` of those (t, h, w, 3) that hold the picture.

        looks, speaks: whether eyes and lips of each frame are drawn, (t,).
        """
        weight = torch.from_numpy(weights[at]).to(self.device)
        sources = self.warp.invert(self.warp.forward(weight), STEPS)
        seen = self.eyes if looks[at].any() else []
        drawn = [eye.drawn(track[at][:, LOOKS]) for eye in seen]
        said = np.flatnonzero(speaks[at]) if self.lips.usable else []
        lips = self.lips.drawn(weight[said], track[at][said, TONGUE]) if len(said) else []
        mouths = dict(zip(said, lips, strict=True))
        boxes = [[eye.box for eye in seen] for _ in at]
        for i, (box, _) in mouths.items():
            boxes[i].append(box)
        bands = self._bands(sources, boxes)
        for i, index in enumerate(at):
            for eye, pixels in zip(seen, drawn, strict=True):
                self._set(eye, pixels[i])
            self._write(frames[index], self.warp.full(sources[i : i + 1]), bands[i], mouths.get(i))
        for eye in seen:
            self._set(eye, eye.still)

    def _write(
        self,
        frame: np.ndarray,
        source: Tensor,
        bands: list[tuple[slice, slice]],
        spoken: tuple[Box, Tensor] | None,
    ) -> None:
        """Write the head and its mouth into a frame (h, w, 3)."""
        left, top = self.box.left, self.box.top
        for rows, columns in bands:
            part = sample(self.crop, source[..., rows, columns])[0]
            if spoken is not None:
                self.lips.place(part, (left + columns.start, top + rows.start), spoken)
            target = frame[top + rows.start : top + rows.stop]
            target = target[:, left + columns.start : left + columns.stop]
            whole = part.cpu().numpy().astype(np.uint8)  # NumPy casts this faster than torch
            for channel in range(3):
                target[..., channel] = whole[channel]

    def _bands(self, sources: Tensor, boxes: list[list[Box]]) -> list[list[tuple[slice, slice]]]:
        """The rows and columns of the box that are drawn, in bands since heads are round.

        What moves less than `NEAR` stays the picture's, but for each frame's boxes of the picture.
        """
        moved = ((sources - self.warp.coarse) / self.warp.half).abs().amax(1) > NEAR
        active = moved.cpu().numpy()
        height, width = self.crop.shape[2:]
        steps = [(active.shape[1] - 1) / (height - 1), (active.shape[2] - 1) / (width - 1)]
        for one, held in zip(active, boxes, strict=True):
            for box in held:
                part = box.moved(-self.box.left, -self.box.top)
                rows = slice(max(int(part.top * steps[0]), 0), int(part.bottom * steps[0]) + 2)
                columns = slice(max(int(part.left * steps[1]), 0), int(part.right * steps[1]) + 2)
                one[rows, columns] = True
        wide = active.copy()  # a cell is drawn when any of its corners moves
        wide[:, 1:] |= active[:, :-1]
        wide[:, :-1] |= active[:, 1:]
        edges = np.linspace(0, active.shape[1] - 1, BANDS + 1).astype(int)
        bands = np.logical_or.reduceat(wide, edges[:-1], axis=1)
        first = bands.argmax(2) - 1
        last = bands.shape[2] - bands[..., ::-1].argmax(2)
        lines = (edges / steps[0]).astype(int)
        lines[-1] = height
        starts = np.maximum((first / steps[1]).astype(int), 0)
        stops = np.minimum((last / steps[1]).astype(int) + 1, width)
        return [
            [
                (slice(lines[k], lines[k + 1]), slice(starts[i, k], stops[i, k]))
                for k in np.flatnonzero(bands[i].any(1))
            ]
            for i in range(len(active))
        ]

    def _set(self, eye: eyes.Eye, drawn: Tensor) -> None:
        """Put an eye's pixels (3, h, w) into the picture that the head is drawn from."""
        held, box = eye.box.clip_to(self.box), self.box
        own = drawn[
            :,
            held.top - eye.box.top : held.bottom - eye.box.top,
            held.left - eye.box.left : held.right - eye.box.left,
        ]
        self.crop[
            0,
            :,
            held.top - box.top : held.bottom - box.top,
            held.left - box.left : held.right - box.left,
        ] = own
