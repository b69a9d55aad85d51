"""Before a job starts: what it will take, and a stop at once where it cannot succeed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engines.base import EngineSpec, Host, Values
from ..engines.runtime.files import missing
from ..errors import MemoryLimitError, WeightsError
from ..machine import Device, Machine, readable
from ..media.sound import Sound
from ..timeline import frames_in_words
from .rate import Timed

PREVIEWS, PREVIEW_SECONDS = 8, 0.25  # frames drawn in advance at most, and the time for them
_TIMED, _PATIENCE = 4, 4.0  # so many at least, in so many times that: the second is often slow too
_SPREAD = 2.0  # seconds of speech over which they are spread
_SPOKEN = 0.02  # RMS of full scale from which on a sound counts as begun


LARGE = 4096 * 2304  # px of a frame: the most of H.264's level 5.2, which players go by
USUAL = 1920  # px of the longer side, that is enough for most screens


def too_large(size: tuple[int, int]) -> str:
    """A sentence about frames of more than LARGE px."""
    less = (max(size) / USUAL) ** 2
    return (
        f"{size[0]}x{size[1]} is larger than most players show; with {USUAL} px on the longer side "
        f"it takes {less:.0f} times less time and memory"
    )


@dataclass(frozen=True)
class Forecast:
    """What a job is expected to take.

    engine: its name.   title: for people.   reason: why it was chosen; empty = it was asked for.
    size: of a frame.   windows: pieces in which the frames are made.
    seconds: to draw and encode all frames, as measured on this machine; None = not measured yet.
    memory: bytes of main memory.   device, device_memory: what computes, and bytes there.
    missing: weights that are not there.
    """

    engine: str
    title: str
    reason: str
    size: tuple[int, int]
    frames: int
    windows: int
    seconds: float | None
    memory: int
    device: Device
    device_memory: int
    missing: tuple[str, ...]

    def sentence(self) -> str:
        """For people, one line."""
        why = f" ({self.reason})" if self.reason else ""
        windows = f" in {self.windows} windows" if 1 < self.windows < self.frames else ""
        parts = [
            f"{frames_in_words(self.frames)} of {self.size[0]}x{self.size[1]}{windows}",
            self._time(),
        ]
        if self.memory:
            parts.append(f"{readable(self.memory)} of memory")
        if self.device_memory:
            parts.append(f"{readable(self.device_memory)} on {self.device.name}")
        if self.missing:
            parts.append(f"missing: {', '.join(self.missing)}")
        return f"{self.title}{why}: {', '.join(parts)}"

    def _time(self) -> str:
        if self.seconds is None:
            return "how long was not measured here yet"
        if self.seconds < 1:
            return "less than a second"
        if self.seconds < 100:
            return f"about {self.seconds:.0f} s"
        return f"about {self.seconds / 60:.0f} min"

    def as_dict(self) -> dict[str, Any]:
        """For programs; seconds, bytes."""
        return {
            "engine": self.engine, "reason": self.reason, "frames": self.frames,
            "windows": self.windows, "seconds": self.seconds, "memory": self.memory,
            "device": self.device.kind, "device_memory": self.device_memory,
            "missing": list(self.missing),
        }  # fmt: skip

    def check(self, machine: Machine) -> None:
        """Raise WeightsError or MemoryLimitError where the job cannot succeed."""
        if self.missing:
            raise WeightsError(
                f"{self.title} lacks its weights: {', '.join(self.missing)}. Fetch them, or choose "
                "another engine; auto takes one that is there."
            )
        if machine.free and self.memory > machine.free:
            raise MemoryLimitError(
                f"{self.title} needs {readable(self.memory)} of memory for frames of "
                f"{self.size[0]}x{self.size[1]}, and {readable(machine.free)} are free. Close "
                "other programs, or make the picture smaller."
            )
        if self.device.memory and self.device_memory > self.device.free:
            raise MemoryLimitError(
                f"{self.title} needs {readable(self.device_memory)} on {self.device.name}, and "
                f"{readable(self.device.free)} are free there. Close other programs that use it, "
                "choose the low-memory plan or smaller weights, or another device."
            )


def forecast(
    spec: EngineSpec,
    values: Values,
    drawn: Timed,
    machine: Machine,
    host: Host,
    reason: str = "",
) -> Forecast:
    """What drawing these frames of an engine takes. Draws nothing."""
    n = drawn.n_frames
    cost, least = (spec.cost(values, size, k) for size, k in ((drawn.size, n), ((1, 1), 1)))
    more = drawn.people - 1  # of what grows with the picture each has its own; networks are shared
    device = machine.beside(host.device).devices[-1]
    if not device.is_one_of(spec.devices) and spec.devices == ("cpu",):
        device = machine.devices[0]  # it has no use for the other
    rate = drawn.seconds_a_frame
    return Forecast(
        engine=spec.name,
        title=spec.title,
        reason=reason,
        size=drawn.size,
        frames=n,
        windows=spec.windows(values, n),
        seconds=None if rate is None else rate * n,
        memory=cost.memory + more * (cost.memory - least.memory),
        device=device,
        device_memory=0 if device.kind == "cpu" else cost.device_memory,
        missing=missing(spec.needs, values, host.models),
    )


def preview_frames(
    spec: EngineSpec,
    drawn: Timed,
    sound: Sound,
    most: int = PREVIEWS,
    seconds: float = PREVIEW_SECONDS,
) -> Iterator[np.ndarray]:
    """A few frames, uint8 (h, w, c), which also measures how fast that goes.

    Of a still they are spread over the first speech; of a clip, which is drawn in order, they are
    the first. None where the engine makes no single frames at once. No frame is begun when
    ``seconds`` have passed since the first was done, or four times that while there are few.
    """
    if not spec.instant:
        return
    first, step = 0, 1
    if drawn.still:
        first, step = int(_begin(sound) * drawn.fps), max(1, int(_SPREAD * drawn.fps / most))
    begun = 0.0
    for done, i in enumerate(range(first, min(first + most * step, drawn.n_frames), step)):
        enough = seconds if done > _TIMED else _PATIENCE * seconds
        if done and time.perf_counter() - begun > enough:
            return
        yield drawn.read(i, i + 1)[0]
        begun = begun or time.perf_counter()


def _begin(sound: Sound) -> float:
    """Seconds until somebody may be speaking; 0 where nobody does."""
    done, hop = 0, max(1, sound.rate // 50)
    for block in sound.blocks():
        level = np.square(block).mean(0)
        level = np.sqrt(np.add.reduceat(level, np.arange(0, len(level), hop)) / hop)
        loud = np.flatnonzero(level > _SPOKEN)
        if len(loud):
            return (done + int(loud[0]) * hop) / sound.rate
        done += block.shape[-1]
    return 0.0
