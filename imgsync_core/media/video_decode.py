"""The frames of a video file, decoded one after the other, each with its index.

The decoder's order decides: where the times of a file tell another one, frames are counted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from typing import Any

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError

from .glued import packets_of
from .notes import Notes
from .opening import MediaFile
from .video_index import VideoIndex, open_video

_LOOK = 12  # frames after which it is known whether their times are in order
_REORDERED = 16  # frames that may come out later than their packet went in: H.264, A.3.1
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own decoders leave it out


class _LateError(Exception):
    """An error that several threads report too late to say where it was."""


class VideoDecoder:
    """Decodes on from where it is; ``seek`` lets it start elsewhere.

    position: index of the frame that came last, -1 before the first.
    """

    def __init__(self, file: MediaFile, index: VideoIndex, notes: Notes) -> None:
        self._file, self._index, self._notes = file, index, notes
        self._threads = "AUTO"
        self._container: Any = None
        self._frames: Iterator[tuple[int, Any]] | None = None
        self._counted = index.counted
        self._delay: int | None = None  # packets that go in before the first frame comes out
        self.position = self._suspect = -1
        if index.reorders and not index.counted and not index.whole:
            self._counted = not self._in_order()
        self._keys, self._marks = self._starts()
        self._ordinals: dict[int, int] | None = None

    @property
    def running(self) -> bool:
        """Whether ``next`` goes on from ``position``."""
        return self._frames is not None

    def close(self) -> None:
        """Let go of the file."""
        if self._container is not None:
            self._container.close()
        self._container = self._frames = None
        self.position = self._suspect = -1

    # -- where decoding can start --

    def _starts(self) -> tuple[list[int], list[int]]:
        """Indices of frames that decoding can start at, and what to seek to for each."""
        index = self._index
        if index.whole:
            return [0], [0]
        if self._counted:
            return index.keys.tolist(), index.marks.tolist()
        order = np.argsort(index.stamps[index.keys], kind="stable")
        keys = np.searchsorted(index.times, index.stamps[index.keys][order])
        return keys.tolist(), index.marks[order].tolist()

    def start_of(self, index: int) -> int:
        """The last frame up to ``index`` that decoding can start at; 0 where there is none."""
        at = bisect_right(self._keys, index) - 1
        return self._keys[at] if at >= 0 else 0

    def seek(self, index: int) -> None:
        """Start at frame ``index``, or before it."""
        at, back = bisect_right(self._keys, index) - 1, 1
        while at > 0:
            if self._start(self._marks[at]):
                first = self.next()
                if first is not None and first[0] <= index and self._starts_well(first[1]):
                    self.put_back(first, -1)
                    return
            at, back = at - back, 2 * back  # MPEG-TS goes too far: try from further back
        self._start(None)

    def _starts_well(self, frame: Any) -> bool:
        """Whether decoding can start here: files that count frames may mark the wrong ones."""
        return frame.key_frame or not self._counted

    def _start(self, mark: int | None) -> bool:
        """Open the file, at a mark or at the beginning; whether that worked."""
        if mark is None:
            self.close()
        else:
            try:
                container = self._opened()
                container.seek(mark, stream=container.streams[self._index.streams[0]])
            except (FFmpegError, OSError):
                return False
        self.position = self._suspect = -1
        self._frames = self._decode(from_start=mark is None)
        return True

    def _opened(self) -> Any:
        if self._container is None:
            self._container = open_video(self._file, deep=self._index.deep)
            for i in self._index.streams:
                self._container.streams[i].thread_type = self._threads
        return self._container

    # -- decoding --

    def next(self) -> tuple[int, Any] | None:
        """The next frame and its index; None at the end."""
        assert self._frames is not None
        try:
            found = next(self._frames, None)
        except _LateError:
            return self._patiently()
        if found is not None:
            self.position = found[0]
        elif self._threads != "SLICE" and self.position < len(self._index.times) - 1:
            return self._patiently()  # at the end threads drop what they failed at in silence
        else:
            self._frames = None
        return found

    def put_back(self, found: tuple[int, Any], position: int) -> None:
        """Let ``next`` give ``found`` once more, as what comes after frame ``position``."""
        assert self._frames is not None
        self._frames, self.position = chain([found], self._frames), position

    def _patiently(self) -> tuple[int, Any] | None:
        """Decode once more on one thread, which tells what it cannot decode when it comes to it."""
        last, self._threads = self.position, "SLICE"
        self.close()
        self.seek(max(0, last))
        while True:
            found = self.next()
            if found is None or found[0] > last:
                return found

    def missed(self, index: int) -> bool:
        """Whether frame ``index`` may be one of those that failed, if it did not come."""
        return index <= self._suspect

    def _failed(self, index: int | None = None) -> None:
        """Frame ``index``, or the next one, could not be read or decoded."""
        if self._threads != "SLICE":
            raise _LateError
        index = self.position if index is None else index
        self._suspect = max(self._suspect, index + _REORDERED)

    def _decode(self, *, from_start: bool) -> Iterator[tuple[int, Any]]:
        """Frames and their indices, of one stream after the other."""
        ordinal, last = (0 if from_start else None), -1
        for nth, number in enumerate(self._index.streams):
            if nth:  # glued recordings: each from the start of the file, which mixes their ends
                self._container.close()
                self._container = None
            stream = self._opened().streams[number]
            context = self._context(stream)
            for packet in chain(packets_of(self._container, [stream], self._failed), [None]):
                if packet is not None and (packet.pts is not None or packet.dts is not None):
                    if ordinal is None and (self._counted or self._index.placed):
                        ordinal = self._ordinal(packet)
                        if ordinal is None:
                            return
                        last = ordinal - 1
                    self._tag(packet, ordinal)
                    ordinal = None if ordinal is None else ordinal + 1
                for frame in self._feed(context, packet):
                    last = self._index_of(frame, last)
                    yield last, frame

    def _context(self, stream: Any) -> Any:
        if not self._index.alpha:
            return stream.codec_context
        try:
            context = av.CodecContext.create(_WITH_ALPHA[stream.codec_context.name], "r")
        except UnknownCodecError:  # a build without libvpx
            self._notes.lose("its transparency cannot be decoded here: shown without it")
            return stream.codec_context
        context.extradata = stream.codec_context.extradata
        return context

    def _feed(self, context: Any, packet: Any) -> list[Any]:
        try:
            return context.decode(packet)
        except (FFmpegError, OSError):
            times, pts = self._index.times, None if packet is None else packet.pts
            at = None if pts is None or self._counted else bisect_right(times, pts) - 1
            self._failed(at)
            return []

    # -- which frame it is --

    def _in_order(self) -> bool:
        """Whether the decoder's first frames come in the order of their times."""
        container, seen = self._opened(), []
        film = container.streams[self._index.streams[0]]
        for packet in chain(packets_of(container, [film], lambda: None), [None]):
            try:
                decoded = film.codec_context.decode(packet)
                seen += [frame.pts for frame in decoded if frame.pts is not None]
            except (FFmpegError, OSError):
                continue
            if len(seen) >= _LOOK:
                break
        self.close()
        return seen == sorted(seen)

    def _ordinal(self, packet: Any) -> int | None:
        """Which packet of the file this is, by its place; None where that is not known."""
        if self._ordinals is None:
            self._ordinals = {place: i for i, place in enumerate(self._index.places.tolist())}
        return self._ordinals.get(packet.pos)

    def _tag(self, packet: Any, ordinal: int | None) -> None:
        """Let a packet carry through the decoder what tells the index of its frame."""
        if self._counted:
            packet.pts = packet.dts = ordinal
        elif ordinal is not None:
            packet.pts = int(self._index.stamps[ordinal])
        elif packet.pts is None:
            packet.pts = packet.dts

    def _index_of(self, frame: Any, last: int) -> int:
        """The index of a frame that comes after frame ``last``; -1 where it is not to be shown.

        Of counted frames the decoder tells which packet made them come out (``dts``): that many
        frames went before, less the delay, however many of them were lost.
        """
        times = self._index.times
        if not self._counted:
            return last + 1 if frame.pts is None else bisect_right(times, frame.pts) - 1
        if frame.dts is None:  # what comes when all packets are in
            return min(last + 1, len(times) - 1)
        if self._delay is None:
            self._delay = frame.dts - frame.pts  # it is a key frame, which waits for none
        return min(max(last + 1, frame.dts - self._delay), len(times) - 1)
