"""Following one face: by place, by look, through absences and past other people."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsync_core.demo import demo_picture
from imgsync_core.errors import FaceError
from imgsync_core.face.find import find_faces
from imgsync_core.face.follow import STRANGER, follow, follow_given
from imgsync_core.face.geometry import Face, average
from imgsync_core.face.look import Look
from imgsync_core.face.tracks import FollowedFace, GivenFaces
from imgsync_core.face.wanted import WantedFace
from imgsync_core.media.extend import Extension, extend
from imgsync_core.media.frames import ArrayFrames

SIDE = 160


@pytest.fixture(scope="module")
def ann() -> np.ndarray:
    return np.asarray(Image.fromarray(demo_picture(512)).resize((SIDE, SIDE)))


@pytest.fixture(scope="module")
def ben(ann) -> np.ndarray:
    """Somebody of other colours."""
    return np.ascontiguousarray(ann[..., ::-1] // 2 + 30)


def stage(*people: tuple[np.ndarray, int], wide: int = 400) -> np.ndarray:
    """People at their left edges on a plain wall."""
    frame = np.full((SIDE, wide, 3), 90, np.uint8)
    for person, left in people:
        frame[:, left : left + SIDE] = person
    return frame


def place(face: Face | None) -> float | None:
    return None if face is None else float(face.eyes.mean(0)[0])


def test_looks_tell_people_apart(shared_media: Path):
    """Portraits of five: each is most like itself, resized and darkened."""
    looks, again = [], []
    for name in ("em_a.png", "em_b.png", "em_d.png", "h2_1.jpg", "h2_5.jpg"):
        picture = Image.open(shared_media / name).convert("RGB").resize((400, 400))
        rgb = np.asarray(picture)
        looks.append(Look.of(rgb, find_faces(rgb)[0]))
        dark = (np.asarray(picture.resize((300, 300))) * 0.7).astype(np.uint8)
        again.append(Look.of(dark, find_faces(dark)[0]))
    table = np.array([[a.likeness(b) for b in again] for a in looks])
    assert (table.argmax(1) == np.arange(5)).all()
    own, others = np.diag(table), table[~np.eye(5, dtype=bool)]
    assert own.min() > 0.75 > others.max()
    assert own.min() > STRANGER


def test_the_face_is_followed(ann):
    frames = [stage((ann, 20 + 6 * i)) for i in range(10)]
    first = find_faces(frames[0])[0]
    seen = [place(face) for face in follow(frames, first)]
    assert np.allclose(np.diff(seen), 6, atol=2.5)


def test_it_goes_and_comes_back(ann):
    empty = stage()
    frames = [stage((ann, 20))] * 2 + [empty] * 7 + [stage((ann, 200))] * 8
    first = find_faces(frames[0])[0]
    seen = [place(face) for face in follow(frames, first)]
    assert None not in seen[:2] and seen[2:9] == [None] * 7
    there = [x for x in seen[9:] if x is not None]
    assert len(there) >= 3 and np.allclose(there, there[0], atol=2)
    assert there[0] == pytest.approx(seen[0] + 180, abs=4)


def test_another_person_is_not_taken_for_the_first(ann, ben):
    """A cut from one to the other and back: the other's lips are his own."""
    frames = [stage((ann, 100))] * 3 + [stage((ben, 104))] * 7 + [stage((ann, 100))] * 7
    first = find_faces(frames[0])[0]
    seen = [place(face) for face in follow(frames, first)]
    assert None not in seen[:3] and seen[3:10] == [None] * 7
    assert seen[-1] == pytest.approx(seen[0], abs=2)


def test_of_two_the_one_that_was_chosen(ann, ben):
    """Both change sides in a cut; the largest is not the point."""
    frames = [stage((ann, 0), (ben, 220))] * 2 + [stage((ben, 0), (ann, 220))] * 2
    for who, before, after in (("ann", 80, 300), ("ben", 300, 80)):
        faces = find_faces(frames[0])
        first = min(faces, key=lambda face: abs(face.eyes.mean(0)[0] - before))
        seen = [place(face) for face in follow(frames, first)]
        assert seen[1] == pytest.approx(before, abs=12), who
        assert seen[3] == pytest.approx(after, abs=12), who


def face_at(x: float) -> Face:
    return average(np.array([[x - 10, 50.0], [x + 10, 50.0]]), "landmarks")


def test_given_faces_are_chosen_by_place():
    given = [
        [face_at(100), face_at(200)],
        [face_at(195), face_at(108)],
        [face_at(190)],  # the one that is followed is not to be seen
        [face_at(190), face_at(115)],
        [],
        [face_at(300)],  # alone: back again
    ]
    seen = [place(face) for face in follow_given(given, face_at(100))]
    assert seen == [100, 108, None, 115, None, 300]
    frames = ArrayFrames(np.zeros((8, 4, 4, 3), np.uint8), Fraction(25))
    track = GivenFaces(frames, frames, given, face_at(100))
    assert [place(track.at(i)) for i in range(8)] == [*seen, 300, 300]


def test_a_track_loses_the_face_in_any_order(ann):
    frames = np.stack([stage((ann, 20)), stage(), stage()])
    source = ArrayFrames(frames, Fraction(25))
    track = FollowedFace(source, source, find_faces(frames[0])[0])
    assert [track.at(i) is None for i in (2, 0, 1)] == [True, False, True]


def test_a_face_that_comes_later(ann):
    frames = np.stack([stage()] * 15 + [stage((ann, 20))] * 3)
    source = ArrayFrames(frames, Fraction(8))
    begin, first = WantedFace().first_seen(source)
    assert begin == 15
    track = WantedFace().track(source, source, first, begin)
    assert [track.at(i) is None for i in range(18)] == [True] * 15 + [False] * 3


def test_no_face_at_all():
    source = ArrayFrames(np.zeros((3, 60, 60, 3), np.uint8), Fraction(25))
    with pytest.raises(FaceError, match="No face"):
        WantedFace().first_seen(source)


def test_searching_can_be_cancelled():
    looks = []

    def check():
        looks.append(1)
        if len(looks) == 2:
            raise KeyboardInterrupt

    source = ArrayFrames(np.zeros((60, 60, 60, 3), np.uint8), Fraction(8))
    with pytest.raises(KeyboardInterrupt):
        WantedFace().first_seen(source, check)


class Read(ArrayFrames):
    """Notes which frames are read."""

    def __init__(self, frames, fps):
        super().__init__(frames, fps)
        self.reads = []

    def read(self, start, stop):
        self.reads += range(start, stop)
        return super().read(start, stop)


@pytest.mark.parametrize("mode", ["ping-pong", "mirrored", "loop", "hold"])
@pytest.mark.parametrize("given", [False, True])
def test_a_face_goes_back_with_its_clip(ann, mode, given):
    """Each frame of the clip is looked at once, and has the same face whenever it is shown."""
    frames = np.stack([stage((ann, 20 + 3 * i)) for i in range(5)])
    clip = Read(frames, Fraction(25))
    shown = extend(clip, 14, Extension(mode))
    landmarks = [find_faces(frame) for frame in frames] if given else None
    who = WantedFace(landmarks=landmarks)
    begin, first = who.first_seen(clip)
    clip.reads.clear()
    track = who.track(clip, shown, first, begin)
    places = [place(track.at(i)) for i in range(14)]
    order = [shown.origin(i)[1] for i in range(14)]
    single = {order[i]: places[i] for i in range(5)}
    assert places == [single[i] for i in order] and len(set(places)) == 5
    assert clip.reads == ([] if given else [0, 1, 2, 3, 4])
