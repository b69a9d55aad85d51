"""What a file is: a still, or a clip."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import PictureError, VideoError
from ..timeline import parse_fps
from .frames import FrameSource, StillFrames
from .picture import Picture, load_picture
from .video import VideoFrames

DEFAULT_FPS = Fraction(25)


def open_source(
    file: str | os.PathLike[str] | Picture | FrameSource, fps: Any = None, *, strict: bool = False
) -> FrameSource:
    """A picture or a video as frames. Raises PictureError or VideoError."""
    if isinstance(file, FrameSource):
        return file
    if isinstance(file, Picture):
        return StillFrames(file, DEFAULT_FPS if fps is None else parse_fps(fps))
    try:
        return open_source(load_picture(file), fps)
    except PictureError as not_a_picture:
        if not not_a_picture.unknown:
            raise
        try:
            return VideoFrames(file, fps=fps)
        except VideoError as not_a_video:
            if not_a_video.unknown:
                raise PictureError(
                    f"{Path(file).name} is neither a picture nor a video that can be read. "
                    "Use for example PNG, JPEG, WebP or MP4."
                ) from not_a_video
            raise
