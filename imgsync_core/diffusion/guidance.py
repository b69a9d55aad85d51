"""Classifier-free guidance (Ho and Salimans, 2022): away from what nothing was said of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..nn.attention import KeysValues
from ..nn.stages import Cond, Context
from ..nn.unet import DeepCache

Network = Callable[[Tensor, Tensor | int, Cond, DeepCache | None], Tensor]


@dataclass(frozen=True)
class Guidance:
    """What a network is asked at each step, and how its answers become one.

    conds: one pass each. Their predictions together are one batch: the conditional one, or the
        unconditional and then the conditional one. Both in one condition are computed at once
        and share what they have in common; in two they take turns and half the memory.
    scale: how far to go from the unconditional to the conditional prediction; 1 is the latter.
    """

    conds: tuple[Cond, ...]
    scale: float = 1.0

    def nothing_kept(self) -> list[DeepCache]:
        """Empty places for what each pass may keep of its deep layers."""
        return [DeepCache() for _ in self.conds]

    def __call__(
        self,
        network: Network,
        sample: Tensor,
        timestep: Tensor | int,
        deep: Sequence[DeepCache] | None = None,
    ) -> Tensor:
        """The guided prediction for (b, c, f, h, w), in float32."""
        kept = deep or [None] * len(self.conds)
        outs = [
            network(sample, timestep, cond, mine).float()
            for cond, mine in zip(self.conds, kept, strict=True)
        ]
        out = torch.cat(outs)
        if len(out) == len(sample):
            return out
        without, told = out.chunk(2)
        return without + self.scale * (told - without)


def guided_by(
    reads: str, keys_values: Mapping[str, KeysValues], scale: float, *, in_turn: bool = False
) -> Guidance:
    """Guidance by one context whose absence is tokens of zeros, for a single batch item.

    keys_values: of the context's tokens, from `nn.stages.projected`.
    scale: at 1 or below only the conditional prediction is made.
    in_turn: unconditional and conditional pass one after the other, for half the memory.
    """

    told = Cond(context={reads: Context(projected=keys_values)})
    return guided_by_all(told, scale, in_turn=in_turn)


def guided_by_all(told: Cond, scale: float, *, in_turn: bool = False) -> Guidance:
    """Guidance by everything that a condition for a single batch item says, together.

    told: contexts with keys and values made beforehand; what is added to the first convolution,
        if anything, is zeros in the unconditional pass.
    scale, in_turn: as of `guided_by`.
    """
    silent = {name: Context(unconditional=1) for name in told.context}
    return guided_from(replace(told, context=silent, added=None), told, scale, in_turn=in_turn)


def guided_from(nothing: Cond, told: Cond, scale: float, *, in_turn: bool = False) -> Guidance:
    """Guidance away from a condition that says other things, or nothing; each for a single item.

    nothing: contexts that are ``unconditional``, or have keys and values made beforehand for as
        many rows as those of ``told``; nothing added = zeros.
    scale, in_turn: as of `guided_by`.
    """
    if scale <= 1:
        return Guidance((told,))
    if in_turn:
        return Guidance((nothing, told), scale)
    both = {name: _together(nothing.context[name], told.context[name]) for name in told.context}
    added = told.added
    if added is not None:
        without = torch.zeros_like(added) if nothing.added is None else nothing.added
        added = torch.cat([without, added])
    before = {site: torch.cat([nothing.before[site], x]) for site, x in told.before.items()}
    return Guidance((replace(told, context=both, added=added, before=before),), scale)


def _together(nothing: Context, told: Context) -> Context:
    """Both in one batch, the unconditional one first."""
    if nothing.unconditional:
        return replace(told, unconditional=nothing.unconditional)
    made: dict[str, KeysValues] = {}
    for site, (keys, values) in told.projected.items():
        without = nothing.projected[site]
        made[site] = torch.cat([without[0], keys]), torch.cat([without[1], values])
    return Context(projected=made)
