"""Which videos the files of a command line make: what with what, under which names."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError

_FIELDS = ("picture", "sound", "n")


@dataclass(frozen=True)
class Task:
    """One video: a picture or a clip, a sound or none, and the file to write."""

    picture: str
    sound: str | None
    target: Path


def tasks(files: list[str], output: str | None, verb: str, ending: str) -> list[Task]:
    """The videos of these files.

    files: a picture and perhaps a sound; or several pictures with one sound, one picture with
        several sounds, or as many of both, which go together in order. Patterns such as ``*.jpg``
        that the shell has left are resolved.
    output: a name, or one with {picture}, {sound} or {n} (1, 2, ...) in it; None = named after
        the picture and the verb, or the sound where there are several, with the ending.
    """
    pairs = _pairs([found for file in files for found in _resolved(file)])
    if output is None:
        several = len({sound for _, sound in pairs}) > 1
        output = "{picture}-{sound}" if several else f"{{picture}}-{verb}"
        made = [_free(Path(_named(output, n, *pair) + ending)) for n, pair in enumerate(pairs, 1)]
    else:
        made = [Path(_named(output, n, *pair)) for n, pair in enumerate(pairs, 1)]
    if len(set(made)) < len(made):
        raise InputError(
            f"{len(made)} videos would have the name {made[0]}. Put {{picture}}, {{sound}} or "
            "{n} into it, such as -o '{picture}-{sound}.mp4'."
        )
    return [Task(*pair, target) for pair, target in zip(pairs, made, strict=True)]


def _resolved(file: str) -> list[str]:
    """The files of a pattern, sorted; anything else as it is."""
    if os.path.exists(file) or not glob.has_magic(file):
        return [file]
    found = sorted(glob.glob(file))
    if not found:
        raise InputError(f"No file matches {file}. Check the pattern.")
    return found


def _pairs(files: list[str]) -> list[tuple[str, str | None]]:
    if len(files) <= 2:
        return [(files[0], files[1] if len(files) == 2 else None)]
    from ..media.opening import has_only_sound

    sounds = [file for file in files if has_only_sound(file)]
    pictures = [file for file in files if file not in sounds]
    if not pictures:
        raise InputError("All of these files are sounds. Give a picture too.")
    if len(pictures) > 1 and len(sounds) > 1 and len(pictures) != len(sounds):
        raise InputError(
            f"{len(pictures)} pictures and {len(sounds)} sounds do not go together one to one. "
            "Give as many of both, or one of them."
        )
    if len(sounds) == 1 or not sounds:
        return [(picture, sounds[0] if sounds else None) for picture in pictures]
    if len(pictures) == 1:
        return [(pictures[0], sound) for sound in sounds]
    return list(zip(pictures, sounds, strict=True))


def _named(pattern: str, n: int, picture: str, sound: str | None) -> str:
    """The pattern with names without their endings in it."""
    values = (Path(picture).stem, Path(sound).stem if sound else "silent", str(n))
    known: dict[str, str] = dict(zip(_FIELDS, values, strict=True))

    def value(field: re.Match[str]) -> str:
        if field[1] not in known:
            raise InputError(
                f"{field[0]} in {pattern} stands for nothing. Use {{picture}}, {{sound}} or {{n}}."
            )
        return known[field[1]]

    return re.sub(r"\{(\w+)\}", value, pattern)


def _free(path: Path) -> Path:
    """The path, or the first with a number that is not there yet: nobody named it."""
    tried, number = path, 1
    while os.path.exists(tried):
        number += 1
        tried = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return tried
