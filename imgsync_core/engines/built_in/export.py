"""The curves of a voice as a file, for other programs and for looking at."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ...audio.mouth_curves import RATE
from ...audio.speech import Speech
from ...errors import OutputError
from ...media.sound import Sound
from ...media.target import claimed
from .performance import perform
from .pose import COLUMNS

_SHOWN = (
    "spread", "round", "close", "tuck", "blink", "yaw", "pitch", "roll", "brow", "shift_x",
    "shift_y", "gaze_x", "gaze_y", "squint", "tongue",
)  # fmt: skip


def export(sound: Sound, path: Path, seed: int) -> int:
    """Write .npz or .csv with the keys ``t``, ``open``, ``width``, ...; returns how many values.

    open: as far as the face opens its mouth, closures taken off.
    t: seconds at which a face shows the values; the lips lead the sound by 20 ms.
    width: spread minus round.   The rest: as the fields of a ``Pose``, which ``read_curves`` reads.
    """
    if path.suffix.lower() not in (".npz", ".csv"):
        raise OutputError(f"{path.name}: curves are written as .npz or .csv. Use one of them.")
    table = Speech(sound).table()
    poses = perform(table, Fraction(RATE), len(table), seed)
    shown = {name: poses[:, COLUMNS.index(name)] for name in COLUMNS}
    columns = {"t": np.arange(len(table)) / RATE, "open": shown["open"] * (1 - shown["close"])}
    columns["width"] = shown["spread"] - shown["round"]
    columns |= {name: shown[name] for name in _SHOWN}
    try:
        with claimed(path) as part:
            _write(part, columns, path.suffix.lower() == ".npz")
            part.replace(path)
    except OSError as e:
        raise OutputError(f"{path} could not be written ({e.strerror}).") from e
    return len(table)


def _write(part: Path, columns: dict[str, Any], as_archive: bool) -> None:
    if as_archive:
        with part.open("wb") as file:
            np.savez(file, **columns)
        return
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(np.round(c, 5) for c in columns.values()), strict=True))
