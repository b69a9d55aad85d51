"""Curves that are written, edited and read back."""

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from imgsync_core.demo import demo_speech
from imgsync_core.engines.built_in.export import export
from imgsync_core.engines.built_in.pose import COLUMNS
from imgsync_core.engines.built_in.reading import read_curves
from imgsync_core.errors import InputError
from imgsync_core.media.sound import ArraySound

N = 150


def written(**columns: object) -> dict[str, np.ndarray]:
    """A table of curves, three seconds of it, with some columns exchanged (None: left out)."""
    t = np.arange(N) / 50
    made: dict = {"t": t, "open": np.abs(np.sin(3 * t)), "yaw": 5 * np.sin(t)} | columns
    return {name: np.asarray(x) for name, x in made.items() if x is not None}


def saved(folder: Path, table: dict[str, np.ndarray], name: str = "c.csv", mark: str = ",") -> Path:
    path = folder / name
    if name.endswith(".npz"):
        np.savez(path, **table)
    else:
        with path.open("w", newline="") as file:
            writer = csv.writer(file, delimiter=mark)
            writer.writerow(table)
            writer.writerows(zip(*table.values(), strict=True))
    return path


def column(poses: np.ndarray, name: str) -> np.ndarray:
    return poses[:, COLUMNS.index(name)]


@pytest.mark.parametrize("name", ["c.csv", "c.npz"])
def test_what_was_exported_comes_back(tmp_path, name: str) -> None:
    path = tmp_path / name
    count = export(ArraySound(demo_speech(3.0, 16000), 16000), path, seed=4)
    found = read_curves(path)
    poses = found.put_on(np.full((count, 16), 9, np.float32), Fraction(50))
    if name == "c.npz":
        with np.load(path) as file:
            columns = {key: file[key] for key in file}
    else:
        rows = np.genfromtxt(path, delimiter=",", names=True)
        columns = {key: rows[key] for key in rows.dtype.names}
    assert set(found.columns) == set(COLUMNS)
    shown = column(poses, "open") * (1 - column(poses, "close"))
    assert np.allclose(shown, columns["open"], atol=2e-3)
    assert all(np.allclose(column(poses, x), columns[x], atol=1e-4) for x in COLUMNS if x != "open")


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(24000, 1001), Fraction(60)])
@pytest.mark.parametrize("offset", [0.0, 0.2, -0.2])
def test_frames_show_what_was_written_at_their_times(tmp_path, fps, offset: float) -> None:
    t = np.arange(N) / 50
    table = written(open=t / 4)
    n = int(2.5 * fps)
    poses = read_curves(saved(tmp_path, table)).put_on(np.zeros((n, 16), np.float32), fps, offset)
    at = (np.arange(n) / float(fps) - offset).clip(0, t[-1])
    assert np.allclose(column(poses, "open"), at / 4, atol=1e-5)


def test_columns_that_are_left_out_are_performed(tmp_path) -> None:
    mine = np.random.default_rng(0).random((75, 16)).astype(np.float32)
    poses = read_curves(saved(tmp_path, written(yaw=None))).put_on(mine, Fraction(25))
    changed = np.flatnonzero((poses != mine).any(0))
    assert [COLUMNS[i] for i in changed] == ["open"]


def test_a_face_relaxes_after_the_last_value(tmp_path) -> None:
    table = written(open=np.ones(N))
    poses = read_curves(saved(tmp_path, table)).put_on(np.ones((100, 16), np.float32), Fraction(25))
    assert (column(poses, "open")[:75] == 1).all()
    assert not column(poses, "open")[79:].any()


def test_width_stands_for_spread_and_round(tmp_path) -> None:
    width = np.linspace(-1, 1, N)
    found = read_curves(saved(tmp_path, written(width=width)))
    assert np.allclose(found.columns["spread"] - found.columns["round"], width, atol=1e-6)
    both = read_curves(saved(tmp_path, written(width=width, spread=np.zeros(N))))
    assert not both.columns["spread"].any() and "round" not in both.columns


def test_an_opening_beside_a_closure_is_what_remains_of_it(tmp_path) -> None:
    table = written(open=np.full(N, 0.3), close=np.linspace(0, 1, N))
    found = read_curves(saved(tmp_path, table))
    shown = found.columns["open"] * (1 - found.columns["close"])
    free = 1 - table["close"]
    assert np.allclose(shown, np.where(free > 0.002, np.minimum(0.3, free), 0), atol=1e-6)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_spreadsheets_separate_as_they_like(tmp_path, mark: str) -> None:
    path = saved(tmp_path, written(), mark=mark)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # as Excel begins a text
    assert np.allclose(read_curves(path).columns["yaw"], written()["yaw"], atol=1e-5)


def with_one(value: float) -> np.ndarray:
    values = np.zeros(N)
    values[41] = value
    return values


WRONG = {
    "no such thing": (written(jaw=np.zeros(N)), "unknown column 'jaw'.*open.*width"),
    "no times": (written(t=None), "no column t"),
    "nothing else": (written(open=None, yaw=None), "nothing but"),
    "nan": (written(open=with_one(np.nan)), "value 42 of column open is not a finite"),
    "infinite": (written(yaw=with_one(np.inf)), "value 42 of column yaw is not a finite"),
    "time goes back": (written(t=with_one(1.0)), "must rise; value 2 "),
}


@pytest.mark.parametrize("kind", ["c.csv", "c.npz"])
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_tables_are_told(tmp_path, wrong: str, kind: str) -> None:
    table, words = WRONG[wrong]
    with pytest.raises(InputError, match=words) as told:
        read_curves(saved(tmp_path, table, kind))
    assert kind in str(told.value)


@pytest.mark.parametrize(("text", "words"), [
    ("", "no rows"), ("t,open\n", "no rows"), ("t,open\n0,1\n0.1\n", "row 3: 1 values for 2"),
    ("t,open\n0,1\n0.1,wide\n", "row 3, column open: 'wide' is not a number"),
    ("t,open\n0,1\n0.1,\n", "row 3, column open: '' is not a number"),
    ("\xff\xfe", "UTF-8"),
])  # fmt: skip
def test_wrong_texts_are_told(tmp_path, text: str, words: str) -> None:
    (tmp_path / "c.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=words):
        read_curves(tmp_path / "c.csv")


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x03\x04 and nothing"])
def test_no_archive_is_told(tmp_path, data: bytes) -> None:
    (tmp_path / "c.npz").write_bytes(data)
    with pytest.raises(InputError, match=r"c\.npz is not an archive"):
        read_curves(tmp_path / "c.npz")


def test_an_archive_of_objects_is_not_unpacked(tmp_path) -> None:
    path = saved(tmp_path, written(open=np.array([{}] * N, object)), "c.npz")
    with pytest.raises(InputError, match="not an archive of numbers"):
        read_curves(path)


def test_lengths_that_differ_are_told(tmp_path) -> None:
    for short in (np.zeros(N - 1), np.zeros((N, 2)), np.array(3.0)):
        with pytest.raises(InputError, match="column open has the shape"):
            read_curves(saved(tmp_path, written(open=short), "c.npz"))


@pytest.mark.parametrize(("name", "words"), [
    ("c.txt", "read from .csv or .npz"), ("missing.csv", "could not be read"),
])  # fmt: skip
def test_files_that_are_none_are_told(tmp_path, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_curves(tmp_path / name)
