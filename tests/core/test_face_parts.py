"""The parts of a face: the same at any size and in a mirror, sure only where they are right."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from training.face.drawn import drawn
from training.face.view import CORNERS, HEIGHT, LEFT, LOWER, SCALE, TOP, UPPER, WIDTH

from imgsync_core.demo import demo_picture
from imgsync_core.face.doubt import DOUBT, doubt, trusted
from imgsync_core.face.find import find_faces
from imgsync_core.face.geometry import Face, Frame, from_points
from imgsync_core.face.net import PATCHES, Belief, load
from imgsync_core.face.refine import refined

# MediaPipe's face mesh: corners of the mouth, upper and lower inner edge of the lips, chin, as
# parts of width and height
MOUTHS: dict[str, tuple[float, ...]] = {}


@cache
def portrait(side: int = 512) -> np.ndarray:
    return demo_picture(side)


def only(picture: np.ndarray) -> Face:
    (face,) = find_faces(np.ascontiguousarray(picture))
    return face


def inside(face: Face) -> dict[str, np.ndarray]:
    """The points of a face in its own axes, IOD; and where the eyes are, in sizes of the box."""
    frame = Frame.of(face.eyes)
    names = ("mouth", "lip_line", "lip_top", "lip_bottom", "chin")
    return {name: frame.into(getattr(face, name)) for name in names}


# -- sizes, mirrors --


@pytest.mark.parametrize("scale", [0.35, 0.5, 0.75, 1.5, 2.0, 3.0])
def test_the_same_picture_at_another_size_gives_the_same_face(scale: float) -> None:
    whole = Image.fromarray(portrait())
    side = round(512 * scale)
    face = only(np.asarray(whole.resize((side, side), Image.Resampling.LANCZOS)))
    there = only(portrait()).scaled(side / 512)
    assert np.abs(face.eyes - there.eyes).max() < 0.03 * there.iod
    assert face.eye_size == pytest.approx(there.eye_size, rel=0.03)
    for name, place in inside(there).items():
        assert inside(face)[name] == pytest.approx(place, abs=0.04), name
    assert face.inner == there.inner == 0
    assert abs(face.confidence - there.confidence) < 0.15


def test_a_mirrored_picture_gives_the_mirrored_face() -> None:
    face, other = only(portrait()), only(portrait()[:, ::-1])
    for name in ("eyes", "mouth", "lip_line", "chin"):
        points = np.atleast_2d(getattr(face, name)).copy()
        points[:, 0] = 512 - points[:, 0]
        there = np.atleast_2d(getattr(other, name))
        assert np.abs(points[::-1] - there).max() < 0.03 * face.iod, name
