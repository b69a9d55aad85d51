"""Golden tensors: numbers of the published models' own code, read beside the repository.

The folder is named by ``IMGSYNC_GOLDENS`` (default ``../shared/engines``); in it lie
``<engine>/golden/<name>.safetensors`` and ``<engine>/keys/<name>.json``. Each file says in its
metadata with which configuration it was made; a test asks the file and hard-codes no shape::

    @pytest.mark.parametrize("golden", goldens("latentsync", "unet_*"))
    def test_unet(golden):
        unet = build(golden.config["params"], golden.weights())
        for match, expected in golden.outputs(r"sample_t(\\d+)"):
            close(unet(golden["in.sample"], int(match[1])), expected, 2e-5)
"""

import json
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "engines"
FOLDER = Path(os.environ.get("IMGSYNC_GOLDENS") or DEFAULT)


class Golden:
    """One file of golden tensors; nothing but its header is read before it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"{self.path.parts[-3]}/{self.path.stem}"

    @cached_property
    def config(self) -> dict[str, Any]:
        """With what the file was made: its metadata entry ``config``."""
        with safe_open(self.path, "pt") as file:
            return json.loads(file.metadata()["config"])

    @cached_property
    def keys(self) -> list[str]:
        """The names of all its tensors."""
        with safe_open(self.path, "pt") as file:
            return list(file.keys())

    def __contains__(self, key: str) -> bool:
        return key in self.keys

    def __getitem__(self, key: str) -> Tensor:
        """The tensor of that name as it is stored."""
        with safe_open(self.path, "pt") as file:
            return file.get_tensor(key)

    def weights(self, prefix: str = "") -> dict[str, Tensor]:
        """The state dict below ``w.<prefix>``, as float32: the values are exact in the file."""
        start = "w." + prefix
        keys = [key for key in self.keys if key.startswith(start)]
        with safe_open(self.path, "pt") as file:
            return {key[len(start) :]: file.get_tensor(key).float() for key in keys}

    def outputs(self, pattern: str) -> Iterator[tuple[re.Match, Tensor]]:
        """The tensors ``out.<name>`` whose whole name matches a pattern, with the match."""
        for key in self.keys:
            found = re.fullmatch(r"out\." + pattern, key)
            if found:
                yield found, self[key]


def goldens(engine: str, pattern: str) -> list:
    """Parameters for ``parametrize``: all files of an engine whose name matches a glob.

    Where there is none, a single parameter that skips and says why.
    """
    folder = FOLDER / engine / "golden"
    found = sorted(folder.glob(pattern + ".safetensors"))
    if found:
        return [pytest.param(Golden(path), id=path.stem) for path in found]
    why = pytest.mark.skip(reason=f"no {pattern}.safetensors in {folder}; set IMGSYNC_GOLDENS")
    return [pytest.param(None, marks=why, id=pattern)]


def manifest(engine: str, name: str) -> dict[str, tuple[int, ...]]:
    """Key -> shape of a published file; skips where the list is not there.

    A folder of goldens need not bring the lists along; then the default folder's are taken.
    """
    entries = beside_goldens(engine, name)
    return {key: tuple(shape) for key, (shape, _) in entries.items()}


def renames(engine: str, name: str) -> list[tuple[str, str]]:
    """A table that renames keys; skips where it is not there."""
    return [(old, new) for old, new in beside_goldens(engine, name)["renames"]]


def beside_goldens(engine: str, name: str) -> dict:
    """A list of keys as it lies there; skips where it does not."""
    tried = [folder / engine / "keys" / f"{name}.json" for folder in (FOLDER, DEFAULT)]
    for path in tried:
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
    pytest.skip(f"no {tried[0]}; set IMGSYNC_GOLDENS")


def close(actual: Tensor, expected: Tensor, tolerance: float, *, relative: bool = True) -> None:
    """Assert that no value differs by more than ``tolerance``, times max(1, max|expected|).

    relative=False leaves that factor out.
    """
    assert actual.shape == expected.shape, f"{tuple(actual.shape)} is not {tuple(expected.shape)}"
    actual, expected = actual.detach().double().cpu(), expected.double().cpu()
    scale = max(1.0, expected.abs().max().item()) if relative and expected.numel() else 1.0
    worst = (actual - expected).abs().max().item() if expected.numel() else 0.0
    assert worst <= tolerance * scale, f"off by {worst:.3g}, allowed are {tolerance * scale:.3g}"
    assert torch.isfinite(actual).all()
