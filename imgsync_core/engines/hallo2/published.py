"""What only the published pipeline does: how it hears, where it looks, what it leaves to chance."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import numpy as np
import torch
from torch import Tensor

from ...audio import wav2vec_features as speech
from ...audio.resample import cut
from .model import LATENTS
from .pipeline import Drawer

PIECE = 60 * speech.RATE  # samples that it hears at once


def padding(frames: int, earlier: int, clip: int) -> int:
    """Frames that the last piece is padded by, where it is no whole number of clips.

    frames: of it.   earlier: of the pieces before it. Whether is asked of the piece, how much of
    the sum: a whole clip too many, or a part too few and lost, may come of it.
    """
    return clip - (earlier + frames) % clip if frames % clip else 0


def features(
    blocks: Iterable[np.ndarray], n_samples: int, encode: speech.Encode, clip: int
) -> speech.SpeechFeatures:
    """The features of pieces of a minute, each as loud as the others, that know nothing of each
    other.

    clip: frames that are drawn together.
    """
    lengths = [min(PIECE, n_samples - start) for start in range(0, n_samples, PIECE)]
    counts = [speech.n_features(n) for n in lengths]
    added = padding(counts[-1], sum(counts[:-1]), clip)

    def made() -> Generator[Tensor, None, None]:
        for index, (piece, n) in enumerate(zip(cut(blocks, PIECE), counts, strict=True)):
            values = normalised(piece)
            if index == len(counts) - 1:
                values, n = np.pad(values, (0, added * speech.HOP)), n + added
            yield encode(torch.from_numpy(values)[None], n)[0]

    return speech.SpeechFeatures(made(), sum(counts) + added)


def normalised(samples: np.ndarray) -> np.ndarray:
    """float32 (n,) with mean 0 and variance 1."""
    values = (samples - samples.mean()) / np.sqrt(samples.var() + speech.TINY)
    return values.astype(np.float32)


class PublishedDrawer(Drawer):
    """Frames as the published pipeline draws them, with what goes wrong in it.

    Pictures are looked at with the face and without it by turns, conditional frames see the two
    still pictures that come of it by turns, what was recorded is rounded to 16 bits, and clips only
    follow each other.
    """

    def _seeing(self, halves: int) -> Tensor:
        return (torch.arange(halves * (1 + self._plan.motion)) % halves).view(halves, -1)

    def _shown(self, halves: int) -> Tensor:
        frames = self._plan.frames
        return torch.arange((halves - 1) * frames, halves * frames) % halves

    def _rounded(self, tokens: Tensor) -> Tensor:
        return tokens.half().to(tokens.dtype)

    def _chance(self) -> tuple[Tensor, Tensor]:
        draw, still = self._random, self._still
        spots = torch.rand(still.shape[-2:], generator=draw)
        shape = (1, LATENTS, self._plan.frames, *self._located.shape[-2:])
        return spots, torch.randn(shape, generator=draw, dtype=torch.float16).float()

    def _joined(self, squares: Tensor, tail: Tensor | None) -> Tensor:
        return squares
