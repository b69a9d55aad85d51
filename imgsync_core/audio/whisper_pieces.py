"""Whisper's features of pieces that know nothing of each other, as Hugging Face's extractor has it.

Each piece of 30 s is filled up with silence and scaled by its own loudest value; what is asked for
beyond the sound is zeros.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from . import whisper_mel as mel
from .whisper_features import PIECE, Encode, Features


class SeparateFeatures(Features):
    """Features of which rows are asked for by number, in order."""

    def rows(self, first: np.ndarray, count: int) -> Tensor:
        """``count`` features from each of these on, int64 (t,): (t, count * layers, channels)."""
        index = torch.from_numpy(first[:, None] + np.arange(count))
        inside = (index >= 0) & (index < self.n)
        low, high = (int(x.clip(0, self.n - 1)) for x in (index.min(), index.max()))
        held = self._from(low, high + 1)
        found = held[(index - self._start).clamp(0, len(held) - 1).to(held.device)]
        return (found * inside[..., None, None].to(found)).flatten(1, 2)

    def _features(
        self, n_mel: int, encode: Encode, overlapped: bool
    ) -> Generator[Tensor, None, None]:
        length, left = PIECE * mel.HOP, self.n
        samples = np.zeros(0, np.float32)
        for block in chain(self._blocks(), [None]):
            if block is not None:
                samples = np.concatenate([samples, block])
            while len(samples) >= length or (block is None and left > 0):
                piece = np.pad(samples[:length], (0, max(0, length - len(samples))))
                log = torch.cat(list(mel.log_power([piece])), 1)
                found = encode(mel.normalised(log, float(log.max()))[None])[0]
                yield found[:left]
                samples, left = samples[length:], left - len(found)
