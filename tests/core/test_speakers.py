"""Several faces in one picture, each moved by a voice of its own."""

import json
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile
from scipy.signal import welch

from imgsync_core import Speaker
from imgsync_core.audio.own_voice import OwnVoice
from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.engines.built_in.spec import SPEC
from imgsync_core.errors import FaceError, InputError, SoundError
from imgsync_core.face.find import find_faces
from imgsync_core.face.together import Together
from imgsync_core.face.tracks import NoFace, StillFace
from imgsync_core.face.wanted import WantedFace
from imgsync_core.job import Animation, Job, SoundEdit, prepare, render
from imgsync_core.media.encoding import preset
from imgsync_core.media.file_sound import FileSound
from imgsync_core.media.frames import ArrayFrames
from imgsync_core.media.mixing import Channel, Noisy, mixed
from imgsync_core.media.picture import Picture
from imgsync_core.media.sound import ArraySound, Part, Sound
from imgsync_core.media.video import VideoFrames
from imgsync_core.speakers import voices_of
from imgsync_core.watcher import Watcher

from .command import imgsync
from .hosts import one_thread
from .tiny_latentsync import write_all

__all__ = ["imgsync", "one_thread"]
RATE = 16000
SIDE = 192


def samples(sound: Sound) -> np.ndarray:
    return np.concatenate(list(sound.blocks()), 1)


def noise(seconds, seed=0, channels=1, level=0.1, rate=RATE):
    rng = np.random.default_rng(seed)
    wave = rng.normal(0, level, (channels, round(seconds * rate))).astype(np.float32)
    return ArraySound(wave, rate)


# -- sounds --


def test_a_mix_is_the_sum():
    one, two = noise(4.1, 1), noise(5.3, 2)
    total = samples(two).copy()
    total[:, : one.n_samples] += samples(one)
    found = mixed([one, two])
    assert (found.rate, found.layout, found.n_samples) == (RATE, "mono", two.n_samples)
    np.testing.assert_allclose(samples(found), total, atol=1e-6)
    assert mixed([one]) is one


def test_a_mix_of_two_kinds_has_the_better_of_each():
    t = np.arange(RATE) / RATE
    low = ArraySound(0.2 * np.sin(2 * np.pi * 200 * t)[None].astype(np.float32), RATE)
    t = np.arange(48000) / 48000
    wave = 0.3 * np.sin(2 * np.pi * 1000 * t).astype(np.float32)
    found = mixed([low, ArraySound(np.stack([wave, np.zeros_like(wave)]), 48000)])
    assert (found.rate, found.layout, found.n_samples) == (48000, "stereo", 48000)
    spectrum = np.abs(np.fft.rfft(samples(found)[:, 4800:43200], axis=1)) / 19200
    hertz = np.fft.rfftfreq(38400, 1 / 48000)
    at = [int(np.argmin(np.abs(hertz - f))) for f in (200, 1000)]
    assert spectrum[0, at] == pytest.approx([0.2, 0.3], abs=0.01)
    assert spectrum[1, at] == pytest.approx([0.2, 0.0], abs=0.01)


@pytest.mark.parametrize("level", [-20, -50])
def test_noise_is_white_and_the_same_each_time(level):
    silent = ArraySound(np.zeros((2, 5 * RATE), np.float32), RATE)
    noise_ = samples(Noisy(silent, level))
    assert 20 * np.log10(np.sqrt(np.mean(noise_**2, 1))) == pytest.approx([level] * 2, abs=0.2)
    _, power = welch(noise_, RATE, nperseg=1024)
    assert 10 * np.log10(power[:, 5:-5].max() / power[:, 5:-5].min()) < 4  # flat
    assert abs(np.corrcoef(noise_)[0, 1]) < 0.02
    np.testing.assert_array_equal(samples(Noisy(Part(silent, 0, 3 * RATE), level)),
                                  noise_[:, : 3 * RATE])  # fmt: skip


def test_a_channel():
    stereo = noise(3, channels=2)
    for i in (0, 1):
        np.testing.assert_array_equal(samples(Channel(stereo, i)), samples(stereo)[i : i + 1])


@pytest.mark.parametrize("rate", [16000, 22050, 48000])
def test_what_a_microphone_hears_of_the_other_is_left_out(rate):
    """First one talks, then the other, 20 dB quieter in the wrong microphone; then both."""
    a, b = (samples(noise(6, seed, rate=rate))[0] for seed in (1, 2))
    n = 2 * rate
    a[n : 2 * n] *= 0.1
    a[n : 2 * n] += 0.01 * b[n : 2 * n]
    b[:n] = 0.1 * a[:n]
    found = [samples(OwnVoice([ArraySound(x[None], rate) for x in (a, b)], i))[0] for i in (0, 1)]
    assert [len(f) for f in found] == [len(a), len(b)]
    around = round(0.35 * rate)  # of the turn
    own = np.r_[0 : n - around, 2 * n + around : 3 * n]
    np.testing.assert_array_equal(found[0][own], a[own])
    np.testing.assert_array_equal(found[1][n + around :], b[n + around :])
    quiet = slice(n + around, 2 * n - around)
    assert np.abs(found[0][quiet]).max() == 0 and np.abs(found[1][: n - around]).max() == 0


