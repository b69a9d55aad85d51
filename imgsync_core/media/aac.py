"""AAC on several cores: overlapping pieces, each by an encoder of its own, joined where they agree.

AAC-LC predicts nothing from frame to frame; a decoder only adds the overlapping halves of
neighbouring windows. So frame k of one encoder may follow frame k - 1 of another, if both chose
the same windows for frame k (ISO/IEC 14496-3, 4.5.2.3 and 4.6.11: window_sequence, window_shape)::

    piece A  |. . . . . . . . . . . . . |. . k . .|
    piece B                   |warm-up  |. . k . . . . . . . . .|
    written   A A A A A A A A A A A A A  A A B B B B B

The warm-up lets rate control and psychoacoustics settle. Where no frame of the overlap agrees, the
encoder of A goes on through B instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from .sound import BLOCK, as_frame

FRAME = 1024  # samples
WARM_UP = 16 * FRAME  # that piece B starts before its own part
SEARCH = 8 * FRAME  # that piece A goes on into B's part
PIECE = 1 << 20  # samples of all channels together, about: 12 s of stereo
_MOST_WORKERS = 4  # each holds a piece in memory

_SINGLE, _PAIR = 0, 1  # id_syn_ele: single channel element, channel pair element


def workers() -> int:
    """How many pieces to encode at a time on this machine."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(usable or 1, _MOST_WORKERS)


@dataclass
class _Piece:
    """Samples [first, first + n) and what came out of encoding them.

    start: where its own part begins.   last: nothing follows it.
    """

    samples: np.ndarray
    first: int
    start: int
    last: bool
    context: Any = None
    packets: tuple[Any, ...] = ()


def encode(
    open_context: Callable[[], Any], blocks: Iterator[np.ndarray], layout: str, rate: int, n: int
) -> Iterator[Any]:
    """Packets of the ``n`` samples in ``blocks``, in order, with times in samples.

    open_context() makes an AAC encoder, set up and ready; blocks: float32 (channels, samples).
    """

    def run(piece: _Piece) -> _Piece:
        piece.context = open_context()
        piece.packets = tuple(fed(piece.context, piece, 0))
        return piece

    def fed(context: Any, piece: _Piece, skip: int) -> Iterator[Any]:
        for at in range(skip, piece.samples.shape[1], BLOCK):
            samples = piece.samples[:, at : at + BLOCK]
            yield from context.encode(as_frame(samples, layout, rate, piece.first + at))
        if piece.last:
            yield from context.encode(None)

    with ThreadPoolExecutor(workers()) as pool:
        before: _Piece | None = None
        emitted = 0
        for piece in _in_order(pool, run, _pieces(blocks, n)):
            if before is None:
                emitted = piece.packets[0].pts
            else:
                joint = _joint(before, piece)
                if joint is None:  # go on with the encoder that knows the past
                    end = before.first + before.samples.shape[1]
                    piece.context = before.context
                    more = tuple(fed(before.context, piece, end - piece.first))
                    piece.packets = before.packets + more
                    joint = emitted
                yield from _between(before.packets, emitted, joint)
                emitted = joint
            before = piece
        if before is not None:
            yield from _between(before.packets, emitted, None)


def _pieces(blocks: Iterator[np.ndarray], n: int) -> Iterator[_Piece]:
    """Cut the sound into pieces that overlap by warm-up and search."""
    held = next(blocks)
    first = start = 0  # of held, and of the next piece's own part
    own = max(WARM_UP + SEARCH, PIECE // held.shape[0] // FRAME * FRAME)
    while True:
        stop = start + own
        last = stop + SEARCH >= n
        end = n if last else stop + SEARCH
        parts = [held]
        have = first + held.shape[1]
        while have < end:
            parts.append(next(blocks))
            have += parts[-1].shape[1]
        held = np.concatenate(parts, 1)
        yield _Piece(held[:, : end - first], first, start, last)
        if last:
            return
        keep = stop - WARM_UP
        held, first, start = held[:, keep - first :], keep, stop


def _in_order(
    pool: ThreadPoolExecutor, run: Callable[[_Piece], _Piece], pieces: Iterator[_Piece]
) -> Iterator[_Piece]:
    """The pieces after running, in order; as many ahead as there are workers."""
    waiting: list[Future[_Piece]] = []
    try:
        for piece in pieces:
            waiting.append(pool.submit(run, piece))
            if len(waiting) > workers():
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
    finally:
        for future in waiting:
            future.cancel()


def _joint(a: _Piece, b: _Piece) -> int | None:
    """The first time in the overlap at which both have the same windows; None = there is none."""
    windows = {p.pts: window_of(bytes(p)) for p in a.packets if p.pts >= b.start}
    for packet in b.packets:
        mine = window_of(bytes(packet)) if packet.pts in windows else None
        if mine is not None and mine == windows[packet.pts]:
            return packet.pts
    return None


def window_of(packet: bytes) -> tuple[int, int, int] | None:
    """Element, window_sequence and window_shape of an AAC frame of one or two channels.

    None where the frame starts with something else, or has a window for each of its channels.
    """
    bits = int.from_bytes(packet[:4], "big")
    element = bits >> 29
    if element == _SINGLE:  # id 3, tag 4, global_gain 8, reserved 1
        at = 16
    elif element == _PAIR and bits >> 24 & 1:  # id 3, tag 4, common_window 1, reserved 1
        at = 9
    else:
        return None
    return element, bits >> (32 - at - 2) & 3, bits >> (32 - at - 3) & 1


def _between(packets: tuple[Any, ...], start: int, stop: int | None) -> Iterator[Any]:
    for packet in packets:
        if packet.pts >= start and (stop is None or packet.pts < stop):
            yield packet
