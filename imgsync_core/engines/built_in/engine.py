"""The built-in engine: no download, real time on a CPU. Voice -> performance -> warp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np

from ...audio.mouth_curves import whole
from ...face.geometry import Face
from ...face.tracks import FaceTrack
from ...media.frames import FrameSource, OnStep
from ...media.sound import Sound
from ...timeline import Timeline
from ..base import Engine, EngineSpec, Memory
from .following import Dub, quietest
from .performance import perform
from .pose import Strength
from .render import Renderer

QUIET = 12  # seconds of a clip in which its quietest mouth is sought


class BuiltInEngine(Engine):
    """Moves the picture itself; draws only the inside of the mouth and the lids."""

    spec = EngineSpec(
        "built-in",
        "Built-in animator",
        "Apache-2.0",
        threads=1,
        devices=("cpu",),
        memory=Memory(fixed=90_000_000, per_pixel=150, per_frame=100),  # the encoder's share too
        instant=True,
    )

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
        """seed: of head and blinks; the same seed gives the same frames."""
        poses = Performance(sound, timeline, seed)
        kind = _Speaking if source.n_frames == 1 else _Following
        return kind(source, timeline, poses, faces, Strength(**strength))


class Performance:
    """All poses of a speech, worked out when the first is asked for: 5 MB for an hour."""

    def __init__(self, sound: Sound, timeline: Timeline, seed: int) -> None:
        self._sound, self._timeline, self._seed = sound, timeline, seed
        self._poses: np.ndarray | None = None

    def poses(self) -> np.ndarray:
        """float32 (n_frames, 16)."""
        if self._poses is None:
            time = self._timeline
            self._poses = perform(whole(self._sound), time.fps, time.n_frames, self._seed)
        return self._poses


class _Animated(FrameSource):
    """Frames of a timeline that are drawn when they are read."""

    def __init__(
        self,
        source: FrameSource,
        timeline: Timeline,
        poses: Performance,
        faces: FaceTrack,
        strength: Strength,
    ) -> None:
        self.source, self.poses = source, poses
        self.size, self.channels = source.size, source.channels
        self.fps, self.n_frames = timeline.fps, timeline.n_frames
        self._faces, self._strength = faces, strength

    def _with_alpha(self, rgb: np.ndarray, pictures: np.ndarray) -> np.ndarray:
        if self.channels == 3:
            return rgb
        alpha = np.broadcast_to(pictures[..., 3:], (*rgb.shape[:3], 1))
        return np.concatenate([rgb, alpha], -1)

    def watch(self, on_step: OnStep | None) -> None:
        self.source.watch(on_step)

    def close(self) -> None:
        self.source.close()


class _Speaking(_Animated):
    """One picture that speaks."""

    _renderer: Renderer | None = None

    def read(self, start: int, stop: int) -> np.ndarray:
        picture = self.source.read(0, 1)
        poses = self.poses.poses()[start:stop]
        if self._renderer is None:
            face = self._faces.at(0)
            if face is None:
                return np.broadcast_to(picture, (len(poses), *picture.shape[1:]))
            self._renderer = Renderer(picture[0, ..., :3], face, strength=self._strength)
        return self._with_alpha(self._renderer.render(poses), picture)


class _Following(_Animated):
    """A clip whose face is followed from frame to frame and speaks over what it does."""

    _dub: Dub | None = None

    def read(self, start: int, stop: int) -> np.ndarray:
        pictures = self.source.read(start, min(stop, self.n_frames))
        if self._strength.mouth == 0:
            return pictures
        poses = self.poses.poses()[start : start + len(pictures)].copy()
        poses[:, 5:15] = 0  # the clip has its own lids and head
        frames = [
            self._spoken(picture[..., :3], start + i, pose)
            for i, (picture, pose) in enumerate(zip(pictures, poses, strict=True))
        ]
        return self._with_alpha(np.stack(frames), pictures)

    def _spoken(self, picture: np.ndarray, index: int, pose: np.ndarray) -> np.ndarray:
        face = self._faces.at(index)
        if face is None:
            return picture
        if self._dub is None:
            found = quietest(self._begun())
            at, shut = found if found is not None else (index, face)
            self._dub = Dub(self.source.read(at, at + 1)[0, ..., :3], shut, self._strength)
        return self._dub.draw(picture, face, pose)

    def _begun(self) -> Iterator[tuple[int, np.ndarray, Face | None]]:
        """The clip's first seconds: number, picture and face of every second frame."""
        for index in range(0, min(self.n_frames, round(QUIET * self.fps)), 2):
            yield index, self.source.read(index, index + 1)[0, ..., :3], self._faces.at(index)
