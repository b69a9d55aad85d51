"""Opening media files, with one sentence for each way in which that fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

import av
from av.error import FFmpegError

from ..errors import InputError

MediaFile = str | os.PathLike[str] | IO[bytes]


def name_of(file: MediaFile) -> str:
    """What to call a file in a message."""
    return Path(file).name if isinstance(file, (str, os.PathLike)) else "the data in memory"


def open_media(
    file: MediaFile, error: type[InputError], what: str, options: dict[str, str] | None = None
) -> Any:
    """An open ``av`` input container; ``error`` with a sentence where that is not possible.

    file: a path of this machine (never an address of another), or a binary file object.
    what: what the caller hopes to find, such as ``"a video"``.
    options: of FFmpeg's demuxers; one that does not know an option ignores it.
    """
    source: Any = file
    if isinstance(file, (str, os.PathLike)):
        _refuse_place(Path(file), error)
        source = str(Path(file).absolute())  # FFmpeg takes "note:1.wav" for an address
    else:
        file.seek(0)
    try:
        container = av.open(source, options=options or {})
        if container.format.name == "tty":  # FFmpeg would show text as a film
            container.close()
            raise ValueError("it is text")
        return container
    except PermissionError:
        raise error(f"{source} may not be read. Check its permissions.") from None
    except (FFmpegError, OSError, ValueError) as e:
        raise error(
            f"{name_of(file)} is not {what} that can be read ({reason(e)}). "
            "Check the file, or convert it to a common format.",
            unknown=True,
        ) from e


def _refuse_place(path: Path, error: type[InputError]) -> None:
    try:
        if path.is_dir():
            raise error(f"{path} is a folder. Name a file in it.")
        if not path.exists():
            raise error(f"{path}: there is no such file. Check the name.")
        if path.is_file() and path.stat().st_size == 0:
            raise error(f"{path.name} is empty. Copy or export it again.")
    except OSError as e:
        raise error(f"{path.name[:40]}... cannot be read ({reason(e)}).") from e


def reason(error: Exception) -> str:
    """The operating system's or FFmpeg's own words, without numbers and paths."""
    return getattr(error, "strerror", None) or str(error)
