"""Streaming resampling by a windowed sinc, exact in length: ceil(n * target / rate) samples.

Output sample ``m`` is the sound at the time ``m / target``. ``cut`` makes
blocks of one size, so that the result is the same to the last bit however the input came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch

_ZEROS = 12  # zero crossings of the sinc on either side
_ROLL_OFF = 0.94  # cut-off as a part of the lower Nyquist frequency
_DENSE = 640  # up to so many phases the filters of one period are one matrix


def cut(blocks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Any blocks (n,) as blocks of exactly ``size`` samples; the last may be shorter."""
    held: list[np.ndarray] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block)
        if count >= size:
            whole = np.concatenate(held)
            for start in range(0, count - size + 1, size):
                yield whole[start : start + size]
            held = [whole[count - count % size :].copy()]
            count %= size
    if count:
        yield np.concatenate(held)


def mono(block: np.ndarray) -> np.ndarray:
    """float32 (n,) or (channels, n) -> (n,): the mean, or the loudest channel if they cancel."""
    block = np.ascontiguousarray(block, np.float32)  # or the mean takes 15 times as long
    if block.ndim == 1:
        return block
    mean = block.mean(0)
    powers = np.square(block).mean(1) if block.size else np.zeros(len(block))
    if float(np.square(mean).sum()) < 0.01 * float(powers.mean()) * len(mean):
        return block[int(powers.argmax())]
    return mean


def speech(blocks: Iterable[np.ndarray], rate: int, target: int) -> Iterator[np.ndarray]:
    """Blocks of float32 (n,) or (channels, n) -> mono at ``target`` Hz, in blocks of about 1 s.

    All together are ceil(n * target / rate) samples, the same however the sound came in blocks.
    """
    resampler = Resampler(rate, target) if rate != target else None
    for block in cut((np.atleast_2d(block).T for block in blocks), rate):
        second = mono(block.T)
        yield resampler.feed(second) if resampler else second
    if resampler:
        yield resampler.finish()


class Resampler:
    """From ``rate`` to ``target`` Hz, block by block: ``feed`` each block, then ``finish``."""

    def __init__(self, rate: int, target: int) -> None:
        common = math.gcd(rate, target)
        self.up, self.down = target // common, rate // common
        self.half = math.ceil(_ZEROS * max(1.0, self.down / self.up) / _ROLL_OFF)
        self._waiting = np.zeros(self.half, np.float32)  # input from sample ``_first`` on
        self._first = -self.half
        self._n_in = self._n_out = 0
        self._filters = _filters(self.up, self.down, self.half)
        self._matrix = _matrix(self._filters, self.down) if self.up <= _DENSE else None

    def feed(self, block: np.ndarray) -> np.ndarray:
        """float32 (n,) -> the samples that can be known by now, float32 (m,)."""
        self._n_in += len(block)
        self._waiting = np.concatenate([self._waiting, block.astype(np.float32, copy=False)])
        known = (self._n_in - self.half - 1) * self.up // self.down + 1
        return self._make(known - known % self.up)

    def finish(self) -> np.ndarray:
        """The rest; all together are ceil(n * target / rate) samples."""
        total = -(-self._n_in * self.up // self.down)
        tail = np.zeros(2 * self.half + self.down + 1, np.float32)
        self._waiting = np.concatenate([self._waiting, tail])
        periods = -(-total // self.up) * self.up
        return self._make(periods)[: total - periods or None]

    def _make(self, stop: int) -> np.ndarray:
        """Samples up to ``stop``, a multiple of ``up``."""
        if stop <= self._n_out:
            return np.zeros(0, np.float32)
        matrix = self._matrix
        made = self._gathered(stop) if matrix is None else self._dense(matrix, stop)
        self._n_out = stop
        keep = stop // self.up * self.down - self.half - self._first
        self._waiting = self._waiting[keep:].copy()
        self._first += keep
        return made

    def _dense(self, matrix: np.ndarray, stop: int) -> np.ndarray:
        periods, width = (stop - self._n_out) // self.up, len(matrix)
        start = self._n_out // self.up * self.down - self.half - self._first
        part = _long(self._waiting[start:], (periods - 1) * self.down + width)
        step = part.strides[0]
        rows = np.lib.stride_tricks.as_strided(
            part, (periods, width), (self.down * step, step), writeable=False
        )
        made = torch.from_numpy(rows.copy()) @ torch.from_numpy(matrix)
        return made.reshape(-1).numpy()

    def _gathered(self, stop: int) -> np.ndarray:
        at = np.arange(self._n_out, stop, dtype=np.int64) * self.down
        base, phase = at // self.up - self.half - self._first, at % self.up
        taps = np.arange(2 * self.half + 1)
        part = _long(self._waiting, int(base[-1]) + len(taps))
        pieces = len(base) // 4096 + 1
        made = [
            np.einsum("nt,nt->n", part[b[:, None] + taps], self._filters[p])
            for b, p in zip(
                np.array_split(base, pieces), np.array_split(phase, pieces), strict=True
            )
        ]
        return np.concatenate(made)


def _long(samples: np.ndarray, n: int) -> np.ndarray:
    """At least ``n`` samples: zeros follow where there are too few."""
    missing = n - len(samples)
    return np.concatenate([samples, np.zeros(missing, np.float32)]) if missing > 0 else samples


def _filters(up: int, down: int, half: int) -> np.ndarray:
    """float32 (up, 2 half + 1): the filter for each position between two input samples."""
    offset = np.arange(-half, half + 1)[None] - (np.arange(up) / up)[:, None]  # input samples
    cut_off = _ROLL_OFF * min(1.0, up / down)
    window = np.cos(np.clip(offset / (half + 1), -1, 1) * np.pi / 2) ** 2
    kernel = cut_off * np.sinc(offset * cut_off) * window
    return (kernel / kernel.sum(1, keepdims=True)).astype(np.float32)


def _matrix(filters: np.ndarray, down: int) -> np.ndarray:
    """float32 (inputs, up): one period of outputs from the inputs it needs."""
    up, width = filters.shape
    matrix = np.zeros((down + width, up), np.float32)
    for phase in range(up):
        start = phase * down // up
        matrix[start : start + width, phase] = filters[phase * down % up]
    return matrix
