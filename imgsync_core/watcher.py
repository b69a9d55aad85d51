"""Who looks on while something is made: one object for cancel, progress, preview and warnings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any


def _nothing(*_: Any) -> None:
    pass


@dataclass(frozen=True)
class Watcher:
    """What is called while frames are made. Any thread may call it.

    check(): called often, at least for every frame and every step of denoising. What it raises
        cancels.
    progress(done, total): so many frames are done; parts of one count, such as steps of a window.
    frame(pixels): a finished frame, uint8 (h, w, c): a view, to be copied if kept.
    note(sentence): something the user should know: what was lost, changed, or done instead.
    """

    check: Callable[[], None] = _nothing
    progress: Callable[[float, int], None] = _nothing
    frame: Callable[[Any], None] = _nothing
    note: Callable[[str], None] = _nothing

    def checking(self, also: Callable[[], None]) -> Watcher:
        """The same, with one more ``check`` before its own."""

        def both() -> None:
            also()
            self.check()

        return replace(self, check=both)


NOBODY = Watcher()
