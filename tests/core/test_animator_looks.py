"""How the built-in animator looks: lids, turns, what stays straight, clips that already talk."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from imgsync_core.audio.speech import Speech
from imgsync_core.demo import demo_picture
from imgsync_core.engines.base import Scene
from imgsync_core.engines.built_in import head, mouth
from imgsync_core.engines.built_in.axes import Axes, bilinear
from imgsync_core.engines.built_in.engine import BuiltInEngine
from imgsync_core.engines.built_in.following import Dub, quietest
from imgsync_core.engines.built_in.layout import Layout
from imgsync_core.engines.built_in.membrane import membrane
from imgsync_core.engines.built_in.pose import COLUMNS, Strength
from imgsync_core.engines.built_in.render import Pose, Renderer
from imgsync_core.face.geometry import Face
from imgsync_core.face.tracks import GivenFaces
from imgsync_core.media.frames import ArrayFrames
from imgsync_core.media.sound import ArraySound
from imgsync_core.timeline import Timeline

from .test_render_warp import demo_face, track

SIDE = 256


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return demo_picture(SIDE)


def open_eyes(picture: np.ndarray, face: Face) -> list[bool]:
    """Which of the two eyes blink: left, right."""
    found = Layout(picture, face).eyes(picture)
    middle = face.eyes[:, 0].mean()
    sides = [one.axes.origin[0] > middle for one in found]
    return [False in sides, True in sides]


def eye_part(frames: np.ndarray, right: bool) -> np.ndarray:
    """The pixels about one eye of demo pictures (t, h, w, 3)."""
    x = int((0.586 if right else 0.414) * SIDE)
    return frames[:, int(0.38 * SIDE) : int(0.50 * SIDE), x - 16 : x + 16].astype(int)


@pytest.mark.parametrize("scale", [0.4, 0.7, 1.5, 3.0])
def test_the_same_picture_resized_blinks_the_same(picture, scale):
    side = round(SIDE * scale)
    resized = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS))
    assert open_eyes(picture, demo_face(SIDE)) == [True, True]
    assert open_eyes(resized, demo_face(side)) == [True, True]


def test_each_eye_blinks_by_itself(picture):
    """Hair over one eye: the other closes, and the hair is not touched."""
    half = picture.copy()
    half[int(0.38 * SIDE) : int(0.52 * SIDE), int(0.52 * SIDE) : int(0.66 * SIDE)] = (90, 60, 50)
    assert open_eyes(half, demo_face(SIDE)) == [True, False]
    frames = Renderer(half, demo_face(SIDE)).render(track(Pose(), Pose(blink=1)))
    assert np.abs(np.diff(eye_part(frames, right=False), axis=0)).max() > 60
    assert np.abs(np.diff(eye_part(frames, right=True), axis=0)).max() == 0


@pytest.mark.parametrize(("pale", "blinks"), [(0.55, True), (0.7, True), (0.9, False)])
def test_an_eye_that_is_hardly_seen_does_as_the_other(picture, pale, blinks):
    """In shade, glare or a thin drawing: a face that speaks does not wink all the time."""
    faded = picture.astype(float)
    part = faded[int(0.38 * SIDE) : int(0.52 * SIDE), int(0.52 * SIDE) : int(0.66 * SIDE)]
    part += pale * (np.median(part.reshape(-1, 3), axis=0) - part)
    faded = faded.round().astype(np.uint8)
    assert open_eyes(faded, demo_face(SIDE)) == [True, blinks]


def test_shut_eyes_do_not_blink(picture):
    shut = Renderer(picture, demo_face(SIDE)).render(track(Pose(blink=1)))[0]
    assert open_eyes(shut, demo_face(SIDE)) == [False, False]


def test_a_lid_covers_nothing_but_the_eye(picture):
    """Brows, cheeks and dark frames around the eyes stay bit for bit."""
    framed = picture.copy()
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    rims = np.zeros((SIDE, SIDE), bool)
    for cx in (0.414, 0.586):
        far = np.hypot((x / SIDE - cx) / 0.078, (y / SIDE - 0.447) / 0.066)
        rims |= (far > 0.93) & (far < 1.07)
    framed[rims] = (25, 22, 24)
    frames = Renderer(framed, demo_face(SIDE)).render(track(Pose(), Pose(blink=1))).astype(int)
    change = np.abs(np.diff(frames, axis=0))[0].max(-1)
    assert change.max() > 60
    assert (change[rims] > 12).mean() < 0.02
    assert change[: int(0.385 * SIDE)].max() <= 1 and change[int(0.53 * SIDE) :].max() <= 1


@pytest.mark.parametrize("axis", ["gaze_x", "gaze_y"])
def test_the_iris_moves_within_the_lids(picture, axis):
    frames = Renderer(picture, demo_face(SIDE)).render(
        track(Pose(), Pose(**{axis: 12.0}), Pose(**{axis: -12.0}))
    )
    part = eye_part(frames, right=False)
    green = part[..., 1] > part[..., 0] + 10
    at = [np.argwhere(one).mean(0)[1 - (axis == "gaze_y")] for one in green]
    assert at[1] > at[0] + 0.4 and at[1] > at[2] + 0.6
    outside = np.abs(frames.astype(int) - picture)[:, : int(0.38 * SIDE)]
    assert outside.max() == 0


def test_a_turn_is_a_turn_and_not_a_slide():
    """Followed by its points: the nose goes further than the eyes, the ears stay."""
    plan = Renderer(demo_picture(SIDE), demo_face(SIDE)).layout
    u = np.array([0.0, 0.45, -0.45, 1.2, -1.2])
    v = np.array([-0.4, -0.95, -0.95, -0.6, -0.6])
    x, y = plan.axes.to_picture(u, v)
    field = plan.fields(x, y)[0, 8]  # the yaw's, for a sine of 1
    along = field[0] / plan.unit
    nose, eyes, ears = along[0], along[1:3].mean(), np.abs(along[3:]).max()
    assert nose > eyes + 0.3 > ears + 0.8
    assert np.abs(field[1]).max() < 1e-9
    # a face that yaws by 12 degrees narrows on one side and widens on the other
    near, far = (abs(along[k] - along[0]) * np.sin(np.deg2rad(12)) for k in (1, 2))
    assert min(near, far) > 0.05


@pytest.mark.parametrize("tilt", [-0.4, 0.0, 0.3])
def test_a_tilted_head_turns_to_the_side_of_the_picture(tilt):
    """What is told are angles as a viewer sees them, not about the axes of the face."""
    axes = Axes((300.0, 300.0), 100.0, tilt)
    turned = head.Head(axes, (0.0, -0.4, 1.0, 1.3), (0.0, -0.4), (600, 600))
    x, y = (np.array([[value]]) for value in axes.to_picture(0.0, -0.4))  # the nose
    poses = np.stack([Pose(yaw=5).row(), Pose(pitch=5).row()])
    weights = head.coefficients(poses, tilt)
    aside, down = np.tensordot(weights, turned.fields(x, y)[..., 0, 0], 1)
    assert aside[0] > 5 and abs(aside[1]) < 0.12 * aside[0]
    assert down[1] > 5 and abs(down[0]) < 0.12 * down[1]


@pytest.mark.parametrize("pose", [Pose(yaw=8), Pose(pitch=8), Pose(roll=4, shift_x=0.05)])
def test_lines_beside_the_head_stay_straight(pose):
    """A wall of vertical stripes behind a face: their edges two ovals out bend by less than 1 %."""
    face = demo_face(SIDE)
    stripes = np.full((SIDE, SIDE, 3), 200, np.uint8)
    edge = int(face.oval[0] + 1.75 * face.oval[2])
    stripes[:, edge:] = 60
    frame = Renderer(stripes, face).render(track(pose))[0].astype(float).mean(-1)
    rows = slice(int(0.2 * SIDE), int(0.8 * SIDE))
    at = (frame[rows] - 60).sum(1) / 140  # where the edge is in each row, px
    assert at.std() < 0.01 * 0.172 * SIDE


def test_the_slit_is_dark_before_teeth_show(picture):
    photo = picture.copy()  # grain, so that it is not taken for a drawing
    photo = np.clip(photo + np.random.default_rng(0).normal(0, 6, photo.shape), 0, 255)
    still = Renderer(photo.astype(np.uint8), demo_face(SIDE))
    assert not still.layout.tone.drawn
    column = still.render(track(Pose(open=0.15), Pose(open=0.7)))[
        :, 152:176, SIDE // 2 - 2 : SIDE // 2 + 2
    ]
    light = column.mean((2, 3))
    assert light[0].min() < 100
    pale = np.ptp(column.astype(int), axis=-1).mean(-1) < 60
    assert (pale & (light > 110)).sum(1)[1] > (pale & (light > 110)).sum(1)[0]


def lower_lip(plan: Layout, v: float, *poses: Pose) -> np.ndarray:
    """How far below the upper lip's edge a point of the lower lip comes to lie, in IOD, (t,)."""
    x, y = plan.axes.to_picture(np.zeros((1, 2)), np.array([[0.0, v]]))
    down = plan.fields(x, y)[:, : mouth.KINDS, 1, 0]
    weights = mouth.coefficients(plan.mouth, track(*poses))
    return v + weights @ (down[1, :, 1] - down[0, :, 0]) / plan.unit


