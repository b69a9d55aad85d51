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

    def table(
        self,
        check: Callable[[], None] = lambda: None,
        progress: Callable[[float, int], None] = lambda done, total: None,
    ) -> np.ndarray:
        """The curves of all of it at 50 Hz, float32 (t, 9) as of ``Curves.table``.

        6 MB for an hour; kept. check(): called for every block; what it raises cancels.
        progress(seconds, of so many): how far it was heard.
        """
        if self._table is None:
            pieces = curves(self._blocks(check, progress), self.sound.rate)
            self._table = np.concatenate([piece.table() for piece in pieces])
        return self._table

    def _blocks(
        self, check: Callable[[], None], progress: Callable[[float, int], None]
    ) -> Iterator[np.ndarray]:
        done, rate = 0, self.sound.rate
        for block in self.sound.blocks():
            check()
            done += block.shape[-1]
            progress(done / rate, max(1, -(-self.sound.n_samples // rate)))
            yield block
