"""Following by registration: exact, steady, quick, from any copy of its state."""

import copy
import time

import numpy as np
import pytest
from PIL import Image

from imgsync_core.demo import demo_picture
from imgsync_core.face.find import find_faces
from imgsync_core.face.follow import Follower
from imgsync_core.face.geometry import Face, from_points
from imgsync_core.face.register import Place, Template

SIDE = 320


@pytest.fixture(scope="module")
def wide() -> Image.Image:
    return Image.fromarray(demo_picture(400))


def clip(wide: Image.Image, moves: list[tuple[float, float, float, float]], noise: float = 4.0):
    """Frames of the drawn face moved by dx, dy px, scaled and turned (radians) about its middle;
    and what takes a point of a frame back to the drawing."""
    rng = np.random.default_rng(0)
    frames, ways = [], []
    for dx, dy, scale, angle in moves:
        c, s = np.cos(angle) / scale, np.sin(angle) / scale
        way = np.array([[c, s, 200 - dx - 160 * (c + s)], [-s, c, 200 - dy - 160 * (c - s)]])
        view = wide.transform(
            (SIDE, SIDE), Image.Transform.AFFINE, tuple(way.ravel()), Image.Resampling.BICUBIC
        )
        frame = np.asarray(view) + rng.normal(0, noise, (SIDE, SIDE, 3))
        frames.append(frame.clip(0, 255).astype(np.uint8))
        ways.append(way)
    return frames, ways


def back(point: np.ndarray, way: np.ndarray) -> np.ndarray:
    return way[:, :2] @ point + way[:, 2]


def followed(frames: list[np.ndarray]) -> list[Face]:
    follower = Follower()
    faces = [follower.update(frame) for frame in frames]
    assert None not in faces
    return [face for face in faces if face is not None]


def test_still_faces_do_not_tremble(wide: Image.Image) -> None:
    frames, _ = clip(wide, [(0, 0, 1, 0)] * 30)
    faces = followed(frames)
    for name in ("eyes", "mouth", "lip_line", "chin"):
        points = np.array([getattr(face, name) for face in faces]) / faces[0].iod
        assert points.std(0).max() < 0.005, name


def test_moving_faces_are_where_they_are(wide: Image.Image) -> None:
    """No lag: taken back to the drawing, each frame's face is the first frame's."""
    moves = [
        (20 * np.sin(i / 5), 8 * np.sin(i / 4), 0.95 + 0.08 * np.sin(i / 9), 0.2 * np.sin(i / 6))
        for i in range(30)
    ]
    frames, ways = clip(wide, moves)
    faces = followed(frames)
    for name, limit in (("eyes", 0.02), ("lip_line", 0.03)):
        points = [np.atleast_2d(getattr(face, name)).mean(0) for face in faces]
        there = np.array([back(p, way) for p, way in zip(points, ways, strict=True)])
        assert np.abs(there - there[0]).max() / faces[0].iod < limit, name
    rolls = np.array([face.roll for face in faces]) - faces[0].roll
    assert rolls == pytest.approx([m[3] - moves[0][3] for m in moves], abs=0.02)


def test_a_copy_goes_on_alike(wide: Image.Image) -> None:
    """A copy of the follower is a place to begin from: random access without starting anew."""
    frames, _ = clip(wide, [(i, i / 2, 1, 0) for i in range(34)])
    follower = Follower()
    for frame in frames[:5]:
        follower.update(frame)
    kept = copy.copy(follower)
    once = [face.to_json() for face in map(follower.update, frames[5:]) if face]
    again = [face.to_json() for face in map(kept.update, frames[5:]) if face]
    assert len(once) == 29 and once == again


def test_no_face_is_none(wide: Image.Image) -> None:
    frames, _ = clip(wide, [(0, 0, 1, 0)] * 3)
    blank = np.full_like(frames[0], 120)
    noise = np.random.default_rng(0).integers(0, 256, blank.shape).astype(np.uint8)
    follower = Follower()
    seen = [follower.update(f) is not None for f in (blank, *frames, blank, noise, *frames)]
    assert seen == [False, True, True, True, False, False, True, True, True]


def test_points_of_the_user_go_along(wide: Image.Image) -> None:
    """Where no cascade looks: points on anything that keeps its looks, not upright either."""
    rng = np.random.default_rng(3)
    blobs = Image.fromarray(rng.integers(0, 256, (20, 20, 3)).astype(np.uint8))
    scene = blobs.resize((400, 400), Image.Resampling.BICUBIC)
    frames, ways = clip(scene, [(3.0 * i, -2.0 * i, 1, 0) for i in range(12)])
    first = from_points((SIDE, SIDE), mouth=(160, 210, 60), eyes=((130, 130), (190, 130)))
    follower = Follower(first)
    faces = [follower.update(frame) for frame in frames]
    ends = [back(face.eyes[0], way) for face, way in zip(faces, ways, strict=True) if face]
    assert len(ends) == 12 and np.abs(np.array(ends) - ends[0]).max() < 1.0


def test_quick_enough_for_clips() -> None:
    """Measured 60 to 75 frames of 512x512 a second on one core; a busy one takes longer."""
    frames = [np.roll(demo_picture(512), i % 5, 1) for i in range(3)] * 8
    follower = Follower()
    follower.update(frames[0])
    start = time.process_time()
    for frame in frames:
        follower.update(frame)
    assert (time.process_time() - start) / len(frames) < 1 / 25


SHIFTS = [Place(40, 100 + 90j), Place(43 + 2j, 104 + 86j), Place(38 - 3j, 95.5 + 93.25j)]


@pytest.mark.parametrize("true", SHIFTS, ids=["there", "larger", "smaller"])
def test_registration_finds_a_similarity(true: Place) -> None:
    """A smooth pattern, sampled where it is said to be, is found there from a rough guess."""

    def pattern(w: np.ndarray) -> np.ndarray:
        return 120 + 40 * np.sin(5 * w.real + 1) * np.cos(4 * w.imag) + 25 * np.sin(9 * w.imag)

    x, y = np.meshgrid(np.arange(200) + 0.5, np.arange(180) + 0.5)

    def seen(place: Place) -> np.ndarray:
        return pattern((x + 1j * y - place.origin) / place.across).astype(np.float32)

    at = Place(40 + 0j, 100 + 90j)
    template = Template.of(seen(at), at, 24.0)
    assert template is not None
    found, fit = template.found(seen(true), at)
    assert fit > 0.99
    assert abs(found.origin - true.origin) < 0.1 and abs(found.across - true.across) < 0.1


def test_flat_pictures_have_no_template() -> None:
    assert Template.of(np.full((100, 100), 90, np.float32), Place(30, 50 + 40j), 24.0) is None


def test_the_largest_is_followed_when_nobody_is_named(wide: Image.Image) -> None:
    frames, _ = clip(wide, [(0, 0, 1, 0)])
    two = np.hstack([frames[0], np.asarray(wide.resize((SIDE // 2, SIDE)))])
    face = Follower().update(two)
    assert face is not None and face.box == find_faces(two)[0].box
