"""A video file as a source of frames: decoded lazily, seekable, upright, at a constant rate."""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import TimeError, VideoError
from ..timeline import MAX_FPS, MIN_FPS, parse_fps
from .digest import of_file, of_frames
from .frames import FrameSource
from .notes import Notes
from .opening import MediaFile, name_of
from .video_colour import Converter
from .video_decode import VideoDecoder
from .video_index import scan

CACHE_BYTES = 64 << 20  # decoded frames kept for reading backwards
_MOST = 20_000_000  # frames of a clip: three days at 60 a second
_SILENT = 8  # packets in a row that some encoders leave without a picture


class VideoFrames(FrameSource):
    """The frames of a video file.

    fps: the rate to show them at; frames are picked by their timestamps, so a variable or another
        rate is resampled. None keeps the file's own (average) rate, as far as it can be written.
    start, duration: the part to use, in seconds; duration None or 0 = to the end.
    strict: refuse a file of which something is lost, instead of noting it. What cannot be decoded
        is known only when it is read.
    A frame that cannot be decoded shows the one before, or the next one at the start.
    Raises VideoError for what is not a video, and where not one frame can be decoded.
    """

    def __init__(
        self,
        file: MediaFile,
        *,
        fps: Any = None,
        start: Any = 0,
        duration: Any = None,
        strict: bool = False,
    ) -> None:
        self.name, self._file = name_of(file), file
        self._notes = Notes(VideoError, strict=strict)
        self._strict = strict
        self._lost: set[int] = set()  # frames that could not be decoded
        self._cache: OrderedDict[int, np.ndarray] = OrderedDict()
        self._index = scan(file, self._notes)
        self._decoder = VideoDecoder(file, self._index, self._notes)
        self._convert = Converter(self._index.aspect, self._notes)
        self._before: Any = None  # the frame decoded last, for those that are missing after it
        self.fps = parse_fps(fps) if fps is not None else self._own_fps()
        self._map = self._resample(Fraction(start), duration and Fraction(duration))
        self.n_frames = len(self._map)
        self.period = 1 if self.n_frames == 1 else None
        first = self._source_frames(0, 1)[0]
        self.size = first.shape[1], first.shape[0]
        self.channels = first.shape[2]

    @property
    def notes(self) -> tuple[str, ...]:
        lost = (self._loss(),) if self._lost else ()
        return self._notes.all() + lost

    def digest(self) -> str:
        if not isinstance(self._file, (str, os.PathLike)):
            return of_frames(self)
        return of_file(Path(self._file), self.fps, self._map.tobytes())

    def _loss(self) -> str:
        first = min(self._lost)
        count = "1 frame" if len(self._lost) == 1 else f"{len(self._lost)} frames"
        shown = "the next one" if first == 0 else "the one before"
        at = self._index.seconds(first)
        return f"{self.name}: {count} could not be decoded, from {at:.2f} s on: shown is {shown}"

    # -- which frames there are --

    def _own_fps(self) -> Fraction:
        rate = self._index.rate
        fits = min(max(rate, MIN_FPS), MAX_FPS)
        if fits != rate:
            self._notes.tell(
                f"{self.name} has {float(rate):.4g} frames a second, read as {float(fits):g}"
            )
        return parse_fps(fits)

    def _resample(self, start: Fraction, duration: Fraction | None) -> np.ndarray:
        """For each output frame the index of the frame that is on screen at its start."""
        index = self._index
        first = int(index.times[0])
        step = 1 / (self.fps * index.tick)  # ticks per output frame
        begin = start / index.tick
        length = (index.end - first) - begin
        if duration:
            length = min(length, duration / index.tick)
        # containers round times to ticks: where those are shorter than frames, one means nothing
        fine = int(index.times[-1]) - first >= 4 * (len(index.times) - 1)
        slack = min(Fraction(1), step / 2) if fine else Fraction(0)
        count = -((slack - length) // step)
        if not start and not duration:
            count = max(count, 1)  # what lasts less than a frame of the rate is one
        if begin < 0 or count < 1:
            raise TimeError(
                f"{self.name}: nothing is left between the start and the end asked for."
            )
        if count > _MOST:
            raise VideoError(
                f"{self.name} would have {int(count):,} frames: its times are wrong, or it is too "
                f"long. Cut it into parts of at most {_MOST:,}."
            )
        wanted = _steps(begin + slack, step, int(count))
        return np.searchsorted(index.times - first, wanted, side="right") - 1

    # -- decoding --

    def read(self, start: int, stop: int) -> np.ndarray:
        wanted = self._map[start:stop]
        lowest, highest = int(wanted.min()), int(wanted.max()) + 1
        if highest - lowest > 2 * len(wanted) + 2:  # far apart, as when a fast video is thinned out
            return np.concatenate([self._source_frames(int(i), int(i) + 1) for i in wanted])
        frames = self._source_frames(lowest, highest)
        one_each = len(frames) == len(wanted) and (np.diff(wanted) == 1).all()
        return frames if one_each else frames[wanted - lowest]

    def _source_frames(self, start: int, stop: int) -> np.ndarray:
        """Decoded frames ``[start, stop)`` of the file itself."""
        missing = [i for i in range(start, stop) if i not in self._cache]
        if missing:
            for i in range(start, missing[0]):
                self._cache.move_to_end(i)
            self._decode(missing[0], stop, stop - start)
        return np.stack([self._cache[i] for i in range(start, stop)])

    def _decode(self, start: int, stop: int, room: int) -> None:
        """Decode frames ``[start, stop)`` into the cache, which has to hold ``room`` frames."""
        decoder = self._decoder
        at, key = decoder.position, decoder.start_of(start)
        keep = start
        if not decoder.running or start <= at or key > at + 1:
            if start < at:  # going backwards: keep what will be asked for next
                keep = min(start, max(key, stop - self._capacity()))
            self._before = None
            decoder.seek(keep)
        self._decode_until(keep, stop, max(room, stop - keep))

    def _capacity(self) -> int:
        one = next(iter(self._cache.values())).nbytes if self._cache else CACHE_BYTES
        return max(2, CACHE_BYTES // one)

    def _decode_until(self, keep: int, stop: int, room: int) -> None:
        """Decode on; frames ``[keep, stop)`` go into the cache, gaps repeat the frame before."""
        index = keep
        while index < stop:
            found = self._decoder.next()
            if found is None:
                self._end(index, stop, room)
                return
            here, frame = found
            if here > index:
                if here - index > _SILENT or self._decoder.missed(index):
                    self._lose(range(index, here))
                before = self._picture_before(index)
                picture = self._convert.picture(frame) if before is None else before
                for i in range(index, min(here, stop)):
                    self._store(i, picture, room)
                index = min(here, stop)
                if here >= stop:
                    self._decoder.put_back(found, stop - 1)
                    return
            if here >= keep:
                self._store(here, self._convert.picture(frame), room)
                index = max(index, here + 1)
            if here >= 0:
                self._before = frame

    def _picture_before(self, index: int) -> np.ndarray | None:
        """What was shown before frame ``index``; None at the start."""
        if index - 1 in self._cache:
            return self._cache[index - 1]
        return None if self._before is None else self._convert.picture(self._before)

    def _end(self, start: int, stop: int, room: int) -> None:
        """The decoder had fewer frames than there were packets."""
        picture = self._picture_before(start)
        if picture is None:
            raise VideoError(
                f"{self.name}: not one frame of it can be decoded. "
                "It is damaged; copy or export it again."
            )
        missing = len(self._index.times) - start
        if missing > _SILENT or self._decoder.missed(start):
            self._lose(range(start, len(self._index.times)))
        for i in range(start, stop):
            self._store(i, picture, room)

    def _lose(self, frames: range) -> None:
        self._lost.update(frames)
        if self._strict:
            self._notes.lose(self._loss())

    def _store(self, i: int, frame: np.ndarray, at_least: int) -> None:
        self._cache[i] = frame
        self._cache.move_to_end(i)
        while len(self._cache) > max(at_least, CACHE_BYTES // frame.nbytes):
            self._cache.popitem(last=False)

    def close(self) -> None:
        self._before = None
        self._decoder.close()


def _steps(begin: Fraction, step: Fraction, count: int) -> np.ndarray:
    """int64 (count,): the whole parts of begin + i * step, exact."""
    scale = math.lcm(begin.denominator, step.denominator)
    a, b = int(begin * scale), int(step * scale)
    kind = np.int64 if a + b * count < 2**63 and scale < 2**63 else object
    return ((a + b * np.arange(count).astype(kind)) // scale).astype(np.int64)
