"""Rows to whoever works on them, and back as they are done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class LostError(Exception):
    """Whoever worked on a row died of it, again when it was tried anew; says how."""


class Pool(Protocol):
    """Workers, somewhere."""

    def map(self, work: Callable[[T], R], rows: Iterable[T]) -> Iterator[tuple[T, R | LostError]]:
        """``work`` of each row, in the order in which they are done.

        work: a function that can be named, and that catches what rows may raise.
        """
        ...

    def close(self) -> None:
        """End the workers, in the middle of a row if need be."""


def flow(
    rows: Iterable[T],
    begin: Callable[[T], Any],
    first: Callable[[list[Any]], Iterable[Any]],
    most: int,
) -> Iterator[tuple[T, Any]]:
    """Rows with what they were begun as, as they are done; at most so many are begun at once.

    first(begun): waits for the first of them, and says which are done.
    """
    left = iter(rows)
    begun = {begin(row): row for row in islice(left, most)}
    while begun:
        for done in first(list(begun)):
            row = begun.pop(done)
            begun.update({begin(another): another for another in islice(left, 1)})
            yield row, done
