"""The networks of Hallo2: loaded once, each on the device while it works."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ...errors import InputError, WeightsError
from ...nn.face_locator import FaceLocator
from ...nn.projections import AudioTokens, PictureTokens
from ...nn.reference import RecordingSelf, ReferenceSelf
from ...nn.stages import width_read
from ...nn.temporal import PositionTable
from ...nn.unet import UNet
from ...nn.vae import SCALE, VAE
from ..base import Host, Values
from ..runtime.autoencoder import load_autoencoder
from ..runtime.files import locate
from ..runtime.networks import Placing, placing
from .model import (
    AUDIO,
    FACE,
    LATENTS,
    load_audio_tokens,
    load_face_tokens,
    load_locator,
    load_reading,
    load_recording,
)
from .spec import NEEDS


@dataclass(frozen=True)
class Loaded:
    """All networks but the one that hears, and where they work."""

    reading: UNet
    recording: UNet
    locator: FaceLocator
    face_tokens: PictureTokens
    audio_tokens: AudioTokens
    vae: VAE
    place: Placing

    def encode(self, pixels: Tensor) -> Tensor:
        """(b, 3, R, R) in -1..1 -> latents as a UNet sees them, without chance."""
        with self.place.on(self.vae):
            return self.vae.encode(self._here(pixels)).mean * SCALE

    def locate(self, place: Tensor) -> Tensor:
        """(1, 3, R, R), 1 where the face is -> what is added to the first features."""
        with self.place.on(self.locator):
            return self.locator(self._here(place))

    def tell(self, faces: Tensor) -> Tensor:
        """(b, c) -> tokens (b, s, c')."""
        with self.place.on(self.face_tokens):
            return self.face_tokens(self._here(faces))

    def hear_tokens(self, heard: Tensor) -> Tensor:
        """(f, around, layers, c) -> tokens (f, s, c')."""
        with self.place.on(self.audio_tokens):
            return self.audio_tokens(self._here(heard))

    def _here(self, x: Tensor) -> Tensor:
        return x.to(self.place.device, self.place.dtype)


@dataclass(frozen=True)
class Networks:
    """Loads the networks of one set of files. All that load raise WeightsError."""

    weights: Path
    wav2vec: Path
    vae: Path
    place: Placing

    def loaded(self, frames: int) -> Loaded:
        """frames: that are seen together. Raises InputError where they are too many."""
        place, path = self.place, self.weights
        reading = place.load(load_reading, path)
        table = next(m for m in reading.modules() if isinstance(m, PositionTable))
        if frames > table.pe.shape[1]:
            raise InputError(f"The weights know {table.pe.shape[1]} frames at once, not {frames}.")
        loaded = Loaded(
            reading=reading,
            recording=place.load(load_recording, path),
            locator=place.load(load_locator, path),
            face_tokens=place.load(load_face_tokens, path),
            audio_tokens=place.load(load_audio_tokens, path),
            vae=load_autoencoder(place, self.vae, LATENTS),
            place=place,
        )
        self._check(loaded)
        return loaded

    def _check(self, loaded: Loaded) -> None:
        """Raise WeightsError where the parts of the file do not fit together."""
        reading, looking = loaded.reading, loaded.recording
        wanted = [m.to_k.in_features for m in reading.modules() if isinstance(m, ReferenceSelf)]
        has = [m.to_k.in_features for m in looking.modules() if isinstance(m, RecordingSelf)]
        pairs = (
            (width_read(reading, FACE), loaded.face_tokens.norm.normalized_shape[0]),
            (width_read(reading, AUDIO), loaded.audio_tokens.norm.normalized_shape[0]),
            (reading.conv_in.out_channels, loaded.locator.conv_out.out_channels),
        )
        if any(a != b for a, b in pairs) or wanted != has:
            raise WeightsError(
                f"The parts of {self.weights.name} do not fit together. Fetch it again."
            )


def found(values: Values, host: Host) -> Networks:
    """The networks of the files at hand. Raises WeightsError for one that is missing."""
    files = locate(NEEDS, values, host.models)
    return Networks(*files, place=placing(host, low_memory=values["low_memory"]))
