"""Load the pack as ComfyUI does, in front of the stand-in `fake_comfy`.

The same tests run against a real checkout with IMGSYNC_COMFYUI=<checkout> IMGSYNC_NODES=real, on
the CPU, or where ComfyUI itself would run with IMGSYNC_NODES=gpu.
"""

import asyncio
import importlib
import importlib.util
import inspect
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHECKOUT = os.environ.get("IMGSYNC_COMFYUI", "")
KIND = os.environ.get("IMGSYNC_NODES")
REAL = bool(CHECKOUT) and KIND in ("real", "gpu")


def _import_folder(folder: Path, name: str) -> ModuleType:
    """Import a folder as the package `name`; no sys.path involved."""
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _forget(name)
        raise
    return module


def _forget(name: str) -> None:
    for known in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
        del sys.modules[known]


def _install_real(base: Path) -> None:
    """The order matters: without --cpu, comfy.model_management asks for a GPU when imported."""
    if CHECKOUT not in sys.path:
        sys.path.insert(0, CHECKOUT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        args = importlib.import_module("comfy.cli_args").args
        args.cpu, args.base_directory = KIND == "real", str(base)
        for name in ("comfy_api.latest", "comfy.model_management", "comfy.utils", "folder_paths"):
            importlib.import_module(name)


@dataclass(frozen=True)
class Pack:
    module: str
    nodes: dict[str, type]  # node_id -> class
    extension: Any

    def core(self, name: str) -> ModuleType:
        """`imgsync_core.<name>` as the nodes see it: the library exists twice in this process."""
        return self.part(f"imgsync_core.{name}")

    def part(self, name: str) -> ModuleType:
        """A module of the pack, by its name in it."""
        return importlib.import_module(f"{self.module}.{name}")


async def _list_nodes(extension) -> list[type]:
    await extension.on_load()
    return await extension.get_node_list()


@pytest.fixture(scope="session")
def fake_comfy():
    """The stand-in itself, also where the tests run against a checkout."""
    name = "imgsync_fake_comfy"
    yield _import_folder(HERE / "fake_comfy", name)
    _forget(name)


@pytest.fixture(scope="module")
def host(fake_comfy, tmp_path_factory):
    """ComfyUI's modules, real or not, importable while one test module runs."""
    base = tmp_path_factory.mktemp("comfy")
    if REAL:
        yield _install_real(base)
        return
    fake_comfy.install(base)
    yield
    fake_comfy.uninstall()


@pytest.fixture(scope="module")
def load_pack(host):
    """`load_pack(folder)` imports a pack by its path, calls its entry point, lists its nodes."""
    names = []

    def load(folder: Path) -> Pack:
        names.append(str(folder).replace(".", "_x_"))
        module = _import_folder(folder, names[-1])
        extension = asyncio.run(module.comfy_entrypoint())
        nodes = {node.GET_SCHEMA().node_id: node for node in asyncio.run(_list_nodes(extension))}
        return Pack(names[-1], nodes, extension)

    yield load
    for name in names:
        _forget(name)


@pytest.fixture(scope="module")
def pack(load_pack) -> Pack:
    """This repository, as ComfyUI loads it."""
    return load_pack(ROOT)


@pytest.fixture
def comfy(host, tmp_path, monkeypatch):
    """ComfyUI's names, with empty input, output and temp folders for this one test.

    `comfy.progress` gathers (value, total, preview); as in the server, each step of a progress
    bar also looks for an interruption.
    """
    api = importlib.import_module("comfy_api.latest")
    folder_paths = importlib.import_module("folder_paths")
    mm = importlib.import_module("comfy.model_management")
    utils = importlib.import_module("comfy.utils")
    folders, progress = {}, []
    for kind in ("input", "output", "temp"):
        folders[kind] = tmp_path / kind
        folders[kind].mkdir()
        monkeypatch.setattr(folder_paths, f"{kind}_directory", str(folders[kind]))

    def note(value, total, preview=None, prompt_id=None, node_id=None):
        mm.throw_exception_if_processing_interrupted()
        progress.append((value, total, preview))

    utils.set_progress_bar_global_hook(note)
    yield SimpleNamespace(
        **{name: getattr(api, name) for name in ("io", "ui", "Input", "InputImpl", "Types")},
        args=importlib.import_module("comfy.cli_args").args,
        folder_paths=folder_paths,
        model_management=mm,
        utils=utils,
        progress=progress,
        **folders,
    )
    utils.set_progress_bar_global_hook(None)
    mm.interrupt_current_processing(False)


@pytest.fixture
def run(comfy):
    """`run(node, **inputs)` executes a node class as ComfyUI would and gives its NodeOutput.

    `hidden={"prompt": ..., "extra_pnginfo": ..., "unique_id": ...}` replaces the values below;
    the node sees only those that its schema asks for.
    """
    usual = {
        "unique_id": "1",
        "prompt": {"1": {"class_type": "Test", "inputs": {}}},
        "extra_pnginfo": {"workflow": {"nodes": [], "links": []}},
    }

    def execute(node, *, hidden=None, **inputs):
        schema = node.GET_SCHEMA()
        if strange := set(inputs) - {port.id for port in schema.inputs}:
            raise TypeError(f"{schema.node_id} has no input {sorted(strange)}.")
        values = {**usual, **(hidden or {})}
        asked = {key: values.get(key.name) for key in schema.hidden or []}
        clone = node.PREPARE_CLASS_CLONE({"hidden_inputs": asked})
        with torch.inference_mode():
            if inspect.iscoroutinefunction(node.execute):
                return asyncio.run(clone.EXECUTE_NORMALIZED_ASYNC(**inputs))
            return clone.EXECUTE_NORMALIZED(**inputs)

    return execute


@pytest.fixture
def oldest_comfy(comfy, monkeypatch):
    """`comfy` without what ComfyUI 0.15.0, our minimum, did not have yet."""
    mm = comfy.model_management
    monkeypatch.delattr(mm, "intermediate_dtype")
    monkeypatch.setattr(mm, "InterruptProcessingException", type("Interrupt", (Exception,), {}))
    for name in ("get_active_trim_window", "get_bit_depth", "get_color_space"):
        for video in (comfy.Input.Video, *vars(comfy.InputImpl).values()):
            if isinstance(video, type) and name in vars(video):
                monkeypatch.delattr(video, name)
    return comfy
