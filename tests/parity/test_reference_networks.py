"""The shared UNet as one more published network has it: one that records and reads a context.

The table stands here as a proof that the shared parts are enough; its engine is to come.
"""

import pytest
import torch

from imgsync_core.nn.reference import RecordingSelf, ReferenceSelf
from imgsync_core.nn.stages import Cond, Context, Cross, FeedForward, SelfAttention, projected
from imgsync_core.nn.table import layers
from imgsync_core.nn.unet import Site, UNet, UNetParams
from imgsync_core.nn.weights import fill

from .goldens import close, goldens

Stages = dict[tuple[str, str], torch.nn.Module]


@pytest.mark.parametrize("golden", goldens("hallo2", "01_reference_unet*"))
def test_recording_with_a_context(golden):
    config = golden.config["unet"]
    heads = config["attention_head_dim"]

    def tokens(place: Site) -> Stages:
        width, face = place.channels, config["cross_attention_dim"]
        site = place.path("attentions") + ".transformer_blocks.0"
        return {
            ("norm1", "attn1"): RecordingSelf(width, heads, site=site),
            ("norm2", "attn2"): Cross(width, heads, context=face, reads="face", site=site),
            ("norm3", "ff"): FeedForward(width),
        }

    params = UNetParams(
        in_channels=config["in_channels"],
        out_channels=None,
        widths=tuple(config["block_out_channels"]),
        attends=tuple("CrossAttn" in kind for kind in config["down_block_types"]),
        layers=config["layers_per_block"],
        groups=config["norm_num_groups"],
        eps=config["norm_eps"],
        joint=False,
    )
    with torch.device("meta"):
        unet = UNet(params, layers(params, tokens))
    fill(unet, golden.weights(), "golden", "itself")
    sample, face = golden["in.sample"], golden["in.encoder_hidden_states"]
    record: dict[str, torch.Tensor] = {}
    face = face.repeat(len(sample) // len(face), 1, 1)
    cond = Cond(record=record, context={"face": Context(face)})
    out = unet(sample[:, :, None], golden["in.timestep"], cond)
    close(out[:, :, 0], golden["out.sample_before_missing_head"], 1e-4, relative=False)
    found = list(golden.outputs(r"bank\.(.*)"))
    assert len(found) == len(record)
    for match, expected in found:
        close(record[match[1]], expected, 1e-4, relative=False)


def test_a_self_attention_that_reads_nothing_is_an_ordinary_one():
    """Without a reference, and for unconditional items beside one."""
    reader = ReferenceSelf(8, 2, reads="picture", site="here")
    plain = SelfAttention(8, 2)
    plain.load_state_dict(reader.state_dict())
    x = torch.randn(4, 5, 8)
    cond = Cond(frames=2, context={"picture": Context(unconditional=1)})
    close(reader(x, cond), plain(x, cond), 1e-6)
    made = projected(reader, "picture", {"here": torch.randn(1, 3, 8)})
    cond = Cond(frames=2, context={"picture": Context(projected=made, unconditional=1)})
    close(reader(x, cond)[:2], plain(x[:2], cond), 1e-6)
    assert not torch.allclose(reader(x, cond)[2:], plain(x[2:], cond), atol=1e-2)
