"""What a job will take, told before it starts; and the choice of an engine."""

import os
import time
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from imgsync_core import machine as machines
from imgsync_core.audio.speech import Speech
from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.engines import built_in, extend
from imgsync_core.engines.base import Cost, EngineSpec, Host, Need
from imgsync_core.engines.registry import spec_of
from imgsync_core.errors import FaceError, InputError, MemoryLimitError, OutputError, WeightsError
from imgsync_core.face.wanted import WantedFace
from imgsync_core.job import Animation, Job, prepare, render
from imgsync_core.machine import Device, Machine
from imgsync_core.media.encoding import PRESETS, preset
from imgsync_core.media.extend import Extension
from imgsync_core.media.frames import ArrayFrames, FrameSource, StillFrames
from imgsync_core.media.picture import Picture
from imgsync_core.media.sound import ArraySound, trim
from imgsync_core.media.trial import seconds_to_encode
from imgsync_core.models.published import named
from imgsync_core.plan import choice
from imgsync_core.plan.forecast import LARGE, forecast, preview_frames, too_large
from imgsync_core.plan.pace import Pace
from imgsync_core.plan.rate import Timed
from imgsync_core.timeline import Timeline
from imgsync_core.watcher import Watcher

from . import tiny_latentsync
from .making import mux

GB = 10**9
CPU = Device("cpu", "4 cores", 16 * GB, 8 * GB)
GPU = Device("cuda", "Big card", 24 * GB, 20 * GB, 0)
LAPTOP = Machine(4, 16 * GB, 8 * GB, (CPU,))
DESKTOP = replace(LAPTOP, devices=(CPU, GPU))
SIZE = (512, 512)


