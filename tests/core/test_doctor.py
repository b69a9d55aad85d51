"""``imgsync doctor``: what it finds, and how it behaves where things are broken."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import av
import pytest
import torch

from imgsync_core import doctor
from imgsync_core.media.encoding import PRESETS

ROOT = Path(__file__).parents[2]


def run(*words, path=()):
    """The command in a new process, with folders in front of its path."""
    python = os.pathsep.join(map(str, [*path, ROOT]))
    return subprocess.run(
        [sys.executable, "-m", "imgsync_core", "doctor", *words],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": python}, check=False,
    )  # fmt: skip


def broken(folder: Path, name: str, version: str, code: str) -> Path:
    """A module that does not import, with the version that its installer wrote down."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(code)
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder


def test_it_says_what_is_here():
    ran = run("--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["ok"] and found["python"] == platform.python_version()
    assert found["versions"]["av"] == av.__version__
    assert found["torch_pair"]["torch"] == torch.__version__
    assert set(found["presets"]) == set(PRESETS)
    assert found["devices"][0]["kind"] == "cpu" and found["cores"] == len(os.sched_getaffinity(0))
    assert found["devices"][0]["memory"] > found["devices"][0]["free"] > 0
    assert found["engines"]["built-in"]["missing"] == [] and found["auto"]["reason"]


def test_it_is_readable():
    ran = run()
    assert ran.returncode == 0 and ran.stdout.splitlines()[-1] == "ready to render"
    for words in ("Python", "libavcodec", "mp4-h264", "engine built-in", "auto would take", "cpu:"):
        assert words in ran.stdout


@pytest.mark.parametrize("error", ["OSError", "ImportError", "RuntimeError"])
def test_a_torchaudio_of_another_torch(tmp_path, error):
    code = f"raise {error}('libtorchaudio.so: undefined symbol: _ZNK5torch8autograd4Node4nameEv')"
    ran = run("--json", path=[broken(tmp_path, "torchaudio", "2.1.0", code)])
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    pair = found["torch_pair"]
    assert not pair["matches"] and pair["torchaudio"] == "2.1.0"
    assert "undefined symbol" in pair["errors"]["torchaudio"]
    (problem,) = (p for p in found["problems"] if "torchaudio" in p)
    release = torch.__version__.partition("+")[0]
    assert f"torchaudio=={release}" in problem and torch.__version__ in problem
    assert "2.1.0" in problem and "work without it" in problem
    assert found["auto"]["engine"] == "built-in"


def test_a_torch_that_does_not_load(tmp_path):
    ran = run("--json", path=[broken(tmp_path, "torch", "1.0.0", "raise OSError('libcudart.so')")])
    assert ran.returncode == 0, ran.stderr  # extend works
    found = json.loads(ran.stdout)
    assert any("torch 1.0.0 cannot be imported: libcudart.so" in p for p in found["problems"])
    assert found["ok"] and not found["auto"]
    assert "Only extend works without it" in found["problems"][0]


def test_without_pyav_nothing_can_be_rendered(tmp_path):
    ran = run(path=[broken(tmp_path, "av", "1.0.0", "raise ImportError('libavcodec.so.1')")])
    assert ran.returncode == 1 and ran.stdout.splitlines()[-1] == "NOTHING CAN BE RENDERED"
    assert "libavcodec.so.1" in ran.stdout and "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("torch_version", "audio", "fit"),
    [
        ("2.11.0", "2.11.0", True),
        ("2.11.0+cu130", "2.11.0+cu130", True),
        ("2.11.1+cpu", "2.11.0", True),  # a torchaudio follows a minor release of torch
        ("2.11.0+cu130", "2.11.0+cpu", False),
        ("2.11.0", "2.10.0", False),
        ("2.1.0", "2.11.0", False),
        ("2.11.0", None, False),
        (None, "2.11.0", False),
    ],
)
def test_which_versions_belong_together(torch_version, audio, fit):
    assert doctor.matches(torch_version, audio) is fit


def test_an_encoder_that_is_not_there(monkeypatch):
    from imgsync_core.media import support

    exists = support._exists
    monkeypatch.setattr(support, "_exists", lambda name: name != "libx265" and exists(name))
    found = doctor.examine()
    assert found["presets"]["mp4-h265"] == ["libx265"] and found["ok"]
    assert any("mp4-h265 cannot be written" in problem for problem in found["problems"])
    assert "mp4-h265" not in next(
        line for line in doctor.described(found) if line.startswith("presets")
    )


def test_weights_that_are_missing_are_named(monkeypatch):
    from imgsync_core.engines import registry

    from .test_preflight import NEURAL

    monkeypatch.setenv("IMGSYNC_MODELS", "/nowhere")
    monkeypatch.setitem(registry._ENGINES, "neural", (NEURAL, "unused"))
    monkeypatch.setattr(registry, "NAMES", (*registry.NAMES, "neural"))
    monkeypatch.setattr("imgsync_core.plan.choice.PREFERRED", ("neural", *registry.PREFERRED))
    found = doctor.examine()
    assert found["engines"]["neural"]["missing"] == ["latentsync-1.6", "sd-vae-ft-mse"]
    assert (
        "engine neural (Neural thing, MIT): missing: latentsync-1.6, sd-vae-ft-mse"
        in doctor.described(found)
    )
    assert found["auto"]["engine"] == "built-in" and "sd-vae-ft-mse" in found["auto"]["reason"]
