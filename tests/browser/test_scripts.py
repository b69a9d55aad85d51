"""The editor's modules without a browser: types, size, words, and the same rules as the library."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from imgsync_core.demo_files import NAMES as DEMO_NAMES
from imgsync_core.face.geometry import from_points
from imgsync_core.face.points import NAMES, as_points, parse_points, placed
from imgsync_core.face.view import FRAMINGS, fit_to_face
from imgsync_core.media.fit import Fit

WEB = Path(__file__).parents[2] / "web"
SCRIPTS = sorted(path for path in WEB.rglob("*") if path.suffix in (".js", ".mjs"))
# by hand: npx -p typescript tsc <these> web/face_editor.js
TYPES = [
    "--allowJs",
    "--checkJs",
    "--noEmit",
    "--strict",
    "--noUnusedLocals",
    "--noUnusedParameters",
    "--noImplicitReturns",
    "--target",
    "es2022",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
    "--lib",
    "es2022,dom,dom.iterable",
    "--types",
]
LANGUAGES = ["zh", "zh-TW", "ja", "ko", "fr", "es", "pt-BR", "ru"]
FACE = from_points((640, 480), mouth=((210, 312), (286, 318)), eyes=((200, 210), (300, 220)))


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not on the PATH")
    return found


def node(code: str, value: object = None):
    """What an async function body in JavaScript returns; `points` and `words` are the modules."""
    text = f"""
