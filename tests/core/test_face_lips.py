"""Lips that are painted at known places are found there, closed and open, in colour and grey."""

import numpy as np
import pytest

from imgsync_core.face.geometry import Frame
from imgsync_core.face.lips import find_lips
from imgsync_core.face.refine import chin_of

IOD = 100.0
EYES = np.array([(150.0, 100.0), (250.0, 100.0)])
SKIN, LIP, TEETH, LINE = (205, 165, 140), (170, 95, 90), (225, 220, 210), (70, 35, 35)


def mouth(v: float, gap: float, half: float = 0.42, chin: float = 1.75) -> np.ndarray:
    """A face's lower part, float32 (400, 400, 3): inner lips at v, `gap` open, in IOD."""
    x, y = np.meshgrid(np.arange(400) + 0.5, np.arange(400) + 0.5)
    u, down = (x - 200) / IOD, (y - 100) / IOD
    arch = np.clip(1 - (u / half) ** 2, 0, None)
    # arcs through the corners, which lie at the upper edge's v
    upper, lower = down - (v - 0.02 + 0.02 * arch), down - (v - 0.02 + (0.02 + gap) * arch)
    picture = np.empty((400, 400, 3), np.float32)
    picture[:] = SKIN
    picture *= (1 - 0.1 * np.abs(u))[..., None]
    picture[down > chin - 0.3 * u**2] *= 0.55  # the neck in the jaw's shadow
    for side in (-0.13, 0.13):
        picture[(u - side) ** 2 / 0.004 + (down - v + 0.34) ** 2 / 0.001 < 1] = LINE
    wide = np.abs(u) < half
    picture[wide & (upper > -0.09 * arch) & (lower < 0.15 * arch)] = LIP
    if gap:
        picture[wide & (upper > 0) & (lower < 0)] = TEETH
    edges = (upper, lower) if gap else (upper,)
    for edge in edges:
        picture[wide & (np.abs(edge) < 0.012)] = LINE
    noise = np.random.default_rng(0).normal(0, 2, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.float32)


@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
@pytest.mark.parametrize("v", [0.88, 0.98, 1.12])
def test_closed(v: float, grey: bool) -> None:
    picture = mouth(v, 0)
    picture = np.repeat(picture.mean(2, keepdims=True), 3, 2) if grey else picture
    lips = find_lips(picture, Frame.of(EYES))
    assert lips.inner == 0
    assert lips.line[1] == pytest.approx(v, abs=0.02)
    assert lips.corners[:, 0] == pytest.approx([-0.42, 0.42], abs=0.06)
    assert lips.confidence > 0.6


@pytest.mark.parametrize("gap", [0.12, 0.2, 0.28])
@pytest.mark.parametrize("v", [0.9, 1.05])
def test_open_with_teeth(v: float, gap: float) -> None:
    """The line of an open mouth is its lower inner edge."""
    lips = find_lips(mouth(v, gap), Frame.of(EYES))
    assert lips.inner == pytest.approx(gap, abs=0.04)
    assert lips.line[1] == pytest.approx(v + gap, abs=0.03)


def test_nothing_to_see_is_not_sure() -> None:
    plain = np.full((400, 400, 3), SKIN, np.float32)
    plain += np.random.default_rng(1).normal(0, 4, plain.shape).astype(np.float32)
    assert find_lips(plain, Frame.of(EYES)).confidence < 0.5


def test_in_a_clip_they_stay_unless_the_picture_says_so() -> None:
    frame = Frame.of(EYES)
    last = find_lips(mouth(0.98, 0), frame)
    same = find_lips(mouth(0.98, 0), frame, last=last)
    opened = find_lips(mouth(0.98, 0.2), frame, last=last)
    assert same.line[1] == pytest.approx(last.line[1], abs=0.01)
    assert opened.inner == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("chin", [1.55, 1.7, 1.85])
def test_the_chin_is_at_the_jaws_edge(chin: float) -> None:
    picture, frame = mouth(1.0, 0, chin=chin), Frame.of(EYES)
    assert chin_of(picture, frame, find_lips(picture, frame)) == pytest.approx(chin, abs=0.07)
