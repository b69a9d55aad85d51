"""Which frames a network sees together, and which of its results are kept."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """Frames [start, stop) go in; of the results those from ``keep`` on are used."""

    start: int
    stop: int
    keep: int

    def __len__(self) -> int:
        return self.stop - self.start


def side_by_side(frames: int, size: int) -> list[Window]:
    """Windows without overlap; the last one is as short as what is left."""
    return [Window(i, min(i + size, frames), i) for i in range(0, frames, size)]


def full(frames: int, size: int) -> list[Window]:
    """Windows of full size: the last one is moved back over frames that are done already.

    Only a clip that is shorter than a window gets a shorter one.
    """
    return [
        Window(max(0, min(i, frames - size)), min(i + size, frames), i)
        for i in range(0, frames, size)
    ]


def overlapping(frames: int, size: int, overlap: int, shift: int = 0) -> list[list[int]]:
    """Windows in a closed loop, as the frame numbers of each; results are to be averaged.

    A window starts each ``size - overlap`` frames and runs over the end into the beginning.
    All are moved on by ``shift`` frames, so that seams lie elsewhere in another step. A clip
    that fits into one window is one. 0 <= overlap < size.
    """
    starts = range(0, frames, size - overlap) if frames > size else [0]
    length = min(frames, size)
    return [[(start + i + shift) % frames for i in range(length)] for start in starts]


def in_order(frames: int, size: int, overlap: int) -> list[range]:
    """Windows from start to end, each ``overlap`` frames into the one before; the last further.

    A clip that fits into one window is one. 0 <= overlap < size.
    """
    if frames <= size:
        return [range(frames)]
    starts = [*range(0, frames - size, size - overlap), frames - size]
    return [range(start, start + size) for start in starts]


def ramped(length: int, overlap: int) -> Tensor:
    """(length,): how much each frame of a window counts; less and less over an overlap's ends."""
    at = torch.arange(length) + 0.5
    return (torch.minimum(at, length - at) / max(overlap, 1)).clamp(max=1)
