"""A stand-in for the parts of ComfyUI that our nodes import, so that they load without it.

schema -> comfy_api.latest.io            media -> comfy_api.latest.{ui, Input, InputImpl, Types}
folder_paths, model_management -> the same names; comfy.utils.ProgressBar is below.
Written from the real signatures; `test_fake_comfy.py` holds them against a checkout.
"""

import sys
from abc import ABC, abstractmethod
from pathlib import Path
from types import ModuleType, SimpleNamespace

from . import folder_paths, media, model_management, schema


class ComfyExtension(ABC):
    async def on_load(self) -> None:  # noqa: B027 (optional, as in the real one)
        pass

    @abstractmethod
    async def get_node_list(self) -> list[type[schema.ComfyNode]]: ...


class ComfyAPI:
    """Talks to the server, which is not there."""


class ProgressBar:
    """Sends every step to the hook; the real one drops those that follow within 0.1 s."""

    hook = None

    def __init__(self, total, node_id=None):
        self.total, self.current, self.node_id = total, 0, node_id

    def update_absolute(self, value, total=None, preview=None):
        self.total = self.total if total is None else total
        self.current = min(value, self.total)
        if ProgressBar.hook is not None:
            ProgressBar.hook(self.current, self.total, preview, node_id=self.node_id)

    def update(self, value):
        self.update_absolute(self.current + value)


def set_progress_bar_global_hook(function) -> None:
    ProgressBar.hook = staticmethod(function) if function else None


def get_executing_context() -> None:
    """Which node runs: none, as outside of a prompt."""


def _module(name: str, **contents) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(contents)
    return module


def _modules() -> dict[str, ModuleType]:
    latest = _module(
        "comfy_api.latest",
        ComfyAPI=ComfyAPI,
        ComfyExtension=ComfyExtension,
        io=schema,
        ui=SimpleNamespace(
            PreviewImage=media.PreviewImage,
            PreviewText=media.PreviewText,
            PreviewVideo=media.PreviewVideo,
            SavedResult=media.SavedResult,
        ),
        Input=SimpleNamespace(Video=media.VideoInput),
        InputImpl=SimpleNamespace(
            VideoFromFile=media.VideoFromFile, VideoFromComponents=media.VideoFromComponents
        ),
        Types=SimpleNamespace(
            VideoCodec=media.VideoCodec,
            VideoComponents=media.VideoComponents,
            VideoContainer=media.VideoContainer,
        ),
    )
    hook = set_progress_bar_global_hook
    inside = {
        "cli_args": _module("comfy.cli_args", args=model_management.args),
        "model_management": model_management,
        "model_patcher": _module("comfy.model_patcher", ModelPatcher=model_management.ModelPatcher),
        "utils": _module("comfy.utils", ProgressBar=ProgressBar, set_progress_bar_global_hook=hook),
    }
    return {
        "comfy": _module("comfy", __path__=[], **inside),
        **{f"comfy.{name}": module for name, module in inside.items()},
        "comfy_api": _module("comfy_api", __path__=[], latest=latest),
        "comfy_api.latest": latest,
        "comfy_api.v0_0_2": latest,  # in the real one too it hands on what `latest` has
        "comfy_execution": _module("comfy_execution", __path__=[]),
        "comfy_execution.utils": _module(
            "comfy_execution.utils", get_executing_context=get_executing_context
        ),
        "folder_paths": folder_paths,
    }


_hidden: dict[str, ModuleType | None] = {}  # what stood in sys.modules where ours stand now


def install(base: Path) -> None:
    """Put the stand-in into sys.modules with its folders under `base`; again: start over there."""
    folder_paths.reset(base)
    model_management.reset()
    set_progress_bar_global_hook(None)
    if not _hidden:
        for name, module in _modules().items():
            _hidden[name] = sys.modules.get(name)
            sys.modules[name] = module


def uninstall() -> None:
    """Take it out and put back what was there."""
    for name, module in _hidden.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module
    _hidden.clear()
