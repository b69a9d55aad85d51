"""What ComfyUI itself provides: folders, devices, progress, interruption, saved graphs."""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import comfy.model_management as mm
import comfy.model_patcher
import comfy.utils
import folder_paths
import torch
from comfy.cli_args import args
from comfy_execution.utils import get_executing_context
from PIL import Image

from ..imgsync_core.engines.base import Host as EngineHost
from ..imgsync_core.engines.runtime.networks import Library
from ..imgsync_core.errors import InputError, OutputError
from ..imgsync_core.machine import Device, Machine, look
from ..imgsync_core.media.digest import of_file
from ..imgsync_core.media.preview import PER_SECOND, SIDE, Previews
from ..imgsync_core.models.published import default_folder, published
from ..imgsync_core.plan.pace import Pace
from ..imgsync_core.spool.jobs import Spool
from ..imgsync_core.watcher import Watcher
from .names import dated

MODEL_ENDINGS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")


def input_pictures() -> list[str]:
    """Names of the pictures in the input folder, sorted."""
    folder = folder_paths.get_input_directory()
    files = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    return sorted(folder_paths.filter_files_content_types(files, ["image"]))


def input_path(name: str) -> Path:
    """The file behind a widget's value; InputError where that is outside ComfyUI's folders."""
    try:
        if _is_elsewhere(name):
            raise ValueError("another machine")
        path = Path(folder_paths.get_annotated_filepath(name))
        _, base = folder_paths.annotated_filepath(name)
        root = os.path.realpath(base or folder_paths.get_input_directory())
        # ComfyUI refuses this by itself only after 0.27
        if not lies_in(root, os.path.realpath(path)):
            raise ValueError("a folder above")
    except ValueError as e:
        raise InputError(f"{name} is outside of ComfyUI's folders. Upload the file instead.") from e
    return path


def lies_in(folder: str, path: str, system: Any = os.path) -> bool:
    """Whether a path lies in a folder, both without links; system: whose rules of names count."""
    try:
        return system.commonpath([folder, path]) == folder
    except ValueError:  # of another drive
        return False


def _is_elsewhere(name: str) -> bool:
    """Whether a name is an address of another machine, or none at all.

    Windows would sign in there with the user's name and password when it only looks whether the
    file exists, so nobody may look.
    """
    return "\0" in name or name[:2].replace("\\", "/") == "//"


def input_folder() -> Path:
    """Where ComfyUI keeps what users upload."""
    return Path(folder_paths.get_input_directory())


def is_given(name: str) -> bool:
    """Whether there is a file behind a widget's value; of others nobody learns whether they are."""
    try:
        return input_path(name).is_file()
    except (InputError, OSError):  # a name that is too long
        return False


def stamp(path: Path) -> str:
    """Changes when the file changes."""
    state = path.stat()
    return f"{state.st_mtime_ns} {state.st_size}"


def digest(path: Path) -> str:
    """The same for the same file anywhere.

    ComfyUI writes what a node is known by into saved graphs, and these into videos, which are to be
    the same again, bit for bit.
    """
    return of_file(path)


DEFAULT_NAME = "imgsync"  # of files whose prefix names none


def new_file(prefix: str, folder: str, extension: str, size: tuple[int, int]) -> tuple[Path, str]:
    """Where to write the next file of a prefix: its path, and its subfolder for the browser.

    folder: ``output`` or ``temp``. Raises OutputError for a prefix that leaves that folder.
    """
    base = folder_paths.get_output_directory()
    if folder == "temp":
        base = folder_paths.get_temp_directory()
    prefix = dated(prefix)
    if "\0" in prefix:
        raise OutputError(f"The file name {prefix!r:.80} holds a NUL. Use another.")
    if not os.path.basename(prefix).strip("."):  # it would be a hidden file
        prefix = os.path.join(os.path.dirname(prefix), DEFAULT_NAME)
    try:
        where, name, counter, sub, _ = folder_paths.get_save_image_path(prefix, base, *size)
    except OSError as e:
        raise OutputError(
            f"Nothing can be written to {base} ({e.strerror}). Check the permissions of the folder."
        ) from e
    except Exception as e:  # ComfyUI raises a bare Exception here
        raise OutputError(
            f"The file name {prefix!r} leaves the {folder} folder. Use another."
        ) from e
    path = Path(where)
    # names without a video yet are taken too
    while os.path.exists(path / f"{name}_{counter:05}_{extension}"):
        counter += 1
    return path / f"{name}_{counter:05}_{extension}", sub


