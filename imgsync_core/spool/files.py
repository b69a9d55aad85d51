"""Files that are either whole or not there, and that nobody else may read."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
PART = ".part"
SUM = 32  # bytes of a checksum


def private_folder(path: Path) -> None:
    """Make a folder that is the user's alone; those above it are made as usual."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file with its checksum, so that after a crash at any byte it is whole or not there.

    Raises OSError; nothing is left then.
    """
    part = path.with_name(path.name + PART)
    total = hashlib.blake2b(digest_size=SUM)
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as file:
            for data in parts:
                total.update(data)
                file.write(data)
            file.write(total.digest())
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def read_whole(path: Path) -> memoryview | None:
    """What was written, or None where it is not there, torn or rotten."""
    try:
        data = memoryview(path.read_bytes())
    except OSError:
        return None
    body, stated = data[:-SUM], data[-SUM:]
    return body if hashlib.blake2b(body, digest_size=SUM).digest() == stated else None


def _sync_folder(folder: Path) -> None:
    """Let the name of a new file survive a power cut, where folders can be synced."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def bytes_in(folder: Path) -> int:
    """Bytes of the files in a folder; 0 where there is none."""
    total = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):  # it has just been deleted
                total += entry.stat().st_size
    return total
