"""The user's points: what is read and refused, what follows what, and the view around a face."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsync_core.demo import demo_picture
from imgsync_core.errors import FaceError
from imgsync_core.face.doubt import cut_off
from imgsync_core.face.find import find_faces
from imgsync_core.face.geometry import Face, from_points
from imgsync_core.face.points import MIDDLE, NAMES, parse_points, placed
from imgsync_core.face.view import view_around
from imgsync_core.media.fit import Fit

SIZE = (640, 480)
FOUND = from_points(SIZE, mouth=((210, 312), (286, 318)), eyes=((200, 210), (300, 220)))
OTHER = FOUND.scaled(0.5).moved(400, 100)


def text(points: dict | None = None, **more: object) -> str:
    return json.dumps({"version": 1, **more, **({} if points is None else {"points": points})})


def face_of(json_text: str, faces: list[Face] | None = None) -> Face:
    return parse_points(json_text).face_of([FOUND, OTHER] if faces is None else faces, SIZE)


def named(face: Face) -> dict[str, np.ndarray]:
    """Every point of a face under the name that the JSON gives it."""
    pairs = {"eye": face.eyes, "brow": face.brows}
    found = {f"{side}_{what}": p[i] for what, p in pairs.items() for i, side in SIDES}
    found |= {f"mouth_{side}": face.mouth[i] for i, side in SIDES}
    return found | {name: getattr(face, name) for name in MIDDLE}


SIDES = ((0, "left"), (1, "right"))


# -- reading --


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("{", "not JSON"),
        ("[" * 5000, "not JSON"),
        ("7", "need a version"),
        ("{}", "need a version"),
        (json.dumps({"version": 2}), "version 2, this ImgSync reads version 1"),
        (json.dumps({"version": True}), "version True"),
        (json.dumps({"version": "1"}), "Make them again"),
        (text(nose=[1, 2]), "know no 'nose'"),
        (text({"nose": [1, 2]}), "know no 'nose'"),
        (text(points=[1]), "not an object"),
        (text({"chin": [1]}), "chin is"),
        (text({"chin": 1}), "chin is"),
        (text({"chin": ["1", 2]}), "chin is"),
        (text({"chin": [True, 2]}), "chin is"),
        ('{"version": 1, "points": {"chin": [NaN, 2]}}', "chin is"),
        ('{"version": 1, "points": {"chin": [Infinity, 2]}}', "chin is"),
        (text({"chin": [10**400, 2]}), "chin is"),
        (text({"oval": [1, 2, 3, 4]}), "half width"),
        (text({"oval": [1, 2, -3, 4, 0]}), "negative or nothing"),
        (text({"inner": -1}), "negative or nothing"),
        (text({"inner": [1]}), "one number"),
        (text(face="left"), "a number from 0"),
        (text(face=1.5), "a number from 0"),
        (text(face=True), "a number from 0"),
        (text(size=[640]), "width, height"),
        (text({"chin": [1, 2]}, size=None) + " " * 10_000, "limit"),
    ],
)
def test_what_is_refused_when_read(wrong, words):
    with pytest.raises(FaceError, match=words):
        parse_points(wrong)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (text({"mouth_left": [650, 300]}), r"mouth left at \(650, 300\) is outside"),
        (text({"chin": [5, -1]}), "chin at"),
        (text({"mouth_left": [290, 300]}), "corners are crossed"),
        (text({"left_eye": [310, 200]}), "eyes are crossed"),
        (text({"left_eye": [300, 220]}), "eyes are crossed"),
        (
            text({"left_eye": [200, 400], "right_eye": [300, 400], "mouth_left": [200, 300]}),
            "below",
        ),
        (text(face=2), "no face number 2"),
        (text(face=[5, 5]), r"no face at \(5, 5\)"),
        (text(size=[640, 481]), "made for a picture of 640x481 px, this one has 640x480"),
    ],
)
def test_what_does_not_fit_the_picture(given, words):
    with pytest.raises(FaceError, match=words):
        face_of(given)


@pytest.mark.parametrize(
    "given",
    [
        text({"chin": [300, 400]}),
        text({"mouth_left": [300, 400]}),
        text({"mouth_left": [200, 400], "mouth_right": [300, 400], "left_eye": [200, 300]}),
        text({"oval": [300, 200, 90, 120, 0]}),
        "",
    ],
)
def test_too_little_where_there_is_no_face(given):
    with pytest.raises(FaceError, match="No face was found"):
        face_of(given, [])


# -- what is found --


@pytest.mark.parametrize("given", ["", " \n", text(), text({})])
def test_nothing_said_leaves_it_to_the_finder(given):
    assert face_of(given) is FOUND


@pytest.mark.parametrize("which", [1, [460, 230], [OTHER.centre[0], OTHER.centre[1]]])
def test_one_of_several(which):
    assert face_of(text(face=which)) is OTHER


def test_points_choose_the_face_that_they_are_in():
    lower = (OTHER.mouth + np.array([0, 2])).tolist()
    face = face_of(text({"mouth_left": lower[0], "mouth_right": lower[1]}))
    assert np.allclose(face.eyes, OTHER.eyes) and np.allclose(
        face.lip_top, OTHER.lip_top + np.array([0, 2])
    )
    assert face.source == "points" and face.confidence == 1


# -- what is given, and what follows --


@pytest.mark.parametrize("name", NAMES)
def test_each_point_wins(name):
    place = named(FOUND)[name] + [4, -3]
    face = face_of(text({name: place.tolist()}))
    assert named(face)[name] == pytest.approx(place)


def test_given_the_same_changes_nothing():
    points = {name: place.tolist() for name, place in named(FOUND).items()}
    for oval in ({}, {"oval": list(FOUND.oval)}):
        face = face_of(text(points | oval))
        assert all(np.allclose(named(face)[name], points[name]) for name in NAMES)
        assert face.oval == pytest.approx(FOUND.oval) and face.box == pytest.approx(FOUND.box)


def test_oval_and_inner_win():
    face = face_of(text({"oval": [1, 2, 30, 40, 0.5], "inner": 7}))
    assert face.oval == (1, 2, 30, 40, 0.5) and face.inner == 7
    assert np.array_equal(face.mouth, FOUND.mouth)


def similarity(old: np.ndarray, new: np.ndarray):
    """Least squares over [[a, -b, c], [b, a, d]]: not the complex numbers of the code."""
    rows, right = [], []
    for (x, y), (u, v) in zip(old, new, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        right += [u, v]
    a, b, c, d = np.linalg.solve(np.array(rows), np.array(right))
    return lambda p: np.array([a * p[0] - b * p[1] + c, b * p[0] + a * p[1] + d])


def test_all_goes_with_the_eyes_where_nothing_is_said_of_the_mouth():
    eyes = np.array([[220.0, 190], [330, 240]])
    face = face_of(text({"left_eye": eyes[0].tolist(), "right_eye": eyes[1].tolist()}))
    turn = similarity(FOUND.eyes, eyes)
    for name, place in named(FOUND).items():
        assert named(face)[name] == pytest.approx(turn(place)), name
    scale = math.hypot(110, 50) / FOUND.iod
    assert face.eye_size == pytest.approx([scale * v for v in FOUND.eye_size])
    assert face.oval[:2] == pytest.approx(turn(FOUND.oval[:2]))
    assert face.oval[4] - FOUND.oval[4] == pytest.approx(face.roll - FOUND.roll)
    assert face.confidence == FOUND.confidence


def test_lips_go_with_the_corners_and_the_oval_ends_at_the_chin():
    corners = np.array([[200.0, 330], [300, 325]])
    face = face_of(text({"mouth_left": corners[0].tolist(), "mouth_right": corners[1].tolist()}))
    turn = similarity(FOUND.mouth, corners)
    for name in ("lip_line", "lip_top", "lip_bottom"):
        assert getattr(face, name) == pytest.approx(turn(getattr(FOUND, name)))
    assert face.chin == pytest.approx(FOUND.chin + corners.mean(0) - FOUND.mouth.mean(0))
    assert np.array_equal(face.eyes, FOUND.eyes) and np.array_equal(face.brows, FOUND.brows)
    x, y, a, b, roll = face.oval
    assert a == FOUND.oval[2] and roll == FOUND.oval[4]
    down = np.array([-math.sin(roll), math.cos(roll)])
    old = np.array(FOUND.oval[:2]) - FOUND.oval[3] * down
    assert np.array([x, y]) - b * down == pytest.approx(old)  # the top stays
    assert (np.array([x, y]) + b * down - face.chin) @ down == pytest.approx(0, abs=1e-9)


def test_a_lip_line_takes_the_lips_along():
    line = FOUND.lip_line + np.array([1, 9])
    face = face_of(text({"lip_line": line.tolist()}))
    assert face.lip_top == pytest.approx(FOUND.lip_top + np.array([1, 9]))
    assert np.array_equal(face.mouth, FOUND.mouth)


@pytest.mark.parametrize("eyes", [None, ((100, 100), (200, 100))])
def test_a_mouth_makes_a_face_where_none_was_found(eyes):
    points: dict = {"mouth_left": [110, 200], "mouth_right": [190, 204], "chin": [150, 260]}
    if eyes:
        points |= {"left_eye": eyes[0], "right_eye": eyes[1]}
    face = face_of(text(points), [])
    plain = from_points(SIZE, mouth=((110, 200), (190, 204)), eyes=eyes)
    assert np.allclose(face.eyes, plain.eyes) and np.allclose(face.lip_top, plain.lip_top)
    assert face.chin.tolist() == [150, 260] and face.confidence == 1


@given(st.lists(st.sampled_from(NAMES), unique=True), st.integers(0, 2**32 - 1))
def test_whatever_is_given_is_kept_and_all_is_finite(names, seed):
    shifts = np.random.default_rng(seed).uniform(-8, 8, (len(names), 2))
    points = {name: named(FOUND)[name] + step for name, step in zip(names, shifts, strict=True)}
    face = placed(FOUND, points, SIZE)
    assert all(np.allclose(named(face)[name], place) for name, place in points.items())
    assert all(np.isfinite(v).all() for v in (*named(face).values(), face.oval, face.box))
    assert face.oval[2] > 0 and face.oval[3] > 0


def test_in_a_picture():
    """The finder's own face, named by a point in it, with a mouth of the user's in it."""
    portrait = demo_picture(256)
    found = find_faces(portrait)[0]
    which = found.centre.tolist()
    assert np.array_equal(parse_points(text(face=which)).face_in(portrait).mouth, found.mouth)
    corner = (found.mouth[0] - [2, 0]).tolist()
    face = parse_points(text({"mouth_left": corner}, face=0)).face_in(portrait)
    assert face.mouth[0].tolist() == corner and np.array_equal(face.mouth[1], found.mouth[1])


# -- through the fit --


def marked(points: np.ndarray) -> np.ndarray:
    """A picture with a soft white blob around each point."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    light = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / 40) for px, py in points)
    return np.repeat((255 * np.minimum(light, 1))[..., None], 3, 2).astype(np.uint8)


