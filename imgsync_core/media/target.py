"""Where a file is to be written: whether it can be, and under which name until it is whole."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from ..errors import OutputError

_TOKEN_BYTES = 3  # of the name under which a file is written


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
    return Path(f"{path}.{secrets.token_hex(_TOKEN_BYTES)}.part")
