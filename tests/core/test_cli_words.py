"""What the command line makes of its words: names, several files, plans, logs, completion."""

import json
import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsync_core.animation import Animation
from imgsync_core.cli.tasks import tasks
from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.errors import InputError, OutputError
from imgsync_core.face.find import find_faces
from imgsync_core.face.wanted import WantedFace
from imgsync_core.job import Job, prepare
from imgsync_core.media.fit import Fit
from imgsync_core.media.sound import ArraySound
from imgsync_core.media.target import check_target

from .command import imgsync

__all__ = ["imgsync"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The current folder: one.png, two.png, a.wav, b.wav, cover.mp3-like names aside."""
    monkeypatch.chdir(tmp_path)
    for name, shade in (("one", 60), ("two", 200)):
        Image.fromarray(np.full((32, 48, 3), shade, np.uint8)).save(f"{name}.png")
    for name, n in (("a", 1600), ("b", 3200)):
        with wave.open(f"{name}.wav", "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes((np.sin(np.arange(n) / 9) * 9000).astype("<i2").tobytes())
    return tmp_path


def written(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.mp4"))


def test_a_file_has_a_name_without_being_given_one(here, imgsync):
    for name in ("one-extended.mp4", "one-extended-2.mp4"):
        ran = imgsync("extend", "one.png", "a.wav", "--quiet")
        assert ran.code == 0 and f"wrote {name}" in ran.out
    assert written(here) == ["one-extended-2.mp4", "one-extended.mp4"]


@pytest.mark.parametrize(
    ("files", "output", "names"),
    [
        (["*.png", "a.wav"], "{picture}.mp4", ["one.mp4", "two.mp4"]),
        (["one.png", "two.png", "a.wav"], None, ["one-extended.mp4", "two-extended.mp4"]),
        (["one.png", "?.wav"], None, ["one-a.mp4", "one-b.mp4"]),
        (["one.png", "a.wav", "two.png", "b.wav"], "{n}_{sound}.mp4", ["1_a.mp4", "2_b.mp4"]),
    ],
)
def test_several_files_make_several_videos(here, imgsync, files, output, names):
    ran = imgsync("extend", *files, *(["-o", output] if output else []), "--quiet")
    assert ran.code == 0, ran.err
    assert written(here) == names


@pytest.mark.parametrize(
    ("files", "output", "words"),
    [
        (["*.png", "a.wav"], "x.mp4", r"2 videos would have the name x\.mp4"),
        (["*.jpg", "a.wav"], None, r"No file matches \*\.jpg"),
        (["*.png", "a.wav"], "{picture} {frames}.mp4", r"\{frames\} in .* stands for nothing"),
        (["a.wav", "b.wav", "a.wav"], None, "All of these files are sounds"),
        (["one.png", "two.png", "one.png", "a.wav", "b.wav"], None, "3 pictures and 2 sounds"),
    ],
)
def test_files_that_do_not_go_together(here, files, output, words):
    with pytest.raises(InputError, match=words):
        tasks(files, output, "extended", ".mp4")


def test_where_one_of_several_is_refused_the_others_are_made(here, imgsync):
    Path("one.png").write_bytes(b"no picture")
    ran = imgsync("extend", "one.png", "two.png", "a.wav", "--quiet")
    assert ran.code == 1 and "one-extended.mp4: " in ran.err
    assert written(here) == ["two-extended.mp4"]


@pytest.mark.parametrize("words", [["extend"], ["extend", "a", "--fit", "x"], ["bogus"], []])
def test_wrong_words_are_answered_in_a_line(words, imgsync):
    ran = imgsync(*words)
    assert ran.code == 2 and ran.out == ""
    assert len(ran.err.splitlines()) == 1 and "--help" in ran.err


@pytest.mark.parametrize(
    "command",
    [
        "animate",
        "extend",
        "batch",
        "probe",
        "demo",
        "faces",
        "curves",
        "doctor",
        "models",
        "completion",
    ],
)
def test_help_has_examples(command, imgsync):
    _, _, shown = imgsync(command, "--help").out.partition("examples:\n")
    lines = [line.split() for line in shown.splitlines() if line]
    assert lines and all(line[:2] == ["imgsync", command] for line in lines)


def test_a_plan_writes_nothing(here, imgsync):
    ran = imgsync("extend", "one.png", "a.wav", "--dry-run")
    assert (ran.code, written(here)) == (0, [])
    assert ran.out == "one-extended.mp4: 3 frames of 48x32 at 25 fps, 0.120 s; nothing is written\n"
    plan = json.loads(imgsync("extend", "one.png", "a.wav", "--dry-run", "--json").out)
    assert (plan["frames"], plan["width"], plan["path"]) == (3, 48, "one-extended.mp4")


def test_a_plan_of_a_face_tells_the_forecast(here, imgsync):
    Image.fromarray(demo_picture(160)).save("face.png")
    ran = imgsync("animate", "face.png", "a.wav", "--dry-run", "--quiet")
    assert ran.code == 0 and "Built-in animator: 3 frames of 160x160" in ran.out
    assert written(here) == []


@pytest.mark.parametrize(
    ("words", "tried"),
    [
        ((), True),
        (("--quiet",), False),
        (("--print", "path"), False),
        (("--json",), True),
        (("--quiet", "--log", "log.txt"), True),
        (("--quiet", "--dry-run"), True),
    ],
)
def test_how_long_is_only_tried_where_somebody_reads_it(here, imgsync, monkeypatch, words, tried):
    tries = []

    def encode(frames, *_):
        tries.append(len(frames))
        return 0.1

    monkeypatch.setattr("imgsync_core.plan.rate._measured", {})
    monkeypatch.setattr("imgsync_core.media.trial.seconds_to_encode", encode)
    Image.fromarray(demo_picture(160)).save("face.png")
    assert imgsync("animate", "face.png", "a.wav", "-o", "x.mp4", *words).code == 0
    assert bool(tries) == tried


def test_only_the_path_on_demand(here, imgsync):
    ran = imgsync("extend", "one.png", "a.wav", "-o", here / "x.mp4", "--print", "path")
    assert (ran.code, ran.out, ran.err) == (0, f"{here / 'x.mp4'}\n", "")


def test_one_frame_is_no_frames(here, imgsync):
    ran = imgsync("extend", "one.png", "--frames", 1, "-o", "x.mp4")
    assert "1 frame at" in ran.out and "1 of 1 frame)" in ran.err and "1 frames" not in ran.out


def test_the_log_has_what_was_said_done_and_refused(here, imgsync):
    words = ("extend", "one.png", "a.wav", "-o", "x.mp4", "--quiet", "--log", "log.txt")
    assert (imgsync(*words).code, imgsync(*words).code) == (0, 1)
    lines = Path("log.txt").read_text().splitlines()
    said = [" ".join(line.split()[2:]) for line in lines]
    assert said[0] == " ".join(("imgsync", *words)) == said[-2]
    assert said[1].startswith("wrote x.mp4 in ") and "x.mp4 exists already" in said[-1]
    ran = imgsync(*words[:-1], here / "none" / "log.txt")
    assert ran.code == 1 and "log" in ran.err and "cannot be written" in ran.err


def test_the_video_is_never_written_over_its_source(here, imgsync):
    assert imgsync("extend", "one.png", "a.wav", "-o", "x.mp4", "--quiet").code == 0
    before = Path("x.mp4").read_bytes()
    for words in (("x.mp4", "b.wav"), ("one.png", "x.mp4"), ("./x.mp4",)):
        ran = imgsync("extend", *words, "-o", "x.mp4", "--overwrite", "--quiet", "--frames", 9)
        assert ran.code == 1 and "is what the video is made of" in ran.err
    assert Path("x.mp4").read_bytes() == before
    ran = imgsync("extend", "missing.png", "a.wav", "-o", "x.mp4", "--overwrite")
    assert ran.code == 1 and "missing.png: there is no such file" in ran.err


def test_bash_completes_commands_options_and_values(here, imgsync):
    if shutil.which("bash") is None:
        pytest.skip("bash is not on the PATH")
    Path("c.sh").write_text(imgsync("completion", "bash").out)

    def completed(*typed: str) -> list[str]:
        words = " ".join(f"'{word}'" for word in ("imgsync", *typed))
        script = f"source c.sh; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _imgsync; "
        run = subprocess.run(
            ["bash", "-c", script + 'printf "%s\\n" "${COMPREPLY[@]}"'],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return run.stdout.split()

    assert completed("ex") == ["extend"]
    assert set(completed("extend", "--fi")) == {"--fit"}
    assert set(completed("batch", "--on", "")) == {"here", "ray"}
    assert set(completed("batch", "--o")) == {"--on", "--output", "--overwrite"}
    assert set(completed("animate", "one.png", "--fit", "")) >= {"auto", "face", "pad"}
    for shell in ("zsh", "fish"):
        assert "--engine" in (text := imgsync("completion", shell).out) or "-l engine" in text


def test_a_clone_that_nobody_installed_is_a_command_too(here):
    """As the sentence about missing weights says it, from any folder, beside no installed one."""
    words = [sys.executable, "-S", str(ROOT / "imgsync_core"), "models", "list", "--json"]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    run = subprocess.run([*words, "--models", "m"], cwd=here, env=env, capture_output=True,
                         text=True, check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["folder"] == "m"


def test_a_folder_that_is_not_there_is_named_for_what_it_is(here):
    with pytest.raises(OutputError, match="no such folder"):
        check_target(here / "none" / "x.mp4", False)


# -- points are in pixels of the picture as it is --


@pytest.fixture(scope="module")
def tall() -> np.ndarray:
    """A face in the upper half of a tall picture: 300 of 300x720 px."""
    picture = np.full((720, 300, 3), 190, np.uint8)
    picture[40:340] = demo_picture(300)
    return picture


def prepared(picture: np.ndarray, **more):
    from imgsync_core.media.picture import Picture

    sound = ArraySound(demo_speech(0.2, 16000), 16000)
    with prepare(Job(Picture(picture, source="test"), sound, **more)) as made:
        return made


def test_points_mean_the_picture_before_it_is_fitted(tall):
    mouth, eyes = (150.0, 224.5, 44.0), ((124.0, 173.5), (176.0, 173.5))
    fit = Fit("crop", 240, 240, view=(0, 0, 300, 480))
    for who in (WantedFace(mouth=mouth, eyes=eyes), WantedFace(point=(150, 200))):
        face = prepared(tall, fit=fit, animation=Animation(who=who)).face
        way = fit.mapping(300, 720)
        assert face.lip_line == pytest.approx(
            [150 * way.sx + way.dx, 224.5 * way.sy + way.dy], abs=3
        )


def test_the_command_line_takes_such_points(here, imgsync, tall):
    Image.fromarray(tall).save("tall.png")
    words = ("animate", "tall.png", "a.wav", "--dry-run", "--quiet", "--size", "150x0")
    assert imgsync(*words, "--face", "150,200").code == 0
    assert "no face at (37.5" in imgsync(*words, "--face", "75,100").err  # 75 is beside it here


@pytest.mark.parametrize("size", [(200, 200), (320, 180), (120, 360)])
def test_auto_cuts_no_face(tall, size):
    """Every crop of this picture's middle beheads it."""
    fit = Fit("keep", *size)
    made = prepared(tall, fit=fit, framing="auto")
    frame = made.frames.read(0, 1)[0]
    (face,) = find_faces(frame)
    left, top, right, bottom = face.outline
    assert left >= -2 and top >= 0 and right <= frame.shape[1] + 2 and bottom <= frame.shape[0]
    if size[1] * 300 >= size[0] * 300:  # the face fits into this shape: it is filled
        assert made.frames.size == size


def test_auto_shows_all_of_a_picture_without_a_face():
    made = prepared(np.full((200, 100, 3), 90, np.uint8), fit=Fit("keep", 80, 80), framing="auto")
    assert made.frames.size == (40, 80)


def test_a_reader_that_has_left_is_no_error(here):
    """As ``imgsync probe --json FILE | head``, with the reader gone before anything is said."""
    reads, writes = os.pipe()
    os.close(reads)
    words = [sys.executable, "-m", "imgsync_core", "probe", "--json", "a.wav"]
    run = subprocess.run(words, stdout=writes, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writes)
    assert run.stderr == "" and run.returncode == 1
