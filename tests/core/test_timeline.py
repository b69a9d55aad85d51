"""Exact time, against integer arithmetic and brute force."""

from fractions import Fraction
from itertools import count, islice, pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from imgsync_core.errors import TimeError
from imgsync_core.timeline import (
    GRIDS,
    Grid,
    Timeline,
    hold_index,
    loop_index,
    parse_fps,
    parse_grid,
    ping_pong_index,
    ping_pong_period,
    round_half_up,
)

FPS = [23.976, 24, 25, 29.97, 30, 50, 59.94, 60, 1, 12.5]
RATES = [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000]

fps_values = st.sampled_from(FPS) | st.fractions(Fraction(1, 2), 240, max_denominator=1001)
rates = st.sampled_from(RATES) | st.integers(1000, 200_000)
sample_counts = st.integers(1, 10_000_000)
grids = st.sampled_from(sorted(GRIDS)).map(GRIDS.__getitem__)


@st.composite
def timelines(draw, largest=200_000):
    samples = st.integers(1, largest)
    return Timeline.of_sound(draw(samples), draw(rates), draw(fps_values), draw(grids))


# -- frame rates --


@pytest.mark.parametrize("fps", FPS)
@pytest.mark.parametrize("kind", [float, str, Fraction, np.float64, lambda fps: f" {fps}\n"])
def test_fps_is_the_nearest_fraction_with_a_small_denominator(fps, kind):
    assert parse_fps(kind(fps)) == Fraction(fps).limit_denominator(1001)


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        ("30000/1001", Fraction(30000, 1001)),
        (" 24000/1001 ", Fraction(24000, 1001)),
        (60 / 1.001, Fraction(60000, 1001)),
        (30 / 1.001, Fraction(30000, 1001)),
        (24 / 1.001, Fraction(24000, 1001)),
        ("25", Fraction(25)),
        ("1e2", Fraction(100)),
        ("0.1", Fraction(1, 10)),
        ("480", Fraction(480)),
    ],
)
def test_fps_of_broadcast_survive_as_text_and_as_floats(value, exact):
    assert parse_fps(value) == exact


@pytest.mark.parametrize(
    "value",
    [
        *[0, -1, -29.97, float("nan"), float("inf"), -float("inf"), 1e9, 480.1, 0.09, 1e-30],
        *["0", "-25", "nan", "inf", "1e9", "25 fps", "", "  ", "30/0", "1/0", "twenty", None, [25]],
    ],
)
def test_fps_without_sense_is_refused_in_one_sentence_with_advice(value):
    with pytest.raises(TimeError, match=r"^Frame rate .*\. Use .*\.$"):
        parse_fps(value)


@pytest.mark.parametrize("value", [0, float("nan"), 1e9, "text"])
def test_every_way_to_a_timeline_checks_the_fps(value):
    with pytest.raises(TimeError, match="Frame rate"):
        Timeline.of_sound(1000, 8000, value)
    with pytest.raises(TimeError, match="Frame rate"):
        Timeline.of_frames(10, value)
    with pytest.raises(TimeError, match="Frame rate"):
        Timeline.of_seconds(1, value)


# -- how many frames a sound needs --


