"""What file headers promise where FFmpeg does not tell: needed to notice files that are cut short.

RIFF: "Multimedia Programming Interface and Data Specifications 1.0", Microsoft/IBM 1991.
RF64: RIFF above 4 GB, whose chunk "ds64" holds the true sizes; EBU Tech 3306.
Xing/Info: the table that VBR encoders put into the first frame of an MP3.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_UNKNOWN = 0x7FFF_0000  # sizes from here on are what programs write that cannot know the size


def riff_samples(path: str | os.PathLike[str]) -> int | None:
    """Samples that the ``data`` chunk of a WAV file claims to hold; None where it does not say."""
    block_align = large = 0
    with Path(path).open("rb") as file:
        if file.read(4) not in (b"RIFF", b"RF64") or len(file.read(8)) < 8:
            return None
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name == b"fmt ":
                chunk = file.read(size + size % 2)
                block_align = struct.unpack_from("<H", chunk, 12)[0] if len(chunk) >= 16 else 0
            elif name == b"ds64":
                chunk = file.read(size + size % 2)
                large = struct.unpack_from("<Q", chunk, 8)[0] if len(chunk) >= 16 else 0
            elif name == b"data":
                size = size if size < _UNKNOWN else large
                return size // block_align if block_align and size else None
            else:
                file.seek(size + size % 2, os.SEEK_CUR)
    return None


def has_xing(path: str | os.PathLike[str]) -> bool:
    """Whether an MP3 carries the table that states its number of frames."""
    with Path(path).open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3" and len(head) == 10:
            a, b, c, d = head[6:10]  # "syncsafe": seven bits a byte
            file.seek(10 + (a << 21 | b << 14 | c << 7 | d))
        first = head + file.read(4096)
    return b"Xing" in first or b"Info" in first
