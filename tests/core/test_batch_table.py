"""Tables as spreadsheets and programs write them, and what is said of those that are wrong."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsync_core.batch.names import Free, below, folded, stem_of
from imgsync_core.batch.results import COLUMNS, Record, Results, read_results
from imgsync_core.batch.table import read_table
from imgsync_core.errors import ImgSyncError, InputError, OutputError

KNOWN = ("picture", "audio", "output", "engine", "multiple-of", "linear")


def cells(data: bytes | str) -> dict[int, dict[str, str]]:
    data = data.encode() if isinstance(data, str) else data
    rows = read_table(data, "jobs.csv", KNOWN)
    assert not any(row.fault for row in rows)
    return {row.number: dict(row.cells) for row in rows}


ONE = {2: {"picture": "a.png", "audio": "b.wav"}}


@pytest.mark.parametrize(
    "data",
    [
        b"picture,audio\na.png,b.wav\n",
        b"picture,audio\r\na.png,b.wav",  # no line break at the end
        b"\xef\xbb\xbfpicture;audio\r\na.png;b.wav\r\n",  # as a spreadsheet saves it
        "picture\taudio\na.png\tb.wav\n".encode("utf-16"),
        b'"picture","audio"\n"a.png","b.wav"\n',
        b" Picture , SOUND ,\n a.png , b.wav ,\n",
        b"audio,image,engine\nb.wav,a.png,\n",
        b"sound|picture\nb.wav|a.png\n",
        b"picture,audio\na.png,b.wav,,,\n",
    ],
)
def test_one_row_in_many_dresses(data):
    assert cells(data) == ONE


def test_rows_have_the_numbers_that_a_spreadsheet_shows():
    data = "\npicture,audio\n\na,b\n,,\n  \nc,d\n"
    assert list(cells(data)) == [4, 7]
    assert list(cells("sep=;\npicture;audio\na;b\n")) == [3]
    lines = ['{"picture": "a"}', "", '{"picture": "b"}']
    assert list(cells("\n".join(lines))) == [1, 3]


def test_quoted_commas_quotes_and_semicolons_are_part_of_a_name():
    assert cells('picture,audio\n"a, b.png","c ""d"";.wav"\n')[2] == {
        "picture": "a, b.png",
        "audio": 'c "d";.wav',
    }


def test_names_of_columns_as_people_write_them():
    row = cells("picture,audio,Multiple_Of,--linear\na,b,16,yes\n")[2]
    assert row == {"picture": "a", "audio": "b", "multiple-of": "16", "linear": "yes"}


def test_values_of_json():
    line = {"picture": " a ", "audio": "b", "multiple_of": 16.0, "linear": True, "engine": None}
    assert cells(json.dumps(line)) == {
        1: {"picture": "a", "audio": "b", "multiple-of": "16", "linear": "true"}
    }


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("pictur,audio\na,b\n", "jobs.csv, row 1, column pictur: .*Did you mean picture"),
        ("picture,audio,souund\na,b,c\n", "Did you mean sound"),
        ("picture,audio,zzzz\na,b,c\n", "column zzzz: there is no such column"),
        ("picture,,audio\na,b,c\n", r"column \(without a name\)"),
        ("picture,audio,sound\na,b,c\n", "column audio: it is there twice"),
        ("", "empty"),
        ("\n \n", "empty"),
        ("picture,audio\n", "a header but no rows"),
        ('[{"picture": "a"}]', "one object a line"),
        (b"picture,audio\n\xff\xfa.png,b\n", "not UTF-8"),
        ("picture,audio\n" + "x" * 200_000 + ",b\n", "cannot be read as CSV"),
    ],
)
def test_tables_of_which_nothing_can_be_made(data, words):
    with pytest.raises(InputError, match=words):
        cells(data)


@pytest.mark.parametrize(
    ("data", "number", "words"),
    [
        ("picture,audio\na,b\nc,d,e\n", 3, "'e' stands in no column"),
        ('picture,audio\n"a,b\nc,d\n', 2, "Is a quote not closed"),
        ('{"picture": "a"}\n{"picture": ["a"]}\n', 2, "column picture: it is no text"),
        ('{"picture": "a"}\n{"pictur": "a"}\n', 2, "Did you mean picture"),
        ('{"picture": "a", "image": "b"}\n', 1, "there twice"),
        ('{"picture": "a"}\nnonsense\n', 2, "no JSON object"),
        ('{"picture": "a"}\n7\n', 2, "no JSON object"),
        ('{"picture": "a"}\n' + "[" * 100_000, 2, "no JSON object"),
    ],
)
def test_a_row_that_is_wrong_alone(data, number, words):
    (row,) = [row for row in read_table(data.encode(), "jobs", KNOWN) if row.fault]
    assert row.number == number and words in row.fault


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1)] * 2),
        min_size=1,
    ),
    st.sampled_from(",;\t"),
)
def test_what_the_csv_module_writes_is_read_again(pairs, delimiter):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([("picture", "audio"), *pairs])
    assert [tuple(row.values()) for row in cells(text.getvalue()).values()] == pairs


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_rows_or_refused_in_a_sentence(data):
    for start in (b"", b"picture,audio\n", b'{"picture": '):
        try:
            read_table(start + data, "jobs", KNOWN)
        except ImgSyncError as e:
            assert str(e).startswith("jobs")


# -- names of outputs --


@pytest.mark.parametrize(
    ("written", "name"),
    [("a.mp4", "a.mp4"), ("b/./c.mp4", "b/c.mp4"), ("b\\c.mp4", "b/c.mp4"), ("é 1.mp4",) * 2],
)
def test_names_below_the_folder(written, name):
    assert below(written) == name


@pytest.mark.parametrize(
    "written",
    ["../a.mp4", "b/../../a.mp4", "/a.mp4", "\\a.mp4", "C:\\a.mp4", "C:a.mp4", "\\\\host\\b\\a.mp4",
     "a.mp4:stream", ".", "", "..", "s3://b/a.mp4", "a\0.mp4"],
)  # fmt: skip
def test_names_that_lead_elsewhere(written):
    with pytest.raises(OutputError, match="no name below the output folder"):
        below(written)


def test_names_that_a_disk_takes_for_the_same():
    assert folded("Ä.MP4") == folded("a\u0308.mp4")
    names = Free()
    names.taken |= {folded("A-B.mp4"): 1, folded("a-b-2.MP4"): 2}
    assert [names.take("a-b", ".mp4", 3) for _ in range(2)] == ["a-b-3.mp4", "a-b-4.mp4"]
    assert names.take("c", ".gif", 4) == "c.gif" and names.taken["c.gif"] == 4
    assert stem_of("s3://bucket/in/a.b.png") == "a.b" and stem_of("x\\y:z.png") == "y_z"


# -- results --

RECORD = Record(
    7,
    "a.png",
    "ü,ö.wav",
    "x/a.mp4",
    "made",
    "",
    13,
    0.52,
    "30000/1001",
    0.125,
    1.5,
    "a; b",
    99,
    "k",
)


@pytest.mark.parametrize("name", ["results.csv", "results.jsonl"])
def test_results_are_read_as_they_were_written(name, tmp_path):
    path, failed = tmp_path / name, Record(8, "", "", "y.mp4", "failed", 'two\nlines, "quoted"')
    with Results(path) as results:
        results.begin([Record(7, "a.png", "b", "x/a.mp4", "waiting"), failed])
        results.add(RECORD)
    read = read_results(path)
    assert read["x/a.mp4"] == RECORD
    assert read["y.mp4"].error == 'two lines, "quoted"'
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("name", ["results.csv", "results.jsonl"])
def test_a_kill_at_any_byte_loses_one_record_at_most(name, tmp_path):
    path = tmp_path / name
    outputs = [f"{i}.mp4" for i in range(4)]
    with Results(path) as results:
        results.begin([])
        for output in outputs:
            results.add(Record(1, "a", "b", output, "made"))
    whole = path.read_bytes()
    starts = whole.index(b"\n") + 1 if name.endswith("csv") else 0
    for cut in range(starts, len(whole) + 1):
        path.write_bytes(whole[:cut])
        assert list(read_results(path)) == outputs[: whole[:cut].count(b"\n") - (starts > 0)]


@pytest.mark.parametrize(
    ("name", "data"),
    [("r.csv", b"picture,audio\na,b\n"), ("r.csv", b"\xff\xfe\x00"), ("r.jsonl", b"[1]\n{}\n")],
)
def test_a_file_of_somebody_else_is_not_taken_for_results(name, data, tmp_path):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(OutputError, match="no results file"):
        read_results(tmp_path / name)


def test_columns_of_results_are_stable():
    """Programs read them: new ones come at the end."""
    assert COLUMNS == (
        "row", "picture", "audio", "output", "status", "error", "frames", "seconds", "fps",
        "offset_ms", "wall_seconds", "notes", "bytes", "key",
    )  # fmt: skip
