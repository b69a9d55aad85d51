"""Opening media files, with one sentence for each way in which that fails."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import av
from av.error import FFmpegError
from av.stream import Disposition

from ..errors import InputError
from .kinds import HEAD_BYTES, HEIC, foreign, is_heic

MediaFile = str | os.PathLike[str] | IO[bytes]
MAX_PIXELS = 120_000_000  # 10,000 x 12,000; more is a mistake or a decompression bomb
LONGEST_SIDE = 65_535  # pixels, as JPEG has it; decoders are slow with longer rows
MOST_PIXELS = 8_000_000_000  # of all frames of an animation together: 1000 of 4K
# FFmpeg's demuxers that open what their file names: other files, devices, addresses
_NAMING = {
    "avisynth", "concat", "dash", "hls", "imf", "lavfi", "mlv", "rtp", "rtsp", "sap", "sdp",
    "vapoursynth", "vobsub",
}  # fmt: skip
# protocol: of what a file names all the same.   pattern: "%d" in a name is a part of it
_OPTIONS = {
    "format_whitelist": ",".join(sorted(av.formats_available - _NAMING)),
    "protocol_whitelist": "file",
    "pattern_type": "none",
}


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
    Nothing but the file itself is read: one that is a list of others is refused.
    """
    source: Any = file
    if isinstance(file, (str, os.PathLike)):
        _refuse_place(Path(file), error)
        source = str(Path(file).absolute())  # FFmpeg takes "note:1.wav" for an address
    elif isinstance(file, BytesIO):
        source = BytesIO(file.getvalue())  # its own position: a file may be open more than once
    try:
        with binary(file, error) as opened:
            refuse_foreign(opened.read(HEAD_BYTES), name_of(file), error)
            opened.seek(0)
        container = av.open(
            source,
            options=_OPTIONS | (options or {}),
            metadata_errors="replace",  # many tags are of another encoding than they should be
        )
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


@contextmanager
def binary(file: MediaFile, error: type[InputError]) -> Iterator[IO[bytes]]:
    """A file opened for reading from its start; one that is handed in open stays so.

    Raises ``error`` for what can be read only once, and OSError.
    """
    if isinstance(file, (str, os.PathLike)):
        refuse_stream(Path(file), error)
        with Path(file).open("rb") as opened:
            yield opened
        return
    if not file.seekable():
        raise error(f"{name_of(file)} can be read only once. Save it to a file first.")
    file.seek(0)
    yield file


def refuse_stream(path: Path, error: type[InputError]) -> None:
    """Raise ``error`` for pipes, sockets and devices: files are read more than once, and opening
    a pipe waits for whoever writes into it."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise error(f"{path} is a pipe or a device, no file. Save it to a file first.")


def refuse_foreign(head: bytes, name: str, error: type[InputError]) -> None:
    """Raise ``error`` where a file that starts with ``head`` is of a kind that is not read."""
    kind = HEIC if is_heic(head) else foreign(head)
    if kind is not None:
        raise error(kind.sentence(name))


def _refuse_place(path: Path, error: type[InputError]) -> None:
    try:
        if path.is_dir():
            raise error(f"{path} is a folder. Name a file in it.")
        if not path.exists():
            raise error(f"{path}: there is no such file. Check the name.")
        if path.is_file() and path.stat().st_size == 0:
            raise error(f"{path.name} is empty. Copy or export it again.")
        refuse_stream(path, error)
    except OSError as e:
        raise error(f"{path.name[:40]}... cannot be read ({reason(e)}).") from e


def refuse_bomb(
    size: tuple[int, int], name: str, error: type[InputError], most: int = MAX_PIXELS
) -> None:
    """Raise ``error`` for more pixels than are read, or in one row or column."""
    if size[0] * size[1] > most:
        raise error(bomb_sentence(name, size, most))
    if max(size) > LONGEST_SIDE:
        raise error(
            f"{name} has {size[0]}x{size[1]} pixels; a side has {LONGEST_SIDE} at most. Cut it."
        )


def refuse_many(n: int, size: tuple[int, int], name: str, error: type[InputError]) -> None:
    """Raise ``error`` for an animation whose ``n`` frames take minutes to look through."""
    if n * size[0] * size[1] > MOST_PIXELS:
        raise error(
            f"{name} is an animated picture of {n:,} frames of {size[0]}x{size[1]} pixels, too "
            "many to look through. Convert it to a video first."
        )


def bomb_sentence(name: str, size: tuple[int, int] | None = None, most: int = MAX_PIXELS) -> str:
    """For the user, of a picture or a frame that is too large."""
    what = f" {size[0]}x{size[1]} pixels" if size else " far too many pixels"
    return f"{name} has{what}; the limit is {most // 1_000_000} megapixels. Scale it down first."


def has_only_sound(file: MediaFile) -> bool:
    """Whether a file can be read and has sound, but no moving picture; a cover is none."""
    try:
        with open_media(file, InputError, "media") as container:
            films = [
                s for s in container.streams.video if not s.disposition & Disposition.attached_pic
            ]
            return bool(container.streams.audio) and not films
    except InputError:
        return False


def reason(error: Exception) -> str:
    """The operating system's or FFmpeg's own words, without numbers and paths."""
    return getattr(error, "strerror", None) or str(error)