def test_voices_of_different_rates_and_silence():
    voices = [noise(2, 1), noise(2, 2, rate=44100), ArraySound(np.zeros((1, 2 * 8000)), 8000)]
    for i in (0, 1):
        np.testing.assert_array_equal(samples(OwnVoice(voices, i)), samples(voices[i]))
    assert not samples(OwnVoice(voices, 2)).any()


def test_whose_voice_is_whose():
    stereo = noise(2, channels=2)
    left, right = voices_of([Speaker(), Speaker()], stereo)
    np.testing.assert_array_equal(samples(left), samples(stereo)[:1])
    np.testing.assert_array_equal(samples(right), samples(stereo)[1:])
    assert voices_of([Speaker()], stereo) == [stereo]
    (short,) = voices_of([Speaker(voice=noise(1))], stereo)
    assert short.n_samples == stereo.n_samples
    with pytest.raises(SoundError, match="3 faces speak, and sound has 2 channels"):
        voices_of([Speaker()] * 3, stereo)
    with pytest.raises(SoundError, match=r"has 1 channel\. Give each"):
        voices_of([Speaker()] * 2, noise(1))


# -- frames --


def test_each_pixel_is_of_the_next_face():
    shape = (3, 60, 100, 3)
    parts = [ArrayFrames(np.full(shape, value, np.uint8), Fraction(25)) for value in (10, 20)]
    face = find_faces(demo_picture(SIDE))[0]
    small = face.scaled(20 / face.iod, 20 / face.iod)
    x, y = small.oval[:2]
    left, right = small.moved(25 - x, 30 - y), small.moved(75 - x, 30 - y)
    found = Together([(parts[0], StillFace(left)), (parts[1], StillFace(right))]).read(1, 3)
    assert (found[:, :, :50] == 10).all() and (found[:, :, 51:] == 20).all()
    big = right.scaled(3, 3)
    big = big.moved(75 - big.oval[0], 30 - big.oval[1])
    found = Together([(parts[0], StillFace(left)), (parts[1], StillFace(big))]).read(0, 1)[0]
    edge = 25 + 50 / 4  # three times as far from the middle of the larger one
    assert found[30, int(edge) - 1, 0] == 10 and found[30, int(edge) + 1, 0] == 20
    absent = Together([(parts[0], StillFace(left)), (parts[1], NoFace())]).read(0, 3)
    assert (absent == 10).all()


def test_the_progress_of_two_is_one():
    class Engine(ArrayFrames):
        def watch(self, watcher):
            self.watcher = watcher

    parts = [Engine(np.zeros((4, 8, 8, 3), np.uint8), Fraction(25)) for _ in range(2)]
    told = []
    both = Together([(part, NoFace()) for part in parts])
    both.watch(Watcher(progress=lambda done, total: told.append((done, total))))
    parts[0].watcher.progress(4, 4)
    parts[1].watcher.progress(2, 4)
    assert told == [(2, 4), (3, 4)]


# -- all of it --


@pytest.fixture(scope="module")
def two():
    """Two faces side by side."""
    return np.concatenate([demo_picture(SIDE)] * 2, 1)


@pytest.fixture(scope="module")
def talk():
    """1.4 s, first one voice, then after a pause the other: stereo, (2, n)."""
    voice = demo_speech(0.6, RATE)[0]
    rest = np.zeros(round(0.2 * RATE), voice.dtype)
    return np.stack([
        np.concatenate([voice, rest, 0 * voice]), np.concatenate([0 * voice, rest, voice])
    ]).astype(np.float32)  # fmt: skip


ONLY_MOUTH = {"head": 0.0, "blink": 0.0, "expression": 0.0}


def moving(frames: np.ndarray) -> np.ndarray:
    """How many pixels of each half change much while the first speaks and the second: (2, 2)."""
    spans = [frames[2:14].astype(int), frames[23:34].astype(int)]
    changes = [np.ptp(span, axis=0).max(-1) > 40 for span in spans]
    return np.array([[half.sum() for half in np.split(c, 2, axis=1)] for c in changes]).T


def speak_in_turn(found: np.ndarray) -> bool:
    """Whether the left one speaks only in the first 0.6 s and the right one only from 0.8 s on."""
    return bool((np.diag(found) > 4 * np.array([found[0, 1], found[1, 0]]) + 100).all())


