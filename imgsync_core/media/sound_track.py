"""Samples in, packets out, ahead of the picture: the sound's half of a muxer."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice, product
from typing import Any

import av
import numpy as np
from av.codec import Codec
from av.error import FFmpegError

from ..errors import EncodingError, SoundError
from . import aac
from .encoding import Encoding
from .file_sound import FileSound
from .layouts import USUAL, kept, names
from .opening import reason
from .prefetch import Prefetcher
from .sound import Filtered, Sound, as_frame, to_length

QUEUE_BYTES = 8 << 20  # encoded sound that may wait for the picture
_SAFE_RATE = 192_000  # that every codec carries which is not choosy, and resampling is not heard
_LEAST_MP3 = 16_000  # Hz; MP4 knows MPEG-1 and MPEG-2, and not MPEG 2.5
_PACKET_COST = 600  # bytes of bookkeeping for each packet that waits


def suited(sound: Sound, encoding: Encoding) -> Sound:
    """The sound as the codec can carry it: the same, or resampled or mixed.

    Raises EncodingError where the codec carries it in no way.
    """
    codec = Codec(str(encoding.sound), "w")
    rates = sorted(codec.audio_rates or [])
    rate = sound.rate
    if rates and rate not in rates:
        rate = next((r for r in rates if r >= rate), rates[-1])
    # as it is, or else where most channels keep their place, with as few others as can be
    others = sorted(USUAL, key=lambda name: (-kept(sound.layout, name), len(names(name))))
    for way in product((rate, _SAFE_RATE), (sound.layout, *others)):
        if _opens(encoding, *way):
            same = way == (sound.rate, sound.layout)
            return sound if same else Filtered(sound, rate=way[0], layout=way[1])
    raise EncodingError(
        f"{encoding.sound} carries no sound of {sound.rate} Hz {sound.layout}. "
        "Convert it to 48000 Hz stereo first."
    )


def _opens(encoding: Encoding, rate: int, layout: str) -> bool:
    context: Any = av.CodecContext.create(str(encoding.sound), "w")
    _configure(context, encoding, rate, layout, 16)
    try:
        context.open(strict=False)
    except (FFmpegError, ValueError):
        return False
    return True


def setup(context: Any, encoding: Encoding, sound: Sound) -> None:
    """Rate, layout, sample format and bit rate of an encoder that is not open yet."""
    _configure(context, encoding, sound.rate, sound.layout, sound.bits)


def _configure(context: Any, encoding: Encoding, rate: int, layout: str, bits: int) -> None:
    context.sample_rate, context.layout = rate, layout
    context.time_base = Fraction(1, rate)
    names = [f.name for f in context.codec.audio_formats]
    wanted = ("s32", "s16") if bits > 16 else ("s16", "s32")
    context.options = dict(encoding.sound_options)
    context.format = next((f for f in (*wanted, "fltp", "flt") if f in names), names[0])
    if encoding.sound_bit_rate:
        channels = av.AudioLayout(layout).nb_channels
        asked = encoding.sound_bit_rate * max(2, channels) // 2
        context.bit_rate = min(asked, _most_bits(str(encoding.sound), rate, channels))


def _most_bits(codec: str, rate: int, channels: int) -> int:
    """The highest bit rate that makes sense (AAC: 6144 bits per channel and 1024 samples)."""
    if codec == "aac":
        return 6144 * rate * channels // 1024
    return 256_000 * channels


class SoundTrack:
    """Packets of one sound, made ahead of the picture on another thread.

    packets: in writing order.   tick: seconds, their time base.   fps: of the picture.
    """

    def __init__(self, packets: Iterator[Any], tick: Fraction, fps: Fraction) -> None:
        self._ahead = Prefetcher(_batches(packets), _cost, QUEUE_BYTES)
        self._batch: deque[Any] = deque()
        self._ticks_a_frame = 1 / (fps * tick)

    def until(self, frame: int | None) -> Iterator[Any]:
        """Packets that start no later than a frame of the picture; None = all that are left."""
        ticks = self._ticks_a_frame
        limit = None if frame is None else frame * ticks.numerator // ticks.denominator
        while True:
            while self._batch:
                if limit is not None and self._batch[0].dts > limit:
                    return
                yield self._batch.popleft()
            batch = self._ahead.pop()
            if batch is None:
                return
            self._batch.extend(batch)

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._ahead.stop()


def _batches(packets: Iterator[Any]) -> Iterator[list[Any]]:
    """A second or so at a time: handing over single packets costs more than writing them."""
    while batch := list(islice(packets, 32)):
        yield batch


def _cost(batch: list[Any]) -> int:
    return sum(packet.size + _PACKET_COST for packet in batch)


def encoded(stream: Any, encoding: Encoding, sound: Sound, n_samples: int) -> Iterator[Any]:
    """Packets of exactly ``n_samples`` of the sound, padded with silence or cut at the end."""
    blocks = to_length(sound, n_samples).blocks()
    try:
        if encoding.sound == "aac" and sound.channels <= 2:
            packets = aac.encode(
                lambda: _opened(stream, encoding, sound),
                blocks,
                sound.layout,
                sound.rate,
                n_samples,
            )
        else:
            packets = _in_turn(stream, blocks, sound)
        for packet in packets:
            packet.stream = stream
            yield packet
    except FFmpegError as e:
        raise SoundError(f"{sound.name} could not be encoded ({reason(e)}).") from e


def _in_turn(stream: Any, blocks: Iterator[np.ndarray], sound: Sound) -> Iterator[Any]:
    position = 0
    for block in blocks:
        yield from stream.encode(as_frame(block, sound.layout, sound.rate, position))
        position += block.shape[1]
    yield from stream.encode(None)


def _opened(stream: Any, encoding: Encoding, sound: Sound) -> Any:
    """Another encoder with the settings of the stream's own."""
    context: Any = av.CodecContext.create(str(encoding.sound), "w")
    setup(context, encoding, sound)
    context.flags = stream.codec_context.flags
    context.open(strict=False)
    return context


