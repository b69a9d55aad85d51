"""How far a job is: a bar on a terminal, a line for every tenth elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

from ..timeline import frames_in_words


class Progress:
    """Frames that are done, or rows, with how many a second and the time that is left."""

    def __init__(self, silent: bool, unit: str = "frames") -> None:
        self._silent, self._unit = silent, unit
        self._bar: Any = None
        self._tenth = 0
        self._began = time.perf_counter()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, done: float, total: int) -> None:
        """So many frames are done."""
        if self._silent:
            return
        done = int(done)
        if not sys.stderr.isatty():
            if done * 10 // total > self._tenth:
                self._tenth = done * 10 // total
                with contextlib.suppress(BrokenPipeError):  # nobody reads it; the file is wanted
                    print(self._line(done, total), file=sys.stderr)
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit=f" {self._unit}", leave=False)
        self._bar.update(done - self._bar.n)

    def say(self, line: str) -> None:
        """A line on stderr, not through the bar."""
        if self._bar is None:
            print(line, file=sys.stderr)
        else:
            self._bar.write(line, file=sys.stderr)

    def _line(self, done: int, total: int) -> str:
        all_of_them = frames_in_words(total) if self._unit == "frames" else f"{total} {self._unit}"
        line = f"{self._tenth * 10} % ({done} of {all_of_them})"
        rate = done / max(1e-6, time.perf_counter() - self._began)
        left = (total - done) / rate if rate else 0.0
        if left < 1:
            return line
        minutes, seconds = divmod(round(left), 60)
        return f"{line}, {rate:.3g} {self._unit}/s, {minutes}:{seconds:02} left"
