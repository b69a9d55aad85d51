"""Rows of a table as the words of extend and animate, checked one by one."""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import NoReturn

from ..batch import places
from ..batch.names import Free, below, folded, stem_of
from ..batch.results import FORMER, REFUSED, Record
from ..batch.run import Order
from ..batch.table import Row
from ..errors import ImgSyncError, InputError, OutputError, PictureError, SoundError, VideoError
from . import animate, extend
from .base import background_of, job_of
from .parser import Parser, commands_of, options_of, switches_of
from .tasks import Task

EXTEND, ANIMATE = "extend", "animate"
FILES = ("picture", "audio", "output")
# of the commands, but not of a row: the batch has its own
_NOT_OF_A_ROW = {"help", "output", "overwrite", "quiet", "print", "log", "json", "dry-run"} | {
    "spool", "no-spool", "spool-limit",
}  # fmt: skip
_YES, _NO = ("true", "yes", "on", "1", "x"), ("false", "no", "off", "0")
_BLAMED = ((PictureError, "picture"), (VideoError, "picture"), (SoundError, "audio"))
_LASTS = {"frames", "seconds"}  # say how long, where there is no sound


class FaultError(InputError):
    """A row that cannot be made, with the column that is to blame; None = no single one."""

    def __init__(self, column: str | None, sentence: object) -> None:
        super().__init__(f"column {column}: {sentence}" if column else str(sentence))


@contextmanager
def blaming(column: str | None) -> Iterator[None]:
    """Errors say which column they are about; None = their kind tells."""
    try:
        yield
    except FaultError:
        raise
    except ImgSyncError as e:
        kind = next((name for kind, name in _BLAMED if isinstance(e, kind)), None)
        raise FaultError(column or kind, e) from e


class _Words(Parser):
    """Raises what others print."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message.partition(': ')[2] or message}.")


@functools.cache
def _commands() -> dict[str, argparse.ArgumentParser]:
    parser = _Words()
    commands = parser.add_subparsers()
    extend.add(commands)
    animate.add(commands)
    return commands_of(parser)


@functools.cache
def _options(command: str) -> frozenset[str]:
    return frozenset(word[2:] for word in options_of(_commands()[command])) - _NOT_OF_A_ROW


@functools.cache
def columns() -> frozenset[str]:
    """What a table can say of a row."""
    return frozenset(FILES) | _options(EXTEND) | _options(ANIMATE)


@dataclass
class Orders:
    """The orders that rows make, and the records of rows that make none.

    table: the folder, or the address of one, that names in rows are relative to.
    out: where the videos go.   known: what became of rows before, by output.
    said: what every row has that does not say it itself.   anew: make what is there already.
    keeping: of rows with a face, see `Order`.
    """

    table: str
    out: str
    known: Mapping[str, Record]
    said: Mapping[str, str]
    anew: bool = False
    keeping: tuple[str, ...] = ()
    made: list[Order] = field(default_factory=list)
    refused: list[Record] = field(default_factory=list)
    _names: Free = field(default_factory=Free)

    def add(self, rows: Iterable[Row]) -> None:
        """Check rows as far as that needs no file of theirs to be opened."""
        rows = list(rows)
        for row in rows:  # what is named goes before what is not
            if "output" in row.cells:
                with contextlib.suppress(OutputError):
                    self._names.taken.setdefault(folded(self._below(row)), row.number)
        sources: set[str] = set()
        for row in rows:
            output = ""
            try:
                output = self._output(row)
                order = self._order(row, output)
            except ImgSyncError as e:
                self._refuse(row, output, e)
                continue
            self.made.append(order)
            sources.update(map(_real, order.sources))
        self._spare(sources)

    def former(self) -> list[Record]:
        """What was made before by rows that are not among these."""
        now = {order.output for order in self.made} | {record.output for record in self.refused}
        past = (record for record in self.known.values() if record.key)
        return [replace(record, status=FORMER) for record in past if record.output not in now]

    def _refuse(self, row: Row, output: str, why: ImgSyncError) -> None:
        picture, audio = (row.cells.get(name, "") for name in ("picture", "audio"))
        record = Record(row.number, picture, audio, output, REFUSED, str(why))
        known = self.known.get(output)
        self.refused.append(record if known is None else known.now(record))

    def _below(self, row: Row) -> str:
        name = below(row.cells["output"])
        return (
            name if PurePosixPath(name).suffix.lower() in _endings() else name + self._ending(row)
        )

    def _ending(self, row: Row) -> str:
        from ..media.encoding import PRESETS

        named = {**self.said, **row.cells}.get("preset")
        return PRESETS[named].extension if named in PRESETS else ".mp4"

    def _output(self, row: Row) -> str:
        """The output of a row, which no other row has; empty where nothing tells."""
        if "output" in row.cells:
            with blaming("output"):
                name = self._below(row)
                if (first := self._names.taken[folded(name)]) != row.number:
                    raise OutputError(f"{name} is what row {first} makes. Name another.")
            return name
        cells = {**self.said, **row.cells}
        stems = [stem_of(cells[name]) for name in ("picture", "audio") if name in cells]
        return self._names.take("-".join(stems), self._ending(row), row.number) if stems else ""

    def _cells(self, row: Row) -> dict[str, str]:
        """What a row says, and what is said for all rows; as far as it is for such a row."""
        cells = {**self.said, **row.cells}
        meant = _options(command_of(cells)[0]) | {*FILES, "engine"} | row.cells.keys()
        return {name: cell for name, cell in cells.items() if name in meant}

    def _order(self, row: Row, output: str) -> Order:
        if row.fault:
            raise InputError(row.fault)
        cells = self._cells(row)
        for name, cell in cells.items():
            _refuse_no_name(name, cell)
        if "picture" not in cells:
            raise FaultError("picture", "it is empty. Name a picture or a clip.")
        if "audio" not in cells and not _LASTS & cells.keys():
            raise FaultError("audio", "it is empty. Name a sound.")
        words, files = words_of(cells, self.table)
        checked(words, output)
        given = [cells[name] for name in ("picture", "audio") if name in cells]
        sources = (*(places.resolved(name, self.table) for name in given), *files)
        return Order(
            row.number, cells["picture"], cells.get("audio", ""), output, self.out, sources,
            words, self.keeping if words[0] == ANIMATE else (), self.known.get(output), self.anew,
        )  # fmt: skip

    def _spare(self, sources: set[str]) -> None:
        """Refuse orders that would write over what others are made of."""
        kept = []
        for order in self.made:
            if _real(places.resolved(order.output, self.out)) in sources:
                fault = FaultError("output", "a row is made of this file. Name another.")
                self.refused.append(order.as_before(REFUSED, str(fault)))
            else:
                kept.append(order)
        self.made = kept


def _refuse_no_name(column: str, cell: str) -> None:
    """Raise FaultError for what is no word of a command and no name of a file."""
    try:
        if "\0" not in cell:
            os.fsencode(cell)
            return
    except UnicodeEncodeError:  # half of a character, as JSON can spell it
        pass
    raise FaultError(column, f"{cell!a:.80} has a character that no name can have.")


def _real(place: str) -> str:
    return place if places.is_address(place) else os.path.realpath(place)


@functools.cache
def _endings() -> frozenset[str]:
    from ..media.encoding import PRESETS

    return frozenset(preset.extension for preset in PRESETS.values())


# -- from cells to words --


def command_of(cells: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Extend or animate, and the options for it.

    The row's engine decides: without one, or with "extend", the picture only lasts. The words
    extend and animate may also stand in the column mode. Raises FaultError.
    """
    options = {name: cell for name, cell in cells.items() if name not in FILES}
    engine = options.get("engine", "")
    command = EXTEND if engine in ("", EXTEND) else ANIMATE
    if options.get("mode") in (EXTEND, ANIMATE):
        named = options.pop("mode")
        if engine and named != command:
            raise FaultError("engine", f"{engine!r} does not go together with the mode {named}.")
        command = named
    if engine == EXTEND:
        del options["engine"]
    return command, options