# An engine of the kind that needs weights and a graphics card, and makes windows of 16.
NEURAL = EngineSpec(
    "neural", "Neural thing", "MIT", draws="lips", devices=("cuda",),
    needs=(
        Need("Its weights are", ("latentsync-1.6", "latentsync-1.5"), ("a.pt",), "weights"),
        Need("Its autoencoder is", ("sd-vae-ft-mse",), ("b.pt",)),
    ),
    options=spec_of("latentsync").options,
    cost=lambda values, size, n: Cost(2 * GB, 6 * GB + 1000 * size[0] * size[1]),
    windows=lambda values, n: -(-n // 16),
)  # fmt: skip


def with_files(folder, *names) -> Host:
    for name in names:
        named(name).path(folder).parent.mkdir(parents=True, exist_ok=True)
        named(name).path(folder).touch()
    return Host(device=GPU, models=folder)


@pytest.fixture
def lent(tmp_path):
    return with_files(tmp_path, "latentsync-1.6", "sd-vae-ft-mse")


def choose(specs, machine, host, **more):
    every = [*specs, built_in.SPEC, extend.SPEC]
    return choice.choose(machine, SIZE, 250, host=host, specs=every, **more)


@pytest.mark.parametrize(
    ("machine", "chosen", "words"),
    [
        (DESKTOP, "neural", "Big card"),
        (LAPTOP, "built-in", "needs a CUDA device with 6.3 GB"),
        (replace(LAPTOP, devices=(CPU, replace(GPU, free=4 * GB))), "built-in", "6.3 GB"),
        (replace(DESKTOP, free=GB), "built-in", "2.0 GB of memory, 1.0 GB are free"),
        (replace(DESKTOP, free=0), "neural", "Big card"),  # 0 = not known
    ],
)
def test_auto_takes_what_can_run(machine, chosen, words, lent):
    host = lent if len(machine.devices) > 1 else replace(lent, device=CPU)
    taken = choose([NEURAL], machine, host)
    assert taken.engine == chosen and words in taken.reason


def test_auto_says_which_weights_are_missing(tmp_path):
    taken = choose([NEURAL], DESKTOP, with_files(tmp_path, "latentsync-1.5"))
    assert taken.engine == "built-in" and "neural lacks its weights (sd-vae-ft-mse)" in taken.reason
    taken = choose([NEURAL], DESKTOP, with_files(tmp_path / "none"))
    assert "neural lacks its weights (latentsync-1.6, sd-vae-ft-mse)" in taken.reason


def test_auto_extends_where_there_is_no_face(lent):
    taken = choose([NEURAL], DESKTOP, lent, face=False)
    assert taken == choice.Choice("extend", "no face was found to move")


def test_auto_without_anything_else_takes_the_built_in_engine():
    taken = choose([], LAPTOP, Host())
    assert taken.engine == "built-in" and taken.reason == "no better engine is installed"


BOTH = ("latentsync-1.6", "latentsync-1.5", "whisper-tiny", "sd-vae-ft-mse")


@pytest.mark.parametrize(
    ("gigabytes", "files", "chosen", "weights"),
    [
        (24, BOTH, "latentsync", "LatentSync-1.6"),
        (12, BOTH, "latentsync", "LatentSync-1.5"),  # 1.6 needs 18 GB
        (12, (BOTH[0], *BOTH[2:]), "built-in", None),
        (6, BOTH, "built-in", None),
    ],
)
def test_auto_counts_what_the_weights_at_hand_need(tmp_path, gigabytes, files, chosen, weights):
    card = Device("cuda", "Card", gigabytes * GB, gigabytes * GB, 0)
    machine = Machine(8, 64 * GB, 60 * GB, (CPU, card))
    host = replace(with_files(tmp_path, *files), device=card)
    taken = choice.choose(machine, SIZE, 250, host=host)
    assert taken.engine == chosen
    if weights:
        assert weights in taken.options["weights"]
        drawn = Timed(Counted(), "never drawn", True)
        values = {**{o.name: o.default for o in spec_of(chosen).options}, **taken.options}
        forecast(spec_of(chosen), values, drawn, machine, host).check(machine)


def test_the_emptiest_card_is_of_no_use_to_a_job_on_another(lent):
    """Two cards: the job runs on the full one, because its host says so."""
    full, empty = replace(GPU, free=1 * GB), replace(GPU, name="Other", index=1)
    machine = replace(LAPTOP, devices=(CPU, full, empty))
    assert choose([NEURAL], machine, lent).engine == "built-in"
    taken = choose([NEURAL], machine, replace(lent, device=Device("cuda", "?", index=1)))
    assert taken.engine == "neural" and "Other is fit" in taken.reason
    found = forecast(NEURAL, {}, never_drawn(), machine, lent)
    with pytest.raises(MemoryLimitError, match=r"needs 6\.3 GB on Big card, and 1\.0 GB are free"):
        found.check(machine)


LIPS = {
    "1.6": "latentsync-1.6", "1.5": "latentsync-1.5",
    "M1.5": "musetalk-1.5", "M1.0": "musetalk-1.0",
}  # fmt: skip


@pytest.mark.parametrize(
    ("lips", "chosen"),
    [  # what is taken with no GPU and with 4, 8, 12, 24 and 80 GB free on one
        ("", ["built-in"] * 6),
        ("1.6", ["built-in"] * 4 + ["1.6"] * 2),
        ("1.5", ["built-in"] * 2 + ["1.5"] * 4),
        ("M1.5", ["built-in"] + ["M1.5"] * 5),
        ("M1.0", ["built-in"] + ["M1.0"] * 5),
        ("M1.5 M1.0", ["built-in"] + ["M1.5"] * 5),
        ("1.6 M1.5", ["built-in"] + ["M1.5"] * 3 + ["1.6"] * 2),
        ("1.5 M1.5", ["built-in", "M1.5"] + ["1.5"] * 4),
        ("1.6 1.5 M1.5", ["built-in", "M1.5", "1.5", "1.5", "1.6", "1.6"]),
        ("1.6 1.5 M1.0", ["built-in", "M1.0", "1.5", "1.5", "1.6", "1.6"]),
    ],
)
@pytest.mark.parametrize("beside", [True, False], ids=["", "without Whisper"])
def test_auto_draws_lips_with_what_fits(tmp_path, lips, chosen, beside):
    """The finer lips where there is room for them, the quicker ones where there is not."""
    rest = ("whisper-tiny", "sd-vae-ft-mse") if beside else ("sd-vae-ft-mse",)
    names = [LIPS[name] for name in lips.split()]
    for gigabytes, expected in zip((0, 4, 8, 12, 24, 80), chosen, strict=True):
        card = Device("cuda", "Card", gigabytes * GB, gigabytes * GB, 0)
        machine = Machine(8, 64 * GB, 60 * GB, (CPU, card) if gigabytes else (CPU,))
        host = with_files(tmp_path / str(gigabytes), *names, *rest)
        host = replace(host, device=card if gigabytes else CPU)
        taken = choice.choose(machine, SIZE, 250, host=host)
        if expected == "built-in" or not beside:
            assert taken.engine == "built-in"
            continue
        name = LIPS[expected]
        assert taken.engine == name.split("-")[0], (gigabytes, taken.reason)
        assert taken.options["weights"] == str(named(name).path(host.models))
        finer = taken.engine == "latentsync"
        assert ("finer lips" if finer else "fast and small") in taken.reason
        if not finer and "1." in lips.replace("M1", ""):
            assert "latentsync needs a CUDA or MPS device with" in taken.reason


def test_a_hugging_face_whisper_serves_as_well(tmp_path):
    host = with_files(tmp_path, "musetalk-1.5", "whisper-tiny-hf", "sd-vae-ft-mse")
    assert choice.choose(DESKTOP, SIZE, 250, host=host).engine == "musetalk"


# -- what is expected --


@pytest.fixture(scope="module")
def talk():
    source = StillFrames(Picture(demo_picture(192)))
    sound = ArraySound(np.pad(demo_speech(3.0, 16000), ((0, 0), (16000, 0))), 16000)
    return source, sound, Timeline.of_sound(sound.n_samples, sound.rate, 25)


def prepared(talk, **more):
    return prepare(Job(talk[0], talk[1], animation=Animation(**more)), machine=LAPTOP)


def test_the_forecast_of_the_built_in_engine_is_measured(talk, monkeypatch):
    monkeypatch.setattr("imgsync_core.plan.rate._measured", {})
    monkeypatch.setattr("imgsync_core.plan.forecast.PREVIEW_SECONDS", 60)
    quiet = Timed(prepared(talk).frames.source, "quiet", True)
    before = forecast(built_in.SPEC, {}, quiet, LAPTOP, Host())
    assert before.seconds is None and "not measured" in before.sentence()
    times, frames = [], prepared(talk).frames
    for i in range(30, 50):
        begin = time.perf_counter()
        frames.read(i, i + 1)
        times.append(time.perf_counter() - begin)
    after = forecast(built_in.SPEC, {}, frames, LAPTOP, Host(), "because")
    assert after.frames == 100 and after.windows == 100 and after.missing == ()
    assert after.seconds == pytest.approx(100 * np.mean(times), rel=0.9)
    assert after.sentence().startswith("Built-in animator (because): 100 frames of 192x192, ")
    # the next job of the kind knows at once, another size does not
    assert prepared(talk).forecast.seconds is not None
    larger = StillFrames(Picture(demo_picture(256)))
    other = Timed(larger, ("built-in", "cpu", larger.size, True, False, ()), True)
    assert forecast(built_in.SPEC, {}, other, LAPTOP, Host()).seconds is None


def test_previews_show_speech_and_take_little_time(talk):
    picture, shown = talk[0].read(0, 1)[0], []
    job = Job(talk[0], talk[1], animation=Animation())
    ready = prepare(job, machine=LAPTOP, watcher=Watcher(frame=shown.append))
    assert shown, "whoever prepares sees some frames"
    shown = list(preview_frames(built_in.SPEC, ready.frames, talk[1], seconds=60))
    assert len(shown) == 8
    moved = [np.abs(frame.astype(int) - picture).max() > 30 for frame in shown]
    assert sum(moved) >= 6  # the first second is silent
    began = time.perf_counter()
    assert len(list(preview_frames(built_in.SPEC, ready.frames, talk[1], seconds=0))) == 1
    assert time.perf_counter() - began < 5


def test_without_a_trial_nothing_is_drawn_in_advance(talk, monkeypatch):
    monkeypatch.setattr("imgsync_core.plan.rate._measured", {})
    shown = []
    job = Job(talk[0], talk[1], animation=Animation())
    ready = prepare(job, machine=LAPTOP, watcher=Watcher(frame=shown.append), trial=False)
    assert not shown and ready.forecast.seconds is None
    assert ready.forecast.frames == 100
    with_trial = prepare(job, machine=LAPTOP).frames
    assert np.array_equal(ready.frames.read(40, 43), with_trial.read(40, 43))


def never_drawn(size=SIZE):
    source = Counted()
    source.size = size
    return Timed(source, "never drawn", True)


class Counted(FrameSource):
    """Says what was read."""

    size, channels, fps, n_frames = (8, 8), 3, Fraction(25), 100

    def __init__(self):
        self.reads = []

    def read(self, start, stop):
        self.reads.append((start, stop))
        return np.zeros((stop - start, 8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("silence", "still", "indices"),
    [(0, True, range(0, 48, 6)), (1, True, range(25, 73, 6)), (3.9, True, range(97, 100, 6)),
     (1, False, range(8)), (4, True, range(0, 48, 6))],
)  # fmt: skip
def test_previews_begin_where_speech_begins(silence, still, indices):
    wave = np.zeros((1, 64000), np.float32)
    wave[:, int(16000 * silence) :] = 0.3
    source = Counted()
    frames = Timed(source, "test", still)
    list(preview_frames(built_in.SPEC, frames, ArraySound(wave, 16000), seconds=60))
    assert source.reads == [(i, i + 1) for i in indices]


def test_engines_that_are_slow_draw_nothing_in_advance():
    source = Counted()
    sound = ArraySound(np.ones((1, 16000), np.float32), 16000)
    assert list(preview_frames(NEURAL, Timed(source, "test", True), sound)) == []
    assert not source.reads


def test_windows_device_and_missing_weights_are_told(tmp_path):
    host = with_files(tmp_path, "latentsync-1.5")
    found = forecast(NEURAL, {}, never_drawn(), DESKTOP, host)
    assert found.windows == 7 and found.device == GPU and found.seconds is None
    assert found.device_memory == 6 * GB + 512 * 512 * 1000
    assert "in 7 windows" in found.sentence() and "missing: sd-vae-ft-mse" in found.sentence()
    assert "6.3 GB on Big card" in found.sentence()
    with pytest.raises(WeightsError, match=r"lacks its weights: sd-vae-ft-mse"):
        found.check(DESKTOP)
    slow = forecast(NEURAL, {}, never_drawn(), LAPTOP, Host(models=tmp_path))
    assert slow.device is CPU and slow.device_memory == 0  # slow, but asked for


def test_too_little_memory_stops_the_job():
    found = forecast(built_in.SPEC, {}, never_drawn((30000, 30000)), LAPTOP, Host())
    with pytest.raises(MemoryLimitError, match="are free"):
        found.check(LAPTOP)
    found.check(replace(LAPTOP, free=0))  # not known


def test_the_pace_leaves_out_what_is_done_once(monkeypatch):
    monkeypatch.setattr("imgsync_core.plan.rate._measured", {})
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    class Late(Counted):
        def read(self, start, stop):
            now[0] += 0.5 * (stop - start) + (0 if self.reads else 1000)
            return super().read(start, stop)

    frames = Timed(Late(), "late", True)
    for start in range(0, 80, 16):
        frames.read(start, start + 16)
    assert frames.seconds_a_frame == 0.5 == Timed(Late(), "late", True).seconds_a_frame


# -- no face --


NOISE = np.random.default_rng(0).integers(0, 255, (96, 128, 3)).astype(np.uint8)


@pytest.mark.parametrize("who", [None, WantedFace(faceless="Nobody is there.")])
def test_without_a_face_auto_holds_the_picture(talk, tmp_path, who):
    """Also where somebody else has looked already and found none."""
    job = Job(Picture(NOISE), talk[1], animation=Animation("auto", who))
    ready = prepare(job)
    assert ready.forecast.engine == "extend" and ready.reason == "no face was found to move"
    assert ready.frames.period == 1 and (ready.frames.read(50, 51) == NOISE).all()
    report = render(ready, tmp_path / "a.mkv", PRESETS["mkv-ffv1"])
    assert report.info.picture.frames == 100


@pytest.mark.parametrize(
    "who", [WantedFace(), WantedFace(index=1), WantedFace(point=(3.0, 4.0)),
            WantedFace(faceless="Nobody is there.")],
)  # fmt: skip
def test_who_asks_for_an_engine_or_a_face_gets_it_or_an_error(talk, who):
    engine = "auto" if who.is_certain else "built-in"
    with pytest.raises(FaceError):
        prepare(Job(Picture(NOISE), talk[1], animation=Animation(engine, who)), machine=LAPTOP)


def test_auto_speaks_where_there_is_a_face(talk):
    ready = prepared(talk, engine="auto")
    assert ready.forecast.engine == "built-in" and ready.face is not None and ready.reason


# -- one way in --


def test_an_engine_is_made_once_and_the_voice_heard_once(talk, monkeypatch):
    from imgsync_core.audio import speech
    from imgsync_core.engines.built_in.chart import draw_curves
    from imgsync_core.engines.built_in.engine import BuiltInEngine

    made, heard, curves = [], [], speech.curves
    init = BuiltInEngine.__init__
    monkeypatch.setattr(
        BuiltInEngine, "__init__", lambda self, *how: made.append(how) or init(self, *how)
    )
    monkeypatch.setattr(speech, "curves", lambda *a: heard.append(1) or curves(*a))
    ready = prepared(talk, engine="auto")
    ready.frames.read(0, 2)
    draw_curves(ready.speech, ready.timeline, 0)
    assert len(made) == 1 and len(heard) == 1


def test_hearing_a_long_sound_can_be_cancelled(talk):
    class Stop(Exception):
        pass

    def stop():
        raise Stop

    with pytest.raises(Stop):
        Speech(talk[1]).table(stop)
    with pytest.raises(Stop):
        prepare(Job(talk[0], talk[1], animation=Animation()), watcher=Watcher(stop))
    checks = []

    def in_the_middle():
        checks.append(1)
        if len(checks) == 10:  # one look for the face, the rest are blocks that are heard
            raise Stop

    long = ArraySound(np.tile(talk[1]._samples, 60), talk[1].rate)
    with pytest.raises(Stop):
        prepare(Job(talk[0], long, animation=Animation()), watcher=Watcher(in_the_middle))


def test_a_camera_moves_over_a_face_that_speaks(talk):
    """pan-zoom and animate together: the view of each frame of the one without it."""
    job = Job(talk[0], talk[1], animation=Animation(seed=3))
    plain = prepare(job, machine=LAPTOP).frames
    start, end = (0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5)
    moving = prepare(
        replace(job, extension=Extension("pan-zoom", 0, start, end, False)), machine=LAPTOP
    ).frames
    assert moving.n_frames == plain.n_frames == 100 and moving.size == plain.size
    for i in (0, 99):
        frame = plain.read(i, i + 1)[0]
        half = frame[:96, :96] if i == 0 else frame[96:, 96:]
        seen = moving.read(i, i + 1)[0][::2, ::2].astype(int)
        assert np.abs(seen - half).mean() < 6


def test_lively_is_for_engines_that_draw_lips(talk):
    with pytest.raises(InputError, match="only lips"):
        prepared(talk, lively={})


# -- room --


@pytest.mark.parametrize("preset", PRESETS)
def test_a_full_disk_is_noticed_before_anything_is_done(preset, tmp_path, monkeypatch):
    usage = os.statvfs(tmp_path)
    assert machines.free_disk(tmp_path / "no" / "such" / "a.mp4") == pytest.approx(
        usage.f_bavail * usage.f_frsize, rel=0.05
    )
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10})())
    source = Counted()
    source.size = (640, 480)
    with pytest.raises(OutputError, match="the disk is full for this"):
        mux(tmp_path / f"a{PRESETS[preset].extension}", source, preset)
    assert not source.reads and not list(tmp_path.iterdir())


