"""LatentSync: the lips in a video, or in a picture that moves, drawn anew to a voice.

::

    sound -> 16 kHz -> log-mel -> Whisper -> 50 features a second -> 10 for each frame
    frames -> faces -> three points -> crops -> latents -> denoise -> crops -> frames
                                                   16 frames at once
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from torch import Tensor

from ...audio.whisper_features import n_chunks, n_features
from ...face.tracks import FaceTrack
from ...media.extend import Mode
from ...media.frames import FrameSource
from ...media.sound import Sound
from ...timeline import Timeline
from ..base import Host, Scene, Values
from ..runtime.crop import crops, pixel_values
from ..runtime.hearing import heard, n_at_16_khz, with_silence
from ..runtime.lips import LipEngine, Networks, attempting
from ..runtime.paste import Paste
from ..runtime.stream import Attempt, Redrawn, Stepped
from ..runtime.track import CropTrack
from .align import Aligner, Geometry, alignment_points
from .mask import composite
from .model import load_unet
from .pipeline import Drawer, Plan
from .published import PublishedTrack, restored
from .reference import WAYS, Way
from .spec import SPEC, WINDOW, resolution_of


def make(values: Values, host: Host) -> LatentSyncEngine:
    """The engine with these options; its files are looked for when it animates."""
    return LatentSyncEngine(values, host)


class LatentSyncEngine(LipEngine):
    """Draws the lower half of the face anew, 16 frames at a time."""

    spec = SPEC
    load_unet = staticmethod(load_unet)

    def __init__(self, values: Values, host: Host, networks: Networks | None = None) -> None:
        super().__init__(values, host, networks)
        self._way = WAYS[values["mode"]]

    @property
    def lengthening(self) -> Mode:  # type: ignore[override]
        """There and back; as published with each end frame twice."""
        return "mirrored" if self._way.mirrored else "ping-pong"

    def frames_for(self, sound: Sound, timeline: Timeline) -> int:
        """As published up to two more than needed: as many as the sound has features for."""
        if not self._way.surplus:
            return timeline.n_frames
        n = n_features(max(n_at_16_khz(_padded(sound, timeline, self._way)), 400))
        return max(timeline.n_frames, n_chunks(n, timeline.fps))

    def animate(self, scene: Scene) -> FrameSource:
        """The scene's seed is that of the noise.

        Raises WeightsError for files that are missing or for crops of the wrong size; what the
        files hold is looked at when the first frame is read.
        """
        resolution = self._resolution()
        source, timeline, sound = scene.source, scene.timeline, scene.speech.sound
        wanted = self.frames_for(sound, timeline)

        def redrawn(networks: Networks, check: Callable[[], None]) -> Redrawn:
            way, padded = self._way, _padded(sound, timeline, self._way)
            features = heard(
                padded, networks.hear, check, overlapped=way.overlapped, coarse=way.coarse
            )
            return self._redrawn(
                source, self._track(source, scene.faces, resolution, check),
                Drawer(networks, resolution, scene.seed),
                lambda start, stop: features.chunks(start, stop, timeline.fps), wanted,
            )  # fmt: skip

        return self._streamed(scene, redrawn)

    def _resolution(self) -> int:
        unet, asked = self._weights(), self.values["resolution"]
        return asked if unet is None else resolution_of(asked, unet)

    def _track(
        self,
        source: FrameSource,
        faces: FaceTrack,
        resolution: int,
        check: Callable[[], None],
    ) -> CropTrack:
        def points(index: int) -> np.ndarray | None:
            face = faces.at(index)
            return None if face is None else alignment_points(face)

        geometry, published = Geometry(resolution), self._way.published_points
        aligner = Aligner(geometry, bias=published)
        kind = PublishedTrack if published else CropTrack
        return kind(points, source, geometry, aligner.matrices, check=check)

    def _redrawn(
        self,
        source: FrameSource,
        track: CropTrack,
        drawer: Drawer,
        hear: Callable[[int, int], Tensor],
        n_frames: int,
    ) -> Redrawn:
        geometry, way = Geometry(drawer.resolution), self._way
        advice = ("LatentSync 1.5, whose crops are 256 pixels",) if drawer.resolution > 256 else ()
        attempt = Attempt.of(self.values, *advice)
        return Redrawn(
            source=source,
            n_frames=n_frames,
            matrix=track.matrix,
            hear=hear,
            cut=partial(crops, shape=geometry, whole=way.entire),
            draw=attempting(attempt, self._drawing(drawer)),
            paste=partial(_whole, drawer, geometry) if way.whole else _unseen(drawer, geometry),
            size=WINDOW,
            full=way.full,
            alike=not way.sampled,  # each has its own noise
            carriers=(attempt, drawer),
        )

    def _drawing(self, drawer: Drawer) -> Callable[[Tensor, Tensor, Tensor, bool, Stepped], Tensor]:
        v = self.values

        def draw(
            crops: Tensor, which: Tensor, heard: Tensor, low_memory: bool, stepped: Stepped
        ) -> Tensor:
            plan = Plan(v["steps"], v["guidance"], v["deepcache"], self._way.sampled, low_memory)
            return drawer.draw(crops, which, heard, plan, stepped)

        return draw


Pasting = Callable[[np.ndarray, Tensor, Tensor, Tensor], np.ndarray]


def _unseen(drawer: Drawer, geometry: Geometry) -> Pasting:
    """Only what was drawn, colour matched."""
    paste = Paste(geometry, drawer.mask)

    def put(frames: np.ndarray, drawn: Tensor, original: Tensor, matrices: Tensor) -> np.ndarray:
        return paste.paste(frames, drawn, pixel_values(original.to(drawn.device)), matrices)

    return put


def _whole(
    drawer: Drawer,
    geometry: Geometry,
    frames: np.ndarray,
    drawn: Tensor,
    original: Tensor,
    matrices: Tensor,
) -> np.ndarray:
    """The whole crop, as published."""
    values = pixel_values(original.to(drawn.device))
    mixed = composite(drawn, values, drawer.mask).to(matrices)
    out = np.array(frames)
    for i, (frame, face, matrix) in enumerate(zip(frames, mixed, matrices, strict=True)):
        out[i, ..., :3] = restored(frame, face, matrix, geometry)
    return out


def _padded(sound: Sound, timeline: Timeline, way: Way) -> Sound:
    return with_silence(sound, timeline) if way.padded else sound
