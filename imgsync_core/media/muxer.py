"""Picture and sound into one file, chunk by chunk, ending together to the sample.

The file is written as ``<name>.<random>.part``, which is this run's own, read back, and only then
given its name.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import numpy as np
from av.error import FFmpegError

from ..errors import OutputError
from ..timeline import Timeline, frames_in_words, round_half_up
from ..watcher import NOBODY, Watcher
from . import matroska, webp
from .encoding import Encoding
from .file_sound import FileSound
from .frames import FrameSource, Thinned
from .opening import reason
from .picture import RGB
from .probe import MediaInfo, probe
from .repeat import packets_of
from .sound import Sound
from .sound_track import SoundTrack, can_copy, copied, encoded, suited
from .sound_track import setup as setup_sound
from .space import check_space, likely_bytes, moving_frames
from .tags import text_of
from .target import check_target, claimed, clear_leftovers
from .video_track import VideoFormat, VideoTrack


@dataclass(frozen=True)
class Report:
    """What was written.

    path: None when it went into memory.   info: what reading the file back showed.
    notes: what was changed on the way, in words.
    """

    path: Path | None
    info: MediaInfo
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """For people: frames, seconds, the difference between picture and sound, and the notes."""
        picture = self.info.picture
        parts = [] if picture is None else [frames_in_words(picture.frames)]
        parts.append(f"{float(self.info.duration):.3f} s")
        if self.info.sound is not None:
            parts.append(f"picture and sound {float(self.info.difference) * 1000:.2f} ms apart")
        return "; ".join([", ".join(parts), *self.notes])


class Muxer:
    """Writes one video file; a context manager.

    ::

        with Muxer("out.mp4", encoding, timeline, size, sound=voice) as out:
            out.write(chunk)          # uint8 t h w c, again and again; or once:
            out.write_source(frames)  # a FrameSource, whose repetitions are encoded once
        out.report

    target: a path (refused when it exists, unless ``overwrite``) or a binary file object.
    timeline: how many frames have to come, and how long the sound is made.
    channels: 3, or 4 for frames with alpha, composed over ``background`` where the codec has none.
    metadata: tags; values that are not text are written as JSON.
    notes: of what was done before, for the report.
    watcher: is told of every frame that is encoded, of every step of a source that takes many for
    one frame, and at the end of the report's notes. What it raises cancels.

    Raises OutputError, EncodingError and what the sources raise. Nothing is left after that.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | IO[bytes],
        encoding: Encoding,
        timeline: Timeline,
        size: tuple[int, int],
        *,
        channels: int = 3,
        sound: Sound | None = None,
        background: RGB = (0, 0, 0),
        metadata: dict[str, Any] | None = None,
        overwrite: bool = False,
        notes: Iterable[str] = (),
        watcher: Watcher = NOBODY,
    ) -> None:
        self._file: Any = None
        self._path: Path | None = None
        if isinstance(target, (str, os.PathLike)):
            self._path = Path(target)
        else:
            self._file = target
        self._every = encoding.thinning(timeline.fps)  # one frame of so many is written
        self._came = 0  # frames that were handed in one by one
        self._encoding, self._timeline = encoding, timeline.thinned(self._every)
        self._form = VideoFormat(encoding, self._timeline.fps, size, channels, background)
        self._frame = 1 / self._timeline.fps  # seconds
        self._source_of_sound = sound
        self._metadata = text_of(metadata or {})
        self._overwrite = overwrite
        self._watcher = watcher
        self._failed_writing = threading.Event()
        self._container: Any = None
        self._part = Path()  # where it is written until it is whole
        self._held = ExitStack()  # of the part
        self._video: VideoTrack | None = None
        self._sound: SoundTrack | None = None
        self._frames, self._done = 0, 0.0
        self._notes: list[str] = list(notes)
        self._report: Report | None = None

    @property
    def report(self) -> Report:
        """What was written; only after the ``with`` block."""
        if self._report is None:
            raise OutputError("The video is not finished yet.")
        return self._report

    def __enter__(self) -> Muxer:
        if self._path is not None:
            check_target(self._path, self._overwrite)
            clear_leftovers(self._path.parent)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            if error is None:
                self._finish()
        except (FFmpegError, OSError) as e:
            raise self._failed(e) from e
        finally:
            self._clean_up()
        if isinstance(error, (FFmpegError, OSError)):
            raise self._failed(error) from error

    # -- frames --

    def write(self, chunk: np.ndarray) -> None:
        """The next frames: uint8 (t, h, w, c)."""
        h, w, c = chunk.shape[1:]
        if (w, h) != self._form.size or c != self._form.channels:
            raise OutputError(
                f"A frame of {w}x{h} with {c} channels came into a video of "
                f"{self._form.size[0]}x{self._form.size[1]} with {self._form.channels}."
            )
        first, self._came = -self._came % self._every, self._came + len(chunk)
        if first >= len(chunk):
            return
        for packet in self._opened(still=False).write(chunk[first :: self._every]):
            self._put(packet, packet.pts)

    def write_source(self, source: FrameSource) -> None:
        """All frames of a source as long as the timeline; what repeats is encoded once."""
        if self._every > 1:
            source = Thinned(source, self._every)
        still = source.period == 1 and source.lead == 0 and source.n_frames > 1
        if self._path is not None:
            moving, size = moving_frames(source), self._form.size
            needed = likely_bytes(self._encoding, size, self._timeline, moving)
            check_space(self._path, needed)
        told = Watcher(progress=self._step, frame=self._watcher.frame, note=self._note)
        source.watch(told.checking(self._check))
        try:
            track = self._opened(still)
            for packet, pts in packets_of(track, source, self._failed_writing.set):
                self._put(packet, pts)
        finally:
            source.watch(NOBODY)
        self._notes += source.notes

    def _put(self, packet: Any, pts: int) -> None:
        """Write one coded frame, and before it all sound that starts no later."""
        assert self._video is not None
        dts = self._frames - self._video.reorder  # one frame a packet, whichever encoder made it
        if self._sound is not None:
            for sound in self._sound.until(dts):
                self._container.mux_one(sound)
        packet.stream = self._video.stream
        packet.time_base = self._frame
        packet.pts, packet.dts, packet.duration = pts, dts, 1
        self._container.mux_one(packet)
        self._frames += 1
        self._advance(self._frames)

    def _check(self) -> None:
        """Stops the thread that reads the source, for the user or for want of a writer."""
        if self._failed_writing.is_set():
            raise _AbandonedError
        self._watcher.check()

    def _note(self, sentence: str) -> None:
        self._notes.append(sentence)

    def _step(self, done: float, total: int) -> None:
        """A step of the source; the last frame of all is only done when it is written."""
        self._advance(min(done, self._timeline.n_frames - 1))

    def _fed(self, frame: np.ndarray | None) -> None:
        """A frame goes into the encoder."""
        self._advance(0)
        if frame is not None:
            self._watcher.frame(frame)

    def _advance(self, done: float) -> None:
        self._watcher.check()
        if done > self._done:
            self._done = done
            self._watcher.progress(done, self._timeline.n_frames)

    # -- begin and end --

    def _opened(self, still: bool) -> VideoTrack:
        """The picture's track; the first call opens the file and starts the sound."""
        if self._video is None:
            self._open_container()
            self._video = self._add_picture(still)
            self._sound = self._add_sound()
        return self._video

    def _open_container(self) -> None:
        options = dict(self._encoding.muxer_options)
        if self._encoding.container in ("mp4", "mov"):
            options["movie_timescale"] = str(_timescale(self._form.fps))
            if self._path is None:  # moving the index to the front needs a file to read again
                options["movflags"] = options["movflags"].replace("+faststart", "")
        elif self._encoding.container == "gif":  # or the last frame stays as long as the one before
            n, fps = self._timeline.n_frames, self._timeline.fps
            options["final_delay"] = str(
                round_half_up(100 * n / fps) - round_half_up(100 * (n - 1) / fps)
            )
        target = self._file
        if self._path is not None:
            # FFmpeg takes the start of "10:30.mp4" for a protocol, but not that of a whole path
            self._part = self._held.enter_context(claimed(self._path.absolute()))
            target = str(self._part)
        container = av.open(target, "w", format=self._encoding.container, options=options)
        container.metadata.update(self._metadata)
        self._container = container

    def _add_picture(self, still: bool) -> VideoTrack:
        form = self._form
        if self._every > 1:
            fps = float(form.fps)
            self._notes.append(
                f"written at {fps:g} frames a second, one of {self._every}: browsers slow down "
                f"faster {self._encoding.name} files"
            )
        if form.padded != form.size:
            (w, h), (pw, ph) = form.size, form.padded
            self._notes.append(f"padded from {w}x{h} to {pw}x{ph}: the codec needs even sizes")
        most = self._encoding.most_pixels
        if most is not None and form.padded[0] * form.padded[1] > most:
            self._notes.append("larger than most players can show: a smaller size is safer")
        if form.channels == 4 and not form.alpha:
            self._notes.append(f"transparency was filled: {self._encoding.name} carries none")
        stream = self._container.add_stream(self._encoding.codec, rate=form.fps)
        stream.time_base = 1 / form.fps
        return VideoTrack(stream, form, still, self._fed)

    def _add_sound(self) -> SoundTrack | None:
        sound, encoding = self._source_of_sound, self._encoding
        if sound is None:
            return None
        if encoding.sound is None:
            self._notes.append(f"the sound was left out: {encoding.name} carries none")
            return None
        if isinstance(sound, FileSound) and can_copy(sound, encoding):
            self._notes.append(f"the sound was copied as it is ({sound.codec})")
            return self._copy_sound(sound)
        return self._encode_sound(sound)

    def _copy_sound(self, sound: FileSound) -> SoundTrack:
        with sound.opened() as container:
            template = sound.stream_of(container)
            stream = self._container.add_stream_from_template(template)
            tick = template.time_base
        self._container.start_encoding()
        return SoundTrack(copied(sound, stream, self._timeline.duration), tick, self._form.fps)

    def _encode_sound(self, sound: Sound) -> SoundTrack:
        encoding = self._encoding
        fitting = suited(sound, encoding)
        if fitting is not sound:
            self._notes.append(
                f"the sound was changed from {sound.rate} Hz {sound.layout} to "
                f"{fitting.rate} Hz {fitting.layout}: {encoding.sound} needs that"
            )
        stream = self._container.add_stream(encoding.sound, rate=fitting.rate)
        setup_sound(stream.codec_context, encoding, fitting)
        self._container.start_encoding()
        n_samples = self._timeline.at_rate(fitting.rate).total_samples
        packets = encoded(stream, encoding, fitting, n_samples)
        return SoundTrack(packets, Fraction(1, fitting.rate), self._form.fps)

    def _finish(self) -> None:
        n_frames = self._timeline.n_frames
        if self._video is None:
            raise OutputError("No frames came, so there is nothing to write.")
        for packet in self._video.rest():
            self._put(packet, packet.pts)
        if self._sound is not None:
            for packet in self._sound.until(None):
                self._container.mux_one(packet)
        container, self._container = self._container, None
        container.close()
        self._correct()
        info = probe(self._part if self._path is not None else self._file)
        frames = info.picture.frames if info.picture else 0
        if frames != n_frames and not (self._encoding.merges and 0 < frames < n_frames):
            raise OutputError(f"{frames} of {n_frames} frames were written. Please report this.")
        if self._path is not None:
            check_target(self._path, self._overwrite)
            os.replace(self._part, self._path)
        name = self._path.name if self._path is not None else info.name
        if self._source_of_sound is not None:
            self._notes += self._source_of_sound.notes
        notes = tuple(dict.fromkeys(self._notes))
        self._report = Report(self._path, replace(info, name=name), notes)
        for note in notes:
            self._watcher.note(note)

    def _correct(self) -> None:
        """Mend or add what FFmpeg cannot write into the finished file."""
        if self._path is None:
            self._edit(self._file)
        else:
            with self._part.open("r+b") as file:
                self._edit(file)

    def _edit(self, file: IO[bytes]) -> None:
        if self._encoding.container in ("matroska", "webm"):
            matroska.set_duration(file, self._timeline.duration)
        elif self._encoding.container == "webp":
            webp.set_metadata(file, self._metadata, self._form.padded)

    def _clean_up(self) -> None:
        """End the thread, close and delete what is still there; after success that is nothing."""
        if self._sound is not None:
            self._sound.stop()
        if self._container is not None:
            container, self._container = self._container, None
            try:
                container.close()
            except (FFmpegError, OSError, ValueError):
                container = None  # a full disk fails once more here; the first time counts
        self._held.close()

    def _failed(self, error: Exception) -> OutputError:
        where = self._path or "The video"
        code = getattr(error, "errno", None)
        if code == errno.ENOSPC:
            return OutputError(f"{where}: the disk is full. Free some space and run it again.")
        if code in (errno.EACCES, errno.EPERM, errno.EROFS):
            return OutputError(f"{where} may not be written. Choose another folder.")
        return OutputError(f"{where} could not be written ({reason(error)}).")


class _AbandonedError(Exception):
    """Ends a thread whose frames nobody will write; nobody is to see it."""


def _timescale(fps: Fraction) -> int:
    """Ticks a second in which frames are whole numbers; FFmpeg's own choice for the track."""
    scale = fps.numerator
    while scale < 10_000:
        scale *= 2
    return scale
