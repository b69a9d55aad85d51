"""The picture, the voices and the clip that the example workflows begin with, as files.

All of our own making, see `demo`: free of anybody's rights, and always the same.
"""

from __future__ import annotations

import os
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from .demo import demo_picture, demo_speech
from .errors import InputError
from .media.encoding import preset
from .media.muxer import Muxer
from .media.picture import save_png
from .media.target import claimed
from .timeline import Timeline

RATE = 44100  # Hz
CLIP_FPS, CLIP_FRAMES = Fraction(25), 75
SWAY = 10  # px that the head of the clip goes to each side
CHORD = (130.8, 164.8, 196.0, 261.6)  # Hz, of the music in the mix
PREFIX = "imgsync_demo_"


def _portrait(path: Path) -> None:
    save_png(demo_picture(768), path)


def _two_people(path: Path) -> None:
    save_png(np.concatenate([demo_picture(512)] * 2, 1), path)


def _voice(seconds: float, seed: int) -> Callable[[Path], None]:
    return lambda path: _write_wav(path, demo_speech(seconds, RATE, seed))


def _mix(path: Path) -> None:
    """The vocals, with a soft chord under them."""
    vocals = demo_speech(6.0, RATE, 3)
    t = np.arange(vocals.shape[1]) / RATE
    music = sum(np.sin(2 * np.pi * hertz * t) for hertz in CHORD) / len(CHORD)
    _write_wav(path, 0.8 * vocals + 0.12 * music * (0.8 + 0.2 * np.sin(np.pi * t)))


def _clip(path: Path) -> None:
    """The portrait, which sways from side to side."""
    wide = np.pad(demo_picture(512), ((0, 0), (SWAY, SWAY), (0, 0)), mode="edge")
    shifts = np.round(SWAY * (1 + np.sin(np.arange(CLIP_FRAMES) * 2 * np.pi / CLIP_FRAMES)))
    time = Timeline.of_frames(CLIP_FRAMES, CLIP_FPS)
    with Muxer(path, preset("mp4-h264"), time, (512, 512), overwrite=True) as out:
        for left in shifts.astype(int):
            out.write(wide[None, :, left : left + 512])


def _write_wav(path: Path, sound: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((sound[0] * 32767).astype("<i2").tobytes())


_MADE: dict[str, Callable[[Path], None]] = {
    "portrait.png": _portrait,
    "two_people.png": _two_people,
    "voice.wav": _voice(6.0, 0),
    "first_voice.wav": _voice(4.0, 1),
    "second_voice.wav": _voice(4.0, 2),
    "vocals.wav": _voice(6.0, 3),
    "full_mix.wav": _mix,
    "clip.mp4": _clip,
}
NAMES = tuple(PREFIX + name for name in _MADE)


def write_demo(name: str, folder: Path) -> Path:
    """Make one of NAMES in a folder; a file of that name is replaced. Raises InputError."""
    if name not in NAMES:
        raise InputError(f"There is no demo file {name}. Use one of {', '.join(NAMES)}.")
    path = folder / name
    with claimed(path) as part:
        _MADE[name.removeprefix(PREFIX)](part)
        os.replace(part, path)
    return path
