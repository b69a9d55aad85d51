"""Which of the pictures in a TIFF file is the picture: raw photos and scans put a thumbnail first.

TIFF 6.0 and its supplement 1 (SubIFDs); TIFF/EP and DNG for what raw photos say of themselves.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import IO

_MOST = 32  # directories that are looked at
_REDUCED, _WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _SUB = (
    254, 256, 257, 259, 262, 274, 330,
)  # fmt: skip
_TAGS = {_REDUCED, _WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _SUB}
_SIZES = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 13: ("I", 4)}
# colour filter array, LinearRaw; compressions of Nikon, Samsung, Sony, Kodak, Pentax, DNG
_SENSOR = frozenset((32803, 34892))
_PACKED = frozenset((34713, 32767, 32769, 32770, 32772, 34892, 52546, 65000, 65535))


@dataclass(frozen=True)
class Directory:
    """One picture of a file.   at: where its description lies, in bytes."""

    at: int
    tags: dict[int, list[int]] = field(repr=False)

    def first(self, tag: int, default: int = 0) -> int:
        """The first value of a tag."""
        values = self.tags.get(tag)
        return values[0] if values else default

    @property
    def pixels(self) -> int:
        return self.first(_WIDTH) * self.first(_HEIGHT)

    @property
    def reduced(self) -> bool:
        """Whether it says of itself that it is a smaller copy of another one."""
        return bool(self.first(_REDUCED) & 1)

    @property
    def raw(self) -> bool:
        """Whether it holds what a sensor saw, or is packed as only raw photos are."""
        return self.first(_PHOTOMETRIC) in _SENSOR or self.first(_COMPRESSION) in _PACKED

    @property
    def orientation(self) -> int:
        return self.first(_ORIENTATION, 1)


def directories(file: IO[bytes]) -> list[Directory]:
    """All pictures of a TIFF file, those of its first directory's children after it; none for
    other files, and for BigTIFF, which no camera writes."""
    file.seek(0)
    head = file.read(8)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    if order is None or len(head) < 8:
        return []
    found: dict[int, Directory] = {}
    ahead = [struct.unpack(order + "I", head[4:])[0]]
    while ahead and len(found) < _MOST:
        at = ahead.pop(0)
        if not at or at in found:
            continue
        read = _directory(file, at, order)
        if read is None:
            continue
        found[at], following = read
        ahead[:0] = [*found[at].tags.get(_SUB, [])[:_MOST], following]
    return list(found.values())


def _directory(file: IO[bytes], at: int, order: str) -> tuple[Directory, int] | None:
    """A directory and where the next one lies; None where there is none."""
    file.seek(at)
    count = file.read(2)
    if len(count) < 2:
        return None
    n = struct.unpack(order + "H", count)[0]
    table = file.read(12 * n + 4)
    if len(table) < 12 * n:
        return None
    tags: dict[int, list[int]] = {}
    for i in range(n):
        tag, kind, values = struct.unpack_from(order + "HHI", table, 12 * i)
        if tag in _TAGS and kind in _SIZES and 0 < values <= _MOST:
            tags[tag] = _values(file, table[12 * i + 8 : 12 * i + 12], kind, values, order)
    following = table[12 * n :]
    return Directory(at, tags), struct.unpack(order + "I", following)[0] if following[3:] else 0


def _values(file: IO[bytes], inside: bytes, kind: int, n: int, order: str) -> list[int]:
    """The numbers of a tag: in the entry itself, or where that points to."""
    letter, width = _SIZES[kind]
    if n * width > 4:
        file.seek(struct.unpack(order + "I", inside)[0])
        inside = file.read(n * width)
    whole = len(inside) // width
    return list(struct.unpack(f"{order}{min(n, whole)}{letter}", inside[: min(n, whole) * width]))


def main_picture(found: list[Directory]) -> Directory:
    """The one that people see, whatever comes first: of full size, the largest of a raw photo.

    Pages that stand beside each other stay as they are: then it is the first.
    """
    first = found[0]
    full = [one for one in found if not one.reduced] or found
    if not first.reduced and not any(one.raw for one in full):
        children = {at for at in first.tags.get(_SUB, [])}
        full = [one for one in full if one is first or one.at in children]
    return max(full, key=lambda one: one.pixels)
