"""The networks of EchoMimic, each loaded when it is needed and let go when it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...audio.whisper_features import Encode
from ...errors import InputError, WeightsError
from ...nn.face_locator import load_face_locator
from ...nn.reference import ReferenceSelf, sites
from ...nn.stages import Cond, width_read
from ...nn.temporal import PositionTable
from ...nn.unet import UNet
from ...nn.vae import SCALE, VAE
from ..base import Host, Values
from ..runtime.autoencoder import load_autoencoder
from ..runtime.crop import pixel_values
from ..runtime.files import locate
from ..runtime.hearing import hearing, load_hearing
from ..runtime.networks import Placing, placing
from .model import AUDIO, LATENTS, load_reading, load_recording
from .spec import NEEDS, is_accelerated


@dataclass(frozen=True)
class Seen:
    """What was seen of the still.

    record: by site, what the other network looks at, (1, s, c).
    place: where the face is, features (1, c, h, w).
    """

    record: Mapping[str, Tensor]
    place: Tensor


@dataclass(frozen=True)
class Networks:
    """Loads the networks of one set of files."""

    weights: Path
    motion: Path
    reference: Path
    locator: Path
    whisper: Path
    vae: Path
    place: Placing

    @classmethod
    def of(cls, values: Values, host: Host) -> Networks:
        """Raises WeightsError for a file that is missing, or that belongs to other weights."""
        place = placing(host, low_memory=values["low_memory"])
        found = cls(*locate(NEEDS, values, host.models), place=place)
        if is_accelerated(found.weights) != is_accelerated(found.motion):
            raise WeightsError(
                f"{found.weights.name} and {found.motion.name} do not belong together: one is "
                "accelerated, its name ends in _acc, the other is not. Take both of one kind."
            )
        return found

    def reading(self) -> UNet:
        """The one that denoises. Raises WeightsError, as all that load."""
        return self.place.load(load_reading, self.weights, self.motion)

    def autoencoder(self) -> VAE:
        """The one between pictures and latents."""
        return load_autoencoder(self.place, self.vae, LATENTS)

    def hearing(self, unet: UNet) -> Encode:
        """Log-mel -> features for ``unet``."""
        whisper = load_hearing(self.place, self.whisper, width_read(unet, AUDIO))
        return hearing(self.place, whisper)

    def look(self, pixels: Tensor, mask: Tensor, vae: VAE) -> Seen:
        """What there is to see in a still; the two networks that look are then let go.

        pixels: (1, 3, R, R) of 0..255.   mask: (1, 1, R, R), 1 where the face is.
        """
        place = self.place
        looking = place.load(load_recording, self.reference)
        locator = place.load(load_face_locator, self.locator)
        widths = looking.conv_in.out_channels, locator.conv_out.out_channels
        if widths[0] != widths[1] or locator.conv_in.in_channels != 1:
            raise WeightsError(
                f"{self.locator.name} is of another kind than {self.reference.name}. Take both "
                "of the audio-driven model, not those with _pose."
            )
        record: dict[str, Tensor] = {}
        with torch.inference_mode():
            values = pixel_values(pixels).to(place.device, place.dtype)
            with place.on(vae):
                latents = vae.encode(values).mean * SCALE
            with place.on(looking):
                looking(latents[:, :, None], 0, Cond(record=record), until=sites(looking)[-1])
            with place.on(locator):
                return Seen(record, locator(mask.to(place.device, place.dtype)))

    def check(self, unet: UNet, seen: Seen, context: int) -> None:
        """Raise WeightsError where files do not fit together, InputError for too long windows."""
        readers = (m for m in unet.modules() if isinstance(m, ReferenceSelf))
        wanted = {m.site: m.to_k.in_features for m in readers}
        if wanted != {site: tokens.shape[-1] for site, tokens in seen.record.items()}:
            names = f"{self.weights.name} and {self.reference.name}"
            raise WeightsError(f"{names} are networks of different shapes. Fetch them again.")
        table = next(m for m in unet.modules() if isinstance(m, PositionTable))
        if context > table.pe.shape[1]:
            raise InputError(
                f"The weights know windows of up to {table.pe.shape[1]} frames, not {context}."
            )
