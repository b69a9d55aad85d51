"""Frames packed without loss, quicker than engines draw them.

Each frame is stored as the difference from the one before, modulo 256: what stands still is zero.
Runs of one value are shortened and the rest is Huffman coded (zlib's Z_RLE): what engines draw is
full of noise, in which longer matches are not worth looking for.
"""

from __future__ import annotations

import math
import zlib

import numpy as np

LEVEL, WINDOW, MEMORY = 1, 15, 9  # of zlib


class Packer:
    """Packs frames as they come."""

    def __init__(self) -> None:
        self._pack = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW, MEMORY, zlib.Z_RLE)
        self._before: np.ndarray | None = None
        self._parts: list[bytes] = []
        self.n_frames = 0

    def add(self, frames: np.ndarray) -> None:
        """More frames: uint8 (t, h, w, c)."""
        for frame in frames:
            new = frame if self._before is None else frame - self._before
            self._parts.append(self._pack.compress(np.ascontiguousarray(new).data))
            self._before = frame
        self.n_frames += len(frames)
        if self._before is not None:
            self._before = self._before.copy()  # the chunk it is in may be large

    def packed(self) -> list[bytes]:
        """All of it, once nothing more comes."""
        return [*self._parts, self._pack.flush()]


def unpacked(data: bytes | memoryview, shape: tuple[int, int, int, int]) -> np.ndarray:
    """What was packed: uint8 (t, h, w, c). Raises ValueError where it was something else.

    No more is unpacked than so many frames take.
    """
    size, unpack = math.prod(shape), zlib.decompressobj(WINDOW)
    try:
        raw = unpack.decompress(data, size + 1)
    except (zlib.error, OverflowError) as e:  # damaged, or said to be of any size
        raise ValueError("no packed frames") from e
    if len(raw) != size or not unpack.eof:
        raise ValueError(f"packed frames of another size than {shape}")
    frames = np.frombuffer(raw, np.uint8).reshape(shape).copy()
    for i in range(1, len(frames)):
        frames[i] += frames[i - 1]
    return frames
