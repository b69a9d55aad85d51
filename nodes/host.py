"""What ComfyUI itself provides: folders, devices, progress, interruption, saved graphs."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import comfy.model_management as mm
import comfy.model_patcher
import comfy.utils
import folder_paths
import numpy as np
import torch
from comfy.cli_args import args
from PIL import Image

from ..imgsync_core.engines.base import Host as EngineHost
from ..imgsync_core.errors import InputError, OutputError
from ..imgsync_core.machine import Device, Machine, look
from ..imgsync_core.media.preview import PER_SECOND, SIDE, Previews
from ..imgsync_core.models.published import default_folder, published

MODEL_ENDINGS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")


def input_pictures() -> list[str]:
    """Names of the pictures in the input folder, sorted."""
    folder = folder_paths.get_input_directory()
    files = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    return sorted(folder_paths.filter_files_content_types(files, ["image"]))


def input_path(name: str) -> Path:
    """The file behind a widget's value; InputError where that is outside ComfyUI's folders."""
    path = Path(folder_paths.get_annotated_filepath(name))
    _, base = folder_paths.annotated_filepath(name)
    root = os.path.realpath(base or folder_paths.get_input_directory())
    # ComfyUI refuses this by itself only after 0.27
    if os.path.commonpath([root, os.path.realpath(path)]) != root:
        raise InputError(f"{name} is outside of ComfyUI's folders. Upload the file instead.")
    return path


def in_input_folder(name: str) -> bool:
    """Whether there is a file behind a widget's value."""
    return bool(folder_paths.exists_annotated_filepath(name))


def stamp(path: Path) -> str:
    """Changes when the file changes."""
    state = path.stat()
    return f"{state.st_mtime_ns} {state.st_size}"


def new_file(prefix: str, folder: str, extension: str, size: tuple[int, int]) -> tuple[Path, str]:
    """Where to write the next file of a prefix: its path, and its subfolder for the browser.

    folder: ``output`` or ``temp``. Raises OutputError for a prefix that leaves that folder.
    """
    base = folder_paths.get_output_directory()
    if folder == "temp":
        base = folder_paths.get_temp_directory()
    try:
        where, name, counter, sub, _ = folder_paths.get_save_image_path(prefix, base, *size)
    except Exception as e:  # ComfyUI raises a bare Exception here
        raise OutputError(
            f"The file name {prefix!r} leaves the {folder} folder. Use another."
        ) from e
    path = Path(where)
    while (path / f"{name}_{counter:05}_{extension}").exists():  # also names without a video yet
        counter += 1
    return path / f"{name}_{counter:05}_{extension}", sub


def temp_file(extension: str) -> Path:
    """A name in the temporary folder that nobody else uses."""
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"imgsync_{uuid.uuid4().hex}{extension}"


def graph_metadata(hidden: Any) -> dict[str, Any]:
    """The prompt and workflow to write into a file, so that dropping it restores the graph."""
    if args.disable_metadata or hidden is None:
        return {}
    metadata = dict(hidden.extra_pnginfo or {})
    if hidden.prompt is not None:
        metadata["prompt"] = hidden.prompt
    return metadata


