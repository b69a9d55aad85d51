"""Plans of windows, and tiles of large pictures."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imgsync_core.diffusion.windows import Window, full, overlapping, side_by_side
from imgsync_core.nn.tiles import blend, starts

COUNTS = st.integers(1, 200)
SIZES = st.integers(1, 30)


@given(COUNTS, SIZES)
@pytest.mark.parametrize("plan", [side_by_side, full])
def test_each_frame_is_kept_once_and_in_order(plan, frames, size):
    windows = plan(frames, size)
    kept = [i for window in windows for i in range(window.keep, window.stop)]
    assert kept == list(range(frames))
    assert all(0 <= w.start <= w.keep < w.stop and len(w) <= size for w in windows)
    assert len(windows) == -(-frames // size)


@given(COUNTS, SIZES)
def test_full_windows_are_full(frames, size):
    assert {len(window) for window in full(frames, size)} == {min(size, frames)}


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (side_by_side, [Window(0, 8, 0), Window(8, 16, 8), Window(16, 21, 16)]),
        (full, [Window(0, 8, 0), Window(8, 16, 8), Window(13, 21, 16)]),
    ],
)
def test_the_last_window(plan, expected):
    assert plan(21, 8) == expected


def test_overlapping_windows():
    assert overlapping(20, 12, 3) == [
        list(range(12)),
        [*range(9, 20), 0],
        [18, 19, *range(10)],
    ]
    assert overlapping(20, 12, 3, shift=2)[2] == list(range(12))
    assert overlapping(7, 12, 3, shift=8) == [[1, 2, 3, 4, 5, 6, 0]]


@given(st.integers(1, 60), st.integers(1, 20), st.data())
def test_tiles_cover_everything(length, tile, data):
    overlap = data.draw(st.integers(0, tile - 1))
    tops = starts(length, tile, overlap)
    assert tops[0] == 0
    assert tops[-1] == max(0, length - tile)
    assert all(0 < b - a <= tile - overlap for a, b in pairwise(tops))


@pytest.mark.parametrize(("h", "w"), [(8, 8), (9, 20), (33, 16), (5, 40)])
def test_tiles_of_a_pixelwise_picture_make_the_whole(h, w):
    x = torch.randn(2, 3, h, w, generator=torch.Generator().manual_seed(0))

    def make(piece):
        assert max(piece.shape[-2:]) <= 8
        return piece.repeat_interleave(4, -1).repeat_interleave(4, -2)

    made = blend(make, x, tile=8, overlap=3, scale=4)
    whole = x.repeat_interleave(4, -1).repeat_interleave(4, -2)
    assert torch.allclose(made, whole, atol=1e-5)


def test_tiles_fade_into_each_other():
    """Each tile a constant of its own: the seam is a ramp and not a step."""
    count = iter(range(100))
    made = blend(
        lambda x: torch.full_like(x, float(next(count))), torch.zeros(1, 1, 4, 12),
        tile=8, overlap=4, scale=1,
    )  # fmt: skip
    line = made[0, 0, 0]
    assert line[:4].eq(0).all() and line[8:].eq(1).all()
    assert torch.allclose(line[4:8], torch.tensor([0.125, 0.375, 0.625, 0.875]))
