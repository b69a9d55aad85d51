"""Upright boxes to squares and back, masks for each frame, and our geometry of a face."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from imgsync_core.engines.musetalk import place, published
from imgsync_core.engines.musetalk.spec import VERSIONS
from imgsync_core.engines.runtime import boxes
from imgsync_core.engines.runtime.crop import inverse, pixel_values, warp
from imgsync_core.face import masks
from imgsync_core.face.geometry import average
from imgsync_core.face.outline import cells, extent, five_points, nose, skin

RAMP = np.add.outer(np.arange(90) * 1.1, np.arange(120) * 0.9)[..., None].repeat(3, 2) + 10


def face_at(x=60.0, y=40.0, iod=24.0, roll=0.0):
    way = np.array([math.cos(roll), math.sin(roll)]) * iod / 2
    return average(np.array([(x, y), (x, y)]) + np.outer([-1, 1], way), "points", 1.0)


def points(**words) -> torch.Tensor:
    return torch.from_numpy(five_points(face_at(**words)))


# -- squares --


@pytest.mark.parametrize(
    "box", [(20, 10, 84, 74), (20.3, 10.6, 84.1, 80.2), (5.5, 3.25, 115.5, 88)],
    ids=["whole", "between", "shrunk"],
)  # fmt: skip
def test_a_slope_stays_a_slope(box):
    """At any fraction of a pixel: what is linear comes out as it is at each cell's middle."""
    frame = np.rint(RAMP).astype(np.uint8)[None]
    corners = torch.tensor(box).view(1, 2, 2)
    made = boxes.squares(frame, corners, 32)[0, 0].numpy()
    x, y = cells(corners[0].double(), 32).unbind(-1)
    wanted = 10 + 1.1 * (y - 0.5) + 0.9 * (x - 0.5)
    assert np.abs(made[2:-2, 2:-2] - wanted.numpy()[2:-2, 2:-2]).max() <= 1.01  # rounded twice


def test_shrinking_is_pillow_s():
    """With the same kernel, where the box begins and ends at pixels."""
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (1, 96, 128, 3), np.uint8)
    made = boxes.squares(frame, torch.tensor([[[0.0, 0], [128, 96]]]), 32)[0]
    wanted = np.asarray(Image.fromarray(frame[0]).resize((32, 32), Image.Resampling.BICUBIC))
    inside = np.abs(made.permute(1, 2, 0).numpy().astype(int) - wanted)[3:-3, 3:-3]
    assert inside.max() <= 1  # Pillow leaves out what is outside, ours goes on with the edge


def test_outside_the_edge_goes_on():
    frame = np.full((1, 20, 20, 3), 90, np.uint8)
    frame[:, :, 0] = 200
    made = boxes.squares(frame, torch.tensor([[[-10.0, 0], [10, 20]]]), 20)[0, 0]
    assert (made[:, :8] == 200).all() and (made[:, 13:] == 90).all()


def test_a_box_that_creeps_moves_the_picture_as_slowly():
    """A hundredth of a pixel further changes hardly anything: nothing trembles."""
    frame = ndimage.gaussian_filter(np.random.default_rng(0).normal(128, 400, (90, 120)), 2)
    frame = frame.clip(0, 255).astype(np.uint8)[None, ..., None].repeat(3, -1)
    base = torch.tensor([[[20.0, 10.0], [84.0, 74.0]]])
    first, second = (boxes.squares(frame, base + d, 64).int() for d in (0.4, 0.41))
    assert (first - second).abs().max() <= 1


def test_matrices_are_where_the_squares_are_cut():
    box = torch.tensor([[[20.3, 10.6], [84.1, 80.2]]])
    frame = ndimage.gaussian_filter(RAMP + 20 * np.sin(RAMP / 9), 1).clip(0, 255).astype(np.uint8)
    square = boxes.squares(frame[None], box, 64)
    back = warp(square.double(), inverse(boxes.matrices(box, 64)), (120, 90))[0].permute(1, 2, 0)
    gap = np.abs(back.numpy() - frame)[14:77, 24:81]
    assert gap.max() < 3


# -- paste --


@pytest.mark.parametrize("offset", [0.0, 0.08], ids=["same", "lighter"])
def test_what_is_drawn_alike_is_pasted_unseen(offset):
    """The identity in place of the network; a difference of colour is taken back at the rim."""
    rng = np.random.default_rng(1)
    frame = ndimage.gaussian_filter(rng.normal(120, 300, (2, 200, 220, 3)), (0, 4, 4, 0))
    frame = frame.clip(30, 220).astype(np.uint8)
    faces = torch.stack([points(x=110, y=80, iod=50), points(x=108.3, y=81, iod=50, roll=0.2)])
    spots = place.spots(faces, shift=0, margin=0.04).float()
    crops = boxes.squares(frame, spots, 256)
    paste = boxes.BoxPaste(lambda s: place.kept(s, 256, jaw=True), 256, 8)
    out = paste(frame, (pixel_values(crops) + offset).clamp(-1, 1), crops, spots)
    gap = np.abs(out.astype(int) - frame)
    assert gap.max() <= 4 + 10 * (offset > 0) and gap.mean() < 0.3
    for i, spot in enumerate(spots):
        (left, top), (right, bottom) = spot[:2].tolist()
        touched = gap[i].any(-1)
        assert not touched[: int((top + bottom) / 2) - 12].any(), "the upper half stays"
        assert not touched[:, : int(left)].any() and not touched[:, int(right) + 1 :].any()
        assert not touched[int(bottom) + 1 :].any()