def test_lips_that_hardly_part_are_seen_to(picture):
    """A dark slit looks narrower than it is, so the first of the opening counts for more."""
    plan = Layout(picture, demo_face(SIDE))
    steps = np.linspace(0, 1, 11)
    gaps = lower_lip(plan, 0.0, *(Pose(open=float(o)) for o in steps))
    assert gaps[0] == 0 and (np.diff(gaps) > 0).all()
    assert gaps[1] > 1.5 * gaps[6] / 6  # at .1 and .6
    shut = lower_lip(plan, 0.0, Pose(open=0.1, close=1))
    assert shut[0] <= 0


def test_f_raises_the_lower_lip_and_leaves_the_mouth_ajar(picture):
    plan = Layout(picture, demo_face(SIDE))
    poses = Pose(tuck=1), Pose(open=0.2, tuck=0.95), Pose(open=0.2)
    alone, said, opened = lower_lip(plan, 0.0, *poses)
    assert alone < 0 < said < 0.8 * opened
    rim = lower_lip(plan, plan.mouth.bottom, *poses)
    assert rim[1] - said < 0.85 * (rim[2] - opened)  # the lip itself is thinner


def test_drawings_are_told_from_photographs(picture):
    assert Layout(picture, demo_face(SIDE)).tone.drawn
    grain = picture + np.random.default_rng(0).normal(0, 8, picture.shape)
    photo = np.clip(grain, 0, 255).astype(np.uint8)
    assert not Layout(photo, demo_face(SIDE)).tone.drawn


