"""Metadata in WebP files, which FFmpeg cannot write: an EXIF chunk in the place ComfyUI looks.

WebP container specification: RIFF chunks of even size; ``VP8X`` announces what the file holds.
"""

from __future__ import annotations

import struct
from typing import IO, Any

from PIL import Image

from ..errors import OutputError
from .tags import text_of

_TAGS = {"prompt": 0x0110, "workflow": 0x010F}  # EXIF Model and Make, by ComfyUI's convention
_HAS_EXIF, _HAS_ALPHA = 0x08, 0x10


def set_metadata(file: IO[bytes], metadata: dict[str, Any], size: tuple[int, int]) -> None:
    """Add ``prompt`` and ``workflow`` to a WebP of ``size`` that is open for ``r+b``."""
    exif, texts = Image.Exif(), text_of(metadata)
    for key, tag in _TAGS.items():
        if key in texts:
            exif[tag] = f"{key}:{texts[key]}"
    if not len(exif):
        return
    payload = exif.tobytes().removeprefix(b"Exif\0\0")
    _announce(file, size)
    file.seek(0, 2)
    file.write(_chunk(b"EXIF", payload))
    _set_size(file)


def _announce(file: IO[bytes], size: tuple[int, int]) -> None:
    """Set the EXIF flag in ``VP8X``; a simple file gets that chunk first."""
    file.seek(12)
    kind = file.read(4)
    if kind == b"VP8X":
        file.seek(20)
        flags = file.read(1)[0]
        file.seek(20)
        file.write(bytes([flags | _HAS_EXIF]))
        return
    if kind not in (b"VP8 ", b"VP8L"):
        raise OutputError("The WebP file starts strangely. Please report this.")
    file.seek(12)
    picture = file.read()
    flags = _HAS_EXIF | (_HAS_ALPHA if kind == b"VP8L" else 0)
    w, h = ((side - 1).to_bytes(3, "little") for side in size)
    file.seek(12)
    file.write(_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + w + h) + picture)


def _chunk(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)


def _set_size(file: IO[bytes]) -> None:
    end = file.seek(0, 2)
    file.seek(4)
    file.write(struct.pack("<I", end - 8))
    file.seek(0, 2)
