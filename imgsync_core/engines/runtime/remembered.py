"""What is made of one tensor again and again is made once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Remembered(Generic[T]):
    """What was last made of a tensor: of a still it is made once, however long that is shown."""

    def __init__(self) -> None:
        self._last: tuple[Tensor, T] | None = None

    def __call__(self, x: Tensor, make: Callable[[Tensor], T]) -> T:
        """make(x), or what it made the last time if that was of the same."""
        if self._last is None or not torch.equal(x, self._last[0]):
            self._last = x, make(x)
        return self._last[1]
