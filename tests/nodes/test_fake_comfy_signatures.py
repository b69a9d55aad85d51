"""Every name and keyword of the stand-in is one of ComfyUI's: a checkout's files are read by `ast`.

IMGSYNC_COMFYUI names the checkout; nothing of it is imported.
"""

import ast
import inspect
import os
from pathlib import Path

import pytest

CHECKOUT = os.environ.get("IMGSYNC_COMFYUI", "")
pytestmark = [
    pytest.mark.comfy,
    pytest.mark.skipif(not CHECKOUT, reason="IMGSYNC_COMFYUI names no ComfyUI checkout"),
]

SOCKETS = ["Image", "Mask", "Audio", "Video", "AnyType", "MultiType", "MatchType"]
WIDGETS = ["Boolean", "Int", "Float", "String", "Combo", "Color"]
PORTS = [f"{name}.{port}" for name in SOCKETS + WIDGETS for port in ("Input", "Output")]
OTHERS = [
    "DynamicCombo.Input",
    "DynamicCombo.Option",
    "Autogrow.Input",
    "Autogrow.TemplatePrefix",
    "NodeReplace",
    "Schema",
    "NodeOutput",
]
ENUMS = ["FolderType", "UploadType", "NumberDisplay", "ControlAfterGenerate", "Hidden"]
FUNCTIONS = [("folder_paths", "folder_paths.py"), ("model_management", "comfy/model_management.py")]
CLASSES = [
    ("VideoInput", "_input/video_types.py"),
    ("VideoFromFile", "_input_impl/video_types.py"),
    ("VideoFromComponents", "_input_impl/video_types.py"),
    ("VideoComponents", "_util/video_types.py"),
    ("VideoContainer", "_util/video_types.py"),
    ("SavedResult", "_ui.py"),
    ("PreviewImage", "_ui.py"),
    ("PreviewVideo", "_ui.py"),
    ("PreviewText", "_ui.py"),
]
# in the stand-in for tests of code that asks first whether it is there
AFTER_OUR_MINIMUM = {"intermediate_dtype", "alpha", "bit_depth", "crf", "color_space"} | {
    f"get_{what}" for what in ("active_trim_window", "bit_depth", "color_space")
}
NOT_PLAIN = object()  # a default that is neither None, a number, a string nor a truth value


class Source:
    """The classes and functions of one file of the checkout, by dotted name."""

    def __init__(self, relative: str):
        self.found: dict[str, ast.AST] = {}
        self._gather(ast.parse((Path(CHECKOUT) / relative).read_text(encoding="utf-8")).body, "")

    def _gather(self, body, prefix):
        for node in body:
            if isinstance(node, ast.ClassDef):
                self.found[prefix + node.name] = node
                self._gather(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef):
                self.found[prefix + node.name] = node

    def find(self, dotted: str):
        """A name, if need be from the bases of the class that should have it."""
        if dotted in self.found:
            return self.found[dotted]
        outer, _, inner = dotted.rpartition(".")
        for base in getattr(self.found.get(outer), "bases", ()):
            if (inherited := self.find(f"{ast.unparse(base)}.{inner}")) is not None:
                return inherited
        # the decorator @comfytype makes a ComfyTypeIO of a class without bases
        return self.found.get(f"ComfyTypeIO.{inner}") if outer else None

    def has(self, dotted: str) -> bool:
        """False for what came after our minimum; anything else that is not there is a mistake."""
        there = self.find(dotted) is not None
        assert there or dotted.split(".")[-1] in AFTER_OUR_MINIMUM, f"ComfyUI has no {dotted}"
        return there

    def parameters(self, dotted: str) -> dict:
        """name -> default; of a class, those of its constructor"""
        node = self.find(dotted)
        while isinstance(node, ast.ClassDef):
            if "dataclass" in map(ast.unparse, node.decorator_list):
                fields = [line for line in node.body if isinstance(line, ast.AnnAssign)]
                return {line.target.id: _default(line.value) for line in fields}
            own = [f for f in node.body if getattr(f, "name", "") == "__init__"]
            node = own[0] if own else self.find(ast.unparse(node.bases[0]))
        args = node.args
        defaults = [None] * (len(args.args) - len(args.defaults)) + args.defaults
        takes = {a.arg: _default(d) for a, d in zip(args.args, defaults, strict=True)}
        takes |= {args.vararg.arg: inspect.Parameter.empty} if args.vararg else {}
        named = zip(args.kwonlyargs, args.kw_defaults, strict=True)
        takes |= {a.arg: _default(d) for a, d in named}
        takes |= {args.kwarg.arg: inspect.Parameter.empty} if args.kwarg else {}
        return {name: default for name, default in takes.items() if name != "self"}


def _default(node):
    if node is None:
        return inspect.Parameter.empty
    return node.value if isinstance(node, ast.Constant) else NOT_PLAIN


def parameters(function) -> dict:
    listed = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in listed if p.name != "self"}


def assert_taken_by_the_real_one(real: dict, ours: dict) -> None:
    ours = {n: default for n, default in ours.items() if n in real or n not in AFTER_OUR_MINIMUM}
    assert [name for name in real if name in ours] == list(ours), "another name or order"
    for name, default in ours.items():
        assert real[name] is NOT_PLAIN or real[name] == default, f"{name}: another default"
    needed = {name for name, default in real.items() if default is inspect.Parameter.empty}
    assert needed <= set(ours), "the real one asks for more"


@pytest.mark.parametrize("name", PORTS + OTHERS)
def test_every_keyword_of_io(fake_comfy, name):
    ours = fake_comfy.schema
    for part in name.split("."):
        ours = getattr(ours, part)
    real = Source("comfy_api/latest/_io.py").parameters(name)
    assert_taken_by_the_real_one(real, parameters(ours))


@pytest.mark.parametrize("name", ENUMS)
def test_every_member_of_an_enum(fake_comfy, name):
    body = Source("comfy_api/latest/_io.py").find(name).body
    real = {line.targets[0].id: line.value.value for line in body if isinstance(line, ast.Assign)}
    ours = {member.name: member.value for member in getattr(fake_comfy.schema, name)}
    assert ours.items() <= real.items()


@pytest.mark.parametrize(("name", "relative"), FUNCTIONS)
def test_every_function(fake_comfy, name, relative):
    source, module = Source(relative), getattr(fake_comfy, name)
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if name != "reset" and source.has(name):
            assert source.parameters(name) == parameters(function), name


@pytest.mark.parametrize(("name", "relative"), CLASSES)
def test_every_method(fake_comfy, name, relative):
    source, ours = Source(f"comfy_api/latest/{relative}"), getattr(fake_comfy.media, name)
    if name != "VideoInput" and not issubclass(ours, str):
        assert_taken_by_the_real_one(source.parameters(name), parameters(ours))
    for method, function in vars(ours).items():
        full = f"{name}.{method}"
        if inspect.isfunction(function) and not method.startswith("_") and source.has(full):
            assert_taken_by_the_real_one(source.parameters(full), parameters(function))
    if inspect.isabstract(ours):
        real = [n for n in source.find(name).body if isinstance(n, ast.FunctionDef)]
        marked = {n.name for n in real if "abstractmethod" in map(ast.unparse, n.decorator_list)}
        assert ours.__abstractmethods__ == marked


@pytest.mark.parametrize("method", ["__init__", "update_absolute", "update"])
def test_the_progress_bar(fake_comfy, method):
    real = Source("comfy/utils.py").parameters(f"ProgressBar.{method}")
    assert real == parameters(getattr(fake_comfy.ProgressBar, method))
