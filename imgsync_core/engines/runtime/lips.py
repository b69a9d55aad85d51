"""What engines share that draw lips: a UNet that hears, its latents, and the sound it hears.

::

    sound -> 16 kHz -> log-mel -> Whisper -> tokens of each frame \\
    crops -> pixels -> latents --------------------------------> UNet -> latents -> new faces
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ...audio.resample import speech as to_speech
from ...audio.whisper_mel import RATE
from ...errors import WeightsError
from ...media.frames import FrameSource
from ...media.sound import Sound, to_length
from ...nn.hearing import AUDIO
from ...nn.stages import Cross
from ...nn.unet import UNet
from ...nn.vae import SCALE, VAE, load_vae
from ...nn.whisper import WhisperEncoder, load_whisper
from ...timeline import Timeline
from ...watcher import Watcher
from ..base import Chunk, Engine, Host, Values
from .files import locate
from .networks import Placing, placing
from .stream import Attempt, Redrawn, Stepped, StreamedFrames, refuse_non_finite

LATENTS = 4  # channels of a picture's latents
AT_ONCE = 4  # pictures that the autoencoder gets together
TILE = 32  # latents: the side of what is decoded at once when memory is scarce


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
        with self.place.on(self.whisper):
            return self.whisper(mel.to(self.place.device, self.place.dtype))

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
    net = Networks(
        place.load(load_unet, unet),
        place.load(load_vae, vae),
        place.load(load_whisper, whisper),
        place,
    )
    latents = net.vae.post_quant_conv.in_channels
    if latents != LATENTS:
        raise WeightsError(
            f"{vae.name} has {latents} channels of latents and not {LATENTS}. "
            "Expected sd-vae-ft-mse."
        )
    wanted, width = audio_width(net.unet), net.whisper.positional_embedding.shape[1]
    if wanted != width:
        raise WeightsError(
            f"{whisper.name} hears {width} channels and {unet.name} wants {wanted}. "
            "Expected Whisper's tiny.pt."
        )
    return net


def audio_width(unet: UNet) -> int:
    """Channels of the audio tokens that a network reads."""
    crosses = (m for m in unet.modules() if isinstance(m, Cross) and m.reads == AUDIO)
    return next(cross.to_k.in_features for cross in crosses)


def with_silence(sound: Sound, timeline: Timeline) -> Sound:
    """As long as the picture is, where the sound is shorter."""
    return to_length(sound, max(sound.n_samples, timeline.at_rate(sound.rate).total_samples))


def n_at_16_khz(sound: Sound) -> int:
    """Samples of a sound as Whisper takes it."""
    return -(-sound.n_samples * RATE // sound.rate)


def at_16_khz(
    sound: Sound, check: Callable[[], None]
) -> tuple[Callable[[], Iterable[np.ndarray]], int]:
    """A sound as Whisper takes it: what makes iterators over mono float32 (n,), and samples in all.

    check(): called for every block; what it raises cancels.
    """

    def blocks() -> Iterable[np.ndarray]:
        for block in to_speech(sound.blocks(), sound.rate, RATE):
            check()
            yield block

    return blocks, n_at_16_khz(sound)


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
        source: FrameSource,
        timeline: Timeline,
        redrawn: Callable[[Networks, Callable[[], None]], Redrawn],
    ) -> FrameSource:
        """Frames that are made when they are read; files are loaded before the first.

        redrawn(networks, check): how; check is called where time passes, to cancel.
        """

        def make(watcher: Watcher) -> Iterator[Chunk]:
            return redrawn(self._loaded(), watcher.check).chunks(watcher)

        return StreamedFrames(source, timeline, make)

    def _loaded(self) -> Networks:
        if self._networks is None:
            values, host, load_unet = self.values, self.host, type(self).load_unet
            unet, whisper, vae = locate(self.spec.needs, values, host.models)
            place = placing(host, low_memory=values["low_memory"])
            networks = load(load_unet, unet, whisper, vae, place)
            self._networks = networks.compiled() if values["compile"] else networks
        return self._networks

    def _attempting(
        self,
        draw: Callable[[Tensor, Tensor, Tensor, bool, Stepped], Tensor],
        advice: tuple[str, ...] = (),
    ) -> Callable[[Tensor, Tensor, Tensor, Stepped], Tensor]:
        """As `Redrawn.draw`, of one that is told besides whether to be frugal.

        advice: as of `Attempt`.
        """
        v = self.values
        attempt = Attempt(low_memory=v["low_memory"], retry=v["auto"], advice=advice)

        def tried(crops: Tensor, which: Tensor, heard: Tensor, stepped: Stepped) -> Tensor:
            return attempt(lambda low_memory: draw(crops, which, heard, low_memory, stepped))

        return tried
