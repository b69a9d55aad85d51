"""Deterministic denoising (Song et al., "Denoising diffusion implicit models", eq. 12, eta 0)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..nn.unet import UNet
from .guidance import Guidance
from .schedule import Step

OnStep = Callable[[int, Tensor], None]


def ddim(x: Tensor, out: Tensor, step: Step) -> Tensor:
    """From ``x`` and what the network says of it to the latents after the step."""
    picture, noise = step.split(x, out)
    return step.after**0.5 * picture + (1 - step.after) ** 0.5 * noise


def denoise(
    unet: UNet,
    noise: Tensor,
    steps: Sequence[Step],
    guidance: Guidance,
    *,
    constant: Tensor | None = None,
    refresh: int = 1,
    on_step: OnStep | None = None,
) -> Tensor:
    """Denoise one window: (b, c, f, h, w) of noise -> float32 latents of the same shape.

    constant: channels that stay the same, (b, c', f, h, w), given to the network after the
        latents.
    refresh: the deep layers of the network are computed at each ``refresh``-th step only and
        reused in between (see `nn.unet.Deep`); 1 is exact.
    on_step: called after each step with its index and the latents; stops all by raising.
    """
    dtype = next(unet.parameters()).dtype
    latents, deep = noise.float(), None
    rest = [] if constant is None else [constant.to(latents)]
    for index, step in enumerate(steps):
        if refresh > 1 and index % refresh == 0:
            deep = guidance.nothing_kept()
        sample = torch.cat([latents, *rest], dim=1).to(dtype)
        # a tensor, so that a compiled network is the same for all steps
        timestep = torch.tensor([step.timestep], device=sample.device)
        out = guidance(unet, sample, timestep, deep)
        latents = ddim(latents, out, step)
        if on_step is not None:
            on_step(index, latents)
    return latents
