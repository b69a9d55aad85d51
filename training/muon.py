"""An optimiser for the weights of convolutions: momentum, made orthogonal (Muon).

After Keller Jordan and others, "Muon: an optimizer for hidden layers in neural networks" (2024),
with the step size of J. Liu and others, "Muon is scalable for LLM training" (2025, 2.2), so that
rates and decay mean what they mean to AdamW.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

_QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's coefficients: singular values to about 1
_ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """For weights of two and more dimensions; the first is a matrix's rows, the rest its columns.

    lr: of learning.   momentum: of the gradient, 0..1.   weight_decay: as in AdamW.
    """

    def __init__(
        self,
        weights: Iterable[Tensor],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(weights, {"lr": lr, "beta": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step along the orthogonal direction nearest to the momentum."""
        for group in self.param_groups:
            for weight in group["params"]:
                moved = self.state[weight].setdefault("moved", torch.zeros_like(weight))
                moved.mul_(group["beta"]).add_(weight.grad)
                ahead = (weight.grad + group["beta"] * moved).flatten(1)  # Nesterov
                size = 0.2 * max(ahead.shape) ** 0.5  # root mean square of AdamW's steps
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.sub_(group["lr"] * size * orthogonal(ahead).view_as(weight))


def orthogonal(matrix: Tensor) -> Tensor:
    """(m, n) -> the same with all singular values between about 0.7 and 1.2, by Newton-Schulz."""
    a, b, c = _QUINTIC
    x = matrix / (matrix.norm() + 1e-7)
    x = x.T if len(matrix) > matrix.shape[1] else x
    for _ in range(_ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if len(matrix) > matrix.shape[1] else x
