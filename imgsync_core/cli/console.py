"""Words for whoever reads them: a console that lacks letters, a pipe that was closed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

_CLOSED = 1  # exit code where the reader of what is printed has left


def spoken(run: Callable[[], int]) -> int:
    """What ``run`` returns, with stdout and stderr that print every name, odd ones escaped.

    A name of a file need not be text, and a console need not have its letters. A reader that
    leaves, as ``head`` does, ends the command without a word.
    """
    streams: list[Any] = [s for s in (sys.stdout, sys.stderr) if hasattr(s, "reconfigure")]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")
    try:
        code = run()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _forget(streams)
        return _CLOSED
    finally:
        for stream, errors in zip(streams, before, strict=True):
            stream.reconfigure(errors=errors)


def _forget(streams: list[Any]) -> None:
    """What Python still holds for a closed pipe goes nowhere; else it complains when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
