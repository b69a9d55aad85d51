"""What tells frames and sounds from others: equal digests mean equal pixels and samples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from .sound import Sound

BYTES = 16
BLOCK = 1 << 20  # bytes read at a time


def of_frames(source: Any) -> str:
    """Of all frames of a FrameSource that differ, which are read for that."""
    n = source.n_frames
    if source.period is not None:
        n = min(n, source.lead + source.period)
    step = max(1, BLOCK // source.frame_bytes)

    def parts(add: Callable[[Any], None]) -> None:
        for start in range(0, n, step):
            add(np.ascontiguousarray(source.read(start, min(start + step, n))).data)

    return _of(parts, "frames", source.size, source.channels, source.fps, source.n_frames)


def of_sound(sound: Sound) -> str:
    """Of all samples, which are read for that."""

    def parts(add: Callable[[Any], None]) -> None:
        for block in sound.blocks():
            add(np.ascontiguousarray(block).data)

    return _of(parts, "sound", sound.rate, sound.layout, sound.n_samples)


def of_file(path: Path, *how: Any) -> str:
    """Of what a file holds and how it is decoded, by this version of FFmpeg's libraries."""

    def parts(add: Callable[[Any], None]) -> None:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                add(block)

    return _of(parts, "file", sorted(av.library_versions.items()), *how)


def derived(other: str | None, *how: Any) -> str | None:
    """Of what is made of something else in this way; None where that has none."""
    return None if other is None else _of(lambda add: None, other, *how)


def _of(parts: Callable[[Callable[[Any], None]], None], *said: Any) -> str:
    total = hashlib.blake2b(repr(said).encode(), digest_size=BYTES)
    parts(total.update)
    return total.hexdigest()