@pytest.mark.parametrize("preset", PRESETS)
def test_a_real_video_is_not_refused(preset, tmp_path, monkeypatch):
    """The estimate is no larger than what a speaking drawing really takes."""
    from imgsync_core.media.space import likely_bytes

    source = StillFrames(Picture(demo_picture(256)))
    sound = ArraySound(demo_speech(1.0, 16000), 16000)
    timeline = Timeline.of_sound(16000, 16000, 25)
    frames = prepare(Job(source, sound, animation=Animation())).frames
    path = tmp_path / f"a{PRESETS[preset].extension}"
    mux(path, frames, preset)
    assert likely_bytes(PRESETS[preset], frames.size, replace(timeline, n_samples=0)) <= (
        path.stat().st_size * 1.1
    )


def test_what_does_not_move_needs_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10})())
    from .making import held

    mux(tmp_path / "a.mp4", held(np.zeros((480, 640, 3), np.uint8), 2000))
    assert ArrayFrames(NOISE[None], Fraction(25)).period == 1


# -- the machine --


def test_memory_is_that_of_the_container(tmp_path):
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    proc.mkdir(), groups.mkdir()
    (proc / "meminfo").write_text(
        "MemTotal:  16000000 kB\nMemFree: 1 kB\nMemAvailable: 9000000 kB\n"
    )
    assert machines.main_memory(proc, groups) == (16000000 << 10, 9000000 << 10)
    (groups / "memory.max").write_text("max\n")
    (groups / "memory.current").write_text("1000\n")
    assert machines.main_memory(proc, groups) == (16000000 << 10, 9000000 << 10)
    (groups / "memory.max").write_text("5000\n")
    assert machines.main_memory(proc, groups) == (5000, 4000)


