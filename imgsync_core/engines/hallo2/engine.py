"""Hallo2: the head in a still, drawn anew to a voice, for as long as it speaks.

::

    still -> face -> square -> latents; where face and lips are; whose face it is
    sound -> 16 kHz -> wav2vec 2.0 -> 25 features a second -> 5 for each frame
    clips of 16 frames, each going on from the one before -> squares -> frames
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ...audio import wav2vec_features as speech_features
from ...audio.speech import Speech
from ...audio.wav2vec_features import SpeechFeatures
from ...errors import InputError
from ...face.geometry import Face
from ...face.tracks import FaceTrack
from ...media.frames import FrameSource
from ...timeline import Timeline
from ...watcher import Watcher
from ..base import Chunk, Engine, Host, Values
from ..runtime.autoencoder import AT_ONCE
from ..runtime.crop import pixel_values
from ..runtime.hearing import at_16_khz, hearing_samples
from ..runtime.square import Square, SquarePaste, alone, around, inscribed
from ..runtime.stream import Attempt, StreamedFrames
from . import masks, published
from .identity import whose
from .networks import Loaded, Networks
from .pipeline import Drawer, Plan, Still
from .spec import FPS, FRAMES, MOTION, SPEC, check, clips


def make(values: Values, host: Host) -> Hallo2Engine:
    """The engine with these options. Raises InputError for some that do not go together."""
    check(values)
    return Hallo2Engine(values, host)


class Hallo2Engine(Engine):
    """Draws a square around the face anew, clip after clip, and puts it back into the still."""

    spec = SPEC

    def __init__(self, values: Values, host: Host) -> None:
        """values: of all its options."""
        self.values, self.host = values, host
        self._published = values["mode"] == "reference"

    def animate(
        self, source: FrameSource, faces: FaceTrack, speech: Speech, timeline: Timeline, *,
        seed: int,
    ) -> FrameSource:  # fmt: skip
        """source: its first frame is drawn.   seed: of the noise, and of what is dropped.

        Raises WeightsError for files that are missing, InputError for a rate that the published
        pipeline does not have; what the files hold is looked at when the first frame is read.
        """
        if self._published and timeline.fps != FPS:
            raise InputError(
                f"The published pipeline makes {FPS} frames a second, not {float(timeline.fps):g}. "
                f"Set the frame rate to {FPS}, or use the default mode."
            )
        networks = Networks.of(self.values, self.host)
        face, side = faces.at(0), self.values["resolution"]
        square = self._square(face, source.size)

        def made(watcher: Watcher) -> Iterator[Chunk]:
            frame, start = source.read(0, 1)[0], 0
            loaded = networks.loaded(MOTION + FRAMES)
            drawer = self._drawer(loaded, frame, face, square, watcher, seed)
            wanted = loaded.audio_tokens.proj1.in_features
            features = self._features(speech, timeline, networks, wanted, watcher)
            show = self._showing(frame, square)
            for squares in self._squares(drawer, features, timeline, watcher):
                watcher.check()
                frames = show(squares)
                watcher.frame(frames[-1])
                yield Chunk(frames, start)
                start += len(frames)

        alone = self._published or self.values["crop_only"]
        return StreamedFrames(source, timeline, made, size=(side, side) if alone else source.size)

    def _square(self, face: Face | None, size: tuple[int, int]) -> Square | None:
        """What is drawn of the picture; None = all of it, squeezed, as published."""
        if self._published:
            return None
        return inscribed((0, 0, *size), size) if face is None else around(face.outline, size)

    def _drawer(
        self, networks: Loaded, frame: np.ndarray, face: Face | None, square: Square | None,
        watcher: Watcher, seed: int,
    ) -> Drawer:  # fmt: skip
        """What draws, once it has seen the still."""
        values, kind = self.values, published.PublishedDrawer if self._published else Drawer
        who = whose(frame, networks.face_tokens.proj.in_features, values, self.host, watcher.note)
        weights = (values["pose_weight"], values["face_weight"], values["lip_weight"])
        overlap = 0 if self._published else values["overlap"]
        plan = Plan(values["steps"], values["guidance"], weights, overlap, FRAMES, MOTION)
        advice = ("a smaller resolution",)
        attempt = Attempt(low_memory=values["low_memory"], retry=values["auto"], advice=advice)
        still = self._still(frame, face, square, who)
        return kind(networks, still, plan, attempt, seed=seed)

    def _still(
        self, frame: np.ndarray, face: Face | None, square: Square | None, who: Tensor
    ) -> Still:
        side = self.values["resolution"]
        part, corner = frame, (0, 0)
        if square is not None:
            part, corner = square.of(frame), (square.left, square.top)
        size = part.shape[1], part.shape[0]
        ratio = self.values["face_expansion"]
        place, regions = masks.placed(face, corner, size, side, ratio)
        pixels = masks.squeezed(part[..., :3], side)[None]
        return Still(pixel_values(pixels), place, masks.pyramid(regions, side), who)

    def _features(
        self, speech: Speech, timeline: Timeline, networks: Networks, wanted: int, watcher: Watcher
    ) -> SpeechFeatures:
        blocks, n = at_16_khz(speech.sound, watcher.check)
        encode = hearing_samples(networks.place, networks.hearing(wanted))
        if self._published:
            return published.features(blocks(), n, encode, FRAMES)
        last = speech_features.around(*self._last(timeline), timeline.fps, 1 << 40).max()
        return speech_features.features(blocks, n, encode, int(last) + 1)

    def _last(self, timeline: Timeline) -> tuple[int, int]:
        """The last frame that is drawn, and one past it."""
        n = clips(self.values, timeline.n_frames)
        stop = (n - 1) * (FRAMES - self.values["overlap"]) + FRAMES
        return stop - 1, stop

    def _squares(
        self, drawer: Drawer, features: SpeechFeatures, timeline: Timeline, watcher: Watcher
    ) -> Iterator[Tensor]:
        """All frames' squares, a few at a time; where the published pipeline ends too early, the
        last one stays."""
        n = left = timeline.n_frames
        count = features.n // FRAMES if self._published else clips(self.values, n)

        def told(share: float) -> None:
            watcher.check()
            watcher.progress(n * share, n)

        def hear(start: int, stop: int) -> Tensor:
            return features.windows(start, stop, timeline.fps)

        squares = torch.zeros(0)
        for squares in drawer.clips(hear, count, told):
            yield from squares[:left].split(AT_ONCE)
            left -= min(left, len(squares))
        for _ in range(left):
            yield squares[-1:]

    def _showing(self, frame: np.ndarray, square: Square | None) -> Callable:
        """Squares float32 (f, 3, R, R), about -1..1 -> frames uint8 (f, h, w, c)."""
        side = self.values["resolution"]
        if square is not None and not self.values["crop_only"]:
            return SquarePaste(frame, square, side).paste
        part = frame if square is None else square.of(frame)
        alpha = (
            masks.squeezed(part[..., 3:], side)[None]
            if part.shape[2] > 3
            else torch.zeros(1, 0, side, side)
        )
        return partial(alone, alpha=alpha, cut_off=self._published)
