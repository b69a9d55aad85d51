"""Work on long sound in overlapped windows, joined by cross-fades: bounded memory, no seam."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

Table = np.ndarray  # float32 (t, k), one row each ``hop`` samples


def overlapped(
    blocks: Iterable[np.ndarray],
    work: Callable[[np.ndarray], Table],
    size: int,
    overlap: int,
    hop: int,
) -> Iterator[Table]:
    """``work`` on windows of ``size`` samples (n,), each sharing ``overlap`` with the next.

    work: samples (n,) -> rows (ceil(n / hop), k).   size, overlap: multiples of ``hop``.
    Yields rows in order, ceil(n_samples / hop) in all. A sound no longer than ``size`` is one
    window.
    """
    step, rows = size - overlap, (size - overlap) // hop
    held = np.zeros(0, np.float32)
    tail: Table | None = None  # rows of the last window that the next one overlaps
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) > size:
            table = _joined(tail, work(held[:size]))
            yield table[:rows]
            tail = table[rows:]
            held = held[step:]
    if len(held):
        yield _joined(tail, work(held))


def _joined(tail: Table | None, table: Table) -> Table:
    if tail is None:
        return table
    n = min(len(tail), len(table))
    share = ((np.arange(n) + 0.5) / n)[:, None].astype(np.float32)
    head = tail[:n] * (1 - share) + table[:n] * share
    return np.concatenate([head, table[n:]])
