"""The built-in engine: no download, real time on a CPU. Voice -> performance -> warp."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ...face.find import track
from ...face.geometry import Face
from ...media.frames import FrameSource
from ...media.sound import Sound
from ...timeline import Timeline
from ..base import Engine, EngineSpec
from .performance import perform
from .pose import Strength
from .render import Renderer
from .voice import whole


class WarpEngine(Engine):
    """Moves the picture itself; draws only the inside of the mouth and the lids."""

    spec = EngineSpec("built-in", "Built-in animator", "Apache-2.0")

    def animate(
        self,
        source: FrameSource,
        face: Face,
        sound: Sound,
        timeline: Timeline,
        *,
        seed: int = 0,
        strength: Mapping[str, float] = MappingProxyType({}),
    ) -> FrameSource:
        """seed: of head and blinks; the same seed gives the same frames."""
        poses = Performance(sound, timeline, seed)
        kind = _Speaking if source.n_frames == 1 else _Following
        return kind(source, timeline, poses, face, Strength(**strength))


class Performance:
    """All poses of a speech, worked out when the first is asked for: 5 MB for an hour."""

    def __init__(self, sound: Sound, timeline: Timeline, seed: int) -> None:
        self._sound, self._timeline, self._seed = sound, timeline, seed
        self._poses: np.ndarray | None = None

    def poses(self) -> np.ndarray:
        """float32 (n_frames, 12)."""
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
        face: Face,
        strength: Strength,
    ) -> None:
        self.source, self.poses = source, poses
        self.size, self.channels = source.size, source.channels
        self.fps, self.n_frames = timeline.fps, timeline.n_frames
        self._face, self._strength = face, strength

    def _with_alpha(self, rgb: np.ndarray, pictures: np.ndarray) -> np.ndarray:
        if self.channels == 3:
            return rgb
        alpha = np.broadcast_to(pictures[..., 3:], (*rgb.shape[:3], 1))
        return np.concatenate([rgb, alpha], -1)

    def close(self) -> None:
        self.source.close()


class _Speaking(_Animated):
    """One picture that speaks."""

    _renderer: Renderer | None = None

    def read(self, start: int, stop: int) -> np.ndarray:
        picture = self.source.read(0, 1)
        if self._renderer is None:
            self._renderer = Renderer(picture[0, ..., :3], self._face, strength=self._strength)
        rgb = self._renderer.render(self.poses.poses()[start:stop])
        return self._with_alpha(rgb, picture)


class _Following(_Animated):
    """A clip whose face is followed from frame to frame and speaks over what it does."""

    _faces: list[Face] | None = None

    def read(self, start: int, stop: int) -> np.ndarray:
        stop = min(stop, self.n_frames)
        pictures = self.source.read(start, stop)
        poses = self.poses.poses()[start:stop].copy()
        poses[:, 5:] = 0  # the clip has its own lids and head
        frames = [
            Renderer(picture[..., :3], self._face_at(start + i), strength=self._strength).render(
                poses[i : i + 1]
            )[0]
            for i, picture in enumerate(pictures)
        ]  # fmt: skip
        return self._with_alpha(np.stack(frames), pictures)

    def _face_at(self, index: int) -> Face:
        if self._faces is None:
            frames = (self.source.read(i, i + 1)[0, ..., :3] for i in range(self.source.n_frames))
            followed = track(frames, self._face)
            self._faces = [face or self._face for face in followed]
        return self._faces[min(index, len(self._faces) - 1)]
