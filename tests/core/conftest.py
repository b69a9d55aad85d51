"""What all core tests share: ffmpeg and ffprobe as oracles, and a folder for made media."""

import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[2]


def _load_training() -> None:
    """Make ``training`` importable, which is not installed, without the root on ``sys.path``."""
    folder = ROOT / "training"
    spec = importlib.util.spec_from_file_location(
        "training", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    sys.modules["training"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["training"])


_load_training()
settings.register_profile(
    "imgsync",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("imgsync")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses ffmpeg or ffprobe carries the marker that says so."""
    for item in items:
        if {"ffmpeg", "ffprobe_json"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("ffmpeg")


@pytest.fixture(autouse=True)
def same_random_state() -> Iterator[None]:
    """Each test starts from seed 0 and leaves the random state as it was."""
    python, numpy_state = random.getstate(), np.random.get_state()
    random.seed(0)
    np.random.seed(0)
    yield
    random.setstate(python)
    np.random.set_state(numpy_state)


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What commands keep by themselves does not come into the user's own cache."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
            patched.setenv(name, str(tmp_path_factory.mktemp("cache")))
        yield


def need(program: str) -> str:
    """The path of a program, or a skip that says why."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not on the PATH")
    return found


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., bytes]:
    """Run ffmpeg with the given arguments and return its standard output; raise on failure."""
    program = need("ffmpeg")

    def run(*arguments: object, stdin: bytes | None = None) -> bytes:
        command = [
            program,
            "-v",
            "error",
            "-y",
            *(os.fspath(a) if isinstance(a, os.PathLike) else str(a) for a in arguments),
        ]
        done = subprocess.run(command, capture_output=True, input=stdin or b"", check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr.decode(errors='replace')}")
        return done.stdout

    return run


@pytest.fixture(scope="session")
def ffprobe_json() -> Callable[..., dict[str, Any]]:
    """Run ffprobe on a file and return its JSON: ffprobe_json(path, "-show_streams", ...)."""
    program = need("ffprobe")

    def run(path: Path | str, *arguments: str) -> dict[str, Any]:
        asked = arguments or ("-show_format", "-show_streams")
        command = [program, "-v", "error", "-of", "json", *asked, os.fspath(path)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr.decode(errors='replace')}")
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the whole session where tests put media files they make once."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """The folder of sample portraits and voices beside the repository, if there is one."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "media"
    if not folder.is_dir():
        pytest.skip("no ../shared/media beside the repository")
    return folder


@pytest.fixture(scope="session")
def faults() -> Path:
    """The folder of small odd inputs beside the repository, if there is one."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "faults"
    if not folder.is_dir():
        pytest.skip("no ../shared/faults beside the repository")
    return folder
