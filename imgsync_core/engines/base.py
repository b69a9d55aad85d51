"""What every engine is: a picture and a voice in, moving frames out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from ..face.tracks import FaceTrack
from ..media.frames import FrameSource
from ..media.sound import Sound
from ..timeline import Timeline


@dataclass(frozen=True)
class EngineSpec:
    """What is known of an engine before it runs.

    name: as the user chooses it.      title: for people.
    licence: of its weights.           needs: files it has to have, none for the built-in engine.
    """

    name: str
    title: str
    licence: str
    needs: tuple[str, ...] = ()


class Engine(ABC):
    """Moves the face in a picture or a clip to a voice."""

    spec: EngineSpec

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
        seed: of what is left to chance.
        strength: 0 to 2 for each kind of motion; 1 for those not named.
        """
