"""Where files are: on this machine, or at an address that fsspec reads, such as s3://bucket/a.png.

The network is used for addresses that somebody wrote, and for nothing else.
"""

from __future__ import annotations

import os
import posixpath
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

from ..errors import ImgSyncError, InputError, OutputError
from ..media.target import part_of

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters at least: C:// is a drive
_STAMPS = (
    "ETag",
    "etag",
    "md5Hash",
    "mtime",
    "LastModified",
    "last_modified",
    "updated",
    "created",
)


def is_address(place: str) -> bool:
    """Whether it is no path of this machine."""
    return _ADDRESS.match(place) is not None


def resolved(written: str, folder: str) -> str:
    """A path or an address as written in a file of that folder, which may be an address.

    ``file://`` is a path like any other.
    """
    if written.lower().startswith("file://"):
        return url2pathname(written.partition("://")[2])
    if is_address(written) or os.path.isabs(written) or written.startswith("/"):
        return written
    if not is_address(folder):
        return os.path.join(folder, written)
    scheme, _, rest = folder.partition("://")
    return f"{scheme}://{posixpath.normpath(posixpath.join(rest, written))}"


def folder_of(place: str) -> str:
    """The folder that a path or an address is in."""
    if is_address(place):
        return place.rpartition("/")[0]
    return os.path.dirname(os.path.abspath(place))


def stamp(place: str) -> str:
    """Changes when what is there does. Raises InputError where nothing is."""
    if not is_address(place):
        try:
            state = os.stat(place)
        except (OSError, ValueError) as e:
            raise InputError(f"{place}: there is no such file. Check the name.") from e
        return f"{state.st_size} {state.st_mtime_ns}"
    info = _info(place)
    if info is None:
        raise InputError(f"{place}: there is nothing at this address. Check it.")
    return f"{info.get('size')} {next((info[k] for k in _STAMPS if info.get(k)), '')}"


def size(place: str) -> int | None:
    """Bytes of a file; None where there is none."""
    if not is_address(place):
        return os.path.getsize(place) if os.path.isfile(place) else None
    info = _info(place)
    return None if info is None or info.get("type") == "directory" else info.get("size")


@contextmanager
def fetched(*places: str) -> Iterator[list[str]]:
    """These as files of this machine; copies of what is at addresses go away afterwards.

    They keep their names. Raises InputError.
    """
    with tempfile.TemporaryDirectory(prefix="imgsync-") as scratch:
        found = []
        for i, place in enumerate(places):
            if is_address(place):
                copy = os.path.join(scratch, str(i), posixpath.basename(place) or "file")
                _fetch(place, copy)
                place = copy
            found.append(place)
        yield found


def read(place: str) -> bytes:
    """What is in a file. Raises InputError."""
    with fetched(place) as (file,):
        try:
            return Path(file).read_bytes()
        except (OSError, ValueError) as e:
            why = getattr(e, "strerror", None) or e
            raise InputError(f"{place} cannot be read ({why}).") from e


@contextmanager
def delivered(place: str) -> Iterator[Path]:
    """A file to write for a place; what is at an address appears there whole, at the end.

    Raises OutputError.
    """
    if not is_address(place):
        path = Path(place)
        make_folder(path.parent)
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="imgsync-") as scratch:
        path = Path(scratch) / posixpath.basename(place)
        yield path
        put(path, place)


def put(path: Path, place: str) -> None:
    """Copy a file to an address: under another name until it is whole. Raises OutputError."""
    files, target = _at(place, OutputError)
    folder, name = posixpath.split(target)
    part = posixpath.join(folder, part_of(Path(name)).name)
    try:
        files.makedirs(folder, exist_ok=True)
        files.put_file(str(path), part)
        if files.exists(target):  # not all of them replace what is there
            files.rm_file(target)
        files.mv(part, target)
    except Exception as e:  # each kind of address has errors of its own
        raise OutputError(f"{place} cannot be written ({_why(e)}).") from e


def make_folder(folder: Path) -> None:
    """A folder of this machine, if it is not there yet. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"{folder}: the folder cannot be made ({e.strerror}).") from e


def _fetch(place: str, copy: str) -> None:
    files, source = _at(place, InputError)
    os.makedirs(os.path.dirname(copy), exist_ok=True)
    try:
        files.get_file(source, copy)
    except FileNotFoundError:
        raise InputError(f"{place}: there is nothing at this address. Check it.") from None
    except Exception as e:  # each kind of address has errors of its own
        raise InputError(f"{place} cannot be fetched ({_why(e)}).") from e


def _info(place: str) -> dict[str, Any] | None:
    files, path = _at(place, InputError)
    try:
        return files.info(path)
    except FileNotFoundError:
        return None
    except Exception as e:  # each kind of address has errors of its own
        raise InputError(f"{place} cannot be reached ({_why(e)}).") from e


def _at(place: str, error: type[ImgSyncError]) -> tuple[Any, str]:
    """What reads addresses of this kind, and the path there."""
    scheme = place.partition("://")[0]
    try:
        import fsspec
    except ImportError as e:
        raise error(f"{scheme}:// needs the package fsspec: pip install fsspec") from e
    try:
        files, path = fsspec.url_to_fs(place)
    except ImportError as e:  # says which package reads this kind of address
        raise error(f"{place}: {_why(e)}") from e
    except Exception as e:
        raise error(f"{place} is no address that can be used ({_why(e)}).") from e
    return files, path


def _why(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
