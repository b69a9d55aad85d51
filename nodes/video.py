"""A VIDEO that is a description: frames and sound are made when somebody reads or saves it."""

from __future__ import annotations

import io as stdlib_io
import logging
import math
from fractions import Fraction
from typing import Any

import torch
from comfy_api.v0_0_2 import Input, Types

from ..imgsync_core.errors import EncodingError, MemoryLimitError, OutputError
from ..imgsync_core.job import Prepared, render
from ..imgsync_core.media.encoding import Encoding, in_container, preset
from ..imgsync_core.media.frames import FrameSource, Trimmed
from ..imgsync_core.media.muxer import Report
from ..imgsync_core.media.picture import RGB
from ..imgsync_core.media.sound import Part, Sound, to_length
from ..imgsync_core.timeline import Timeline, round_half_up
from ..imgsync_core.watcher import NOBODY
from . import host
from .sockets import to_audio, to_image

log = logging.getLogger(__name__)
_CHUNK = 16


class LazyVideo(Input.Video):
    """Frames and a sound that fits into them, both unread."""

    def __init__(
        self, frames: FrameSource, sound: Sound | None, notes: tuple[str, ...] = ()
    ) -> None:
        """notes: what the user should know of how the frames came about."""
        self.imgsync_frames = frames
        self.imgsync_sound = sound
        self.imgsync_notes = notes
        self._file: str | None = None

    # -- what is cheap --

    def get_dimensions(self) -> tuple[int, int]:
        return self.imgsync_frames.size

    def get_frame_count(self) -> int:
        return self.imgsync_frames.n_frames

    def get_frame_rate(self) -> Fraction:
        return self.imgsync_frames.fps

    def get_duration(self) -> float:
        return float(self.imgsync_frames.n_frames / self.imgsync_frames.fps)

    def get_bit_depth(self) -> int:
        return 8

    def get_color_space(self) -> str:
        return "sRGB"

    def get_container_format(self) -> str:
        return "mp4"

    def as_trimmed(
        self,
        start_time: float | None = None,
        duration: float | None = None,
        strict_duration: bool = False,
    ) -> LazyVideo | None:
        """The part from ``start_time`` (below 0: from the end) of ``duration`` seconds (0: all)."""
        frames, sound = self.imgsync_frames, self.imgsync_sound
        begin = Fraction(start_time or 0).limit_denominator(10**6)
        if begin < 0:
            begin = max(Fraction(0), frames.n_frames / frames.fps + begin)
        length = Fraction(duration or 0).limit_denominator(10**6)
        first = math.ceil(begin * frames.fps)
        stop = math.ceil((begin + length) * frames.fps) if length else frames.n_frames
        if first >= frames.n_frames or (strict_duration and stop > frames.n_frames):
            return None
        stop = min(stop, frames.n_frames)
        if sound is not None:
            a = round_half_up(first * sound.rate / frames.fps)
            whole = Timeline.of_frames(stop - first, frames.fps, sound.rate).total_samples
            b = min(a + whole, sound.n_samples)  # no sample more than the frames can hold
            sound = Part(sound, a, b) if a < b else None
        return LazyVideo(Trimmed(frames, first, stop), sound, self.imgsync_notes)

    # -- what is not --

    def get_components(self) -> Types.VideoComponents:
        """All frames as one IMAGE: a view of one frame where they are all the same."""
        frames, sound = self.imgsync_frames, self.imgsync_sound
        images = self._images()
        audio = None
        if sound is not None:
            whole = Timeline.of_frames(frames.n_frames, frames.fps, sound.rate).total_samples
            audio = to_audio(to_length(sound, whole))
        extra: dict[str, Any] = {}
        if frames.channels == 4:
            alpha = images[..., 3]
            images = images[..., :3]
            if "alpha" in Types.VideoComponents.__dataclass_fields__:  # after 0.15
                extra["alpha"] = alpha
        return Types.VideoComponents(images=images, audio=audio, frame_rate=frames.fps, **extra)

    def _images(self) -> torch.Tensor:
        frames = self.imgsync_frames
        first = frames.read(0, 1)
        if frames.period == 1 and frames.lead == 0:
            return to_image(first).expand(frames.n_frames, -1, -1, -1)
        needed, free = 4 * frames.frame_bytes * frames.n_frames, host.free_memory()
        log.info("ImgSync: all frames as one IMAGE take %.1f GB", needed / 1e9)
        if needed > free * 0.9:
            raise MemoryLimitError(
                f"{frames.n_frames} frames as one IMAGE take {needed / 1e9:.1f} GB and "
                f"{free / 1e9:.1f} GB are free. Connect the VIDEO to MuxVideo or Save Video, "
                "which read it frame by frame, or trim it first."
            )
        images = torch.empty((frames.n_frames, *first.shape[1:]))
        watcher = host.watching(frames.n_frames)
        frames.watch(watcher)
        try:
            for i in range(0, frames.n_frames, _CHUNK):
                watcher.check()
                chunk = frames.read(i, min(i + _CHUNK, frames.n_frames))
                images[i : i + _CHUNK] = to_image(chunk)
                watcher.progress(i + len(chunk), frames.n_frames)
                watcher.frame(chunk[-1])
        finally:
            frames.watch(NOBODY)
            frames.close()
        frames.finish()
        return images

    def get_stream_source(self) -> str:
        """A file with this video, written once into the temporary folder."""
        if self._file is None or not host.exists(self._file):
            path = host.temp_file(".mp4")
            self.write(path, preset("mp4-h264"))
            self._file = str(path)
        return self._file

    def save_to(
        self,
        path: str | stdlib_io.BytesIO,
        format: Any = "auto",
        codec: Any = "auto",
        metadata: dict[str, Any] | None = None,
        bit_depth: int | None = None,
        crf: float | None = None,
        color_space: str | None = None,
        **_: Any,
    ) -> None:
        """What core's Save Video calls; HDR and more than 8 bits are refused."""
        if color_space not in (None, "auto", "sRGB") or bit_depth not in (None, 8):
            raise EncodingError("Only 8-bit sRGB can be written here. Set the rest to auto.")
        encoding = _encoding(
            path, str(getattr(format, "value", format)), str(getattr(codec, "value", codec))
        )
        if crf is not None:
            encoding = encoding.with_crf(round(crf))
        self.write(path, encoding, metadata=metadata, overwrite=True)

    def write(
        self,
        target: Any,
        encoding: Encoding,
        *,
        metadata: dict[str, Any] | None = None,
        background: RGB = (0, 0, 0),
        overwrite: bool = False,
    ) -> Report:
        """Encode into a file, with ComfyUI's progress bar; Cancel works at every frame."""
        frames, sound = self.imgsync_frames, self.imgsync_sound
        timeline = Timeline.of_frames(frames.n_frames, frames.fps)
        if sound is not None:
            timeline = Timeline.of_frames(frames.n_frames, frames.fps, sound.rate, sound.n_samples)
        with Prepared(frames, sound, timeline, notes=self.imgsync_notes) as prepared:
            return render(
                prepared,
                target,
                encoding,
                background=background,
                metadata=metadata,
                overwrite=overwrite,
                watcher=host.watching(frames.n_frames),
            )


def _encoding(path: Any, container: str, codec: str) -> Encoding:
    """The preset that fits what core's Save Video asks for."""
    if container == "auto":
        ending = path.rpartition(".")[2].lower() if isinstance(path, str) else "mp4"
        container = ending if ending in ("mkv", "webm") else "mp4"
    name = {
        "auto": "webm-vp9" if container == "webm" else "mp4-h264",
        "h264": "mp4-h264",
        "av1": "mp4-av1",
    }.get(codec)
    if name is None:
        raise OutputError(f"The codec {codec} cannot be written here. Use h264 or av1.")
    return in_container(preset(name), container)
