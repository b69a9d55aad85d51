"""What a face does beside the mouth: head, gaze, blinks, brows and breath, against real people.

The ranges are those of calm real speakers, measured in videos of them; spectra, correlations and
durations are computed here with numpy and scipy.
"""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from scipy import ndimage, signal

from imgsync_core.audio.mouth_curves import TABLE
from imgsync_core.engines.built_in.performance import perform, settled
from imgsync_core.engines.built_in.pose import COLUMNS, LIMITS

SEEDS = range(6)
SECONDS = 40


def speech_table(seconds: float = SECONDS, seed: int = 0) -> np.ndarray:
    """Phrases of two to four seconds with pauses, syllables, some of them stressed: (t, 9)."""
    rng = np.random.default_rng(seed)
    n = round(seconds * 50)
    made = {name: np.zeros(n) for name in TABLE}
    at = 0.6
    while at < seconds - 1:
        stop = min(seconds - 0.3, at + rng.uniform(2, 4))
        made["voiced"][round(at * 50) : round(stop * 50)] = 1
        begin = at
        while at < stop - 0.1:
            lasts = rng.uniform(0.13, 0.28)
            span = slice(round(at * 50), min(n, round((at + lasts) * 50)))
            bump = np.hanning(max(3, span.stop - span.start) + 2)[1:-1][: span.stop - span.start]
            stress = rng.random() < 0.3
            made["open"][span] = bump * rng.uniform(0.2, 0.5)
            made["spread"][span] = bump * rng.uniform(0, 0.8)
            made["loudness"][span] = 0.55 + bump * (0.42 if stress else 0.12)
            made["pitch"][span] = 2 - 1.5 * (at - begin) + 3 * stress * bump
            at += lasts
        at = stop + rng.uniform(0.45, 1.0)
    return np.stack(list(made.values()), 1).astype(np.float32)