def words_of(cells: Mapping[str, str], folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of the command for a row, and the files that they name. Raises FaultError."""
    command, options = command_of(cells)
    switches = switches_of(_commands()[command])
    words, files = [command], []
    for name, cell in sorted(options.items()):
        if name not in _options(command):
            raise FaultError(name, "it is for a face that speaks. Give the row an engine.")
        if f"--{name}" in switches:
            if cell.lower() not in (*_YES, *_NO):
                raise FaultError(name, f"{cell!r} is neither yes nor no.")
            words += [f"--{name}"] if cell.lower() in _YES else []
            continue
        if name in _paths():
            cell = _beside(cell, folder)
            files += [cell] if os.path.isfile(cell) else []
        words.append(f"--{name}={cell}")
    return tuple(words), tuple(files)


@functools.cache
def _paths() -> frozenset[str]:
    """Options that name a file or a folder."""
    from ..engines.registry import NAMES
    from ..engines.registry import options_of as declared_by

    declared = (option for name in NAMES for option in declared_by(name))
    return frozenset({"models", "curves", "voice", *(o.word[2:] for o in declared if o.file)})


def _beside(cell: str, folder: str) -> str:
    """A path relative to the table, if that is there; else as it is."""
    path = places.resolved(cell, folder)
    return path if not places.is_address(path) and os.path.exists(path) else cell


def parsed(words: tuple[str, ...]) -> argparse.Namespace:
    """The words of a row as the command has them. Raises InputError."""
    return _commands()[words[0]].parse_args([*words[1:], "--", "picture"])


def checked(words: tuple[str, ...], output: str) -> None:
    """Raise FaultError where the words do not make a job, blaming one of them if it is alone."""
    try:
        return _check(words, output)
    except ImgSyncError as e:
        command, *options = words
        engine = [word for word in options if word.startswith("--engine=")]
        for option in options:
            alone = [word for word in engine if word != option]
            try:
                _check((command, *alone, option), output)
            except ImgSyncError as single:
                raise FaultError(option.partition("=")[0][2:], single) from single
        raise FaultError(None, e) from e


def _check(words: tuple[str, ...], output: str) -> None:
    from ..engines.options import checked as checked_options
    from ..engines.registry import options_of as declared_by
    from ..media.encoding import preset_for
    from ..timeline import parse_fps

    args = parsed(words)
    if args.fps:
        parse_fps(args.fps)
    preset_for(Path(output), args.preset).tuned(args.crf, args.audio_bitrate)
    background_of(args)
    animation = animate.animation_of(args) if words[0] == ANIMATE else None
    job_of(args, Task("", None, Path(output)), animation)
    if animation is not None:
        checked_options(declared_by(animation.engine), animation.options, animation.engine)
