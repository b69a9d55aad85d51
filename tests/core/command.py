"""The command line in this process: what it returns and what it prints, C libraries included."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from imgsync_core.cli import main


@dataclass(frozen=True)
class Ran:
    """An exit code and what was printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def imgsync(capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Run ``imgsync`` with these words."""
    before = signal.getsignal(signal.SIGTERM)

    def run(*words: object) -> Ran:
        capfd.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:  # argparse: usage, help, version
            code = int(stop.code or 0)
        return Ran(code, *capfd.readouterr())

    yield run
    signal.signal(signal.SIGTERM, before)
