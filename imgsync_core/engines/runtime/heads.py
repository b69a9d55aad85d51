"""The head in a still, drawn anew in a square: what engines that do so have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar

import numpy as np
from torch import Tensor

from ...errors import InputError
from ...face.geometry import Face
from ...media.frames import FrameSource
from ...watcher import Watcher
from ..base import Chunk, Engine, Host, Scene, Values
from .resuming import Chunks, Point, State
from .square import Square, SquarePaste, alone
from .stream import Stepped, StreamedFrames

Show = Callable[[Tensor], np.ndarray]
"""Squares float32 (f, 3, R, R), about -1..1 -> frames uint8 (f, h, w, c)."""
Squares = tuple[Tensor, Callable[[], State] | None]
"""Squares float32 (f, 3, R, R), f may be 0, and what drawing goes on with after them, as of
`Chunk.carried`."""
Draw = Callable[[np.ndarray, Watcher, Point], tuple[Show, Iterator[Squares]]]
"""The still uint8 (h, w, c), who looks on, and where to begin -> what shows squares, and all
squares from there on, in order."""


class HeadEngine(Engine):
    """Draws a square around the face anew, frame for frame, and puts it back into the still.

    rate: frames a second of the published pipeline, which has no other.
    """

    rate: ClassVar[int]

    def __init__(self, values: Values, host: Host) -> None:
        """values: of all its options."""
        self.values, self.host = values, host
        self.published = values["mode"] == "reference"

    @abstractmethod
    def drawing(self, scene: Scene, face: Face | None) -> Draw:
        """What draws the head in a still whose face this is.

        Raises FaceError, and WeightsError for files that are missing.
        """

    @property
    def shows_square(self) -> bool:
        """Whether the square is all that is shown."""
        return self.values["crop_only"]

    def animate(self, scene: Scene) -> FrameSource:
        """Of the source the first frame is drawn.

        Raises WeightsError for files that are missing, InputError for a rate that the published
        pipeline does not have; what the files hold is looked at when the first frame is read.
        """
        source, timeline = scene.source, scene.timeline
        if self.published and timeline.fps != self.rate:
            raise InputError(
                f"The published pipeline makes {self.rate} frames a second, not "
                f"{float(timeline.fps):g}. Set the frame rate to {self.rate}, or use the default "
                "mode."
            )
        draw = self.drawing(scene, scene.faces.at(0))

        side = self.values["resolution"]
        size = (side, side) if self.shows_square else source.size
        none = np.empty((0, size[1], size[0], source.channels), np.uint8)

        def made(watcher: Watcher, point: Point) -> Chunks:
            show, squares = draw(source.read(0, 1)[0], watcher, point)
            start = point.frame
            for some, carried in squares:
                watcher.check()
                frames = show(some) if len(some) else none
                if len(frames):
                    watcher.frame(frames[-1])
                yield Chunk(frames, start, carried)
                start += len(frames)

        return StreamedFrames(source, timeline, made, size=size, store=scene.store)

    def showing(self, frame: np.ndarray, square: Square, pixels: Tensor) -> Show:
        """What shows squares of a still. pixels: of the square, (1, 3 or 4, R, R) of 0..255."""
        if self.shows_square:
            return partial(alone, alpha=pixels[:, 3:], cut_off=self.published)
        return SquarePaste(frame, square, self.values["resolution"]).paste


def telling(watcher: Watcher, n_frames: int) -> Stepped:
    """Tells who looks on the share that is done of so many frames, and asks whether to go on."""

    def told(share: float) -> None:
        watcher.check()
        watcher.progress(n_frames * share, n_frames)

    return told
