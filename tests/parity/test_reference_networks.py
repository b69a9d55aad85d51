"""Looking at another picture, by itself."""

import torch

from imgsync_core.nn.reference import ReferenceSelf
from imgsync_core.nn.stages import Cond, Context, SelfAttention, projected

from .goldens import close


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
