"""What the layers of a UNet are made of: each stage is called as ``stage(x, cond) -> x``.

Pictures are ``(b f) c h w``: the frames of a clip are rows of the batch, those of one clip
together. In channels-last memory that is also ``(b f) (h w) c`` and ``b c (f h) w``, so that
tokens and norms over whole clips are views and not copies.

A batch item that several items of a later stage share is computed once: ``x`` may have fewer
rows than the condition has, until a stage needs them apart (see `spread`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from .attention import Attention, KeysValues

TRANSFORMER_EPS = 1e-6  # of the group norms in front of transformers; resnets have their own


@dataclass(frozen=True)
class Context:
    """What stages that look outside read: a voice, a face, another picture.

    tokens: (rows, s, c), rows being (b f); None if ``projected`` has all that is needed.
    projected: keys and values of the tokens by site, made once by `projected`.
    unconditional: so many items at the head of the batch see tokens of zeros instead. As keys and
        values have no bias, nothing but the output's bias is left of such an attention; no
        rows are given or computed for them.
    """

    tokens: Tensor | None = None
    projected: Mapping[str, KeysValues] = field(default_factory=dict)
    unconditional: int = 0

    def items(self, frames: int) -> int:
        """Batch items that it tells apart, unconditional ones included."""
        made = next(iter(self.projected.values()), None)
        rows = self.tokens if made is None else made[0]
        return self.unconditional + (0 if rows is None else -(-len(rows) // frames))


@dataclass(frozen=True)
class Areas:
    """Regions of the picture, for stages that keep them apart.

    masks: by level, 0 to 1 (regions, s): how much each token is in each of them.
    strengths: of what each region adds; 1 is natural.
    """

    masks: tuple[Tensor, ...]
    strengths: tuple[float, ...]


@dataclass(frozen=True)
class Cond:
    """All that a stage may look at besides ``x``; what is absent is None.

    frames: frames of a clip, the f of (b f).
    items: batch items that there are in the end; ``x`` may have fewer as long as they share it.
    time: embedding of the time step, (b or 1, d).
    context: what is read, by name ("audio", "face").
    added: features to add to what the first convolution makes, (b f) c h w.
    record: where recording stages leave their normalised tokens, by site.
    before: tokens of the frames that a clip goes on from, by site, (b, n, s, c).
    areas: regions of the picture.
    """

    frames: int = 1
    items: int = 1
    time: Tensor | None = None
    context: Mapping[str, Context] = field(default_factory=dict)
    added: Tensor | None = None
    record: dict[str, Tensor] | None = None
    before: Mapping[str, Tensor] = field(default_factory=dict)
    areas: Areas | None = None


def spread(x: Tensor, rows: int) -> Tensor:
    """Repeat the whole of ``x`` along the batch until it has ``rows`` rows."""
    return x if x.shape[0] >= rows else torch.cat([x] * (rows // x.shape[0]))


class FrameNorm(nn.GroupNorm):
    """Group norm of (b f) c h w, per frame or, if ``joint``, over all frames of a clip."""

    def __init__(self, groups: int, channels: int, eps: float, *, joint: bool = False) -> None:
        super().__init__(groups, channels, eps)
        self.joint = joint

    def forward(self, input: Tensor, frames: int = 1, added: Tensor | None = None) -> Tensor:
        """(b f) c h w -> the same shape, in channels-last memory.

        added: (n, c), what is added to the channels of an n-th of the rows each before they are
            normed; it costs no pass over them.

        Torch's own norm would copy channels-last memory twice on CUDA, and loses digits of it on
        the CPU. Here the moments of each channel and row are merged to those of the groups.
        """
        rows, channels, h, w = input.shape
        x = input.permute(0, 2, 3, 1).reshape(rows, h * w, channels)
        mean, variance = _moments(x)
        more = mean.new_zeros(()) if added is None else added.float()
        if added is not None:
            more = more.repeat_interleave(rows // len(added), 0)
        shape = (-1, frames if self.joint else 1, self.num_groups, channels // self.num_groups)
        mean, variance = (mean + more).view(shape), variance.view(shape)
        centre = mean.mean((1, 3), keepdim=True)
        total = (variance + (mean - centre).square()).mean((1, 3), keepdim=True)
        scale = (total + self.eps).rsqrt().expand(shape).reshape(rows, channels) * self.weight
        middle = centre.expand(shape).reshape(rows, channels) - more
        # taken off first, as far as 16 bits can hold it: large products would lose their digits
        near = middle.to(x.dtype)
        shift = self.bias + (near - middle) * scale
        shift, scale = (y.to(x.dtype)[:, None] for y in (shift, scale))
        out = torch.addcmul(shift, x - near[:, None], scale)
        return out.view(rows, h, w, channels).permute(0, 3, 1, 2)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, s, c) -> mean and variance over s, each float32 (rows, c)."""
    if x.dtype == torch.float32:
        variance, mean = torch.var_mean(x, 1, correction=0)
        return mean, variance
    # which would round them to 16 bits; float32 has digits enough for sums of such squares
    mean = x.mean(1, dtype=torch.float32)
    power = torch.linalg.vector_norm(x, dim=1, dtype=torch.float32).square() / x.shape[1]
    return mean, (power - mean.square()).clamp(min=0)


