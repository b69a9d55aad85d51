"""EchoMimic: the head in a still, drawn anew to a voice.

::

    still -> face -> square -> latents -> record; place of the face
    sound -> 16 kHz -> log-mel -> Whisper -> 50 features a second -> 10 for each frame
    noise -> windows of 12 frames, 9 apart -> latents -> squares -> frames
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ...audio.speech import Speech
from ...audio.whisper_features import Features, n_chunks
from ...face.geometry import Face
from ...nn.unet import UNet
from ...timeline import Timeline
from ...watcher import Watcher
from ..base import Host, Scene, Values
from ..runtime.heads import Draw, HeadEngine, Show, Squares, telling
from ..runtime.hearing import heard, with_silence
from ..runtime.resuming import Point, restore, state_of
from ..runtime.square import squeezed
from ..runtime.stream import Attempt
from .crop import Crop, crop_around, middle
from .networks import Networks
from .pipeline import Drawer, Plan
from .spec import FPS, GUIDANCE, SPEC, STEPS, check, is_accelerated


def make(values: Values, host: Host) -> EchoMimicEngine:
    """The engine with these options. Raises InputError for some that do not go together."""
    check(values)
    return EchoMimicEngine(values, host)


class EchoMimicEngine(HeadEngine):
    """Draws a square around the face anew, window by window, and puts it back into the still."""

    spec, rate = SPEC, FPS

    def drawing(self, scene: Scene, face: Face | None) -> Draw:
        networks = Networks.of(self.values, self.host)
        size, timeline = scene.source.size, scene.timeline
        crop = middle(size) if face is None else crop_around(face.outline, size)

        def draw(
            frame: np.ndarray, watcher: Watcher, point: Point
        ) -> tuple[Show, Iterator[Squares]]:
            pixels = self._square(frame, crop)
            drawer = self._drawer(networks, pixels[:, :3], crop, scene.seed)
            restore((drawer,), point.state)
            features = self._features(scene.speech, timeline, networks, drawer.unet, watcher)
            show = self.showing(frame, crop.square, pixels)
            return show, self._squares(drawer, features, timeline, watcher)

        return draw

    def _drawer(self, networks: Networks, pixels: Tensor, crop: Crop, seed: int) -> Drawer:
        """What draws, once it has seen the still; which networks looked is past by then."""
        values, quick = self.values, is_accelerated(networks.weights)
        vae = networks.autoencoder()
        seen = networks.look(pixels, crop.mask(values["resolution"]), vae)
        unet = networks.reading()
        networks.check(unet, seen, values["context"])
        steps, guidance = values["steps"] or STEPS[quick], values["guidance"] or GUIDANCE[quick]
        plan = Plan(steps, guidance, values["context"], values["overlap"])
        attempt = Attempt.of(values, "a smaller resolution or context")
        return Drawer(unet, vae, seen, networks.place, plan, attempt, seed=seed)

    def _features(
        self, speech: Speech, timeline: Timeline, networks: Networks, unet: UNet, watcher: Watcher
    ) -> Features:
        published, sound = self.published, speech.sound
        return heard(
            sound if published else with_silence(sound, timeline),
            networks.hearing(unet),
            watcher.check,
            overlapped=not published,
            coarse=published,
        )

    def _squares(
        self, drawer: Drawer, features: Features, timeline: Timeline, watcher: Watcher
    ) -> Iterator[Squares]:
        """All frames' squares; as published, of up to two more than there are to be."""
        n = timeline.n_frames
        wanted = max(n, n_chunks(features.n, timeline.fps)) if self.published else n

        def hear(start: int, stop: int) -> Tensor:
            return features.chunks(start, stop, timeline.fps)

        if self.published:  # all frames are denoised together, so nothing can begin between them
            for latents in drawer.published(hear, wanted, telling(watcher, n)):
                yield from ((squares, None) for squares in drawer.drawn(latents))
            return
        goes_on = partial(state_of, (drawer,))
        for latents in drawer.streamed(hear, wanted, telling(watcher, n)):
            left = latents.shape[2]
            if not left:
                yield torch.zeros(0), goes_on
            for squares in drawer.drawn(latents) if left else ():
                left -= len(squares)
                yield squares, None if left else goes_on

    def _square(self, frame: np.ndarray, crop: Crop) -> Tensor:
        """The square as the networks see it: float32 (1, c, R, R), whole numbers of 0..255."""
        pixels = torch.from_numpy(np.array(crop.square.of(frame))).permute(2, 0, 1)[None]
        return squeezed(pixels, self.values["resolution"], filtered=not self.published)
