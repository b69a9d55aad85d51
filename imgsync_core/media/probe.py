"""What is in a media file, and whether its picture and sound agree."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError
from PIL import Image

from ..errors import InputError
from .glued import options
from .opening import MediaFile, name_of, open_media, reason, refuse_bomb, refuse_many
from .picture import DAMAGE


@dataclass(frozen=True)
class PictureInfo:
    """codec, size in pixels, pixel format; start and end in seconds; number of frames."""

    codec: str
    width: int
    height: int
    pixels: str
    fps: Fraction
    frames: int
    start: Fraction
    end: Fraction


@dataclass(frozen=True)
class SoundInfo:
    """codec, samples per second, channel layout; start and end in seconds."""

    codec: str
    rate: int
    layout: str
    start: Fraction
    end: Fraction


@dataclass(frozen=True)
class MediaInfo:
    """A media file, as its packets tell.

    duration: of the container, seconds.   bytes: of the file.
    metadata: names of the tags, such as ``prompt`` and ``workflow``.
    """

    name: str
    container: str
    bytes: int
    duration: Fraction
    picture: PictureInfo | None
    sound: SoundInfo | None
    metadata: tuple[str, ...] = ()

    @property
    def difference(self) -> Fraction:
        """The largest distance between the ends of picture, sound and container, in seconds."""
        ends = [self.duration]
        ends += [part.end for part in (self.picture, self.sound) if part is not None]
        return max(ends) - min(ends)

    @property
    def agrees(self) -> bool:
        """Whether picture, sound and container end within 1 ms, and the container's own rounding.

        Matroska and WebM count in milliseconds, so each end may be off by one there.
        """
        rounding = Fraction(1, 1000) if "matroska" in self.container else 0
        return self.difference <= Fraction(1, 1000) + rounding

    def as_dict(self) -> dict[str, Any]:
        """For JSON: times as seconds."""
        picture, sound = self.picture, self.sound
        return {
            "name": self.name,
            "container": self.container,
            "bytes": self.bytes,
            "duration": float(self.duration),
            "difference_ms": float(self.difference * 1000),
            "agrees": self.agrees,
            "picture": picture
            and {
                "codec": picture.codec,
                "width": picture.width,
                "height": picture.height,
                "pixels": picture.pixels,
                "fps": str(picture.fps),
                "frames": picture.frames,
                "duration": float(picture.end - picture.start),
            },
            "sound": sound
            and {
                "codec": sound.codec,
                "rate": sound.rate,
                "layout": sound.layout,
                "duration": float(sound.end - sound.start),
            },
            "metadata": list(self.metadata),
        }


def probe(file: MediaFile) -> MediaInfo:
    """Read all packets of a file, decoding nothing. Raises InputError."""
    try:
        if _is_webp(file):
            return _probe_webp(file)
        try:
            return _probed(file, deep=False)
        except IndexError:  # a stream that came up only in the middle: search the whole file
            return _probed(file, deep=True)
    except (FFmpegError, *DAMAGE) as e:
        raise InputError(f"{name_of(file)} is damaged ({reason(e)}). Export it again.") from e


def _probed(file: MediaFile, *, deep: bool) -> MediaInfo:
    how = options(deep=deep)
    with open_media(file, InputError, "a media file", how if deep else None) as container:
        return _probe(container, file)


def _probe(container: Any, file: MediaFile) -> MediaInfo:
    streams = [s for s in container.streams if s.type in ("video", "audio")]
    if not streams:  # PyAV would read the packets of all others
        raise InputError(f"{name_of(file)} has neither a picture nor a sound.{_others(container)}")
    spans = {s.index: _Span(s) for s in streams}
    for packet in container.demux(streams):
        if packet.pts is not None:
            spans[packet.stream_index].add(packet)
    picture = next((_picture(s, spans[s.index]) for s in streams if s.type == "video"), None)
    sound = next((_sound(s, spans[s.index]) for s in streams if s.type == "audio"), None)
    if not (sound and sound.rate) and not (picture and picture.width):
        raise InputError(
            f"{name_of(file)} has neither a picture nor a sound that can be read: how they are "
            "coded is not known here. Convert it, for example to MP4."
        )
    ends = [part.end for part in (picture, sound) if part]
    known = container.duration is not None
    duration = Fraction(container.duration, av.time_base) if known else max(ends, default=0)
    on_disk = isinstance(file, (str, os.PathLike))
    return MediaInfo(
        name=name_of(file),
        container=container.format.name,
        bytes=Path(file).stat().st_size if on_disk else container.size,
        duration=Fraction(duration),
        picture=picture,
        sound=sound,
        metadata=tuple(container.metadata),
    )


def _others(container: Any) -> str:
    kinds = sorted({s.type for s in container.streams} - {"unknown", "attachment"})
    return f" It holds only: {', '.join(kinds)}." if kinds else " Name a video or a sound."


class _Span:
    """First and last time of a stream, in ticks: from its header, or else from its packets."""

    def __init__(self, stream: Any) -> None:
        self.tick = stream.time_base
        self.count = 0
        self.start: int | None = None
        self.latest = self.end = 0
        rate = stream.type == "video" and stream.average_rate
        # where a tick is longer than 0.1 ms, the rate tells better how long the last frame is shown
        self.frame = 1 / (rate * self.tick) if rate and self.tick * 10_000 > 1 else None
        # MP4 states it to the sample; packets may not (those of MP3 come back with round lengths)
        self.stated = stream.duration and (stream.start_time or 0) + stream.duration

    def add(self, packet: Any) -> None:
        pts = packet.pts
        self.count += not packet.is_discard
        if self.start is None or pts < self.start:
            self.start = pts
        self.latest = max(self.latest, pts)
        self.end = max(self.end, pts + (packet.duration or 0))

    @property
    def seconds(self) -> tuple[Fraction, Fraction]:
        """From when to when something is presented; what lies before 0 is cut by the container."""
        end = self.latest + self.frame if self.frame else self.end
        return max(0, self.start or 0) * self.tick, (self.stated or end) * self.tick


def _picture(stream: Any, span: _Span) -> PictureInfo:
    context = stream.codec_context  # None where there is no decoder: the rest is not known then
    start, end = span.seconds
    rate = stream.average_rate or stream.guessed_rate or Fraction(0)
    return PictureInfo(
        codec=context.name if context else "unknown",
        width=context.width if context else 0,
        height=context.height if context else 0,
        pixels=context.pix_fmt or "" if context else "",
        fps=Fraction(rate),
        frames=span.count,
        start=start,
        end=end,
    )


def _sound(stream: Any, span: _Span) -> SoundInfo:
    context = stream.codec_context
    if context is None:
        return SoundInfo("unknown", 0, "", *span.seconds)
    return SoundInfo(context.name, stream.rate or 0, stream.layout.name, *span.seconds)


def _is_webp(file: MediaFile) -> bool:
    if not isinstance(file, (str, os.PathLike)):
        file.seek(0)
        head = file.read(12)
    elif not Path(file).is_file():
        return False
    else:
        with Path(file).open("rb") as opened:
            head = opened.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def _probe_webp(file: MediaFile) -> MediaInfo:
    """Animated WebP, which FFmpeg writes but does not read."""
    if not isinstance(file, (str, os.PathLike)):
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
    else:
        size = Path(file).stat().st_size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is allowed here
        mode, (width, height), frames, duration = _frames_of_webp(file)
    fps = frames / duration if duration else Fraction(0)
    picture = PictureInfo("webp", width, height, mode, fps, frames, Fraction(0), duration)
    return MediaInfo(name_of(file), "webp", size, duration, picture, None)


def _frames_of_webp(file: MediaFile) -> tuple[str, tuple[int, int], int, Fraction]:
    """Mode, size, number of frames and seconds of all."""
    with Image.open(file, formats=("WEBP",)) as image:
        frames = getattr(image, "n_frames", 1)
        refuse_bomb(image.size, name_of(file), InputError)
        refuse_many(frames, image.size, name_of(file), InputError)
        ms = 0
        for i in range(frames):
            image.seek(i)
            image.load()  # only now is the frame's duration known
            ms += image.info.get("duration", 0)
        return image.mode.lower(), image.size, frames, Fraction(ms, 1000)
