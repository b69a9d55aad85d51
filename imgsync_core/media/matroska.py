"""One number in Matroska files that FFmpeg writes too large.

Blocks of a codec with a delay (Opus: 6.5 ms) are stored that much later, and CodecDelay takes it
back on playing. FFmpeg's Duration counts the stored times, so a file would claim to outlast its
own picture and sound. RFC 9559, sections 5.1.2.10 (Duration) and 5.1.4.1.25 (CodecDelay).
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import IO

from ..errors import OutputError

_DURATION = b"\x44\x89\x88"  # element id 0x4489, a float of 8 bytes


def set_duration(file: IO[bytes], seconds: Fraction) -> None:
    """Write the duration of the whole into the head of a file that is open for ``r+b``."""
    file.seek(0)
    at = file.read(1 << 16).find(_DURATION)
    if at < 0:
        raise OutputError("The Matroska file has no duration. Please report this.")
    file.seek(at + len(_DURATION))
    file.write(struct.pack(">d", float(seconds * 1000)))  # in ticks of 1 ms, FFmpeg's only scale
    file.seek(0, 2)
