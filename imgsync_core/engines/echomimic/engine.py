"""EchoMimic: the head in a still, drawn anew to a voice.

::

    still -> face -> square -> latents -> record; place of the face
    sound -> 16 kHz -> log-mel -> Whisper -> 50 features a second -> 10 for each frame
    noise -> windows of 12 frames, 9 apart -> latents -> squares -> frames
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ...audio.speech import Speech
from ...audio.whisper_features import Features, n_chunks
from ...errors import InputError
from ...media.frames import FrameSource
from ...nn.unet import UNet
from ...timeline import Timeline
from ...watcher import Watcher
from ..base import Chunk, Engine, Host, Scene, Values
from ..runtime.hearing import heard, with_silence
from ..runtime.square import SquarePaste, alone, squeezed
from ..runtime.stream import Attempt, StreamedFrames
from .crop import Crop, crop_around, middle
from .networks import Networks
from .pipeline import Drawer, Plan
from .spec import FPS, GUIDANCE, SPEC, STEPS, check, is_accelerated


def make(values: Values, host: Host) -> EchoMimicEngine:
    """The engine with these options. Raises InputError for some that do not go together."""
    check(values)
    return EchoMimicEngine(values, host)


class EchoMimicEngine(Engine):
    """Draws a square around the face anew, frame for frame, and puts it back into the still."""

    spec = SPEC

    def __init__(self, values: Values, host: Host) -> None:
        """values: of all its options."""
        self.values, self.host = values, host
        self._published = values["mode"] == "reference"

    def animate(self, scene: Scene) -> FrameSource:
        """Of the source the first frame is drawn; the seed is that of the noise.

        Raises WeightsError for files that are missing, InputError for a rate that the published
        pipeline does not have; what the files hold is looked at when the first frame is read.
        """
        source, timeline = scene.source, scene.timeline
        if self._published and timeline.fps != FPS:
            raise InputError(
                f"The published pipeline makes {FPS} frames a second, not {float(timeline.fps):g}. "
                f"Set the frame rate to {FPS}, or use the default mode."
            )
        networks = Networks.of(self.values, self.host)
        face, side = scene.faces.at(0), self.values["resolution"]
        crop = middle(source.size) if face is None else crop_around(face.outline, source.size)

        def made(watcher: Watcher) -> Iterator[Chunk]:
            frame, start = source.read(0, 1)[0], 0
            pixels = self._square(frame, crop)
            drawer = self._drawer(networks, pixels[:, :3], crop, scene.seed)
            features = self._features(scene.speech, timeline, networks, drawer.unet, watcher)
            show = self._showing(frame, crop, pixels)
            for squares in self._squares(drawer, features, timeline, watcher):
                watcher.check()
                frames = show(squares)
                watcher.frame(frames[-1])
                yield Chunk(frames, start)
                start += len(frames)

        size = (side, side) if self.values["crop_only"] else source.size
        return StreamedFrames(source, timeline, made, size=size)

    def _drawer(self, networks: Networks, pixels: Tensor, crop: Crop, seed: int) -> Drawer:
        """What draws, once it has seen the still; which networks looked is past by then."""
        values, quick = self.values, is_accelerated(networks.weights)
        vae = networks.autoencoder()
        seen = networks.look(pixels, crop.mask(values["resolution"]), vae)
        unet = networks.reading()
        networks.check(unet, seen, values["context"])
        steps, guidance = values["steps"] or STEPS[quick], values["guidance"] or GUIDANCE[quick]
        plan = Plan(steps, guidance, values["context"], values["overlap"])
        advice = ("a smaller resolution or context",)
        attempt = Attempt(low_memory=values["low_memory"], retry=values["auto"], advice=advice)
        return Drawer(unet, vae, seen, networks.place, plan, attempt, seed=seed)

    def _features(
        self, speech: Speech, timeline: Timeline, networks: Networks, unet: UNet, watcher: Watcher
    ) -> Features:
        published, sound = self._published, speech.sound
        return heard(
            sound if published else with_silence(sound, timeline),
            networks.hearing(unet),
            watcher.check,
            overlapped=not published,
            coarse=published,
        )

    def _squares(
        self, drawer: Drawer, features: Features, timeline: Timeline, watcher: Watcher
    ) -> Iterator[Tensor]:
        """All frames' squares; as published, of up to two more than there are to be."""
        n = timeline.n_frames
        wanted = max(n, n_chunks(features.n, timeline.fps)) if self._published else n

        def told(share: float) -> None:
            watcher.check()
            watcher.progress(n * share, n)

        def hear(start: int, stop: int) -> Tensor:
            return features.chunks(start, stop, timeline.fps)

        draw = drawer.published if self._published else drawer.streamed
        for latents in draw(hear, wanted, told):
            yield from drawer.drawn(latents)

    def _square(self, frame: np.ndarray, crop: Crop) -> Tensor:
        """The square as the networks see it: float32 (1, c, R, R), whole numbers of 0..255."""
        pixels = torch.from_numpy(np.array(crop.square.of(frame))).permute(2, 0, 1)[None]
        return squeezed(pixels, self.values["resolution"], filtered=not self._published)

    def _showing(self, frame: np.ndarray, crop: Crop, pixels: Tensor) -> Callable:
        """Squares float32 (f, 3, R, R), about -1..1 -> frames uint8 (f, h, w, c)."""
        if self.values["crop_only"]:
            return partial(alone, alpha=pixels[:, 3:], cut_off=self._published)
        return SquarePaste(frame, crop.square, self.values["resolution"]).paste