@pytest.mark.parametrize("version", [1, 2])
def test_pages_of_files_that_were_read_are_free(tmp_path, version):
    """The kernel counts them as used by the container, and gives them up when memory is wanted."""
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    proc.mkdir(), (groups / "memory").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal:  16000000 kB\nMemAvailable: 9000000 kB\n")
    if version == 2:
        (groups / "memory.max").write_text("8000000\n")
        (groups / "memory.current").write_text("7900000\n")
        details = "anon 900000\nfile 7000000\ninactive_file 6000000\nslab_reclaimable 500000\n"
        (groups / "memory.stat").write_text(details)
        free = 8000000 - 7900000 + 6500000
    else:
        (groups / "memory/memory.limit_in_bytes").write_text("8000000\n")
        (groups / "memory/memory.usage_in_bytes").write_text("7900000\n")
        details = "cache 7000000\ninactive_file 10\ntotal_inactive_file 6000000\n"
        (groups / "memory/memory.stat").write_text(details)
        free = 8000000 - 7900000 + 6000000
    assert machines.main_memory(proc, groups) == (8000000, free)


def test_memory_without_proc_is_what_the_system_says(tmp_path):
    total, free = machines.main_memory(tmp_path, tmp_path)
    assert total == free == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


# -- a neural engine of ours --


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """LatentSync's three files, very small."""
    return tiny_latentsync.write_all(tmp_path_factory.mktemp("weights"))


