"""The picture of what a voice makes a face do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...audio.speech import Speech
from ...media.chart import Lane, draw_chart
from ...timeline import Timeline
from .performance import perform
from .pose import COLUMNS
from .reading import Written

MOUTH, LIPS, BLINK, HEAD = (255, 122, 122), (255, 196, 92), (122, 226, 160), (186, 158, 255)
BROW, GAZE = (255, 158, 216), (130, 214, 236)


def draw_curves(
    speech: Speech,
    timeline: Timeline,
    seed: int,
    check: Callable[[], None] = lambda: None,
    *,
    offset: float = 0.0,
    written: Written | None = None,
) -> np.ndarray:
    """Waveform, mouth, blinks, head, brows and gaze over a timeline: uint8 (h, 1024, 3).

    Shaded where nobody speaks.   check(): called often; what it raises cancels.
    offset, written: as of ``perform`` and ``read_curves``.
    """
    table = speech.table(check)
    poses = perform(table, timeline.fps, timeline.n_frames, seed, offset)
    if written is not None:
        poses = written.put_on(poses, timeline.fps, offset)
    column = {name: poses[:, i] for i, name in enumerate(COLUMNS)}
    lanes = [
        Lane("opening", column["open"] * (1 - column["close"]), MOUTH),
        Lane("width", column["spread"] - column["round"], LIPS, -1, 1),
        Lane("blink", column["blink"], BLINK),
        Lane("head", column["yaw"], HEAD, -6, 6),
        Lane("brows", column["brow"], BROW, -1, 1),
        Lane("gaze", column["gaze_x"], GAZE, -12, 12),
    ]
    spoken = np.zeros(max(1, round(float(timeline.duration) * 50)), bool)
    voiced = table[: len(spoken), 5] > 0.5
    spoken[: len(voiced)] = voiced
    return draw_chart(speech.sound, float(timeline.duration), lanes, ~spoken)
