"""What file headers say where FFmpeg does not tell: lengths, to notice what is cut short, names.

RIFF: "Multimedia Programming Interface and Data Specifications 1.0", Microsoft/IBM 1991; with
"valid bits": "Multiple Channel Audio Data and WAVE Files", Microsoft 2007.
RF64: RIFF above 4 GB, whose chunk "ds64" holds the true sizes; EBU Tech 3306.
MP4: the codec's four letters in box "stsd", ISO/IEC 14496-12, 8.5.2. Matroska: the element CodecID,
RFC 9559. AVI: the stream header "strh".
Xing/Info: the table that VBR encoders put into the first frame of an MP3.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from .opening import MediaFile

_LETTERS = rb"([\x20-\x7e]{4})"
_DESCRIBED = re.compile(rb"stsd.{12}" + _LETTERS, re.DOTALL)
_CODECS = (
    re.compile(rb"\x86[\x81-\xff](V_[A-Z0-9_/]{1,60})"),
    re.compile(rb"strh.{4}vids" + _LETTERS, re.DOTALL),
)
_UNKNOWN = 0x7FFF_0000  # sizes from here on are what programs write that cannot know the size
_SUSPECT = 1_000_000_000  # so are these (2000000000, 10^9, 2^30), where the file has no such size
_BEYOND = 1000  # times what is there: no file is cut so short
_PCM, _EXTENSIBLE = 1, 0xFFFE
_FORM, _CHUNKS = 40, 4096  # bytes of a format, chunks before the sound: more are none
_NEAR = 4096  # bytes from the header of a picture track to its codec


@dataclass(frozen=True)
class Riff:
    """The format and the size of a WAV file, as its header states them.

    kind: format tag (1 = integers).   channels, bytes: of a sample of one channel.
    data_bytes: that the data chunk claims to hold; None where it does not say, or cannot know.
    """

    kind: int
    channels: int
    bytes: int
    data_bytes: int | None


@contextmanager
def _opened(file: MediaFile) -> Iterator[IO[bytes]]:
    if isinstance(file, (str, os.PathLike)):
        with Path(file).open("rb") as opened:
            yield opened
    else:  # which may be open as a container at the same time
        place = file.tell()
        file.seek(0)
        try:
            yield file
        finally:
            file.seek(place)


def riff(file: MediaFile) -> Riff | None:
    """The header of a WAV file; None where it is none, or has no format before its data."""
    with _opened(file) as data:
        return _riff(data)


def _riff(file: IO[bytes]) -> Riff | None:
    if file.read(4) not in (b"RIFF", b"RF64") or len(file.read(8)) < 8:
        return None
    form, large = b"", 0
    for _ in range(_CHUNKS):
        if len(header := file.read(8)) < 8:
            return None
        name, size = struct.unpack("<4sI", header)
        start = file.tell()
        if name == b"fmt ":
            form = file.read(min(size, _FORM))
        elif name == b"ds64":
            chunk = file.read(min(size, _FORM))
            large = struct.unpack_from("<Q", chunk, 8)[0] if len(chunk) >= 16 else 0
        elif name == b"data":
            there = file.seek(0, os.SEEK_END) - start
            file.seek(start)
            known = size < _UNKNOWN and not _far_beyond(size, there)
            return _format(form, size if known else large, file)
        file.seek(start + size + size % 2)
    return None


def _format(form: bytes, size: int, file: IO[bytes]) -> Riff | None:
    if len(form) < 16:
        return None
    kind, channels, _, _, align, bits = struct.unpack_from("<HHIIHH", form)
    if not channels or align < channels:
        return None
    if kind == _EXTENSIBLE and len(form) >= 26:
        kind = struct.unpack_from("<H", form, 24)[0]
    elif kind == _PCM and bits == 24 and align == 4 * channels and _floats(file.read(1 << 16)):
        kind = 3  # Cool Edit's "24.0 float", which says that it holds integers
    return Riff(kind, channels, align // channels, size or None)


def _floats(data: bytes) -> bool:
    """Whether four bytes each are floats of the size of 24-bit integers, and not integers."""
    values = np.abs(np.frombuffer(data[: len(data) // 4 * 4], "<f4"))
    values = values[values != 0]
    if not values.size or not np.isfinite(values).all():
        return False
    return bool(values.max() <= 2**24 and np.median(values) > 1e-3)


def _far_beyond(promised: int, there: int) -> bool:
    """Whether a header's length is no length but what a program writes that does not know it."""
    return promised > _BEYOND * max(1, there) or (promised >= _SUSPECT and promised > 2 * there)


def riff_samples(file: MediaFile) -> int | None:
    """Samples that the ``data`` chunk of a WAV file claims to hold; None where it does not say."""
    header = riff(file)
    if header is None or header.data_bytes is None:
        return None
    return header.data_bytes // (header.bytes * header.channels)


def xing_samples(file: MediaFile) -> int | None:
    """Samples of all frames of an MP3, as the table in its first frame counts them, or None."""
    with _opened(file) as data:
        head = data.read(10)
        if head[:3] == b"ID3" and len(head) == 10:
            data.seek(10 + tag_bytes(head))
            head = b""
        first = head + data.read(4096)
    at = max(first.find(b"Xing"), first.find(b"Info"))
    if at < 4 or len(first) < at + 12:
        return None
    flags, frames = struct.unpack_from(">II", first, at + 4)
    start = first.rfind(b"\xff", 0, at - 8)  # of the frame's header; between are zeros
    while start > 0 and first[start + 1] < 0xE0:
        start = first.rfind(b"\xff", 0, start)
    version_1 = first[start + 1] & 0x18 == 0x18
    return frames * (1152 if version_1 else 576) if flags & 1 else None


def tag_bytes(head: bytes) -> int:
    """The size that the first ten bytes of an ID3v2 tag state; "syncsafe": seven bits a byte."""
    a, b, c, d = head[6:10]
    return a << 21 | b << 14 | c << 7 | d


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
    if (codec := _mp4_codec(data)) is not None:
        return codec
    for pattern in _CODECS:
        if (found := pattern.search(data)) is not None:
            return found[1].decode("latin-1").strip()
    return None


def _mp4_codec(data: bytes) -> str | None:
    """The codec of the first track of pictures, whose media header is the box "vmhd"."""
    at, before, media = data.find(b"stsd"), 0, -1
    while at >= 0:
        media, before = max(media, data.rfind(b"vmhd", before, at)), at
        if media >= 0 and at - media <= _NEAR:
            found = _DESCRIBED.match(data, at)
            if found is not None:
                return found[1].decode("latin-1").strip()
        at = data.find(b"stsd", at + 4)
    return None
