"""The sound track of a file: what decodes of it, at its time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

import av
import numpy as np
from av import logging
from av.stream import Disposition

from ..errors import SoundError
from ..timeline import round_half_up
from .glued import RESTARTING, one_after_another, options, packets_of
from .headers import riff, riff_samples, xing_samples
from .notes import Notes
from .opening import MediaFile, name_of, open_media, reason
from .sound import (
    BLOCK,
    Padded,
    Part,
    Sound,
    all_finite,
    as_floats,
    refuse_empty,
    refuse_non_finite,
    refuse_odd,
)
from .sound_findings import Findings
from .sound_reading import Reading

# containers whose header states the length exactly, so that less than that means "cut short"
_EXACT_HEADERS = ("w64", "aiff", "caf", "flac", "mov,mp4,m4a,3gp,3g2,mj2")
_PLAIN_PCM = re.compile(r"pcm_(?:[su](\d+)(?:le|be)?|(?:mu|a)law)")
_PLAIN_FILES = ("wav", "w64", "aiff", "au", "caf")
_INTEGERS = {1: "pcm_u8", 2: "pcm_s16le", 3: "pcm_s24le", 4: "pcm_s32le", 8: "pcm_s64le"}
_SLACK = Fraction(1, 4)  # seconds that may be missing: headers are not that exact
_SIZED = ("avi", "w64", "aiff", "caf")  # where a size may stand for "not known"
_BEYOND = 1000  # times what is there: no file is cut so short
_MOST_PADDING = 4 * 1152  # samples that encoders of MP3 put at both ends together
_REORDERED = 64  # packets of a picture within which its first frame is among them


class FileSound(Sound):
    """A sound track of a file: anything PyAV decodes, at its own rate, in a usual layout.

    Of several tracks it is the one marked as default, or else the first. What cannot be decoded,
    and gaps between the times of packets, are silence of the same length; ``notes`` tell of it.
    codec: FFmpeg's name of the codec.   header: its private data outside the packets.
    copyable: whether the packets say exactly what ``blocks()`` says.
    first_pts: of the first sample that is heard, in the track's time base.
    strict: refuse what would lose something.
    Raises SoundError for files without (readable) sound, and for samples that are not numbers.
    """

    def __init__(self, file: MediaFile, *, strict: bool = False) -> None:
        self.file = file
        self.name = name_of(file)
        self._notes = Notes(SoundError, strict=strict)
        self._fills: dict[int, int] = {}
        self._glued = False
        self._later = self._tracks_that_follow()
        with self.opened() as container:
            stream = self.stream_of(container)
            context = stream.codec_context
            self.codec: str = context.codec.canonical_name
            self.bits = _bits(context)
            self.header = bytes(context.extradata or b"")
            if not (context.sample_rate and context.layout.nb_channels):  # text named .flac
                raise SoundError(
                    f"{self.name} is not a sound that can be read. "
                    "Check the file, or convert it to a common format.",
                    unknown=True,
                )
            self._tell_track(container, stream)
            self._decoder = self._true_decoder(container)
            self._count(container, stream)

    @property
    def notes(self) -> tuple[str, ...]:
        return self._notes.all()

    def opened(self) -> Any:
        """The file as an open ``av`` container; the caller closes it."""
        how = options(deep=True) if self._glued else None
        return open_media(self.file, SoundError, "a sound", options=how)

    def stream_of(self, container: Any) -> Any:
        """The sound track in an open container."""
        streams = container.streams.audio
        known = [s for s in streams if s.codec_context is not None]
        default = (s for s in known if s.disposition & Disposition.default)
        for stream in (*default, *known):
            return stream
        if streams:
            raise SoundError(
                f"{self.name}: its sound is of a kind that cannot be read "
                f"({_codec_name(container)}). Convert it to WAV, FLAC or M4A first."
            )
        raise SoundError(
            f"{self.name} has no sound. Name an audio file or a video with sound.", absent=True
        )

    def _tracks_that_follow(self) -> list[int]:
        """Indices of the tracks of later recordings, each as it goes on where one has ended.

        Notes too whether a recording brings streams that are not told of at the start.
        """
        with self.opened() as container:
            if container.format.name not in RESTARTING:
                return []
            first = self.stream_of(container).index
            tracks = [s for s in container.streams.audio if s.codec_context is not None]
            try:
                found = packets_of(container, tracks, lambda: None)
                column = np.array([packet.stream_index for packet in found])
                return one_after_another(column, first)[1:]
            except IndexError:
                if self._glued:
                    raise SoundError(
                        f"{self.name} is damaged: it brings up ever more streams. Export it again."
                    ) from None
        self._glued = True
        return self._tracks_that_follow()

    def _all_of(self, container: Any) -> list[Any]:
        """The sound track, and those that follow it."""
        return [self.stream_of(container), *(container.streams[i] for i in self._later)]

    def _tell_track(self, container: Any, stream: Any) -> None:
        streams = container.streams.audio
        which = streams.index(stream)
        if which:
            self._notes.tell(f"{self.name}: sound track {which + 1} of {len(streams)} is used")

    def _true_decoder(self, container: Any) -> str | None:
        """The decoder for integers in a WAV that are narrower than their place, or None."""
        header = riff(self.file) if container.format.name == "wav" else None
        if header is None or header.kind != 1 or not self.codec.startswith("pcm_"):
            return None
        name = _INTEGERS.get(header.bytes)
        return None if name == self.codec else name

    # -- how long --

    def _count(self, container: Any, stream: Any) -> None:
        declared = self._declared(container, stream)
        width = self._plain_width(container)
        if width:
            reading = Reading(container, [stream])
            self.n_samples = reading.counted(width)
        else:
            reading = Reading(container, self._all_of(container), decoder=self._decoder)
            self.n_samples = self._decoded_length(reading)
        self.rate = reading.rate or stream.codec_context.sample_rate
        self.layout = reading.layout or "mono"
        self.first_pts: int = reading.first_pts or 0
        self.copyable = reading.found.plain and reading.plan.matrix is None
        if declared is not None and container.format.name in _SIZED:
            believed = declared * self.rate < _BEYOND * max(1, self.n_samples)
            declared = declared if believed else None
        self._fill(reading.found, declared)
        error = reading.found.error
        if error is not None and not (self.n_samples and reading.rate):
            raise SoundError(f"{self.name} is damaged ({reason(error)}). Export it again.")
        refuse_empty(self)
        refuse_odd(self)
        self._tell(reading, declared, container.format.name)

    def _plain_width(self, container: Any) -> int:
        """Bytes of a sample of one channel where the bytes of packets tell the length; else 0."""
        match = _PLAIN_PCM.fullmatch(self.codec)
        if match is None or self._decoder or container.format.name not in _PLAIN_FILES:
            return 0
        return int(match[1] or 8) // 8

    def _decoded_length(self, reading: Reading) -> int:
        total = 0
        with np.errstate(over="ignore", invalid="ignore"):
            for piece in reading.pieces():
                if isinstance(piece, int):
                    total += piece
                elif isinstance(piece, np.ndarray):
                    total += piece.shape[1]
                else:
                    self._check(piece, total, reading.rate)
                    total += piece.samples
        return total

    def _check(self, frame: Any, start: int, rate: int) -> None:
        if not all_finite(frame):
            self.rate = rate
            refuse_non_finite(as_floats(frame), start, self)

    def _declared(self, container: Any, stream: Any) -> Fraction | None:
        """Seconds the header promises; None where it can only be guessed."""
        kind, rate = container.format.name, stream.codec_context.sample_rate
        if kind == "avi":
            return stream.frames * stream.time_base or None
        if kind == "wav" and self.codec.startswith("pcm_"):
            samples = riff_samples(self.file)
            return None if samples is None else Fraction(samples, rate)
        table = xing_samples(self.file) if kind == "mp3" else None
        if kind == "matroska,webm" and len(container.streams) == 1 and container.duration:
            return Fraction(container.duration, av.time_base)
        if not (table or kind in _EXACT_HEADERS):
            return None
        told = (stream.duration or 0) * stream.time_base
        if not table:
            return told or None
        padding = Fraction(_MOST_PADDING, rate)  # FFmpeg takes it off, unless the file is cut
        return min(Fraction(table, rate), max(told, Fraction(table, rate) - padding))

    def _fill(self, found: Findings, declared: Fraction | None) -> None:
        """Give time to what did not decode, as far as the header's length says it had some."""
        room = 0 if declared is None else round_half_up(declared * self.rate) - self.n_samples
        for packet, (start, n, size) in found.doubtful.items():
            if n <= room + n // 2:
                self._fills[packet] = n
                self.n_samples += n
                room -= n
                found.lost.append((start, n))
            else:
                found.left_out.append((start, size))
        found.lost.sort()

    # -- what to say --

    def _tell(self, reading: Reading, declared: Fraction | None, kind: str) -> None:
        described = reading.found.sentences(self.rate, self.layout, reading.continuous)
        for lost, sentence in (*described, *reading.plan.sentences()):
            say = self._notes.lose if lost else self._notes.tell
            say(f"{self.name}: {sentence}")
        if declared is not None:
            exact = kind == "avi" and self.codec.startswith("pcm_")
            self._tell_length(declared, Fraction(0) if exact else _SLACK)

    def _tell_length(self, declared: Fraction, slack: Fraction) -> None:
        if self.duration < declared - slack:
            self._notes.lose(
                f"{self.name} ends after {float(self.duration):.2f} of "
                f"{float(declared):.2f} s. It is cut short"
            )

    # -- the samples --

    def blocks(self) -> Iterator[np.ndarray]:
        with self.opened() as container:
            tracks = self._all_of(container)
            reading = Reading(container, tracks, self._fills, self._decoder)
            held: list[np.ndarray] = []
            waiting = total = 0
            for block in reading.blocks():
                held.append(block)
                total += block.shape[1]
                waiting += block.shape[1]
                if waiting >= BLOCK:
                    yield np.concatenate(held, 1)
                    waiting, held = 0, []
            if total != self.n_samples:
                raise SoundError(f"{self.name} changed while it was being read. Start again.")
            if held:
                yield np.concatenate(held, 1)

    @property
    def offset(self) -> Fraction:
        """Seconds from the file's first picture to the first sample; 0 where there is no picture.

        Negative where the sound begins earlier than the picture.
        """
        with self.opened() as container:
            picture = _first_picture(container)
            if picture is None:
                return Fraction(0)
            return self.first_pts * self.stream_of(container).time_base - picture


