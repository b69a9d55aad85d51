"""A file as frames, whatever it is: a still, an animated picture, a video, a cover of a sound."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import PictureError, VideoError
from ..timeline import parse_fps
from .animated import AnimatedFrames, is_animated
from .cover import cover_of
from .frames import FrameSource, StillFrames
from .picture import Picture, load_picture
from .video import VideoFrames

DEFAULT_FPS = Fraction(25)


def open_source(
    file: str | os.PathLike[str] | Picture | FrameSource, fps: Any = None, *, strict: bool = False
) -> FrameSource:
    """A picture, an animated picture, a video, or the cover of a sound, as frames.

    fps: None = a video's own, 25 for a still.   strict: refuse what would lose something.
    What the file holds decides, not its name. Raises PictureError or VideoError.
    """
    if isinstance(file, FrameSource):
        return file
    if isinstance(file, Picture):
        return StillFrames(file, DEFAULT_FPS if fps is None else parse_fps(fps))
    if is_animated(file):
        return AnimatedFrames(file, fps=fps, strict=strict)
    try:
        return open_source(load_picture(file, strict=strict), fps)
    except PictureError as not_a_picture:
        if not not_a_picture.unknown:
            raise
    try:
        return VideoFrames(file, fps=fps, strict=strict)
    except VideoError as not_a_video:
        cover = cover_of(file) if not_a_video.absent else None
        if cover is not None:
            return open_source(_still(file, cover, strict), fps)
        if not_a_video.unknown:
            raise PictureError(
                f"{Path(file).name} is neither a picture nor a video that can be read. "
                "Use for example PNG, JPEG, WebP or MP4."
            ) from not_a_video
        raise


def _still(file: str | os.PathLike[str], cover: bytes, strict: bool) -> Picture:
    name = Path(file).name
    try:
        picture = load_picture(io.BytesIO(cover), strict=strict)
    except PictureError as e:
        raise PictureError(f"The cover of {name} cannot be used: {e}") from e
    notes = (*picture.notes, f"{name} is a sound: its cover is the picture")
    return replace(picture, source=str(file), notes=notes)
