"""Rows of a table as the words of extend and animate, checked one by one."""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import NoReturn

from ..batch import places
from ..batch.names import below, folded, free, stem_of
from ..batch.results import REFUSED, Record
from ..batch.run import Order
from ..batch.table import Row
from ..errors import ImgSyncError, InputError, OutputError
from . import animate, extend
from .base import background_of, job_of
from .parser import Parser, commands_of, options_of, switches_of
from .tasks import Task

EXTEND, ANIMATE = "extend", "animate"
FILES = ("picture", "audio", "output")
# of the commands, but not of a row: the batch has its own
_NOT_OF_A_ROW = {"help", "output", "overwrite", "quiet", "print", "log", "json", "dry-run"}
_YES, _NO = ("true", "yes", "on", "1", "x"), ("false", "no", "off", "0")
_LASTS = {"frames", "seconds"}  # say how long, where there is no sound


class FaultError(InputError):
    """A row that cannot be made, with the column that is to blame; None = no single one."""

    def __init__(self, column: str | None, sentence: object) -> None:
        super().__init__(f"column {column}: {sentence}" if column else str(sentence))


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
    """

    table: str
    out: str
    known: Mapping[str, Record]
    said: Mapping[str, str]
    anew: bool = False
    made: list[Order] = field(default_factory=list)
    refused: list[Record] = field(default_factory=list)
    _taken: dict[str, int] = field(default_factory=dict)  # row by output, as disks see it

    def add(self, rows: Iterable[Row]) -> None:
        """Check rows as far as that needs no file of theirs to be opened."""
        rows = list(rows)
        named = {row.number: self._named(row) for row in rows}
        self._taken = {folded(name): number for number, name in reversed(named.items()) if name}
        sources = set()
        for row in rows:
            output = named[row.number]
            try:
                order = self._order(row, output)
            except ImgSyncError as e:
                said = row.cells.get
                record = Record(row.number, said("picture", ""), said("audio", ""), output, REFUSED)
                self.refused.append(replace(record, error=str(e)))
                continue
            self.made.append(order)
            sources.update(map(_real, order.sources))
        self._spare(sources)

    def _named(self, row: Row) -> str:
        """The output that a row names; empty where it names none, or one that cannot be."""
        try:
            return self._below(row) if "output" in row.cells else ""
        except ImgSyncError:
            return ""

    def _below(self, row: Row) -> str:
        name = below(row.cells["output"])
        return (
            name if PurePosixPath(name).suffix.lower() in _endings() else name + self._ending(row)
        )

    def _ending(self, row: Row) -> str:
        from ..media.encoding import PRESETS

        named = {**self.said, **row.cells}.get("preset")
        return PRESETS[named].extension if named in PRESETS else ".mp4"

    def _order(self, row: Row, output: str) -> Order:
        if row.fault:
            raise InputError(row.fault)
        cells = {**self.said, **row.cells}
        if "picture" not in cells:
            raise FaultError("picture", "it is empty. Name a picture or a clip.")
        if "audio" not in cells and not _LASTS & cells.keys():
            raise FaultError("audio", "it is empty. Name a sound.")
        words, files = words_of(cells, self.table)
        output = self._output(row, cells, output)
        checked(words, output)
        given = [cells[name] for name in ("picture", "audio") if name in cells]
        sources = (*(places.resolved(name, self.table) for name in given), *files)
        return Order(
            row.number, cells["picture"], cells.get("audio", ""), output, self.out, sources,
            words, self.known.get(output), self.anew,
        )  # fmt: skip

    def _output(self, row: Row, cells: Mapping[str, str], named: str) -> str:
        """The output of a row, which no other row has."""
        if "output" in row.cells:
            try:
                name = named or self._below(row)
            except OutputError as e:
                raise FaultError("output", e) from e
            if (first := self._taken[folded(name)]) != row.number:
                raise FaultError("output", f"{name} is what row {first} makes. Name another.")
            return name
        stems = [stem_of(cells[name]) for name in ("picture", "audio") if name in cells]
        name = free("-".join(stems), self._ending(row), self._taken)
        self._taken[folded(name)] = row.number
        return name

    def _spare(self, sources: set[str]) -> None:
        """Refuse orders that would write over what others are made of."""
        kept = []
        for order in self.made:
            if _real(places.resolved(order.output, self.out)) in sources:
                fault = FaultError("output", "a row is made of this file. Name another.")
                self.refused.append(order.record(REFUSED, str(fault)))
            else:
                kept.append(order)
        self.made = kept


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
    return frozenset({"models", "curves", *(o.word[2:] for o in declared if o.file)})


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