@given(sample_counts, rates, fps_values)
def test_frames_are_the_samples_rounded_up(n_samples, rate, fps):
    exact = Fraction(fps).limit_denominator(1001)
    timeline = Timeline.of_sound(n_samples, rate, fps)
    # ceil(n * p / (q * rate)) by integers alone
    expected = -(-n_samples * exact.numerator // (exact.denominator * rate))
    assert timeline.n_frames == expected
    assert timeline.fps == exact
    assert timeline.duration == Fraction(expected * exact.denominator, exact.numerator)


@given(sample_counts, rates, fps_values)
def test_picture_is_as_long_as_the_sound_and_less_than_a_frame_longer(n_samples, rate, fps):
    timeline = Timeline.of_sound(n_samples, rate, fps)
    assert timeline.total_samples >= n_samples
    frames_before = (timeline.n_frames - 1) / timeline.fps
    assert frames_before < Fraction(n_samples, rate) <= timeline.duration
    # the padded sound ends with the last frame, to half a sample
    end = Fraction(timeline.total_samples, rate)
    assert abs(end - timeline.duration) <= Fraction(1, 2 * rate)


@given(st.integers(1, 100_000), st.sampled_from(FPS), st.sampled_from(RATES))
def test_sound_that_ends_with_a_frame_gets_no_other(seconds, fps, rate):
    """Exact where floats are not: one sample more needs one frame more."""
    exact = Fraction(fps).limit_denominator(1001)
    n_frames, n_samples = seconds * exact.numerator, seconds * exact.denominator * rate
    assert Timeline.of_sound(n_samples, rate, fps).n_frames == n_frames
    assert Timeline.of_sound(n_samples - 1, rate, fps).n_frames == n_frames
    assert Timeline.of_sound(n_samples + 1, rate, fps).n_frames == n_frames + 1
    assert Timeline.of_sound(n_samples, rate, fps).total_samples == n_samples


@given(sample_counts, rates, fps_values, st.integers(1, 40), st.integers(0, 60))
def test_grid_gives_the_first_count_on_it_that_is_long_enough(n, rate, fps, step, offset):
    plain = Timeline.of_sound(n, rate, fps).n_frames
    assume(plain < 200_000)
    got = Timeline.of_sound(n, rate, fps, Grid(step, offset)).n_frames
    k = max(0, -(-(plain - offset) // step))
    assert got == step * k + offset or (got == step and offset == 0)
    assert plain <= got
    assert got < max(plain, offset) + step + (offset == 0)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("any", lambda k: k + 1),
        ("16k", lambda k: 16 * k + 16),
        ("4k+1", lambda k: 4 * k + 1),
        ("8n+1", lambda k: 8 * k + 1),
        ("17k+5", lambda k: 17 * k + 5),
        ("3k+2", lambda k: 3 * k + 2),
        (" 12 n ", lambda k: 12 * k + 12),
    ],
)
def test_grids_by_name_against_a_list_of_what_is_on_them(name, formula):
    grid = parse_grid(name)
    allowed = [formula(k) for k in range(400)]
    for n in range(300):
        assert grid.round_up(n) == min(a for a in allowed if a >= max(n, 1))


@pytest.mark.parametrize("text", ["", "k", "4", "4k-1", "four", "4k+", "-4k+1", "0k+1", "4.5k"])
def test_grids_without_sense_are_refused(text):
    with pytest.raises(TimeError, match="Frame grid"):
        parse_grid(text)


@given(st.integers(1, 10**6), st.sampled_from(FPS))
def test_seconds_become_the_shortest_picture_that_lasts_as_long(milliseconds, fps):
    seconds = Fraction(milliseconds, 1000)
    timeline = Timeline.of_seconds(float(seconds), fps)
    assert (timeline.n_frames - 1) / timeline.fps < seconds <= timeline.duration


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "soon", None, "1e-30"])
def test_seconds_without_sense_are_refused(seconds):
    with pytest.raises(TimeError, match="Duration"):
        Timeline.of_seconds(seconds, 25)


@pytest.mark.parametrize("n_frames", [0, -3])
def test_no_frames_are_refused(n_frames):
    with pytest.raises(TimeError, match="no frames"):
        Timeline.of_frames(n_frames, 25)


@pytest.mark.parametrize("n_samples", [0, -5])
def test_sound_without_samples_is_refused(n_samples):
    with pytest.raises(TimeError, match="no samples"):
        Timeline.of_sound(n_samples, 48000, 25)


def test_sound_that_is_longer_than_the_frames_is_refused():
    assert Timeline.of_frames(10, 25, 48000, 19200).total_samples == 19200
    with pytest.raises(TimeError, match="do not fit into 10 frames"):
        Timeline.of_frames(10, 25, 48000, 19201)


@pytest.mark.parametrize("rate", [0, -1])
def test_rate_without_sense_is_refused(rate):
    with pytest.raises(TimeError, match="Sample rate"):
        Timeline.of_frames(10, 25, rate)


# -- frames and samples --


@given(timelines(20_000), st.lists(st.integers(0, 10**6), max_size=6))
def test_ranges_of_frames_share_out_the_samples_exactly(timeline, cuts):
    edges = sorted({0, timeline.n_frames, *(cut % (timeline.n_frames + 1) for cut in cuts)})
    ranges = [timeline.samples_of(a, b) for a, b in pairwise(edges)]
    assert [r[0] for r in ranges] == [0, *(r[1] for r in ranges[:-1])]
    assert ranges[-1][1] == timeline.total_samples
    for (a, b), (start, stop) in zip(pairwise(edges), ranges, strict=True):
        exact = (b - a) * timeline.rate / timeline.fps
        assert abs((stop - start) - exact) <= 1


