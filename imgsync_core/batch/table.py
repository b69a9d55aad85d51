"""Jobs written down one a row: CSV as spreadsheets save it, or JSON objects one a line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import chain
from typing import Any

from ..errors import InputError

ALIASES = {"sound": "audio", "image": "picture"}
_DELIMITERS = ",;\t|"
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # else UTF-8, with or without a mark


@dataclass(frozen=True)
class Row:
    """One job as it is written.

    number: of the row as a spreadsheet shows it, the header being 1; the line's where it is JSON.
    cells: what is said, by column; what is empty is left out.
    fault: why the row cannot be read, with the column; empty = it can.
    """

    number: int
    cells: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


def read_table(data: bytes, name: str, columns: Iterable[str]) -> list[Row]:
    """The rows of a table; what it holds decides whether it is CSV or JSON lines, not its name.

    columns: that there are, in lower case with dashes; the same may be written with underscores,
        spaces, capitals or leading dashes.
    CSV: separated by commas, semicolons or tabs, quoted or not, empty lines anywhere.
    Raises InputError where nothing can be made of it; a row that is wrong alone has a fault.
    """
    known, text = _Columns(columns), _text(data, name)
    if not text.strip():
        raise InputError(f"{name} is empty. Write a header and one row for each video.")
    start = text.lstrip()[0]
    if start == "[":
        raise InputError(f"{name} is one JSON list. Write one object a line, without brackets.")
    try:
        rows = _json_rows(text, known) if start == "{" else _csv_rows(text, name, known)
    except csv.Error as e:
        raise InputError(f"{name} cannot be read as CSV ({e}). Export it again.") from e
    if not rows:
        raise InputError(f"{name} has a header but no rows.")
    return rows


class _Columns:
    """The names of columns, however they are written."""

    def __init__(self, columns: Iterable[str]) -> None:
        self._known = set(columns)

    def plain(self, written: str) -> str:
        """A name as it is known; what is not stays as it is written, in small letters."""
        name = "-".join(written.strip().lower().strip("-").replace("_", " ").split())
        return ALIASES.get(name, name)

    def knows(self, written: str) -> bool:
        return self.plain(written) in self._known

    def refusal(self, written: str) -> str:
        near = get_close_matches(self.plain(written), [*self._known, *ALIASES], 1)
        hint = f"Did you mean {near[0]}?" if near else "See imgsync batch --help."
        return f"column {written.strip() or '(without a name)'}: there is no such column. {hint}"


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode(_MARKS.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text. Save it as CSV UTF-8.") from None


# -- CSV --


def _csv_rows(text: str, name: str, known: _Columns) -> list[Row]:
    lines = text.splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if line.strip())
    if lines[first].strip().lower().startswith("sep="):  # a word of spreadsheets to each other
        lines[first] = "\n"
        first = next((i for i, line in enumerate(lines) if line.strip()), first)
    delimiter = max(_DELIMITERS, key=lambda d: sum(map(known.knows, _header(lines[first], d))))
    header = _header(lines[first], delimiter)
    while header and not header[-1].strip():  # a delimiter at the end of each line
        header.pop()
    names = [known.plain(written) for written in header]
    for written, plain in zip(header, names, strict=True):
        if not known.knows(written):
            raise InputError(f"{name}, row {first + 1}, {known.refusal(written)}")
        if names.count(plain) > 1:
            raise InputError(f"{name}, row {first + 1}, column {plain}: it is there twice.")
    numbered = enumerate(csv.reader(lines[first + 1 :], delimiter=delimiter), first + 2)
    return [_csv_row(n, names, cells) for n, cells in numbered if any(map(str.strip, cells))]


def _header(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line.strip("\r\n")], delimiter=delimiter), [])


def _csv_row(number: int, names: list[str], cells: list[str]) -> Row:
    said = {n: c.strip() for n, c in zip(names, cells, strict=False) if c.strip()}
    more = [cell for cell in cells[len(names) :] if cell.strip()]
    if more:
        return Row(number, said, f"{more[0].strip()[:40]!r} stands in no column: quote commas.")
    for name, cell in said.items():
        if "\n" in cell or "\r" in cell:
            return Row(number, said, f"column {name}: a line break. Is a quote not closed?")
    return Row(number, said)


# -- JSON lines --


def _json_rows(text: str, known: _Columns) -> list[Row]:
    lines = enumerate(text.split("\n"), 1)
    return [_json_row(number, line, known) for number, line in lines if line.strip()]


def _json_row(number: int, line: str, known: _Columns) -> Row:
    try:
        pairs = json.loads(line, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as e:
        return Row(number, {}, f"it is no JSON object ({str(e)[:60]}).")
    if not isinstance(pairs, _Pairs):
        return Row(number, {}, "it is no JSON object, such as {...}.")
    said: dict[str, str] = {}
    faults = []
    for written, value in pairs:
        name, word = known.plain(written), _word(value)
        if not known.knows(written):
            faults.append(known.refusal(written))
        elif name in said:
            faults.append(f"column {name}: it is there twice.")
        elif word is None:
            faults.append(f"column {name}: it is no text, number, true or false.")
        elif word:
            said[name] = word
    return Row(number, said, next(chain(faults, [""])))


class _Pairs(list):
    """An object of JSON as it is written: what is there twice can be seen."""


_WORDS: dict[type, Callable[[Any], str]] = {
    str: str.strip,
    bool: lambda value: "true" if value else "false",
    int: str,
    float: lambda value: str(int(value)) if value.is_integer() else str(value),
    type(None): lambda value: "",
}


def _word(value: Any) -> str | None:
    """A value of JSON as a word; None where it has parts of its own."""
    make = _WORDS.get(type(value))
    return None if make is None else make(value)
