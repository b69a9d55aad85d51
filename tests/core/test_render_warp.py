"""The renderer of the built-in engine, judged by its pixels on pictures drawn here."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional

from imgsync_core.demo import demo_picture
from imgsync_core.engines.built_in.axes import Box
from imgsync_core.engines.built_in.render import COLUMNS, LIMITS, Pose, Renderer, Strength
from imgsync_core.engines.built_in.warping import Warp
from imgsync_core.face.geometry import Face

SIDE = 256


def demo_face(side: int, dx: float = 0.0, dy: float = 0.0, **changes) -> Face:
    """The face of `demo_picture(side)`, by where its drawing puts things, in parts of the side."""

    def at(*points) -> np.ndarray:
        return np.array(points) * side / 100 + np.array([dx, dy])

    given = {
        "box": (0.28 * side + dx, 0.2 * side + dy, 0.44 * side, 0.52 * side),
        "eyes": at((41.4, 44.5), (58.6, 44.5)),
        "brows": at((41.0, 36.0), (59.0, 36.0)),
        "mouth": at((42.7, 59.2), (57.3, 59.2)),
        "lip_line": at((50, 61.5))[0],
        "lip_top": at((50, 59.3))[0],
        "lip_bottom": at((50, 64.1))[0],
        "inner": 0.0,
        "chin": at((50, 70.4))[0],
        "oval": (0.5 * side + dx, 0.49 * side + dy, 0.182 * side, 0.214 * side, 0.0),
        "eye_size": (0.043 * side, 0.025 * side),
        "confidence": 1.0,
        "source": "points",
    }
    return Face(**{**given, **changes})


def track(*poses: Pose) -> np.ndarray:
    return np.stack([pose.row() for pose in poses])


EVERYTHING = Pose(0.7, 0.2, 0.3, 0.1, 0.1, 0.6, 0.8, 6.0, -4.0, 3.0, 0.05, -0.03)
MOVES = {name: Pose(**{name: float(LIMITS[i, 1])}) for i, name in enumerate(COLUMNS)}


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return demo_picture(SIDE)


@pytest.fixture(scope="module")
def renderer(picture) -> Renderer:
    return Renderer(picture, demo_face(SIDE))


def test_the_pose_of_zeros_is_the_picture(renderer, picture):
    frames = renderer.render(np.zeros((2, len(COLUMNS))))
    assert frames.shape == (2, SIDE, SIDE, 3) and frames.dtype == np.uint8
    assert (frames == picture).all()


def test_no_strength_is_the_picture(picture):
    still = Renderer(picture, demo_face(SIDE), strength=Strength(0, 0, 0, 0))
    assert (still.render(track(EVERYTHING)) == picture).all()


def test_a_pose_near_zero_is_near_the_picture(renderer, picture):
    frames = renderer.render(track(*(Pose(**{name: 1e-4}) for name in COLUMNS)))
    assert np.abs(frames.astype(int) - picture).max() <= 1


def test_no_poses_are_no_frames(renderer):
    assert renderer.render(np.zeros((0, len(COLUMNS)))).shape == (0, SIDE, SIDE, 3)


@pytest.mark.parametrize("name", COLUMNS)
def test_every_column_moves_its_pixels_and_holds_the_rest(renderer, picture, name):
    low = Pose(**{name: float(LIMITS[COLUMNS.index(name), 0])})
    for frame in renderer.render(track(MOVES[name], low if low != Pose() else MOVES[name])):
        assert (frame[~renderer.region] == picture[~renderer.region]).all()
        assert (frame != picture).any(-1).mean() > 0.002


def test_the_region_is_the_head_and_not_the_background(renderer):
    assert renderer.region[int(0.615 * SIDE), SIDE // 2]
    assert 0.1 < renderer.region.mean() < 0.75
    for corner in (renderer.region[:5], renderer.region[:, :10], renderer.region[-20:]):
        assert not corner.any()


@pytest.mark.parametrize("size", [(2, 2), (3, 40), (97, 61), (301, 200)])
@pytest.mark.parametrize("reach", [0.0, 0.1, 3.0])
def test_parts_of_a_map_show_what_all_of_it_does(size, reach):
    (w, h), rng = size, torch.Generator().manual_seed(7)
    image = torch.rand(1, 3, h, w, generator=rng) * 255
    warp = Warp(np.zeros((1, 2, 9, 7)), Box(5, 3, 5 + w, 3 + h), "cpu")
    coarse = warp.coarse + reach * (torch.rand(1, 2, 9, 7, generator=rng) - 0.5)
    full = functional.interpolate(coarse, (h, w), mode="bilinear", align_corners=True)
    for rows in map(slice, (0, 0, h // 3, h // 2, h), (0, h, h // 3 + 1, h, h)):
        torch.testing.assert_close(warp.full(coarse, rows), full[:, :, rows], atol=1e-5, rtol=0)
    grid = full.permute(0, 2, 3, 1)
    whole = functional.grid_sample(image, grid, padding_mode="border", align_corners=True)[0]
    parts = [
        (slice(top, bottom), slice(left, w - left))
        for left, (top, bottom) in enumerate(pairwise([0, h // 3, h // 2, h]))
        if bottom > top and w > 2 * left
    ]
    for (rows, columns), part in zip(parts, warp.seen(image, coarse, parts), strict=True):
        torch.testing.assert_close(part, whole[:, rows, columns], atol=0.1, rtol=0)


def test_frames_do_not_depend_on_their_neighbours(renderer):
    poses = np.random.default_rng(3).uniform(0, 1, (7, len(COLUMNS))).astype(np.float32)
    together = renderer.render(poses)
    assert (together == renderer.render(poses)).all()
    for i in (0, 3, 6):
        assert (together[i] == renderer.render(poses[i : i + 1])[0]).all()
    assert (together[::-1] == renderer.render(poses[::-1])).all()


@pytest.mark.parametrize("told", [1, 5, 20])
def test_poses_that_are_told_before_they_come_look_the_same(renderer, picture, told):
    sway = np.sin(np.arange(24)[:, None] * np.linspace(0.1, 0.9, len(COLUMNS)))
    poses = sway * LIMITS[:, 1] * 0.6
    poses[7] = poses[8] = 0
    other = Renderer(picture, demo_face(SIDE))
    for i in range(len(poses)):
        alone = other.render(poses[i : i + 1])
        assert (renderer.render(poses[i : i + 1], poses[i + 1 : i + 1 + told]) == alone).all()


def test_two_renderers_agree_and_the_picture_is_left_alone(renderer, picture):
    before = picture.copy()
    again = Renderer(picture, demo_face(SIDE)).render(track(EVERYTHING))
    assert (again == renderer.render(track(EVERYTHING))).all() and (picture == before).all()


def lips_height(frames: np.ndarray, side: int = SIDE) -> np.ndarray:
    """From the upper lip's top to the lower lip's bottom in the middle column, in pixels."""
    column = frames[:, int(0.57 * side) : int(0.75 * side), side // 2].mean(axis=2)
    dark = column < 155
    return len(column[0]) - dark[:, ::-1].argmax(axis=1) - dark.argmax(axis=1)


def test_opening_opens_more_and_more():
    side = 384
    steps = np.linspace(0.1, 1, 10)
    frames = Renderer(demo_picture(side), demo_face(side)).render(
        track(Pose(), *(Pose(open=float(o)) for o in steps))
    )
    heights = lips_height(frames, side)
    assert all(b >= a for a, b in pairwise(heights)) and heights[6] > heights[3] > heights[0]
    opened = (heights[-1] - heights[0]) / (0.172 * side)
    assert 0.14 < opened < 0.27  # of the distance between the eyes; about 16 mm


def test_close_wins_over_open(renderer):
    rest, shut, opened = lips_height(
        renderer.render(track(Pose(), Pose(open=1, close=1), Pose(open=1)))
    )
    assert shut <= rest < opened - 4


def lip_width(frame: np.ndarray) -> int:
    """Columns in which some pixel is as red as the lips."""
    rows = frame[int(0.57 * SIDE) : int(0.68 * SIDE)].astype(int)
    red = (rows[..., 0] - rows[..., 1] > 70) & (rows[..., 0] < 225) & (rows[..., 1] < 135)
    return int((red.sum(axis=0) >= 2).sum())


def test_spread_widens_and_round_narrows(renderer):
    rest, spread, rounded = map(
        lip_width, renderer.render(track(Pose(), Pose(spread=1), Pose(round=1)))
    )
    assert spread > 1.08 * rest and rounded < 0.85 * rest


def test_a_blink_hides_the_iris(renderer, picture):
    half = renderer.render(track(Pose(blink=0.5), Pose(blink=1)))
    rows, columns = (
        slice(int(0.42 * SIDE), int(0.47 * SIDE)),
        slice(int(0.38 * SIDE), int(0.45 * SIDE)),
    )

    def green(image) -> int:
        part = image[rows, columns].astype(int)
        return int((part[..., 1] > part[..., 0] + 10).sum())

    assert green(picture) > green(half[0]) > green(half[1]) == 0


def test_an_iris_without_contrast_does_not_blink(picture):
    blank = picture.copy()
    blank[int(0.40 * SIDE) : int(0.49 * SIDE), int(0.3 * SIDE) : int(0.7 * SIDE)] = 150
    assert (Renderer(blank, demo_face(SIDE)).render(track(Pose(blink=1))) == blank).all()


def centre_of_iris(frame: np.ndarray) -> np.ndarray:
    """x, y of the green pixels of the left eye."""
    part = frame[int(0.35 * SIDE) : int(0.55 * SIDE), int(0.32 * SIDE) : int(0.5 * SIDE)].astype(
        int
    )
    return np.argwhere(part[..., 1] > part[..., 0] + 20).mean(axis=0)[::-1]


def test_the_head_turns_to_the_side_it_is_told(renderer):
    poses = [Pose(), Pose(yaw=6), Pose(pitch=6), Pose(shift_x=0.1), Pose(shift_y=0.1), Pose(roll=5)]
    rest, *moved = (centre_of_iris(frame) for frame in renderer.render(track(*poses)))
    yaw, pitch, right, down, roll = (spot - rest for spot in moved)
    assert yaw[0] > 1 and abs(yaw[1]) < 0.5
    assert pitch[1] > 1 and abs(pitch[0]) < 0.5
    assert right == pytest.approx([0.1 * 0.172 * SIDE, 0], abs=0.3)
    assert down == pytest.approx([0, 0.1 * 0.172 * SIDE], abs=0.3)
    assert roll[0] > 1 and roll[1] < 0  # clockwise: the left eye goes up and to the right


def test_a_grey_picture_stays_grey(picture):
    grey = np.repeat(picture.mean(axis=2).astype(np.uint8)[..., None], 3, axis=2)
    frame = Renderer(grey, demo_face(SIDE)).render(track(EVERYTHING, *MOVES.values()))
    assert np.ptp(frame.astype(int), axis=3).max() <= 1


def test_seams_are_bounded(picture):
    """A smooth picture stays smooth, but for lips, lash lines and what is between the lips.

    The tongue's tip parts the lips, as opening does.
    """
    y, x = np.mgrid[:SIDE, :SIDE]
    smooth = np.stack([120 + x / 4, 100 + y / 4, 90 + (x + y) / 8], axis=2).astype(np.uint8)
    still = Renderer(smooth, demo_face(SIDE))
    poses = [MOVES[n] for n in COLUMNS if n not in ("open", "blink", "tongue")]
    poses += [Pose(yaw=12, pitch=12, roll=-12), Pose(brow=-1, spread=0.5, round=0.5, tuck=1)]
    frames = still.render(track(*poses)).astype(int)
    for axis in (1, 2):
        assert np.abs(np.diff(frames, axis=axis)).max() <= 6
    jaw = still.render(track(Pose(open=1))).astype(int)
    jaw[:, int(0.56 * SIDE) : int(0.66 * SIDE), int(0.4 * SIDE) : int(0.6 * SIDE)] = 0
    steps = np.abs(np.diff(jaw[0, int(0.66 * SIDE) :], axis=0))
    assert steps.max() <= 6


def test_the_cut_ends_at_the_corners(renderer):
    """Beside the mouth what is above and below the cut moves alike, so nothing tears."""
    mouth, axes = renderer.layout.mouth, renderer.layout.axes
    u = np.concatenate([np.linspace(-1.2, mouth.left[0], 30), np.linspace(mouth.right[0], 1.2, 30)])
    upper, lower = renderer.layout.fields(*axes.to_picture(u, mouth.line(u)))
    assert np.abs(upper).max() > 1 and np.abs(upper - lower).max() < 1e-6


@pytest.mark.parametrize("size", [(8, 8), (9, 300), (64, 64), (201, 133), (1, 1), (2, 2)])
@pytest.mark.parametrize("place", [(0.0, 0.0), (-60.0, 20.0), (900.0, -400.0)])
def test_any_size_and_a_face_that_is_partly_or_wholly_outside(size, place):
    noise = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    still = Renderer(noise, demo_face(160, *place))
    frames = still.render(track(EVERYTHING, *MOVES.values(), Pose()))
    assert frames.shape == (len(MOVES) + 2, *size, 3)
    assert (frames[:, ~still.region] == noise[~still.region]).all()
    assert (frames[-1] == noise).all()


@pytest.mark.parametrize("margin", [8, 0, -25])
def test_a_face_at_the_border(picture, margin):
    left, top = int(0.32 * SIDE) - margin, int(0.28 * SIDE) - margin
    cut = np.ascontiguousarray(picture[top : int(0.70 * SIDE) + margin, left:])
    still = Renderer(cut, demo_face(SIDE, -left, -top))
    frames = still.render(track(EVERYTHING, Pose(open=1), Pose(blink=1)))
    assert (frames[:, ~still.region] == cut[~still.region]).all()
    assert (frames != cut).any()


def test_a_tiny_face_and_odd_numbers():
    small = demo_picture(24)
    still = Renderer(small, demo_face(24))
    wild = np.array(
        [[np.nan, np.inf, -np.inf, 9, -9, 3, -7, 1e9, -1e9, 400, 5, -5, 99, -1e9, 7, 8]]
    )
    assert still.render(wild).shape == (1, 24, 24, 3)


def test_points_in_one_place_are_survived(picture):
    spot = np.full((2, 2), SIDE / 2)
    face = demo_face(SIDE, eyes=spot, mouth=spot, brows=spot, chin=spot[0], lip_top=spot[0])
    assert Renderer(picture, face).render(track(EVERYTHING)).shape == (1, SIDE, SIDE, 3)


def test_an_open_smile_keeps_its_own_teeth(renderer, picture):
    """The picture opened by the renderer serves as a picture of an open mouth."""
    smile = renderer.render(track(Pose(open=0.5)))[0]
    line = np.array([SIDE / 2, 0.615 * SIDE + 0.086 * 0.172 * SIDE])
    face = demo_face(SIDE, inner=0.1 * 0.172 * SIDE, lip_line=line)
    still = Renderer(smile, face)
    # further open the lower lip gets as pale as skin, so that its height cannot be told
    wide, shut = still.render(track(Pose(open=0.9), Pose(close=1)))
    teeth = slice(int(0.618 * SIDE), int(0.625 * SIDE)), slice(SIDE // 2 - 3, SIDE // 2 + 3)
    lifted = np.roll(wide, 1, axis=0)
    best = min(np.abs(w[teeth].astype(int) - smile[teeth]).mean() for w in (wide, lifted))
    assert best < 12
    was, opened, closed = lips_height(np.stack([smile, wide, shut]))
    assert closed < was - 2 < was + 4 < opened


def test_wrong_shapes_are_named(renderer, picture):
    with pytest.raises(ValueError, match=r"\(t, 16\)"):
        renderer.render(np.zeros((3, 5)))
    with pytest.raises(ValueError, match="uint8"):
        Renderer(picture.astype(np.float32), demo_face(SIDE))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_draws_the_same(renderer, picture):
    poses = track(EVERYTHING, *MOVES.values())
    there = Renderer(picture, demo_face(SIDE), device="cuda").render(poses)
    assert np.abs(there.astype(int) - renderer.render(poses)).max() <= 1