def can_copy(sound: Sound, encoding: Encoding) -> bool:
    """Whether the packets of the sound's file may be written as they are.

    Not where the file says something else than its packets (losses, gaps, cuts inside of it), or
    where the container does not take them.
    """
    if not isinstance(sound, FileSound) or sound.codec not in encoding.copies:
        return False
    if not sound.copyable:
        return False
    if sound.codec == "mp3" and encoding.container in ("mp4", "mov"):
        return sound.rate >= _LEAST_MP3
    if sound.codec == "opus":  # mapping families above 1 are not for players; RFC 7845, 5.1.1
        return sound.header[:8] == b"OpusHead" and sound.header[18:19] <= b"\1"
    return sound.codec not in ("aac", "vorbis") or bool(sound.header)


def copied(sound: FileSound, stream: Any, duration: Fraction) -> Iterator[Any]:
    """The packets of the sound's own file, the first sample at 0, to exactly ``duration`` seconds.

    The last packet is given the length that is left, so that the track ends with the picture.
    """
    with sound.opened() as container:
        source = sound.stream_of(container)
        tick = min(source.time_base, Fraction(1, sound.rate))  # AVI's is as long as a packet
        scale = source.time_base / tick
        end = math.floor(duration / tick)
        held: Any = None
        for packet in container.demux(source):
            if packet.pts is None or (packet.pts - sound.first_pts) * scale >= end:
                continue
            packet.pts = round((packet.pts - sound.first_pts) * scale)
            packet.time_base = tick
            packet.duration = round((packet.duration or 0) * scale)
            if sound.codec == "vorbis":  # its first packet is not heard before the second
                packet.pts = max(0, packet.pts)
            packet.dts = packet.pts
            packet.stream = stream
            if held is not None:
                yield held
            held = packet
        if held is None:
            raise EncodingError(f"{sound.name} has no sound to copy. Use another file.")
        held.duration = end - held.pts
        yield held
