"""Stand-in for ComfyUI's `folder_paths`, under one folder given to `reset`.

`get_annotated_filepath` behaves as in ComfyUI 0.15: it does NOT refuse to leave its folder (the
real one does only after 0.27), so a node that forgets its own check fails here.
"""

import mimetypes
import os
import re
import time
from pathlib import Path

base_path = models_dir = input_directory = output_directory = temp_directory = ""
supported_pt_extensions = {".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"}
folder_names_and_paths: dict[str, tuple[list[str], set[str]]] = {}


def reset(base: Path) -> None:
    """Not ComfyUI's: start over with empty folders under `base`."""
    global base_path, models_dir
    base_path, models_dir = str(base), str(base / "models")
    set_input_directory(str(base / "input"))
    set_output_directory(str(base / "output"))
    set_temp_directory(str(base / "temp"))
    for folder in (models_dir, input_directory, output_directory, temp_directory):
        os.makedirs(folder, exist_ok=True)
    folder_names_and_paths.clear()
    for kind in ("checkpoints", "audio_encoders"):
        folder = os.path.join(models_dir, kind)
        folder_names_and_paths[kind] = ([folder], supported_pt_extensions)


def get_input_directory() -> str:
    return input_directory


def get_output_directory() -> str:
    return output_directory


def get_temp_directory() -> str:
    return temp_directory


def set_input_directory(input_dir: str) -> None:
    global input_directory
    input_directory = input_dir


def set_output_directory(output_dir: str) -> None:
    global output_directory
    output_directory = output_dir


def set_temp_directory(temp_dir: str) -> None:
    global temp_directory
    temp_directory = temp_dir


def get_directory_by_type(type_name: str) -> str | None:
    known = {"input": input_directory, "output": output_directory, "temp": temp_directory}
    return known.get(type_name)


def filter_files_content_types(files: list[str], content_types: list[str]) -> list[str]:
    def kind(name):
        return "image" if name.endswith(".webp") else mimetypes.guess_type(name, strict=False)[0]

    return [name for name in files if (kind(name) or "").split("/")[0] in content_types]


def annotated_filepath(name: str) -> tuple[str, str | None]:
    """`a.png [output]` is `a.png` in the output folder."""
    found = re.fullmatch(r"(.*?) ?\[(input|output|temp)\]", name, re.DOTALL)
    return (found[1], get_directory_by_type(found[2])) if found else (name, None)


def get_annotated_filepath(name: str, default_dir: str | None = None) -> str:
    name, folder = annotated_filepath(name)
    return os.path.join(folder or default_dir or input_directory, name)


def exists_annotated_filepath(name) -> bool:
    return os.path.exists(get_annotated_filepath(name))


def add_model_folder_path(folder_name: str, full_folder_path: str, is_default: bool = False):
    paths, _ = folder_names_and_paths.setdefault(folder_name, ([], set()))
    if is_default and full_folder_path in paths:
        paths.remove(full_folder_path)
    if full_folder_path not in paths:
        paths.insert(0 if is_default else len(paths), full_folder_path)


def get_folder_paths(folder_name: str) -> list[str]:
    return list(folder_names_and_paths[folder_name][0])


def get_filename_list(folder_name: str) -> list[str]:
    """An empty set of extensions, as a kind of our own has, lists every file."""
    folders, extensions = folder_names_and_paths[folder_name]
    files = {
        os.path.relpath(file, folder)
        for folder in folders
        for file in Path(folder).rglob("*")
        if file.is_file() and (not extensions or file.suffix.lower() in extensions)
    }
    return sorted(files)


def get_full_path(folder_name: str, filename: str) -> str | None:
    inside = os.path.relpath(os.path.join("/", filename), "/")
    paths = (os.path.join(f, inside) for f in folder_names_and_paths.get(folder_name, ([],))[0])
    return next(filter(os.path.isfile, paths), None)


def get_full_path_or_raise(folder_name: str, filename: str) -> str:
    path = get_full_path(folder_name, filename)
    if path is None:
        raise FileNotFoundError(f"No model {filename!r} in the folders of {folder_name!r}.")
    return path


def get_save_image_path(
    filename_prefix: str, output_dir: str, image_width=0, image_height=0
) -> tuple[str, str, int, str, str]:
    """(folder, name, next free counter, subfolder, prefix with its %variables% filled in)"""
    now = time.localtime()
    values = {"width": str(image_width), "height": str(image_height), "year": str(now.tm_year)}
    parts = (("month", "%m"), ("day", "%d"), ("hour", "%H"), ("minute", "%M"), ("second", "%S"))
    values |= {name: time.strftime(code, now) for name, code in parts}
    for name, value in values.items():
        filename_prefix = filename_prefix.replace(f"%{name}%", value)
    subfolder, name = os.path.split(os.path.normpath(filename_prefix))
    folder = os.path.join(output_dir, subfolder)
    root = os.path.realpath(output_dir)
    if os.path.commonpath((root, os.path.realpath(folder))) != root:
        raise Exception(f"Saving image outside the output folder is not allowed: {folder}")
    os.makedirs(folder, exist_ok=True)
    taken = (re.match(rf"{re.escape(name)}_(\d+)(?=[_.]|$)", file) for file in os.listdir(folder))
    counter = 1 + max((int(found[1]) for found in taken if found), default=0)
    return folder, name, counter, subfolder, filename_prefix
