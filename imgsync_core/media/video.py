"""A video file as a source of frames: decoded lazily, seekable, upright, at a constant rate."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from ..errors import TimeError, VideoError
from ..timeline import parse_fps
from .frames import FrameSource
from .opening import MediaFile, check_decoder, name_of, open_media, reason

CACHE_BYTES = 64 << 20  # decoded frames kept for reading backwards
# SWS_BICUBIC where the size changes. Without SWS_ACCURATE_RND colours are repeated, not smoothed:
# ten times faster, what other readers do, and what averaging on writing turns back exactly.
_BICUBIC = 0x4
# containers whose header states the duration, so that less than that means "cut short"
_EXACT_HEADERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
_SLACK = Fraction(1, 2)  # seconds that may be missing: headers are not that exact
_ITU709, _ITU601, _UNSPECIFIED = 1, 5, 2


@dataclass(frozen=True)
class _Index:
    """What one pass over the packets tells, without decoding.

    pts: presentation times in order, counted in ``tick`` seconds.   keys: those of key frames.
    end: the time at which the last frame stops being shown.   aspect: of one pixel.
    """

    pts: list[int]
    keys: list[int]
    end: int
    tick: Fraction
    rate: Fraction | None
    aspect: Fraction | None


class VideoFrames(FrameSource):
    """The frames of a video file.

    fps: the rate to show them at; frames are picked by their timestamps, so a variable or another
        rate is resampled. None keeps the file's own (average) rate.
    start, duration: the part to use, in seconds; duration None or 0 = to the end.
    Raises VideoError for what is not a video, and when frames turn out to be missing.
    """

    def __init__(
        self,
        file: MediaFile,
        *,
        fps: Any = None,
        start: Any = 0,
        duration: Any = None,
    ) -> None:
        self._file = file
        self.name = name_of(file)
        self._container: Any = None
        self._decoder: Iterator[Any] | None = None
        self._position = -1  # index of the frame decoded last
        self._cache: OrderedDict[int, np.ndarray] = OrderedDict()
        self._reformatter = VideoReformatter()
        self._shape: tuple[int, int, bool] | None = None
        self._index = self._scan()
        self.fps = parse_fps(fps if fps is not None else self._native_fps())
        self._map = self._resample(Fraction(start), duration and Fraction(duration))
        self.n_frames = len(self._map)
        self.period = 1 if self.n_frames == 1 else None
        first = self._source_frames(0, 1)[0]
        self.size = first.shape[1], first.shape[0]
        self.channels = first.shape[2]

    # -- which frames there are --

    def _open(self) -> tuple[Any, Any]:
        if self._container is None:
            self._container = open_media(self._file, VideoError, "a video")
            for stream in self._container.streams.video[:1]:
                stream.thread_type = "AUTO"
        if not self._container.streams.video:
            raise VideoError(f"{self.name} has no picture. Name a video or a picture file.")
        check_decoder(self._container.streams.video[0], self.name, VideoError)
        return self._container, self._container.streams.video[0]

    def _scan(self) -> _Index:
        container, stream = self._open()
        pts: list[int] = []
        keys: list[int] = []
        end, read = 0, Fraction(0)
        try:
            for packet in container.demux(*container.streams.video, *container.streams.audio):
                if packet.pts is None:
                    continue
                stop = packet.pts + (packet.duration or 0)
                read = max(read, stop * packet.time_base)
                if packet.stream_index != stream.index or packet.is_discard:
                    continue
                pts.append(packet.pts)
                end = max(end, stop)
                if packet.is_keyframe:
                    keys.append(packet.pts)
            rate = stream.average_rate or stream.guessed_rate
            tick, aspect = stream.time_base, stream.sample_aspect_ratio
            promised = _promised_end(container)
        except (FFmpegError, OSError) as e:
            raise VideoError(f"{self.name} is damaged ({reason(e)}). Export it again.") from e
        finally:
            self.close()
        if not pts:
            raise VideoError(f"{self.name} has no frames with a time. Convert it to MP4.")
        pts.sort()
        longest = max((b - a for a, b in pairwise(pts)), default=0)
        if promised is not None and read + max(_SLACK, longest * tick) < promised:
            raise VideoError(_cut_sentence(self.name, read, promised))
        if end <= pts[-1]:  # no durations in the file: the last frame stays as long as the others
            end = pts[-1] + max(1, (pts[-1] - pts[0]) // max(1, len(pts) - 1))
        return _Index(pts, sorted(keys), end, tick, rate and Fraction(rate), aspect)

    def _native_fps(self) -> Fraction:
        index = self._index
        if len(index.pts) == 1 or not index.rate:
            span = (index.end - index.pts[0]) * index.tick
            return Fraction(len(index.pts)) / span if span else Fraction(25)
        return index.rate

    def _resample(self, start: Fraction, duration: Fraction | None) -> np.ndarray:
        """For each output frame the index of the frame that is on screen at its start."""
        index = self._index
        first = index.pts[0]
        step = 1 / (self.fps * index.tick)  # ticks per output frame
        begin = start / index.tick
        length = (index.end - first) - begin
        if duration:
            length = min(length, duration / index.tick)
        # containers round times to ticks: where those are shorter than frames, one means nothing
        fine = index.pts[-1] - first >= 4 * (len(index.pts) - 1)
        slack = min(Fraction(1), step / 2) if fine else Fraction(0)
        count = -((slack - length) // step)
        if begin < 0 or count < 1:
            raise TimeError(
                f"{self.name}: nothing is left between the start and the end asked for."
            )
        times = np.array(index.pts) - first
        wanted = [int(begin + i * step + slack) for i in range(int(count))]
        return np.searchsorted(times, wanted, side="right") - 1

    # -- decoding --

    def read(self, start: int, stop: int) -> np.ndarray:
        wanted = self._map[start:stop]
        lowest, highest = int(wanted.min()), int(wanted.max()) + 1
        if highest - lowest > 2 * len(wanted) + 2:  # far apart, as when a fast video is thinned out
            return np.concatenate([self._source_frames(int(i), int(i) + 1) for i in wanted])
        frames = self._source_frames(lowest, highest)
        return frames if len(frames) == len(wanted) else frames[wanted - lowest]

    def _source_frames(self, start: int, stop: int) -> np.ndarray:
        """Decoded frames ``[start, stop)`` of the file itself."""
        missing = [i for i in range(start, stop) if i not in self._cache]
        if missing:
            for i in range(start, missing[0]):
                self._cache.move_to_end(i)
            self._decode(missing[0], stop, stop - start)
        return np.stack([self._cache[i] for i in range(start, stop)])

    def _decode(self, start: int, stop: int, room: int) -> None:
        pts = self._index.pts
        key = bisect_right(self._index.keys, pts[start]) - 1
        key_pts = self._index.keys[key] if key >= 0 else pts[0]
        keep = start
        if self._decoder is None or start <= self._position or key_pts > pts[self._position + 1]:
            if start < self._position:  # going backwards: keep what will be asked for next
                keep = min(start, max(bisect_right(pts, key_pts) - 1, stop - self._capacity()))
            self._seek(key_pts)
        self._decode_until(keep, stop, max(room, stop - keep))

    def _capacity(self) -> int:
        one = next(iter(self._cache.values())).nbytes if self._cache else CACHE_BYTES
        return max(2, CACHE_BYTES // one)

    def _seek(self, pts: int) -> None:
        """Let the decoder start at ``pts``, the time of a key frame, or before it."""
        keys = self._index.keys
        at, back = bisect_right(keys, pts) - 1, 1
        container, stream = self._open()
        while at > 0 and container.format.name != "mpeg":  # MPEG-PS: times are guesses after a seek
            container.seek(keys[at], stream=stream)
            self._decoder = frames = container.decode(stream)
            first = self._next()
            if first is not None and first.pts is not None and first.pts <= pts:
                self._decoder = chain([first], frames)
                return
            at, back = at - back, 2 * back  # MPEG-TS and PS go too far: try from further back
        self.close()
        container, stream = self._open()
        self._decoder = container.decode(stream)

    def _next(self) -> Any:
        """The decoder's next frame; None at the end."""
        assert self._decoder is not None
        try:
            return next(self._decoder, None)
        except (FFmpegError, OSError) as e:
            raise VideoError(
                f"{self.name} is damaged after frame {self._position + 1} ({reason(e)}). "
                "Export it again."
            ) from e

    def _decode_until(self, keep: int, stop: int, room: int) -> None:
        """Decode on; frames ``[keep, stop)`` go into the cache, gaps repeat the frame before.

        room: frames that the cache has to hold at least.
        """
        pts = self._index.pts
        next_index = keep
        last: np.ndarray | None = None
        while next_index < stop:
            frame = self._next()
            if frame is None:
                self._ended(next_index, stop, last, room)
                return
            if frame.pts is None or frame.pts < pts[keep]:
                continue
            here = bisect_right(pts, frame.pts) - 1
            self._position = here
            picture = self._rgb(frame)
            for i in range(next_index, here):
                self._store(i, picture if last is None else last, room)
            self._store(here, picture, room)
            next_index, last = max(next_index, here + 1), picture

    def _ended(self, start: int, stop: int, last: np.ndarray | None, room: int) -> None:
        """The decoder had fewer frames than there were packets."""
        self._decoder = None
        if start == 0 or len(self._index.pts) - start > 8:
            raise VideoError(
                f"{self.name} ends after {start} of {len(self._index.pts)} frames. "
                "It is cut short; copy or export it again."
            )
        frame = last if last is not None else self._source_frames(start - 1, start)[0]
        for i in range(start, stop):  # some encoders leave packets without a picture at the end
            self._store(i, frame, room)

    def _store(self, i: int, frame: np.ndarray, at_least: int) -> None:
        self._cache[i] = frame
        self._cache.move_to_end(i)
        while len(self._cache) > max(at_least, CACHE_BYTES // frame.nbytes):
            self._cache.popitem(last=False)

    def _rgb(self, frame: Any) -> np.ndarray:
        """uint8 (h, w, 3 or 4): full range RGB, square pixels, upright."""
        alpha = any(c.is_alpha for c in frame.format.components)
        matrix = frame.colorspace
        if matrix == _UNSPECIFIED:
            matrix = _ITU709 if frame.height >= 720 else _ITU601
        if self._shape is None:  # of the first frame; a size change in mid-stream is scaled to it
            aspect = self._index.aspect or 1
            self._shape = round(frame.width * aspect), frame.height, alpha
        width, height, alpha = self._shape
        out = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgba" if alpha else "rgb24",
            src_colorspace=None if frame.format.is_rgb else matrix,
            dst_color_range="JPEG",
            interpolation=_BICUBIC,
        ).to_ndarray()
        return np.rot90(out, round(frame.rotation / 90) % 4) if frame.rotation else out

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
        self._container = self._decoder = None
        self._position = -1


def _promised_end(container: Any) -> Fraction | None:
    """The second at which the header says that all ends; None where it can only be guessed."""
    kind = container.format.name
    if kind not in _EXACT_HEADERS or container.duration is None:
        return None
    start = 0 if kind == "matroska,webm" else container.start_time or 0  # Matroska counts from 0
    return Fraction(start + container.duration, av.time_base)


def _cut_sentence(name: str, read: Fraction, promised: Fraction) -> str:
    return (
        f"{name} ends after {float(read):.2f} of {float(promised):.2f} s. "
        "It is cut short; copy or export it again."
    )