def test_the_steps_of_latentsync_arrive(talk, tiny, tmp_path):
    options = {"weights": str(tiny), "steps": 4, "resolution": 64, "guidance": 1.0}
    sound = trim(talk[1], 1, Fraction(32, 25))
    job = Job(talk[0], sound, animation=Animation("latentsync", options=options))
    ready = prepare(job, machine=LAPTOP)
    told, shown = [], []
    watcher = Watcher(
        progress=lambda done, _: told.append(done),
        frame=lambda frame: shown.append(np.array(frame)),
    )
    mux(tmp_path / "a.mp4", ready.frames, watcher=watcher)
    assert told[:5] == [4, 8, 12, 16, 20] and told[-1] == 32 and told == sorted(told)
    assert len(shown) == 2 + 32 and any((shown[0] == frame).all() for frame in shown[1:])
    assert ready.forecast.windows == 2 and ready.forecast.missing == ()


MIMIC = ("echomimic-acc", "echomimic-motion-acc", "echomimic-reference", "echomimic-locator")


@pytest.mark.parametrize(
    ("still", "gigabytes", "chosen", "words"),
    [(True, 24, "echomimic", "the whole head moves; hallo2 lacks its weights (hallo2, "),
     (True, 7, "built-in", "echomimic needs a CUDA or MPS device with 8.0 GB free"),
     (False, 24, "latentsync", "echomimic animates stills only")],
)  # fmt: skip
def test_auto_moves_the_head_of_a_still_and_the_lips_in_a_clip(
    tmp_path, still, gigabytes, chosen, words
):
    card = Device("cuda", "Card", gigabytes * GB, gigabytes * GB, 0)
    machine = Machine(8, 64 * GB, 60 * GB, (CPU, card))
    host = replace(with_files(tmp_path, *BOTH, *MIMIC), device=card)
    taken = choice.choose(machine, SIZE, 250, host=host, still=still)
    assert taken.engine == chosen and words in taken.reason
    if still and chosen == "echomimic":
        assert taken.options["weights"].endswith("denoising_unet_acc.pth")


