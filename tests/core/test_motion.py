"""Camera moves: where the views are, that they glide, and what they show, against Pillow."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgsync_core.errors import PictureError
from imgsync_core.media import motion
from imgsync_core.media.frames import StillFrames
from imgsync_core.media.motion import MOVES, WHOLE, ease, parse_rect
from imgsync_core.media.picture import Picture

WIDTH, HEIGHT = 160, 120


def noise(channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, channels), np.uint8)


def picture_of(pixels: np.ndarray) -> Picture:
    return Picture(pixels[..., :3], pixels[..., 3] if pixels.shape[-1] == 4 else None)


def PanZoom(picture: Picture, *how, **options) -> motion.PanZoom:
    """Over one picture."""
    return motion.PanZoom(StillFrames(picture), *how, **options)


def blob(x: float, y: float, sigma: float = 6) -> Picture:
    """A soft white spot whose centre is at (x, y); the middle of the first pixel is (0.5, 0.5)."""
    row, column = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    light = 255 * np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * sigma**2))
    return Picture(np.repeat(np.round(light)[..., None], 3, 2).astype(np.uint8))


def centres(frames: np.ndarray) -> np.ndarray:
    """Where the light of each frame has its centre: (t, 2), x and y."""
    light = frames[..., 0].astype(float)
    row, column = np.mgrid[: light.shape[1], : light.shape[2]] + 0.5
    total = light.sum((1, 2))
    return np.stack([(light * column).sum((1, 2)), (light * row).sum((1, 2))], 1) / total[:, None]


def boxes_of(move: str, n: int = 50, **options) -> np.ndarray:
    start, end = MOVES[move]
    return PanZoom(Picture(noise()), n, start, end, **options).boxes(0, n)


def in_pixels(rect) -> np.ndarray:
    x, y, w, h = rect
    return np.array([x * WIDTH, y * HEIGHT, (x + w) * WIDTH, (y + h) * HEIGHT])


rects = st.tuples(*[st.floats(0, 1)] * 4).map(
    lambda r: (
        r[0] * 0.9,
        r[1] * 0.9,
        max(0.02, r[2] * (1 - r[0] * 0.9)),
        max(0.02, r[3] * (1 - r[1] * 0.9)),
    )
)


# -- where the views are --


@pytest.mark.parametrize("move", sorted(MOVES))
@pytest.mark.parametrize("eased", [True, False])
def test_moves_start_and_end_at_their_rectangles(move, eased):
    boxes = boxes_of(move, eased=eased)
    assert np.allclose(boxes[0], in_pixels(MOVES[move][0]))
    assert np.allclose(boxes[-1], in_pixels(MOVES[move][1]))


@pytest.mark.parametrize("move", sorted(MOVES))
@pytest.mark.parametrize("channels", [3, 4])
def test_first_and_last_frame_against_pillow(move, channels):
    pixels = noise(channels)
    start, end = MOVES[move]
    source = PanZoom(picture_of(pixels), 9, start, end, size=(80, 60))
    image = Image.fromarray(pixels)
    image = image.convert("RGBa") if channels == 4 else image
    for i, rect in ((0, start), (8, end)):
        box = tuple(np.clip(in_pixels(rect), 0, [WIDTH, HEIGHT, WIDTH, HEIGHT]))
        expected = image.resize((80, 60), Image.Resampling.BICUBIC, box=box)
        expected = np.asarray(expected.convert("RGBA") if channels == 4 else expected)
        got = source.read(i, i + 1)[0]
        assert np.abs(got.astype(int) - expected).max() <= 1


def test_the_whole_picture_at_its_own_size_is_the_picture():
    pixels = noise()
    source = PanZoom(Picture(pixels), 10, *MOVES["zoom in"])
    assert np.array_equal(source.read(0, 1)[0], pixels)
    source = PanZoom(Picture(pixels), 10, *MOVES["zoom out"])
    assert np.array_equal(source.read(9, 10)[0], pixels)


@pytest.mark.parametrize(
    ("move", "axis", "sign"),
    [("pan left", 0, -1), ("pan right", 0, 1), ("pan up", 1, -1), ("pan down", 1, 1)],
)
def test_pans_move_the_view_the_way_they_are_called(move, axis, sign):
    boxes = boxes_of(move)
    assert (np.diff(boxes[:, axis]) * sign > 0).all()
    assert np.allclose(np.diff(boxes[:, 1 - axis]), 0)
    sizes = boxes[:, 2:] - boxes[:, :2]
    assert np.allclose(sizes, [0.8 * WIDTH, 0.8 * HEIGHT])


@given(rects, rects, st.integers(1, 40), st.booleans())
def test_views_stay_in_the_picture_and_keep_its_shape(start, end, n, eased):
    boxes = PanZoom(Picture(noise()), n, start, end, eased=eased).boxes(0, n)
    assert boxes.shape == (n, 4)
    assert (boxes >= 0).all() and (boxes <= [WIDTH, HEIGHT, WIDTH, HEIGHT]).all()
    w, h = (boxes[:, 2:] - boxes[:, :2]).T
    assert np.allclose(w * HEIGHT, h * WIDTH, rtol=1e-6)


@given(rects)
def test_a_rectangle_grows_to_the_smallest_view_of_the_right_shape(rect):
    left, top, right, bottom = PanZoom(Picture(noise()), 1, rect, rect).boxes(0, 1)[0]
    wanted = in_pixels(rect)
    assert left <= wanted[0] + 1e-6 and top <= wanted[1] + 1e-6
    assert right >= wanted[2] - 1e-6 and bottom >= wanted[3] - 1e-6
    # smallest: it touches the wanted rectangle on both sides of one axis
    touches = np.isclose([left, top, right, bottom], wanted, atol=1e-6)
    assert (touches[0] and touches[2]) or (touches[1] and touches[3])
    # and lies around its middle, unless an edge of the picture is in the way
    for low, high, a, b, limit in (
        (left, right, wanted[0], wanted[2], WIDTH),
        (top, bottom, wanted[1], wanted[3], HEIGHT),
    ):
        at_an_edge = np.isclose(low, 0) or np.isclose(high, limit)
        assert at_an_edge or np.isclose(low + high, a + b, atol=1e-6)


def test_a_tall_rectangle_grows_sideways():
    box = PanZoom(Picture(noise()), 1, (0.4, 0.2, 0.1, 0.5), WHOLE).boxes(0, 1)[0]
    assert np.allclose(box, in_pixels((0.2, 0.2, 0.5, 0.5)))
    box = PanZoom(Picture(noise()), 1, (0.9, 0.2, 0.1, 0.5), WHOLE).boxes(0, 1)[0]
    assert np.allclose(box, in_pixels((0.5, 0.2, 0.5, 0.5)))  # not over the right edge


# -- how they get from one to the other --


def test_easing_against_the_integral_of_its_speed():
    """Smoothstep is the integral of 6x(1 - x): no speed at the ends, most in the middle."""
    x = np.linspace(0, 1, 2001)
    speed = 6 * x * (1 - x)
    travelled = np.concatenate([[0], np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(x))])
    assert np.allclose(ease(x), travelled, atol=1e-6)


@pytest.mark.parametrize("move", sorted(MOVES))
def test_eased_moves_start_and_end_with_almost_no_speed(move):
    boxes = boxes_of(move, 200)
    speed = np.abs(np.diff(boxes, axis=0)).max(1)
    assert speed[0] < 0.03 * speed.max() and speed[-1] < 0.03 * speed.max()
    assert speed.argmax() in range(70, 130)
    assert np.abs(np.diff(speed)).max() < 0.05 * speed.max()  # no jerk
    even = np.abs(np.diff(boxes_of(move, 200, eased=False), axis=0)).max(1)
    assert even[0] > 0.7 * even.max() and even[-1] > 0.7 * even.max()


@pytest.mark.parametrize("move", ["zoom in", "zoom out", "drift"])
def test_zoom_is_even_in_magnification(move):
    boxes = boxes_of(move, eased=False)
    width = boxes[:, 2] - boxes[:, 0]
    ratios = width[1:] / width[:-1]
    assert np.allclose(ratios, ratios[0], rtol=1e-9)
    assert not np.isclose(ratios[0], 1)


@given(rects, rects, st.booleans())
def test_a_point_at_one_place_in_both_views_stays_there(start, end, eased):
    boxes = PanZoom(Picture(noise()), 20, start, end, eased=eased).boxes(0, 20)
    width, first = boxes[:, 2] - boxes[:, 0], boxes[:, 0]
    if abs(width[0] - width[-1]) < 1:
        return
    # first + s * width is the same at both ends for one s; and so it is between
    s = (first[-1] - first[0]) / (width[0] - width[-1])
    assert np.allclose(first + s * width, first[0] + s * width[0], atol=1e-4 * (1 + abs(s)))


@pytest.mark.parametrize("move", sorted(MOVES))
@pytest.mark.parametrize("eased", [True, False])
def test_picture_glides_below_a_pixel_without_stairs(move, eased):
    """The centre of a spot, measured in the frames, is where the view says, to 1/50 pixel."""
    n, (x, y) = 120, (85.3, 57.7)
    start, end = MOVES[move]
    source = PanZoom(blob(x, y), n, start, end, eased=eased)
    boxes = source.boxes(0, n)
    size = boxes[:, 2:] - boxes[:, :2]
    expected = (np.array([x, y]) - boxes[:, :2]) / size * [WIDTH, HEIGHT]
    got = centres(source.read(0, n))
    assert np.abs(got - expected).max() < 0.02
    # and so every step is as long as it has to be: none of 0 followed by one of a whole pixel
    assert np.abs(np.diff(got, axis=0) - np.diff(expected, axis=0)).max() < 0.02


def test_a_very_slow_pan_moves_in_every_frame():
    """Three pixels in 300 frames: a hundredth of a pixel each, and never back."""
    share = 0.8
    shift = 3 * share / WIDTH
    start, end = (0.1, 0.1, share, share), (0.1 + shift, 0.1, share, share)
    got = centres(PanZoom(blob(80, 60, 8), 301, start, end, eased=False).read(0, 301))[:, 0]
    steps = np.diff(got)
    assert got[0] - got[-1] == pytest.approx(3, abs=0.01)
    assert steps.mean() == pytest.approx(-0.01, abs=1e-4)
    assert steps.max() < 0 and steps.min() > -0.05


@pytest.mark.parametrize("nearly", [0.1 + 0.2, 0.3 + 1e-13, 0.3 + 1e-9, 0.3 - 1e-12])
def test_a_pan_between_views_of_nearly_one_size_is_a_pan(nearly):
    """0.1 + 0.2 is not 0.3 for a computer: no excuse for a jump."""
    move = (0.0, 0.2, 0.3, 0.3), (0.6, 0.2, nearly, nearly)
    boxes = PanZoom(Picture(noise()), 61, *move, eased=False).boxes(0, 61)
    assert np.allclose(boxes[:, 0], np.linspace(0, 0.6 * WIDTH, 61), atol=0.01)


# -- as a source of frames --


def test_frames_are_the_same_in_any_order():
    source = PanZoom(Picture(noise()), 12, *MOVES["drift"], size=(40, 30))
    frames = source.read(0, 12)
    assert frames.shape == (12, 30, 40, 3) and frames.dtype == np.uint8
    for start, stop in ((8, 12), (3, 4), (0, 5), (11, 40)):
        assert np.array_equal(source.read(start, stop), frames[start : min(stop, 12)])
    assert source.period is None and source.fps == Fraction(25) and source.channels == 3


def test_a_view_that_does_not_move_is_one_frame():
    rect = (0.25, 0.25, 0.5, 0.5)
    source = PanZoom(Picture(noise()), 1000, rect, rect)
    frames = source.read(0, 1000)
    assert source.period == 1 and source.lead == 0
    assert len(frames) == 1000 and frames.strides[0] == 0


def test_one_frame_shows_the_start():
    boxes = PanZoom(Picture(noise()), 1, *MOVES["zoom out"]).boxes(0, 1)
    assert np.allclose(boxes[0], in_pixels(MOVES["zoom out"][0]))


def test_colour_under_transparent_pixels_does_not_bleed():
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[:, :80] = (255, 0, 0, 0)
    pixels[:, 80:] = (0, 0, 255, 255)
    frames = PanZoom(picture_of(pixels), 10, *MOVES["drift"], size=(70, 50)).read(0, 10)
    assert frames.shape[-1] == 4
    assert frames[frames[..., 3] > 8][:, 0].max() == 0


# -- what is refused --


@pytest.mark.parametrize(
    "rect",
    [
        (-0.1, 0, 0.5, 0.5),
        (0, -0.1, 0.5, 0.5),
        (0.6, 0, 0.5, 0.5),
        (0, 0.6, 0.5, 0.5),
        (0, 0, 0, 0.5),
        (0, 0, 0.5, -0.5),
        (0, 0, 1.2, 1.2),
        (0, 0, float("nan"), 0.5),
        (float("nan"), 0, 0.5, 0.5),
        (0, 0, float("inf"), 0.5),
    ],
)
def test_rectangles_outside_the_picture_are_refused(rect):
    for start, end in ((rect, WHOLE), (WHOLE, rect)):
        with pytest.raises(PictureError, match=r"is not inside the picture\. Give x, y"):
            PanZoom(Picture(noise()), 10, start, end)


def test_rectangles_as_text():
    assert parse_rect("0.1,0.2, 0.5 ,0.25") == (0.1, 0.2, 0.5, 0.25)
    for text in ("", "zoom in", "1,2,3", "0,0,1,1,1", "a,b,c,d"):
        with pytest.raises(PictureError, match="is not x, y, width, height"):
            parse_rect(text)
