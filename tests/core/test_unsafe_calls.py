"""No shell, no code out of data, no unsafe pickles: what the source may not call, by its syntax."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = [ROOT / "__init__.py", *(ROOT / "imgsync_core").rglob("*.py"), *ROOT.glob("nodes/*.py")]
NEVER = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load",
    "pickle.loads", "pickle.Unpickler", "marshal.loads", "marshal.load", "shelve.open",
    "subprocess.getoutput", "subprocess.getstatusoutput", "yaml.load", "joblib.load", "dill.load",
    "dill.loads", "tempfile.mktemp", "torch.jit.load", "torch.package.PackageImporter",
    "torch.hub.load",
}  # fmt: skip
STARTERS = ("subprocess.", "os.exec", "os.spawn", "os.startfile", "pty.")
MAY_START: set[str] = set()  # modules that may start another program, with a list of words


def dotted(node: ast.AST) -> str:
    """``torch.load`` of a call to it; empty for what has no such name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def given(call: ast.Call, name: str) -> object:
    """The constant that a call gives a keyword; None where it gives none."""
    words = {k.arg: k.value for k in call.keywords}
    return words[name].value if isinstance(words.get(name), ast.Constant) else None


def unsafe(source: str, module: str = "x.py") -> list[str]:
    """What a module calls and may not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func)
        starts = called.startswith(STARTERS) and module not in MAY_START
        unpickles = called == "torch.load" and given(node, "weights_only") is not True
        pickles = called == "np.load" and given(node, "allow_pickle") not in (None, False)
        if called in NEVER or starts or pickles or unpickles:
            found.append(f"{module}:{node.lineno} calls {called}")
        if given(node, "shell") not in (None, False):
            found.append(f"{module}:{node.lineno} asks for a shell")
    return found


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_unsafe_is_called(path):
    assert unsafe(path.read_text(encoding="utf-8"), path.name) == []


@pytest.mark.parametrize(
    "line",
    [
        "os.system('x')", "subprocess.run(['x'])", "f(shell=True)", "eval(x)", "pickle.loads(x)",
        "torch.load(x)", "torch.load(x, weights_only=False)", "np.load(x, allow_pickle=True)",
        "exec(x)", "os.popen(x)", "torch.load(x, weights_only=flag)",
    ],
)  # fmt: skip
def test_what_is_unsafe_is_seen(line):
    assert unsafe(line)


@pytest.mark.parametrize("line", ["torch.load(x, weights_only=True)", "net.eval()", "np.load(x)"])
def test_what_is_safe_is_not(line):
    assert not unsafe(line)