@pytest.mark.parametrize(("device", "chosen"), [(GPU, "latentsync"), (CPU, "built-in")])
def test_auto_keeps_to_the_device_of_its_host(talk, tmp_path, device, chosen):
    host = replace(with_files(tmp_path, *BOTH), device=device)
    taken = choice.choose(DESKTOP, SIZE, 100, host=host)
    assert taken.engine == chosen


def timed(monkeypatch, kind: str, *seconds: float, after=0.0, encoding=0.0) -> float | None:
    """What a job says it takes a frame, whose reads after the first take so many seconds.

    after: seconds that whoever reads does something else.
    """
    ticks = [0.0, 0.0]
    for lasted in seconds:
        ticks += [ticks[-1] + after, ticks[-1] + after + lasted]
    clock = SimpleNamespace(perf_counter=iter(ticks).__next__)
    monkeypatch.setattr("imgsync_core.plan.rate.time", clock)
    frames = Timed(Counted(), kind, True)
    frames.encoding = encoding
    for i in range(1 + len(seconds)):
        frames.read(i, i + 1)
    return frames.seconds_a_frame


def test_a_busy_machine_does_not_make_the_forecast(monkeypatch):
    """Of a few frames most were held up by others: the quick ones tell what it takes."""
    monkeypatch.setattr("imgsync_core.plan.rate._measured", {})
    assert timed(monkeypatch, "a", 0.5, 0.02, 0.3, 0.02, 0.4, 0.02, 0.9) == pytest.approx(0.02)


