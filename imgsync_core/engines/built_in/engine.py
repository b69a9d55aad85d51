"""The built-in engine: no download, real time on a CPU. Voice -> performance -> warp."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ...audio.speech import Speech
from ...face.doubt import trusted
from ...face.geometry import Face
from ...face.tracks import FaceTrack
from ...media.frames import FrameSource, View
from ...timeline import Timeline
from ...watcher import NOBODY, Watcher
from ..base import Engine, Host, Scene, Values
from .following import Dub, quietest
from .performance import perform, settled
from .pose import COLUMNS, Strength
from .reading import Written, read_curves
from .render import BATCH, Renderer
from .spec import SPEC


def make(values: Values, host: Host) -> BuiltInEngine:
    """The engine with these options; it runs on the CPU, whatever the host has.

    Raises InputError for curves that cannot be read.
    """
    strength = {name: values[name] for name in Strength.__dataclass_fields__}
    written = read_curves(Path(values["curves"])) if values["curves"] else None
    return BuiltInEngine(Strength(**strength), written, values["offset_ms"] / 1000)


OPEN = COLUMNS.index("open")
QUIET = 12  # seconds of a clip in which its quietest mouth is sought


class BuiltInEngine(Engine):
    """Moves the picture itself; draws only the inside of the mouth and the lids."""

    spec = SPEC

    def __init__(
        self, strength: Strength, written: Written | None = None, offset: float = 0.0
    ) -> None:
        """written: curves instead of those that are heard.   offset: seconds, of the face."""
        self.strength = strength
        self.written, self.offset = written, offset

    def animate(self, scene: Scene) -> FrameSource:
        """seed: of head and blinks; the same seed gives the same frames."""
        poses = Performance(scene.speech, scene.timeline, scene.seed, self.written, self.offset)
        kind = _Speaking if scene.source.n_frames == 1 else _Following
        return kind(scene.source, scene.timeline, poses, scene.faces, self.strength)


class Performance:
    """All poses of a speech, worked out when the first is asked for: 5 MB for an hour."""

    def __init__(
        self,
        speech: Speech,
        timeline: Timeline,
        seed: int,
        written: Written | None,
        offset: float,
    ) -> None:
        self._speech, self._timeline, self._seed = speech, timeline, seed
        self._written, self._offset = written, offset
        self._poses: np.ndarray | None = None

    @property
    def written(self) -> bool:
        """Whether the mouth does what a file says, to the letter."""
        return self._written is not None

    def poses(self, check: Callable[[], None]) -> np.ndarray:
        """float32 (n_frames, 16)."""
        if self._poses is None:
            time = self._timeline
            table = self._speech.table(check)
            poses = perform(table, time.fps, time.n_frames, self._seed, self._offset)
            if self._written is not None:
                poses = self._written.put_on(poses, time.fps, self._offset)
            self._poses = poses
        return self._poses


class _Animated(View):
    """Frames of a timeline that are drawn when they are read."""

    def __init__(
        self,
        source: FrameSource,
        timeline: Timeline,
        poses: Performance,
        faces: FaceTrack,
        strength: Strength,
    ) -> None:
        super().__init__(source, timeline.n_frames)
        self.fps, self._poses = timeline.fps, poses
        self._faces, self._strength = faces, strength
        self._watcher = NOBODY
        self._unseen: set[int] = set()  # frames without the face, of those that were read

    def origin(self, index: int, at: FrameSource | None = None) -> tuple[FrameSource, int]:
        return self, index

    def watch(self, watcher: Watcher) -> None:
        self._watcher = watcher
        super().watch(watcher)

    def poses(self, start: int, stop: int) -> np.ndarray:
        """float32 (t, 16) of frames [start, stop)."""
        self._watcher.check()
        return self._poses.poses(self._watcher.check)[start:stop]

    def _with_alpha(self, rgb: np.ndarray, pictures: np.ndarray) -> np.ndarray:
        if self.channels == 3:
            return rgb
        alpha = np.broadcast_to(pictures[..., 3:], (*rgb.shape[:3], 1))
        return np.concatenate([rgb, alpha], -1)


class _Speaking(_Animated):
    """One picture that speaks."""

    _renderer: Renderer | None = None
    _end = 0  # of what was read last: who reads on is likely to go on
    _shown: np.ndarray | None = None  # all poses as they are drawn

    def read(self, start: int, stop: int) -> np.ndarray:
        picture = self.source.read(0, 1)
        shown = self._shown
        if shown is None:
            shown = self.poses(0, self.n_frames)
            face = self._faces.at(0)
            if face is None:
                return np.broadcast_to(picture, (len(shown[start:stop]), *picture.shape[1:]))
            self._renderer = Renderer(picture[0, ..., :3], face, strength=self._strength)
            trust = trusted(face)  # less where it is not sure where the lips meet
            shown = shown * np.where(np.arange(shown.shape[1]) == OPEN, trust, 1.0)
            if self._renderer.smiles and not self._poses.written:
                shown = settled(shown, float(self.fps))
            self._shown = shown
        assert self._renderer is not None
        soon = shown[stop : stop + BATCH] if start == self._end else None
        self._end = stop
        return self._with_alpha(self._renderer.render(shown[start:stop], soon), picture)


class _Following(_Animated):
    """A clip whose face is followed from frame to frame and speaks over what it does."""

    _dub: Dub | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        if not self._unseen:
            return super().notes
        first = float(min(self._unseen) / self.fps)
        return (
            *super().notes,
            f"The face is not seen in {len(self._unseen)} of {self.n_frames} frames, first at "
            f"{first:.2f} s: there the clip stays as it is",
        )

    def read(self, start: int, stop: int) -> np.ndarray:
        pictures = self.source.read(start, min(stop, self.n_frames))
        if self._strength.mouth == 0:
            return pictures
        poses = self.poses(start, start + len(pictures)).copy()
        poses[:, 5:15] = 0  # the clip has its own lids and head
        frames = [
            self._spoken(picture[..., :3], start + i, pose)
            for i, (picture, pose) in enumerate(zip(pictures, poses, strict=True))
        ]
        return self._with_alpha(np.stack(frames), pictures)

    def _spoken(self, picture: np.ndarray, index: int, pose: np.ndarray) -> np.ndarray:
        face = self._faces.at(index)
        if face is None:
            self._unseen.add(index)
            return picture
        if self._dub is None:
            found = quietest(self._begun())
            at, shut = found if found is not None else (index, face)
            self._dub = Dub(self.source.read(at, at + 1)[0, ..., :3], shut, self._strength)
        return self._dub.draw(picture, face, pose)

    def _begun(self) -> Iterator[tuple[int, np.ndarray, Face | None]]:
        """The clip's first seconds: number, picture and face of every second frame."""
        for index in range(0, min(self.n_frames, round(QUIET * self.fps)), 2):
            self._watcher.check()
            yield index, self.source.read(index, index + 1)[0, ..., :3], self._faces.at(index)