LEFT, RIGHT = (WantedFace(point=(x * SIDE, 0.5 * SIDE)) for x in (0.5, 1.5))


def cast(*who, voices=(None, None)):
    return tuple(Speaker(one, voice) for one, voice in zip(who, voices, strict=True))


@pytest.mark.parametrize("how", ["channels", "voices", "files", "leaking"])
def test_each_speaks_with_its_own_voice(two, talk, tmp_path, how):
    voices, heard = (None, None), ArraySound(talk, RATE)
    if how == "voices":
        voices, heard = [ArraySound(voice[None], RATE) for voice in talk], None
    elif how == "files":
        voices, heard = [tmp_path / "0.wav", tmp_path / "1.wav"], None
        for path, voice in zip(voices, talk, strict=True):
            wavfile.write(path, RATE, (voice * 32767).astype(np.int16))
    elif how == "leaking":
        heard = ArraySound(talk + 0.1 * talk[::-1], RATE)
    animation = Animation(speakers=cast(LEFT, RIGHT, voices=voices), options=ONLY_MOUTH)
    with prepare(Job(Picture(two), heard, animation=animation)) as ready:
        assert speak_in_turn(moving(ready.frames.read(0, 35)))
        assert ready.timeline.n_frames == 35 and len(ready.speeches) == 2
        cost = SPEC.cost({}, (2 * SIDE, SIDE), 35).memory
        assert 0 < ready.forecast.memory - cost < cost  # two pictures, one program
        expected = talk if heard is not None else talk.sum(0, keepdims=True)
        if how != "leaking":
            np.testing.assert_allclose(samples(ready.sound), expected, atol=1e-4)


def test_without_a_word_they_speak_from_left_to_right(two, talk):
    animation = Animation(speakers=(Speaker(), Speaker()), options=ONLY_MOUTH)
    with prepare(Job(Picture(two), ArraySound(talk, RATE), animation=animation)) as ready:
        assert speak_in_turn(moving(ready.frames.read(0, 35)))
    three = Animation(speakers=(Speaker(),) * 3, options=ONLY_MOUTH)
    with pytest.raises(FaceError, match="3 faces are to speak, and 2 are in the picture"):
        prepare(Job(Picture(two), noise(1, channels=3), animation=three))


def test_the_other_way_round(two, talk):
    animation = Animation(speakers=cast(RIGHT, LEFT), options=ONLY_MOUTH)
    with prepare(Job(Picture(two), ArraySound(talk, RATE), animation=animation)) as ready:
        assert speak_in_turn(moving(ready.frames.read(0, 35))[::-1])


def test_both_heads_move_and_not_alike(two, talk):
    """Also of who listens: they are alive, each in its own way."""
    animation = Animation(speakers=(Speaker(), Speaker()))
    with prepare(Job(Picture(two), ArraySound(talk, RATE), animation=animation)) as ready:
        frames = ready.frames.read(0, 35)
    assert (moving(frames) > 100).all()
    left, right = np.split(frames, 2, axis=2)
    assert np.abs(left.astype(int) - right)[20:].max() > 60


def test_in_a_clip(two, talk):
    """The clip's own frames are kept where nobody speaks."""
    clip = ArrayFrames(np.repeat(two[None], 35, 0), Fraction(25))
    animation = Animation(speakers=cast(LEFT, RIGHT), options=ONLY_MOUTH)
    with prepare(Job(clip, ArraySound(talk, RATE), animation=animation)) as ready:
        assert speak_in_turn(moving(ready.frames.read(0, 35)))


def test_vocals_drive_and_the_mix_is_heard(two, talk):
    voice, mix = ArraySound(talk[1:], RATE), noise(1.4, level=0.3)
    animation = Animation(speakers=(Speaker(LEFT, voice),), options=ONLY_MOUTH)
    with prepare(Job(Picture(two), mix, animation=animation)) as ready:
        found = moving(ready.frames.read(0, 35))
        assert ready.sound is mix and found[1].max() == 0
    assert found[0, 1] > 4 * found[0, 0] + 100


def test_edits_go_for_voices_as_for_what_is_heard(two, talk):
    """0.4 s of silence before: everything is so much later."""
    animation = Animation(speakers=cast(LEFT, RIGHT), options=ONLY_MOUTH)
    later = SoundEdit(pad_start=Fraction(2, 5))
    voices = [ArraySound(voice[None], RATE) for voice in talk]
    given = Animation(speakers=cast(LEFT, RIGHT, voices=voices), options=ONLY_MOUTH)
    frames = []
    for how, sound in ((animation, ArraySound(talk, RATE)), (given, None)):
        with prepare(Job(Picture(two), sound, animation=how, edit=later)) as ready:
            assert ready.timeline.n_frames == 45
            frames.append(ready.frames.read(0, 45))
    assert np.ptp(frames[0][:8].astype(int), axis=0).max() < 60
    assert speak_in_turn(moving(frames[0][10:]))
    np.testing.assert_array_equal(*frames)


