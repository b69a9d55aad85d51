"""Which frames a video file holds, and when they are shown: one pass over it, without decoding.

Packets come in the order in which they are decoded; ``ordinal`` counts them so. Frames are shown
in the order of their times; ``index`` counts them so.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.stream import Disposition

from ..errors import VideoError
from ..timeline import MAX_FPS
from .glued import LATE, RESTARTING, one_after_another, options, packets_of
from .headers import video_codec
from .notes import Notes
from .opening import MediaFile, name_of, open_media, reason, refuse_bomb

# containers whose header states the duration, so that less than that means "cut short"
_EXACT_HEADERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
_SLACK = Fraction(1, 2)  # seconds that may be missing: headers are not that exact
_ABSURD = 100  # a promise of so many times what is there, and more than an hour, is a placeholder
_BACK, _FORWARD = Fraction(1, 10), 10  # seconds of a jump that say so, as ffmpeg has them
_USUAL = [Fraction(n) for n in (24, 25, 30, 50, 60, 100, 120)]
_USUAL += [Fraction(n * 1000, 1001) for n in (24, 30, 60, 120)]
_NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails
_ONE_FRAME = 25  # the rate of a single frame that is shown for next to nothing
_UNSET = -(2**63)


@dataclass(frozen=True)
class VideoIndex:
    """What one pass over the packets tells.

    times: int64 (n,), when each frame appears, in order, counted in ``tick`` seconds.
    end: the time at which the last frame stops being shown.   aspect: of one pixel, or None.
    stamps: int64, the time of each packet by ordinal.   places: its place in the file, in bytes.
    keys: ordinals of packets at which decoding can start.   marks: what to seek to for each.
    streams: indices of the streams that hold the film, one after the other.
    whole: it is decoded from the start only, as its times, or those after a seek, are ambiguous.
    placed: packets are told by their places, as their times after a seek are other ones.
    counted: its times tell only how many frames there are, not which is which.
    reorders: how many frames are decoded before one of them is shown.
    alpha: transparency lies beside the picture, in VP8 or VP9.
    deep: the file has to be searched for streams from end to end.
    """

    times: np.ndarray
    end: int
    tick: Fraction
    rate: Fraction
    aspect: Fraction | None
    stamps: np.ndarray
    places: np.ndarray
    keys: np.ndarray
    marks: np.ndarray
    streams: tuple[int, ...]
    whole: bool
    placed: bool
    counted: bool
    reorders: int
    alpha: bool
    deep: bool

    def seconds(self, index: int) -> float:
        """When frame ``index`` appears, counted from the first."""
        return float((int(self.times[index]) - int(self.times[0])) * self.tick)


@dataclass
class _Packets:
    """What is noted of each packet, by ordinal."""

    stream: array = field(default_factory=lambda: array("i"))
    pts: array = field(default_factory=lambda: array("q"))
    dts: array = field(default_factory=lambda: array("q"))
    duration: array = field(default_factory=lambda: array("q"))
    place: array = field(default_factory=lambda: array("q"))
    key: array = field(default_factory=lambda: array("b"))
    hidden: array = field(default_factory=lambda: array("b"))
    marred: array = field(default_factory=lambda: array("b"))

    def add(self, packet: Any) -> None:
        self.stream.append(packet.stream_index)
        self.pts.append(_UNSET if packet.pts is None else packet.pts)
        self.dts.append(_UNSET if packet.dts is None else packet.dts)
        self.duration.append(packet.duration or 0)
        self.place.append(-1 if packet.pos is None else packet.pos)
        self.key.append(packet.is_keyframe)
        self.hidden.append(packet.is_discard)
        self.marred.append(packet.is_corrupt)

    def of(self, streams: list[int]) -> dict[str, np.ndarray]:
        """The columns of some streams' packets, without those that have no time at all."""
        columns = {name: np.array(column) for name, column in vars(self).items()}
        pts, dts = columns["pts"], columns["dts"]
        columns["stamp"] = np.where(pts == _UNSET, dts, pts)
        mine = np.concatenate([np.flatnonzero(columns["stream"] == s) for s in streams])
        return {name: column[mine] for name, column in columns.items()}


def open_video(file: MediaFile, *, deep: bool = False) -> Any:
    """An open container, set so that every stream of glued recordings is found."""
    return open_media(file, VideoError, "a video", options=options(deep=deep))


def film_of(container: Any, file: MediaFile) -> Any:
    """The stream that holds the film: the default one, else the first; covers are none.

    Raises VideoError where there is none, or none that can be decoded; ``absent`` is set where the
    file has no film at all: then ``cover_of`` may still find a picture in it.
    """
    name = name_of(file)
    if not container.streams.video:
        raise VideoError(f"{name} has no picture. Name a video or a picture file.", absent=True)
    films = [s for s in container.streams.video if not s.disposition & _NO_FILM]
    if not films:
        raise VideoError(
            f"{name} has no picture but its cover. Name a video or a picture file.", absent=True
        )
    film = next((s for s in films if s.disposition & Disposition.default), films[0])
    if film.codec_context is None:
        kind = container.format.name
        codec = kind.removesuffix("_pipe") if kind.endswith("_pipe") else video_codec(file)
        if codec is None:
            raise VideoError(
                f"{name} is not a video that can be read. "
                "Check the file, or convert it to a common format.",
                unknown=True,
            )
        raise VideoError(
            f"{name} is coded as {codec}, which cannot be decoded here. "
            "Convert it to MP4 with H.264, a picture to PNG."
        )
    refuse_bomb((film.codec_context.width, film.codec_context.height), name, VideoError)
    return film