def on_intermediate_device(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor as ComfyUI wants it between nodes."""
    kind = getattr(mm, "intermediate_dtype", lambda: torch.float32)  # after 0.15
    return tensor.to(mm.intermediate_device(), kind())


def free_memory() -> int:
    """Bytes of main memory that can be had."""
    return int(mm.get_free_memory(torch.device("cpu")))


def machine() -> Machine:
    """The machine as ComfyUI lets us use it: its device, and what it says is free there."""
    device = mm.get_torch_device()
    seen = look()
    found = seen.devices[:1]
    if device.type != "cpu":
        name = next((d.name for d in seen.devices if d.kind == device.type), str(device))
        total, free = int(mm.get_total_memory(device)), int(mm.get_free_memory(device))
        found = (*found, Device(device.type, name, total, free))
    return replace(seen, free=free_memory(), devices=found)


MODELS = "imgsync"  # the kind of models, and its folder in ComfyUI's models folder


def add_models_folder() -> None:
    """Tell ComfyUI of our folder of models, so that extra_model_paths.yaml can name others."""
    folder = os.path.join(folder_paths.models_dir, MODELS)
    folder_paths.add_model_folder_path(MODELS, folder, is_default=False)


def model_files() -> list[str]:
    """Names of the model files in our folders, sorted; below their folder, as ComfyUI has them."""
    names = folder_paths.get_filename_list(MODELS)
    return sorted(name for name in names if name.endswith(MODEL_ENDINGS))


def model_file(name: str) -> Path:
    """The file behind a widget's value."""
    return Path(folder_paths.get_full_path_or_raise(MODELS, name))


def models_folder() -> Path:
    """Where published files are: ours in ComfyUI, or the command line's where only that has any."""
    folders = [Path(folder) for folder in folder_paths.get_folder_paths(MODELS)]
    candidates = [*folders, default_folder()]
    held = (folder for folder in candidates if any(m.path(folder).is_file() for m in published()))
    return next(held, folders[0])


def engine_host() -> EngineHost:
    """What ComfyUI lends an engine: its device, its memory management, its Cancel."""
    device = mm.get_torch_device()
    half = device.type != "cpu" and mm.should_use_fp16(device)
    return EngineHost(
        device=device,
        dtype=torch.float16 if half else torch.float32,
        models=models_folder(),
        check=check_interrupted,
        placed=_placing(),
    )


def _placing() -> Callable[[torch.nn.Module], AbstractContextManager[torch.nn.Module]]:
    """Brings networks to ComfyUI's device, which takes them off again when others need the room.

    Each network keeps its patcher as long as the engine lives: ComfyUI forgets what is loaded when
    a patcher goes, and would count that memory as free.
    """
    patchers: dict[torch.nn.Module, Any] = {}

    @contextmanager
    def placed(network: torch.nn.Module) -> Iterator[torch.nn.Module]:
        if network not in patchers:
            patchers[network] = comfy.model_patcher.ModelPatcher(
                network, load_device=mm.get_torch_device(), offload_device=mm.unet_offload_device()
            )
        mm.load_models_gpu([patchers[network]])
        yield network

    return placed


def output_folder() -> Path:
    """Where ComfyUI saves."""
    return Path(folder_paths.get_output_directory())


def check_interrupted() -> None:
    """Raise when the user has pressed Cancel."""
    mm.throw_exception_if_processing_interrupted()


class Progress:
    """ComfyUI's progress bar of the node that is running, with the newest frame as its preview.

    total: frames to come. Any thread may call it: the server knows which node is running.
    """

    def __init__(self, total: int, previews_per_second: float = PER_SECOND) -> None:
        self._total, self._done = total, 0.0
        self._bar = comfy.utils.ProgressBar(total)
        self.frame = Previews(self._show, previews_per_second)

    def __call__(self, done: float, total: int) -> None:
        """So many frames are done; parts of one count, such as the steps of a window."""
        self._done = max(self._done, done)
        self._bar.update_absolute(self._done, total)

    def step(self, done: float, frame: np.ndarray | None) -> None:
        """The same for who watches a FrameSource, with a finished frame where there is one."""
        check_interrupted()
        self(done, self._total)
        if frame is not None:
            self.frame(frame)

    def _show(self, picture: Image.Image) -> None:
        self._bar.update_absolute(self._done, self._total, ("JPEG", picture, SIDE))


def exists(path: str) -> bool:
    """Whether a file in the temporary folder is still there: ComfyUI empties it."""
    return os.path.isfile(path)


def routes() -> Any:
    """The web server's table of routes; None where no server runs, as in tests."""
    server = getattr(sys.modules.get("server"), "PromptServer", None)
    return getattr(getattr(server, "instance", None), "routes", None)