FITS = [
    Fit("keep", 320), Fit("keep", multiple_of=64), Fit("crop", 300, 400), Fit("crop", 800, 800, 16),
    Fit("pad", 400, 700), Fit("pad", multiple_of=128), Fit("pad", 300, 300, background="blur"),
    Fit("stretch", 900, 200), Fit("crop", 200, 200, view=(120, 90, 260, 260)),
    Fit("crop", view=(120, 90, 260, 250)), Fit("pad", 300, 200, 8, view=(120, 90, 260, 250)), Fit(),
]  # fmt: skip


@pytest.mark.parametrize("fit", FITS, ids=str)
def test_the_mapping_says_where_the_pixels_went(fit):
    point = np.array([250.0, 215.0])
    light = fit.apply(marked(point[None]))[..., 0].astype(float)
    light = np.where(light > light.max() / 2, light, 0)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]] + 0.5
    seen = np.array([(x * light).sum(), (y * light).sum()]) / light.sum()
    way = fit.mapping(*SIZE)
    assert seen == pytest.approx(point * [way.sx, way.sy] + [way.dx, way.dy], abs=0.25)


@pytest.mark.parametrize("shape", [(1, 1), (512, 512), (1080, 1920), (1920, 1080), (64, 640)])
@pytest.mark.parametrize("moved", [(0, 0), (-140, 0), (300, 200), (0, -150)])
@pytest.mark.parametrize("scale", [0.2, 1, 2])
def test_the_view_holds_the_face_and_stays_inside(shape, moved, scale):
    face = FOUND.scaled(scale).moved(*moved)
    x, y, w, h = view_around(face, SIZE, shape)
    assert x >= 0 and y >= 0 and x + w <= SIZE[0] and y + h <= SIZE[1]
    assert abs(w - h * shape[0] / shape[1]) <= 1 + shape[0] / shape[1]
    room = min(SIZE[0] / shape[0], SIZE[1] / shape[1])
    cx, cy, _, b, _ = face.oval
    if w < room * shape[0] - 1 and h < room * shape[1] - 1:  # there was room: the full margin
        assert h > 2 * b * 1.7 and w > 2 * face.oval[2] * 1.7
        assert min(h / (2 * b), w / (2 * face.oval[2])) < 1.9
    if 1 < x < SIZE[0] - w - 1:
        assert x + w / 2 == pytest.approx(cx, abs=1)
    if 1 < y < SIZE[1] - h - 1:
        assert y + h / 2 == pytest.approx(cy, abs=1)


