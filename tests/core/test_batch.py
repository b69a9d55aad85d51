"""Batches from a table to videos and results, with workers in this process."""

import csv
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsync_core.batch.run import Work
from imgsync_core.cli import working
from imgsync_core.cli.rows import columns
from imgsync_core.demo import demo_picture
from imgsync_core.media import target

from .batches import here, inline, results, states, table
from .command import imgsync
from .judge import JUDGED, ends, facts, stream

__all__ = ["here", "imgsync", "inline"]
pytestmark = [*JUDGED, pytest.mark.usefixtures("inline")]


def written(folder: Path) -> dict[str, str]:
    """Hashes of the videos below a folder, by name."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".csv", ".jsonl")
    }


def test_rows_become_videos(here, imgsync):
    table(here / "jobs.csv", "p0.png,s0.wav", "p1.png,s2.wav")
    ran = imgsync("batch", "jobs.csv", "-o", "out", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("2 rows: 2 made; in ")
    lines = results(here / "out" / "results.csv")
    for row, name, n in ((2, "p0-s0.mp4", 7), (3, "p1-s2.mp4", 7)):
        told = facts(here / "out" / name)
        assert int(stream(told, "video")["nb_frames"]) == n == int(lines[row]["frames"])
        at = ends(told)
        assert (max(at.values()) - min(at.values())) * 1000 < 1 > float(lines[row]["offset_ms"])
        assert float(lines[row]["seconds"]) == pytest.approx(n / 25) and lines[row]["fps"] == "25"
        assert int(lines[row]["bytes"]) == (here / "out" / name).stat().st_size
        assert lines[row]["status"] == "made" and float(lines[row]["wall_seconds"]) > 0


def test_a_batch_makes_what_the_command_makes(here, imgsync):
    """To the byte; options by their long names, in one table with a row that has none."""
    Image.fromarray(demo_picture(160)).save("face.png")
    header = "picture,audio,output,engine,mode,move,size,fit,loudness,strength,linear,seed"
    table(
        here / "jobs.csv",
        "p0.png,s0.wav,a.mp4,,pan-zoom,zoom out,48x32,crop,-20,,yes,",
        "p0.png,s0.wav,b.gif,,,,,,,,no,",
        'face.png,s0.wav,c.mp4,built-in,,,,,,"mouth=1,head=0.5",,7',
        header=header,
    )
    ran = imgsync("batch", "jobs.csv", "-o", "out", "--quiet")
    assert ran.code == 0, ran.err
    panned = ("--mode=pan-zoom", "--move=zoom out", "--size=48x32", "--fit=crop", "--linear")
    spoken = ("--strength=mouth=1,head=0.5", "--seed=7")
    for words in (
        ("extend", "p0.png", "s0.wav", "-o", "a.mp4", *panned, "--loudness=-20"),
        ("extend", "p0.png", "s0.wav", "-o", "b.gif"),
        ("animate", "face.png", "s0.wav", "-o", "c.mp4", *spoken),
    ):
        assert imgsync(*words, "--quiet").code == 0
        assert Path(words[4]).read_bytes() == (here / "out" / words[4]).read_bytes()


BAD = {  # a row of picture, audio, output, fit, fps; what is said of it
    "missing.png,s0.wav": "column picture: .*missing.png: there is no such file",
    "p0.png,missing.wav": "column audio: .*missing.wav: there is no such file",
    "broken.png,s0.wav": "column picture: broken.png",
    "p0.png,empty.wav": "column audio: empty.wav is empty",
    "s0.wav,s0.wav": "column picture: ",
    "p0.png,p1.png": "column audio: ",
    ",s0.wav": "column picture: it is empty",
    "p0.png,": "column audio: it is empty",
    "p0.png,s0.wav,../x.mp4": "column output: '../x.mp4' is no name below",
    "p0.png,s0.wav,good.MP4": "column output: good.MP4 is what row 2 makes",
    "p0.png,s0.wav,p1.png.mp4": "column output: a row is made of this file",
    "p0.png,s0.wav,x.mp4,bogus": "column fit: invalid choice: 'bogus'",
    "p0.png,s0.wav,x2.mp4,,fast": "column fps: ",
    "p0.png,s0.wav,x3.mp4,,25,extra": "'extra' stands in no column",
    "p1.png.mp4,s0.wav": "",
}


def test_bad_rows_stop_no_others_and_say_which_column(here, imgsync):
    (here / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (here / "empty.wav").touch()
    assert imgsync("extend", "p1.png", "s1.wav", "-o", "p1.png.mp4", "--quiet").code == 0
    before = written(here)
    rows = ["p0.png,s0.wav,good.mp4", *BAD, "p1.png,s1.wav"]
    table(here / "jobs.csv", *rows, header="picture,audio,output,fit,fps")
    ran = imgsync("batch", "jobs.csv", "-o", ".", "--quiet")
    assert ran.code == 1
    lines = results(here / "results.csv")
    wrong = {
        number: lines[number]["error"] for number, error in enumerate(BAD.values(), 3) if error
    }
    for error, expected in zip(wrong.values(), BAD.values(), strict=False):
        assert re.match(expected, error), error
    assert sorted(states(here / "results.csv").items()) == [
        (n, "refused" if n in wrong else "made") for n in range(2, 3 + len(rows) - 1)
    ]
    assert {line.partition(": ")[2].partition(", col")[0] for line in ran.err.splitlines()} >= {
        f"row {n}" for n, error in wrong.items() if error.startswith("column")
    }
    assert len(ran.err.splitlines()) == len(wrong)
    made = {"good.mp4", "p1-s1.mp4", "p1.png-s0.mp4"}
    assert set(written(here)) == set(before) | made
    assert {name: written(here)[name] for name in before} == before


def test_nothing_is_made_again(here, imgsync):
    table(here / "jobs.csv", "p0.png,s0.wav", "p1.png,missing.wav", "p2.png,s2.wav")
    assert imgsync("batch", "jobs.csv", "-o", "out", "--quiet").code == 1
    before = {path: path.stat().st_mtime_ns for path in (here / "out").glob("*.mp4")}
    first = results(here / "out" / "results.csv")
    for _ in range(2):
        ran = imgsync("batch", "jobs.csv", "-o", "out", "--quiet")
        assert ran.code == 1 and "3 rows: 2 made before, 1 refused" in ran.out
        assert {path: path.stat().st_mtime_ns for path in before} == before
    again = results(here / "out" / "results.csv")
    assert [line["status"] for line in again.values()] == ["skipped", "refused", "skipped"]
    assert all(again[n] == first[n] | {"status": "skipped"} for n in (2, 4))
    (here / "missing.wav").write_bytes((here / "s1.wav").read_bytes())
    ran = imgsync("batch", "jobs.csv", "-o", "out", "--quiet")
    assert ran.code == 0 and "3 rows: 1 made, 2 made before" in ran.out


def change_option(here: Path) -> None:
    table(here / "jobs.csv", "p0.png,s0.wav,50", "p1.png,s1.wav,", header="picture,audio,fps")


def change_picture(here: Path) -> None:
    Image.fromarray(np.full((64, 64, 3), 250, np.uint8)).save(here / "p0.png")


def cut_video(here: Path) -> None:
    data = (here / "out" / "p0-s0.mp4").read_bytes()
    (here / "out" / "p0-s0.mp4").write_bytes(data[: len(data) // 2])


def empty_video(here: Path) -> None:
    """As a disk leaves it that lost its power: of its size, but nothing in it."""
    path = here / "out" / "p0-s0.mp4"
    path.write_bytes(bytes(path.stat().st_size))


def remove_video(here: Path) -> None:
    (here / "out" / "p0-s0.mp4").unlink()


@pytest.mark.parametrize(
    "change", [change_option, change_picture, cut_video, empty_video, remove_video]
)
def test_what_has_changed_is_made_anew_and_nothing_else(change, here, imgsync):
    table(here / "jobs.csv", "p0.png,s0.wav,", "p1.png,s1.wav,", header="picture,audio,fps")
    assert imgsync("batch", "jobs.csv", "-o", "out", "--quiet").code == 0
    change(here)
    assert imgsync("batch", "jobs.csv", "-o", "out", "--quiet").code == 0
    assert states(here / "out" / "results.csv") == {2: "made", 3: "skipped"}
    assert stream(here / "out" / "p0-s0.mp4", "video")["nb_frames"] == (
        "13" if change is change_option else "7"
    )


def test_rows_that_come_or_go_leave_the_others(here, imgsync):
    table(here / "jobs.csv", "p0.png,s0.wav", "p1.png,s1.wav")
    assert imgsync("batch", "jobs.csv", "-o", "out", "--quiet").code == 0
    table(here / "jobs.csv", "p2.png,s0.wav", "p1.png,s1.wav", "p0.png,s0.wav", "p1.png,s1.wav")
    assert imgsync("batch", "jobs.csv", "-o", "out", "--quiet").code == 0
    lines = results(here / "out" / "results.csv").values()
    assert [(line["output"], line["status"]) for line in lines] == [
        ("p2-s0.mp4", "made"),
        ("p1-s1.mp4", "skipped"),
        ("p0-s0.mp4", "skipped"),
        ("p1-s1-2.mp4", "made"),
    ]


def test_everything_is_made_anew_on_demand(here, imgsync):
    table(here / "jobs.csv", "p0.png,s0.wav")
    assert imgsync("batch", "jobs.csv", "-o", "out", "--quiet").code == 0
    before = written(here / "out"), (here / "out" / "p0-s0.mp4").stat().st_ino
    assert imgsync("batch", "jobs.csv", "-o", "out", "--quiet", "--overwrite").code == 0
    assert states(here / "out" / "results.csv") == {2: "made"}
    assert written(here / "out") == before[0]
    assert (here / "out" / "p0-s0.mp4").stat().st_ino != before[1]


def test_a_file_of_somebody_else_is_left_alone(here, imgsync):
    table(here / "jobs.csv", "p0.png,s0.wav", "p1.png,s1.wav")
    (here / "out").mkdir()
    (here / "out" / "p0-s0.mp4").write_bytes(b"mine")
    for _ in range(2):
        ran = imgsync("batch", "jobs.csv", "-o", "out", "--quiet")
        assert ran.code == 1 and "p0-s0.mp4 is there already" in ran.err
        assert (here / "out" / "p0-s0.mp4").read_bytes() == b"mine"
    assert imgsync("batch", "jobs.csv", "-o", "out", "--quiet", "--overwrite").code == 0
    assert (here / "out" / "p0-s0.mp4").read_bytes() != b"mine"


def test_two_tables_may_share_a_folder(here, imgsync):
    """And a row that is gone, or wrong for a while, does not lose its video."""
    table(here / "one.csv", "p0.png,s0.wav,", header="picture,audio,fit")
    table(here / "two.csv", "p1.png,s1.wav,", header="picture,audio,fit")
    for name in ("one.csv", "two.csv"):
        assert "1 rows: 1 made;" in imgsync("batch", name, "-o", "out", "--quiet").out
    for name in ("one.csv", "two.csv"):
        ran = imgsync("batch", name, "-o", "out", "--quiet")
        assert (ran.code, ran.err) == (0, "") and "1 rows: 1 made before;" in ran.out
    with (here / "out" / "results.csv").open() as file:
        assert [line["status"] for line in csv.DictReader(file)] == ["skipped", "former"]
    table(here / "two.csv", "p1.png,s1.wav,bogus", header="picture,audio,fit")
    assert imgsync("batch", "two.csv", "-o", "out", "--quiet").code == 1
    (here / "s1.wav").rename(here / "away.wav")
    table(here / "two.csv", "p1.png,s1.wav,", header="picture,audio,fit")
    assert imgsync("batch", "two.csv", "-o", "out", "--quiet").code == 1
    (here / "away.wav").rename(here / "s1.wav")
    assert "1 rows: 1 made before;" in imgsync("batch", "two.csv", "-o", "out", "--quiet").out


def test_a_link_does_not_lead_out_of_the_folder(here, imgsync):
    (here / "out").mkdir()
    try:
        (here / "out" / "away").symlink_to(here)
    except OSError:
        pytest.skip("links need a privilege here")
    table(here / "jobs.csv", "p0.png,s0.wav,away/x.mp4", header="picture,audio,output")
    ran = imgsync("batch", "jobs.csv", "-o", "out", "--quiet")
    assert ran.code == 1 and "leads out of the output folder" in ran.err
    assert not (here / "x.mp4").exists()


def test_names_are_relative_to_the_table(here, imgsync, monkeypatch):
    table(here / "jobs.csv", "p0.png,s0.wav,sub/a.mp4", header="picture,audio,output")
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert imgsync("batch", "../jobs.csv", "-o", "out", "--quiet").code == 0
    assert list(written(here / "elsewhere" / "out")) == ["sub/a.mp4"]


def test_json_lines_and_results_of_their_kind(here, imgsync):
    rows = [
        {"picture": "p0.png", "sound": "s0.wav", "fps": 50, "mode": "pan-zoom", "linear": True},
        {"picture": "p1.png", "frames": 3},
        {"picture": "p1.png", "audio": "s0.wav", "nonsense": 1},
    ]
    (here / "jobs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    words = ("batch", "jobs.jsonl", "-o", "out", "--results", "r.jsonl", "--json")
    ran = imgsync(*words)
    told = json.loads(ran.out)
    assert ran.code == 1 and (told["made"], told["refused"], told["failed"]) == (2, 1, 0)
    assert [(e["row"], e["status"]) for e in told["errors"]] == [(3, "refused")]
    lines = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()]
    assert [line["frames"] for line in lines] == [13, 3, ""]
    assert json.loads(imgsync(*words).out)["skipped"] == 2


def test_what_is_set_holds_for_rows_that_do_not_say_it(here, imgsync):
    table(here / "jobs.csv", "p0.png,s0.wav,", "p1.png,s1.wav,50", header="picture,audio,fps")
    words = ("--set", "fps=10", "--set", "preset=gif", "--quiet")
    assert imgsync("batch", "jobs.csv", "-o", "out", *words).code == 0
    assert list(written(here / "out")) == ["p0-s0.gif", "p1-s1.gif"]
    assert [line["fps"] for line in results(here / "out" / "results.csv").values()] == ["10", "50"]


def test_the_engine_decides_between_lasting_and_speaking(here, imgsync):
    """Pictures without a face tell which it was."""
    header = "picture,audio,engine,mode,head"
    rows = ["p0.png,s0.wav,,,", "p0.png,s0.wav,extend,,", "p0.png,s0.wav,,extend,",
            "p0.png,s0.wav,built-in,,", "p0.png,s0.wav,,animate,", "p0.png,s0.wav,auto,loop,",
            "p0.png,s0.wav,built-in,extend,", "p0.png,s0.wav,nonesuch,,"]  # fmt: skip
    table(here / "jobs.csv", *(row.rstrip(",") for row in rows), header=header[:-5])
    imgsync("batch", "jobs.csv", "-o", "out", "--quiet")
    lines = results(here / "out" / "results.csv")
    assert [lines[n]["status"] for n in range(2, 10)] == [
        "made", "made", "made", "failed", "failed", "made", "refused", "refused"
    ]  # fmt: skip
    assert all("No face was found" in lines[n]["error"] for n in (5, 6))
    assert all(lines[n]["error"].startswith("column engine: ") for n in (8, 9))


@pytest.mark.parametrize(
    ("engine", "column", "value", "said"),
    [
        ("", "seed", "1", "column seed: it is for a face that speaks"),
        ("built-in", "strength", "head=9", "column strength: "),
        ("built-in", "steps", "20", "column steps: --steps is not for the engine built-in"),
        ("built-in", "offset-ms", "99999", "column offset-ms: "),
        ("built-in", "mouth", "1,2", "column mouth: "),
        ("", "size", "big", "column size: "),
        ("", "background", "no colour", "column background: "),
        ("", "linear", "perhaps", "column linear: 'perhaps' is neither yes nor no"),
        ("", "preset", "webm-vp9", ""),
        ("", "crf", "99", "column crf: "),
        ("", "frames", "1.5", "column frames: "),
        ("", "start", "now", "column start: "),
    ],
)
def test_options_are_checked_before_anything_is_opened(engine, column, value, said, here, imgsync):
    header = f"picture,audio,engine,{column}"
    table(here / "jobs.csv", f'p0.png,s0.wav,{engine},"{value}"', header=header)
    ran = imgsync("batch", "jobs.csv", "-o", "out", "--dry-run", "--quiet")
    assert ran.code == bool(said)
    assert ran.err.startswith(f"imgsync: row 2, {said}" if said else "")
    assert not (here / "out").exists()


def test_every_option_of_a_row_is_an_option_of_the_commands(imgsync):
    helps = imgsync("animate", "--help").out + imgsync("extend", "--help").out
    assert all(f"--{name}" in helps for name in columns() - {"picture", "audio"})
    assert not columns() & {"overwrite", "quiet", "log", "json", "help", "print", "dry-run"}


# -- when it stops --


def stopping(after: int):
    """Makes so many rows, then does what Ctrl+C does."""
    left = [after]

    def make(order):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return working.make(order)

    return Work(working.look, make)


def test_a_batch_that_was_stopped_goes_on(here, imgsync, monkeypatch):
    table(here / "jobs.csv", *(f"p{i}.png,s{i}.wav" for i in range(3)), "p0.png,missing.wav")
    monkeypatch.setattr(working, "WORK", stopping(2))
    ran = imgsync("batch", "jobs.csv", "-o", "out", "--quiet")
    assert ran.code == 1 and "Stopped: 2 of 3 rows are made and stay" in ran.err
    assert list(states(here / "out" / "results.csv").values()) == [
        "made",
        "made",
        "waiting",
        "refused",
    ]
    monkeypatch.setattr(working, "WORK", Work(working.look, working.make))
    ran = imgsync("batch", "jobs.csv", "-o", "out", "--quiet")
    assert "4 rows: 1 made, 2 made before, 1 refused" in ran.out


def test_what_a_kill_between_video_and_result_left_is_made_anew(here, imgsync):
    """The video is there, its row still waits; and a piece of a worker that died lies beside it."""
    table(here / "jobs.csv", "p0.png,s0.wav", "p1.png,s1.wav")
    assert imgsync("batch", "jobs.csv", "-o", "out", "--quiet").code == 0
    before, path = written(here / "out"), here / "out" / "results.csv"
    line = path.read_text().splitlines()[1].split(",")
    line[4:13] = ["waiting", *[""] * 8]
    path.write_text("\n".join([path.read_text().splitlines()[0], ",".join(line), ""]))
    (here / "out" / "p0-s0.mp4.123abc.part").write_bytes(b"torn")
    (here / "out" / "p0-s0.mp4.123abc.lock").write_bytes(target._MARK)
    (here / "out" / "p1-s1.mp4").unlink()
    assert imgsync("batch", "jobs.csv", "-o", "out", "--quiet").code == 0
    assert states(path) == {2: "made", 3: "made"} and written(here / "out") == before


def test_an_odd_error_of_one_row_is_that_rows(here, imgsync, monkeypatch):
    table(here / "jobs.csv", "p0.png,s0.wav", "p1.png,s1.wav", "p2.png,s2.wav")
    real = working._made

    def made(order):
        if order.number == 2:
            raise MemoryError
        if order.number == 3:
            raise ZeroDivisionError("oh")
        return real(order)

    monkeypatch.setattr(working, "_made", made)
    assert imgsync("batch", "jobs.csv", "-o", "out", "--quiet").code == 1
    lines = results(here / "out" / "results.csv")
    assert [line["status"] for line in lines.values()] == ["failed", "failed", "made"]
    assert "memory is full" in lines[2]["error"]
    assert lines[3]["error"] == "An unforeseen error, ZeroDivisionError: oh"


def test_results_that_cannot_be_written_end_the_batch(here, imgsync):
    table(here / "jobs.csv", "p0.png,s0.wav")
    (here / "out" / "results.csv").mkdir(parents=True)
    ran = imgsync("batch", "jobs.csv", "-o", "out", "--quiet")
    assert ran.code == 1 and "results.csv" in ran.err and not written(here / "out")
    (here / "mine.csv").write_text("a,b\n1,2\n")
    ran = imgsync("batch", "jobs.csv", "-o", "out", "--results", "mine.csv")
    assert ran.code == 1 and "no results file" in ran.err
    assert (here / "mine.csv").read_text() == "a,b\n1,2\n"


# -- words --


@pytest.mark.parametrize(
    "words",
    [
        ("jobs.csv",),
        ("-o", "out"),
        ("jobs.csv", "-o", "out", "--workers", "0"),
        ("jobs.csv", "-o", "out", "--workers", "two"),
        ("jobs.csv", "-o", "out", "--address", "a:1"),
        ("jobs.csv", "-o", "out", "--gpus-per-row", "1"),
        ("jobs.csv", "-o", "out", "--on", "ray", "--workers", "2"),
        ("jobs.csv", "-o", "out", "--on", "ray", "--gpus-per-row", "0"),
        ("jobs.csv", "-o", "out", "--on", "elsewhere"),
        ("jobs.csv", "-o", "out", "--set", "fps"),
        ("jobs.csv", "-o", "out", "--set", "nonsense=1"),
        ("jobs.csv", "-o", "out", "--set", "output=x.mp4"),
    ],
)
def test_wrong_usage(words, here, imgsync):
    table(here / "jobs.csv", "p0.png,s0.wav")
    ran = imgsync("batch", *words)
    assert ran.code == 2 and len(ran.err.splitlines()) == 1 and "batch --help" in ran.err
    assert not (here / "out").exists()


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_table_that_cannot_be_read(name, here, imgsync):
    ran = imgsync("batch", name, "-o", "out")
    assert ran.code == 1 and f"{name} cannot be read" in ran.err


def test_progress_and_log(here, imgsync):
    table(here / "jobs.csv", "p0.png,s0.wav", "p1.png,missing.wav")
    ran = imgsync("batch", "jobs.csv", "-o", "out", "--log", "log.txt")
    assert "50 % (1 of 2 rows checked)" in ran.err and "100 % (1 of 1 rows)" in ran.err
    log = Path("log.txt").read_text()
    assert "row 3, column audio: " in log and "2 rows: 1 made, 1 refused" in log


def test_networks_are_kept_for_the_next_row_and_no_longer(tmp_path):
    from torch import nn

    from imgsync_core.engines.runtime.networks import KeptLibrary

    for name in "abc":
        (tmp_path / name).touch()
    library, loaded = KeptLibrary(), []

    def load(name: str) -> None:
        library.get(tmp_path / name, lambda: loaded.append(name) or nn.Identity())

    for names in ("ab", "ab", "", "a", "ab", "c", "c"):
        for name in names:
            load(name)
        library.turn()
    assert loaded == ["a", "b", "b", "c"]
