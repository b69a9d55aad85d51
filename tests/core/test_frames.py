"""Frame sources and the maps over them, against lists of frames made by brute force."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgsync_core.errors import InputError, TimeError
from imgsync_core.media.extend import MODES, Extension, extend
from imgsync_core.media.fit import Fit
from imgsync_core.media.frames import (
    ArrayFrames,
    Composed,
    Fitted,
    FrameSource,
    Held,
    Looped,
    PingPong,
    StillFrames,
    Trimmed,
    is_one_frame,
)
from imgsync_core.media.motion import MOVES, PanZoom
from imgsync_core.media.picture import Picture

FPS = Fraction(25)


def noise(n: int, channels: int = 3, size: tuple[int, int] = (4, 2), seed: int = 0) -> np.ndarray:
    """n frames that all differ."""
    return np.random.default_rng(seed).integers(0, 256, (n, size[1], size[0], channels), np.uint8)


class Watched(ArrayFrames):
    """Frames in memory that remember what was read of them."""

    def __init__(self, frames: np.ndarray) -> None:
        super().__init__(frames, FPS)
        self.reads: list[tuple[int, int]] = []

    def read(self, start: int, stop: int) -> np.ndarray:
        self.reads.append((start, stop))
        return super().read(start, stop)


# -- the same maps by brute force, on lists of frames --


def held(frames: list, n: int) -> list:
    return [frames[min(i, len(frames) - 1)] for i in range(n)]


def bounced(frames: list, n: int) -> list:
    there_and_back = frames + frames[-2:0:-1]
    return [there_and_back[i % len(there_and_back)] for i in range(n)]


def looped(frames: list, n: int, fade: int) -> list:
    """Lay pass after pass on a line, ``len(frames) - fade`` apart, and blend where two lie."""
    step = len(frames) - fade
    out = []
    for i in range(n):
        new, at = divmod(i, step)
        if new == 0 or at >= fade:
            out.append(frames[at])
            continue
        weight = (at + 1) / (fade + 1)
        mixed = frames[at + step].astype(float) * (1 - weight) + frames[at].astype(float) * weight
        out.append(np.floor(mixed + 0.5 + 1e-9).astype(np.uint8))
    return out


def composed(frames: list, color: tuple[int, int, int]) -> list:
    out = []
    for frame in frames:
        alpha = frame[..., 3:].astype(float) / 255
        mixed = frame[..., :3] * alpha + np.array(color) * (1 - alpha)
        out.append(np.floor(mixed + 0.5 + 1e-9).astype(np.uint8))
    return out


@st.composite
def sources(draw) -> tuple[FrameSource, list]:
    """A source under up to three maps, and the list of frames it has to show."""
    n = draw(st.integers(1, 9))
    frames = noise(n, draw(st.sampled_from([3, 4])), seed=draw(st.integers(0, 9)))
    source: FrameSource = ArrayFrames(frames, FPS)
    expected = list(frames)
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["hold", "loop", "bounce", "trim", "fit", "compose"]))
        n = draw(st.integers(1, 30))
        if kind == "hold":
            source, expected = Held(source, n), held(expected, n)
        elif kind == "bounce":
            source, expected = PingPong(source, n), bounced(expected, n)
        elif kind == "loop":
            fade = draw(st.integers(0, len(expected) // 2))
            source, expected = Looped(source, n, fade), looped(expected, n, fade)
        elif kind == "trim":
            start = draw(st.integers(0, len(expected) - 1))
            stop = draw(st.integers(start + 1, len(expected)))
            source, expected = Trimmed(source, start, stop), expected[start:stop]
        elif kind == "fit":
            fit = Fit("pad", 4, 4, background=(9, 99, 199))
            source = Fitted(source, fit)
            expected = [fit.apply(frame) for frame in expected]
        elif source.channels == 4:
            source, expected = Composed(source, (9, 99, 199)), composed(expected, (9, 99, 199))
    return source, expected


@given(sources())
def test_every_source_shows_the_frames_that_brute_force_gives(pair):
    source, expected = pair
    assert source.n_frames == len(expected)
    got = source.read(0, source.n_frames)
    assert got.dtype == np.uint8
    assert np.array_equal(got, np.stack(expected))
    assert got.shape == (source.n_frames, source.size[1], source.size[0], source.channels)
    assert source.fps == FPS
    assert source.frame_bytes == expected[0].size


@given(sources(), st.data())
def test_any_chunking_gives_the_same_frames(pair, data):
    source, expected = pair
    n = source.n_frames
    cuts = data.draw(st.lists(st.integers(1, n), max_size=5))
    edges = sorted({0, n, *cuts})
    chunks = [(a, b) for a, b in itertools.pairwise(edges)]
    for start, stop in data.draw(st.permutations(chunks)):  # in any order, too
        assert np.array_equal(source.read(start, stop), np.stack(expected[start:stop]))
    assert np.array_equal(source.read(n - 1, n + 50), np.stack(expected[-1:]))  # ends where it ends


@given(sources())
def test_what_is_said_about_repetition_is_true_for_every_frame(pair):
    source, expected = pair
    if source.period is None:
        assert source.lead == 0
        return
    assert source.period >= 1 and 0 <= source.lead < source.n_frames
    for i in range(source.lead, source.n_frames - source.period):
        assert np.array_equal(expected[i], expected[i + source.period])


@given(st.integers(1, 9), st.integers(1, 40), st.data())
def test_repetition_is_said_as_early_and_as_short_as_it_is(n, length, data):
    """With frames that all differ: no smaller period and no smaller lead would be true."""
    clip = ArrayFrames(noise(n), FPS)
    fade = data.draw(st.integers(0, n // 2))
    for source in (Held(clip, length), PingPong(clip, length), Looped(clip, length, fade)):
        frames = source.read(0, length)

        def true(lead: int, period: int, frames=frames) -> bool:
            return np.array_equal(frames[lead:-period], frames[lead + period :])

        if source.period is None:
            assert not any(true(0, p) for p in range(1, length))
            continue
        shown = length - source.lead  # frames on which a claim could fail
        assert not any(true(source.lead, p) for p in range(1, min(source.period, shown)))
        if source.lead and shown > source.period:
            assert not true(source.lead - 1, source.period)


@pytest.mark.parametrize(("start", "stop"), [(0, 20), (2, 15), (4, 9), (7, 20), (0, 4), (0, 5)])
def test_a_trim_repeats_as_early_as_what_it_shows(start, stop):
    """Five frames and the last held: from frame 4 of the source on, all are the same."""
    source = Trimmed(Held(ArrayFrames(noise(5), FPS), 20), start, stop)
    if stop <= 4:
        assert (source.lead, source.period) == (0, None)
    else:
        assert (source.lead, source.period) == (max(0, 4 - start), 1)
    bounce = Trimmed(PingPong(ArrayFrames(noise(5), FPS), 20), start, stop)
    assert (bounce.lead, bounce.period) == (0, 8)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_maps_against_numpy_index_maps(n):
    frames = noise(n)
    clip, length = ArrayFrames(frames, FPS), 5 * n + 3
    i = np.arange(length)
    saw = np.abs((i + n - 1) % max(1, 2 * n - 2) - (n - 1))
    assert np.array_equal(PingPong(clip, length).read(0, length), frames[saw])
    assert np.array_equal(Looped(clip, length).read(0, length), frames[i % n])
    assert np.array_equal(Held(clip, length).read(0, length), frames[np.minimum(i, n - 1)])
    assert PingPong(clip, length).period == max(1, 2 * n - 2)
    assert Looped(clip, length).period == n
    assert (Held(clip, length).lead, Held(clip, length).period) == (n - 1, 1)


@pytest.mark.parametrize(("n", "fade"), [(10, 1), (10, 3), (10, 5), (7, 3), (2, 1)])
def test_cross_fade_passes_every_frame_and_jumps_less_than_a_hard_cut(n, fade):
    frames = np.zeros((n, 1, 1, 3), np.uint8)
    frames[:] = np.linspace(0, 255, n).round().astype(np.uint8).reshape(n, 1, 1, 1)
    length = 6 * n
    hard = Looped(ArrayFrames(frames, FPS), length).read(0, length)[:, 0, 0, 0].astype(int)
    soft = Looped(ArrayFrames(frames, FPS), length, fade).read(0, length)[:, 0, 0, 0].astype(int)
    assert np.abs(np.diff(hard)).max() == 255
    # the fall of 255 is spread over fade + 1 steps, and the clip itself still climbs
    assert np.abs(np.diff(soft)).max() <= 255 / (fade + 1) + 255 / (n - 1) + 1
    assert Looped(ArrayFrames(frames, FPS), length, fade).period == n - fade


def test_cross_fade_of_all_pairs_of_values_is_rounded_to_nearest():
    a, b = np.meshgrid(np.arange(256), np.arange(256))
    clip = np.stack([a, a, a, b, b, b], 0).astype(np.uint8)[..., None].repeat(3, 3)
    out = Looped(ArrayFrames(clip, FPS), 7, 3).read(3, 6)
    for step in range(3):
        weight = (step + 1) / 4
        exact = b * (1 - weight) + a * weight
        assert np.abs(out[step, ..., 0] - exact).max() <= 0.5


@pytest.mark.parametrize(("n", "fade"), [(10, 6), (10, 10), (10, -1), (1, 1), (3, 2)])
def test_cross_fade_longer_than_half_the_clip_is_refused(n, fade):
    with pytest.raises(TimeError, match=f"does not fit a clip of {n}. Use 0 to {n // 2}"):
        Looped(ArrayFrames(noise(n), FPS), 30, fade)


# -- no copies, no needless reading --


@pytest.mark.parametrize("channels", [3, 4])
def test_holding_a_still_for_an_hour_copies_nothing(channels):
    pixels = noise(1, channels)[0]
    picture = Picture(pixels[..., :3], pixels[..., 3] if channels == 4 else None)
    still = StillFrames(picture)
    for source in (Held(still, 90_000), PingPong(still, 90_000), Looped(still, 90_000)):
        frames = source.read(0, 90_000)
        assert frames.shape == (90_000, 2, 4, channels)
        assert frames.strides[0] == 0
        assert np.shares_memory(frames, still.read(0, 1))
        assert is_one_frame(frames)
        assert source.period == 1 and source.lead == 0


def test_held_end_of_a_clip_is_one_frame_in_memory():
    clip = noise(5)
    frames = Held(ArrayFrames(clip, FPS), 1000).read(4, 1000)
    assert frames.strides[0] == 0 and np.shares_memory(frames, clip[4])


def test_plain_reading_of_frames_in_memory_copies_nothing():
    clip = noise(20)
    for source in (ArrayFrames(clip, FPS), Trimmed(ArrayFrames(clip, FPS), 5, 15)):
        assert np.shares_memory(source.read(2, 6), clip)
    still = StillFrames(Picture(clip[0]))
    assert np.shares_memory(still.read(0, 1), clip)


def test_fitting_and_composing_a_held_picture_works_once():
    applied = []

    class Counting(Fit):
        def apply(self, frame):
            applied.append(1)
            return super().apply(frame)

    source = Held(ArrayFrames(noise(1, 4), FPS), 500)
    frames = Composed(Fitted(source, Counting("stretch", 8, 6)), (0, 0, 0)).read(0, 500)
    assert frames.shape == (500, 6, 8, 3) and frames.strides[0] == 0
    assert len(applied) == 1


def test_only_the_frames_of_a_chunk_are_read():
    clip = Watched(noise(100))
    Held(clip, 1000).read(40, 50)
    PingPong(clip, 1000).read(150, 160)
    Looped(clip, 1000, 10).read(130, 140)
    assert clip.reads == [(40, 50), (39, 49), (40, 50)]
    clip.reads.clear()
    Looped(clip, 1000).read(95, 105)  # over the seam: two pieces, and not all between them
    assert clip.reads == [(95, 100), (0, 5)]


def test_take_gives_frames_in_any_order():
    clip = noise(30)
    indices = np.random.default_rng(0).integers(0, 30, 200)
    for order in (indices, indices[::-1], np.sort(indices), np.array([7]), np.array([3, 3, 3])):
        assert np.array_equal(ArrayFrames(clip, FPS).take(order), clip[order])


def test_closing_reaches_the_source_below():
    closed = []

    class Closing(ArrayFrames):
        def close(self) -> None:
            closed.append(self)

    clip = Closing(noise(4, 4), FPS)
    Composed(Fitted(Trimmed(Looped(PingPong(Held(clip, 9), 9), 9), 1, 5), Fit()), (0, 0, 0)).close()
    assert closed == [clip]


# -- fitted, composed, stills --


def test_fitted_frames_against_pillow():
    clip = noise(3, size=(40, 30))
    source = Fitted(ArrayFrames(clip, FPS), Fit("stretch", 20, 24))
    assert source.size == (20, 24)
    for i, frame in enumerate(source.read(0, 3)):
        expected = Image.fromarray(clip[i]).resize((20, 24), Image.Resampling.LANCZOS)
        assert np.array_equal(frame, np.asarray(expected))


def test_composed_frames_have_three_channels():
    clip = noise(5, 4)
    source = Composed(ArrayFrames(clip, FPS), (9, 99, 199))
    assert source.channels == 3 and source.frame_bytes == 4 * 2 * 3
    assert np.array_equal(source.read(1, 4), np.stack(composed(list(clip[1:4]), (9, 99, 199))))


def test_still_shows_its_picture_with_its_alpha():
    pixels = noise(1, 4)[0]
    with_alpha = StillFrames(Picture(pixels[..., :3], pixels[..., 3]))
    assert with_alpha.channels == 4 and np.array_equal(with_alpha.read(0, 1)[0], pixels)
    without = StillFrames(Picture(pixels[..., :3]), Fraction(30000, 1001))
    assert without.channels == 3 and without.fps == Fraction(30000, 1001)
    assert (without.n_frames, without.period, without.size) == (1, 1, (4, 2))


# -- what is refused --


@pytest.mark.parametrize("shape", [(0, 2, 4, 3), (5, 2, 4, 1), (5, 2, 4, 2), (2, 4, 3), (5, 2, 4)])
def test_arrays_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match="t h w 3 or t h w 4"):
        ArrayFrames(np.zeros(shape, np.uint8), FPS)


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (0, 6), (3, 3), (4, 2), (5, 6)])
def test_trims_outside_the_clip_are_refused(start, stop):
    with pytest.raises(TimeError, match="are not in a clip of 5 frames"):
        Trimmed(ArrayFrames(noise(5), FPS), start, stop)


@pytest.mark.parametrize("make", [Held, PingPong, Looped])
@pytest.mark.parametrize("n", [0, -1])
def test_no_frames_are_refused(make, n):
    with pytest.raises(TimeError, match="at least 1"):
        make(ArrayFrames(noise(5), FPS), n)


# -- extend: the choice among the maps --


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Extension(), held),
        (Extension("hold"), held),
        (Extension("loop"), lambda frames, n: looped(frames, n, 0)),
        (Extension("loop", crossfade=2), lambda frames, n: looped(frames, n, 2)),
        (Extension("ping-pong"), bounced),
    ],
)
@pytest.mark.parametrize("n", [1, 3, 5, 23])
def test_extend_a_clip(how, expected, n):
    frames = noise(5)
    source = extend(ArrayFrames(frames, FPS), n, how)
    assert np.array_equal(source.read(0, n), np.stack(expected(list(frames), n)))


@pytest.mark.parametrize("mode", ["hold", "loop", "ping-pong"])
def test_extend_a_still_repeats_it_in_every_mode(mode):
    still = StillFrames(Picture(noise(1)[0]))
    source = extend(still, 250, Extension(mode, crossfade=3))
    frames = source.read(0, 250)
    assert frames.strides[0] == 0 and np.array_equal(frames[9], still.read(0, 1)[0])
    assert (source.n_frames, source.lead, source.period) == (250, 0, 1)


def test_extend_pan_zoom_glides_over_a_still_at_the_size_asked_for():
    pixels = noise(1, 4, (64, 48))[0]
    still = StillFrames(Picture(pixels[..., :3], pixels[..., 3]), Fraction(30))
    start, end = MOVES["pan right"]
    source = extend(still, 12, Extension("pan-zoom", start=start, end=end, eased=False), (32, 24))
    assert source.size == (32, 24) and source.fps == 30 and source.channels == 4
    other = PanZoom(still, 12, start, end, eased=False, size=(32, 24))
    assert np.array_equal(source.read(0, 12), other.read(0, 12))
    assert not np.array_equal(source.read(0, 1), source.read(11, 12))


def test_extend_pan_zoom_refuses_a_clip():
    with pytest.raises(InputError, match=r"5 frames came\. Use loop or ping-pong"):
        extend(ArrayFrames(noise(5), FPS), 10, Extension("pan-zoom"))


@pytest.mark.parametrize("mode", MODES)
def test_extend_to_no_frames_is_refused(mode):
    with pytest.raises(TimeError, match="at least 1"):
        extend(StillFrames(Picture(noise(1)[0])), 0, Extension(mode))


@pytest.mark.parametrize("mode", ["", "bounce", "Hold", "ping_pong"])
def test_unknown_modes_are_refused_with_the_known_ones(mode):
    with pytest.raises(InputError, match="Use hold, loop, ping-pong, mirrored, pan-zoom"):
        Extension(mode)
