"""Hallo2: the head in a still, drawn anew to a voice, for as long as it speaks.

::

    still -> face -> square -> latents; where face and lips are; whose face it is
    sound -> 16 kHz -> wav2vec 2.0 -> 25 features a second -> 5 for each frame
    clips of 16 frames, each going on from the one before -> squares -> frames
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ...audio import wav2vec_features, wav2vec_pieces
from ...audio.wav2vec_features import SpeechFeatures
from ...face.geometry import Face
from ...timeline import Timeline
from ...watcher import Watcher
from ..base import Host, Scene, Values
from ..runtime import fixed_point as fixed
from ..runtime.autoencoder import AT_ONCE
from ..runtime.crop import pixel_values
from ..runtime.heads import Draw, HeadEngine, Show, Squares, telling
from ..runtime.hearing import at_16_khz, hearing_samples
from ..runtime.identity import whose
from ..runtime.regions import placed
from ..runtime.resuming import Point, restore, state_of
from ..runtime.square import around, inscribed
from ..runtime.stream import Attempt
from .networks import Loaded, Networks, found
from .pipeline import Drawer, Plan, Still
from .published import PublishedDrawer
from .spec import FPS, FRAMES, MOTION, SPEC, check, clips, stride


def make(values: Values, host: Host) -> Hallo2Engine:
    """The engine with these options. Raises InputError for some that do not go together."""
    check(values)
    return Hallo2Engine(values, host)


class Hallo2Engine(HeadEngine):
    """Draws a square around the face anew, clip after clip, and puts it back into the still."""

    spec, rate = SPEC, FPS

    @property
    def shows_square(self) -> bool:
        """As published all of the picture is squeezed into the square, which is what comes out."""
        return self.published or self.values["crop_only"]

    def drawing(self, scene: Scene, face: Face | None) -> Draw:
        networks, size = found(self.values, self.host), scene.source.size
        square = inscribed((0, 0, *size), size) if face is None else around(face.outline, size)

        def draw(
            frame: np.ndarray, watcher: Watcher, point: Point
        ) -> tuple[Show, Iterator[Squares]]:
            part = frame if self.published else square.of(frame)
            pixels = fixed.squeezed(part, self.values["resolution"])[None]
            corner = (0, 0) if self.published else (square.left, square.top)
            loaded = networks.loaded(MOTION + FRAMES)
            inputs = loaded.face_tokens.proj.in_features
            who = whose(part, inputs, self.values, self.host, SPEC.title, watcher.note)
            size = part.shape[1], part.shape[0]
            expansion = self.values["face_expansion"]
            place, masks = placed(face, corner, size, pixels.shape[-1], expansion)
            still = Still(pixel_values(pixels[:, :3]), place, masks, who)
            features = self._features(scene, networks, loaded, watcher)
            show = self.showing(frame, square, pixels)
            drawer = self._drawer(loaded, still, scene.seed)
            restore((drawer,), point.state)
            left = scene.timeline.n_frames - point.frame
            return show, self._squares(drawer, features, scene.timeline, left, watcher)

        return draw

    def _drawer(self, networks: Loaded, still: Still, seed: int) -> Drawer:
        """What draws, once it has seen the still."""
        values, kind = self.values, PublishedDrawer if self.published else Drawer
        weights = (values["pose_weight"], values["face_weight"], values["lip_weight"])
        overlap = FRAMES - stride(values)
        plan = Plan(values["steps"], values["guidance"], weights, overlap, FRAMES, MOTION)
        attempt = Attempt.of(values, "a smaller resolution")
        return kind(networks, still, plan, attempt, seed=seed)

    def _features(
        self, scene: Scene, networks: Networks, loaded: Loaded, watcher: Watcher
    ) -> SpeechFeatures:
        timeline = scene.timeline
        blocks, n = at_16_khz(scene.speech.sound, watcher.check)
        wanted = loaded.audio_tokens.proj1.in_features
        encode = hearing_samples(networks.place, networks.wav2vec, wanted)
        if self.published:
            return wav2vec_pieces.features(blocks(), n, encode, FRAMES)
        drawn = (clips(self.values, timeline.n_frames) - 1) * stride(self.values) + FRAMES
        last = wav2vec_features.around(drawn - 1, drawn, timeline.fps, 1 << 40).max()
        return wav2vec_features.features(blocks, n, encode, int(last) + 1)

    def _squares(
        self, drawer: Drawer, features: SpeechFeatures, timeline: Timeline, left: int,
        watcher: Watcher,
    ) -> Iterator[Squares]:  # fmt: skip
        """The squares of the frames that are left, a few at a time; where the published pipeline
        ends too early, the last one stays."""
        n = timeline.n_frames
        count = features.n // FRAMES if self.published else clips(self.values, n)

        def hear(start: int, stop: int) -> Tensor:
            return features.windows(start, stop, timeline.fps)

        squares = torch.zeros(0)
        for squares in drawer.clips(hear, count, telling(watcher, n)):
            goes_on = partial(state_of, (drawer,)) if drawer.next < count else None
            *parts, last = squares[:left].split(AT_ONCE)
            yield from ((part, None) for part in parts)
            yield last, goes_on
            left -= min(left, len(squares))
        for _ in range(left):
            yield squares[-1:], None