@pytest.mark.parametrize("view", [(600, 0, 60, 60), (0, 470, 20, 20), (0, 0, 0, 9), (-1, 0, 9, 9)])
def test_a_view_outside_the_picture_is_refused(view):
    with pytest.raises(Exception, match="outside"):
        Fit("crop", view=view).apply(marked(np.zeros((1, 2))))


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ({"lip_line": [250, 520]}, "below the chin"),
        ({"lip_top": [250, 360], "lip_bottom": [250, 340]}, "upper lip lies below"),
    ],
)
def test_lips_in_the_wrong_order_are_refused(points, words):
    base = from_points((640, 640), mouth=((210, 312), (286, 318)), eyes=((200, 210), (300, 220)))
    given = {name: np.array(place, float) for name, place in points.items()}
    with pytest.raises(FaceError, match=words):
        placed(base, given, (640, 640))


@pytest.mark.parametrize(
    ("mouth", "words"),
    [((60, 130, 40), ""), ((12, 130, 60), "A part of the face"), ((-20, 9, 9), "refused")],
)
def test_a_face_that_leaves_the_picture_is_told(mouth, words):
    face = from_points((200, 200), mouth=(60, 130, 40), eyes=((40, 70), (80, 70)))
    corners = np.array([[mouth[0] - mouth[2] / 2, mouth[1]], [mouth[0] + mouth[2] / 2, mouth[1]]])
    face = replace(face, mouth=corners, lip_line=corners.mean(0))
    if mouth[0] < 0:
        with pytest.raises(FaceError, match="mouth lies outside"):
            cut_off(face, (200, 200))
    else:
        assert (cut_off(face, (200, 200)) or "").startswith(words)
        assert bool(cut_off(face, (200, 200))) is bool(words)
