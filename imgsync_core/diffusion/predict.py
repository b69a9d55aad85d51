"""What a network predicts at a step, and wrappers round that: each takes and gives a ``Predict``.

::

    averaged(windows, lambda frames: cached(Guided(unet, guidance[frames], extra=...), 3))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..nn.unet import DeepCache, UNet
from .ddim import Predict
from .guidance import Guidance
from .schedule import Step


class Guided:
    """A UNet asked with guidance, in its own precision.

    extra: channels that stay the same, (b, c', f, h, w), given to it after the latents.
    """

    def __init__(self, unet: UNet, guidance: Guidance, *, extra: Tensor | None = None) -> None:
        self._unet, self._guidance = unet, guidance
        self._dtype = next(unet.parameters()).dtype
        self._extra = extra

    def __call__(
        self, latents: Tensor, step: Step, index: int, deep: Sequence[DeepCache] | None = None
    ) -> Tensor:
        parts = [latents] if self._extra is None else [latents, self._extra.to(latents)]
        sample = torch.cat(parts, dim=1).to(self._dtype)
        # a tensor, so that a compiled network is the same for all steps
        timestep = torch.tensor([step.timestep], device=sample.device)
        return self._guidance(self._unet, sample, timestep, deep)

    def nothing_kept(self) -> list[DeepCache]:
        """Empty places for what each pass of a step may keep of its deep layers."""
        return self._guidance.nothing_kept()


def cached(guided: Guided, refresh: int) -> Predict:
    """The same, its deep layers computed at each ``refresh``-th step only; 1 is exact.

    In between they are reused (see `nn.unet.DeepCache`).
    """
    deep: list[DeepCache] = []

    def predict(latents: Tensor, step: Step, index: int) -> Tensor:
        nonlocal deep
        if index % refresh == 0:
            deep = guided.nothing_kept()
        return guided(latents, step, index, deep)

    return guided if refresh <= 1 else predict


Windows = Callable[[int], Sequence[Sequence[int]]]
"""The number of a step -> the frames of each window that the network sees together."""


def averaged(
    windows: Windows,
    within: Callable[[Sequence[int]], Predict],
    weight: Callable[[int], Tensor] | None = None,
) -> Predict:
    """Predictions of overlapping windows of a clip, averaged where they meet.

    within(frames): what predicts these frames, given latents of them only; asked for again only
        where the step before did not have that window.
    weight(n): how much each of the n frames of a window counts, (n,), above 0; None = all alike.
    """
    made: dict[tuple[int, ...], Predict] = {}

    def predict(latents: Tensor, step: Step, index: int) -> Tensor:
        nonlocal made
        total = torch.zeros_like(latents)
        share = latents.new_zeros(latents.shape[2])
        made, before = {}, made
        for frames in map(tuple, windows(index)):
            made[frames] = before.get(frames) or within(frames)
            at = torch.tensor(frames, device=latents.device)
            counts = latents.new_ones(len(frames)) if weight is None else weight(len(frames))
            counts = counts.to(latents)
            out = made[frames](latents.index_select(2, at), step, index)
            total.index_add_(2, at, out * counts[:, None, None])
            share.index_add_(0, at, counts)
        return total / share[:, None, None]

    return predict
