"""Work that runs ahead of its reader on another thread, within a budget of memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """Items of ``items``, made on another thread before they are asked for.

    cost: bytes that one item takes.   budget: bytes that may wait; one item always may.
    What ``items`` raises is raised from ``peek`` and ``pop``. ``stop`` has to be called.
    """

    def __init__(self, items: Iterator[T], cost: Callable[[T], int], budget: int) -> None:
        self._items, self._cost, self._budget = items, cost, budget
        self._queue: deque[T] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._done = self._stopped = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="imgsync-prefetch", daemon=True)
        self._thread.start()

    def peek(self) -> T | None:
        """The next item, left where it is; None at the end. Waits for it."""
        with self._changed:
            while not self._queue and not self._done:
                self._changed.wait()
            if self._queue:
                return self._queue[0]
            if self._error is not None:
                raise self._error
            return None

    def pop(self) -> T | None:
        """The next item; None at the end. Waits for it."""
        item = self.peek()
        if item is not None:
            with self._changed:
                self._queue.popleft()
                self._bytes -= self._cost(item)
                self._changed.notify_all()
        return item

    def __iter__(self) -> Iterator[T]:
        while (item := self.pop()) is not None:
            yield item

    def stop(self) -> None:
        """End the thread, whatever it is doing, and wait for it."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    break
            if isinstance(self._items, Generator):
                self._items.close()  # what it holds, threads of its own too, ends here and now
        except BaseException as e:  # not lost: raised in the reader's thread
            error = e
        with self._changed:
            self._error, self._done = error, True
            self._changed.notify_all()

    def _put(self, item: T) -> bool:
        cost = self._cost(item)
        with self._changed:
            while self._queue and self._bytes + cost > self._budget and not self._stopped:
                self._changed.wait()
            self._queue.append(item)
            self._bytes += cost
            self._changed.notify_all()
            return not self._stopped
