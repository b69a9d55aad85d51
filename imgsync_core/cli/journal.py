"""What happened, in a file that somebody named with --log."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ..errors import OutputError


def note(args: argparse.Namespace, *lines: str) -> None:
    """Append lines with the time; nothing where no file is named. Raises OutputError."""
    named = getattr(args, "log", None)
    if not named:
        return
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    try:
        with Path(named).open("a", encoding="utf-8") as file:
            file.writelines(f"{now} {line}\n" for line in lines)
    except OSError as e:
        raise OutputError(f"The log {named} cannot be written ({e.strerror}).") from e
