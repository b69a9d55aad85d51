"""What every engine is: a picture and a voice in, moving frames out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..face.tracks import FaceTrack
from ..media.frames import FrameSource
from ..media.sound import Sound
from ..timeline import Timeline


@dataclass(frozen=True)
class Memory:
    """Bytes that a job takes at its peak, as a sum; measured, not guessed.

    fixed: whatever the job is.   per_pixel: for each pixel of a frame.   per_frame: for each frame
    of the job; 0 for an engine that streams.
    """

    fixed: int = 0
    per_pixel: float = 0.0
    per_frame: float = 0.0

    def of(self, size: tuple[int, int], n_frames: int) -> int:
        """Bytes for frames of a size (width, height)."""
        return int(self.fixed + self.per_pixel * size[0] * size[1] + self.per_frame * n_frames)


@dataclass(frozen=True)
class EngineSpec:
    """What is known of an engine before it runs; ``auto`` and the preflight go by nothing else.

    name: as the user chooses it.      title: for people.
    licence: of its weights.           needs: published files it has to have (see `models`).
    threads: of the CPU, in a process that is its own; 0 = all. Small work is slower when shared
    out, the more so beside an encoder with threads of its own.
    lengthens: it makes a clip last by itself; others get as many frames as the timeline has.
    loses_faces: it wants to know where the face cannot be seen, and smooths by itself.
    devices: kinds of them on which it is worth running, ``cpu``, ``cuda``, ``mps``.
    memory: of main memory.            device_memory: of a device that is not the CPU.
    window: frames that it makes at a time.
    instant: single frames come at once, so a few may be drawn just to look at and to measure.
    face: it moves a face, and cannot do without one.
    """

    name: str
    title: str
    licence: str
    needs: tuple[str, ...] = ()
    threads: int = 0
    lengthens: bool = False
    loses_faces: bool = False
    devices: tuple[str, ...] = ("cpu", "cuda", "mps")
    memory: Memory = Memory()
    device_memory: Memory = Memory()
    window: int = 1
    instant: bool = False
    face: bool = True


@dataclass(frozen=True)
class Chunk:
    """Finished frames: uint8 (t, h, w, c), and the number of the first."""

    data: np.ndarray
    start: int

    @property
    def stop(self) -> int:
        """One past the number of the last frame."""
        return self.start + len(self.data)


def _nothing(*_: Any) -> None:
    pass


@dataclass(frozen=True)
class Host:
    """What runs an engine, and lends it a device and its ears.

    device: torch's name of where networks run.   dtype: of their numbers; None = float32.
    models: folder of published files; None = the usual one.
    check(): called often, at least once a step of denoising; what it raises cancels.
    on_step(done, total): after each step of all there are to do.
    on_frames(frames): uint8 (t, h, w, c), frames as soon as they are finished, to look at.
    placed(network): a context in which a network is on its device. The plain one leaves it there.
    """

    device: Any = "cpu"
    dtype: Any = None
    models: Path | None = None
    check: Callable[[], None] = _nothing
    on_step: Callable[[int, int], None] = _nothing
    on_frames: Callable[[np.ndarray], None] = _nothing
    placed: Callable[[Any], AbstractContextManager[Any]] | None = None


PLAIN = Host()


class Engine(ABC):
    """Moves the face in a picture or a clip to a voice."""

    spec: EngineSpec

    def missing(self) -> tuple[str, ...]:
        """Those of ``spec.needs`` that are not there. An engine that needs any says where it looks.

        By itself nothing is found.
        """
        return self.spec.needs

    @abstractmethod
    def animate(
        self,
        source: FrameSource,
        faces: FaceTrack,
        sound: Sound,
        timeline: Timeline,
        *,
        seed: int,
        strength: Mapping[str, float],
    ) -> FrameSource:
        """Frames as long as the timeline, made when they are read.

        source: one frame, or as many as the timeline has.   faces: the face to move in each.
        Frames that take long are told of step by step, see ``FrameSource.watch``.
        seed: of what is left to chance.
        strength: 0 to 2 for each kind of motion; 1 for those not named.
        """