@given(timelines(), st.data())
def test_frame_of_a_sample_is_the_one_whose_range_holds_it(timeline, data):
    sample = data.draw(st.integers(0, timeline.total_samples - 1))
    frame = timeline.frame_at(sample)
    start, stop = timeline.samples_of(frame, frame + 1)
    assert start <= sample < stop
    assert 0 <= frame < timeline.n_frames


@pytest.mark.parametrize("fps", FPS)
@pytest.mark.parametrize("rate", [1000, 8000, 44100])
def test_frames_and_samples_against_a_list_of_all_samples(fps, rate):
    timeline = Timeline.of_sound(rate // 3 + 7, rate, fps)
    step = rate / timeline.fps
    owner = []  # the frame of each sample, by walking through the frames
    for frame in range(timeline.n_frames):
        end = (2 * (frame + 1) * step.numerator + step.denominator) // (2 * step.denominator)
        owner += [frame] * (end - len(owner))
    assert len(owner) == timeline.total_samples
    assert [timeline.frame_at(i) for i in range(len(owner))] == owner
    for frame in range(timeline.n_frames):
        assert timeline.sample_at(frame) == owner.index(frame)
    for start, stop in [(0, 1), (0, len(owner)), (3, 50), (len(owner) // 2, len(owner) // 2 + 9)]:
        shown = owner[start:stop]
        assert timeline.frames_of(start, stop) == (shown[0], shown[-1] + 1)
    assert timeline.frames_of(5, 5) == (owner[5], owner[5])


@given(timelines(), rates)
def test_another_rate_keeps_the_frames_and_the_duration(timeline, rate):
    other = timeline.at_rate(rate)
    assert (other.n_frames, other.fps, other.rate) == (timeline.n_frames, timeline.fps, rate)
    assert other.n_samples <= other.total_samples
    seconds, seconds_before = (Fraction(t.n_samples, t.rate) for t in (other, timeline))
    # half a sample of the new rate for rounding, half of each for a sound that fills its frames
    assert abs(seconds - seconds_before) <= Fraction(1, rate) + Fraction(1, 2 * timeline.rate)


@given(st.fractions(-1000, 1000, max_denominator=64))
def test_rounding_halves_up(value):
    nearest = min((abs(value - n), -n) for n in (int(value) - 1, int(value), int(value) + 1))
    assert round_half_up(value) == -nearest[1]


# -- index maps --


def play_ping_pong(n):
    """Walk to and fro as one would with a finger."""
    at, step = 0, 1
    for _ in count():
        yield at
        if not 0 <= at + step < n:
            step = -step
        at = min(max(at + step, 0), n - 1)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 24, 125])
def test_index_maps_against_brute_force(n):
    length = 6 * n + 5
    i = np.arange(length)
    walks = {
        hold_index: list(range(n)) + [n - 1] * (length - n),
        loop_index: (list(range(n)) * 12)[:length],
        ping_pong_index: list(islice(play_ping_pong(n), length)),
    }
    for index, expected in walks.items():
        assert index(i, n).tolist() == expected
        assert [index(int(k), n) for k in i] == expected


@pytest.mark.parametrize("n", [2, 3, 4, 5, 24, 125])
def test_ping_pong_shows_no_end_twice_and_repeats_after_2n_minus_2(n):
    shown = ping_pong_index(np.arange(8 * n), n)
    assert np.abs(np.diff(shown)).tolist() == [1] * (8 * n - 1)
    period = 2 * n - 2
    assert ping_pong_period(n) == period
    assert np.array_equal(shown[period:], shown[:-period])
    shorter = [p for p in range(1, period) if np.array_equal(shown[p:], shown[:-p])]
    assert shorter == []
    turns = np.bincount(shown[:period], minlength=n)
    assert turns.tolist() == [1, *[2] * (n - 2), 1]


def test_ping_pong_of_one_frame_is_that_frame():
    assert ping_pong_period(1) == 1
    assert ping_pong_index(np.arange(9), 1).tolist() == [0] * 9
