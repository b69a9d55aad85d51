"""Speech with known phoneme times from Debian's espeak-ng (by ctypes) and flite.

A ``Spoken`` is one utterance: float32 samples (n,) at its own rate and its segments in order,
``(name, start, stop)`` in seconds; names are IPA (espeak-ng) or Arpabet (flite), "" is a pause.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import subprocess
import tempfile
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imgsync_core.errors import ImgSyncError

Segment = tuple[str, float, float]
_SYNCHRONOUS, _PHONEME_EVENTS_AS_IPA = 2, 3  # espeak_Initialize: give samples back; names
_END_OF_LIST, _PHONEME = 0, 7  # espeak_EVENT_TYPE
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_UTF8, _EXPRESSIVE = 1, 0


@dataclass(frozen=True)
class Spoken:
    """samples: float32 (n,).   rate: Hz.   segments: in order, seconds."""

    samples: np.ndarray
    rate: int
    segments: list[Segment] = field(default_factory=list)


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The library; not thread-safe. Raises ImgSyncError where it is absent.

    It varies a little from one utterance to the next, the same way in each fresh process.
    """

    def __init__(self) -> None:
        name = ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"
        try:
            self._lib: Any = ctypes.CDLL(name)
        except OSError:
            raise ImgSyncError(
                "libespeak-ng is not installed. On Debian: apt-get install espeak-ng flite."
            ) from None
        self.rate: int = self._lib.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS_AS_IPA)
        self._pcm: list[np.ndarray] = []
        self._marks: list[tuple[str, float]] = []
        self._callback = _CALLBACK(self._receive)  # kept: the library holds only a pointer
        self._lib.espeak_SetSynthCallback(self._callback)

    def _receive(self, pcm: Any, n: int, events: Any) -> int:
        if pcm and n > 0:
            self._pcm.append(np.ctypeslib.as_array(pcm, (n,)).copy())
        i = 0
        while events and events[i].type != _END_OF_LIST:
            if events[i].type == _PHONEME:
                name = events[i].id.decode("utf-8", "ignore")
                self._marks.append((name, events[i].audio_position / 1000))
            i += 1
        return 0

    def say(self, text: str, voice: str, speed: int, pitch: int, tone: int) -> Spoken:
        """``voice``: name, or name+variant.  speed: words/min.  pitch, tone (its range): 0-100."""
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ImgSyncError(f"espeak-ng has no voice {voice!r}.")
        for which, value in ((_RATE, speed), (_PITCH, pitch), (_RANGE, tone)):
            self._lib.espeak_SetParameter(which, value, 0)
        self._pcm, self._marks = [], []
        data = text.encode()
        self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        pcm = np.concatenate([*self._pcm, np.zeros(1, np.int16)]).astype(np.float32) / 32768
        times = [at for _, at in self._marks] + [len(pcm) / self.rate]
        names = [_spoken_name(name) for name, _ in self._marks]
        segments = [(n, a, b) for n, a, b in zip(names, times, times[1:], strict=False) if b > a]
        return Spoken(pcm, self.rate, segments)


def _spoken_name(name: str) -> str:
    """A phoneme without stress marks; "" for pauses, which espeak-ng writes as _ or nothing."""
    return re.sub(r"[ˈˌ_\s|%,=\"]", "", name)


FLITE_VOICES = {"slt": 172, "awb": 128, "kal16": 105, "kal": 105, "rms": 98}  # usual pitch, Hz


def flite(text: str, voice: str, stretch: float, pitch: float) -> Spoken:
    """``stretch``: of durations.  pitch: Hz.  Raises ImgSyncError where flite is absent."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "said.wav")
        command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}"]
        command += ["--setf", f"int_f0_target_mean={pitch:.1f}", "-psdur", "-o", str(path)]
        try:
            done = subprocess.run([*command, "-t", text], capture_output=True, check=True)
        except (FileNotFoundError, subprocess.CalledProcessError) as e:
            raise ImgSyncError(f"flite did not speak ({e}). apt-get install flite.") from e
        with wave.open(str(path)) as file:
            rate = file.getframerate()
            pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    segments: list[Segment] = []
    start = 0.0
    for mark in done.stdout.decode().split():
        name, end = mark.rsplit(":", 1)
        segments.append(("" if name == "pau" else name, start, float(end)))
        start = float(end)
    return Spoken(pcm.astype(np.float32) / 32768, rate, segments)
