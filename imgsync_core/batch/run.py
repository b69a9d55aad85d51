"""A batch from its checked rows to its results: look at all, then make what is not there yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .pool import LostError, Pool
from .results import FAILED, REFUSED, SKIPPED, WAITING, Record, Results


@dataclass(frozen=True)
class Order:
    """A row that can be worked on, wherever that is.

    number: of the row.   picture, audio, output: as they are written; output below ``folder``.
    folder: where the videos go.   sources: paths or addresses of the picture, the sound if there
        is one, and of files that options name.
    words: of the command that makes it, without files.
    keeping: more words, which say where finished frames are kept; the video is the same with any.
    known: what became of it before; None = nothing yet.   anew: make it even if it is there.
    """

    number: int
    picture: str
    audio: str
    output: str
    folder: str
    sources: tuple[str, ...]
    words: tuple[str, ...]
    keeping: tuple[str, ...] = ()
    known: Record | None = None
    anew: bool = False

    def record(self, status: str, error: str = "") -> Record:
        """What became of it."""
        return Record(self.number, self.picture, self.audio, self.output, status, error)

    def as_before(self, status: str, error: str = "") -> Record:
        """What became of it, where what was made before stays as it is."""
        record = self.record(status, error)
        return record if self.known is None else self.known.now(record)


@dataclass(frozen=True)
class Seen:
    """What looking at a row showed.

    error: why it cannot be made; empty = it can.   key: see `Record`.
    whole: it was made before, of the same, and is there.
    """

    error: str = ""
    key: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Work:
    """What is done with a row: functions that can be named, that raise nothing."""

    look: Callable[[Order], Seen]
    make: Callable[[Order], Record]


@dataclass
class Batch:
    """Rows and what became of them, by number.

    refused: rows that no order could be made of.   former: of other tables, or of this one before.
    """

    orders: Sequence[Order]
    refused: Sequence[Record]
    former: Sequence[Record] = ()
    records: dict[int, Record] = field(default_factory=dict)
    todo: list[Order] = field(default_factory=list)

    def check(self, work: Work, pool: Pool, tell: Callable[[Record], None]) -> None:
        """Look at all rows, and know which are to be made.

        tell: is called with the record of each row, which is refused, skipped, or waiting.
        """
        for record in self.refused:
            self._is(record, tell)
        for order, seen in pool.map(work.look, self.orders):
            self._is(self._looked(order, seen), tell)
        self.todo.sort(key=lambda order: order.number)

    def _looked(self, order: Order, seen: Seen | LostError) -> Record:
        if isinstance(seen, LostError):
            return order.as_before(REFUSED, str(seen))
        if seen.error:
            return order.as_before(REFUSED, seen.error)
        if seen.whole:
            return order.as_before(SKIPPED)
        self.todo.append(order)
        return replace(order.record(WAITING), key=seen.key)

    def make(
        self, work: Work, pool: Pool, results: Results, tell: Callable[[Record], None]
    ) -> None:
        """Make what is to be made. What is made stays, and is written down, whatever is raised.

        tell: is called with the record of each row, which is made or failed.
        """
        results.begin(self.in_order())
        try:
            for order, record in pool.map(work.make, self.todo):
                if isinstance(record, LostError):
                    record = order.record(FAILED, str(record))
                record = replace(record, key=self.records[order.number].key)
                self.records[order.number] = record  # first: a stop may come at any point
                results.add(record)
                tell(record)
        finally:
            results.finish(self.in_order())

    def _is(self, record: Record, tell: Callable[[Record], None]) -> None:
        self.records[record.row] = record
        tell(record)

    def in_order(self) -> list[Record]:
        """The records, by row, and the former ones."""
        return [*(self.records[number] for number in sorted(self.records)), *self.former]

    def counts(self) -> Mapping[str, int]:
        """How many rows are in each state."""
        found: dict[str, int] = {}
        for record in self.records.values():
            found[record.status] = found.get(record.status, 0) + 1
        return found