_written: dict[str, Path] = {}  # by node: what it wrote last
_vanished: dict[str, int] = {}  # by node: how often that was deleted afterwards


def note_written(hidden: Any, path: Path) -> None:
    """Keep in mind what a node has written."""
    if hidden is not None and hidden.unique_id is not None:
        _written[str(hidden.unique_id)] = path


def times_vanished(hidden: Any) -> int:
    """Grows when the file that a node wrote last is not there any more, so that it runs again."""
    node = str(getattr(hidden, "unique_id", None))
    if node in _written and not _written[node].exists():
        del _written[node]
        _vanished[node] = _vanished.get(node, 0) + 1
    return _vanished.get(node, 0)


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


def device() -> Device:
    """The device that ComfyUI computes on, and what is free there or can be made so."""
    ours = mm.get_torch_device()
    if ours.type == "cpu":
        return look().devices[0]
    named = Device(ours.type, str(ours), index=ours.index)
    seen = look().beside(named).devices[-1]
    free = int(mm.get_free_memory(ours)) + _loaded_bytes(ours)
    return replace(seen, memory=int(mm.get_total_memory(ours)), free=free, index=ours.index)


def _loaded_bytes(ours: torch.device) -> int:
    """Bytes of models on a device, which ComfyUI takes off when another needs the room."""
    loaded = [model for model in mm.current_loaded_models if model.device == ours]
    return sum(int(model.model_loaded_memory()) for model in loaded if model.model is not None)


def machine() -> Machine:
    """The machine as ComfyUI lets us use it."""
    seen, ours = look(), device()
    devices = seen.devices[:1] if ours.kind == "cpu" else (seen.devices[0], ours)
    return replace(seen, free=free_memory(), devices=devices)


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
    """What ComfyUI lends an engine: its device, its memory management, networks loaded before."""
    ours = mm.get_torch_device()
    half = ours.type != "cpu" and mm.should_use_fp16(ours)
    return EngineHost(
        device=device(),
        dtype=torch.float16 if half else torch.float32,
        models=models_folder(),
        place=_placed,
        library=_LIBRARY,
    )


class _Patcher(comfy.model_patcher.ModelPatcher):
    """A network that ComfyUI counts on its device, and takes off again when others need the room.

    It is kept as long as it is there, so that the next run finds it; after that only as long as
    somebody uses the network.
    """

    def detach(self, unpatch_all: bool = True) -> Any:
        # when Python ends, patchers are detached too, and a thread would never begin; it waits for
        # one that has begun, and does not stop it in the middle of freeing what C++ holds
        if _LENT.get(self.model) is self and threading.main_thread().is_alive():
            # ComfyUI also detaches what it loads anew, and looks at a patcher after that
            timer = threading.Timer(LINGER, _let_go, [weakref.ref(self)])
            timer.daemon = False  # as that of ComfyUI, which it would take after
            timer.start()
        return super().detach(unpatch_all)


def _let_go(lent: weakref.ref[_Patcher]) -> None:
    """Hold a network no longer that ComfyUI does not count as loaded any more."""
    patcher = lent()
    if patcher is None or any(one.model is patcher for one in list(mm.current_loaded_models)):
        return
    if _LENT.get(patcher.model) is patcher:
        del _LENT[patcher.model]


