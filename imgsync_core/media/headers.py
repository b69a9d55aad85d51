"""What file headers say where FFmpeg does not tell: lengths, to notice what is cut short, names.

RIFF: "Multimedia Programming Interface and Data Specifications 1.0", Microsoft/IBM 1991.
RF64: RIFF above 4 GB, whose chunk "ds64" holds the true sizes; EBU Tech 3306.
MP4: the codec's four letters in box "stsd", ISO/IEC 14496-12, 8.5.2. Matroska: the element CodecID,
RFC 9559. AVI: the stream header "strh".
Xing/Info: the table that VBR encoders put into the first frame of an MP3.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import IO

_LETTERS = rb"([\x20-\x7e]{4})"
_CODECS = (
    re.compile(rb"vmhd.{,4096}?stsd.{12}" + _LETTERS, re.DOTALL),
    re.compile(rb"\x86[\x81-\xff](V_[A-Z0-9_/]{1,60})"),
    re.compile(rb"strh.{4}vids" + _LETTERS, re.DOTALL),
)
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


def video_codec(file: str | os.PathLike[str] | IO[bytes]) -> str | None:
    """What a file of MP4, Matroska or AVI calls the codec of its picture; None where unknown."""
    if isinstance(file, (str, os.PathLike)):
        with Path(file).open("rb") as opened:
            return video_codec(opened)
    file.seek(0)
    edge = 4 << 20  # a header is at one of the two ends
    head = file.read(edge)
    file.seek(max(len(head), file.seek(0, os.SEEK_END) - edge))
    data = head + file.read()
    for pattern in _CODECS:
        if (found := pattern.search(data)) is not None:
            return found[1].decode("latin-1").strip()
    return None
