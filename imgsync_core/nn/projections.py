"""What somebody looks like and what is heard, made into tokens that attentions read."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional


class PictureTokens(nn.Module):
    """One vector -> so many tokens."""

    def __init__(self, inputs: int, width: int, tokens: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, tokens * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(b, c') -> (b, tokens, c)."""
        return self.norm(self.proj(x).unflatten(1, (-1, self.norm.normalized_shape[0])))


class AudioTokens(nn.Module):
    """The features around a frame -> so many tokens, through three layers.

    inputs: numbers of all features around a frame together.
    """

    def __init__(self, inputs: int, inner: int, width: int, tokens: int) -> None:
        super().__init__()
        self.proj1 = nn.Linear(inputs, inner)
        self.proj2 = nn.Linear(inner, inner)
        self.proj3 = nn.Linear(inner, tokens * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(f, frames around, layers, c') -> (f, tokens, c)."""
        x = functional.relu(self.proj1(x.flatten(1)))
        x = self.proj3(functional.relu(self.proj2(x)))
        return self.norm(x.unflatten(1, (-1, self.norm.normalized_shape[0])))


def picture_tokens(tensors: Mapping[str, Tensor]) -> PictureTokens:
    """The network whose tensors these are; KeyError if they are another's."""
    (outputs, inputs), width = tensors["proj.weight"].shape, len(tensors["norm.weight"])
    return PictureTokens(inputs, width, outputs // width)


def audio_tokens(tensors: Mapping[str, Tensor]) -> AudioTokens:
    """The network whose tensors these are; KeyError if they are another's."""
    (inner, inputs), width = tensors["proj1.weight"].shape, len(tensors["norm.weight"])
    return AudioTokens(inputs, inner, width, len(tensors["proj3.weight"]) // width)
