"""The picture in a file of sound: a cover, as music and podcasts carry it."""

from __future__ import annotations

from typing import Any

from av.error import FFmpegError
from av.stream import Disposition

from ..errors import VideoError
from .opening import MediaFile, open_media


def cover_of(file: MediaFile) -> bytes | None:
    """The bytes of the cover, a picture file of its own; None where there is none, or a video."""
    try:
        with open_media(file, VideoError, "a video") as container:
            streams = container.streams.video
            if not streams or not all(_is_cover(stream) for stream in streams):
                return None
            for packet in container.demux(streams[0]):
                if packet.size:
                    return bytes(packet)
    except (VideoError, FFmpegError, OSError):  # the reader of videos says what is wrong
        return None
    return None


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)
