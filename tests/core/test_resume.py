"""A run that goes on where another stopped makes the very same frames, and few of them twice."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from imgsync_core.animation import Animation
from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.engines.base import Chunk
from imgsync_core.engines.runtime import resuming
from imgsync_core.engines.runtime.resuming import BEGINNING, LEAST, Point, state_of
from imgsync_core.engines.runtime.stream import Attempt, StreamedFrames
from imgsync_core.face.geometry import from_points
from imgsync_core.face.wanted import WantedFace
from imgsync_core.job import Job, prepare
from imgsync_core.media.frames import ArrayFrames
from imgsync_core.media.picture import Picture
from imgsync_core.media.sound import ArraySound
from imgsync_core.plan import rate
from imgsync_core.spool.jobs import Spool
from imgsync_core.timeline import Timeline
from imgsync_core.watcher import Watcher

from . import tiny_echomimic, tiny_hallo2, tiny_latentsync, tiny_musetalk
from .hosts import one_thread

__all__ = ["one_thread"]
N, SIDE = 60, 8


class Chance:
    """A random generator that goes on from window to window."""

    def __init__(self) -> None:
        self.random = torch.Generator().manual_seed(3)

    def state(self):
        return {"random": self.random.get_state()}

    def restore(self, state):
        self.random.set_state(state["random"])


class Drawing:
    """Draws windows that depend on all before them; knows which frames it has drawn.

    early: windows of which no frame is finished at first.   goes_on: whether it can begin later.
    """

    def __init__(self, window: int, n: int = N, early: int = 0, goes_on: bool = True) -> None:
        self.window, self.n, self.early, self.goes_on = window, n, early, goes_on
        self.frames: list[int] = []
        self.begun: list[int] = []

    def __call__(self, watcher: Watcher, point: Point = BEGINNING) -> Iterator[Chunk]:
        chance = Chance()
        resuming.restore((chance,), point.state)
        self.begun.append(point.frame)
        carried = partial(state_of, (chance,)) if self.goes_on else None
        if not point.state:
            for _ in range(self.early):
                torch.rand(1, generator=chance.random)
                yield Chunk(np.empty((0, SIDE, SIDE, 3), np.uint8), 0, carried)
        for start in range(point.frame, self.n, self.window):
            watcher.check()
            shape = (min(self.window, self.n - start), SIDE, SIDE, 3)
            data = torch.randint(256, shape, dtype=torch.uint8, generator=chance.random).numpy()
            self.frames += range(start, start + len(data))
            yield Chunk(data, start, carried)


def streamed(drawing: Drawing, spool: Spool | None) -> StreamedFrames:
    time = Timeline.of_frames(drawing.n, 25)
    source = ArrayFrames(np.zeros((1, SIDE, SIDE, 3), np.uint8), time.fps)
    store = spool and spool.store({"job": 1}, drawing.n, "some")
    return StreamedFrames(source, time, drawing, store=store)


@pytest.fixture
def spool(tmp_path) -> Spool:
    return Spool(tmp_path / "spool")


def wanted(drawing: Drawing) -> np.ndarray:
    return np.concatenate([chunk.data for chunk in drawing(Watcher())])


def read_until(frames: StreamedFrames, stop: int, step: int = 5) -> list[np.ndarray]:
    return [frames.read(i, min(i + step, stop)) for i in range(0, stop, step)]


@pytest.mark.parametrize("window", [1, 5, 12, 16])
@pytest.mark.parametrize("stop", [1, 11, 12, 13, 24, 36, 59])
@pytest.mark.parametrize("early", [0, 2])
def test_it_goes_on_with_the_same_frames(spool, window, stop, early):
    expected = wanted(Drawing(window, early=early))
    first = streamed(Drawing(window, early=early), spool)
    read_until(first, stop)
    before = len(first._make.frames)
    first.close()
    again = Drawing(window, early=early)
    frames = streamed(again, spool)
    assert np.array_equal(np.concatenate(read_until(frames, N)), expected)
    begun = again.begun[0] if again.begun else N
    segment = -(-LEAST // window) * window
    assert before - begun < segment, "no more than one segment is drawn twice"
    assert frames.reused == begun and len(again.frames) == N - begun


def test_what_is_there_is_not_drawn(spool):
    read_until(streamed(Drawing(5), spool), N)
    drawing = Drawing(5)
    frames = streamed(drawing, spool)
    assert np.array_equal(np.concatenate(read_until(frames, N)), wanted(Drawing(5)))
    assert not drawing.begun and frames.reused == N


@pytest.mark.parametrize("kind", ["frames", "state"])
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
def test_of_damaged_segments_only_those_are_drawn_again(spool, kind, number):
    read_until(streamed(Drawing(12), spool), N)
    for path in spool.jobs()[0].folder.glob(f"{number:06}*.{kind}"):
        path.write_bytes(path.read_bytes()[:-3])
    again = Drawing(12)
    frames = streamed(again, spool)
    assert np.array_equal(np.concatenate(read_until(frames, N)), wanted(Drawing(12)))
    drawn = 12 if kind == "frames" else 0
    assert len(again.frames) == drawn and frames.reused == N - drawn
    healed = Drawing(12)
    read_until(streamed(healed, spool), N)
    assert not healed.frames


def test_where_the_state_before_is_gone_too_drawing_begins_earlier(spool):
    read_until(streamed(Drawing(12), spool), N)
    folder = spool.jobs()[0].folder
    for name in ("000002*.frames", "000001.state"):
        next(folder.glob(name)).unlink()
    again = Drawing(12)
    frames = streamed(again, spool)
    assert np.array_equal(np.concatenate(read_until(frames, N)), wanted(Drawing(12)))
    assert again.begun == [12] and len(again.frames) == 24


def test_going_back_takes_what_is_kept(spool):
    drawing = Drawing(12)
    frames = streamed(drawing, spool)
    read_until(frames, N)
    assert np.array_equal(frames.read(0, 7), wanted(Drawing(12))[:7])
    assert len(drawing.frames) == N


@pytest.mark.parametrize("how", ["busy", "limit", "no room for state"])
def test_where_nothing_can_be_kept_it_is_drawn_all_the_same(spool, how, monkeypatch):
    notes: list[str] = []
    if how == "limit":
        spool = Spool(spool.folder, limit=3000)
    drawing = Drawing(12, goes_on=how != "no room for state")
    other = streamed(Drawing(12), spool)
    if how == "busy":
        other.read(0, 1)
    if how == "no room for state":
        monkeypatch.setattr(resuming, "MOST", 20)
    frames = streamed(drawing, spool)
    frames.watch(Watcher(note=notes.append))
    assert np.array_equal(np.concatenate(read_until(frames, N)), wanted(Drawing(12)))
    reason = {"busy": "another run", "limit": "limit", "no room for state": "in the middle"}
    assert len(notes) == 1 and reason[how] in notes[0]


def test_finished_frames_are_let_go(spool):
    frames = streamed(Drawing(12), spool)
    read_until(frames, N)
    assert len(spool.jobs()) == 1
    frames.finish()
    assert spool.jobs() == []


def test_frames_that_were_there_say_nothing_of_the_speed(spool):
    before = streamed(Drawing(12), spool)
    read_until(before, 36)
    before.close()
    timed = rate.Timed(streamed(Drawing(12), spool), "a kind", still=True)
    for i in range(0, 36, 4):
        timed.read(i, i + 4)
    assert timed.seconds_a_frame is None
    for i in range(36, 44, 4):  # the first does what is done once
        timed.read(i, i + 4)
    assert timed.seconds_a_frame is not None


def test_an_attempt_that_ran_out_of_memory_stays_frugal():
    attempt = Attempt(low_memory=False, retry=True)

    def draw(low_memory: bool) -> bool:
        if not low_memory:
            raise RuntimeError("out of memory")
        return True

    assert attempt(draw)
    other = Attempt(low_memory=False, retry=True)
    other.restore(attempt.state())
    assert other.low_memory


# -- real engines on tiny weights --

RATE = 16000
ENGINES = {
    "hallo2": (tiny_hallo2, {"resolution": 64, "steps": 1}),
    "hallo2, published": (tiny_hallo2, {"resolution": 64, "steps": 1, "mode": "reference"}),
    "echomimic": (
        tiny_echomimic,
        {"resolution": 64, "steps": 3, "context": 6, "overlap": 2},
    ),
    "latentsync": (tiny_latentsync, {"resolution": 64, "steps": 1}),
    "latentsync, published": (
        tiny_latentsync,
        {"resolution": 64, "steps": 1, "mode": "reference"},
    ),
    "musetalk": (tiny_musetalk, {}),
    "musetalk, published": (tiny_musetalk, {"mode": "reference"}),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    for tiny in (tiny_hallo2, tiny_echomimic, tiny_latentsync, tiny_musetalk):
        tiny.write_all(folder / tiny.__name__.rpartition("_")[2])
    return folder


def job(name: str, weights: Path, **more) -> Job:
    engine, (_, options) = name.partition(",")[0], ENGINES[name]
    where = {"weights": str(weights / engine)}
    who = WantedFace(face=from_points((96, 96), mouth=(48, 66, 24)))
    lively = {} if engine == "latentsync" and "mode" not in options else None
    how = Animation(engine, who, options={**options, **where}, lively=lively, **more)
    voice = ArraySound(demo_speech(1.6, RATE, 1).astype(np.float32), RATE)
    return Job(Picture(demo_picture(96)), voice, animation=how)


def all_frames(job: Job, spool: Spool | None, stop: int = 40) -> tuple[np.ndarray, int]:
    with prepare(job, spool=spool) as prepared:
        frames = prepared.frames
        return np.concatenate([frames.read(i, i + 1) for i in range(stop)]), frames.reused


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_goes_on_with_the_same_frames(name, weights, spool):
    plain, _ = all_frames(job(name, weights), None)
    all_frames(job(name, weights), spool, 30)
    assert 12 <= spool.jobs()[0].done <= 40
    resumed, reused = all_frames(job(name, weights), spool)
    assert np.array_equal(plain, resumed) and reused >= 12


def test_another_job_takes_nothing(weights, spool):
    name = "latentsync"
    all_frames(job(name, weights), spool, 20)
    for other in (job(name, weights, seed=1), job("latentsync, published", weights)):
        assert all_frames(other, spool, 1)[1] == 0
    file = weights / "latentsync" / "latentsync_unet.pt"
    torch.save({**torch.load(file), "global_step": 8}, file)
    assert all_frames(job(name, weights), spool, 1)[1] == 0


def test_what_is_kept_is_told_before_anything_is_drawn(weights, spool):
    all_frames(job("hallo2", weights), spool, 30)
    with prepare(job("hallo2", weights), spool=spool) as prepared:
        assert "28 of 40 frames were kept from a run before" in " ".join(prepared.notes)


def test_the_built_in_engine_keeps_nothing(spool):
    voice = ArraySound(demo_speech(0.4, RATE, 1).astype(np.float32), RATE)
    with prepare(Job(Picture(demo_picture(96)), voice, animation=Animation()), spool=spool) as made:
        made.frames.read(0, 5)
        assert made.stores == ()
    assert not spool.folder.exists()
