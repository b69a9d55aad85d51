"""How long encoding takes here, tried on a few frames."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np

from .encoding import Encoding
from .video_track import VideoFormat, VideoTrack


def seconds_to_encode(frames: Sequence[np.ndarray], encoding: Encoding, fps: Fraction) -> float:
    """Seconds that one of these frames, uint8 (h, w, c), takes; nothing is kept of them.

    The quicker of two tries counts: what other programs do, and what a codec does once, only adds.
    Raises EncodingError for a size that the codec does not take.
    """
    return min(_tried(frames, encoding, fps) for _ in range(2))


def _tried(frames: Sequence[np.ndarray], encoding: Encoding, fps: Fraction) -> float:
    height, width, channels = frames[0].shape
    form = VideoFormat(encoding, fps, (width, height), channels)
    began = time.perf_counter()
    with av.open(io.BytesIO(), "w", format=encoding.container) as container:
        stream = container.add_stream(encoding.codec, rate=fps)
        track = VideoTrack(stream, form, still=False, on_frame=lambda frame: None)
        for _ in track.segment(frame[None] for frame in frames):
            pass
        return (time.perf_counter() - began) / len(frames)
