"""What repeats is encoded once, and the file is as good as if it had not been."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from imgsync_core.media import repeat
from imgsync_core.media.frames import ArrayFrames, FrameSource, Held, Looped, PingPong, Trimmed

from .judge import JUDGED, numbered, numbers, packets, pictures, psnr, run
from .making import FPS, PRESETS, clip, mux

pytestmark = JUDGED

GOP = 6  # short, so that few frames are many passes
CODECS = ("mp4-h264", "mp4-h265", "mp4-av1", "webm-vp9")


@dataclass(frozen=True)
class Case:
    """A source of any length, what each frame shows, and from where on it repeats."""

    make: Callable[[int], FrameSource]
    shows: Callable[[int], int]  # the number in frame i
    lead: int
    period: int

    def cycle(self, gop: int = GOP) -> int:
        return self.period * max(1, gop // self.period)


def there_and_back(k: int) -> Callable[[int], int]:
    order = [*range(1, k + 1), *range(k - 1, 1, -1)]
    return lambda i: order[i % len(order)]


def hold(k: int) -> Case:
    return Case(lambda n: Held(clip(k), n), lambda i: min(i + 1, k), k - 1, 1)


def loop(k: int) -> Case:
    return Case(lambda n: Looped(clip(k), n), lambda i: i % k + 1, 0, k)


def ping_pong(k: int) -> Case:
    return Case(lambda n: PingPong(clip(k), n), there_and_back(k), 0, 2 * k - 2)


def late(k: int, start: int) -> Case:
    """A part of a there-and-back that starts in its middle."""
    shows = there_and_back(k)
    return Case(
        lambda n: Trimmed(PingPong(clip(k), n + 9), start, start + n),
        lambda i: shows(i + start),
        0,
        2 * k - 2,
    )


CASES = {
    "still": hold(1),
    "hold 2": hold(2),
    "hold 3": hold(3),
    "hold 4": hold(4),
    "loop 2": loop(2),
    "loop 3": loop(3),
    "loop 8": loop(8),
    "ping-pong 2": ping_pong(2),
    "ping-pong 4": ping_pong(4),
    "ping-pong 4, late": late(4, 2),
}


def around(case: Case, gop: int = GOP) -> list[int]:
    """Lengths where passes just end, do not quite, or have just begun."""
    cycle = case.cycle(gop)
    steps = (cycle - 1, cycle, cycle + 1, 2 * cycle, 2 * cycle + 1, 3 * cycle + 2)
    return sorted({case.lead + step for step in steps})


EVERY_LENGTH = [(name, n) for name, case in CASES.items() for n in around(case)]
SOME_LENGTHS = [
    (name, CASES[name].lead + length)
    for name in ("still", "hold 3", "loop 8", "ping-pong 4")
    for length in (CASES[name].cycle() + 1, 3 * CASES[name].cycle() + 2)
]


def write(folder: Path, source: FrameSource, preset: str, gop: int = GOP) -> Path:
    path = folder / f"a{PRESETS[preset].extension}"
    mux(path, source, replace(PRESETS[preset], gop=gop), overwrite=True)
    return path


def evenly_spaced(path: Path, n: int) -> list[dict]:
    """The packets in the order of showing, after a look at their times."""
    told = sorted(packets(path, "video"), key=lambda packet: packet["pts"])
    assert len(told) == n
    times = [Fraction(packet["pts_time"]) for packet in told]
    tick = Fraction(1, 500) if path.suffix in (".webm", ".mkv") else Fraction(1, 100_000)
    assert times[0] == 0
    assert all(a < b for a, b in pairwise(times))
    assert max(abs(time - i / FPS) for i, time in enumerate(times)) < tick
    return told


def check(path: Path, case: Case, n: int, gop: int = GOP) -> None:
    """Every frame is there, is the right one, at its time, with a key frame in each pass."""
    frames = pictures(path)
    wanted = [case.shows(i) for i in range(n)]
    assert numbers(frames) == wanted
    assert psnr(frames, numbered(wanted)).min() > 30
    keys = [i for i, p in enumerate(evenly_spaced(path, n)) if p["flags"].startswith("K")]
    gaps = [b - a for a, b in zip(keys, [*keys[1:], n], strict=True)]
    assert keys[0] == 0
    assert max(gaps) <= gop


@pytest.mark.parametrize(("name", "n"), EVERY_LENGTH)
def test_every_frame_is_right_at_every_length(name, n, tmp_path):
    check(write(tmp_path, CASES[name].make(n), "mp4-h264"), CASES[name], n)


@pytest.mark.parametrize(("name", "n"), SOME_LENGTHS)
@pytest.mark.parametrize("preset", CODECS[1:])
def test_every_frame_is_right_in_the_other_codecs(preset, name, n, tmp_path):
    check(write(tmp_path, CASES[name].make(n), preset), CASES[name], n)


@pytest.mark.parametrize(("name", "n"), [("hold 3", 9), ("loop 3", 8), ("ping-pong 4", 20)])
@pytest.mark.parametrize("preset", ["mov-prores4444", "mkv-ffv1", "gif"])
def test_every_frame_is_right_where_each_stands_alone(preset, name, n, tmp_path):
    path = tmp_path / f"a{PRESETS[preset].extension}"
    mux(path, CASES[name].make(n), preset)
    assert numbers(pictures(path)) == [CASES[name].shows(i) for i in range(n)]


@pytest.mark.parametrize("n", [249, 250, 251, 499, 500, 501, 752])
@pytest.mark.parametrize("preset", ["mp4-h264", "webm-vp9"])
def test_a_still_at_its_own_key_frame_distance(preset, n, tmp_path):
    check(write(tmp_path, CASES["still"].make(n), preset, 250), CASES["still"], n, 250)


@pytest.mark.parametrize("preset", CODECS)
@pytest.mark.parametrize("fade", [1, 2])
@pytest.mark.parametrize("length", [6, 23])
def test_a_cross_fade_repeats_too(preset, fade, length, tmp_path):
    """Five frames; the last of a pass lie over the first of the next, more of those each step."""
    frames, k = clip(5).read(0, 5).astype(float), 5 - fade
    path = write(tmp_path, Looped(clip(5), length, fade), preset)
    wanted = np.stack([frames[i % k] for i in range(length)])
    for i in range(k, length):
        if (step := i % k) < fade:
            part = (step + 1) / (fade + 1)
            wanted[i] = frames[step + k] * (1 - part) + frames[step] * part
    assert psnr(pictures(path), wanted).min() > 30
    evenly_spaced(path, length)


@pytest.mark.parametrize("preset", CODECS)
@pytest.mark.parametrize("name", ["still", "hold 3", "loop 3", "ping-pong 4"])
def test_it_shows_what_an_encoding_of_each_frame_shows(preset, name, tmp_path):
    case, n = CASES[name], 29
    source = case.make(n)
    again = pictures(write(tmp_path, source, preset))
    single = pictures(write(tmp_path, ArrayFrames(source.read(0, n).copy(), FPS), preset))
    assert len(again) == len(single) == n
    wanted = numbered(case.shows(i) for i in range(n))
    assert min(psnr(again, wanted).min(), psnr(single, wanted).min()) > 40
    assert psnr(again, single).min() > 40


@pytest.mark.parametrize("preset", CODECS)
@pytest.mark.parametrize("name", ["still", "hold 3", "ping-pong 4"])
def test_seeking_lands_on_the_right_frame(preset, name, tmp_path):
    case, n = CASES[name], 40
    path = write(tmp_path, case.make(n), preset)
    cycle, generator = case.cycle(), np.random.default_rng(len(name))
    joins = [case.lead + cycle - 1, case.lead + cycle, case.lead + cycle + 1]
    for i in {*joins, n - 1, *generator.integers(1, n, 3).tolist()}:
        time = float((i - Fraction(1, 2)) / FPS)
        (frame,) = pictures(path, before=("-ss", time), after=("-frames:v", 1))
        assert numbers(frame[None]) == [case.shows(i)]


@pytest.mark.parametrize("preset", CODECS)
@pytest.mark.parametrize("name", ["hold 3", "loop 3", "ping-pong 4"])
def test_every_pass_begins_with_a_key_frame_and_holds_the_same_packets(preset, name, tmp_path):
    case = CASES[name]
    cycle, n = case.cycle(), case.lead + 4 * case.cycle()
    told = evenly_spaced(write(tmp_path, case.make(n), preset), n)
    passes = [told[at : at + cycle] for at in range(case.lead, n, cycle)]
    hashes = [[packet["data_hash"] for packet in one] for one in passes]
    assert all(one[0]["flags"].startswith("K") for one in passes)
    assert hashes[0] == hashes[1] == hashes[2] == hashes[3]


@pytest.mark.parametrize("preset", CODECS)
@pytest.mark.parametrize("name", ["hold 2", "loop 8", "ping-pong 4"])
def test_a_pass_too_large_to_keep_is_encoded_anew(preset, name, tmp_path, monkeypatch):
    monkeypatch.setattr(repeat, "CYCLE_BYTES", 1)
    case = CASES[name]
    for n in (case.lead + 2 * case.cycle(), case.lead + 3 * case.cycle() + 1):
        check(write(tmp_path, case.make(n), preset), case, n)


class Counted(FrameSource):
    """Counts the frames that are read."""

    def __init__(self, source: FrameSource) -> None:
        self.source, self.reads = source, 0
        self.size, self.channels, self.fps = source.size, source.channels, source.fps
        self.n_frames, self.period, self.lead = source.n_frames, source.period, source.lead

    def read(self, start: int, stop: int) -> np.ndarray:
        self.reads += stop - start
        return self.source.read(start, stop)


@pytest.mark.parametrize("preset", [*CODECS, "mov-prores4444", "mkv-ffv1"])
@pytest.mark.parametrize("name", CASES)
def test_work_does_not_grow_with_the_length(preset, name, tmp_path):
    case = CASES[name]
    source = Counted(case.make(case.lead + 30 * case.cycle() + 1))
    encoding = PRESETS[preset]
    mux(tmp_path / f"a{encoding.extension}", source, replace(encoding, gop=min(GOP, encoding.gop)))
    assert source.reads <= case.lead + 2 * case.cycle() + 2


@pytest.mark.parametrize("name", CASES)
def test_neighbouring_idr_pictures_differ_in_their_id(name, tmp_path):
    """ITU-T H.264, 7.4.3: two consecutive IDR access units may not have the same idr_pic_id."""
    case = CASES[name]
    for n in around(case)[2::3]:
        path = write(tmp_path, case.make(n), "mp4-h264")
        trace = ("-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-")
        told = run("ffmpeg", "-v", "verbose", "-i", path, *trace).stderr.decode()
        ids: list[int | None] = []
        for words in (line.split() for line in told.splitlines()):
            if "first_mb_in_slice" in words and words[-1] == "0":
                ids.append(None)
            elif "idr_pic_id" in words:
                ids[-1] = int(words[-1])
        assert len(ids) == n
        assert ids[0] is not None
        assert not [i for i in range(1, n) if ids[i] is not None and ids[i] == ids[i - 1]]
