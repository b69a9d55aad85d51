"""The image autoencoder of latent diffusion (Rombach et al., 2022): pixels <-> latents of 1/8.

Key names are those of current files; `RENAMES` maps the older names of the attention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from .attention import Attention
from .blocks import Block, Down, Layer, Up, each
from .stages import Cond, FrameNorm, ResBlock
from .tiles import blend
from .weights import Checkpoint, load, numbers

SCALE = 0.18215  # latents as a UNet sees them, per latent of the autoencoder
EPS = 1e-6
RENAMES = (
    (r"(\.attentions\.\d+)\.query\.", r"\1.to_q."),
    (r"(\.attentions\.\d+)\.key\.", r"\1.to_k."),
    (r"(\.attentions\.\d+)\.value\.", r"\1.to_v."),
    (r"(\.attentions\.\d+)\.proj_attn\.", r"\1.to_out.0."),
)
EXPECTED = "the autoencoder sd-vae-ft-mse, diffusion_pytorch_model.safetensors or .bin"
_NOTHING = Cond()


@dataclass(frozen=True)
class VAEParams:
    """The shape of the autoencoder.

    widths: channels of each level, from full resolution down.
    layers: resnets of a level of the encoder; the decoder has one more.
    """

    widths: tuple[int, ...]
    layers: int
    groups: int = 32
    latent: int = 4  # channels
    picture: int = 3  # channels


SD_VAE = VAEParams(widths=(128, 256, 512, 512), layers=2)


@dataclass(frozen=True)
class Posterior:
    """What the encoder says of a picture: a normal distribution of latents, (b, c, h, w)."""

    mean: Tensor
    logvar: Tensor

    @property
    def std(self) -> Tensor:
        """Standard deviation."""
        return torch.exp(0.5 * self.logvar)

    def sample(self, noise: Tensor) -> Tensor:
        """The latents that belong to standard normal noise of the same shape."""
        return self.mean + self.std * noise


class PixelAttention(Attention):
    """Each pixel looks at all pixels, with a single head; added to the input."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__(channels, 1, bias=True)
        self.group_norm = FrameNorm(groups, channels, EPS)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """b c h w -> b c h w."""
        h, w = x.shape[-2:]
        tokens = rearrange(self.group_norm(x), "b c h w -> b (h w) c")
        tokens = self.look(tokens, self.project(tokens))
        return x + rearrange(tokens, "b (h w) c -> b c h w", h=h, w=w)


def _resnet(params: VAEParams, inputs: int, outputs: int) -> Layer:
    return {"resnets": ResBlock(inputs, outputs, time=None, groups=params.groups, eps=EPS)}


def _middle(params: VAEParams) -> Block:
    width = params.widths[-1]
    attention = {"attentions": PixelAttention(width, params.groups)}
    return Block([{**_resnet(params, width, width), **attention}, _resnet(params, width, width)])


def _layers(params: VAEParams, inputs: int, outputs: int, layers: int) -> list[Layer]:
    return [_resnet(params, outputs if i else inputs, outputs) for i in range(layers)]