@pytest.mark.parametrize("size", [(1, 7), (40, 1), (31, 23)])
def test_pixels_between_pixels(size):
    rng = np.random.default_rng(0)
    image, x, y = rng.random((*size, 3)), rng.uniform(-2, 25, (9, 50)), rng.uniform(-2, 44, (9, 50))
    ours = bilinear(image, x, y)
    for channel in range(3):
        theirs = ndimage.map_coordinates(image[..., channel], [y, x], order=1, mode="nearest")
        assert np.allclose(ours[..., channel], theirs)


def test_a_membrane_is_harmonic():
    """Between known borders of a plane lies the plane; a hole in a constant is the constant."""
    y, x = np.mgrid[:40, :48].astype(float)
    plane = (2 * x + y)[..., None]
    known = np.full((40, 48), 1.0)
    known[12:28, 14:34] = 1e-6
    torn = plane.copy()
    torn[12:28, 14:34] = 255
    assert np.abs(membrane(torn, known) - plane)[8:-8, 8:-8].max() < 6


@pytest.mark.parametrize("behind", [235, 20], ids=["a pale wall", "dark hair"])
@pytest.mark.parametrize("quiet", [True, False], ids=["in the quiet frame", "in the frame"])
def test_what_is_beside_a_face_is_neither_covered_nor_mixed_in(picture, behind, quiet):
    """A head that is turned shows what is behind it close to the corner of its mouth."""
    face = demo_face(SIDE)
    beside = round(face.mouth[:, 0].max() + 0.16 * face.iod)
    turned = picture.copy()
    turned[:, beside:] = behind
    shown, other = (picture, turned) if quiet else (turned, picture)
    drawn = Dub(other, face, Strength()).draw(shown, face, np.zeros(len(COLUMNS), np.float32))
    off = np.abs(drawn.astype(int) - shown).max(-1)
    assert off[:, beside + 3 :].max() <= 3
    lips = np.array([face.lip_top[1] - 0.1 * face.iod, face.lip_bottom[1] + 0.1 * face.iod])
    top, bottom = lips.round().astype(int)
    cheek = slice(round(face.mouth[:, 0].max() + 0.06 * face.iod), beside)
    assert off[top:bottom, cheek].max() <= 55


RATE = 16000


class _Told:
    """Poses that are given instead of heard."""

    def __init__(self, opened: np.ndarray) -> None:
        self._poses = np.zeros((len(opened), len(COLUMNS)), np.float32)
        self._poses[:, 0] = opened

    def poses(self, check) -> np.ndarray:
        return self._poses


