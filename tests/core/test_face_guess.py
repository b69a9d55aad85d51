"""Where a face may be that the finder does not see, and the line of a mouth that was marked."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imgsync_core.face.geometry import Face
from imgsync_core.face.guess import eyes_like, guessed
from imgsync_core.face.muzzle import line_between
from imgsync_core.face.points import parse_points

FUR, INK = (196, 168, 132), (40, 30, 30)


def animal(size: tuple[int, int] = (480, 360), line: float = 0.0, shift: int = 0) -> np.ndarray:
    """A muzzle: two eyes 120 px apart, a nose, and a line of a mouth 100 px wide whose middle is
    `line` of its width below its corners."""
    picture = Image.new("RGB", size, (120, 150, 110))
    draw = ImageDraw.Draw(picture)
    x, y = size[0] / 2 + shift, size[1] / 2
    draw.ellipse((x - 130, y - 130, x + 130, y + 140), fill=FUR)
    for side in (-60, 60):
        draw.ellipse((x + side - 17, y - 57, x + side + 17, y - 23), fill=INK)
    draw.ellipse((x - 24, y + 20, x + 24, y + 48), fill=INK)
    u = np.linspace(-1, 1, 40)
    draw.line([(x + 50 * a, y + 85 + 100 * line * (1 - a * a)) for a in u], fill=INK, width=5)
    return np.asarray(picture)


CORNERS = np.array([(190.0, 265.0), (290.0, 265.0)])


@pytest.mark.parametrize("shift", [-70, 0, 70])
@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_two_dark_spots_are_eyes(shift: int, scale: float) -> None:
    picture = Image.fromarray(animal(shift=shift))
    picture = picture.resize([round(n * scale) for n in picture.size], Image.Resampling.BICUBIC)
    eyes = eyes_like(np.asarray(picture))
    assert eyes is not None
    truth = np.array([(180 + shift, 140), (300 + shift, 140)])
    assert np.abs(eyes / scale - truth).max() < 8
    face = guessed(np.asarray(picture))
    assert np.allclose(face.eyes, eyes) and face.confidence == 0
    assert face.mouth[:, 1].min() > eyes[:, 1].max()


@pytest.mark.parametrize("shape", [(90, 160), (400, 300), (20, 20)])
def test_where_nothing_is_like_eyes_it_is_the_middle(shape: tuple[int, int]) -> None:
    flat = np.full((*shape, 3), 140, np.uint8)
    assert eyes_like(flat) is None
    face = guessed(flat)
    assert face.mouth.mean(0)[0] == pytest.approx(shape[1] / 2)
    points = np.vstack([face.mouth, face.lip_line])
    assert ((points >= 0) & (points <= [shape[1], shape[0]])).all()


@pytest.mark.parametrize("line", [-0.2, -0.1, 0.0, 0.1, 0.2])
@pytest.mark.parametrize("degrees", [0, 20])
def test_a_marked_mouth_opens_at_its_own_line(line: float, degrees: int) -> None:
    picture = Image.fromarray(animal(line=line)).rotate(degrees, Image.Resampling.BICUBIC)
    angle = np.radians(-degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def there(points: np.ndarray) -> np.ndarray:
        return (points - [240, 180]) @ turn.T + [240, 180]

    middle = line_between(np.asarray(picture), there(CORNERS))
    assert np.abs(middle - there(np.array([240, 265 + 100 * line]))).max() < 3


def test_no_line_leaves_the_straight_one() -> None:
    noise = np.random.default_rng(0).normal(140, 2, (360, 480, 3)).astype(np.uint8)
    assert line_between(noise, CORNERS).tolist() == [240, 265]
    assert line_between(noise, CORNERS - [225, 262]) is not None  # beyond the picture's rim


def test_the_line_is_sought_but_what_the_user_says_is_kept() -> None:
    """Where no face was found around the mouth."""
    picture = animal(line=0.2)
    points = {"mouth_left": CORNERS[0].tolist(), "mouth_right": CORNERS[1].tolist()}
    sought = face_of(points, picture)
    assert sought.lip_line == pytest.approx([240, 285], abs=3)
    assert np.array_equal(sought.mouth, CORNERS)
    said = face_of(points | {"lip_line": [242.0, 270.0]}, picture)
    assert said.lip_line.tolist() == [242, 270] and said.confidence == 1


def face_of(points: dict, picture: np.ndarray) -> Face:
    text = json.dumps({"version": 1, "points": points})
    return parse_points(text).face_of([], (picture.shape[1], picture.shape[0]), picture)
