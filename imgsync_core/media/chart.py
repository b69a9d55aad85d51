"""A sound and the curves that follow from it, drawn one under the other over the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .picture import RGB
from .sound import Sound

PAPER, INK, FAINT = (24, 26, 31), (214, 218, 226), (62, 67, 78)
SILENCE, WAVE = (40, 43, 52), (98, 168, 255)
LEFT, RIGHT, TOP, BOTTOM = 78, 14, 12, 26  # px around the lanes
GAP = 10  # px between two lanes
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)  # seconds between ticks


@dataclass(frozen=True)
class Lane:
    """One curve: its name, float values (t,) within ``low`` .. ``high``, and its colour.

    The values are spread evenly over the whole time of the chart.
    """

    name: str
    values: np.ndarray
    color: RGB
    low: float = 0.0
    high: float = 1.0


def draw_chart(
    sound: Sound, seconds: float, lanes: Sequence[Lane], silent: np.ndarray, width: int = 1024
) -> np.ndarray:
    """The waveform over the lanes, with what is silent shaded: uint8 (h, width, 3).

    seconds: the time that the width stands for.   silent: bool (t,), spread over that time.
    """
    heights = [96, *[64] * len(lanes)]
    height = TOP + sum(heights) + GAP * (len(heights) - 1) + BOTTOM
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    across = width - LEFT - RIGHT
    quiet = _stretched(silent.astype(float), across) > 0.5
    top = TOP
    for i, tall in enumerate(heights):
        _background(draw, top, tall, quiet)
        if i == 0:
            _wave(draw, top, tall, peaks(sound, seconds, across))
        else:
            _curve(draw, top, tall, lanes[i - 1], across)
        top += tall + GAP
    _time(draw, height - BOTTOM + 4, seconds, across, (TOP, height - BOTTOM))
    return np.asarray(image)


def peaks(sound: Sound, seconds: float, columns: int) -> np.ndarray:
    """Lowest and highest sample of each column, float32 (columns, 2), of all channels, -1..1."""
    found = np.zeros((columns, 2), np.float32)
    whole = max(1.0, seconds * sound.rate)
    done = 0
    for block in sound.blocks():
        at = ((done + np.arange(block.shape[-1])) * (columns / whole)).astype(int)
        at = np.minimum(at, columns - 1)
        np.minimum.at(found[:, 0], at, block.min(0))
        np.maximum.at(found[:, 1], at, block.max(0))
        done += block.shape[-1]
    return found


def _stretched(values: np.ndarray, columns: int) -> np.ndarray:
    """Values (t,) as one for each column: what lies in the middle of it."""
    if not len(values):
        return np.zeros(columns)
    at = (np.arange(columns) + 0.5) * (len(values) / columns)
    return values[np.minimum(at.astype(int), len(values) - 1)]


def _background(draw: ImageDraw.ImageDraw, top: int, tall: int, quiet: np.ndarray) -> None:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(int), [0]])))
    for begin, end in edges.reshape(-1, 2):
        draw.rectangle((LEFT + begin, top, LEFT + end - 1, top + tall - 1), fill=SILENCE)
    draw.line((LEFT, top + tall, LEFT + len(quiet) - 1, top + tall), fill=FAINT)


def _wave(draw: ImageDraw.ImageDraw, top: int, tall: int, found: np.ndarray) -> None:
    middle, reach = top + tall / 2, tall / 2 / max(0.05, float(np.abs(found).max()))
    for x, (low, high) in enumerate(found):
        draw.line((LEFT + x, middle - high * reach, LEFT + x, middle - low * reach), fill=WAVE)
    _label(draw, top, tall, "sound", WAVE)


def _curve(draw: ImageDraw.ImageDraw, top: int, tall: int, lane: Lane, across: int) -> None:
    values = np.clip((lane.values - lane.low) / (lane.high - lane.low), 0, 1)
    if len(values) > across:  # the highest of each column, so that no blink is lost
        edges = np.linspace(0, len(values), across + 1).astype(int)[:-1]
        values = np.maximum.reduceat(values, edges)
    x = LEFT + (np.arange(len(values)) + 0.5) * (across / max(1, len(values)))
    y = top + (tall - 2) * (1 - values) + 1
    points = [(LEFT, top + tall - 1), *zip(x.tolist(), y.tolist(), strict=True)]
    points.append((LEFT + across - 1, top + tall - 1))
    faint = tuple((c + 2 * p) // 3 for c, p in zip(lane.color, PAPER, strict=True))
    draw.polygon(points, fill=faint)
    draw.line(points[1:-1], fill=lane.color, width=1)
    _label(draw, top, tall, lane.name, lane.color)


def _label(draw: ImageDraw.ImageDraw, top: int, tall: int, text: str, color: RGB) -> None:
    draw.text((8, top + tall / 2), text, fill=color, anchor="lm", font=ImageFont.load_default(13))


def _time(
    draw: ImageDraw.ImageDraw, top: int, seconds: float, across: int, lanes: tuple[int, int]
) -> None:
    step = next((s for s in _STEPS if seconds / s <= 12), _STEPS[-1])
    for i in range(int(seconds / step) + 1):
        x = LEFT + i * step / seconds * (across - 1)
        draw.line((x, lanes[0], x, lanes[1] + 3), fill=FAINT)
        label = f"{i * step:g} s" if step < 60 else f"{i * step / 60:g} min"
        draw.text((x, top), label, fill=INK, anchor="ma", font=ImageFont.load_default(11))
