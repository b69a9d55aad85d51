"""The encoder of Whisper (Radford et al., 2022): log-mel -> the hidden states of all layers.

Key names are those of OpenAI's files; `RENAMES` maps those of Hugging Face's. The decoder is never
built.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from .attention import attend, split
from .weights import Checkpoint, load, numbers

HEAD_WIDTH = 64  # channels of a head in all published sizes
EXPECTED = "OpenAI's Whisper checkpoint tiny.pt, or Hugging Face's openai/whisper-tiny"
RENAMES = (
    (r"^model\.", ""),
    (r"^encoder\.", ""),
    (r"^embed_positions\.weight$", "positional_embedding"),
    (r"^layer_norm\.", "ln_post."),
    (r"^layers\.", "blocks."),
    (r"\.self_attn_layer_norm\.", ".attn_ln."),
    (r"\.final_layer_norm\.", ".mlp_ln."),
    (r"\.self_attn\.q_proj\.", ".attn.query."),
    (r"\.self_attn\.k_proj\.", ".attn.key."),
    (r"\.self_attn\.v_proj\.", ".attn.value."),
    (r"\.self_attn\.out_proj\.", ".attn.out."),
    (r"\.fc1\.", ".mlp.0."),
    (r"\.fc2\.", ".mlp.2."),
)


@dataclass(frozen=True)
class WhisperParams:
    """The shape of the encoder.

    context: time steps that it makes of twice as many mel frames; it takes no other number.
    """

    mels: int
    context: int
    width: int
    heads: int
    layers: int


TINY = WhisperParams(mels=80, context=1500, width=384, heads=6, layers=4)


class _Attention(nn.Module):
    """Self attention; of the projections only the keys' has no bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (split(m(x), self.heads) for m in (self.query, self.key, self.value))
        return self.out(attend(query, key, value))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn_ln = nn.LayerNorm(width)
        self.attn = _Attention(width, heads)
        self.mlp_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.attn_ln(x))
        return x + self.mlp(self.mlp_ln(x))


class WhisperEncoder(nn.Module):
    """Two convolutions, a table of positions and transformer blocks."""

    positional_embedding: Tensor

    def __init__(self, params: WhisperParams) -> None:
        super().__init__()
        width = params.width
        self.context = params.context
        self.conv1 = nn.Conv1d(params.mels, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.register_buffer("positional_embedding", torch.zeros(params.context, width))
        self.blocks = nn.ModuleList(_Block(width, params.heads) for _ in range(params.layers))
        self.ln_post = nn.LayerNorm(width)  # for who wants the last state as Whisper's decoder

    def forward(self, mel: Tensor) -> Tensor:
        """Log-mel (b, mels, 2 context) -> (b, context, layers + 1, width).

        The first state is what enters the blocks, then comes the output of each; `ln_post` is
        not applied.
        """
        x = functional.gelu(self.conv1(mel))
        x = functional.gelu(self.conv2(x)).transpose(1, 2)
        x = x + self.positional_embedding
        states = [x]
        for block in self.blocks:
            states.append(block(states[-1]))
        return torch.stack(states, dim=2)


def recognise(checkpoint: Checkpoint) -> WhisperParams:
    """The shape of the encoder in a file; KeyError if there is none.

    The number of heads is written beside the tensors; without it heads have the usual width.
    """
    tensors = checkpoint.tensors
    width, mels = tensors["conv1.weight"].shape[:2]
    dims = checkpoint.extras.get("dims")
    heads = dims.get("n_audio_head") if isinstance(dims, dict) else None
    if heads and (not isinstance(heads, int) or heads < 0 or width % heads):
        raise ValueError(f"{heads!r:.20} heads of {width} channels")
    return WhisperParams(
        mels=mels,
        context=tensors["positional_embedding"].shape[0],
        width=width,
        heads=heads or max(1, width // HEAD_WIDTH),
        layers=len(numbers(tensors, r"blocks\.(\d+)\.")),
    )


def load_whisper(
    path: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> WhisperEncoder:
    """The encoder in a file with either kind of names; WeightsError if there is none."""
    return load(
        path,
        lambda checkpoint: WhisperEncoder(recognise(checkpoint)),
        expected=EXPECTED,
        renames=RENAMES,
        unused=r"decoder\.|proj_out\.",
        device=device,
        dtype=dtype,
    )
