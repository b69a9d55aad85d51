"""Durations in Matroska files that FFmpeg writes too large.

Blocks of a codec with a delay (Opus: 6.5 ms) are stored that much later, and CodecDelay takes it
back on playing. FFmpeg counts the stored times into the Duration of the whole and of the track, so
a file would claim to outlast its own picture and sound.
RFC 9559, sections 5.1.2.10 (Duration) and 5.1.4.1.25 (CodecDelay); DURATION is a tag of a track.
"""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from typing import IO

from ..errors import OutputError
from ..timeline import round_half_up

_HEAD = 8 << 20  # FFmpeg keeps both in front of the pictures; graphs in the tags can be long
_DURATION = b"\x44\x89\x88"  # element 0x4489, a float of 8 bytes
_TAG = re.compile(rb"DURATION\x44\x87.{1,8}?(\d\d:\d\d:\d\d\.\d{9})", re.DOTALL)  # TagString


def set_duration(file: IO[bytes], seconds: Fraction) -> None:
    """Write the duration of the whole and of its tracks into a file that is open for ``r+b``."""
    file.seek(0)
    head = file.read(_HEAD)
    at = head.find(_DURATION)
    if at < 0:
        raise OutputError("The Matroska file has no duration. Please report this.")
    file.seek(at + len(_DURATION))
    file.write(struct.pack(">d", float(seconds * 1000)))  # in ticks of 1 ms, FFmpeg's only scale
    for tag in _TAG.finditer(head):
        file.seek(tag.start(1))
        file.write(_clock(seconds))
    file.seek(0, 2)


def _clock(seconds: Fraction) -> bytes:
    ms = round_half_up(seconds * 1000)
    return b"%02d:%02d:%02d.%03d000000" % (
        ms // 3_600_000,
        ms // 60_000 % 60,
        ms // 1000 % 60,
        ms % 1000,
    )