def test_many_frames_count_more_than_a_few_of_the_next_job(monkeypatch):
    monkeypatch.setattr("imgsync_core.plan.rate._measured", {})
    assert timed(monkeypatch, "a", *[0.1, 0.3] * 20) == pytest.approx(0.2)  # the mean
    assert timed(monkeypatch, "a", 3.0, 3.0) == pytest.approx(0.2)
    assert timed(monkeypatch, "b", 3.0, 3.0) == pytest.approx(3.0)


def test_a_job_that_ran_counts_with_its_encoder(monkeypatch):
    """What passes between two reads is the encoder's; a few frames are encoded on trial."""
    monkeypatch.setattr("imgsync_core.plan.rate._measured", {})
    assert timed(monkeypatch, "a", 0.2, 0.2, encoding=0.03) == pytest.approx(0.23)
    assert timed(monkeypatch, "a", *[0.2] * 40, after=0.1, encoding=9.0) == pytest.approx(0.3)
    assert timed(monkeypatch, "a", 0.5, encoding=9.0) == pytest.approx(0.3)  # the next job


def test_frames_here_and_there_are_no_job(monkeypatch):
    monkeypatch.setattr("imgsync_core.plan.rate._measured", {})
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    class Steady(Counted):
        def read(self, start, stop):
            now[0] += 0.1
            return super().read(start, stop)

    frames = Timed(Steady(), "here", True)
    for i in range(80):
        now[0] += 50  # somebody looks at it
        frames.read(i * 7 % 100, i * 7 % 100 + 1)
    assert frames.seconds_a_frame == pytest.approx(0.1) and not frames.is_known