def test_each_frame_has_its_own_mask():
    frame = np.full((2, 200, 220, 3), 100, np.uint8)
    faces = torch.stack([points(x=110, y=80, iod=50), points(x=110, y=80, iod=50, roll=0.4)])
    spots = place.spots(faces, shift=0, margin=0.04).float()
    crops = boxes.squares(frame, spots, 64)
    paste = boxes.BoxPaste(lambda s: place.kept(s, 64, jaw=True), 64, 2)
    rng = torch.Generator().manual_seed(0)
    drawn = torch.rand(2, 3, 64, 64, generator=rng) * 2 - 1
    both = paste(frame, drawn, crops, spots)
    for i in range(2):
        alone = paste(frame[i : i + 1], drawn[i : i + 1], crops[i : i + 1], spots[i : i + 1])
        assert np.abs(alone[0].astype(int) - both[i]).max() <= 1


# -- geometry --


@pytest.mark.parametrize("roll", [0.0, 0.3, -0.5])
def test_the_four_numbers_are_the_extremes_of_the_oval(roll):
    face = face_at(roll=roll)
    x, y, a, b, r = face.oval
    t = np.linspace(0, 2 * math.pi, 20001)
    outline = np.stack([a * np.cos(t), b * np.sin(t)])
    turned = np.array([[math.cos(r), -math.sin(r)], [math.sin(r), math.cos(r)]]) @ outline
    left, right, low, bridge = (float(v) for v in extent(points(roll=roll)[None], 0.0))
    assert (left, right) == pytest.approx((x + turned[0].min(), x + turned[0].max()), abs=1e-3)
    assert low == pytest.approx(y + turned[1].max(), abs=1e-3)
    assert face.eyes[:, 1].mean() < bridge < face.lip_top[1]
    (moved,) = extent(points(roll=roll)[None], 0.1)[3]
    assert float(moved) - bridge == pytest.approx(2.4)  # a tenth of 24 px


def test_the_box_is_about_the_oval_s():
    """With the average face: the bridge in the middle, the chin below, and a margin."""
    face = face_at()
    (spot,) = place.spots(points()[None], shift=0.0, margin=0.04)
    (left, top), (right, bottom) = spot[:2].tolist()
    x, y, a, b, _ = face.oval
    assert (left, right) == pytest.approx((x - a, x + a))
    height = 2 * (y + b - (face.eyes[0, 1] + 0.375 * (face.lip_top[1] - face.eyes[0, 1])))
    assert bottom - top == pytest.approx(1.04 * height)
    assert top == pytest.approx(y - b, abs=0.05 * height)


@pytest.mark.parametrize("jaw", [True, False])
@pytest.mark.parametrize("roll", [0.0, 0.3])
def test_lips_are_drawn_and_eyes_nose_and_background_are_not(jaw, roll):
    face = face_at(iod=40, roll=roll)
    (spot,) = place.spots(points(iod=40, roll=roll)[None], shift=0.0, margin=0.04)
    mask, side = place.kept(spot.float(), 256, jaw=jaw), 256
    (left, top), (right, bottom) = spot[:2].tolist()

    def at(point) -> float:
        x = int((point[0] - left) / (right - left) * side)
        y = int((point[1] - top) / (bottom - top) * side)
        return float(mask[y, x])

    for drawn in (face.lip_top, face.lip_bottom, face.lip_line, *face.mouth):
        assert at(drawn) == 0
    tip = face.eyes.mean(0) + 0.6 * (face.lip_top - face.eyes.mean(0))
    for kept in (*face.eyes, tip):
        assert at(kept) == 1
    assert mask[: side // 2].all() and mask[-4:, [0, -1]].all()


def test_the_published_mask_covers_about_the_same():
    """Through labels of 512 px, grown and cut back: the same region within some px."""
    version = VERSIONS["1.5"]
    spot = place.spots(points(x=300, y=250, iod=120)[None], shift=0, margin=0.04)[0].round()
    ours = 1 - place.kept(spot.float(), 256, jaw=True)
    box = boxes.whole(spot[:2])
    left, top, right, _ = published.square_of(box)
    theirs = published.labels(spot.float(), version)
    at = cells(spot[:2].double(), 256)
    index = ((at - at.new_tensor([left, top])) / (right - left) * 512).long()
    theirs = theirs[index[..., 1], index[..., 0]].float()
    theirs[:128] = 0
    shared = (ours * theirs).sum() / torch.maximum(ours, theirs).sum()
    assert shared > 0.85


def test_a_mask_s_growth_is_a_maximum_over_the_kernel():
    """As scipy has it, whose kernels are mirrored."""
    rng = np.random.default_rng(0)
    mask = ndimage.gaussian_filter(rng.normal(size=(60, 50)), 3) > 0.1
    for kernel in masks.kernels():
        wanted = ndimage.binary_dilation(mask, kernel.numpy().astype(bool)[::-1, ::-1])
        assert np.array_equal(masks.touched(torch.from_numpy(mask), kernel).numpy(), wanted)


def test_skin_and_nose_turn_with_the_face():
    at = cells(torch.tensor([[0.0, 0.0], [120.0, 120.0]]).double(), 120)
    upright, turned = points(), points(roll=math.pi / 2)
    for part in (skin, nose):
        straight, leaning = part(upright, at), part(turned, at)
        assert straight.sum() > 50
        assert abs(int(straight.sum()) - int(leaning.sum())) < 0.05 * int(straight.sum())