class Encoder(nn.Module):
    """Pictures -> mean and log variance of latents, before their 1x1 convolution."""

    def __init__(self, params: VAEParams) -> None:
        super().__init__()
        widths = params.widths
        self.conv_in = nn.Conv2d(params.picture, widths[0], 3, padding=1)
        self.down_blocks = nn.ModuleList(
            Block(
                _layers(params, widths[max(i - 1, 0)], width, params.layers),
                down=Down(width, padding=(0, 1, 0, 1)) if i < len(widths) - 1 else None,
            )
            for i, width in enumerate(widths)
        )
        self.mid_block = _middle(params)
        self.conv_norm_out = FrameNorm(params.groups, widths[-1], EPS)
        self.conv_out = nn.Conv2d(widths[-1], 2 * params.latent, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """b c h w -> b 2c' h/8 w/8."""
        x = self.conv_in(x)
        for block in each(self.down_blocks):
            x = block(x, _NOTHING)
            if block.downsamplers is not None:
                x = block.downsamplers[0](x)
        x = self.mid_block(x, _NOTHING)
        return self.conv_out(functional.silu(self.conv_norm_out(x)))


class Decoder(nn.Module):
    """Latents, after their 1x1 convolution -> pictures."""

    def __init__(self, params: VAEParams) -> None:
        super().__init__()
        widths = params.widths[::-1]
        self.conv_in = nn.Conv2d(params.latent, widths[0], 3, padding=1)
        self.mid_block = _middle(params)
        self.up_blocks = nn.ModuleList(
            Block(
                _layers(params, widths[max(i - 1, 0)], width, params.layers + 1),
                up=Up(width) if i < len(widths) - 1 else None,
            )
            for i, width in enumerate(widths)
        )
        self.conv_norm_out = FrameNorm(params.groups, widths[-1], EPS)
        self.conv_out = nn.Conv2d(widths[-1], params.picture, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """b c h w -> b c' 8h 8w."""
        x = self.mid_block(self.conv_in(z), _NOTHING)
        for block in each(self.up_blocks):
            x = block(x, _NOTHING)
            if block.upsamplers is not None:
                x = block.upsamplers[0](x, [2 * n for n in x.shape[-2:]])
        return self.conv_out(functional.silu(self.conv_norm_out(x)))


class VAE(nn.Module):
    """Encoder and decoder; latents here are not yet multiplied by `SCALE`."""

    def __init__(self, params: VAEParams) -> None:
        super().__init__()
        self.scale = 2 ** (len(params.widths) - 1)  # pixels per latent
        self.encoder, self.decoder = Encoder(params), Decoder(params)
        self.quant_conv = nn.Conv2d(2 * params.latent, 2 * params.latent, 1)
        self.post_quant_conv = nn.Conv2d(params.latent, params.latent, 1)

    def encode(self, pictures: Tensor, *, at_once: int | None = None) -> Posterior:
        """(b, c, h, w) in [-1, 1], h and w multiples of 8 -> distribution of (b, c', h/8, w/8).

        at_once: pictures in one pass; None for all.
        """
        moments = torch.cat(
            [
                self.quant_conv(self.encoder(some.contiguous(memory_format=torch.channels_last)))
                for some in pictures.split(at_once or len(pictures))
            ]
        )
        mean, logvar = moments.chunk(2, dim=1)
        return Posterior(mean, logvar.clamp(-30.0, 20.0))

    def decode(
        self, latents: Tensor, *, at_once: int | None = None, tile: int | None = None
    ) -> Tensor:
        """(b, c, h, w) -> pictures (b, c', 8h, 8w), in [-1, 1] but for overshoots.

        at_once: pictures in one pass; None for all.
        tile: side of the pieces in latents if memory is scarce, faded together over a quarter
            of it. Norms then see a piece and not the picture: colours may differ slightly.
        """

        def make(z: Tensor) -> Tensor:
            z = z.contiguous(memory_format=torch.channels_last)
            return self.decoder(self.post_quant_conv(z))

        def one(z: Tensor) -> Tensor:
            if tile is None:
                return make(z)
            return blend(make, z, tile=tile, overlap=max(1, tile // 4), scale=self.scale)

        return torch.cat([one(z) for z in latents.split(at_once or len(latents))])


def recognise(tensors: Mapping[str, Tensor], groups: int = 32) -> VAEParams:
    """The shape of the autoencoder whose tensors these are; KeyError if they are another's."""
    levels = numbers(tensors, r"encoder\.down_blocks\.(\d+)\.")
    return VAEParams(
        widths=tuple(
            len(tensors[f"encoder.down_blocks.{i}.resnets.0.conv1.weight"]) for i in levels
        ),
        layers=len(numbers(tensors, r"encoder\.down_blocks\.0\.resnets\.(\d+)\.")),
        groups=groups,
        latent=tensors["post_quant_conv.weight"].shape[0],
        picture=tensors["encoder.conv_in.weight"].shape[1],
    )


def load_vae(
    path: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> VAE:
    """The autoencoder in a file, with older or current names; WeightsError if it is not one."""

    def build(checkpoint: Checkpoint) -> VAE:
        return VAE(recognise(checkpoint.tensors))

    return load(path, build, expected=EXPECTED, renames=RENAMES, device=device, dtype=dtype)
