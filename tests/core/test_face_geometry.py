"""Face as numbers: JSON, resizing, points of the user, ComfyUI's landmarks."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from imgsync_core.errors import FaceError, InputError
from imgsync_core.face.geometry import POINTS, Face, Frame, average, from_json, from_points
from imgsync_core.face.landmarks import from_landmarks

EYES = ((200.0, 210.0), (300.0, 220.0))


def some_face() -> Face:
    return from_points((640, 480), mouth=(246.0, 312.0, 80.0), eyes=EYES)


def same(a: Face, b: Face) -> bool:
    return all(np.allclose(getattr(a, n), getattr(b, n)) for n in (*POINTS, "box", "oval")) and (
        a.source == b.source and a.inner == pytest.approx(b.inner)
    )


def test_json_keeps_the_face() -> None:
    face = some_face()
    assert same(from_json(face.to_json()), face)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"version": 2}, "version 2"), ({"chin": [1]}, "damaged"), ({"inner": "NaN"}, "finite")],
)
def test_json_of_another_kind_is_refused(change: dict, words: str) -> None:
    data = json.loads(some_face().to_json()) | change
    with pytest.raises(InputError, match=words):
        from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "[]", "{}", "nothing", "3"])
def test_what_is_no_face_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        from_json(text)


def test_scaling_and_moving() -> None:
    face = some_face()
    assert same(face.scaled(2).moved(10, 4).moved(-10, -4).scaled(0.5), face)
    assert face.scaled(2).iod == pytest.approx(2 * math.hypot(100, 10))
    assert face.moved(5, 6).centre == pytest.approx(face.centre + np.array([5, 6]))
    assert face.scaled(3, 1).eyes[1] == pytest.approx([900, 220])


def test_roll_is_positive_when_the_right_eye_is_lower() -> None:
    assert some_face().roll == pytest.approx(math.atan2(10, 100))


def test_frame_goes_there_and_back() -> None:
    frame = Frame.of(np.array(EYES))
    points = np.random.default_rng(0).uniform(0, 500, (7, 2))
    uv = frame.into(points)
    assert frame.out(uv[:, 0], uv[:, 1]) == pytest.approx(points)
    assert frame.into(np.array(EYES)) == pytest.approx(np.array([[-0.5, 0], [0.5, 0]]))


def test_points_are_kept_and_the_rest_is_human() -> None:
    face = some_face()
    assert face.eyes == pytest.approx(np.array(EYES))
    assert face.mouth == pytest.approx(np.array([[206, 312], [286, 312]]))
    assert face.lip_line == pytest.approx([246, 312])
    order = [face.brows[0, 1], 215, face.lip_top[1], 312, face.lip_bottom[1], face.chin[1]]
    assert order == sorted(order)
    assert face.source == "points" and face.confidence == 1


def test_mouth_alone_is_enough() -> None:
    face = from_points((640, 480), mouth=((280, 300), (360, 300)))
    assert face.iod == pytest.approx(100)
    assert face.eyes.mean(0) == pytest.approx([320, 202])


@pytest.mark.parametrize(
    ("mouth", "eyes", "words"),
    [
        ((700, 300, 40), None, "outside the picture"),
        (((300, 300), (200, 300)), None, "crossed"),
        ((246, 312, 0), None, "width"),
        ((246, 312), None, "x, y and width"),
        ("mouth", None, "x, y and width"),
        ((246, 312, 80), ((300, 200), (200, 200)), "crossed"),
        ((246, 312, 80), ((200, 200), (300, -4)), "right eye"),
        ((246, 312, 80), ((200, 400), (300, 400)), "not below"),
        ((246, 312, 80), (1, 2), "two points"),
        ((float("nan"), 312, 80), None, "x, y and width"),
    ],
)
def test_points_that_make_no_face(mouth: object, eyes: object, words: str) -> None:
    with pytest.raises(FaceError, match=words):
        from_points((640, 480), mouth=mouth, eyes=eyes)  # type: ignore[arg-type]


def mesh(gap: float) -> np.ndarray:
    """478 points with the named ones in place; eyes 100 px apart."""
    points = np.full((478, 2), 250.0)
    places = {33: (180, 200), 133: (220, 200), 159: (200, 194), 145: (200, 206)}
    places |= {362: (280, 200), 263: (320, 200), 386: (300, 194), 374: (300, 206)}
    places |= {61: (210, 300), 291: (290, 300), 13: (250, 300), 14: (250, 300 + gap)}
    places |= {0: (250, 288), 17: (250, 316 + gap), 152: (250, 360), 10: (250, 120)}
    places |= {234: (150, 220), 454: (350, 220), 105: (195, 165), 334: (305, 165)}
    places |= {52: (195, 175), 282: (305, 175)}
    for index, place in places.items():
        points[index] = place
    return points


def landmarks(*faces: np.ndarray) -> dict:
    boxes = [np.r_[points.min(0), points.max(0)] for points in faces]
    found = [{"bbox_xyxy": b, "landmarks_xy": p} for b, p in zip(boxes, faces, strict=True)]
    return {"frames": [found, []], "image_size": (400, 500)}


def test_landmarks_closed_and_open() -> None:
    (closed, opened), none = from_landmarks(landmarks(mesh(0) * 0.9, mesh(20)))[0][::-1], []
    assert none == from_landmarks(landmarks(mesh(0)))[1]
    assert closed.inner == 0 and closed.source == "landmarks"
    assert opened.inner == pytest.approx(20)
    assert opened.lip_line == pytest.approx([250, 320])
    assert opened.eyes == pytest.approx(np.array([[200, 200], [300, 200]]))
    assert opened.eye_size == pytest.approx((20, 6))
    assert opened.oval[2:4] == pytest.approx((100, 120))
    assert opened.box == pytest.approx((150, 120, 200, 240))


def test_landmarks_of_a_smaller_picture() -> None:
    face = from_landmarks(landmarks(mesh(0)), size=(1000, 800))[0][0]
    assert face.iod == pytest.approx(200)


@pytest.mark.parametrize(
    "value",
    [{}, {"frames": 3}, {"frames": [[{"landmarks_xy": np.zeros((5, 2))}]]}, {"frames": [[7]]}, 4],
)
def test_landmarks_of_another_kind(value: object) -> None:
    with pytest.raises(FaceError):
        from_landmarks(value)  # type: ignore[arg-type]


def test_the_outline_holds_the_oval_and_touches_it():
    """Against points on the oval."""
    t = np.linspace(0, 2 * np.pi, 3601)
    for roll in (0.0, 0.4, -1.2):
        face = replace(average(np.array([[40.0, 50.0], [80.0, 50.0]]), "found"),
                       oval=(60.0, 70.0, 30.0, 45.0, roll))  # fmt: skip
        x = 60 + 30 * np.cos(t) * np.cos(roll) - 45 * np.sin(t) * np.sin(roll)
        y = 70 + 30 * np.cos(t) * np.sin(roll) + 45 * np.sin(t) * np.cos(roll)
        assert np.allclose(face.outline, (x.min(), y.min(), x.max(), y.max()), atol=1e-3)


def test_a_face_goes_along_with_a_picture_that_is_resized():
    face = replace(from_points((400, 300), mouth=(200, 200, 60)), picture=(400, 300))
    half = face.resized((200, 150))
    assert half.lip_line == pytest.approx([100, 100]) and half.picture == (200, 150)
    assert face.resized((133, 100)).lip_line == pytest.approx([66.5, 66.67], abs=0.01)  # rounded
    assert face.resized((400, 300)) is face
    assert replace(face, picture=None).resized((1, 1)).lip_line == pytest.approx([200, 200])
    with pytest.raises(FaceError, match=r"picture of 400x300 px, and this one has 300x300"):
        face.resized((300, 300))
    assert from_json(face.to_json()).picture == (400, 300)
    assert face.moved(5, 5).picture is None  # what was added is not known
