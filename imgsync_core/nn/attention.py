"""Multi-head attention: the one place where tokens are split into heads.

Letters: b batch, s tokens, c channels of all heads together, d channels of one head.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

KeysValues = tuple[Tensor, Tensor]  # each b heads s d


def split(x: Tensor, heads: int) -> Tensor:
    """(b, s, c) -> (b, heads, s, d): heads are contiguous pieces of the channels."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def attend(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Softmax(q k^T / sqrt(d)) v of (b, heads, s, d) tensors, heads joined again: (b, s, c)."""
    x = functional.scaled_dot_product_attention(query, keys, values)
    return x.transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Attention of ``width`` channels to tokens of ``context`` channels (None: its own kind).

    The keys and values are made by `project`, so that who knows that they stay the same can
    make them once.
    """

    def __init__(
        self, width: int, heads: int, *, context: int | None = None, bias: bool = False
    ) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=bias)
        self.to_k = nn.Linear(context or width, width, bias=bias)
        self.to_v = nn.Linear(context or width, width, bias=bias)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def project(self, context: Tensor) -> KeysValues:
        """Tokens (b, s, c) -> keys and values, each (b, heads, s, d)."""
        return split(self.to_k(context), self.heads), split(self.to_v(context), self.heads)

    def look(self, x: Tensor, keys_values: KeysValues) -> Tensor:
        """Let each token of ``x`` (b, s, c) look at what has these keys and values: (b, s, c)."""
        return self.to_out[0](attend(split(self.to_q(x), self.heads), *keys_values))
