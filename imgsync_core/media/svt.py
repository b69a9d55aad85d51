"""What SVT-AV1 does to the process around it when it is opened, undone.

It prints its settings to stderr, and where it may (as root, so in most containers) it gives the
thread that opens it and its own threads the highest real-time priority there is: from then on
whatever the caller does comes before everything else on the machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TASKS = Path("/proc/self/task")
_QUIET = "0"  # SVT_LOG: what goes wrong is raised


@contextmanager
def tamed() -> Iterator[None]:
    """Open an encoder in here: it stays quiet, and all threads keep the caller's priority."""
    before = os.environ.get("SVT_LOG")
    os.environ["SVT_LOG"] = before or _QUIET
    try:
        with _same_priority():
            yield
    finally:
        if before is None:
            del os.environ["SVT_LOG"]


@contextmanager
def _same_priority() -> Iterator[None]:
    if not _TASKS.is_dir():  # elsewhere than on Linux it does not ask for it
        yield
        return
    there = _threads()
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in {0} | _threads() - there:
            with suppress(ProcessLookupError):  # it has ended
                if os.sched_getscheduler(thread) != policy:
                    os.sched_setscheduler(thread, policy, param)


def _threads() -> set[int]:
    return {int(task.name) for task in _TASKS.iterdir()}