def test_a_clip_forgets_what_it_said(picture):
    """The old mouth opens in one rhythm, the new voice in another: only the new one is seen."""
    n = 30
    old = 0.5 + 0.5 * np.sin(np.arange(n) * 0.9)
    new = np.clip(np.sin(np.arange(n) * 0.4), 0, 1) * 0.7
    old[:2] = 0  # there is a quiet moment
    face = demo_face(SIDE)
    still = Renderer(picture, face)
    pictures = still.render(track(*(Pose(open=float(o)) for o in old)))

    def seen(opened: float) -> Face:
        """What a finder says of an open mouth: the lower inner edge, and the gap."""
        gap = 0.25 * 0.172 * SIDE * opened
        down = np.array([0.0, 0.86 * gap])
        return replace(
            face, lip_line=face.lip_line + down, lip_bottom=face.lip_bottom + down, inner=gap
        )

    clip = ArrayFrames(pictures, Fraction(25))
    faces = GivenFaces(clip, clip, [[seen(o)] for o in old], seen(old[0]))
    sound = ArraySound(np.zeros((1, n * RATE // 25), np.float32), RATE)
    timeline = Timeline.of_frames(n, 25, RATE, n * RATE // 25)
    drawn = BuiltInEngine(Strength()).animate(Scene(clip, faces, Speech(sound), timeline))
    drawn._poses = _Told(new)
    frames = drawn.read(0, n)

    def gaps(frames: np.ndarray) -> np.ndarray:
        """Dark or white pixels between the lips."""
        part = frames[:, int(0.585 * SIDE) : int(0.72 * SIDE), int(0.45 * SIDE) : int(0.55 * SIDE)]
        part = part.astype(int)
        dark = part.sum(-1) < 260
        white = part.min(-1) > 195
        return (dark | white).mean((1, 2))

    was, now = gaps(pictures), gaps(frames)
    assert np.corrcoef(was, old)[0, 1] > 0.8
    assert np.corrcoef(now, new)[0, 1] > 0.8
    both = np.stack([(v - v.mean()) / v.std() for v in (new, old)], 1)
    slopes = np.linalg.lstsq(both, (now - now.mean()) / now.std(), rcond=None)[0]
    assert abs(slopes[1]) < 0.3
    assert (frames[:, : int(0.5 * SIDE)] == pictures[:, : int(0.5 * SIDE)]).all()


def test_where_the_face_is_not_seen_the_clip_stays_and_it_is_told(picture):
    """It has left, or a cut shows somebody else."""
    clip = ArrayFrames(np.stack([picture] * 10), Fraction(25))
    there = [[demo_face(SIDE)]]
    faces = GivenFaces(clip, clip, there * 4 + [[]] * 3 + there * 3, demo_face(SIDE))
    sound = ArraySound(np.zeros((1, RATE * 10 // 25), np.float32), RATE)
    timeline = Timeline.of_frames(10, 25, RATE, RATE * 10 // 25)
    drawn = BuiltInEngine(Strength()).animate(Scene(clip, faces, Speech(sound), timeline))
    drawn._poses = _Told(np.full(10, 0.7))
    frames = drawn.read(0, 10)
    same = [bool((frame == picture).all()) for frame in frames]
    assert same == [False] * 4 + [True] * 3 + [False] * 3
    assert "3 of 10 frames" in drawn.notes[-1] and "0.16 s" in drawn.notes[-1]


def test_lips_that_are_pressed_together_are_no_quiet_mouth(picture):
    """Rolled in they do not show; a clip that spoke with them would lose its lips."""
    full = picture.copy()
    mouth = full[int(0.58 * SIDE) : int(0.65 * SIDE), int(0.42 * SIDE) : int(0.58 * SIDE)]
    mouth[np.ptp(mouth.astype(int), axis=-1) > 100] = (186, 40, 60)
    pressed = picture.copy()
    lips = pressed[int(0.58 * SIDE) : int(0.65 * SIDE), int(0.42 * SIDE) : int(0.58 * SIDE)]
    lips[:] = np.median(picture[int(0.56 * SIDE), int(0.38 * SIDE) : int(0.42 * SIDE)], axis=0)
    lips[int(0.034 * SIDE)] = (110, 60, 50)  # the line between them
    face = demo_face(SIDE)
    opened = Renderer(full, face).render(track(Pose(open=0.5)))[0]
    found = quietest([(0, pressed, face), (1, opened, face), (2, full, face)])
    assert found is not None and found[0] == 2


def test_what_is_laid_over_a_frame_has_no_edge(picture):
    """In a turned head lips may be found too large: what is laid over them ends before they do."""
    face = demo_face(SIDE)
    frame = picture.copy()
    frame[int(0.5 * SIDE) :] = frame[int(0.5 * SIDE) :] * 0.6  # a collar's shadow, or a beard
    wide = face.mouth + np.array([[-0.08, 0.0], [0.08, 0.0]]) * SIDE
    large = replace(face, mouth=wide, lip_bottom=face.lip_bottom + np.array([0, 0.1 * SIDE]))
    drawn = Dub(picture, face, Strength()).draw(frame, large, Pose(open=0.5).row())
    off = np.abs(drawn.astype(int) - frame).max(-1)
    ends = np.flatnonzero(off.any(1))[-1], np.flatnonzero(off.any(0))[[0, -1]]
    assert off[ends[0]].max() <= 4 and off[:, ends[1]].max() <= 4
