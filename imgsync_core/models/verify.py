"""Check files against what is known of them: size, hash, and the keys and shapes inside."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import WeightsError
from ..nn.weights import read
from .fetch import sha256_of
from .published import Published

KEYS = Path(__file__).with_name("keys.json.gz")
Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Verdict:
    """What was found of one file.

    state: "good", "missing" or "bad".   notes: sentences; what could not be checked, too.
    """

    model: Published
    path: Path
    state: str
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """One line for people."""
        return f"{self.model.name}: {'; '.join((self.state, *self.notes))}"


def verify(model: Published, folder: Path) -> Verdict:
    """Look at a file in a models folder. Raises nothing for a file that is wrong: it says so."""
    path = model.path(folder)
    if not path.is_file():
        return Verdict(model, path, "missing", (f"expected at {path}",))
    complaint = _size(model, path) or _hash(model, path) or _contents(model, path)
    if complaint:
        return Verdict(model, path, "bad", (complaint,))
    return Verdict(model, path, "good", _unchecked(model))


def _size(model: Published, path: Path) -> str:
    size = path.stat().st_size
    if model.size is None or size == model.size:
        return ""
    return f"{size:,} bytes instead of {model.size:,}"


def _hash(model: Published, path: Path) -> str:
    if model.sha256 is None or sha256_of(path) == model.sha256:
        return ""
    return "its SHA-256 is not the published one"


def _contents(model: Published, path: Path) -> str:
    if not model.keys:
        return ""  # nothing is known of what is inside
    try:
        tensors = read(path).tensors
    except WeightsError as e:
        return str(e)
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    complaints = [difference(found, known()[name]) for name in model.keys]
    return min(complaints, key=len, default="")


def difference(found: Shapes, wanted: Shapes) -> str:
    """What is wrong with keys and shapes, in words; empty if nothing.

    Dimensions of 1 at the end of a shape may be more or fewer, as between the kinds of layers
    that one projection can be written as.
    """
    missing = [key for key in wanted if key not in found]
    unknown = [key for key in found if key not in wanted]
    other = [k for k in wanted if k in found and _plain(found[k]) != _plain(wanted[k])]
    words = [("missing", missing), ("unknown", unknown), ("of another shape", other)]
    listed = [f"{len(keys)} {what} (first: {keys[0]})" for what, keys in words if keys]
    return f"of its {len(found)} keys: {', '.join(listed)}" if listed else ""


def _plain(shape: Sequence[int]) -> list[int]:
    plain = list(shape)
    while plain and plain[-1] == 1:
        plain.pop()
    return plain


def _unchecked(model: Published) -> tuple[str, ...]:
    known = ["keys and shapes"] if model.keys else []
    known += ["size"] if model.size is not None else []
    known += ["hash"] if model.sha256 is not None else []
    notes = [f"{', '.join(known)} checked"]
    if model.sha256 is None:
        notes.append("no hash is known to compare with")
    return tuple(notes)


@lru_cache(1)
def known() -> dict[str, dict[str, list[int]]]:
    """Key -> shape of each list of keys that a published file may have."""
    return json.loads(gzip.decompress(KEYS.read_bytes()))
