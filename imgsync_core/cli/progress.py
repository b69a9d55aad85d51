"""How far a job is: a bar on a terminal, a line for every tenth elsewhere."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from ..plan.pace import Pace
from ..timeline import frames_in_words

_BAR = "{{percentage:3.0f}}%|{{bar}}| {{n_fmt}}/{{total_fmt}} {}{{postfix}}"


class Progress:
    """Frames that are done, or rows, with how many a second and the time that is left."""

    def __init__(self, silent: bool, unit: str = "frames") -> None:
        self._silent, self._unit = silent, unit
        self._bar: Any = None
        self._tenth = 0
        self._pace = Pace()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, done: float, total: int) -> None:
        """So many frames are done."""
        if self._silent:
            return
        self._pace.read(done, total)
        if sys.stderr.isatty():
            self._draw(int(done), total)
        elif int(done) * 10 // total > self._tenth:
            self._tenth = int(done) * 10 // total
            whole = frames_in_words(total) if self._unit == "frames" else f"{total} {self._unit}"
            told = f"{self._tenth * 10} % ({int(done)} of {whole})"
            line = ", ".join(filter(None, [told, self._pace.words(self._unit)]))
            with contextlib.suppress(BrokenPipeError):  # nobody reads it; the file is wanted
                print(line, file=sys.stderr)

    def _draw(self, done: int, total: int) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, leave=False, bar_format=_BAR.format(self._unit))
        self._bar.set_postfix_str(self._pace.words(self._unit), refresh=False)
        self._bar.update(done - self._bar.n)

    def say(self, line: str) -> None:
        """A line on stderr, not through the bar."""
        if self._bar is None:
            print(line, file=sys.stderr)
        else:
            self._bar.write(line, file=sys.stderr)