def own_sound(file: MediaFile, *, strict: bool = False) -> Sound:
    """The sound of a video, to be played beside its own picture: both begin together.

    Silence stands in front where the sound begins later than the picture; what is heard before
    the first picture is taken off. Raises SoundError as ``FileSound`` does.
    """
    sound = FileSound(file, strict=strict)
    late = round_half_up(sound.offset * sound.rate)
    if late > 0:
        return Padded(sound, late, 0)
    return Part(sound, -late, sound.n_samples) if late < 0 else sound


def _first_picture(container: Any) -> Fraction | None:
    """The time of the first picture that is shown, in seconds."""
    cover = Disposition.attached_pic
    for stream in container.streams.video:
        if stream.disposition & cover:
            continue
        packets = islice(container.demux(stream), _REORDERED)
        times = [p.pts for p in packets if p.pts is not None and not p.is_discard]
        return min(times) * stream.time_base if times else None
    return None


def _codec_name(container: Any) -> str:
    """FFmpeg's name of a sound that it has no decoder for, from its description of the file."""
    level = logging.get_level()
    logging.set_level(logging.INFO)
    try:
        described = re.search(r"Audio: ([^,\n]+)", container.dumps_format())
    finally:
        logging.set_level(level)
    return described[1].strip() if described else "unknown"


def _bits(context: Any) -> int:
    name = context.format.packed.name if context.format else "s16"
    return {"u8": 16, "s16": 16}.get(name, 24)
