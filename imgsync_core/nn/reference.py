"""Looking at another picture: one network records its tokens, another attends to them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .attention import attend, split
from .stages import Cond, Cross, FeedForward, Reader, SelfAttention, spread
from .table import layers
from .unet import Site, UNet, UNetParams


class RecordingSelf(SelfAttention):
    """Self attention that leaves what goes in, normalised tokens, in the condition's record."""

    def __init__(self, width: int, heads: int, *, site: str) -> None:
        super().__init__(width, heads)
        self.site = site

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(rows, s, c) -> (rows, s, c)."""
        if cond.record is not None:
            cond.record[self.site] = x
        return super().forward(x, cond)


class ReferenceSelf(Reader):
    """Each token sees the tokens of its row, and of a reference that several rows share.

    The keys and values of the reference, (n, heads, s, d), serve an equal number of the rows
    each; rows of unconditional batch items see their own tokens only.
    """

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(rows, s, c) -> (all rows of the condition, s, c)."""
        context = cond.context[self.reads]
        if context.unconditional and context.projected:  # items differ from here on
            x = spread(x, cond.items * cond.frames)
        query, (keys, values) = split(self.to_q(x), self.heads), self.project(x)
        made = context.projected.get(self.site)
        if made is None:
            return self.to_out[0](attend(query, keys, values))
        unconditional = context.unconditional * cond.frames
        more = [
            torch.cat([own[unconditional:], _shared(other, len(x) - unconditional)], dim=2)
            for own, other in zip((keys, values), made, strict=True)
        ]
        told = attend(query[unconditional:], *more)
        if unconditional:
            alone = attend(query[:unconditional], keys[:unconditional], values[:unconditional])
            told = torch.cat([alone, told])
        return self.to_out[0](told)


def recorder(unet: UNetParams, heads: int, *, reads: str = "", context: int | None = None) -> UNet:
    """A network that looks: it has no output, but leaves its tokens by site.

    reads, context: name and channels of tokens that it reads, if any.
    """

    def tokens(site: Site) -> dict[tuple[str, str], nn.Module]:
        width, path = site.channels, site.path("attentions")
        stages: dict[tuple[str, str], nn.Module] = {
            ("norm1", "attn1"): RecordingSelf(width, heads, site=path)
        }
        if context:
            read = Cross(width, heads, reads=reads, site=path, context=context)
            stages["norm2", "attn2"] = read
        stages["norm3", "ff"] = FeedForward(width)
        return stages

    return UNet(unet, layers(unet, tokens))


def sites(network: nn.Module) -> list[str]:
    """Where a network records, in order."""
    return [m.site for m in network.modules() if isinstance(m, RecordingSelf)]


def _shared(reference: Tensor, rows: int) -> Tensor:
    """(n, heads, s, d) -> (rows, heads, s, d), equally often; of one nothing is copied."""
    n, *shape = reference.shape
    return reference[:, None].expand(n, rows // n, *shape).reshape(rows, *shape)
