"""One pass over the sound track of a file: every sample that decodes, at its time.

Players go on where a packet cannot be decoded and where the times of packets leave a gap; so does
this, with silence in place of what is missing::

    packets   |  a  |  b  |  ?  |  d  |           |  g  |      ? cannot be decoded
    pieces    |  a  |  b  | 1024|  d  |   9600    |  g  |      a number = samples of silence

Times decide about gaps only: that clocks drift, and that they are rounded, is not heard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from ..timeline import round_half_up
from .headers import tag_bytes
from .layouts import Plan, names, plan
from .sound import as_floats, silence
from .sound_findings import Findings
from .sound_format import Run, key_of, mixed

# containers that say when a sound is heard; raw streams count, and AVI counts bytes or frames
_TIMED = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "ogg", "mpegts", "mpeg", "flv", "live_flv", "asf",
    "nut",
)  # fmt: skip
_RESTARTS = ("mpegts", "mpeg", "flv", "live_flv")  # whose clock may start anew at any time
_JITTER = Fraction(15, 1000)  # seconds that times may be off; the shortest lost packet is longer
_RESTART = 10  # seconds; FFmpeg's dts_delta_threshold
_LONGEST_GAP = 3600  # seconds; what claims more is a wrong time
_BACK = Fraction(1, 4)  # seconds; clocks that go back further have started anew
_SYNC = {"mp1": 0xFFE0, "mp2": 0xFFE0, "mp3": 0xFFE0, "aac": 0xFFF0, "ac3": 0x0B77, "eac3": 0x0B77}
_SYNC |= {"flac": 0xFFF8}
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSB", b"3DI")
_CONSTANT = ("ac3", "mp2")  # codecs whose packets are all of one size: two in one are a lost one
_LEAST_FRAME = 100  # samples
_RETRIES = 8  # broken reads in a row before a file is taken to be over


@dataclass(frozen=True)
class _Bad:
    """A packet that did not decode. samples: it held; certain: whether it was sound at all."""

    index: int
    size: int
    samples: int
    certain: bool


@dataclass(frozen=True)
class _Decoded:
    """A decoded frame, the packet it came in, and what did not decode just before it.

    track: the index of its stream.
    """

    frame: Any
    index: int
    size: int
    track: int
    bad: list[_Bad]


class Reading:
    """The sound of an open track, or of several that go on where the one before ends, once.

    rate, layout: of all pieces: what is decoded first decides.   first_pts: of the first sample
    that is heard, in the track's time base.   fills: packet -> samples of silence in its place.
    decoder: an open codec context, where the track's own would read it wrongly.
    """

    def __init__(
        self,
        container: Any,
        streams: Sequence[Any],
        fills: Mapping[int, int] | None = None,
        decoder: str | None = None,
    ) -> None:
        self._container, self._streams, stream = container, list(streams), streams[0]
        self._stream, self._track = stream, stream.index
        self._fills = fills or {}
        self._decoder = _opened(decoder, stream) if decoder else None
        self._stored = container.format.name in _TIMED or self._counts_frames()
        self._timed = self._stored or container.format.name == "flac"  # its frames are numbered
        self._codec: str = stream.codec_context.codec.canonical_name
        self.found = Findings(plain=len(streams) == 1)
        self.rate, self.layout, self.plan = 0, "", Plan("")
        self.first_pts: int | None = None
        self._source_layout = ""
        self._ticks = 1, 1  # samples in as many ticks of the clock
        self._jitter = 0  # samples
        self._position = 0  # samples that were given out
        self._shift = 0  # samples by which the clock is ahead of them
        self._bad: list[_Bad] = []
        self._tag = 0  # bytes of a tag that are still to come
        self._sizes = self._frames = 0  # bytes and number of packets that decoded
        self._length = 0  # samples of the last of them
        self._run: Run | None = None

    def blocks(self) -> Iterator[np.ndarray]:
        """All samples, float32 (channels, n) each."""
        for piece in self.pieces():
            if isinstance(piece, int):
                yield from silence(len(names(self.layout)), piece)
            elif isinstance(piece, np.ndarray):
                yield piece
            else:
                yield mixed(as_floats(piece), self.plan)

    def pieces(self) -> Iterator[Any]:
        """In order: frames in the file's own format, arrays in another's stead, and numbers.

        Arrays are float32 (channels, n) and final; numbers are samples of silence.
        """
        held: _Decoded | None = None
        for one in self._decoded():
            if held is not None:
                yield from self._placed(held, one)
            held = one
        if held is not None:
            yield from self._placed(held, None)
        yield from self._end_of_run()
        bad, self._bad = self._bad, []
        if self._stored:
            yield from self._silent(self._lost_here(bad))
        else:
            self._drop(bad)

    def counted(self, width: int) -> int:
        """The number of samples of integer PCM, ``width`` bytes each, without decoding them."""
        context = self._stream.codec_context
        self.rate, self.plan = context.sample_rate, plan(context.layout)
        self.layout = self.plan.layout
        align = width * context.layout.nb_channels
        return sum(packet.size // align for packet in self._packets())

    @property
    def continuous(self) -> bool:
        """Whether the container has no gaps unless something is missing."""
        return self._container.format.name in ("ogg", "flac", "asf", "avi")

    # -- packets --

    def _packets(self) -> Iterator[Any]:
        """All packets; what cannot be read is skipped, as far as reading goes on behind it."""
        broken = 0
        while broken < _RETRIES:
            try:
                for packet in self._container.demux(self._streams):
                    if packet.size:
                        broken, self.found.broken_off = 0, None
                    yield packet
                return
            except (FFmpegError, OSError, IndexError) as e:  # IndexError: of a stream that is new
                self.found.error = self.found.error or e
                self.found.plain, self.found.broken_off = False, self._position
                broken += 1

    def _decoded(self) -> Iterator[_Decoded]:
        heard = False
        for index, packet in enumerate(self._packets()):
            if self._tag and 0 < packet.size <= self._tag:  # inside a tag nothing is sound
                self._tag -= packet.size
                continue
            self._tag = 0
            self._watch(packet, heard)
            try:
                frames = (self._decoder or packet).decode(*((packet,) if self._decoder else ()))
            except FFmpegError as e:
                if not packet.is_discard:
                    self._failed(index, packet, e)
                continue
            if frames:
                heard = True
                self._sizes, self._frames = self._sizes + packet.size, self._frames + 1
                self._length = sum(frame.samples for frame in frames)
            for frame in frames:
                bad, self._bad = self._bad, []
                yield _Decoded(frame, index, packet.size, packet.stream_index, bad)
            self._check_size(index, packet)

    def _check_size(self, index: int, packet: Any) -> None:
        """What follows a frame in its packet, up to the next that is one, is lost."""
        if self._stored or self._codec not in _CONSTANT or not self._frames:
            return
        many = round(packet.size * self._frames / self._sizes)
        if many > 1:
            self.found.plain = False
            self._bad.append(_Bad(index, packet.size, (many - 1) * self._length, True))

    def _watch(self, packet: Any, heard: bool) -> None:
        """Whether a packet is played whole, which a copy of it would be."""
        if not heard:
            return
        if packet.is_discard and packet.size:
            self.found.plain = False
        for extra in packet.iter_sidedata():
            skipped = extra.data_type == "skip_samples" and any(bytes(extra)[:4])  # at its start
            if skipped or extra.data_type == "new_extradata":
                self.found.plain = False

    def _failed(self, index: int, packet: Any, error: Exception) -> None:
        data = bytes(packet)
        self.found.plain = False
        tag = data.startswith(_TAGS)
        if data[:3] == b"ID3" and len(data) >= 10:
            self._tag = max(0, 10 + tag_bytes(data) - len(data))
        if tag or not any(data):
            self.found.tags.append((self._position, len(data)))
            return
        self.found.error = self.found.error or error
        length = round_half_up((packet.duration or 0) * packet.time_base * self._own_rate())
        sync = _SYNC.get(self._codec)
        certain = self._stored or sync is None or int.from_bytes(data[:2], "big") & sync == sync
        if not certain or (self._codec in _CONSTANT and not self._stored):
            length = self._estimated(len(data))
        self._bad.append(_Bad(index, len(data), length, certain))

    def _estimated(self, size: int) -> int:
        """Samples of as many packets as usually have that size."""
        if not self._frames:
            return 0
        return max(1, round(size * self._frames / self._sizes)) * self._length

    def _counts_frames(self) -> bool:
        """Whether this is an AVI that counts whole frames of the codec: bytes tell no time."""
        tick = self._stream.time_base * self._stream.codec_context.sample_rate
        return self._container.format.name == "avi" and tick >= _LEAST_FRAME

    def _own_rate(self) -> int:
        return self.rate or self._stream.codec_context.sample_rate

    # -- times --

    def _placed(self, one: _Decoded, following: _Decoded | None) -> Iterator[Any]:
        """A frame, and before it the silence that its time asks for."""
        bad = one.bad
        if not self.rate:
            self._begin(one.frame, bad)
        elif self._stray(one.frame, following):
            # one frame of another format is none: what is damaged may look like the start of one
            wrong = _Bad(one.index, one.size, self._estimated(one.size), False)
            self.found.plain = False
            if following is None:
                self._bad[:0] = [*bad, wrong]
            else:
                following.bad[:0] = [*bad, wrong]
            return
        if one.track != self._track:
            self._go_on(one)
        jump = self._jump(one.frame, bad, following)
        if jump:
            yield from self._end_of_run()
            yield from self._silent(jump)
        yield from self._in_format(one.frame)

    def _foreign(self, frame: Any) -> bool:
        return key_of(frame) != (self.rate, self._source_layout)

    def _stray(self, frame: Any, following: _Decoded | None) -> bool:
        """Whether a frame is the only one of its format in a row."""
        if not self._foreign(frame) or (self._run is not None and self._run.key == key_of(frame)):
            return False
        return following is None or key_of(following.frame) != key_of(frame)

    def _begin(self, frame: Any, bad: list[_Bad]) -> None:
        """What is decoded counts, not what the header said (HE-AAC doubles the rate)."""
        self.rate, self.plan = frame.sample_rate, plan(frame.layout)
        self._source_layout = frame.layout.name
        self.layout = self.plan.layout
        self.first_pts = frame.pts
        self._ticks = (frame.time_base * self.rate).as_integer_ratio()
        self._jitter = int(_JITTER * self.rate)
        self.found.plain &= frame.pts is not None
        if bad and self._stored and self.first_pts is not None:
            before = Fraction(sum(one.samples for one in bad), self.rate)
            self.first_pts -= round_half_up(before / frame.time_base)
        else:
            self._drop(bad)
            bad.clear()

    def _time(self, frame: Any) -> int | None:
        """Samples from the first one to a frame, by the clock."""
        if frame.pts is None or self.first_pts is None:
            return None
        return (frame.pts - self.first_pts) * self._ticks[0] // self._ticks[1]

    def _jump(self, frame: Any, bad: list[_Bad], following: _Decoded | None) -> int:
        """Samples of silence before a frame."""
        time = self._time(frame)
        if not self._timed:
            self._compare(time)
            return self._lost_here(bad)
        if time is None:
            return 0
        ahead = time - self._position - self._shift
        if bad:
            return self._lost_here(bad, max(0, min(ahead, self._longest())))
        if abs(ahead) <= self._jitter:
            self._shift += ahead // 16 if ahead > 0 else -(-ahead // 16)
            self._compare(time)
            return 0
        self.found.plain = False
        if ahead > self._jitter and self._believed(ahead, following):
            self.found.gaps.append((self._position, ahead))
            return ahead
        if ahead < -_BACK * self.rate or ahead > self._longest():
            self._shift += ahead
            self.found.restarts.append(self._position)
        return 0

    def _go_on(self, one: _Decoded) -> None:
        """Another recording goes on where the one before has ended, whatever its clock says."""
        self._track = one.track
        self.found.restarts.append(self._position)
        if (time := self._time(one.frame)) is not None:
            self._shift = time - self._position - sum(bad.samples for bad in one.bad)

    def _longest(self) -> int:
        restarts = self._container.format.name in _RESTARTS
        return (_RESTART if restarts else _LONGEST_GAP) * self.rate

    def _believed(self, ahead: int, following: _Decoded | None) -> bool:
        """Whether a gap is one: one wrong time among right ones is none."""
        if ahead > self._longest():
            return False
        time = None if following is None else self._time(following.frame)
        if time is None:
            return following is not None or ahead <= _RESTART * self.rate
        return time - self._position - self._shift > ahead // 2

    def _compare(self, time: int | None) -> None:
        """Packets whose own times drift away from their samples cannot be copied."""
        if time is None or abs(time - self._position) > self._jitter:
            self.found.plain = False

    def _lost_here(self, bad: list[_Bad], room: int | None = None) -> int:
        """Samples of silence for the packets that failed before here; ``room``: what time says."""
        total = 0
        for one in bad:
            if one.certain or room is not None:
                total += one.samples
            elif one.index in self._fills:
                total += self._fills[one.index]
            else:
                self.found.doubtful[one.index] = self._position, one.samples, one.size
        total = total if room is None else room
        if total:
            self.found.lost.append((self._position, total))
        elif bad and (room is not None or all(one.certain for one in bad)):
            self.found.left_out.append((self._position, sum(one.size for one in bad)))
        return total

    def _drop(self, bad: list[_Bad]) -> None:
        """What failed where nothing follows, or nothing went before, was no sound."""
        if bad:
            self.found.left_out.append((self._position, sum(one.size for one in bad)))

    # -- formats --

    def _in_format(self, frame: Any) -> Iterator[Any]:
        key = key_of(frame)
        if not self._foreign(frame):
            yield from self._end_of_run()
            self._position += frame.samples
            yield frame
            return
        if self._run is None or self._run.key != key:
            yield from self._end_of_run()
            self._run = Run(key, plan(frame.layout), self.layout, self.rate, self._position)
            self.found.changes.append((self._position, *key))
            self.found.plain = False
        yield from self._run.through(frame)
        self._position = self._run.position

    def _end_of_run(self) -> Iterator[Any]:
        """What the resampler still holds."""
        if self._run is not None:
            yield from self._run.rest()
            self._position, self._run = self._run.given, None

    def _silent(self, n: int) -> Iterator[int]:
        if n:
            self._position += n
            yield n


def _opened(name: str, stream: Any) -> Any:
    context: Any = av.CodecContext.create(name, "r")
    context.sample_rate, context.layout = stream.codec_context.sample_rate, stream.layout
    context.open()
    return context