def performed(seed: int, fps: int = 25, table: np.ndarray | None = None) -> dict[str, np.ndarray]:
    table = speech_table() if table is None else table
    poses = perform(table, Fraction(fps), len(table) * fps // 50, seed)
    return {name: poses[:, i].astype(float) for i, name in enumerate(COLUMNS)}


@pytest.fixture(scope="module")
def runs() -> list[dict[str, np.ndarray]]:
    return [performed(seed) for seed in SEEDS]


def starts() -> np.ndarray:
    """Seconds at which phrases begin."""
    voiced = speech_table()[:, TABLE.index("voiced")]
    return np.flatnonzero(np.diff(voiced) > 0) / 50 + 0.02


def closings(lids: np.ndarray, fps: int) -> np.ndarray:
    """(n, 2) seconds at which blinks begin and end, half way."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], lids > 0.5, [0]]).astype(int)))
    return edges.reshape(-1, 2) / fps


@pytest.mark.parametrize(("axis", "low", "high"), [
    ("yaw", 1, 3.2), ("pitch", 1, 3), ("roll", 0.8, 2.5), ("brow", 0.15, 0.32),
    ("squint", 0.04, 0.2), ("gaze_x", 1, 5), ("gaze_y", 0.8, 4), ("shift_x", 0.003, 0.03),
])  # fmt: skip
def test_every_axis_is_as_lively_as_people(runs, axis: str, low: float, high: float) -> None:
    assert low < np.median([run[axis].std() for run in runs]) < high


def test_the_head_moves_at_all_speeds_that_people_have(runs) -> None:
    for run in runs:
        turns = np.stack([run[x] for x in ("yaw", "pitch", "roll")], 1)
        speed = np.linalg.norm(np.diff(ndimage.gaussian_filter1d(turns, 1, axis=0), axis=0), axis=1)
        half, most = np.percentile(speed * 25, (50, 95))
        assert 3.5 < half < 12 and 12 < most < 40  # degrees a second
        assert most > 2.5 * half  # still in between


def test_slow_turning_is_not_all_there_is(runs) -> None:
    shares, slopes = [], []
    for run in runs:
        hertz, power = signal.welch(run["yaw"], 25, nperseg=250)
        shares.append(power[hertz < 0.5].sum() / power.sum())
        band = (hertz > 0.2) & (hertz < 3)
        slopes.append(np.polyfit(np.log(hertz[band]), np.log(power[band]), 1)[0])
    assert 0.45 < np.median(shares) < 0.87
    assert -4 < np.median(slopes) < -1  # falls as noise does, with no line of a sine in it


def test_axes_go_together(runs) -> None:
    lean = [np.corrcoef(run["yaw"], run["roll"])[0, 1] for run in runs]
    assert 0.25 < np.median(lean) < 0.9
    for turn, shift in (("yaw", "shift_x"), ("pitch", "shift_y")):
        assert min(np.corrcoef(run[turn], run[shift])[0, 1] for run in runs) > 0.8


def test_nods_fall_on_accents(runs) -> None:
    table = speech_table()
    loud = ndimage.gaussian_filter1d(table[:, TABLE.index("loudness")].astype(float), 5)[::2]
    keep = signal.butter(2, (0.4, 4), "band", fs=25, output="sos")
    nods = np.mean([signal.sosfiltfilt(keep, run["pitch"]) for run in runs], 0)
    louder = signal.sosfiltfilt(keep, loud)
    r = [np.corrcoef(np.roll(nods, -k)[20:-20], louder[20:-20])[0, 1] for k in range(-3, 8)]
    assert max(r) > 0.25 and np.argmax(r) >= 2  # and not before them


def test_the_speech_begins_with_the_picture(runs) -> None:
    for run in runs:
        assert all(abs(run[x][0]) < 0.1 for x in ("yaw", "pitch", "roll"))


@pytest.mark.parametrize("fps", [50, 100])
def test_the_same_motion_at_any_frame_rate(fps: int) -> None:
    for seed in (0, 1):
        usual, other = performed(seed, 25), performed(seed, fps)
        for name, values in usual.items():
            assert np.allclose(other[name][:: fps // 25], values, atol=1e-5), name


def test_a_later_start_of_silence_changes_nothing_before() -> None:
    table = speech_table()
    longer = np.pad(table, ((0, 500), (0, 0)))
    one, other = (performed(3, table=x) for x in (table, longer))
    for name, values in one.items():
        assert np.allclose(other[name][: len(values) - 50], values[:-50], atol=1e-5), name


def test_blinks_close_faster_than_they_open() -> None:
    for seed in SEEDS:
        lids = performed(seed, 200)["blink"]
        blinks = closings(lids, 200)
        assert 8 <= len(blinks) / SECONDS * 60 <= 20
        assert ((blinks[:, 1] - blinks[:, 0] > 0.08) & (blinks[:, 1] - blinks[:, 0] < 0.2)).all()
        speed = np.diff(lids) * 200
        assert 1.3 < speed.max() / -speed.min() < 3
        whole = np.diff(np.flatnonzero(np.diff((lids > 0.02).astype(int))).reshape(-1, 2))
        assert whole.min() >= 0.10 * 200 and whole.max() <= 0.36 * 200


def test_blinks_prefer_the_ends_of_phrases() -> None:
    voiced = speech_table()[:, TABLE.index("voiced")]
    ends = np.flatnonzero(np.diff(voiced) < 0) / 50
    near = total = 0
    for seed in SEEDS:
        for begin, _ in closings(performed(seed)["blink"], 25):
            near += np.abs(ends - begin).min() < 0.2
            total += 1
    chance = 0.4 * len(ends) / SECONDS
    assert near / total > 2 * chance


def test_eyes_hold_what_they_look_at_while_the_head_turns() -> None:
    for seed in SEEDS:
        run = performed(seed, 50)
        turned, looked = np.diff(run["yaw"]), np.diff(run["gaze_x"])
        rests = np.abs(looked) < 0.5  # no saccade: 25 degrees a second
        slope = np.polyfit(turned[rests], looked[rests], 1)[0]
        assert -1.05 < slope < -0.8


def test_eyes_jump_and_rest() -> None:
    for seed in SEEDS:
        run = performed(seed, 50)
        looked = np.stack([run["gaze_x"] + 0.92 * run["yaw"], run["gaze_y"] + 0.92 * run["pitch"]])
        speed = np.linalg.norm(np.diff(looked), axis=0) * 50
        jumps = np.count_nonzero(np.diff((speed > 12).astype(int)) > 0) / SECONDS
        assert 0.4 < jumps < 2.5  # a second
        assert (speed < 3).mean() > 0.85


def test_brows_rise_with_accents(runs) -> None:
    loud = speech_table()[:, TABLE.index("loudness")].astype(float)
    out = (ndimage.gaussian_filter1d(loud, 5) - ndimage.gaussian_filter1d(loud, 30))[::2]
    mean = np.mean([run["brow"] for run in runs], 0)
    assert max(np.corrcoef(np.roll(mean, -k), out)[0, 1] for k in range(6)) > 0.3


def test_lips_part_for_breath_before_phrases(runs) -> None:
    for run in runs:
        for start in starts():
            before = run["open"][int((start - 0.28) * 25) : int((start - 0.02) * 25) + 1]
            earlier = run["open"][int((start - 0.42) * 25) : int((start - 0.36) * 25) + 1]
            assert 0.06 < before.max() < 0.2
            assert not earlier.any()


def test_no_breath_is_drawn_where_nobody_speaks() -> None:
    silent = performed(1, table=np.zeros((1500, 9), np.float32))
    assert not silent["open"].any()


def test_everything_can_be_shown(runs) -> None:
    for run in runs:
        for i, name in enumerate(COLUMNS):
            assert LIMITS[i, 0] <= run[name].min() and run[name].max() <= LIMITS[i, 1]


def test_an_offset_moves_everything() -> None:
    table = speech_table()
    usual, late, early = (
        perform(table, Fraction(50), len(table), 1, offset) for offset in (0.0, 0.1, -0.1)
    )
    assert np.allclose(late[5:], usual[:-5], atol=1e-5)
    assert np.allclose(early[:-15], usual[5:-10], atol=1e-5)


@pytest.mark.slow  # an hour of speech
def test_an_hour_needs_little_memory() -> None:
    table = np.tile(speech_table(), (90, 1))
    tracemalloc.start()
    try:
        poses = perform(table, Fraction(25), 90000, 1)
        assert tracemalloc.get_traced_memory()[1] < 120e6
    finally:
        tracemalloc.stop()
    assert poses[-25 * 60 :, COLUMNS.index("yaw")].std() > 0.8


@pytest.mark.parametrize("fps", [25, 60])
def test_a_smile_does_not_come_back_between_two_words(fps: int) -> None:
    poses = np.zeros((10 * fps, len(COLUMNS)), np.float32)
    for start, stop in ((3.0, 4.0), (4.6, 5.2)):
        poses[round(start * fps) : round(stop * fps), COLUMNS.index("open")] = 0.5
    made = settled(poses, fps)
    close = made[:, COLUMNS.index("close")]
    assert close[round(4.1 * fps) : round(4.5 * fps)].min() > 0.25
    assert not close[: 2 * fps].any() and not close[7 * fps :].any()
    assert not close[round(3.1 * fps) : round(3.9 * fps)].any()
    assert (made[:, 0] == poses[:, 0]).all() and np.abs(np.diff(close)).max() < 0.31