const {{ readFile }} = await import("node:fs/promises");
globalThis.fetch = async (url) => ({{ json: async () => JSON.parse(await readFile(url, "utf8")) }});
const points = await import({(WEB / "face" / "points.mjs").as_uri()!r});
const words = await import({(WEB / "face" / "words.mjs").as_uri()!r});
const value = {json.dumps(value)};
console.log(JSON.stringify((() => {{ {code} }})()));"""
    command = [need("node"), "--input-type=module", "-e", text]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


@pytest.mark.slow
def test_types():
    need("node")
    command = (
        [tsc] if (tsc := shutil.which("tsc")) else [need("npx"), "--yes", "-p", "typescript", "tsc"]
    )
    known = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=300)
    if known.returncode:
        pytest.skip("typescript is not installed and cannot be had")
    entries = [path for path in SCRIPTS if path.suffix == ".js"]
    words = [*command, *TYPES, "", *map(str, entries)]
    run = subprocess.run(words, cwd=WEB, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    "word", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
)
def test_nothing_of_a_graph_becomes_markup_or_code(word):
    assert not [path.name for path in SCRIPTS if word in path.read_text(encoding="utf-8")]


def test_demo_names_are_found_in_a_graph_of_nothing_but_their_beginnings():
    source = (WEB / "files.js").read_text(encoding="utf-8")
    pattern = re.search(r"const DEMO = (/.+/g);", source)
    assert pattern is not None
    found, took = node(
        f"""const began = Date.now();
        const all = ("imgsync_demo_".repeat(80000) + " " + value.join(" ")).match({pattern[1]});
        return [[...new Set(all)], Date.now() - began];""",
        list(DEMO_NAMES),
    )
    assert found == list(DEMO_NAMES) and took < 1000


def test_small_and_without_dependencies():
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in SCRIPTS)
    assert lines <= 1000
    for path in SCRIPTS:
        for target in re.findall(
            r'(?:from|import\()\s*"([^"]+)"', path.read_text(encoding="utf-8")
        ):
            ours = (path.parent / target).is_file()
            assert ours or target in ("../../scripts/app.js", "../../scripts/api.js"), target
    # the browser imports every *.js on its own: the parts are *.mjs
    assert [path.name for path in WEB.rglob("*.js") if path.parent != WEB] == []


def test_every_language_says_everything():
    english = node("return words.words('en')")
    assert set(english) >= set(NAMES) and all(english.values())
    for language in LANGUAGES:
        said = node(f"return words.words({language!r})")
        assert set(said) == set(english) and all(said.values())
        assert not set(said.values()) & set(english.values()), language
    assert node("return words.words('de')") == node("return words.words()") == english
    assert node("return words.words('pt')") == english
    assert node("return words.words('fr-CA')") == node("return words.words('fr')")


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("mouth_left", [190, 330]), ("mouth_right", [300, 310]), ("left_eye", [180, 200]),
        ("right_eye", [320, 250]), ("lip_line", [250, 325]), ("chin", [240, 380]),
        ("left_brow", [195, 170]), ("lip_top", [248, 300]), ("lip_bottom", [248, 330]),
    ],
)  # fmt: skip
def test_what_follows_a_point_is_what_the_library_lets_follow(name, to):
    """But for an eye: the mouth stays where it is seen; the library takes an unseen one along."""
    given = {name: to}
    if name.endswith("_eye"):
        given |= {key: as_points(FACE)[key] for key in ("mouth_left", "mouth_right")}
    theirs = as_points(placed(FACE, {k: np.array(v, float) for k, v in given.items()}, (640, 480)))
    ours = node(
        "return points.moved(value[0], value[1], value[2], new Set())", [as_points(FACE), name, to]
    )
    for key in [*NAMES, "oval"]:
        assert ours[key] == pytest.approx(theirs[key], abs=0.06), key


def test_the_text_is_what_the_library_reads():
    text = node("return points.toText(value, [640, 480])", as_points(FACE))
    read = parse_points(text)
    face = read.face_of([], (640, 480))
    for key, place in as_points(FACE).items():
        assert as_points(face)[key] == pytest.approx(place, abs=0.06)
    box = node("return points.faceText(value, [640, 480])", list(FACE.box))
    assert parse_points(box).face_of([FACE], (640, 480)) is FACE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lip_line": [250, 400]}, "lips_low"),
        ({"left_eye": [310, 210]}, "eyes_crossed"),
        ({"mouth_left": [300, 310]}, "mouth_crossed"),
        ({"left_eye": [200, 400], "right_eye": [300, 410]}, "mouth_above"),
        ({}, ""),
    ],
)
def test_what_makes_no_face(change, words):
    assert node("return points.problem(value)", as_points(FACE) | change) == words


def test_all_points_and_the_oval():
    before = as_points(FACE)
    moved = node("return points.moved(value, 'all', [300, 300], new Set())", before)
    step = np.array([300, 300]) - before["oval"][:2]
    assert all(moved[key][:2] == pytest.approx(np.array(p[:2]) + step) for key, p in before.items())
    handles = node("return points.handles(value)", before)
    top = [handles["oval_top"][0] + 10, handles["oval_top"][1] - 30]
    taller = node("return points.moved(value[0], 'oval_top', value[1], new Set())", [before, top])
    again = node("return points.handles(value)", taller)
    assert again["oval_top"] == pytest.approx(top)
    wider = node("return points.moved(value, 'oval_side', [500, 240], new Set())", before)
    assert wider["oval"][2] == pytest.approx(
        np.hypot(500 - before["oval"][0], 240 - before["oval"][1])
    )


@pytest.mark.parametrize("mode", ["crop", "face", "auto", "keep", "pad"])
@pytest.mark.parametrize("asked", [(0, 0), (256, 256), (600, 200), (200, 600), (0, 300)])
@pytest.mark.parametrize("size", [(640, 480), (300, 900)])
def test_the_frame_of_the_crop_is_what_the_library_cuts_out(mode, asked, size):
    """To the pixel, up to rounding; no frame where all of the picture is shown."""
    face = from_points(size, mouth=((150, 312), (206, 316)), eyes=((145, 240), (215, 246)))
    ours = node(
        "return points.viewOf(value[0], value[1], value[2])",
        [{"mode": mode, "width": asked[0], "height": asked[1]}, size, as_points(face)],
    )
    if mode in FRAMINGS:
        fit = fit_to_face(Fit("keep", *asked), mode, face, size)
        theirs = fit.view
    else:
        way = Fit(mode, *asked).mapping(*size)
        w, h = Fit(mode, *asked).size(*size)
        theirs = (-way.dx / way.sx, -way.dy / way.sy, w / way.sx, h / way.sy)
        theirs = theirs if mode == "crop" and all(asked) else None
    assert (ours is None) is (theirs is None)
    assert ours is None or ours == pytest.approx(theirs, abs=1.01)
    if ours is not None:
        cuts = node(
            "return points.cuts(value[0], value[1], value[2])", [ours, size, as_points(face)]
        )
        left, top, right, bottom = face.outline
        x, y, w, h = ours
        inside = x <= left + 1 and y <= top + 1 and x + w >= right - 1 and y + h >= bottom - 1
        assert cuts is not (inside or mode == "auto")
