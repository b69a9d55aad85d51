"""Who may import whom, how large a room may be, and that importing has no side effects."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "imgsync_core"
# left is imported by right; same number: independent rooms or the same room
LEVEL = {
    "errors": 0, "watcher": 0, "timeline": 1, "machine": 1, "locks": 1, "media": 2, "nn": 2,
    "audio": 3, "face": 3, "diffusion": 3, "demo": 3, "models": 3, "spool": 3, "demo_files": 4,
    "engines": 4, "plan": 5, "speakers": 5, "animation": 6, "doctor": 6, "batch": 6, "job": 7,
    "cli": 8, "__main__": 9, "__init__": 0,
}  # fmt: skip
MODULES = sorted(CORE.rglob("*.py"))
NODES = sorted((ROOT / "nodes").glob("*.py"))
ONLY_HOME = {
    "av": {"media"}, "PIL": {"media", "demo"}, "torchaudio": {"audio", "nn"}, "tqdm": {"cli"},
    "fsspec": {"batch"}, "ray": {"batch"},
    "comfy": set(), "comfy_api": set(), "folder_paths": set(), "server": set(), "nodes": set(),
}  # fmt: skip


def room(path: Path) -> str:
    """The part of the library that a module belongs to."""
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def imports(path: Path):
    """(is relative, dotted target) of every import in a module."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((False, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                yield False, node.module
                continue
            base = package[: len(package) - node.level + 1]
            tail = node.module.split(".") if node.module else []
            for name in node.names:
                yield True, ".".join([*base, *(tail or [name.name])])


def wrongs(path: Path, mine: str) -> list[str]:
    """What a module of the room ``mine`` imports and should not."""
    found = []
    if mine == "__init__":  # the face of the library, which imports nothing before it is asked
        return found
    for relative, target in imports(path):
        if relative:
            other = target.split(".")[1]
            other = other if other in LEVEL else "__init__"  # a name of the package itself
            if LEVEL[other] >= LEVEL[mine] and other != mine:
                found.append(f"{path.name} imports {target}")
        else:
            top = target.split(".")[0]
            if top == "imgsync_core":
                found.append(f"{path.name} imports {target} absolutely")
            if mine not in ONLY_HOME.get(top, {mine}):
                found.append(f"{top} does not belong into {mine}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(CORE)))
def test_imports_point_down(path):
    assert not wrongs(path, room(path))


@pytest.mark.parametrize(
    ("place", "line", "allowed"),
    [
        ("media/sound.py", "from ..timeline import Timeline", True),
        ("media/sound.py", "from .prefetch import Prefetcher", True),
        ("media/sound.py", "from .. import errors", True),
        ("media/sound.py", "from .. import job", False),
        ("media/sound.py", "from ..job import Job", False),
        ("media/sound.py", "def f():\n    from ..cli import main", False),
        ("media/sound.py", "from imgsync_core.errors import SoundError", False),
        ("media/sound.py", "import torchaudio.functional", False),
        ("audio/mel.py", "import torchaudio.functional", True),
        ("audio/mel.py", "from ..media.sound import Sound", True),
        ("audio/mel.py", "from ..face.geometry import Face", False),
        ("nn/unet.py", "from ..media.sound import Sound", False),
        ("engines/built_in/model.py", "from ..base import Engine", True),
        ("engines/base.py", "from ..nn.unet import UNet", True),
        ("errors.py", "from .timeline import Timeline", False),
        ("timeline.py", "from .errors import TimeError", True),
        ("job.py", "import av", False),
        ("job.py", "from .plan.choice import choose", True),
        ("plan/choice.py", "from ..engines.base import Host", True),
        ("engines/base.py", "from ..plan.choice import choose", False),
        ("demo.py", "from PIL import Image", True),
        ("cli/base.py", "from ..job import render", True),
        ("job.py", "import comfy.utils", False),
    ],
)
def test_the_rule_itself(place, line, allowed, tmp_path, monkeypatch):
    """So that a rule which lets everything through is noticed."""
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    monkeypatch.setattr(f"{__name__}.CORE", tmp_path / "imgsync_core")
    path = tmp_path / "imgsync_core" / place
    path.parent.mkdir(parents=True)
    path.write_text(line)
    assert (wrongs(path, room(path)) == []) is allowed


def graph(modules: list[Path]) -> dict[str, set[str]]:
    """Which module of the library imports which, wherever in it."""
    names = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path
             for path in modules}  # fmt: skip
    found = {}
    for name, path in names.items():
        targets = {target for relative, target in imports(path) if relative}
        inits = {f"{target}.__init__" for target in targets}
        found[name] = ((targets | inits) & names.keys()) - {name}
    return found


def circles(edges: dict[str, set[str]]) -> list[str]:
    """Modules that come back to themselves."""

    def reached(start: str) -> set[str]:
        seen, waiting = set(), [start]
        while waiting:
            for other in edges[waiting.pop()] - seen:
                seen.add(other)
                waiting.append(other)
        return seen

    return [name for name in edges if name in reached(name)]


