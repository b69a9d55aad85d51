"""Weights from files: read safely, renamed by a table, loaded strictly, wrong ones refused.

Files are known by what is in them and not by their names: safetensors, and what ``torch.save``
writes (.pt, .pth, .ckpt, .bin), of which nothing but tensors and plain values is unpickled.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn

from ..errors import WeightsError

Renames = Sequence[tuple[str, str]]  # regular expression, replacement
MOST = 20_000  # tensors of a file; the largest published one has 2,656
# what comes of reading a network's shape off tensors that are none of it
_STRANGE = (ValueError, IndexError, TypeError, ArithmeticError, RuntimeError, AttributeError)
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "params", "ema")
_UNSAFE = re.compile(r"(?:Unsupported global: |Trying to load unsupported )(?:GLOBAL )?([\w.]+)")
_ADVICE = "Weights only load failed"  # how torch begins, and goes on: "read it unsafely"
_DEEPEST = 8  # wrappers around tensors
_HEAD = 9  # bytes: the length of a safetensors header and its opening brace


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a file by key, and the plain values that lay around them.

    name: of the file, for sentences about it.
    """

    tensors: Mapping[str, Tensor]
    extras: Mapping[str, Any] = field(default_factory=dict)
    name: str = "the file"


def read(path: Path) -> Checkpoint:
    """All tensors of a weights file, on the CPU and as lazily as the format allows.

    Wrappers such as {"state_dict": {...}} or {"dims": ..., "model_state_dict": {...}} are
    opened; what lay beside the tensors is kept as ``extras``. Raises WeightsError with a
    sentence for a file that is missing, truncated, or something else.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if head.startswith(b"version h") or head.lstrip().startswith((b"<!DOC", b"<html")):
        raise WeightsError(
            f"{path.name} holds a text instead of weights: the download fetched a page or a "
            "pointer. Fetch the file itself again."
        )
    try:
        found = _safetensors(path) if head[8:] == b"{" else _pickle(path)
        tensors, extras = _unwrap(found)
        _refuse_bombs(tensors)
    except Exception as error:  # damaged pickles raise whatever their bytes happen to say
        if unsafe := _UNSAFE.search(str(error)):
            raise WeightsError(
                f"{path.name} asks for {unsafe[1][:60]} to be run when it is read. Weights need no "
                "code, so it was not unpickled. Use a .safetensors file, or fetch the published "
                "one."
            ) from error
        said = (line for line in str(error).split("\n") if line.strip())
        first = next((line for line in said if not line.startswith(_ADVICE)), "")
        reason = first.strip()[:200] or type(error).__name__
        raise WeightsError(
            f"{path.name} cannot be read as weights: it is truncated, damaged or of another kind "
            f"({reason}). Compare its size with the published one and fetch it again."
        ) from error
    if not tensors:
        raise WeightsError(f"{path.name} holds no tensors.")
    if len(tensors) > MOST:
        raise WeightsError(f"{path.name} holds {len(tensors):,} tensors; {MOST:,} are the limit.")
    return Checkpoint(tensors, extras, path.name)


def _safetensors(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def _pickle(path: Path) -> Any:
    zipped = zipfile.is_zipfile(path)
    if zipped:
        with zipfile.ZipFile(path) as archive:
            if any(member.compress_type for member in archive.infolist()):
                raise ValueError("it is packed, as torch packs nothing")  # and may be a bomb
    return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)


def _refuse_bombs(tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError for tensors that say that they are larger than what the file holds."""
    for key, tensor in tensors.items():
        plain = tensor.layout == torch.strided and not tensor.is_quantized
        if not plain or tensor.device.type != "cpu" or tensor.nbytes > _held(tensor):
            raise ValueError(f"{key[:60]} is no plain tensor")


def _held(tensor: Tensor) -> int:
    return tensor.untyped_storage().nbytes()


