"""The cover of a song or a film: a still picture that lies beside the sound or the frames."""

from __future__ import annotations

from av.error import FFmpegError
from av.stream import Disposition

from ..errors import VideoError
from .opening import MediaFile, open_media


def cover_of(file: MediaFile) -> bytes | None:
    """The picture file (PNG, JPEG, ...) that a media file carries as its cover, as it lies in it.

    None where there is none. Raises VideoError for what is no media file at all.
    """
    container = open_media(file, VideoError, "a media file")
    try:
        covers = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
        for packet in container.demux(covers[:1]) if covers else ():
            if packet.size:
                return bytes(packet)
    except FFmpegError:  # damaged before the cover
        return None
    finally:
        container.close()
    return None