def test_a_voice_that_is_longer_than_what_is_heard_is_told(two, talk):
    long = ArraySound(np.pad(talk[:1], ((0, 0), (0, RATE))), RATE)
    animation = Animation(speakers=(Speaker(LEFT, long),))
    with prepare(Job(Picture(two), ArraySound(talk, RATE), animation=animation)) as ready:
        assert any("1.00 s longer" in note for note in ready.notes)


def test_two_speakers_with_one_face_are_refused(two, talk):
    animation = Animation(speakers=cast(LEFT, LEFT))
    with pytest.raises(FaceError, match="Speakers 1 and 2 are the same face"):
        prepare(Job(Picture(two), ArraySound(talk, RATE), animation=animation))


def test_only_one_voice_for_two_is_refused(two, talk):
    animation = Animation(speakers=cast(LEFT, RIGHT, voices=(ArraySound(talk[:1], RATE), None)))
    with pytest.raises(InputError, match="Speaker 2 has no voice"):
        prepare(Job(Picture(two), ArraySound(talk, RATE), animation=animation))


def test_latentsync_draws_both(two, talk, tmp_path):
    """Tiny random networks: lips of both are drawn, nothing between and around them."""
    write_all(tmp_path)
    small = {"weights": str(tmp_path), "resolution": 64, "steps": 1}
    big = np.asarray(Image.fromarray(two).resize((512, 256)))
    animation = Animation("latentsync", speakers=(Speaker(), Speaker()), options=small)
    sound = ArraySound(talk[:, : RATE // 2], RATE)
    with prepare(Job(Picture(big), sound, animation=animation)) as ready:
        report = render(ready, tmp_path / "o.mkv", preset("mkv-ffv1"))
        assert report.info.picture.frames == 13
        change = np.abs(ready.frames.read(0, 13).astype(int) - big).max((0, 3))
    for side in np.split(change, 2, axis=1):
        y, x = np.nonzero(side > 8)
        assert len(y) > 500 and x.min() > 40 and x.max() < 216


# -- the command line --


@pytest.fixture
def files(two, talk, tmp_path):
    Image.fromarray(two).save(tmp_path / "two.png")
    wavfile.write(tmp_path / "talk.wav", RATE, (talk.T * 32767).astype(np.int16))
    for i, voice in enumerate(talk):
        wavfile.write(tmp_path / f"{i}.wav", RATE, (voice * 32767).astype(np.int16))
    return tmp_path


STILL = ("--strength", "head=0,blink=0,expression=0")


@pytest.mark.parametrize("by", ["channels", "voices"])
def test_the_command(imgsync, files, by):
    sounds = ["--voice", files / "0.wav", "--voice", files / "1.wav"]
    given = [files / "talk.wav"] if by == "channels" else sounds
    faces = ["--face", f"{SIDE / 2},{SIDE / 2}", "--face", f"{SIDE * 1.5},{SIDE / 2}"]
    faces = faces if by == "channels" else []  # from the left
    words = [files / "two.png", *given, *faces, "-o", files / "o.mkv", "--preset", "mkv-ffv1"]
    ran = imgsync("animate", *words, *STILL, "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["picture"]["frames"] == 35 and told["agrees"]
    assert speak_in_turn(moving(VideoFrames(files / "o.mkv").read(0, 35)))
    assert FileSound(files / "o.mkv").channels == (2 if by == "channels" else 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("0.wav", "--face", "0", "--face", "1"), "has 1 channel"),
        (("talk.wav", "--face", "0", "--face", "1", "--mouth", "1,2,3"), "are for one face"),
        (("--voice", "0.wav", "--face", "0", "--face", "1"), "Speaker 2 has no voice"),
        (("talk.wav", "--face", "1", "--face", "1"), "are the same face"),
        (("talk.wav", "--face", "0", "--face", "9"), "no face number 9"),
        (("talk.wav", "--face", "0", "--face", "1", "--fit", "face", "--size", "64x64"),
         "shows only one"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(imgsync, files, monkeypatch, words, said):
    monkeypatch.chdir(files)
    ran = imgsync("animate", "two.png", *words, "-o", "o.mp4")
    assert ran.code == 1 and said in ran.err and len(ran.err.splitlines()) == 1, ran.err
    assert not list(files.glob("o.mp4*"))


def test_a_voice_is_not_written_over(imgsync, files, monkeypatch):
    monkeypatch.chdir(files)
    (files / "v.mp4").write_bytes((files / "0.wav").read_bytes())
    ran = imgsync("animate", "two.png", "--voice", "v.mp4", "-o", "v.mp4", "--overwrite")
    assert ran.code and "is what the video is made of" in ran.err
