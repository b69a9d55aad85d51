"""From a picture and a voice to a face that speaks: performance, engine, command line."""

import csv
import json
import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from imgsync_core.audio.speech import Speech
from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.engines.base import Scene
from imgsync_core.engines.built_in.performance import perform
from imgsync_core.engines.built_in.pose import COLUMNS
from imgsync_core.engines.registry import engine
from imgsync_core.errors import InputError
from imgsync_core.face.find import find_faces
from imgsync_core.face.tracks import FollowedFace, StillFace
from imgsync_core.face.wanted import WantedFace
from imgsync_core.job import Animation, Job, prepare
from imgsync_core.media.frames import ArrayFrames, StillFrames
from imgsync_core.media.picture import Picture
from imgsync_core.media.sound import ArraySound
from imgsync_core.media.video import VideoFrames
from imgsync_core.timeline import Timeline

from .command import imgsync

__all__ = ["imgsync"]
RATE = 16000


@pytest.fixture(scope="module")
def picture():
    return demo_picture(256)


@pytest.fixture(scope="module")
def face(picture):
    return find_faces(picture)[0]


@pytest.fixture(scope="module")
def speech():
    return demo_speech(3.0, RATE)


@pytest.fixture
def files(picture, speech, tmp_path):
    from scipy.io import wavfile

    Image.fromarray(picture).save(tmp_path / "a.png")
    wavfile.write(tmp_path / "a.wav", RATE, (speech[0] * 32767).astype(np.int16))
    return tmp_path


def table(seconds=60.0, seed=0):
    """Speech in turns of two seconds with a second of pause, as the net would describe it."""
    rng = np.random.default_rng(seed)
    n = round(seconds * 50)
    voiced = ((np.arange(n) / 50) % 3 < 2).astype(np.float32)
    rows = rng.random((n, 8), np.float32) * voiced[:, None]
    rows[:, 5] = voiced
    return rows


def column(poses, name):
    return poses[:, COLUMNS.index(name)]


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30000, 1001), Fraction(60)])
def test_blinks_of_a_calm_speaker(fps):
    poses = perform(table(), fps, int(60 * fps), seed=3)
    shut = column(poses, "blink") > 0.6
    starts = np.flatnonzero(np.diff(shut.astype(int)) == 1)
    assert 8 <= len(starts) <= 22
    assert 0.03 <= shut.sum() / len(starts) / float(fps) <= 0.13


def test_the_head_moves_little_and_less_in_silence():
    poses = perform(table(), Fraction(25), 1500, seed=1)
    silent = perform(np.zeros((3000, 8), np.float32), Fraction(25), 1500, seed=1)
    for name, most in (("yaw", 4), ("pitch", 4), ("roll", 3)):
        moved = column(poses, name).std()
        assert 0.2 < moved < most
        assert column(silent, name).std() < moved


def test_the_mouth_is_shut_where_nobody_speaks():
    poses = perform(table(), Fraction(50), 3000, seed=1)
    t = (np.arange(3000) / 50) % 3
    pause = (t > 2.1) & (t < 2.68)  # then the lips part for breath
    assert np.abs(poses[pause, :5]).max() == 0
    assert np.abs(poses[(t > 2.1) & (t < 2.9), 1:5]).max() == 0


