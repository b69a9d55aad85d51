"""Deterministic denoising (Song et al., "Denoising diffusion implicit models", eq. 12, eta 0)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from .schedule import Step

Predict = Callable[[Tensor, Step, int], Tensor]
"""Latents (b, c, f, h, w) in float32, the step and its number -> what the network says of them,
float32 of the same shape. Wrappers of it add what a network wants besides (see `predict`)."""
OnStep = Callable[[int, Tensor], None]


def ddim(x: Tensor, out: Tensor, step: Step) -> Tensor:
    """From ``x`` and what the network says of it to the latents after the step."""
    picture, noise = step.split(x, out)
    return step.after**0.5 * picture + (1 - step.after) ** 0.5 * noise


def denoise(
    predict: Predict, noise: Tensor, steps: Sequence[Step], *, on_step: OnStep | None = None
) -> Tensor:
    """Denoise noise (b, c, f, h, w) -> float32 latents of the same shape.

    on_step: called after each step with its index and the latents; stops all by raising.
    """
    latents = noise.float()
    for index, step in enumerate(steps):
        latents = ddim(latents, predict(latents, step, index), step)
        if on_step is not None:
            on_step(index, latents)
    return latents
