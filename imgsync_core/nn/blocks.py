"""Layers of named stages at one resolution, and the ways to the next resolution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .stages import Cond, spread

Layer = Mapping[str, nn.Module]


class Down(nn.Module):
    """Half the height and width, by a convolution.

    padding: pixels of zeros at the left, right, top and bottom.
    """

    def __init__(self, channels: int, padding: tuple[int, int, int, int] = (1, 1, 1, 1)) -> None:
        super().__init__()
        self.padding = padding
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(rows) c h w -> (rows) c h/2 w/2; an odd size is rounded up if padded on both sides."""
        return self.conv(functional.pad(x, self.padding))


class Up(nn.Module):
    """Twice the height and width, or what the skip has: nearest pixels and a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """(rows) c h w -> (rows) c, size."""
        return self.conv(functional.interpolate(x, size=tuple(size), mode="nearest"))


class Block(nn.Module):
    """Layers at one resolution, and the way to the next.

    Stage ``name`` of layer j is registered as ``<name>.<j>``.
    """

    def __init__(
        self, layers: Sequence[Layer], *, down: Down | None = None, up: Up | None = None
    ) -> None:
        super().__init__()
        self.order = [list(layer) for layer in layers]
        for index, layer in enumerate(layers):
            for name, stage in layer.items():
                if name not in self._modules:
                    self.add_module(name, nn.ModuleDict())
                self.get_submodule(name).add_module(str(index), stage)
        self.downsamplers = nn.ModuleList([down]) if down else None
        self.upsamplers = nn.ModuleList([up]) if up else None

    def layer(self, index: int, x: Tensor, cond: Cond, skip: Tensor | None = None) -> Tensor:
        """Run one layer, on ``x`` and the skip beside it if there is one."""
        if skip is not None:
            rows = max(len(x), len(skip))
            x = torch.cat([spread(x, rows), spread(skip, rows)], dim=1)
        for name in self.order[index]:
            x = self.get_submodule(f"{name}.{index}")(x, cond)
        return x

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """Run all layers, but not the way to the next resolution."""
        for index in range(len(self.order)):
            x = self.layer(index, x, cond)
        return x


def each(blocks: nn.ModuleList) -> Iterator[Block]:
    """The blocks of a list, as what they are."""
    for block in blocks:
        assert isinstance(block, Block)
        yield block
