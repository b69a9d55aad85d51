"""No motion at all: what is left where there is no face to move."""

from __future__ import annotations

from collections.abc import Mapping

from ..face.tracks import FaceTrack
from ..media.frames import FrameSource, Held
from ..media.sound import Sound
from ..timeline import Timeline
from .base import Engine, EngineSpec


class HoldEngine(Engine):
    """Shows the picture, or plays the clip, as it is."""

    spec = EngineSpec("extend", "Plain extension", "Apache-2.0", face=False)

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
        """The source, its last frame held to the end; seed and strength change nothing."""
        return Held(source, timeline.n_frames)
