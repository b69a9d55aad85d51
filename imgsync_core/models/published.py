"""The list of published files, and where each is expected on this machine."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import InputError
from ..machine import user_folder

FOLDER_VARIABLE = "IMGSYNC_MODELS"
HUB_VARIABLE = "IMGSYNC_HUB"
HUB = "https://huggingface.co"
LIST = Path(__file__).with_name("published.json")


@dataclass(frozen=True)
class Published:
    """One published file.

    repository, file: its id on the hub and its path in there.
    folder: below the models folder, under which it is kept.
    size, sha256: None where no source states them.
    keys: names of the lists of keys that it may have (see ``verify``).
    licence, commercial: of the weights; commercial use is "yes", "no" or "unknown".
    needs: names of the files that are used together with it.
    """

    name: str
    title: str
    repository: str
    file: str
    folder: str
    size: int | None
    sha256: str | None
    keys: tuple[str, ...]
    licence: str
    commercial: str
    needs: tuple[str, ...]

    @property
    def url(self) -> str:
        """Where it is published; the hub's address can be replaced by IMGSYNC_HUB."""
        hub = os.environ.get(HUB_VARIABLE) or HUB
        return f"{hub.rstrip('/')}/{self.repository}/resolve/main/{self.file}"

    def path(self, folder: Path) -> Path:
        """Where it is kept in a models folder."""
        return folder / self.folder / Path(self.file).name


@lru_cache(1)
def published() -> tuple[Published, ...]:
    """All files that are known."""
    entries = json.loads(LIST.read_text(encoding="utf-8"))
    return tuple(
        Published(**{**entry, "keys": tuple(entry["keys"]), "needs": tuple(entry["needs"])})
        for entry in entries
    )


def named(name: str) -> Published:
    """The file of that name. Raises InputError."""
    for model in published():
        if model.name == name:
            return model
    known = ", ".join(model.name for model in published())
    raise InputError(f"Model {name!r} is not known. Use one of {known}.")


def with_needs(name: str) -> list[Published]:
    """The file of that name and those that are used together with it."""
    model = named(name)
    return [model, *(named(other) for other in model.needs)]


def default_folder() -> Path:
    """Where models live unless another folder is named.

    IMGSYNC_MODELS; else ``models`` in our data folder, see `machine.user_folder`.
    """
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else user_folder("data") / "models"


def how_to_fetch(name: str, folder: Path) -> str:
    """A sentence with the line for a terminal that fetches a file and what is used with it.

    In a pack that was cloned into ComfyUI there is no ``imgsync`` command: the line names the
    Python that runs, and both folders, and stands alone so that it can be copied.
    """
    if __package__ and __package__.partition(".")[0] == "imgsync_core":
        return f"Run: imgsync models fetch {name}."
    library = Path(__file__).parents[1]
    line = f'"{sys.executable}" "{library}" models fetch {name} --models "{folder}"'
    return f"Run this line in a terminal:\n{line}\n"


def where_to_put(model: Published, folder: Path) -> str:
    """A sentence that tells how to get a file by hand."""
    return f"Fetch {model.url} and put it at {model.path(folder)}."
