"""Locks of the system, which lets go of them when a process ends, however that happens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_PRIVATE = 0o600


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Whether nobody else holds this lock; it is held until the context ends."""
    with open(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE), "r+b") as file:
        yield lock(file) and is_still(path, file)


def lock(file: IO[Any]) -> bool:
    """Lock an open file until it is closed; False where somebody else has, or where files cannot
    be locked."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_still(path: Path, file: IO[Any]) -> bool:
    """Whether an open file has not been deleted meanwhile, its name perhaps given to another."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(file.fileno()))
    except OSError:
        return False
