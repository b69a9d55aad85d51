"""All frames of a source as packets, what repeats encoded only once.

One pass of a periodic source is encoded as closed groups of pictures; its packets are then
written again and again with later timestamps::

    | lead | one pass, encoded | the same packets | the same packets | rest |

Each pass starts with a key frame, so every frame decodes and every seek lands. (H.264 wants
neighbouring IDR pictures to differ in idr_pic_id; a pass is never a single frame there.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .encoding import Encoding
from .frames import FrameSource, is_one_frame
from .prefetch import Prefetcher
from .video_track import VideoTrack

CHUNK_BYTES = 4 << 20  # raw frames read at a time
AHEAD_BYTES = 12 << 20  # that wait for the encoder: it takes some quickly and some slowly
CYCLE_BYTES = 64 << 20  # encoded frames kept for writing again; a longer pass is encoded anew

Timed = tuple[Any, int]
"""A packet, and its presentation time in frames from the start of the file."""


def cycle_of(source: FrameSource, encoding: Encoding) -> int:
    """Frames that are encoded once and written again; 0 = nothing repeats often enough."""
    if not source.period or not encoding.cycles:
        return 0
    cycle = source.period * max(1, encoding.gop // source.period)
    return cycle if _lead(source) + cycle < source.n_frames else 0


def _lead(source: FrameSource) -> int:
    """Frames before the first pass: never a single one, as two key frames would be neighbours."""
    return 2 if source.lead == 1 else source.lead


def packets_of(
    track: VideoTrack, source: FrameSource, give_up: Callable[[], None]
) -> Iterator[Timed]:
    """Every frame of the source, in writing order.

    give_up(): is called when writing fails while another thread still reads the source.
    """
    cycle = cycle_of(source, track.form.encoding)
    lead = _lead(source) if cycle else source.n_frames
    if lead:
        yield from _segment(track, source, 0, lead, give_up)
    if cycle:
        yield from _cycles(track, source, lead, cycle, give_up)


def _segment(
    track: VideoTrack, source: FrameSource, start: int, stop: int, give_up: Callable[[], None]
) -> Iterator[Timed]:
    """Frames ``[start, stop)`` by an encoder that starts afresh."""
    ahead = Prefetcher(_chunks(source, start, stop), _bytes, AHEAD_BYTES)
    try:
        for packet in track.segment(ahead):
            yield packet, start + packet.pts
    except BaseException:
        give_up()  # or the thread would have to finish what it has begun
        raise
    finally:
        ahead.stop()


def _cycles(
    track: VideoTrack, source: FrameSource, start: int, cycle: int, give_up: Callable[[], None]
) -> Iterator[Timed]:
    """From ``start`` to the end of the source, in passes of ``cycle`` frames."""
    stop, at = source.n_frames, start + cycle
    kept: list[Timed] = []
    size = 0
    for packet, pts in _segment(track, source, start, at, give_up):
        size += packet.size
        if size <= CYCLE_BYTES:
            kept.append((packet, pts - start))
        yield packet, pts
    if size > CYCLE_BYTES:
        for again in range(at, stop, cycle):
            yield from _segment(track, source, again, min(again + cycle, stop), give_up)
        return
    while at + cycle <= stop:
        yield from ((packet, at + pts) for packet, pts in kept)
        at += cycle
    whole = _closed(kept, stop - at)
    yield from ((packet, at + pts) for packet, pts in kept[:whole])
    if at + whole < stop:
        yield from _segment(track, source, at + whole, stop, give_up)


def _closed(packets: list[Timed], most: int) -> int:
    """The largest number of packets, up to ``most``, that hold the same number of first frames.

    Such a first part needs nothing that is coded later, so it may stand by itself. It is never a
    single frame with others to come, as two key frames would be neighbours.
    """
    closed, latest = 0, -1
    for i, (_, pts) in enumerate(packets[:most]):
        latest = max(latest, pts)
        if latest == i:
            closed = i + 1
    return closed if closed > 1 or most == 1 else 0


def _chunks(source: FrameSource, start: int, stop: int) -> Iterator[np.ndarray]:
    step = max(1, CHUNK_BYTES // source.frame_bytes)
    for i in range(start, stop, step):
        yield source.read(i, min(i + step, stop))


def _bytes(chunk: np.ndarray) -> int:
    return chunk[:1].nbytes if is_one_frame(chunk) else chunk.nbytes
