"""Fitting to a size, against Pillow's ImageOps and the geometry of the request."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from imgsync_core.errors import PictureError
from imgsync_core.media.fit import MODES, Fit
from imgsync_core.media.opening import MAX_PIXELS

LANCZOS = Image.Resampling.LANCZOS
sides = st.integers(1, 150)
asked = st.just(0) | st.integers(1, 150)
multiples = st.sampled_from([1, 2, 8, 16, 64])


@st.composite
def fits(draw):
    background = draw(st.sampled_from([(0, 0, 0), (10, 200, 30), "blur"]))
    return Fit(draw(st.sampled_from(MODES)), draw(asked), draw(asked), draw(multiples), background)


def noise(width: int, height: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


def smooth(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    parts = [x * 255 / width, y * 255 / height, 128 + 100 * np.sin(x / 9 + y / 7)]
    return np.stack(parts, 2).astype(np.uint8)


def far(a, b) -> int:
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def seen(frame: np.ndarray) -> np.ndarray:
    """What is seen of a frame: colours under transparent pixels do not count."""
    if frame.shape[-1] == 3:
        return frame
    alpha = frame[..., 3:].astype(float)
    return np.concatenate([np.round(frame[..., :3] * alpha / 255), alpha], 2)


# -- sizes --


@given(fits(), sides, sides, st.sampled_from([3, 4]))
def test_frame_has_the_size_that_was_announced(fit, width, height, channels):
    out = fit.apply(noise(width, height, channels))
    assert out.shape == (*fit.size(width, height)[::-1], channels)
    assert out.dtype == np.uint8


@given(fits(), sides, sides)
def test_size_is_a_multiple_and_near_to_what_was_asked_for(fit, width, height):
    w, h = fit.size(width, height)
    m = fit.multiple_of
    assert w % m == h % m == 0 and w >= m and h >= m
    exact = {
        (True, True): (fit.width, fit.height),
        (True, False): (fit.width, height * fit.width / width),
        (False, True): (width * fit.height / height, fit.height),
        (False, False): (width, height),
    }[fit.width > 0, fit.height > 0]
    if fit.mode == "keep":
        scale = min(exact[0] / width, exact[1] / height)
        exact = width * scale, height * scale
    for got, wanted in zip((w, h), exact, strict=True):
        if fit.mode == "pad":  # filled up: never smaller
            assert wanted - 0.51 <= got < wanted + m + 0.51
        else:  # cut off: never larger, but for the smallest multiple
            assert wanted - m - 0.51 < got <= max(wanted + 0.51, m)


@given(sides, sides, asked, asked)
def test_keep_keeps_the_shape_inside_the_size(width, height, w, h):
    got_w, got_h = Fit("keep", w, h).size(width, height)
    if w and h:
        assert got_w <= w and got_h <= h
        assert got_w == w or got_h == h
    # the other side is the nearest whole pixel to the right shape
    assert abs(got_w * height - got_h * width) <= max(width, height) * 0.5 + max(w, h, 1) or 1 in (
        got_w,
        got_h,
    )


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        (Fit(), (641, 479)),
        (Fit(multiple_of=2), (640, 478)),
        (Fit("pad", multiple_of=2), (642, 480)),
        (Fit(multiple_of=8), (640, 472)),
        (Fit("pad", multiple_of=16), (656, 480)),
        (Fit(multiple_of=64), (640, 448)),
        (Fit("crop", 512, 512), (512, 512)),
        (Fit("pad", 500, 500, 64), (512, 512)),
        (Fit("stretch", 500, 500, 64), (448, 448)),
        (Fit("crop", 10, 10, 16), (16, 16)),
        (Fit("keep", 320), (320, 239)),
        (Fit("keep", 0, 240), (321, 240)),
        (Fit("keep", 320, 320), (320, 239)),
        (Fit("crop", 320, 0), (320, 239)),
    ],
)
def test_sizes_worked_out_by_hand(fit, expected):
    assert fit.size(641, 479) == expected
    assert fit.apply(noise(641, 479)).shape == (*expected[::-1], 3)


# -- pixels --


def test_nothing_to_do_hands_the_frame_on():
    frame = noise(64, 48)
    for fit in (Fit(), Fit("crop", 64, 48), Fit("pad", 64, 48, 16), Fit("stretch", 64, 0)):
        assert fit.apply(frame) is frame
    assert Fit().is_identity
    assert not any(f.is_identity for f in (Fit(width=1), Fit(height=1), Fit(multiple_of=2)))


@pytest.mark.parametrize("size", [(30, 24), (101, 30), (30, 100), (201, 160), (18, 92)])
def test_modes_against_pillow(size):
    frame = smooth(120, 80)
    image = Image.fromarray(frame)
    assert far(Fit("stretch", *size).apply(frame), image.resize(size, LANCZOS)) == 0
    assert far(Fit("crop", *size).apply(frame), ImageOps.fit(image, size, LANCZOS)) <= 1
    kept = Fit("keep", *size).apply(frame)
    assert kept.shape[1::-1] == ImageOps.contain(image, size).size
    assert far(kept, ImageOps.fit(image, kept.shape[1::-1], LANCZOS)) <= 1
    padded = ImageOps.pad(image, size, LANCZOS, color=(9, 99, 199))
    assert far(Fit("pad", *size, 1, (9, 99, 199)).apply(frame), padded) <= 1


@pytest.mark.parametrize("channels", [3, 4])
def test_multiple_alone_cuts_or_fills_the_edges_and_touches_no_pixel(channels):
    frame = noise(70, 53, channels)
    cut = Fit("crop", multiple_of=16).apply(frame)
    assert cut.shape == (48, 64, channels)
    assert far(seen(cut), seen(frame[2:50, 3:67])) <= (channels == 4)
    assert np.array_equal(Fit("keep", multiple_of=16).apply(frame), cut)
    frame[..., 3:] = 255
    filled = Fit("pad", multiple_of=16, background=(1, 2, 3)).apply(frame)
    assert filled.shape == (64, 80, channels)
    assert np.array_equal(filled[5:58, 5:75], frame)
    border = np.ones((64, 80), bool)
    border[5:58, 5:75] = False
    assert (filled[border] == [1, 2, 3, 255][:channels]).all()


def test_cut_is_even_on_both_sides():
    frame = np.full((40, 100, 3), 80, np.uint8)
    frame[:, :50] = 200  # the seam stays in the middle
    out = Fit("crop", 20, 40).apply(frame)
    assert (out[:, :10] == 200).all() and (out[:, 10:] == 80).all()
    small = Fit("crop", 20, 20).apply(frame)[..., 0].astype(int)
    assert far(small + small[:, ::-1], np.full((20, 20), 280)) <= 1


def test_stretch_ignores_the_shape():
    out = Fit("stretch", 50, 90).apply(smooth(120, 80))
    assert abs(int(out[0, -1, 0]) - 253) <= 3 and out[0, 0, 0] <= 3
    assert abs(int(out[-1, 0, 1]) - 252) <= 3


@pytest.mark.parametrize("mode", ["keep", "crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(20, 20), (37, 23), (300, 310)])
@pytest.mark.parametrize("background", [(0, 0, 255), "blur"])
def test_colour_under_transparent_pixels_does_not_bleed(mode, size, background):
    frame = np.zeros((64, 64, 4), np.uint8)
    frame[:, :32] = (255, 0, 0, 0)  # red that nobody may see
    frame[:, 32:] = (0, 0, 255, 255)
    out = Fit(mode, *size, 1, background).apply(frame).astype(int)
    assert out[out[..., 3] > 8][:, 0].max() == 0
    assert out[out[..., 3] > 32][:, 2].min() > 235  # nor does the black of nothing
    assert (out[..., 3].min(), out[..., 3].max()) == (0, 255)
    # plain resampling of the channels would show red
    plain = np.asarray(Image.merge("RGB", Image.fromarray(frame).split()[:3]).resize(size, LANCZOS))
    assert plain[:, size[0] // 2 - 1 : size[0] // 2 + 1, 0].max() > 0


def test_resampling_with_alpha_against_the_formula():
    """Means of 4x4 blocks weighted by alpha, for a frame that is flat within each block."""
    rng = np.random.default_rng(0)
    color = rng.integers(0, 256, (6, 8, 3)).astype(float)
    alpha = rng.integers(60, 256, (6, 8, 1)).astype(float)
    blocks = np.concatenate([color, alpha], 2).astype(np.uint8)
    frame = blocks.repeat(60, 0).repeat(60, 1)
    out = Fit("stretch", 8 * 20, 6 * 20).apply(frame)
    middles = out[10::20, 10::20]
    assert far(middles, blocks) <= 3


# -- background --


def test_blurred_background_of_a_flat_picture_is_that_colour():
    out = Fit("pad", 200, 100, background="blur").apply(
        np.full((50, 50, 3), (40, 90, 200), np.uint8)
    )
    assert far(out, np.broadcast_to((40, 90, 200), (100, 200, 3))) <= 1


@pytest.mark.parametrize("size", [(300, 100), (100, 300)])
def test_blurred_background_is_smooth_and_the_picture_stands_in_the_middle(size):
    frame = noise(100, 100)
    out = Fit("pad", *size, background="blur").apply(frame)
    wide = out if size[0] == 300 else out.swapaxes(0, 1)
    inner = frame if size[0] == 300 else frame.swapaxes(0, 1)
    assert np.array_equal(wide[:, 100:200], inner)
    for side in (wide[:, :100], wide[:, 200:]):
        steps = np.abs(np.diff(side.astype(int), axis=1))
        assert steps.max() <= 8  # white noise steps by 85 on average
        assert abs(side.mean() - 127.5) < 12


def test_blurred_background_follows_the_picture():
    frame = np.zeros((100, 100, 3), np.uint8)
    frame[:50, :, 0] = 240
    frame[50:, :, 2] = 240
    out = Fit("pad", 300, 100, background="blur").apply(frame)
    # the picture fills 300x300 there, of which the middle third is seen: red above, blue below
    assert out[0, 0, 0] > 130 > out[0, 0, 2]
    assert out[-1, 0, 2] > 130 > out[-1, 0, 0]


@pytest.mark.parametrize("mode", MODES)
def test_one_pixel_becomes_a_flat_picture(mode):
    frame = np.array([[[7, 77, 177]]], np.uint8)
    out = Fit(mode, 64, 64, background="blur").apply(frame)
    assert far(out, np.broadcast_to((7, 77, 177), (64, 64, 3))) <= 1


# -- what is refused --


@pytest.mark.parametrize("width", [(16384, 16384), (MAX_PIXELS, 2)])
@pytest.mark.parametrize("mode", ["crop", "pad", "stretch"])
def test_sizes_above_the_limit_are_refused_before_they_are_made(mode, width):
    with pytest.raises(PictureError, match=r"are more than 120,000,000\. Ask for less\."):
        Fit(mode, *width).apply(noise(4, 4))


@pytest.mark.parametrize(
    "options",
    [{"mode": "zoom"}, {"width": -1}, {"height": -8}, {"multiple_of": 0}, {"multiple_of": -2}],
)
def test_options_without_sense_are_refused(options):
    with pytest.raises(PictureError):
        Fit(**options)
