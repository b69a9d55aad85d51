"""MuseTalk: the lips in a video, or in a picture that moves, drawn anew to a voice.

::

    sound -> 16 kHz -> log-mel -> Whisper -> 50 features a second -> 10 for each frame
    frames -> faces -> boxes -> squares -> latents -> one pass -> squares -> frames
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from torch import Tensor

from ...audio.whisper_features import Features
from ...face.outline import five_points
from ...face.tracks import FaceTrack
from ...media.extend import Mode
from ...media.frames import FrameSource
from ...media.sound import Sound
from ...timeline import Timeline
from ..base import Host, Scene, Values
from ..runtime import boxes
from ..runtime.hearing import at_16_khz, with_silence
from ..runtime.lips import LipEngine, Networks, attempting
from ..runtime.stream import Attempt, Redrawn
from ..runtime.track import CropTrack, FrameByFrame
from . import place, published
from .model import load_unet
from .pipeline import Drawer
from .spec import BATCH, SIDE, SPEC, Version, version_of

SQUARE = boxes.SquareShape(SIDE)
FEATHER = 8  # px of the crop: half width of the paste's edge, which lies on skin


def make(values: Values, host: Host) -> MuseTalkEngine:
    """The engine with these options; its files are looked for when it animates."""
    return MuseTalkEngine(values, host)


class MuseTalkEngine(LipEngine):
    """Draws the lower half of the face anew, each frame for itself."""

    spec = SPEC
    load_unet = staticmethod(load_unet)

    @property
    def _published(self) -> bool:
        return self.values["mode"] == "reference"

    @property
    def lengthening(self) -> Mode:  # type: ignore[override]
        """There and back; as published with each end frame twice."""
        return "mirrored" if self._published else "ping-pong"

    def animate(self, scene: Scene) -> FrameSource:
        """The scene's seed is that of latents, which only the published way draws at random.

        Raises WeightsError for files that are missing; what they hold is looked at when the first
        frame is read.
        """
        version = version_of(self.values["version"], self._weights())
        source, timeline = scene.source, scene.timeline

        def redrawn(networks: Networks, check: Callable[[], None]) -> Redrawn:
            features = self._features(networks, scene.speech.sound, timeline, check)
            track = self._track(source, scene.faces, version, check)
            drawer = Drawer(networks, scene.seed if self._published else None)
            return self._redrawn(
                source, track, drawer, version,
                lambda start, stop: features.chunks(start, stop, timeline.fps), timeline.n_frames,
            )  # fmt: skip

        return self._streamed(scene, redrawn)

    def _features(
        self, networks: Networks, sound: Sound, timeline: Timeline, check: Callable[[], None]
    ) -> Features:
        hear = networks.hear_normed
        if self._published:
            return published.PublishedFeatures(*at_16_khz(sound, check), hear, overlapped=False)
        sound = with_silence(sound, timeline)
        return Features(*at_16_khz(sound, check), hear, overlapped=True, silent=True)

    def _track(
        self, source: FrameSource, faces: FaceTrack, version: Version, check: Callable[[], None]
    ) -> CropTrack:
        def points(index: int) -> np.ndarray | None:
            face = faces.at(index)
            if face is None or not self._published:
                return None if face is None else five_points(face)
            x, y, w, h = face.box
            return np.concatenate([five_points(face), [(x, y), (x + w, y + h)]])

        shift = self.values["shift"]
        align = partial(place.spots, shift=shift, margin=version.margin)
        kind, k = CropTrack, 5
        if self._published:
            height = source.size[1]
            align = partial(published.spots, shift=shift, version=version, height=height)
            kind, k = FrameByFrame, 7
        return kind(points, source, SQUARE, align, k=k, outline=boxes.corners, check=check)

    def _redrawn(
        self,
        source: FrameSource,
        track: CropTrack,
        drawer: Drawer,
        version: Version,
        hear: Callable[[int, int], Tensor],
        n_frames: int,
    ) -> Redrawn:
        attempt = Attempt.of(self.values)
        labels = partial(published.labels, version=version)
        unseen = boxes.BoxPaste(partial(place.kept, side=SIDE, jaw=version.jaw), SIDE, FEATHER)
        return Redrawn(
            source=source,
            n_frames=n_frames,
            matrix=track.matrix,
            hear=hear,
            cut=partial(boxes.whole_squares if self._published else boxes.squares, side=SIDE),
            draw=attempting(attempt, drawer.draw),
            paste=partial(published.paste, mask=labels) if self._published else unseen,
            size=BATCH,
            alike=not self._published,  # each has its own noise
            carriers=(attempt, drawer),
        )
