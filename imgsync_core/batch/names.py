"""Which file each row makes: below the folder, and no two the same."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

from ..errors import OutputError


def below(written: str) -> str:
    """A name as written, as a path below a folder with slashes. Raises OutputError.

    The same on every system, so that a table means the same wherever it is used.
    """
    path = PurePosixPath(written.replace("\\", "/"))
    away = path.is_absolute() or ".." in path.parts or PureWindowsPath(written).drive
    if away or "\0" in written or ":" in written or not path.name:
        raise OutputError(
            f"{written!r} is no name below the output folder. Leave out drives, .. and colons."
        )
    return str(path)


def folded(name: str) -> str:
    """Names that some disk takes for the same are equal."""
    return unicodedata.normalize("NFC", name).casefold()


def stem_of(place: str) -> str:
    """The name of a file or of an address, without folders and ending, as part of another name."""
    stem = PurePosixPath(place.replace("\\", "/")).stem
    return "".join("_" if c in '<>:"|?*' or ord(c) < 32 else c for c in stem) or "video"


class Free:
    """Names that are not taken yet.

    taken: what is, as `folded` has it, with who has it; what is given out is taken too.
    """

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}
        self._reached: dict[str, int] = {}  # many of one name are not counted from 1 each time

    def take(self, stem: str, ending: str, who: int) -> str:
        """The name, or the first with a number that nobody has."""
        first = folded(stem + ending)
        number, name = self._reached.get(first, 1), stem + ending
        while folded(name) in self.taken:
            number += 1
            name = f"{stem}-{number}{ending}"
        self.taken[folded(name)], self._reached[first] = who, number
        return name
