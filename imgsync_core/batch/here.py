"""Worker processes on this machine, each with one row at a time.

Each is new, not a copy of this process: threads, locks and a GPU are not to be copied. One that
dies, for want of memory or of a broken file, takes one row with it and not the others.
"""

from __future__ import annotations

import _thread
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, TypeVar

from .pool import LostError, flow

T = TypeVar("T")
R = TypeVar("R")
TRIES = 2
_PATIENCE = 10  # seconds that a worker has to clear away what it began


class Here:
    """Workers on this machine; see `pool.Pool`. A context manager."""

    def __init__(self, workers: int) -> None:
        self._workers = [_Worker() for _ in range(workers)]
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._closed = threading.Event()

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def map(self, work: Callable[[T], R], rows: Iterable[T]) -> Iterator[tuple[T, R | LostError]]:
        """``work`` of each row, in the order in which they are done."""

        def first(begun: list[Future[Any]]) -> Iterable[Future[Any]]:
            return wait(begun, return_when=FIRST_COMPLETED).done

        with ThreadPoolExecutor(len(self._workers)) as threads:
            try:
                begin: Callable[[T], Any] = partial(threads.submit, partial(self._tried, work))
                for row, done in flow(rows, begin, first, len(self._workers)):
                    yield row, done.result()
            except BaseException:  # the threads wait for the workers
                self.close()
                raise

    def close(self) -> None:
        """End the workers; one in the middle of a row clears away what it began."""
        self._closed.set()
        for worker in self._workers:
            worker.ask_to_end()
        for worker in self._workers:
            worker.end()

    def _tried(self, work: Callable[[Any], R], row: Any) -> R | LostError:
        worker = self._idle.get()
        try:
            how = ""
            for _ in range(TRIES):
                if self._closed.is_set():
                    break
                try:
                    return worker.do(work, row)
                except EOFError:
                    how = worker.how_it_ended()
            return LostError(f"The process that worked on it {how} {TRIES} times.")
        finally:
            self._idle.put(worker)


class _Worker:
    """A process, begun when there is work and again after it has died."""

    def __init__(self) -> None:
        self._process: Any = None
        self._pipe: Any = None

    def do(self, work: Callable[[T], R], row: T) -> R:
        """Raises EOFError where the process has died of it."""
        if self._process is None or not self._process.is_alive():
            self._begin()
        try:
            self._pipe.send((work, row))
            return self._pipe.recv()
        except OSError as e:  # as it is on some systems
            raise EOFError from e

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,))
        self._process.start()
        theirs.close()

    def how_it_ended(self) -> str:
        self._process.join()
        code = self._process.exitcode or 0
        if code == -getattr(signal, "SIGKILL", 9):
            return "was killed, perhaps for want of memory (fewer --workers take less),"
        if code < 0:
            return f"crashed ({signal.Signals(-code).name})"
        return f"ended with code {code}"

    def ask_to_end(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def end(self) -> None:
        if self._process is not None:
            self._process.join(_PATIENCE)
            self._process.kill()
            self._process.join()


def _serve(pipe: Connection) -> None:
    """Work on what comes, until nobody is left to send it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells everyone; the command decides
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        while True:
            work, row = pipe.recv()
            pipe.send(work(row))
    except (EOFError, OSError, KeyboardInterrupt):
        return


def _stop(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """A command that was killed leaves no workers that go on without it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        _thread.interrupt_main(signal.SIGTERM)
