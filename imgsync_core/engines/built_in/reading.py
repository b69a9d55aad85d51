"""Curves that somebody wrote or edited, read from a file of the form that ``export`` writes."""

from __future__ import annotations

import csv
import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ...errors import InputError
from .pose import COLUMNS

_RELAX = 0.12  # seconds in which a face goes to rest after the last value
_CLOSED = 0.999  # a closure from here on leaves nothing of an opening
_MOST = 60_000_000  # bytes: two hours at 50 Hz are less
_COLUMNS = 64  # of an archive; a pose has fewer
_FORM = "Write one with: imgsync curves VOICE -o curves.csv"


@dataclass(frozen=True)
class Written:
    """times: float64 (n,) seconds, rising.   columns: of a pose, by name, float32 (n,) each."""

    times: np.ndarray
    columns: Mapping[str, np.ndarray]

    def put_on(self, poses: np.ndarray, fps: Fraction, offset: float = 0.0) -> np.ndarray:
        """Poses (n_frames, 16) with the columns that were written instead of their own.

        Frame ``i`` shows the values at ``i / fps - offset`` seconds, linear between those that were
        written; before the first it shows the first, after the last it relaxes within 0.12 s.
        """
        at = np.array([float(i / fps) for i in range(len(poses))]) - offset
        times = np.append(self.times, self.times[-1] + _RELAX)
        made = poses.copy()
        for name, values in self.columns.items():
            made[:, COLUMNS.index(name)] = np.interp(at, times, np.append(values, 0.0))
        return made


def read_curves(path: Path) -> Written:
    """A .csv or .npz with ``t`` in seconds and columns of a pose, as ``export`` writes it.

    Columns may be left out: the face then does there what it would do anyway. ``open`` is what
    remains of the opening beside ``close``; ``width`` stands for ``spread`` and ``round`` where
    the file has neither. Raises InputError for a file that cannot be read, unknown or missing
    columns, columns of different lengths, times that do not rise and values that are no numbers.
    """
    kind = path.suffix.lower()
    if kind not in (".csv", ".npz"):
        raise InputError(f"{path.name}: curves are read from .csv or .npz. {_FORM}")
    try:
        found = _of_csv(path) if kind == ".csv" else _of_npz(path)
    except OSError as e:
        raise InputError(f"{path.name} could not be read ({e.strerror or e}).") from e
    return _poses(path.name, _checked(path.name, found))


def _of_csv(path: Path) -> dict[str, np.ndarray]:
    if path.stat().st_size > _MOST:
        raise InputError(f"{path.name} is larger than {_MOST // 1_000_000} MB. {_FORM}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not a text file in UTF-8. {_FORM}") from None
    first = text.partition("\n")[0]
    mark = max(",;\t", key=first.count)
    try:
        rows = [row for row in csv.reader(text.splitlines(), delimiter=mark) if row]
    except csv.Error as e:  # a field of more than 128 kB
        raise InputError(f"{path.name} is not a table ({e}). {_FORM}") from None
    if len(rows) < 2:
        raise InputError(f"{path.name} has no rows of values. {_FORM}")
    names, body = [name.strip() for name in rows[0]], rows[1:]
    for number, row in enumerate(body, 2):
        if len(row) != len(names):
            raise InputError(
                f"{path.name}, row {number}: {len(row)} values for {len(names)} columns."
            )
    columns = zip(names, *body, strict=True)
    return {name: _numbers(path.name, name, column) for name, *column in columns}


def _numbers(file: str, name: str, texts: list[str]) -> np.ndarray:
    try:
        return np.array([float(text) for text in texts], np.float64)
    except ValueError:
        row = next(i for i, text in enumerate(texts, 2) if not _is_number(text))
        raise InputError(
            f"{file}, row {row}, column {name}: {texts[row - 2]!r} is not a number."
        ) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _of_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as raw, zipfile.ZipFile(raw) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if size > _MOST or len(members) > _COLUMNS:
                raise ValueError(f"{len(members)} members of {size:,} bytes")
            return {m.filename.removesuffix(".npy"): _member(archive, m) for m in members}
    except OSError:
        raise
    except Exception as e:  # a damaged archive raises whatever its bytes happen to say
        raise InputError(f"{path.name} is not an archive of numbers ({e!s:.200}). {_FORM}") from e


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """An array of an archive, float64. What it claims to hold beyond its own bytes is not made."""
    with archive.open(member) as file:
        data = io.BytesIO(file.read(member.file_size + 1))
    version = np.lib.format.read_magic(data)
    read_header = getattr(np.lib.format, f"read_array_header_{version[0]}_{version[1]}")
    shape, _, kind = read_header(data)
    if math.prod(shape) * kind.itemsize > member.file_size or kind.kind not in "fiub":
        raise ValueError(f"{member.filename} is of another form")
    data.seek(0)
    return np.asarray(np.lib.format.read_array(data, allow_pickle=False), np.float64)


def _checked(file: str, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The columns, if they are what they have to be."""
    known = ("t", *COLUMNS, "width")
    strange = [name for name in found if name not in known]
    if strange:
        raise InputError(
            f"{file}: unknown column {strange[0]!r}. A file of curves has: {', '.join(known)}."
        )
    if "t" not in found or len(found) < 2:
        lacking = "no column t (seconds)" if "t" not in found else "nothing but a column t"
        raise InputError(f"{file} has {lacking}. {_FORM}")
    times = found["t"]
    for name, values in found.items():
        if values.ndim != 1 or values.shape != times.shape or not len(times):
            raise InputError(
                f"{file}: column {name} has the shape {values.shape}, t has {times.shape}. "
                "All columns need one value for each time."
            )
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0]) + 1
            raise InputError(f"{file}: value {row} of column {name} is not a finite number.")
    if (np.diff(times) <= 0).any():
        row = int(np.flatnonzero(np.diff(times) <= 0)[0]) + 2
        raise InputError(f"{file}: the times in column t must rise; value {row} does not.")
    return found


def _poses(file: str, found: dict[str, np.ndarray]) -> Written:
    """Columns of a file -> columns of a pose."""
    columns = {name: found[name] for name in COLUMNS if name in found}
    if "width" in found and not {"spread", "round"} & set(found):
        columns["spread"] = np.maximum(found["width"], 0)
        columns["round"] = np.maximum(-found["width"], 0)
    if "open" in found and "close" in found:
        free = 1 - np.clip(found["close"], 0, _CLOSED)
        columns["open"] = np.where(free > 1 - _CLOSED, np.clip(found["open"] / free, 0, 1), 0)
    return Written(found["t"], {name: x.astype(np.float32) for name, x in columns.items()})
