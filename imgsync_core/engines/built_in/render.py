"""A portrait that moves: poses in, frames out, by warping the one picture.

Every motion is a forward displacement of the picture's points, a weighted sum of constant fields.
A frame asks for the backward map, found by fixed-point steps on a coarse grid. Only the lips need
two maps: the picture is cut along the lip line, and the mouth's inside shows between the parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise

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
from .warping import Warp

__all__ = ["COLUMNS", "LIMITS", "Pose", "Renderer", "Strength"]

CELLS = 72  # cells along the longer side of the coarse grid
STEPS = 5  # of the fixed-point search
BANDS = 6  # parts of the box, one below the other, each as wide as it must be; more where
BAND_BYTES = 1 << 20  # one would have more of these: as many as a processor's cache holds
NEAR = 1 / 24  # pixels: what moves less is not drawn anew
BATCH = 8  # frames whose eyes and lips are drawn at once
LOOKS = [COLUMNS.index(name) for name in ("blink", "gaze_x", "gaze_y", "squint")]
TONGUE = COLUMNS.index("tongue")
SPEAKS = [COLUMNS.index(name) for name in ("open", "spread", "round", "close", "tuck", "tongue")]


@dataclass(frozen=True)
class _Parts:
    """What a frame is made of."""

    source: Tensor  # where its pixels come from, on the coarse grid, (1, 2, h, w) in -1..1
    eyes: list[Tensor]  # their pixels (3, h, w) in the unmoved head; none where they are as before
    mouth: tuple[Box, Tensor] | None  # where it is in the frame, and its pixels (3, h, w)


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
        self.bands = max(BANDS, round(self.crop.nbytes / BAND_BYTES))
        self.lips = Lips(self.picture, plan, self.device)
        self.moving = self._support(weight, np.abs(fields).sum((0, 1, 2)))
        self._parts: dict[bytes, _Parts | None] = {}  # of poses to come

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
    def smiles(self) -> bool:
        """Whether the picture's mouth is open or its corners are up."""
        return self.layout.mouth.smiling or self.layout.mouth.raised > 0.01

    @property
    def region(self) -> np.ndarray:
        """bool (h, w): outside it every frame has the picture's own pixels, bit for bit."""
        return np.zeros(self.picture.shape[:2], bool) if self.box.empty else self.moving

    def render(self, poses: np.ndarray, soon: np.ndarray | None = None) -> np.ndarray:
        """Frames uint8 (t, h, w, 3) of poses (t, 16), whose columns are `COLUMNS`.

        soon: poses of frames to come. Their small parts are drawn along, up to `BATCH` at once,
        which takes less time than one by one, and are kept until the next call.
        """
        track = bounded(poses, self.strength)
        frames = np.empty((len(track), *self.picture.shape), np.uint8)
        frames[:] = self.picture
        if self.box.empty:
            return frames
        later = track[:0] if soon is None else bounded(soon, self.strength)
        both = np.concatenate([track, later])
        keys = [row.tobytes() for row in both]
        with torch.inference_mode():
            for i in range(len(track)):
                if keys[i] not in self._parts:
                    self._prepare_parts(keys[i:], both[i:])
                parts = self._parts[keys[i]]
                if parts is not None:
                    self._write(frames[i], parts)
        self._parts = {key: self._parts[key] for key in keys[len(track) :] if key in self._parts}
        return frames

    def _prepare_parts(self, keys: list[bytes], poses: np.ndarray) -> None:
        """Draw the parts of the next poses that are not there yet."""
        pairs = zip(keys, poses, strict=True)
        wanted = {key: pose for key, pose in pairs if key not in self._parts}
        wanted = dict(islice(wanted.items(), BATCH))
        self._parts |= zip(wanted, self._drawn(np.stack([*wanted.values()])), strict=True)

    def _drawn(self, track: np.ndarray) -> list[_Parts | None]:
        """What changes slowly over the picture, and small parts of it, of each pose (t, 16).

        None where the frame is the picture.
        """
        lips = mouth.coefficients(self.layout.mouth, track, self.rests)
        turns = head.coefficients(track, self.layout.head.axes.roll)
        weights = np.concatenate([lips, turns], axis=1).astype(np.float32)
        looks = np.asarray(track[:, LOOKS].any(1))
        speaks = np.asarray(track[:, SPEAKS].any(1) | self.rests) & self.lips.usable
        weight = torch.from_numpy(weights).to(self.device)
        sources = self.warp.invert(self.warp.forward(weight), STEPS)
        seen = self.eyes if looks.any() else []
        pixels = [eye.drawn(track[:, LOOKS]) for eye in seen]
        said = np.flatnonzero(speaks)
        spoken = self.lips.drawn(weight[said], track[said, TONGUE]) if len(said) else []
        mouths = dict(zip(said.tolist(), spoken, strict=True))
        moves = np.asarray(weights.any(1)) | looks | speaks
        parts = [
            _Parts(source, [one[i] for one in pixels] if looks[i] else [], mouths.get(i))
            for i, source in enumerate(sources.split(1))
        ]
        return [part if moved else None for part, moved in zip(parts, moves, strict=True)]

    def _write(self, frame: np.ndarray, parts: _Parts) -> None:
        """Write a pose's pixels into a frame (h, w, 3) that holds the picture."""
        for eye, pixels in zip(self.eyes if parts.eyes else [], parts.eyes, strict=True):
            self._set(eye, pixels)
        left, top = self.box.left, self.box.top
        bands = self._bands(parts)
        drawn = self.warp.seen(self.crop, parts.source, bands)
        for (rows, columns), part in zip(bands, drawn, strict=True):
            if parts.mouth is not None:
                self.lips.place(part, (left + columns.start, top + rows.start), parts.mouth)
            target = frame[top + rows.start : top + rows.stop]
            target = target[:, left + columns.start : left + columns.stop]
            whole = part.cpu().numpy().astype(np.uint8)  # NumPy casts this faster than torch
            for channel in range(3):
                target[..., channel] = whole[channel]
        for eye in self.eyes if parts.eyes else []:
            self._set(eye, eye.still)

    def _bands(self, parts: _Parts) -> list[tuple[slice, slice]]:
        """The rows and columns of the box that are drawn, in bands since heads are round.

        What moves less than `NEAR` stays the picture's, apart from eyes and mouth.
        """
        moved = (parts.source - self.warp.coarse).abs_() > NEAR * self.warp.half
        active = moved.any(1)[0].cpu().numpy()
        height, width = self.crop.shape[2:]
        down, right = (active.shape[0] - 1) / (height - 1), (active.shape[1] - 1) / (width - 1)
        boxes = [eye.box for eye in self.eyes] if parts.eyes else []
        boxes += [] if parts.mouth is None else [parts.mouth[0]]
        for box in boxes:
            own = box.moved(-self.box.left, -self.box.top)
            rows = slice(max(int(own.top * down), 0), max(int(own.bottom * down) + 2, 0))
            columns = slice(max(int(own.left * right), 0), max(int(own.right * right) + 2, 0))
            active[rows, columns] = True
        wide = active.copy()  # a cell is drawn when any of its corners moves
        wide[1:] |= active[:-1]
        wide[:-1] |= active[1:]
        edges = np.linspace(0, len(active) - 1, self.bands + 1).astype(int)
        lines = (edges / down).astype(int)
        lines[-1] = height
        bands = []
        for i, (start, stop) in enumerate(pairwise(lines)):
            columns = np.flatnonzero(wide[edges[i] : edges[i + 1] + 1].any(0))
            if len(columns) and stop > start:
                first = max(int((columns[0] - 1) / right), 0)
                last = min(int((columns[-1] + 1) / right) + 1, width)
                bands.append((slice(start, stop), slice(first, last)))
        return bands

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