def test_a_seed_decides_everything():
    one, same, other = (perform(table(), Fraction(25), 1500, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert np.array_equal(one[:, :5], other[:, :5])  # chance does not touch the mouth


def shot(picture, face, speech, time) -> Scene:
    frames = StillFrames(Picture(picture))
    return Scene(frames, StillFace(face), Speech(ArraySound(speech, RATE)), time, 1)


def test_speaking_keeps_the_background_and_opens_the_mouth(picture, face, speech):
    time = Timeline.of_sound(speech.shape[1], RATE, 25)
    frames = engine("built-in").animate(shot(picture, face, speech, time))
    assert frames.n_frames == 75 and frames.size == (256, 256)
    shown = frames.read(0, 75)
    assert np.array_equal(shown[30:40], frames.read(30, 40))
    assert (shown[:, :20, :20] == picture[:20, :20]).all()
    x, y = (int(v) for v in face.lip_line)
    moving = np.abs(shown[:, y - 4 : y + 12, x - 8 : x + 8].astype(int) - shown[0, y - 4 : y + 12,
                    x - 8 : x + 8])  # fmt: skip
    assert moving.max() > 60


def test_strength_zero_is_the_picture(picture, face, speech):
    time = Timeline.of_sound(speech.shape[1], RATE, 25)
    still = dict.fromkeys(("mouth", "head", "blink", "expression"), 0.0)
    frames = engine("built-in", still).animate(shot(picture, face, speech, time))
    assert (frames.read(0, 75) == picture).all()


def test_a_clip_is_followed(picture, face, speech):
    clip = ArrayFrames(np.stack([np.roll(picture, i, 1) for i in range(4)]), Fraction(25))
    time = Timeline.of_frames(4, 25, RATE, RATE // 10)
    voice, follow = ArraySound(speech[:, : RATE // 10], RATE), FollowedFace(clip, clip, face)
    frames = engine("built-in").animate(Scene(clip, follow, Speech(voice), time, 1))
    assert frames.read(0, 4).shape == (4, 256, 256, 3)


def test_unknown_engine():
    with pytest.raises(InputError, match="not known"):
        engine("magic")


def test_animate_twice_gives_the_same_file(imgsync, files):
    for name in ("a.mp4", "b.mp4"):
        ran = imgsync("animate", files / "a.png", files / "a.wav", "-o", files / name, "--quiet")
        assert ran.code == 0, ran.err
    assert (files / "a.mp4").read_bytes() == (files / "b.mp4").read_bytes()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--strength", "mouth=9"), "--strength"),
        (("--strength", "nose=1"), "--strength"),
        (("--face", "3"), "no face number 3"),
        (("--face", "1,1"), "no face at"),
        (("--mouth", "1,2"), "3 numbers"),
        (("--mouth", "9000,10,20"), "outside"),
        (("--eyes", "1,2,3,4"), "mouth"),
    ],
)
def test_animate_refuses(imgsync, files, words, sentence):
    ran = imgsync("animate", files / "a.png", files / "a.wav", "-o", files / "x.mp4", *words)
    assert ran.code == 1 and sentence in ran.err and len(ran.err.splitlines()) == 1
    assert not list(files.glob("x.mp4*"))


def test_no_face(imgsync, files):
    Image.new("RGB", (64, 64), "gray").save(files / "b.png")
    ran = imgsync("animate", files / "b.png", files / "a.wav", "-o", files / "x.mp4")
    assert ran.code == 1 and "No face" in ran.err
    points = ("--mouth", "32,48,20", "--eyes", "22,24,42,24", "--quiet")
    words = ("animate", files / "b.png", files / "a.wav", "-o", files / "x.mp4", *points)
    assert imgsync(*words).code == 0


@pytest.mark.parametrize("name", ["c.npz", "c.csv"])
def test_curves(imgsync, files, name):
    assert imgsync("curves", files / "a.wav", "-o", files / name).code == 0
    wanted = {"t", "open", "width", "spread", "round", "close", "tuck", "blink", "yaw", "pitch",
              "roll", "brow", "shift_x", "shift_y", "gaze_x", "gaze_y", "squint",
              "tongue"}  # fmt: skip
    if name.endswith(".npz"):
        with np.load(files / name) as found:
            assert set(found) == wanted and len(found["t"]) == 150
    else:
        with (files / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert set(rows[0]) == wanted and len(rows) == 150


def test_faces(imgsync, files):
    ran = imgsync("faces", files / "a.png", "-o", files / "o.png")
    assert ran.code == 0 and "face 0" in ran.out
    with Image.open(files / "o.png") as overlay:
        assert overlay.size == (256, 256)


def test_faces_in_json_say_which_is_doubtful(imgsync, files, monkeypatch):
    (face,) = find_faces(np.asarray(Image.open(files / "a.png").convert("RGB")))
    both = [face, replace(face, confidence=0.5)]
    monkeypatch.setattr("imgsync_core.face.find.find_faces", lambda rgb: both)
    told = json.loads(imgsync("faces", files / "a.png", "-o", files / "o.png", "--json").out)
    assert [len(one.get("notes", ())) for one in told["faces"]] == [0, 1]
    assert "50 % sure" in told["faces"][1]["notes"][0]


@pytest.mark.parametrize(
    ("engine", "words"),
    [("built-in", "Built-in animator: "),
     ("auto", "Built-in animator (hallo2 lacks its weights (hallo2, ")],
)  # fmt: skip
def test_the_command_says_what_to_expect(imgsync, files, engine, words, monkeypatch):
    monkeypatch.setenv("IMGSYNC_MODELS", str(files))  # none in it
    job = ["animate", files / "a.png", files / "a.wav", "--engine", engine, "-o"]
    ran = imgsync(*job, files / "a.mp4")
    assert ran.code == 0 and words in ran.err and ": 75 frames of 256x256, " in ran.err
    assert re.search(r", (about \d+ s|less than a second), \d+ MB of memory", ran.err)
    told = json.loads(imgsync(*job, files / "b.mp4", "--json").out)["forecast"]
    assert told["engine"] == "built-in" and told["frames"] == 75 and told["seconds"] > 0
    assert "Built-in" not in imgsync(*job, files / "c.mp4", "--quiet").err


def test_a_face_that_is_not_sure_opens_less_and_says_so(picture, face, speech):
    still, who = StillFrames(Picture(picture)), replace(face, confidence=0.2)
    voice = ArraySound(speech, RATE)

    def opened(face):
        how = Animation(who=WantedFace(face=face), options={"head": 0, "blink": 0, "expression": 0})
        ready = prepare(Job(still, voice, animation=how))
        frames = ready.frames.read(0, 75).astype(int)
        return np.abs(frames - picture).sum(), ready.notes

    (sure, quiet), (unsure, told) = opened(face), opened(who)
    assert unsure < 0.85 * sure and not quiet
    assert len(told) == 1 and "20 % sure" in told[0] and "opens less" in told[0]


def test_curves_that_were_edited_replace_what_is_heard(imgsync, files):
    """Written, edited and read: the mouth does what the file says, at the file's times."""
    assert imgsync("curves", files / "a.wav", "-o", files / "c.csv").code == 0
    with (files / "c.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for i, row in enumerate(rows):
        row |= {
            "open": 0.9 if 50 <= i < 100 else 0.0,
            "close": 0,
            "round": 0,
            "spread": 0,
            "tuck": 0,
        }
    with (files / "c.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    still = "head=0,blink=0,expression=0"
    words = ["animate", files / "a.png", files / "a.wav", "--strength", still, "--quiet",
             "--curves", files / "c.csv", "-o"]  # fmt: skip

    def moving(path, *more):
        assert imgsync(*words, path, *more).code == 0
        frames = VideoFrames(path).read(0, 75)[:, 140:220, 90:170].astype(int)
        return np.flatnonzero(np.abs(frames - frames[0]).mean((1, 2, 3)) > 1.5)

    shown = moving(files / "a.mkv")
    assert shown[0] in range(24, 27) and shown[-1] in range(48, 52)
    later = moving(files / "b.mkv", "--offset-ms", "400")
    assert later[0] - shown[0] in range(9, 12)
    ran = imgsync(*words[:-2], "nowhere.csv", "-o", files / "x.mp4")
    assert ran.code == 1 and "nowhere.csv" in ran.err
