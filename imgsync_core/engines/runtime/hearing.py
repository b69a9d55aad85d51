"""From a sound to Whisper's features for the frames of a timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...audio import wav2vec_features
from ...audio.pair import torchaudio
from ...audio.resample import speech as to_speech
from ...audio.whisper_features import Encode, Features
from ...audio.whisper_mel import RATE
from ...errors import WeightsError
from ...media.sound import Sound, to_length
from ...nn.wav2vec2 import load_wav2vec2
from ...nn.whisper import WhisperEncoder, load_whisper
from ...timeline import Timeline
from .networks import Placing


def load_hearing(place: Placing, path: Path, wanted: int) -> WhisperEncoder:
    """The encoder in a file. Raises WeightsError for one with other channels than are wanted."""
    whisper = place.load(load_whisper, path)
    width = whisper.positional_embedding.shape[1]
    if width != wanted:
        raise WeightsError(
            f"{path.name} hears {width} channels and what reads them wants {wanted}. "
            "Expected Whisper's tiny.pt."
        )
    return whisper


def hearing(place: Placing, whisper: WhisperEncoder) -> Encode:
    """An encoder that is brought to where it runs for each piece of sound."""

    def hear(mel: Tensor) -> Tensor:
        with place.on(whisper):
            return whisper(mel.to(place.device, place.dtype))

    return hear


def hearing_samples(place: Placing, path: Path, wanted: int) -> wav2vec_features.Encode:
    """An encoder that hears samples, always in float32.

    wanted: numbers that the features around a frame have to make together. Raises WeightsError,
    and SoundError where torchaudio, whose layers they are, does not fit torch.
    """
    torchaudio()
    network = replace(place, dtype=torch.float32).load(load_wav2vec2, path)
    if wanted != (2 * wav2vec_features.REACH + 1) * network.layers * network.width:
        raise WeightsError(
            f"{path.name} hears {network.layers} layers of {network.width} channels, and what "
            f"reads them wants {wanted} numbers a frame. Expected wav2vec2-base-960h."
        )

    def hear(samples: Tensor, frames: int) -> Tensor:
        with torch.inference_mode(), place.on(network):
            return network(samples.to(place.device), frames)

    return hear


def heard(
    sound: Sound,
    hear: Encode,
    check: Callable[[], None],
    *,
    overlapped: bool,
    coarse: bool,
) -> Features:
    """What a network hears of a sound.

    hear: as of ``Features``.   check(): called for every block; what it raises cancels.
    overlapped: pieces of the sound overlap, so that there is no seam each 30 s.
    coarse: the sound is rounded to 16 bits first.
    """
    exactly, n = at_16_khz(sound, check)

    def coarsely() -> Iterable[np.ndarray]:
        return (np.rint(b * 32768).clip(-32768, 32767) / 32768 for b in exactly())

    return Features(coarsely if coarse else exactly, n, hear, overlapped=overlapped)


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
