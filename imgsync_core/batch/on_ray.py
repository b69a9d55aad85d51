"""Workers on a Ray cluster. Ray decides where rows run, and runs those of a lost worker again."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, TypeVar

from ..errors import InputError
from .pool import LostError, flow

T = TypeVar("T")
R = TypeVar("R")
RETRIES = 3  # Ray's usual number, for machines that come and go
_AT_ONCE = 2000  # rows that Ray has at a time, enough for a cluster to grow by


class OnRay:
    """Workers on a cluster; see `pool.Pool`. A context manager.

    address: of the cluster; None = the one that Ray finds, or else a new one on this machine.
    gpus: that each row has for itself, such as 1 or 0.25.
    Raises InputError where there is no Ray or no cluster.
    """

    def __init__(self, address: str | None = None, gpus: float = 0) -> None:
        self._ray, self._gpus = _ray(), gpus
        self._aside = contextlib.ExitStack()
        self._begun = not self._ray.is_initialized()
        if not self._begun:
            return
        # what Ray tells of machines that are lost is not for a program that reads the result
        self._aside.enter_context(contextlib.redirect_stdout(sys.stderr))
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as e:
            self._aside.close()
            reason = (str(e).splitlines() or [type(e).__name__])[0]
            raise InputError(
                f"There is no Ray cluster at {address or 'this machine'} ({reason}). Start one "
                "(ray start --head), or check the address."
            ) from e

    def __enter__(self) -> OnRay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lacks(self) -> str:
        """What no node of the cluster has now, as a sentence; rows wait until one comes."""
        if self._gpus and self._ray.cluster_resources().get("GPU", 0) < self._gpus:
            return "no node of the cluster has such GPUs now: rows wait until one comes"
        return ""

    def map(self, work: Callable[[T], R], rows: Iterable[T]) -> Iterator[tuple[T, R | LostError]]:
        """``work`` of each row, in the order in which they are done."""
        ray = self._ray
        task = ray.remote(num_cpus=1, num_gpus=self._gpus, max_retries=RETRIES)(work)

        def first(begun: list[Any]) -> Iterable[Any]:
            return ray.wait(begun, num_returns=1)[0]

        for row, done in flow(rows, task.remote, first, _AT_ONCE):
            try:
                result = ray.get(done)
            except ray.exceptions.RayError as e:
                result = LostError(f"Ray gave it up: {_why(e)}")
            yield row, result

    def close(self) -> None:
        """Leave the cluster, which ends what is left of this batch there."""
        if self._begun:
            self._ray.shutdown()
        self._aside.close()


def _ray() -> Any:
    try:
        return import_module("ray")
    except ImportError as e:
        raise InputError(
            "Ray is not installed here. Install it with: pip install 'imgsync[ray]'"
        ) from e


def _why(error: Exception) -> str:
    """The last line that says something; the others are its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
