"""What a job will take, told before it starts; and the choice of an engine."""

import os
import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from imgsync_core import machine as machines
from imgsync_core.animation import Animation, animated, decided
from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.engines import choice
from imgsync_core.engines.base import Engine, EngineSpec, Host, Memory
from imgsync_core.engines.built_in.engine import BuiltInEngine
from imgsync_core.engines.hold import HoldEngine
from imgsync_core.engines.pace import Timed
from imgsync_core.engines.registry import engine
from imgsync_core.errors import FaceError, MemoryLimitError, OutputError, WeightsError
from imgsync_core.machine import Device, Machine
from imgsync_core.media.encoding import PRESETS
from imgsync_core.media.frames import ArrayFrames, FrameSource, StillFrames
from imgsync_core.media.picture import Picture
from imgsync_core.media.sound import ArraySound, trim
from imgsync_core.models.published import named
from imgsync_core.preflight import forecast, glimpses
from imgsync_core.render import Job, render
from imgsync_core.timeline import Timeline

from . import tiny_latentsync
from .making import mux
from .test_preview import Slow

GB = 10**9
CPU = Device("cpu", "4 cores", 16 * GB, 8 * GB)
GPU = Device("cuda", "Big card", 24 * GB, 20 * GB)
LAPTOP = Machine(4, 16 * GB, 8 * GB, (CPU,))
DESKTOP = replace(LAPTOP, devices=(CPU, GPU))
SIZE = (512, 512)


class Neural(Engine):
    """An engine of the kind that needs weights and a graphics card, and makes windows of 16."""

    spec = EngineSpec(
        "neural", "Neural thing", "MIT", needs=("a.pt", "b.pt"), devices=("cuda",), window=16,
        memory=Memory(fixed=2 * GB), device_memory=Memory(fixed=6 * GB, per_pixel=1000),
    )  # fmt: skip

    def __init__(self, *lacks):
        self.lacks = lacks

    def missing(self):
        return self.lacks

    def animate(self, source, faces, sound, timeline, *, seed, strength):
        return Slow()


class Forgetful(Neural):
    missing = Engine.missing


def choose(engines, machine, **more):
    every = [*engines, BuiltInEngine(), HoldEngine()]
    return choice.choose(machine, SIZE, 250, engines=every, **more)


@pytest.mark.parametrize(
    ("engine", "machine", "chosen", "words"),
    [
        (Neural(), DESKTOP, "neural", "Big card"),
        (Neural("b.pt"), DESKTOP, "built-in", "neural lacks its weights (b.pt)"),
        (Neural(), LAPTOP, "built-in", "needs a CUDA device with 6.3 GB"),
        (Neural(), replace(LAPTOP, devices=(CPU, replace(GPU, free=4 * GB))), "built-in", "6.3 GB"),
        (Neural(), replace(DESKTOP, free=GB), "built-in", "2.0 GB of memory, 1.0 GB are free"),
        (Neural(), replace(DESKTOP, free=0), "neural", "Big card"),  # 0 = not known
        (Forgetful(), DESKTOP, "built-in", "a.pt, b.pt"),  # it never says where it looks
    ],
)
def test_auto_takes_what_can_run(engine, machine, chosen, words):
    taken = choose([engine], machine)
    assert taken.engine == chosen and words in taken.reason


def test_auto_extends_where_there_is_no_face():
    taken = choose([Neural()], DESKTOP, face=False)
    assert taken == choice.Choice("extend", "no face was found to move")


def test_auto_without_anything_else_takes_the_built_in_engine():
    engines = [BuiltInEngine(), HoldEngine()]
    taken = choice.choose(LAPTOP, SIZE, 250, engines=engines)
    assert taken.engine == "built-in" and taken.reason == "no better engine is installed"


# -- what is expected --


@pytest.fixture(scope="module")
def talk():
    source = StillFrames(Picture(demo_picture(192)))
    sound = ArraySound(np.pad(demo_speech(3.0, 16000), ((0, 0), (16000, 0))), 16000)
    return source, sound, Timeline.of_sound(sound.n_samples, sound.rate, 25)


def drawn(talk, **more):
    source, sound, time = talk
    how, _ = decided(source, Animation(**more), time.n_frames, LAPTOP)
    return animated(source, how, sound, time)


def test_the_forecast_of_the_built_in_engine_is_measured(talk, monkeypatch):
    monkeypatch.setattr("imgsync_core.engines.pace._measured", {})
    frames = drawn(talk)
    before = forecast(BuiltInEngine(), frames, LAPTOP)
    assert before.seconds is None and "not measured" in before.sentence()
    shown = list(glimpses(BuiltInEngine(), frames, talk[1], seconds=60))
    assert len(shown) == 8
    times = []
    for i in range(30, 50):
        begin = time.perf_counter()
        frames.read(i, i + 1)
        times.append(time.perf_counter() - begin)
    after = forecast(BuiltInEngine(), frames, LAPTOP, "because")
    assert after.frames == 100 and after.windows == 100 and after.missing == ()
    assert after.seconds == pytest.approx(100 * np.mean(times), rel=0.9)
    assert after.sentence().startswith("Built-in animator (because): 100 frames of 192x192, ")
    # the next job of the kind knows at once, another size does not
    assert forecast(BuiltInEngine(), drawn(talk), LAPTOP).seconds == after.seconds
    larger = (StillFrames(Picture(demo_picture(256))), *talk[1:])
    assert forecast(BuiltInEngine(), drawn(larger), LAPTOP).seconds is None


