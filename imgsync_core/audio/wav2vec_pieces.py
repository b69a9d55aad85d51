"""wav2vec's features of pieces that know nothing of each other, each as loud as the others."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import numpy as np
import torch
from torch import Tensor

from .resample import cut
from .wav2vec_features import HOP, RATE, TINY, Encode, SpeechFeatures, n_features

PIECE = 60 * RATE  # samples that are heard at once


def padding(frames: int, earlier: int, clip: int) -> int:
    """Frames that the last piece is padded by, where it is no whole number of clips.

    frames: of it.   earlier: of the pieces before it. Whether is asked of the piece, how much of
    the sum: a whole clip too many, or a part too few and lost, may come of it.
    """
    return clip - (earlier + frames) % clip if frames % clip else 0


def features(
    blocks: Iterable[np.ndarray], n_samples: int, encode: Encode, clip: int
) -> SpeechFeatures:
    """The features of a sound in pieces of a minute. clip: frames that are drawn together."""
    lengths = [min(PIECE, n_samples - start) for start in range(0, n_samples, PIECE)]
    counts = [n_features(n) for n in lengths]
    added = padding(counts[-1], sum(counts[:-1]), clip)

    def made() -> Generator[Tensor, None, None]:
        for index, (piece, n) in enumerate(zip(cut(blocks, PIECE), counts, strict=True)):
            values = normalised(piece)
            if index == len(counts) - 1:
                values, n = np.pad(values, (0, added * HOP)), n + added
            yield encode(torch.from_numpy(values)[None], n)[0]

    return SpeechFeatures(made(), sum(counts) + added)


def normalised(samples: np.ndarray) -> np.ndarray:
    """float32 (n,) with mean 0 and variance 1."""
    values = (samples - samples.mean()) / np.sqrt(samples.var() + TINY)
    return values.astype(np.float32)
