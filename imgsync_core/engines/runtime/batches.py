"""Runs of frames with a face, cut into windows while they come.

::

    frame   . . F F F F F F F F F F F . F F F        F = a face, . = none
            |   |window|window|         |pad|
            kept as it is      |window|             moved back over frames that are done
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Consecutive frames that leave together.

    frames: range of frame numbers.
    matrices: frame to crop, (2, 3) each; empty where there is no face and nothing is drawn.
    again: frames before them in the same run that are drawn once more, as context.
    padding: how often the last frame is repeated after them, as context.
    """

    frames: range
    matrices: tuple[Tensor, ...] = ()
    again: int = 0
    padding: int = 0


def batches(
    matrix: Callable[[int], Tensor | None], n_frames: int, size: int, *, full: bool
) -> Iterator[Batch]:
    """All frames in order, at most ``size`` at once.

    full: windows with a face are ``size`` frames long, context included; otherwise the last of
    a run is as short as it happens to be.
    """
    start, seen = 0, 0  # of what is waiting; frames of this run that have left
    waiting: list[Tensor] = []

    def run_ends(stop: int) -> Iterator[Batch]:
        if waiting:
            missing = size - len(waiting) if full else 0
            again = missing if seen >= missing else 0
            yield Batch(range(start, stop), tuple(waiting), again, missing - again)

    for index in range(n_frames):
        found = matrix(index)
        if found is None:
            yield from run_ends(index)
            yield Batch(range(index, index + 1))
            waiting, seen, start = [], 0, index + 1
            continue
        waiting.append(found)
        if len(waiting) == size:
            yield Batch(range(start, index + 1), tuple(waiting))
            waiting, start = [], index + 1
            seen += size
    yield from run_ends(n_frames)