def test_glimpses_show_speech_and_take_little_time(talk):
    picture = talk[0].read(0, 1)[0]
    shown = list(glimpses(BuiltInEngine(), drawn(talk), talk[1], seconds=60))
    moved = [np.abs(frame.astype(int) - picture).max() > 30 for frame in shown]
    assert sum(moved) >= 6  # the first second is silent
    began = time.perf_counter()
    assert len(list(glimpses(BuiltInEngine(), drawn(talk), talk[1], seconds=0))) == 1
    assert time.perf_counter() - began < 5


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
def test_glimpses_begin_where_speech_begins(silence, still, indices):
    wave = np.zeros((1, 64000), np.float32)
    wave[:, int(16000 * silence) :] = 0.3
    source = Counted()
    frames = Timed(source, "test", still)
    list(glimpses(BuiltInEngine(), frames, ArraySound(wave, 16000), seconds=60))
    assert source.reads == [(i, i + 1) for i in indices]


def test_engines_that_are_slow_draw_nothing_in_advance():
    source = Counted()
    sound = ArraySound(np.ones((1, 16000), np.float32), 16000)
    assert list(glimpses(Neural(), Timed(source, "test", True), sound)) == []
    assert not source.reads


def test_windows_device_and_missing_weights_are_told():
    frames = Timed(Counted(), "never drawn", True)
    frames.size = SIZE
    found = forecast(Neural("b.pt"), frames, DESKTOP)
    assert found.windows == 7 and found.device is GPU and found.seconds is None
    assert found.device_memory == 6 * GB + 512 * 512 * 1000
    assert "in 7 windows" in found.sentence() and "missing: b.pt" in found.sentence()
    assert "6.3 GB on Big card" in found.sentence()
    with pytest.raises(WeightsError, match=r"lacks its weights: b\.pt"):
        found.check(DESKTOP)
    assert forecast(Neural("b.pt"), frames, LAPTOP).device is CPU  # slow, but asked for


def test_too_little_memory_stops_the_job():
    huge = Timed(Counted(), "never drawn", True)
    huge.size = (30000, 30000)
    found = forecast(BuiltInEngine(), huge, LAPTOP)
    with pytest.raises(MemoryLimitError, match="are free"):
        found.check(LAPTOP)
    found.check(replace(LAPTOP, free=0))  # not known


def test_the_pace_leaves_out_what_is_done_once(monkeypatch):
    monkeypatch.setattr("imgsync_core.engines.pace._measured", {})
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


def test_without_a_face_auto_holds_the_picture(talk, tmp_path):
    told = []
    job = Job(Picture(NOISE), talk[1], PRESETS["mkv-ffv1"], animation=Animation("auto"))
    report = render(job, tmp_path / "a.mkv", on_forecast=told.append)
    assert report.info.picture.frames == 100
    assert told[0].engine == "extend" and told[0].reason == "no face was found to move"
    frames = animated(StillFrames(Picture(NOISE)), Animation("auto"), *talk[1:])
    assert frames.n_frames == 100 and frames.period == 1 and (frames.read(50, 51) == NOISE).all()


@pytest.mark.parametrize("more", [{}, {"index": 1}, {"point": (3.0, 4.0)}])
def test_who_asks_for_an_engine_or_a_face_gets_it_or_an_error(more):
    engine = "auto" if more else "built-in"
    with pytest.raises(FaceError):
        decided(StillFrames(Picture(NOISE)), Animation(engine, **more), 100, LAPTOP)


def test_auto_speaks_where_there_is_a_face(talk):
    how, reason = decided(talk[0], Animation("auto"), 100, LAPTOP)
    assert how.engine == "built-in" and how.face is not None and reason


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
    frames = animated(source, Animation(), sound, timeline)
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
    how = Animation("latentsync", options=options)
    sound = trim(talk[1], 1, Fraction(32, 25))
    timeline = Timeline.of_sound(sound.n_samples, sound.rate, 25)
    frames = animated(talk[0], how, sound, timeline)
    told, shown = [], []
    mux(
        tmp_path / "a.mp4", frames,
        on_progress=lambda done, _: told.append(done),
        on_frame=lambda frame: shown.append(np.array(frame)),
    )  # fmt: skip
    assert told[:5] == [4, 8, 12, 16, 20] and told[-1] == 32 and told == sorted(told)
    assert len(shown) == 2 + 32 and any((shown[0] == frame).all() for frame in shown[1:])
    found = forecast(how.made(), frames, LAPTOP)
    assert found.windows == 2 and found.missing == ()


def test_cancelling_reaches_the_engine():
    source = Counted()
    source.cancel = lambda: source.reads.append("cancelled")
    Timed(source, "test", True).cancel()
    assert source.reads == ["cancelled"]


@pytest.mark.parametrize(("device", "chosen"), [("cuda:0", "latentsync"), ("cpu", "built-in")])
def test_auto_keeps_to_the_device_of_its_host(talk, tmp_path, device, chosen):
    host = Host(models=tmp_path, device=device)
    for name in engine("latentsync").spec.needs:
        named(name).path(tmp_path).parent.mkdir(parents=True)
        named(name).path(tmp_path).touch()
    how, reason = decided(talk[0], Animation("auto", host=host), 100, DESKTOP)
    assert how.engine == chosen and ("Big card" in reason or "CUDA or MPS" in reason)