LINGER = 1.0  # seconds that a network stays after ComfyUI has taken it off
_LIBRARY = Library()
_LENT: dict[torch.nn.Module, _Patcher] = {}


@contextmanager
def _placed(network: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Brings a network to ComfyUI's device."""
    lent = _LENT.get(network)
    if lent is None:
        lent = _Patcher(
            network, load_device=mm.get_torch_device(), offload_device=mm.unet_offload_device()
        )
    mm.load_models_gpu([lent])
    _LENT[network] = lent  # once more if the timer looked while it was being loaded, uncounted
    yield network


SPOOL = "imgsync_spool"  # what extra_model_paths.yaml calls the folder of finished frames


def spool() -> Spool:
    """Where frames of costly engines are kept until their video is saved.

    ComfyUI empties its temporary folder when it starts; another can be named for ``SPOOL`` in
    extra_model_paths.yaml.
    """
    named = folder_paths.folder_names_and_paths.get(SPOOL)
    if named and named[0]:
        return Spool(Path(named[0][0]))
    return Spool(Path(folder_paths.get_temp_directory()) / SPOOL)


def output_folder() -> Path:
    """Where ComfyUI saves."""
    return Path(folder_paths.get_output_directory())


def check_interrupted() -> None:
    """Raise when the user has pressed Cancel."""
    mm.throw_exception_if_processing_interrupted()


def watching(total: int = 0, previews_per_second: float = PER_SECOND) -> Watcher:
    """ComfyUI's Cancel, its progress bar of the node that is running, the newest frame beside it.

    total: frames to come; 0 = nothing is counted yet. It is for the node that is running now, also
    where other threads tell of it and where other nodes run meanwhile.
    """
    node = getattr(get_executing_context(), "node_id", None)
    bar, most, all_of_it = comfy.utils.ProgressBar(max(1, total), node), 0.0, max(1, total)
    pace, tell_pace = Pace(), _teller_of_pace(node)

    def progress(done: float, of: int) -> None:
        nonlocal most, all_of_it
        most, all_of_it = max(most, done), total or of
        bar.update_absolute(most, all_of_it)
        pace.read(most, all_of_it)
        tell_pace(f"{100 * most / all_of_it:.0f} %", pace)

    def show(picture: Image.Image) -> None:
        bar.update_absolute(most, all_of_it, ("JPEG", picture, SIDE))

    return Watcher(check_interrupted, progress, Previews(show, previews_per_second))


PACE_SECONDS = 1.0  # between two sentences about it


def _teller_of_pace(node: str | None) -> Callable[[str, Pace], None]:
    """Tells browsers how much time is left for a node, in its own text."""
    told = time.monotonic()

    def tell_pace(percent: str, pace: Pace) -> None:
        nonlocal told
        now, left = time.monotonic(), pace.time_left()
        if node is None or not left or now - told < PACE_SECONDS:
            return
        told = now
        tell("imgsync.pace", {"node": node, "text": f"{percent}, {left}"})

    return tell_pace


def exists(path: str) -> bool:
    """Whether a file in the temporary folder is still there: ComfyUI empties it."""
    return os.path.isfile(path)


def tell(event: str, what: dict[str, Any] | None = None) -> None:
    """Let all browsers know that something has changed, from any thread."""
    server = getattr(sys.modules.get("server"), "PromptServer", None)
    instance = getattr(server, "instance", None)
    if instance is not None:
        instance.send_sync(event, what or {})


def let_in() -> str:
    """Whose pages the user has opened the server to (--enable-cors-header): an origin, ``*`` for
    all, or nobody's."""
    return str(getattr(args, "enable_cors_header", None) or "")


def routes() -> Any:
    """The web server's table of routes; None where no server runs, as in tests."""
    server = getattr(sys.modules.get("server"), "PromptServer", None)
    return getattr(getattr(server, "instance", None), "routes", None)
