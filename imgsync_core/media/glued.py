"""Recordings glued one after the other, as MPEG transport streams may be.

The next recording may bring streams of its own, which FFmpeg tells of when it comes across them::

    recording 1:  picture 0x100, sound 0x101 | recording 2:  picture 0x200, sound 0x201
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from av.error import FFmpegError

RESTARTING = ("mpegts", "mpeg")  # containers whose clock may start anew; FFmpeg's TS_DISCONT
LATE = 3  # packets of a stream that the demuxer gives only when it has seen the whole file
_PROGRAMMES = {"scan_all_pmts": "1"}
_WHOLE = {"probesize": str(2**31 - 1), "analyzeduration": str(2**31 - 1)}


def options(*, deep: bool) -> dict[str, str]:
    """FFmpeg's options that find all programmes; deep: the file is searched from end to end."""
    return _PROGRAMMES | _WHOLE if deep else _PROGRAMMES


def packets_of(container: Any, streams: list[Any], failed: Callable[[], None]) -> Iterator[Any]:
    """Packets in file order; what cannot be read is left out, and ``failed`` is told.

    Raises IndexError for a stream that comes up only in the middle: open the file deep.
    """
    while True:
        some = False
        try:
            for packet in container.demux(streams):
                if packet.size:
                    some = True
                    yield packet
            return
        except (FFmpegError, OSError):
            failed()
            if not some:
                return


def one_after_another(column: np.ndarray, first: int) -> list[int]:
    """The chosen stream, and each that starts in the file where the one before has ended.

    column: int (n,), the stream of each packet, in file order.
    """
    places = {int(s): np.flatnonzero(column == s) for s in np.unique(column)}
    if first not in places:
        return [first]

    def nearly_last(at: np.ndarray) -> int:
        return int(at[max(0, len(at) - 1 - LATE)])

    chosen, end = [first], nearly_last(places[first])
    for stream, at in sorted(places.items(), key=lambda item: int(item[1][0])):
        if at[0] > end and stream != first:
            chosen.append(stream)
            end = nearly_last(at)
    return chosen