def scan(file: MediaFile, notes: Notes) -> VideoIndex:
    """Read all packets of a file once. Raises VideoError for what is not a video."""
    try:
        return _Scan(file, deep=False).index(notes)
    except IndexError:  # a stream that came up only in the middle: search the whole file
        try:
            return _Scan(file, deep=True).index(notes)
        except IndexError:
            raise VideoError(
                f"{name_of(file)} is damaged: it brings up ever more streams. Export it again."
            ) from None


class _Scan:
    """One pass over the packets, and what is concluded from it."""

    def __init__(self, file: MediaFile, *, deep: bool) -> None:
        self._name, self._deep = name_of(file), deep
        container = open_video(file, deep=deep)
        try:
            film = film_of(container, file)
            self._first, self._tick = film.index, film.time_base
            self._kind = container.format.name
            self._reorders = film.codec_context.reorder_depth
            self._read(container)
            self._rates = film.average_rate, film.guessed_rate
            self._aspect = film.sample_aspect_ratio
            self._promised = _promised_end(container)
            self._counted = film.frames if self._kind == "avi" else 0  # by its header
        except (FFmpegError, OSError) as e:
            raise VideoError(f"{self._name} is damaged ({reason(e)}). Export it again.") from e
        finally:
            container.close()

    def _read(self, container: Any) -> None:
        restarts = self._kind in RESTARTING
        mine = {s.index for s in container.streams.video} if restarts else {self._first}
        self._packets, self._broken, self._alpha = _Packets(), 0, False
        ends = [0] * len(container.streams)
        for packet in packets_of(container, list(container.streams), self._stumble):
            stamp = packet.dts if packet.pts is None else packet.pts
            if stamp is None:
                continue
            stop = stamp + (packet.duration or 0)
            ends[packet.stream_index] = max(ends[packet.stream_index], stop)
            if packet.stream_index in mine:
                if not self._packets.pts:
                    self._alpha = _has_alpha(packet)
                self._packets.add(packet)
        clocks = zip(ends, container.streams, strict=True)
        self._end = max((end * s.time_base for end, s in clocks if end), default=Fraction(0))

    def _stumble(self) -> None:
        self._broken += 1

    def index(self, notes: Notes) -> VideoIndex:
        """What the pass tells. Raises VideoError for no frames, and for losses if strict."""
        tick = self._tick
        streams = one_after_another(np.array(self._packets.stream), self._first)
        rows, avi = self._packets.of(streams), self._kind == "avi"
        if avi and not self._reorders:  # it counts packets; pts are FFmpeg's guesses
            rows["stamp"] = np.where(rows["dts"] == _UNSET, rows["stamp"], rows["dts"])
        joined = []
        if self._kind in RESTARTING:
            _mend(rows, tick)
            joined = _join(rows, tick)
        shown = rows["hidden"] == 0
        if not shown.any() and self._promised is not None:
            raise VideoError(
                f"{self._name} is cut short before its first frame. Copy or export it again."
            )
        if not shown.any():
            raise VideoError(f"{self._name} has no frames with a time. Convert it to MP4.")
        stops = rows["stamp"] + rows["duration"]
        times = np.sort(rows["stamp"][shown])
        end = _end(times, int(stops[shown].max()), tick)
        for cut in joined:  # a recording that ends abruptly is marked, although it is whole
            rows["marred"][max(0, cut - LATE) : cut] = 0
        self._note_losses(notes, times, tick, rows["stamp"][rows["marred"] != 0])
        if avi:
            self._note_missing(notes, int(rows["dts"].max()) + 1)
        if joined:
            notes.tell(f"{self._name} holds several recordings, shown one after the other")
        keys = np.flatnonzero((rows["key"] != 0) & shown)
        return VideoIndex(
            times=times,
            end=end,
            tick=tick,
            rate=_rate(times, end, tick, self._rates),
            aspect=self._aspect,
            stamps=rows["stamp"],
            places=rows["place"],
            keys=keys,
            marks=rows["dts" if avi else "stamp"][keys],
            streams=tuple(streams),
            whole=bool(joined) or self._kind == "mpeg",  # PS: times are guesses after a seek
            placed=avi,
            counted=bool(avi and self._reorders),  # AVI counts packets, whatever their order
            reorders=self._reorders,
            alpha=self._alpha,
            deep=self._deep,
        )

    def _note_losses(
        self, notes: Notes, times: np.ndarray, tick: Fraction, marred: np.ndarray
    ) -> None:
        longest = int(np.diff(times).max(initial=0))
        promised, read = self._promised, self._end
        if promised is not None and promised > max(3600, _ABSURD * read):
            promised = None
        if promised is not None and read + max(_SLACK, longest * tick) < promised:
            notes.lose(
                f"{self._name} ends after {float(read):.2f} of {float(promised):.2f} s: "
                "it is cut short"
            )
        elif self._broken:
            notes.lose(f"{self._name} is damaged: what could not be read of it is left out")
        if len(marred):
            at = float((int(marred.min()) - int(times[0])) * tick)
            count = "1 frame" if len(marred) == 1 else f"{len(marred)} frames"
            notes.lose(f"{self._name}: {count} arrived damaged, the first at {at:.2f} s")

    def _note_missing(self, notes: Notes, there: int) -> None:
        """AVI's frames have no times: a lost one draws all that follow it to the front."""
        missing = self._counted - there
        if 0 < missing < _ABSURD * there:
            verb = "is" if missing == 1 else "are"
            notes.lose(
                f"{self._name}: {missing} of the {self._counted} frames that its header counts "
                f"{verb} not there; what would follow comes early"
            )


