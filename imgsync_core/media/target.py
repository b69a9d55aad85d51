"""Where a file is to be written: whether it can be, and under which name until it is whole.

::

    out.mp4.1f0c3a.part    the video while it is written, by this run alone
    out.mp4.1f0c3a.lock    held as long as somebody writes it

A run that is killed leaves both. As the system lets go of the lock, the next run that writes into
the folder knows that nobody is at work on them and deletes them; what has no such lock beside it is
somebody else's. The lock is a file of its own: a share of Windows lets nobody write what is locked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputError
from ..locks import is_still, lock

_TOKEN_BYTES = 3  # of the name under which a file is written
_PART, _LOCK = ".part", ".lock"
_LOCKS = re.compile(r".+\.[0-9a-f]{6}\.lock", re.DOTALL)  # names of them
_MARK = b"ImgSync writes the file that ends in .part\n"  # what they hold
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def check_target(path: Path, overwrite: bool) -> None:
    """Raise OutputError where a file cannot be put, before any work is done."""
    try:
        part_of(path).stat()
    except OSError as e:
        if e.errno == errno.ENAMETOOLONG:
            raise OutputError(
                f"{path.name[:40]}...: the name is too long. Choose another."
            ) from None
    if path.is_dir():
        raise OutputError(f"{path} is a folder. Name a file in it.")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already. Choose another name or allow overwriting.")
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent}: there is no such folder. Create it first.")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent} may not be written. Choose another folder.")


def part_of(path: Path) -> Path:
    """A name beside ``path`` that no other run has."""
    return Path(f"{path}.{secrets.token_hex(_TOKEN_BYTES)}{_PART}")


@contextmanager
def claimed(path: Path) -> Iterator[Path]:
    """An empty file beside ``path`` to write into, which nobody else touches meanwhile.

    It is deleted in the end, unless it was renamed. Raises OSError.
    """
    part = part_of(path)
    with _guarded(part.with_suffix(_LOCK)):
        part.open("xb").close()
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _guarded(guard: Path) -> Iterator[None]:
    """A lock that is held, and marked as such; where disks know no locks it stays without mark."""
    file = guard.open("x+b", buffering=0)  # before the try: a file that was there stays
    try:
        with file:
            if lock(file):
                file.write(_MARK)
            yield
    finally:
        with contextlib.suppress(OSError):
            guard.unlink(missing_ok=True)


def clear_leftovers(folder: Path) -> None:
    """Delete what runs that were killed have left in a folder; nobody else's, nobody's at work."""
    with contextlib.suppress(OSError):  # what cannot be listed or deleted harms nobody
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if _LOCKS.fullmatch(entry.name)]
        for entry in found:
            is_file = entry.is_file(follow_symlinks=False)
            if is_file and entry.stat(follow_symlinks=False).st_size == len(_MARK):
                _clear(Path(entry.path))


def _clear(guard: Path) -> None:
    """Delete what a lock stands for, and it, if it is ours and nobody holds it."""
    with contextlib.suppress(OSError):
        with open(os.open(guard, os.O_RDWR | _NO_LINK), "r+b", buffering=0) as file:
            if file.read(len(_MARK)) != _MARK:  # before it is locked: others' locks are left alone
                return
            file.seek(0)
            if not (lock(file) and is_still(guard, file)):
                return
            guard.with_suffix(_PART).unlink(missing_ok=True)
        guard.unlink(missing_ok=True)  # after it is closed: Windows deletes no open files