def test_no_import_goes_in_circles():
    assert circles(graph(MODULES)) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c"]


@pytest.mark.parametrize("path", NODES, ids=lambda p: p.name)
def test_nodes_know_the_host_in_one_place(path):
    for relative, target in imports(path):
        top = target.split(".")[0]
        if not relative and top in ("comfy", "folder_paths", "server", "nodes"):
            assert path.name == "host.py", f"{path.name} imports {target}"


@pytest.mark.parametrize("path", [*MODULES, *NODES], ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_are_small(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name != "define_schema":
            lines = node.end_lineno - node.lineno + 1
            assert lines <= 60, f"{path.name}: {node.name} has {lines} lines"


def fresh(code: str) -> dict:
    """What a new Python prints as JSON after running ``code``."""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


HEAVY = ("numpy", "av", "PIL", "torch", "torchaudio", "tqdm", "scipy")


def test_importing_the_pack_does_nothing():
    code = f"""
import importlib.util, json, os, sys
before = list(sys.path), dict(os.environ)
place = {str(ROOT)!r}
spec = importlib.util.spec_from_file_location(
    "a_pack", place + "/__init__.py", submodule_search_locations=[place])
module = importlib.util.module_from_spec(spec)
sys.modules["a_pack"] = module
spec.loader.exec_module(module)
print(json.dumps({{
    "same": before == (list(sys.path), dict(os.environ)),
    "heavy": [n for n in {HEAVY} if n in sys.modules],
    "names": sorted(n for n in vars(module) if not n.startswith("__")),
}}))"""
    assert fresh(code) == {
        "same": True,
        "heavy": [],
        "names": ["WEB_DIRECTORY", "comfy_entrypoint"],
    }


def test_help_loads_nothing_heavy():
    code = f"""
import contextlib, io, json, sys
from imgsync_core.cli import main
for words in (["--help"], ["extend", "--help"]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main(words)
print(json.dumps([n for n in {HEAVY} if n in sys.modules]))"""
    assert fresh(code) == []


def test_specs_are_read_without_anything_heavy():
    code = f"""
import json, sys
import imgsync_core
from imgsync_core.engines.registry import NAMES, spec_of
from imgsync_core.engines.runtime.files import missing
found = [(name, len(missing(spec_of(name).needs, {{}}, None))) for name in NAMES]
print(json.dumps([n for n in {HEAVY} if n in sys.modules]))"""
    assert fresh(code) == []


def test_engines_are_imported_without_torchaudio():
    """Whose wheel may not fit torch; what needs it says so when it runs."""
    code = """
import json, sys
from importlib import import_module
from imgsync_core.engines.registry import _ENGINES
for _, module in _ENGINES.values():
    import_module(module, "imgsync_core.engines")
print(json.dumps("torchaudio" in sys.modules))"""
    assert fresh(code) is False


def test_the_command_needs_no_torch(tmp_path):
    """An extension of what the demo made that uses all that it can."""
    video, words = str(tmp_path / "a.mp4"), ["--mode=loop", "--size=64x64", "--loudness=-20"]
    extension = ["extend", video, video, "-o", str(tmp_path / "b.webm"), *words, "--quiet"]
    code = """
import contextlib, io, json, sys
from imgsync_core.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    rc = {}
print(json.dumps([rc, [n for n in ("torch", "torchaudio", "scipy") if n in sys.modules]]))"""
    fresh(code.format(f'main(["demo", {video!r}, "--seconds", "0.5", "--quiet"])'))
    code = code.format(f'main({extension!r}) or main(["probe", {str(tmp_path / "b.webm")!r}])')
    assert fresh(code) == [0, []]


def test_every_public_thing_says_what_it_is():
    bare = []
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            bare.append(str(path.relative_to(ROOT)))
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
            if public and not ast.get_docstring(node):
                bare.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert not bare


def test_the_public_surface_is_what_the_readme_shows():
    import imgsync_core

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## As a library") : text.index("## Presets")]
    code = section[section.index("```python") : section.index("```\n\n")]
    shown = set(code.split("import ")[1].split("\n")[0].split(", "))
    told = {name for name in imgsync_core.__all__ if f"`{name}" in section or name in shown}
    assert told | {"Prepared"} == set(imgsync_core.__all__)
    for name in imgsync_core.__all__:
        assert getattr(imgsync_core, name).__doc__
    with pytest.raises(AttributeError, match="nothing"):
        imgsync_core.nothing  # noqa: B018


def test_the_readmes_example_runs(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## As a library") :]
    code = section[section.index("```python") + 9 : section.index("```\n\n")]
    make = f"""
import os; os.chdir({str(tmp_path)!r})
import numpy as np
from PIL import Image
from scipy.io import wavfile
from imgsync_core.demo import demo_picture, demo_speech
Image.fromarray(demo_picture(256)).save("portrait.jpg")
wavfile.write("speech.wav", 16000, demo_speech(0.4, 16000)[0])
"""
    run = subprocess.run(
        [sys.executable, "-c", make + code], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "10 of 10 frames" in run.stdout and (tmp_path / "out.mp4").is_file()
