"""What every engine is: a picture and a voice in, moving frames out.

Nothing heavy is imported here: a command line's help and ``auto`` read specs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..machine import CPU, Device
from .options import Option

if TYPE_CHECKING:
    import numpy as np

    from ..audio.speech import Speech
    from ..face.tracks import FaceTrack
    from ..media.extend import Mode
    from ..media.frames import FrameSource
    from ..media.sound import Sound
    from ..spool.store import Store
    from ..timeline import Timeline

Values = Mapping[str, Any]
"""Values of an engine's options by name, checked."""


@dataclass(frozen=True)
class Cost:
    """Bytes that a job takes at its peak: of main memory, and of a device that is not the CPU."""

    memory: int = 0
    device_memory: int = 0


@dataclass(frozen=True)
class Need:
    """One file that an engine has to have.

    what: for sentences, such as "LatentSync's weights are".
    published: names of the published files that serve (see `models`), the best first.
    inside: its paths in a folder that somebody names.
    option: the option that names it by hand; empty = there is none.
    paired: its alternatives belong to those of the first need, one to one.
    """

    what: str
    published: tuple[str, ...]
    inside: tuple[str, ...]
    option: str = ""
    paired: bool = False


def free_of_charge(values: Values, size: tuple[int, int], n_frames: int) -> Cost:
    """The cost of an engine that takes next to nothing."""
    return Cost()


def one_by_one(values: Values, n_frames: int) -> int:
    """The windows of an engine that makes single frames."""
    return n_frames


def in_windows_of(size: int) -> Callable[[Values, int], int]:
    """The windows of an engine that makes so many frames together."""
    return lambda values, n_frames: -(-n_frames // size)


@dataclass(frozen=True)
class EngineSpec:
    """What is known of an engine before it runs; choice and forecast go by nothing else.

    name: as the user chooses it.   title: for people.   licence: of its weights.
    draws: the lips in a picture that moves by itself, the whole head of a still one, or nothing.
    takes: what it animates; of a clip, an engine that takes only a still gets the first frame.
    wants: of the face: its points, or only where it is (a crop); nothing = no face is looked for.
    options: that it has.   needs: files, the main one first; the others may lie beside it.
    helps: files that it does without, though not as well; all of them or none.
    devices: kinds of them on which it is worth running, ``cpu``, ``cuda``, ``mps``.
    cost: bytes for options, size (width, height) and number of frames; measured, not guessed.
    windows: pieces in which a number of frames is made.
    threads: of the CPU, in a process that is its own; 0 = all. Small work is slower when shared
        out, the more so beside an encoder with threads of its own.
    instant: single frames come at once, so a few may be drawn just to look at and to measure.
    virtue: what it is chosen for where others do the same, in words.
    """

    name: str
    title: str
    licence: str
    draws: Literal["lips", "head", "nothing"]
    takes: tuple[Literal["still", "clip"], ...] = ("still", "clip")
    wants: Literal["points", "crop", "nothing"] = "points"
    options: tuple[Option, ...] = ()
    needs: tuple[Need, ...] = ()
    helps: tuple[Need, ...] = ()
    devices: tuple[str, ...] = ("cuda", "mps")
    cost: Callable[[Values, tuple[int, int], int], Cost] = free_of_charge
    windows: Callable[[Values, int], int] = one_by_one
    threads: int = 0
    instant: bool = False
    virtue: str = ""

    @property
    def streams(self) -> bool:
        """Frames come in windows, of which large pieces of memory are let go again and again."""
        return bool(self.needs)


@dataclass(frozen=True)
class Chunk:
    """Finished frames: uint8 (t, h, w, c), and the number of the first.

    carried(): all that making goes on with after these frames, by name, so that it can begin
        there (see `runtime.resuming`); to be asked before the next chunk is. None: it cannot.
    t may be 0, where work was done of which no frame is finished yet.
    kept: they were drawn and kept by a run before.
    """

    data: np.ndarray
    start: int
    carried: Callable[[], Mapping[str, Any]] | None = None
    kept: bool = False

    @property
    def stop(self) -> int:
        """One past the number of the last frame."""
        return self.start + len(self.data)


def _as_it_is(spec: EngineSpec) -> None:
    pass


@dataclass(frozen=True)
class Host:
    """What runs an engine, and lends it a device.

    device: where networks run.   dtype: torch's, of their numbers; None = float32.
    models: folder of published files; None = the usual one.
    place(network): a context in which a network is on its device. None: it stays there.
    library: keeps networks for other engines and runs (see `runtime.networks`); None = nobody.
    settle(spec): called once it is known which engine runs, before it does.
    """

    device: Device = CPU
    dtype: Any = None
    models: Path | None = None
    place: Callable[[Any], AbstractContextManager[Any]] | None = None
    library: Any = None
    settle: Callable[[EngineSpec], None] = field(default=_as_it_is)


PLAIN = Host()


@dataclass(frozen=True)
class Scene:
    """What an engine animates.

    source: one frame, or as many as ``Engine.frames_for`` says.   faces: the face to move in each.
    seed: of what is left to chance.
    store: where an engine that streams keeps what is finished; None = nowhere.
    """

    source: FrameSource
    faces: FaceTrack
    speech: Speech
    timeline: Timeline
    seed: int = 0
    store: Store | None = None


class Engine(ABC):
    """Moves the face in a picture or a clip to a voice.

    lengthening: how a clip lasts that is shorter than the voice, if nobody says otherwise.
    """

    spec: ClassVar[EngineSpec]
    lengthening: Mode = "hold"

    def frames_for(self, sound: Sound, timeline: Timeline) -> int:
        """Frames of the source that it wants: as many as the timeline has, or some more."""
        return timeline.n_frames

    @abstractmethod
    def animate(self, scene: Scene) -> FrameSource:
        """Frames as long as the scene's timeline, made when they are read."""


def names_of(needs: Iterable[Need]) -> tuple[str, ...]:
    """The published file that stands for each need: the best."""
    return tuple(need.published[0] for need in needs)
