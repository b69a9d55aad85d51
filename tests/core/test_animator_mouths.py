"""The mouth that is drawn suits the one in the picture: how sharp, and where its lips part."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from imgsync_core.demo import demo_picture
from imgsync_core.engines.built_in.render import Pose, Renderer
from imgsync_core.engines.built_in.sharpness import blur
from imgsync_core.engines.built_in.warping import blurred

from .test_render_warp import demo_face, track

SIDE = 256


def soft_demo(sigma: float) -> np.ndarray:
    """The demo's portrait blurred by so many px."""
    picture = demo_picture(SIDE)
    return ndimage.gaussian_filter(picture, (sigma, sigma, 0)) if sigma else picture


def steepest(frame: np.ndarray) -> float:
    """The steepest step of light around the mouth, in levels per px."""
    light = frame[int(0.5 * SIDE) : int(0.75 * SIDE), int(0.3 * SIDE) : int(0.7 * SIDE)].mean(-1)
    return float(np.hypot(*np.gradient(light)).max())


@pytest.mark.parametrize("sigma", [2.0, 2.5])
def test_in_a_blurred_face_the_mouth_is_as_blurred(sigma):
    """A black slit of a step of 130 levels, blurred by s, climbs by 130 / (s sqrt(2 pi)) a px."""
    picture = soft_demo(sigma)
    frame = Renderer(picture, demo_face(SIDE)).render(track(Pose(open=0.9)))[0]
    assert np.abs(frame.astype(int) - picture).max() > 50  # it is open
    assert steepest(frame) < 1.3 * 130 / (sigma * np.sqrt(2 * np.pi))


def test_a_frame_of_a_blurred_face_is_the_same_among_others():
    poses = track(Pose(), Pose(open=0.9), Pose(open=0.2, yaw=5.0), Pose(close=1.0))
    still = Renderer(soft_demo(2.0), demo_face(SIDE))
    alone = np.concatenate([still.render(pose[None]) for pose in poses])
    assert (still.render(poses) == alone).all()


@pytest.mark.parametrize("sigma", [1.5, 2.0, 2.5])
def test_the_blur_of_a_face_is_measured(sigma):
    face = demo_face(SIDE)
    assert blur(demo_picture(SIDE), face) == 0
    assert blur(soft_demo(sigma), face) * face.iod == pytest.approx(sigma, abs=0.4)


def test_a_blur_is_scipys():
    image = np.random.default_rng(1).random((2, 3, 20, 31)).astype(np.float32)
    expected = ndimage.gaussian_filter(image, (0, 0, 1.7, 1.7), mode="nearest", radius=(0, 0, 6, 6))
    assert np.allclose(blurred(torch.from_numpy(image), 1.7).numpy(), expected, atol=1e-5)


def smiling(teeth: tuple[int, int, int], grey: bool) -> tuple[np.ndarray, np.ndarray, float]:
    """The demo's portrait with teeth between its lips, which pixels they are, and the gap in px."""
    picture = demo_picture(SIDE)
    y, x = np.mgrid[:SIDE, :SIDE]
    gap = 0.12 * 0.172 * SIDE
    across = np.clip(1 - ((x - SIDE / 2) / (0.06 * SIDE)) ** 2, 0, None)
    line = 0.615 * SIDE
    lip = (y > line) & (y < line + gap + 0.03 * SIDE * across**0.5) & (across > 0)
    shown = (y > line) & (y < line + gap * across**0.5)
    picture[lip] = (186, 74, 84)
    picture[shown] = teeth
    if grey:
        picture[:] = picture.mean(-1, keepdims=True).round()
    return picture, shown, gap


@pytest.mark.parametrize(
    ("teeth", "grey"), [((214, 206, 196), False), ((214, 206, 196), True), ((92, 90, 88), False)]
)
def test_an_open_smile_shuts(teeth, grey):
    """Teeth that are no paler than lips, or grey as these, are still between them."""
    picture, shown, gap = smiling(teeth, grey)
    line = np.array([SIDE / 2, 0.615 * SIDE + gap])
    face = demo_face(SIDE, inner=gap, lip_line=line, lip_bottom=line + np.array([0, 0.03 * SIDE]))
    frame = Renderer(picture, face, rests=True).render(track(Pose()))[0]
    colour = picture[shown][0].astype(int)
    left = np.abs(frame[shown].astype(int) - colour).max(-1) < 12
    assert left.mean() < 0.25
