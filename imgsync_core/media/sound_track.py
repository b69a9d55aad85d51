"""Samples in, packets out, ahead of the picture: the sound's half of a muxer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.codec import Codec
from av.error import FFmpegError

from ..errors import EncodingError, SoundError
from .ahead import Ahead
from .encoding import Encoding
from .opening import reason
from .sound import FileSound, Filtered, Sound, as_frame, to_length

QUEUE_BYTES = 8 << 20  # encoded sound that may wait for the picture
_PACKET_COST = 600  # bytes of bookkeeping for each packet that waits


def suited(sound: Sound, encoding: Encoding) -> Sound:
    """The sound as the codec can carry it: the same, or resampled or mixed down."""
    codec = Codec(str(encoding.sound), "w")
    rates = sorted(codec.audio_rates or [])
    rate = sound.rate
    if rates and rate not in rates:
        rate = next((r for r in rates if r >= rate), rates[-1])
    layout = sound.layout
    if not _opens(encoding, rate, layout):
        layout = "stereo" if sound.channels > 1 else "mono"
    changed = (rate, layout) != (sound.rate, sound.layout)
    return Filtered(sound, rate=rate, layout=layout) if changed else sound


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

    packets: in writing order.   tick: seconds, their time base.
    """

    def __init__(self, packets: Iterator[Any], tick: Fraction) -> None:
        self._ahead = Ahead(packets, lambda packet: packet.size + _PACKET_COST, QUEUE_BYTES)
        self._tick = tick

    def until(self, seconds: Fraction | None) -> Iterator[Any]:
        """Packets that start at or before ``seconds``; None = all that are left."""
        limit = None if seconds is None else math.floor(seconds / self._tick)
        while (packet := self._ahead.peek()) is not None:
            if limit is not None and packet.dts > limit:
                return
            self._ahead.pop()
            yield packet

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._ahead.stop()


def encoded(context: Any, sound: Sound, n_samples: int) -> Iterator[Any]:
    """Packets of exactly ``n_samples`` of the sound, padded with silence or cut at the end."""
    position = 0
    try:
        for block in to_length(sound, n_samples).blocks():
            yield from context.encode(as_frame(block, sound.layout, sound.rate, position))
            position += block.shape[1]
        yield from context.encode(None)
    except FFmpegError as e:
        raise SoundError(f"{sound.name} could not be encoded ({reason(e)}).") from e


def can_copy(sound: Sound, encoding: Encoding) -> bool:
    """Whether the packets of the sound's file may be written as they are."""
    if not isinstance(sound, FileSound) or sound.codec not in encoding.copies:
        return False
    return sound.codec not in ("aac", "vorbis", "flac", "opus") or sound.has_extradata


def copied(sound: FileSound, stream: Any, duration: Fraction) -> Iterator[Any]:
    """The packets of the sound's own file, the first sample at 0, to exactly ``duration`` seconds.

    The last packet is given the length that is left, so that the track ends with the picture.
    """
    with sound.opened() as container:
        source = sound.stream_of(container)
        end = math.floor(duration / source.time_base)
        held: Any = None
        for packet in container.demux(source):
            if packet.pts is None or packet.pts - sound.first_pts >= end:
                continue
            packet.pts -= sound.first_pts
            packet.dts = packet.pts
            packet.stream = stream
            if held is not None:
                yield held
            held = packet
        if held is None:
            raise EncodingError(f"{sound.name} has no sound to copy. Use another file.")
        held.duration = end - held.pts
        yield held
