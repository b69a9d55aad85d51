"""LatentSync: the lips in a video, or in a picture that moves, drawn anew to a voice.

::

    sound -> 16 kHz -> log-mel -> Whisper -> 50 features a second -> 10 for each frame
    frames -> faces -> three points -> crops -> latents -> denoise -> crops -> frames
                                                   16 frames at once
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

import numpy as np
from torch import Tensor

from ...audio.resample import speech
from ...audio.whisper_features import Features, n_chunks
from ...audio.whisper_mel import RATE
from ...face.tracks import FaceTrack
from ...media.frames import FrameSource
from ...media.sound import Sound, to_length
from ...timeline import Timeline
from ..base import Chunk, Engine, EngineSpec, Host, Memory
from . import spec
from .align import Geometry
from .draw import Drawer, Plan
from .files import Files, find, missing
from .networks import Networks, load
from .options import Options
from .points import three_points
from .stream import Dubbed, Painter, Scene
from .track import Track
from .ways import WAYS, Way


class LatentSyncEngine(Engine):
    """Draws the lower half of the face anew, 16 frames at a time."""

    spec = EngineSpec(
        "latentsync",
        "LatentSync 1.5 / 1.6",
        "openrail++, see the model card",
        needs=("latentsync-1.6", "whisper-tiny", "sd-vae-ft-mse"),
        lengthens=True,
        loses_faces=True,
        devices=("cuda", "mps"),
        memory=Memory(fixed=6_000_000_000, per_pixel=150, per_frame=100),  # weights of 5.1 GB
        device_memory=Memory(fixed=8_000_000_000),  # its authors' figure for crops of 256 px
        window=spec.WINDOW,
    )

    def missing(self) -> tuple[str, ...]:
        return missing(self.options, self.host.models)

    def __init__(self, options: Options, host: Host, networks: Networks | None = None) -> None:
        """networks: loaded already by somebody else; None = load the files the options name."""
        self.options, self.host = options, host
        self._networks = networks
        self._way = WAYS[options.mode]

    def animate(
        self,
        source: FrameSource,
        faces: FaceTrack,
        sound: Sound,
        timeline: Timeline,
        *,
        seed: int = 0,
        strength: Mapping[str, float] = MappingProxyType({}),
    ) -> FrameSource:
        """Frames as long as the timeline; a clip that is shorter goes there and back.

        seed: of the noise.   strength: there is none here.
        Raises WeightsError for files that are missing or for crops of the wrong size; what the
        files hold is looked at when the first frame is read.
        """
        files = find(self.options, self.host.models)
        geometry = Geometry(files.resolution)

        def make(check: Callable[[], None]) -> Iterator[Chunk]:
            def ask() -> None:
                check()
                self.host.check()

            networks = self._loaded(files)
            scene = self._scene(source, faces, sound, timeline, networks, geometry, ask)
            drawer = Drawer(networks, files.resolution, seed)
            painter = Painter(scene, drawer, geometry, self._plan(), self._way, host)
            return painter.chunks(spec.WINDOW, retry=self.options.auto, check=ask)

        dubbed = Dubbed(source, timeline, make)
        host = dubbed.told(self.host)
        return dubbed

    def _loaded(self, files: Files) -> Networks:
        if self._networks is None:
            networks = load(files, self.host, offload=self.options.low_memory)
            if self.options.compile:
                networks = networks.compiled()
            self._networks = networks
        return self._networks

    def _plan(self) -> Plan:
        o = self.options
        return Plan(o.steps, o.guidance, o.deepcache, self._way.sampled, o.low_memory)

    def _scene(
        self,
        source: FrameSource,
        faces: FaceTrack,
        sound: Sound,
        timeline: Timeline,
        networks: Networks,
        geometry: Geometry,
        check: Callable[[], None],
    ) -> Scene:
        way = self._way

        features = heard(sound, timeline, networks.hear, way, check)
        n_frames = timeline.n_frames
        if way.surplus:
            n_frames = max(n_frames, n_chunks(features.n, timeline.fps))
        shown, index_of = way.lengthened(source, n_frames)

        def points(index: int) -> np.ndarray | None:
            face = faces.at(index_of(index))
            return None if face is None else three_points(face)

        track = Track(points, shown, geometry, published=way.published_points, check=check)
        return Scene(
            shown, track, lambda start, stop: features.chunks(start, stop, timeline.fps), n_frames
        )


def heard(
    sound: Sound,
    timeline: Timeline,
    hear: Callable[[Tensor], Tensor],
    way: Way,
    check: Callable[[], None],
) -> Features:
    """The features of a sound for the frames of a timeline."""
    if way.padded:
        sound = to_length(sound, max(sound.n_samples, timeline.at_rate(sound.rate).total_samples))

    def blocks() -> Iterable[np.ndarray]:
        for block in speech(sound.blocks(), sound.rate, RATE):
            check()
            yield np.rint(block * 32768).clip(-32768, 32767) / 32768 if way.coarse else block

    n_samples = -(-sound.n_samples * RATE // sound.rate)
    return Features(blocks, n_samples, hear, overlapped=way.overlapped)