class ResBlock(nn.Module):
    """Two 3x3 convolutions after norm and SiLU, the time embedding between them, and a shortcut.

    time: channels of the time embedding; None for a network without one.
    joint: norms over all frames of a clip rather than per frame.
    """

    def __init__(
        self, inputs: int, outputs: int, *, time: int | None, groups: int, eps: float,
        joint: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.norm1 = FrameNorm(groups, inputs, eps, joint=joint)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time_emb_proj = nn.Linear(time, outputs) if time else None
        self.norm2 = FrameNorm(groups, outputs, eps, joint=joint)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(b f) c h w -> (b f) c' h w.

        Biases go where they cost no pass over the picture: into the next norm, or the shortcut.
        """
        h = functional.silu(self.norm1(x, cond.frames))
        h = functional.conv2d(h, self.conv1.weight, padding=1)
        added = self.conv1.get_parameter("bias")[None]
        if self.time_emb_proj is not None and cond.time is not None:
            added = added + self.time_emb_proj(functional.silu(cond.time))
        h = functional.silu(self.norm2(h, cond.frames, added))
        if self.conv_shortcut is None:
            return x + self.conv2(h)
        bias = self.conv2.get_parameter("bias")
        return functional.conv2d(h, self.conv2.weight, padding=1) + pixelwise(
            self.conv_shortcut, x, bias
        )


def pixelwise(conv: nn.Conv2d, x: Tensor, bias: Tensor | None = None) -> Tensor:
    """A 1x1 convolution of (rows) c h w in channels-last memory, as the linear layer that it is.

    bias: more of it.
    """
    own = conv.get_parameter("bias")
    total = own if bias is None else own + bias
    out = functional.linear(x.permute(0, 2, 3, 1), conv.weight.flatten(1), total)
    return out.permute(0, 3, 1, 2)


class FeedForward(nn.Module):
    """Two linear layers with a gate: value * GELU(gate), four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        gated = nn.ModuleDict({"proj": nn.Linear(width, 8 * width)})  # value, then gate
        self.net = nn.ModuleDict({"0": gated, "2": nn.Linear(4 * width, width)})

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(b, s, c) -> (b, s, c)."""
        weights = self.net.get_parameter("0.proj.weight").chunk(2)
        biases = self.net.get_parameter("0.proj.bias").chunk(2)
        # one half after the other: these are the largest tensors of a layer
        gate = functional.gelu(functional.linear(x, weights[1], biases[1]))
        return self.net["2"](gate.mul_(functional.linear(x, weights[0], biases[0])))


class SelfAttention(Attention):
    """Each token sees all tokens of its row."""

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(b, s, c) -> (b, s, c)."""
        return self.look(x, self.project(x))


class Reader(Attention):
    """An attention to something outside.

    reads: name of the context in the condition.
    site: name under which keys and values made beforehand are found.
    context: channels of its tokens.
    """

    def __init__(
        self, width: int, heads: int, *, reads: str, site: str, context: int | None = None
    ) -> None:
        super().__init__(width, heads, context=context)
        self.reads, self.site = reads, site


class Cross(Reader):
    """Each token sees the tokens of one context of its row.

    scale: factor of all that it adds, its bias too.
    """

    def __init__(
        self, width: int, heads: int, *, reads: str, site: str, context: int, scale: float = 1.0
    ) -> None:
        super().__init__(width, heads, reads=reads, site=site, context=context)
        self.scale = scale

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(rows, s, c) -> (all rows of the context, s, c)."""
        context = cond.context[self.reads]
        bias = self.to_out.get_parameter("0.bias").expand(
            context.unconditional * cond.frames, x.shape[1], -1
        )
        made = context.projected.get(self.site)
        if made is None and context.tokens is not None:
            made = self.project(context.tokens)
        if made is not None:
            rows = made[0].shape[0]
            heard = self.look(spread(x, rows)[-rows:], made)
            bias = torch.cat([bias, heard]) if context.unconditional else heard
        return bias if self.scale == 1 else bias * self.scale


def projected(
    network: nn.Module, reads: str, tokens: Tensor | Mapping[str, Tensor]
) -> dict[str, KeysValues]:
    """Keys and values of all attentions that read a context, by site.

    tokens: (rows, s, c), the same for all or by site. Whoever runs a network many times on the
        same tokens makes them once.
    """
    readers = [m for m in network.modules() if isinstance(m, Reader) and m.reads == reads]
    return {
        reader.site: reader.project(tokens if isinstance(tokens, Tensor) else tokens[reader.site])
        for reader in readers
    }


def width_read(network: nn.Module, reads: str) -> int:
    """Channels of the tokens of a context that a network reads."""
    readers = (m for m in network.modules() if isinstance(m, Reader) and m.reads == reads)
    return next(readers).to_k.in_features


class TransformerBlock(nn.Module):
    """Stages on tokens one after the other, each added to its input: x + stage(norm(x), cond).

    stages: (name of the norm, name of the stage) -> stage; dots in names make the tree that
        published files have.
    """

    def __init__(self, width: int, stages: Mapping[tuple[str, str], nn.Module]) -> None:
        super().__init__()
        self.order = list(stages)
        for (norm, name), stage in stages.items():
            _attach(self, norm, nn.LayerNorm(width))
            _attach(self, name, stage)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(rows, s, c) -> (rows or more, s, c)."""
        for norm, name in self.order:
            more = self.get_submodule(name)(self.get_submodule(norm)(x), cond)
            x = spread(x, more.shape[0]) + more
        return x


def _attach(root: nn.Module, path: str, module: nn.Module) -> None:
    """Register a module under a dotted path, with dictionaries for what lies between."""
    *parents, name = path.split(".")
    for parent in parents:
        if parent not in root._modules:
            root.add_module(parent, nn.ModuleDict())
        root = root.get_submodule(parent)
    root.add_module(name, module)


class Spatial(nn.Module):
    """A transformer block on the pixels of each frame, between two 1x1 convolutions.

    inner: channels inside, if they are not those of the layer.
    """

    def __init__(
        self, channels: int, stages: Mapping[tuple[str, str], nn.Module], *, groups: int,
        inner: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        inner = inner or channels
        self.norm = FrameNorm(groups, channels, TRANSFORMER_EPS)
        self.proj_in = nn.Conv2d(channels, inner, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(inner, stages)])
        self.proj_out = nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """(rows) c h w -> (rows or more) c h w."""
        h, w = x.shape[-2:]
        tokens = rearrange(pixelwise(self.proj_in, self.norm(x)), "r c h w -> r (h w) c")
        for block in self.transformer_blocks:
            tokens = block(tokens, cond)
        more = pixelwise(self.proj_out, rearrange(tokens, "r (h w) c -> r c h w", h=h, w=w))
        return spread(x, more.shape[0]) + more


def transformer(
    width: int, heads: int, *, groups: int, reads: str, context: int | None, site: str
) -> Spatial:
    """What Stable Diffusion has in its layers: pixels see each other, then a context, then an MLP.

    context: channels of the tokens of the context that is read; None where there is none.
    site: as of `Reader`.
    """
    stages: dict[tuple[str, str], nn.Module] = {("norm1", "attn1"): SelfAttention(width, heads)}
    if context:
        stages["norm2", "attn2"] = Cross(width, heads, context=context, reads=reads, site=site)
    stages["norm3", "ff"] = FeedForward(width)
    return Spatial(width, stages, groups=groups)