def _has_alpha(packet: Any) -> bool:
    """Whether a packet of VP8 or VP9 carries its transparency with it, as WebM has it."""
    if packet.stream.codec_context.name not in ("vp8", "vp9"):
        return False
    if not packet.has_sidedata("matroska_block_additional"):
        return False
    extra = bytes(packet.get_sidedata("matroska_block_additional"))
    return int.from_bytes(extra[:8], "big") == 1  # BlockAddID 1: alpha, in VP8 and VP9


def _mend(rows: dict[str, np.ndarray], tick: Fraction) -> None:
    """Where damage made a frame appear long before or after it is decoded, one time is a guess."""
    pts, dts = rows["pts"], rows["dts"]
    known, ahead = (pts != _UNSET) & (dts != _UNSET), pts - dts
    wrong = known & ((ahead < 0) | (ahead > _FORWARD / tick))
    if not wrong.any() or not (known & ~wrong).any():
        return
    usual = int(np.median(ahead[known & ~wrong]))
    jumps = np.abs(np.diff(dts, prepend=dts[:1])) > _FORWARD / tick  # it is the time of decoding
    dts[wrong & jumps] = pts[wrong & jumps] - usual
    rows["stamp"][wrong & ~jumps] = dts[wrong & ~jumps] + usual


def _join(rows: dict[str, np.ndarray], tick: Fraction) -> list[int]:
    """Let the times go on where a recording ends and another begins; the ordinals of the cuts."""
    clock = np.where(rows["dts"] == _UNSET, rows["stamp"], rows["dts"])
    step = np.diff(clock)
    back, forward = -(_BACK / tick), _FORWARD / tick + rows["duration"][:-1]
    cuts = np.flatnonzero((step < back) | (step > forward) | (np.diff(rows["stream"]) != 0)) + 1
    stops = rows["stamp"] + rows["duration"]
    for start, stop in pairwise([*cuts.tolist(), len(clock)]):
        part = slice(start, stop)
        shift = stops[:start].max() - rows["stamp"][part].min()
        rows["stamp"][part] += shift
        stops[part] += shift
    return cuts.tolist()


def _end(times: np.ndarray, stop: int, tick: Fraction) -> int:
    """When the last frame goes: as its packet says, else it stays as long as the others."""
    first, last = int(times[0]), int(times[-1])
    if len(times) == 1 and (stop - first) * tick < 1 / MAX_FPS:
        return first + max(1, round(1 / (_ONE_FRAME * tick)))
    return stop if stop > last else last + max(1, (last - first) // max(1, len(times) - 1))


def _rate(times: np.ndarray, end: int, tick: Fraction, stated: tuple[Any, ...]) -> Fraction:
    """Frames a second, by their times.

    A stated rate is more exact where it agrees with them, or with most steps from one to the next.
    """
    steps = len(times) - 1
    if not steps:
        return 1 / ((end - int(times[0])) * tick)
    span = int(times[-1] - times[0]) * tick
    if not span:
        return MAX_FPS
    usual = int(np.median(np.diff(times)))
    for rate in filter(None, stated):
        if abs(steps / Fraction(rate) - span) <= max(2 * tick, span / 100):
            return Fraction(rate)
        off = abs(1 / Fraction(rate) - usual * tick)
        if (off < tick and usual > 3) or not off:
            return Fraction(rate)
    measured = steps / span
    near = min(_USUAL, key=lambda rate: abs(rate - measured))
    return near if abs(steps / near - span) <= 2 * tick else measured


def _promised_end(container: Any) -> Fraction | None:
    """The second at which the header says that all ends; None where it can only be guessed."""
    kind = container.format.name
    if kind not in _EXACT_HEADERS or container.duration is None:
        return None
    start = 0 if kind == "matroska,webm" else container.start_time or 0  # Matroska counts from 0
    return Fraction(start + container.duration, av.time_base)
