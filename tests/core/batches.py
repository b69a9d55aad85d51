"""Tables, their files, and a pool without processes, for tests of batches."""

import csv
import wave
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgsync_core.cli import batch

RATE = 16000


class Inline:
    """Works in this process, as a pool that a batch can be given."""

    def __enter__(self) -> "Inline":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, work: Callable[[Any], Any], rows: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        return ((row, work(row)) for row in rows)

    def close(self) -> None:
        pass


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches run in this process."""
    monkeypatch.setattr(batch, "_pool", lambda args, rows: Inline())


def make_files(folder: Path, n: int = 3, samples: int = 4000) -> None:
    """p0.png, p1.png, ...: 64x64 in one shade each; s0.wav, s1.wav, ...: 0.25 s."""
    for i in range(n):
        Image.fromarray(np.full((64, 64, 3), 40 + 30 * i % 200, np.uint8)).save(
            folder / f"p{i}.png"
        )
        with wave.open(str(folder / f"s{i}.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            tone = np.sin(np.arange(samples + 100 * i) / (9 + i)) * 9000
            file.writeframes(tone.astype("<i2").tobytes())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with three pictures and sounds."""
    monkeypatch.chdir(tmp_path)
    make_files(tmp_path)
    return tmp_path


def table(path: Path, *rows: str, header: str = "picture,audio") -> Path:
    """A CSV file."""
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def results(path: Path) -> dict[int, dict[str, str]]:
    """The lines of a results file, by row."""
    with path.open(encoding="utf-8", newline="") as file:
        return {int(line["row"]): line for line in csv.DictReader(file)}


def states(path: Path) -> dict[int, str]:
    """What became of each row."""
    return {row: line["status"] for row, line in results(path).items()}
