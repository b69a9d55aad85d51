"""Pictures whose end is missing, completed so that a decoder shows what is there.

Pillow can be told to do that by itself, but only for all threads of the process at once.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .opening import LONGEST_SIDE, MAX_PIXELS

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_END_OF_IMAGE = b"\xff\xd9"
_START_OF_SCAN = 0xFFDA
_FILLER = b"\x55" * 4096  # bits that a scan which is complete never reads
_ZEROS = 1 << 20  # bytes that are packed at a time
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a PNG's colour types
# Adam7: first column, first row, step of columns, step of rows (ISO/IEC 15948, section 8.2)
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip


@dataclass(frozen=True)
class Mended:
    """data: a file that decodes.   from_row, of rows: where what was missing starts.

    from_row is ``rows`` where only the end mark was missing.
    """

    data: bytes
    from_row: int
    rows: int


def mend(data: bytes) -> Mended | None:
    """A JPEG or PNG that ends too early, as one that decodes; None where nothing of it does."""
    if data.startswith(JPEG):
        return _mend_jpeg(data)
    if data.startswith(PNG):
        return _mend_png(data)
    return None


def _mend_jpeg(data: bytes) -> Mended | None:
    """libjpeg repeats the last colour from where the data end, if only there is an end mark.

    Where they end no decoder tells. But what follows the last row is not read, so that two files
    with different bits after the end decode to the same picture up to the first row that is lost.
    """
    if data.rstrip(b"\0\xff").endswith(_END_OF_IMAGE):
        return None  # it does not end too early
    shown, other = (_pixels(data + more + _END_OF_IMAGE) for more in (b"", _FILLER))
    if shown is None or other is None:
        return None
    rows = shown.shape[0]
    lost = np.array([row for row in range(rows) if not np.array_equal(shown[row], other[row])])
    del other  # each may take a third of a gigabyte
    bare = _pixels(data[: _first_scan(data)] + _END_OF_IMAGE)
    if len(lost) and bare is not None and np.array_equal(shown, bare):
        return None  # it shows no more than its header alone
    return Mended(data + _END_OF_IMAGE, int(lost[0]) if len(lost) else rows, rows)


def _first_scan(data: bytes) -> int:
    """Where the coded picture starts: after the first SOS segment (ITU T.81, B.1.1)."""
    at = 2
    while at + 4 <= len(data):
        marker, size = struct.unpack_from(">HH", data, at)
        at += 2 + size
        if marker == _START_OF_SCAN:
            break
    return at


def _pixels(data: bytes) -> np.ndarray | None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            allowed = image.width * image.height <= MAX_PIXELS
            return np.asarray(image) if allowed else None
    except Exception:  # whatever a decoder says of it
        return None


def _mend_png(data: bytes) -> Mended | None:
    """Rows that are not there become zeros: black, or transparent where there is an alpha."""
    kept, packed, header = [], [], b""
    for name, body, whole in _chunks(data):
        if name == b"IEND":
            return None  # it does not end too early
        if name == b"IDAT":
            packed.append(body)
        elif whole and not (packed and name == b"IHDR"):  # what comes late describes nothing
            header = body if name == b"IHDR" else header
            kept.append(_chunk(name, body))
    if len(header) != 13:
        return None
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if kind not in _SAMPLES or width * height > MAX_PIXELS or max(width, height) > LONGEST_SIDE:
        return None
    passes = list(_passes(width, height, depth * _SAMPLES[kind], bool(interlaced)))
    total = sum(stride * rows for stride, rows in passes)
    raw = _whole_rows(_unpacked(packed, total), passes)
    if not raw:
        return None
    rows = height if len(raw) == total else 0 if interlaced else len(raw) // passes[0][0]
    pixels = _chunk(b"IDAT", _filled(raw, total))
    return Mended(PNG + b"".join(kept) + pixels + _chunk(b"IEND", b""), rows, height)


def _filled(raw: bytes, total: int) -> bytes:
    """Rows packed, and after them so many zeros that it is ``total`` bytes; they are never held."""
    pack, left = zlib.compressobj(1), total - len(raw)
    zeros = bytes(min(left, _ZEROS))
    parts = [pack.compress(raw)]
    for begin in range(0, left, _ZEROS):
        parts.append(pack.compress(zeros[: left - begin]))
    return b"".join([*parts, pack.flush()])


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Name and body of each chunk, and whether all of it is there."""
    at = len(PNG)
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + 8 + size], at + 12 + size <= len(data)
        at += 12 + size


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _passes(width: int, height: int, bits: int, interlaced: bool) -> Iterator[tuple[int, int]]:
    """Bytes of a row, with the byte that names its filter, and rows of each pass over a picture."""
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -((left - width) // across), -((top - height) // down)
        if columns > 0 and rows > 0:
            yield 1 + -(-columns * bits // 8), rows


def _whole_rows(raw: bytes, passes: list[tuple[int, int]]) -> bytes:
    """The rows that are wholly there."""
    end = 0
    for stride, rows in passes:
        here = min(rows, (len(raw) - end) // stride)
        end += here * stride
        if here < rows:
            break
    return raw[:end]


def _unpacked(packed: list[bytes], most: int) -> bytes:
    unpacker, raw = zlib.decompressobj(), bytearray()
    try:
        for part in packed:
            raw += unpacker.decompress(part, most - len(raw))
            if len(raw) >= most:
                break
    except zlib.error:
        return bytes(raw)  # what came before the damage
    return bytes(raw)
