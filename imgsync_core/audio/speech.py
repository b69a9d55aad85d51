"""A sound that somebody speaks in, heard once for all who ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..media.sound import Sound
from .mouth_curves import curves


class Speech:
    """A sound, and what the mouth does while it is spoken: worked out when somebody asks."""

    def __init__(self, sound: Sound) -> None:
        self.sound = sound
        self._table: np.ndarray | None = None

    def table(self, check: Callable[[], None] = lambda: None) -> np.ndarray:
        """The curves of all of it at 50 Hz, float32 (t, 9) as of ``Curves.table``.

        6 MB for an hour; kept. check(): called for every block; what it raises cancels.
        """
        if self._table is None:
            pieces = curves(self._blocks(check), self.sound.rate)
            self._table = np.concatenate([piece.table() for piece in pieces])
        return self._table

    def _blocks(self, check: Callable[[], None]) -> Iterator[np.ndarray]:
        for block in self.sound.blocks():
            check()
            yield block
