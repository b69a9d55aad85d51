"""Which files make a model, and for which size of crops its weights are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import WeightsError
from ...models.published import Published, default_folder, named, where_to_put
from .options import Options

VERSIONS = {"latentsync-1.6": 512, "latentsync-1.5": 256}  # the newer one is taken first
NEWEST = 512
UNET = "latentsync_unet.pt"
WHISPER = ("whisper/tiny.pt", "tiny.pt")
VAE = tuple(
    f"{folder}diffusion_pytorch_model.{ending}"
    for folder in ("sd-vae-ft-mse/", "vae/sd-vae-ft-mse/", "vae/", "")
    for ending in ("safetensors", "bin")
)


@dataclass(frozen=True)
class Files:
    """The three files of a model, and the side of the crops in pixels."""

    unet: Path
    whisper: Path
    vae: Path
    resolution: int


def find(options: Options, models: Path | None) -> Files:
    """Where the files are; models: folder of published files, None = the usual one.

    Raises WeightsError that says which file is missing, where it was looked for and how to get
    it; and for a size of crops that the weights were not made for, as far as that can be known.
    """
    models = models or default_folder()
    unet = _unet(options.weights, models)
    beside = _beside(options, models)
    return Files(
        unet=unet,
        whisper=_whisper(options, beside, models),
        vae=_vae(options, beside, models),
        resolution=_resolution(options.resolution, unet),
    )


def missing(options: Options, models: Path | None) -> tuple[str, ...]:
    """The published files that ``find`` would miss, by name; the newest weights stand for both."""
    folder = models or default_folder()
    newest = next(iter(VERSIONS))
    wanted: list[tuple[str, Callable[[], Path]]] = [
        (newest, lambda: _unet(options.weights, folder)),
        ("whisper-tiny", lambda: _whisper(options, _beside(options, folder), folder)),
        ("sd-vae-ft-mse", lambda: _vae(options, _beside(options, folder), folder)),
    ]
    lacking = []
    for name, looked_for in wanted:
        try:
            looked_for()
        except WeightsError:
            lacking.append(name)
    return tuple(lacking)


def _beside(options: Options, models: Path) -> list[Path]:
    """Folders near the weights, where the other two may be."""
    if not options.weights:
        return []
    given = Path(options.weights)
    try:
        parent = _unet(options.weights, models).parent
    except WeightsError:
        parent = given.parent
    return [given, parent] if given.is_dir() else [parent]


def _whisper(options: Options, beside: list[Path], models: Path) -> Path:
    return _other("whisper", options.whisper, beside, WHISPER, "whisper-tiny", models)


def _vae(options: Options, beside: list[Path], models: Path) -> Path:
    return _other("vae", options.vae, beside, VAE, "sd-vae-ft-mse", models)


def _unet(weights: str, models: Path) -> Path:
    if not weights:
        for name in VERSIONS:
            if named(name).path(models).is_file():
                return named(name).path(models)
        raise _missing("LatentSync's weights are", named(next(iter(VERSIONS))), models)
    path = Path(weights)
    if path.is_file():
        return path
    if not path.exists():
        raise WeightsError(f"weights: there is no file or folder {path}. Check the name.")
    found = _in_folder(path, (UNET, "unet/" + UNET))
    if found is None:
        found = next((v for v in _versions_in(path) if v.is_file()), None)
    if found is None:
        raise WeightsError(f"{path} holds no {UNET}. Name the file, or the folder with it.")
    return found


def _versions_in(folder: Path) -> Iterator[Path]:
    """Where a whole models folder, named as the weights' folder, has them."""
    for name in VERSIONS:
        yield named(name).path(folder)
        yield named(name).path(folder.parent)


def _other(
    option: str, given: str, beside: list[Path], names: tuple[str, ...], name: str, models: Path
) -> Path:
    model = named(name)
    if given:
        path = Path(given)
        found = path if path.is_file() else _in_folder(path, names)
        if found is None:
            raise WeightsError(f"{option}: there is no such file: {path}. Check the name.")
        return found
    for folder in beside:
        found = _in_folder(folder, names)
        if found is not None:
            return found
    path = model.path(models)
    if not path.is_file():
        raise _missing(f"{model.title} ({Path(model.file).name}) is", model, models)
    return path


def _in_folder(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _missing(what: str, model: Published, models: Path) -> WeightsError:
    return WeightsError(
        f"{what} not here. Run: imgsync models fetch {model.name}. Or by hand: "
        f"{where_to_put(model, models)}"
    )


def known_resolution(unet: Path) -> int | None:
    """The size of crops that weights were made for, as the names around them tell; or None.

    Both versions have the same network, so that the file itself does not tell.
    """
    for part in reversed(unet.resolve().parts):
        match = re.search(r"(?<![\d.])1[._-]?([56])(?!\d)", part)
        if match and "latentsync" in part.lower():
            return {"5": 256, "6": 512}[match[1]]
    return None


def _resolution(asked: int, unet: Path) -> int:
    known = known_resolution(unet)
    if not asked:
        return known or NEWEST
    if known is not None and asked != known:
        version = "1.5" if known == 256 else "1.6"
        raise WeightsError(
            f"{unet} are weights of LatentSync {version}, made for crops of {known} pixels, not "
            f"{asked}. Leave the resolution out, or take other weights."
        )
    if asked % 64:
        raise WeightsError(f"A crop of {asked} pixels is not possible. Use 256 or 512.")
    return asked
