"""How much noise there is at each time step, and which time steps are visited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor


def _linear(start: float, end: float, steps: int) -> Tensor:
    return torch.linspace(start, end, steps)


def _scaled_linear(start: float, end: float, steps: int) -> Tensor:
    return torch.linspace(start**0.5, end**0.5, steps).square()


def _leading(count: int, trained: int, offset: int) -> list[int]:
    return [(count - 1 - i) * (trained // count) + offset for i in range(count)]


def _trailing(count: int, trained: int, offset: int) -> list[int]:
    # the offset belongs to the other spacing; halves are rounded to even
    return [int(t) - 1 for t in np.round(np.arange(trained, 0, -trained / count))]


def _of_noise(x: Tensor, out: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    return (x - (1 - alpha) ** 0.5 * out) / alpha**0.5, out


def _of_velocity(x: Tensor, out: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    signal, noise = alpha**0.5, (1 - alpha) ** 0.5
    return signal * x - noise * out, signal * out + noise * x


BETAS: dict[str, Callable[[float, float, int], Tensor]] = {
    "linear": _linear,
    "scaled_linear": _scaled_linear,
}
SPACINGS: dict[str, Callable[[int, int, int], list[int]]] = {
    "leading": _leading,
    "trailing": _trailing,
}
PREDICTIONS: dict[str, Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor]]] = {
    "epsilon": _of_noise,
    "v_prediction": _of_velocity,
}


def without_signal_at_end(betas: Tensor) -> Tensor:
    """Betas stretched so that nothing of the picture is left at the last step.

    Lin et al., "Common diffusion noise schedules and sample steps are flawed", algorithm 1.
    """
    signal = (1 - betas).cumprod(0).sqrt()
    signal = (signal - signal[-1]) * (signal[0] / (signal[0] - signal[-1]))
    kept = signal.square()
    return 1 - torch.cat([kept[:1], kept[1:] / kept[:-1]])


@dataclass(frozen=True)
class Step:
    """One step of denoising: where it is, and how much signal there is here and after it.

    alpha, after: share of the picture in the variance (the cumulated product of 1 - beta).
    prediction: name in `PREDICTIONS` of what the network says.
    """

    timestep: int
    alpha: float
    after: float
    prediction: str

    def split(self, x: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
        """(picture, noise) that ``x`` is made of, according to the network's output."""
        return PREDICTIONS[self.prediction](x, out, self.alpha)


@dataclass(frozen=True)
class Schedule:
    """A noise schedule as published in a model's configuration.

    betas, spacing, prediction: names in `BETAS`, `SPACINGS`, `PREDICTIONS`.
    offset: added to each time step (leading spacing).
    zero_snr: see `without_signal_at_end`.
    ends_clean: what is left of the noise after the last step if that lies before step 0:
        nothing, or as much as at step 0.
    """

    betas: str
    spacing: str
    prediction: str
    offset: int = 0
    zero_snr: bool = False
    ends_clean: bool = True
    start: float = 0.00085
    end: float = 0.012
    trained: int = 1000  # steps

    @cached_property
    def table(self) -> Tensor:
        """float32 (trained,): beta of each step."""
        betas = BETAS[self.betas](self.start, self.end, self.trained)
        return without_signal_at_end(betas) if self.zero_snr else betas

    @cached_property
    def alphas(self) -> Tensor:
        """float32 (trained,): share of the picture in the variance at each step."""
        return (1 - self.table).cumprod(0)

    @property
    def final_alpha(self) -> float:
        """The share of the picture after a last step that leads before step 0."""
        return 1.0 if self.ends_clean else float(self.alphas[0])

    def steps(self, count: int) -> list[Step]:
        """The steps from noise to picture. Each leads ``trained // count`` down from where it is.

        That is not always where the next one starts; the published models were sampled so.
        """
        if not 1 <= count <= self.trained:
            raise ValueError(f"{count} steps: from 1 to {self.trained} are possible.")
        alphas, stride = self.alphas.tolist(), self.trained // count
        return [
            Step(
                timestep=t,
                alpha=alphas[t],
                after=alphas[t - stride] if t >= stride else self.final_alpha,
                prediction=self.prediction,
            )
            for t in SPACINGS[self.spacing](count, self.trained, self.offset)
        ]
