"""Files made by ImgSync for tests to judge, as short as a test wants to say it."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from imgsync_core.media.encoding import PRESETS, Encoding, Options
from imgsync_core.media.frames import ArrayFrames, FrameSource, Held
from imgsync_core.media.muxer import Muxer, Report
from imgsync_core.media.sound import ArraySound, Sound
from imgsync_core.timeline import Timeline

from .judge import numbered

PRESET_NAMES = tuple(PRESETS)
FPS = Fraction(25)


def mux(target: Any, source: FrameSource, encoding: str | Encoding = "mp4-h264", **more: Any):
    """Write all frames of a source, and a sound if there is one; the report."""
    if isinstance(encoding, str):
        encoding = PRESETS[encoding]
    sound: Sound | None = more.get("sound")
    length = (sound.rate, sound.n_samples) if sound is not None else (48000, 0)
    timeline = Timeline.of_frames(source.n_frames, source.fps, *length)
    with Muxer(target, encoding, timeline, source.size, channels=source.channels, **more) as out:
        out.write_source(source)
    return out.report


def talk(
    target: Any, sound: Sound, encoding: str = "mp4-h264", fps: Any = FPS, **more: Any
) -> Report:
    """A small grey still for as long as a sound."""
    timeline = Timeline.of_sound(sound.n_samples, sound.rate, fps)
    frame = np.full((1, 32, 32, 3), 100, np.uint8)
    source = Held(ArrayFrames(frame, timeline.fps), timeline.n_frames)
    return mux(target, source, encoding, sound=sound, **more)


def still(color: Iterable[int], size: tuple[int, int] = (32, 32), n: int = 5) -> FrameSource:
    """One colour (RGB or RGBA) for n frames."""
    color = np.array(tuple(color), np.uint8)
    return held(np.broadcast_to(color, (size[1], size[0], len(color))), n)


def held(picture: np.ndarray, n: int = 5) -> FrameSource:
    """One picture (h, w, c) for n frames."""
    return Held(ArrayFrames(picture[None], FPS), n)


def clip(n: int, size: tuple[int, int] = (32, 32), fps: Fraction = FPS) -> ArrayFrames:
    """n frames that show the numbers 1 to n."""
    return ArrayFrames(numbered(range(1, n + 1), size), fps)


def noise(n: int, rate: int, channels: int = 1, level: float = 0.1) -> ArraySound:
    """White noise, always the same."""
    generator = np.random.default_rng(1)
    return ArraySound(generator.normal(0, level, (channels, n)).astype(np.float32), rate)


def with_options(encoding: str, **options: Any) -> Options:
    return {**PRESETS[encoding].options, **options}
