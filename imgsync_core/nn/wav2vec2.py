"""wav2vec 2.0 (Baevski et al., 2020): samples -> the hidden states of all layers, one a frame.

The layers are torchaudio's; the features of the convolutions, 50 a second, are brought to the
frames of a picture before the transformer sees them. Key names of files are Hugging Face's; HuBERT
(Hsu et al., 2021) has the same layers and names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .weights import Checkpoint, load, numbers

RATE = 16000  # samples a second
HEAD_WIDTH = 64  # channels of a head in all published sizes
STRIDES = (5, 2, 2, 2, 2, 2, 2)  # of the convolutions, which leave no trace in a file
EXPECTED = "wav2vec2-base-960h, model.safetensors or pytorch_model.bin"
RENAMES = (
    (r"^(wav2vec2|hubert)\.", ""),
    (r"^encoder\.", "encoder.transformer."),
    (r"^feature_projection\.", "encoder.feature_projection."),
    (r"\.weight_g$", ".parametrizations.weight.original0"),
    (r"\.weight_v$", ".parametrizations.weight.original1"),
)
UNUSED = r"masked_spec_embed$|lm_head\."  # of training, and of who writes texts
_POSITIONS = "encoder.transformer.pos_conv_embed.conv."


@dataclass(frozen=True)
class Wav2Vec2Params:
    """The shape of the network.

    convolutions: channels, kernel and stride of each.   positions: kernel and groups of the
        convolution that tells where a feature is.   inner: channels inside a layer's MLP.
    """

    convolutions: tuple[tuple[int, int, int], ...]
    width: int
    heads: int
    layers: int
    inner: int
    positions: tuple[int, int]


class Wav2Vec2(nn.Module):
    """Convolutions, then transformer blocks with the norm after each."""

    def __init__(self, params: Wav2Vec2Params) -> None:
        from torchaudio.models import wav2vec2_model  # which other networks do without

        super().__init__()
        kernel, groups = params.positions
        model = wav2vec2_model(
            extractor_mode="group_norm",
            extractor_conv_layer_config=list(params.convolutions),
            extractor_conv_bias=False,
            encoder_embed_dim=params.width,
            encoder_projection_dropout=0.0,
            encoder_pos_conv_kernel=kernel,
            encoder_pos_conv_groups=groups,
            encoder_num_layers=params.layers,
            encoder_num_heads=params.heads,
            encoder_attention_dropout=0.0,
            encoder_ff_interm_features=params.inner,
            encoder_ff_interm_dropout=0.0,
            encoder_dropout=0.0,
            encoder_layer_norm_first=False,
            encoder_layer_drop=0.0,
            aux_num_out=None,
        )
        self.feature_extractor: Any = model.feature_extractor
        self.encoder: Any = model.encoder
        self.layers, self.width = params.layers, params.width

    def convolved(self, samples: Tensor) -> Tensor:
        """(b, n) at 16 kHz, mean 0 and variance 1 -> what the convolutions make, (b, t, c')."""
        return self.feature_extractor(samples, None)[0]

    def forward(self, samples: Tensor, frames: int) -> Tensor:
        """(b, n) at 16 kHz, mean 0 and variance 1 -> the outputs of all layers (b, f, layers, c).

        n: 400 at least. The first and the last feature become the first and the last frame.
        """
        x = self.convolved(samples).mT
        x = functional.interpolate(x, size=frames, mode="linear", align_corners=True).mT
        x = self.encoder.feature_projection(x)
        return torch.stack(self.encoder.transformer.get_intermediate_outputs(x), dim=2)


def recognise(tensors: Mapping[str, Tensor], heads: int | None = None) -> Wav2Vec2Params:
    """The shape of the network whose tensors these are; KeyError if they are another's.

    heads: leave no trace in a file; None = as wide as in published ones.
    """
    at = "feature_extractor.conv_layers."
    kernels = [tensors[f"{at}{i}.conv.weight"] for i in numbers(tensors, at + r"(\d+)\.")]
    strides = STRIDES[: len(kernels)]
    direction = tensors[_POSITIONS + "parametrizations.weight.original1"]
    width, per_group, kernel = direction.shape
    layers = numbers(tensors, r"encoder\.transformer\.layers\.(\d+)\.")
    inner = tensors["encoder.transformer.layers.0.feed_forward.intermediate_dense.weight"]
    return Wav2Vec2Params(
        convolutions=tuple(
            (k.shape[0], k.shape[2], s) for k, s in zip(kernels, strides, strict=True)
        ),
        width=width,
        heads=heads or max(1, width // HEAD_WIDTH),
        layers=len(layers),
        inner=len(inner),
        positions=(kernel, width // per_group),
    )


def load_wav2vec2(
    path: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> Wav2Vec2:
    """The network in a file; WeightsError if there is none."""

    def make(checkpoint: Checkpoint) -> Wav2Vec2:
        return Wav2Vec2(recognise(checkpoint.tensors))

    return load(
        path, make, expected=EXPECTED, renames=RENAMES, unused=UNUSED, device=device, dtype=dtype
    )
