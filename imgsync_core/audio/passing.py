"""Rows that come in pieces, in order: asked for by number, let go when they have passed."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor


class Passing:
    """Rows made piece by piece as they are asked for; ``start`` never goes back.

    n: rows in all.   made: pieces (t, ...) of them.
    """

    def __init__(self, made: Generator[Tensor, None, None], n: int) -> None:
        self.n, self._made = n, made
        self._held: Tensor | None = None
        self._start = 0  # of what is held

    def at(self, indices: np.ndarray) -> Tensor:
        """The rows of these numbers, int64 (t, k) in order of t and k: (t, k, ...)."""
        held = self._from(int(indices[0, 0]), int(indices[-1, -1]) + 1)
        return held[torch.from_numpy(indices - self._start).to(held.device)]

    def _from(self, start: int, stop: int) -> Tensor:
        """What is held once it reaches up to ``stop``; what lies before ``start`` may be gone."""
        held = self._held
        while held is None or self._start + len(held) < stop:
            new = next(self._made)
            if held is None:
                held = new
                continue
            drop = min(max(0, start - self._start), len(held))
            held, self._start = torch.cat([held[drop:], new]), self._start + drop
        self._held = held
        if self._start + len(held) >= self.n:
            self._made.close()  # nothing more is made: who makes it can be let go
        return held
