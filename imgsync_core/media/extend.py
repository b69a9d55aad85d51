"""Make a still or a short clip last: hold, loop, ping-pong, pan and zoom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..errors import InputError
from .frames import FrameSource, Held, Looped, Mirrored, PingPong
from .motion import MOVES, PanZoom, Rect

Mode = Literal["hold", "loop", "ping-pong", "mirrored", "pan-zoom"]
MODES: tuple[Mode, ...] = ("hold", "loop", "ping-pong", "mirrored", "pan-zoom")


@dataclass(frozen=True)
class Extension:
    """How frames are made to last.

    mode: ``hold`` plays once and keeps the last frame; ``loop`` starts again; ``ping-pong`` plays
        there and back; ``mirrored`` likewise, each end frame twice; ``pan-zoom`` glides over a
        picture, also one that an engine moves.
    crossfade: frames over which ``loop`` blends its end into its start.
    start, end: what ``pan-zoom`` shows first and last, as parts of the picture.
    eased: ``pan-zoom`` starts and stops slowly.
    """

    mode: Mode = "hold"
    crossfade: int = 0
    start: Rect = MOVES["zoom in"][0]
    end: Rect = MOVES["zoom in"][1]
    eased: bool = True

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InputError(f"Mode {self.mode!r} is not known. Use {', '.join(MODES)}.")


HOLD = Extension()


def extend(
    source: FrameSource,
    n_frames: int,
    how: Extension,
    size: tuple[int, int] | None = None,
) -> FrameSource:
    """The source made ``n_frames`` long (or cut to them).

    size: of the frames of a ``pan-zoom``, whose source may be larger to have detail to zoom into.
    """
    if how.mode == "pan-zoom":
        if source.n_frames > 1:
            raise InputError(
                f"pan-zoom moves over one picture, and {source.n_frames} frames came. "
                "Use loop or ping-pong for a clip."
            )
        return PanZoom(source, n_frames, how.start, how.end, eased=how.eased, size=size)
    if how.mode == "loop" and source.n_frames > 1:
        return Looped(source, n_frames, how.crossfade)
    if how.mode == "ping-pong":
        return PingPong(source, n_frames)
    if how.mode == "mirrored":
        return Mirrored(source, n_frames)
    return Held(source, n_frames)