def _unwrap(found: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The innermost dictionary of tensors, and the values around it."""
    extras: dict[str, Any] = {}
    for _ in range(_DEEPEST):  # what is pickled may lie in itself
        if not isinstance(found, Mapping):
            break
        tensors = {str(k): v for k, v in found.items() if isinstance(v, Tensor)}
        inner = [name for name in _WRAPPERS if isinstance(found.get(name), Mapping)]
        if not tensors and not inner:
            inner = [name for name, value in found.items() if isinstance(value, Mapping)]
        extras.update(
            {str(k): v for k, v in found.items() if k not in tensors and k not in inner[:1]}
        )
        if not inner:
            return tensors, extras
        found = found[inner[0]]
    return {}, extras


def renamed(tensors: Mapping[str, Tensor], renames: Renames) -> dict[str, Tensor]:
    """The same tensors under the names that a table of regular expressions makes of theirs."""
    out = {}
    for key, tensor in tensors.items():
        for pattern, replacement in renames:
            key = re.sub(pattern, replacement, key)
        out[key] = tensor
    return out


def numbers(keys: Iterable[str], pattern: str) -> list[int]:
    """The different numbers that a pattern's group catches in keys, in order.

    ``numbers(keys, r"blocks\\.(\\d+)\\.")`` lists the blocks that there are.
    """
    matches = (re.match(pattern, key) for key in keys)
    return sorted({int(match[1]) for match in matches if match})


Network = TypeVar("Network", bound=nn.Module)


def load(
    path: Path,
    build: Callable[[Checkpoint], Network],
    *,
    expected: str,
    renames: Renames = (),
    unused: str | None = None,
    beside: Sequence[Path] = (),
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> Network:
    """Build a network for a file and load the file into it, strictly.

    build: makes the network from what it finds in the checkpoint (keys already renamed); runs
        with ``meta`` as the device, so nothing is allocated. KeyError and ValueError say that
        it is not one.
    expected: which file belongs here, for the sentence if this is another.
    unused: regular expression of the start of keys that are left aside (a decoder, say).
    beside: more files with parts of the same network; what the first one has counts.
    dtype: of all floating tensors; None leaves them as they are in the file.
    """
    checkpoint = _together([read(path), *map(read, beside)])
    tensors = {
        key: tensor
        for key, tensor in renamed(checkpoint.tensors, renames).items()
        if unused is None or not re.match(unused, key)
    }
    try:
        with torch.device("meta"):
            network = build(replace(checkpoint, tensors=tensors))
    except KeyError as error:
        first = next(iter(checkpoint.tensors))
        raise WeightsError(
            f"{checkpoint.name} is another file: it has no {error.args[0]} among its "
            f"{len(checkpoint.tensors)} keys (first: {first}). Expected {expected}."
        ) from error
    except _STRANGE as error:
        raise WeightsError(
            f"{checkpoint.name} has shapes that make no such network ({error!s:.200}). "
            f"Expected {expected}."
        ) from error
    return fill(network, tensors, checkpoint.name, expected, device=device, dtype=dtype)


def _together(parts: Sequence[Checkpoint]) -> Checkpoint:
    """Several files as one; where keys meet, the earlier file counts."""
    first, *rest = parts
    if not rest:
        return first
    tensors: dict[str, Tensor] = {}
    for part in reversed(parts):
        tensors.update(part.tensors)
    names = ", ".join(part.name for part in rest)
    return replace(first, tensors=tensors, name=f"{first.name} (with {names})")


def fill(
    network: Network,
    tensors: Mapping[str, Tensor],
    name: str,
    expected: str,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> Network:
    """Put tensors into a network built on ``meta``; keys and shapes must be exactly its own.

    Raises WeightsError naming the file, the first key that does not fit and what was expected.
    Dimensions of 1 at the end of a shape may be more or fewer. The network comes back ready to
    run: on its device, convolutions in channels-last memory, without gradients.
    """
    own = network.state_dict()
    wanted = {key: tensor.shape for key, tensor in own.items()}
    wrong = [key for key in wanted if key in tensors and not _fits(tensors[key], wanted[key])]
    whole = [key for key in wanted if key in tensors and not _alike(tensors[key], own[key])]
    complaints = [
        _complaint("unknown", [key for key in tensors if key not in wanted]),
        _complaint("missing", [key for key in wanted if key not in tensors]),
        _complaint("of another shape", wrong),
        _complaint("of another kind of numbers", whole),
    ]
    if any(complaints):
        detail = ", ".join(complaint for complaint in complaints if complaint)
        if wrong:
            had, want = (tuple(x) for x in (tensors[wrong[0]].shape, wanted[wrong[0]]))
            detail += f" with {had} instead of {want}"
        raise WeightsError(
            f"{name} does not fit ({len(tensors)} keys, {len(wanted)} wanted): {detail}. "
            f"Expected {expected}."
        )
    state = {}
    for key, shape in wanted.items():
        tensor = tensors[key].reshape(shape)
        kind = dtype if tensor.is_floating_point() else None
        memory = torch.channels_last if tensor.ndim == 4 else torch.preserve_format
        state[key] = tensor.to(device=device, dtype=kind, memory_format=memory)
    network.load_state_dict(state, strict=True, assign=True)
    return network.requires_grad_(False).eval()


def _alike(tensor: Tensor, own: Tensor) -> bool:
    """Whether both are of floating point, or neither is."""
    return tensor.is_floating_point() == own.is_floating_point() and not tensor.is_complex()


def _fits(tensor: Tensor, wanted: torch.Size) -> bool:
    had, want = list(tensor.shape), list(wanted)
    while len(had) > len(want) and had[-1] == 1:
        had.pop()
    while len(want) > len(had) and want[-1] == 1:
        want.pop()
    return had == want


def _complaint(what: str, keys: Collection[str]) -> str:
    if not keys:
        return ""
    return f"{len(keys)} {what} (first: {next(iter(keys))})"