@pytest.mark.parametrize("size", [(64, 48), (641, 479)])
def test_encoding_is_tried(size):
    noise = np.random.default_rng(0).integers(0, 255, (4, *size[::-1], 3), np.uint8)
    began = time.perf_counter()
    each = seconds_to_encode(noise, preset("mp4-h264"), Fraction(25))
    assert 0 < each < time.perf_counter() - began


# -- while it runs --


def pace_of(monkeypatch, rates) -> Pace:
    """After runs of (seconds, frames a second), told 20 times a second; 1000 frames in all."""
    pace, now, done = Pace(), 100.0, 0.0
    monkeypatch.setattr("imgsync_core.plan.pace.time.perf_counter", lambda: now)
    pace.read(0, 1000)
    for seconds, rate in rates:
        for _ in range(round(20 * seconds)):
            now, done = now + 0.05, done + rate / 20
            pace.read(done, 1000)
    return pace


@pytest.mark.parametrize(
    ("rates", "rate"),
    [
        ([(10, 20)], 20),
        ([(10, 0), (10, 30)], 30),  # what is done once does not count for long
        ([(20, 2), (20, 20)], 20),  # a machine that was busy does not either
        ([(5, 40), (40, 4)], 4),  # and one that is busy now does
        ([(600, 0.5)], 0.5),
    ],
)
def test_what_is_left_follows_what_is_measured(monkeypatch, rates, rate):
    pace = pace_of(monkeypatch, rates)
    done = sum(seconds * each for seconds, each in rates)
    assert pace.rate == pytest.approx(rate, rel=0.05)
    assert pace.left == pytest.approx((1000 - done) / rate, rel=0.05)
    assert len(pace._readings) <= 64  # however long it runs


def test_nothing_is_said_of_a_pace_that_is_not_known():
    pace = Pace()
    assert pace.rate is None and pace.left is None and pace.words() == ""
    pace.read(3, 10)
    assert pace.words() == ""


@pytest.mark.parametrize(("left", "words"), [(0.4, ""), (40, "0:40 left"), (3725, "1:02:05 left")])
def test_time_left_in_words(monkeypatch, left, words):
    pace = pace_of(monkeypatch, [(10, 1)])
    pace._total = 10 + left
    assert pace.words() == (f"1 frames/s, {words}" if words else "")


@pytest.mark.parametrize(("size", "told"), [((4096, 2304), False), ((7680, 4320), True)])
def test_frames_that_are_too_large_are_told(size, told):
    assert (size[0] * size[1] > LARGE) is told
    assert "16 times less" in too_large((7680, 4320))
