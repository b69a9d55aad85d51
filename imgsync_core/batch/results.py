"""What became of each row, in a file that a program or a spreadsheet reads.

While rows are made each is appended when it is done, so that a kill loses none; before and after
that the file is written as a whole, in the order of the rows.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import IO, Any

from ..errors import OutputError
from ..media.target import claimed

MADE, SKIPPED, FAILED, REFUSED = "made", "skipped", "failed", "refused"
WAITING, FORMER = "waiting", "former"


@dataclass(frozen=True)
class Record:
    """What became of a row; the fields are the columns of the file.

    row: its number.   picture, audio: as they are written.   output: below the folder.
    status: made; skipped, for it was made before; failed; refused before anything was made;
        waiting, where a batch was stopped; former, of a row that the table does not have any more.
    error, notes: sentences.
    frames, seconds, fps: of the video.   offset_ms: distance between the ends of picture and sound.
    wall_seconds: that it took.   bytes: of the file.
    key: changes when the row or its files do; empty = nothing was made of it yet.
    """

    row: int
    picture: str
    audio: str
    output: str
    status: str
    error: str = ""
    frames: int | None = None
    seconds: float | None = None
    fps: str = ""
    offset_ms: float | None = None
    wall_seconds: float | None = None
    notes: str = ""
    bytes: int | None = None
    key: str = ""

    def now(self, record: Record) -> Record:
        """Another record of the same output, which does not forget what was made before."""
        if not self.key:
            return record
        said = {name: getattr(record, name) for name in ("row", "picture", "audio")}
        return replace(self, status=record.status, error=record.error, **said)


COLUMNS = tuple(f.name for f in fields(Record))
_NUMBERS = {"row": int, "frames": int, "bytes": int, "seconds": float, "offset_ms": float,
            "wall_seconds": float}  # fmt: skip


def read_results(path: Path) -> dict[str, Record]:
    """The last record of each output. A line that a kill has torn is passed over.

    Raises OutputError where the file is something else, which must not be replaced.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise _other(path) from e


def _read(path: Path) -> dict[str, Record]:
    text = path.read_text(encoding="utf-8")
    *whole, _ = text.split("\n")  # what follows the last line break is empty, or torn
    if _is_json(path):
        records = [record for line in whole if (record := _record(_parsed(line)))]
        other = bool(whole) and not records
    else:
        lines = csv.reader(whole)
        other = bool(text) and tuple(next(lines, ())) != COLUMNS
        records = [record for cells in lines if (record := _record(_named(cells)))]
    if other:
        raise _other(path)
    return {record.output: record for record in records}


def _named(cells: list[str]) -> Any:
    return dict(zip(COLUMNS, cells, strict=True)) if len(cells) == len(COLUMNS) else None


def _other(path: Path) -> OutputError:
    return OutputError(
        f"{path} is no results file of imgsync batch that can be read. Move it away, or name "
        "another (--results)."
    )


def _is_json(path: Path) -> bool:
    return path.suffix.lower() in (".jsonl", ".ndjson", ".json")


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _record(words: Any) -> Record | None:
    """The record of a line; None where it is none."""
    if not isinstance(words, dict) or set(words) != set(COLUMNS):
        return None
    try:
        values = {name: _value(name, word) for name, word in words.items()}
        return Record(**values) if values["output"] and values["row"] is not None else None
    except (ValueError, TypeError, OverflowError):
        return None


def _value(name: str, word: Any) -> Any:
    if name not in _NUMBERS:
        return str(word)
    return None if word == "" else _NUMBERS[name](word)


class Results:
    """The file while rows are made; a context manager.

    ::

        with Results(path) as results:
            results.begin(records)     # of all rows, most of them waiting
            results.add(record)        # again and again
            results.finish(records)    # the same as begin, for the last time
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def begin(self, records: Iterable[Record]) -> None:
        """Write the file anew, with these. Raises OutputError."""
        self._close()
        try:
            with claimed(self.path) as part:
                part.write_bytes(self._lines(records, header=True))
                os.replace(part, self.path)
            self._file = self.path.open("ab", buffering=0)
        except OSError as e:
            raise self._failed(e) from e

    def add(self, record: Record) -> None:
        """Append one, which is on the disk then. Raises OutputError."""
        assert self._file is not None
        try:
            self._file.write(self._lines([record]))
            os.fsync(self._file.fileno())
        except OSError as e:
            raise self._failed(e) from e

    def finish(self, records: Iterable[Record]) -> None:
        """Write the file for the last time. Raises OutputError."""
        self.begin(records)
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _failed(self, error: OSError) -> OutputError:
        return OutputError(
            f"The results file {self.path} cannot be written ({error.strerror}). What is made "
            "stays; the same command goes on from there."
        )

    def _lines(self, records: Iterable[Record], header: bool = False) -> bytes:
        text = io.StringIO(newline="")
        rows = map(_words, records)
        if _is_json(self.path):
            text.writelines(json.dumps(words, ensure_ascii=False) + "\n" for words in rows)
        else:
            table = csv.writer(text, lineterminator="\n")
            table.writerows([COLUMNS] if header else [])
            table.writerows(words.values() for words in rows)
        return text.getvalue().encode(errors="backslashreplace")


def _words(record: Record) -> dict[str, Any]:
    """A record for a file: one line, whatever its sentences are."""
    values = asdict(record)
    plain = {k: " ".join(v.split()) for k, v in values.items() if k in ("error", "notes")}
    return {k: "" if v is None else v for k, v in (values | plain).items()}
