"""What engines share that draw lips: a UNet that hears, its latents, and the sound it hears.

::

    sound -> 16 kHz -> log-mel -> Whisper -> tokens of each frame \\
    crops -> pixels -> latents --------------------------------> UNet -> latents -> new faces
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from ...media.frames import FrameSource
from ...nn.hearing import AUDIO
from ...nn.stages import width_read
from ...nn.unet import UNet
from ...nn.vae import SCALE, VAE
from ...nn.whisper import WhisperEncoder
from ...watcher import Watcher
from ..base import Engine, Host, Scene, Values
from .autoencoder import AT_ONCE, TILE, load_autoencoder
from .files import locate
from .hearing import hearing, load_hearing
from .networks import Placing, placing
from .resuming import Chunks, Point
from .stream import Attempt, Redrawn, Stepped, StreamedFrames, refuse_non_finite

LATENTS = 4  # channels of a picture's latents


@dataclass(frozen=True)
class Networks:
    """What draws lips, and where it runs."""

    unet: UNet
    vae: VAE
    whisper: WhisperEncoder
    place: Placing

    def compiled(self) -> Networks:
        """The same with a network that torch compiles when it first runs."""
        return replace(self, unet=torch.compile(self.unet))

    def hear(self, mel: Tensor) -> Tensor:
        """Normalised log-mel (1, 80, 3000) -> features (1, 1500, layers, channels)."""
        return hearing(self.place, self.whisper)(mel)

    def hear_normed(self, mel: Tensor) -> Tensor:
        """The same with Whisper's last norm on the last layer, as Hugging Face has it."""
        states = self.hear(mel)
        with self.place.on(self.whisper):
            last = self.whisper.ln_post(states[:, :, -1:])
        return torch.cat([states[:, :, :-1], last], 2)

    def latents(
        self, pixels: Tensor, *, low_memory: bool, random: torch.Generator | None = None
    ) -> Tensor:
        """Pictures (f, 3, h, w) in -1..1 -> float32 (f, 4, h / 8, w / 8), scaled for the UNet.

        random: they are drawn from what the autoencoder says; None = its mean.
        """
        with self.place.on(self.vae):
            at_once = 1 if low_memory else AT_ONCE
            posterior = self.vae.encode(pixels.to(self.place.dtype), at_once=at_once)
        latents = posterior.mean
        if random is not None:
            latents = posterior.sample(torch.randn(latents.shape, generator=random).to(latents))
        return latents.float() * SCALE

    def pictures(self, latents: Tensor, *, low_memory: bool) -> Tensor:
        """The way back: float32 (f, 3, h, w), about -1..1. Raises EngineError for no numbers."""
        with self.place.on(self.vae):
            at_once, tile = (1, TILE) if low_memory else (AT_ONCE, None)
            z = latents.to(self.place.dtype) / SCALE
            faces = self.vae.decode(z, at_once=at_once, tile=tile).float()
        refuse_non_finite(faces, "The faces are", self.place.dtype)
        return faces


def load(
    load_unet: Callable[..., UNet], unet: Path, whisper: Path, vae: Path, place: Placing
) -> Networks:
    """The networks of a model. Raises WeightsError for files that do not fit together."""
    drawing = place.load(load_unet, unet)
    return Networks(
        drawing,
        load_autoencoder(place, vae, LATENTS),
        load_hearing(place, whisper, width_read(drawing, AUDIO)),
        place,
    )


class LipEngine(Engine):
    """Draws lips with three networks: a UNet, the first of its needs, Whisper, an autoencoder."""

    load_unet: ClassVar[Callable[..., UNet]]

    def __init__(self, values: Values, host: Host, networks: Networks | None = None) -> None:
        """values: of all its options.   networks: of somebody else; None = load the files."""
        self.values, self.host = values, host
        self._given = self._networks = networks

    def _weights(self) -> Path | None:
        """The UNet's file; None where networks were given. Raises WeightsError."""
        if self._given is not None:
            return None
        return locate(self.spec.needs, self.values, self.host.models)[0]

    def _streamed(
        self,
        scene: Scene,
        redrawn: Callable[[Networks, Callable[[], None]], Redrawn],
    ) -> FrameSource:
        """Frames that are made when they are read; files are loaded before the first.

        redrawn(networks, check): how; check is called where time passes, to cancel.
        """

        def make(watcher: Watcher, point: Point) -> Chunks:
            return redrawn(self._loaded(), watcher.check).chunks(watcher, point)

        return StreamedFrames(scene.source, scene.timeline, make, store=scene.store)

    def _loaded(self) -> Networks:
        if self._networks is None:
            values, host, load_unet = self.values, self.host, type(self).load_unet
            unet, whisper, vae = locate(self.spec.needs, values, host.models)
            place = placing(host, low_memory=values["low_memory"])
            networks = load(load_unet, unet, whisper, vae, place)
            self._networks = networks.compiled() if values["compile"] else networks
        return self._networks


def attempting(
    attempt: Attempt, draw: Callable[[Tensor, Tensor, Tensor, bool, Stepped], Tensor]
) -> Callable[[Tensor, Tensor, Tensor, Stepped], Tensor]:
    """As `Redrawn.draw`, of one that is told besides whether to be frugal."""

    def tried(crops: Tensor, which: Tensor, heard: Tensor, stepped: Stepped) -> Tensor:
        return attempt(lambda low_memory: draw(crops, which, heard, low_memory, stepped))

    return tried
