"""The machine a job runs on: cores, memory, devices, disks. Asked for, never assumed."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

_CGROUPS = (  # limit, use and details of a container's memory, version 2 and 1
    ("memory.max", "memory.current", "memory.stat"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
    ),
)
# what the kernel gives up before a container runs out: pages of files that were read some time ago
_RECLAIMABLE = ("inactive_file", "slab_reclaimable", "total_inactive_file")


@dataclass(frozen=True)
class Device:
    """Something that computes.

    kind: ``cpu``, ``cuda``, ``mps``.   memory, free: bytes of its own; 0 = not known.
    index: which of several of a kind; None = there is but one, or the one that is in use.
    """

    kind: str
    name: str
    memory: int = 0
    free: int = 0
    index: int | None = None

    @property
    def torch_name(self) -> str:
        """As torch calls it, such as ``cuda:1``."""
        return self.kind if self.index is None else f"{self.kind}:{self.index}"

    def is_one_of(self, kinds: Iterable[str]) -> bool:
        """Whether it is of one of these kinds."""
        return self.kind in kinds


CPU = Device("cpu", "the CPU")


@dataclass(frozen=True)
class Machine:
    """What there is to work with.

    cores: that this process may use.   memory, free: bytes of main memory; 0 = not known.
    devices: of which engines may choose; the first is the CPU.
    """

    cores: int
    memory: int
    free: int
    devices: tuple[Device, ...]

    def beside(self, device: Device) -> Machine:
        """The same with no devices but the CPU and the one that a job runs on."""
        if device.kind == "cpu":
            return replace(self, devices=self.devices[:1])
        same = (d for d in self.devices[1:] if d.kind == device.kind)
        found = next((d for d in same if device.index in (None, d.index)), device)
        return replace(self, devices=(self.devices[0], found))


def look() -> Machine:
    """The machine as it is now. Imports torch where it can be imported."""
    memory, free = main_memory()
    cpu = Device("cpu", f"{cores()} cores", memory, free)
    return Machine(cores(), memory, free, (cpu, *_accelerators()))


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main_memory(
    proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")
) -> tuple[int, int]:
    """Bytes of main memory, and how many of them can be had; 0 where that cannot be found out."""
    try:
        total, free = _linux(proc)
    except OSError:
        total = free = _elsewhere()
    for most, used, details in _CGROUPS:
        try:
            limit, taken = (int((groups / name).read_text()) for name in (most, used))
        except (OSError, ValueError):  # no such limit: "max"
            continue
        if limit < total:
            taken -= _reclaimable(groups / details)
            total, free = limit, min(free, max(0, limit - taken))
    return total, free


def _reclaimable(details: Path) -> int:
    """Bytes that count as used by a container although they can be had; 0 where none are told."""
    try:
        lines = [line.split() for line in details.read_text().splitlines()]
    except OSError:
        return 0
    stated = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
    if "total_inactive_file" in stated:  # version 1: with those of the groups below
        stated.pop("inactive_file", None)
    return sum(stated.get(name, 0) for name in _RECLAIMABLE)


def _linux(proc: Path) -> tuple[int, int]:
    lines = (proc / "meminfo").read_text().splitlines()
    values = {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines if ":" in line}
    return values.get("MemTotal", 0), values.get("MemAvailable", 0)


def _elsewhere() -> int:
    """All of the main memory on macOS and Windows; what is free there is not known."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _windows()


def _windows() -> int:
    import ctypes

    kernel = getattr(getattr(ctypes, "windll", None), "kernel32", None)
    kilobytes = ctypes.c_ulonglong()
    if kernel is None or not kernel.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes)):
        return 0
    return kilobytes.value << 10


def _accelerators() -> list[Device]:
    try:
        import torch
    except (ImportError, OSError):
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old driver is as good as none
        return [*_cuda(torch), *_mps(torch)]


def _cuda(torch: Any) -> list[Device]:
    if not torch.cuda.is_available():
        return []
    found = []
    for i in range(torch.cuda.device_count()):
        free, memory = torch.cuda.mem_get_info(i)
        found.append(Device("cuda", torch.cuda.get_device_name(i), memory, free, i))
    return found


def _mps(torch: Any) -> list[Device]:
    if not torch.backends.mps.is_available():
        return []
    memory = int(torch.mps.recommended_max_memory())
    return [Device("mps", "Apple GPU", memory, memory - torch.mps.driver_allocated_memory())]


def free_disk(path: Path) -> int | None:
    """Bytes that are free where a file of that name would lie; None where that is not known."""
    for folder in (path, *path.absolute().parents):
        try:
            return shutil.disk_usage(folder).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def user_folder(kind: Literal["cache", "data"]) -> Path:
    """Where this library keeps files of its user: what can be made again, or what cannot.

    ``imgsync`` in ``~/.cache`` or ``~/.local/share`` (or XDG_CACHE_HOME, XDG_DATA_HOME), in
    ``~/Library/Caches`` or ``~/Library/Application Support`` on macOS, in ``%LOCALAPPDATA%`` on
    Windows.
    """
    home, cache = Path.home(), kind == "cache"
    if sys.platform == "win32":
        place = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        place = home / "Library" / ("Caches" if cache else "Application Support")
    else:
        named = os.environ.get("XDG_CACHE_HOME" if cache else "XDG_DATA_HOME")
        place = Path(named or home / (".cache" if cache else ".local/share"))
    return place / "imgsync"


def readable(n_bytes: float) -> str:
    """Bytes for people: ``1.2 GB``, ``350 MB``, ``4 kB``."""
    if n_bytes >= 1e9:
        return f"{n_bytes / 1e9:.1f} GB"
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes >= 1e6 else f"{n_bytes / 1e3:.0f} kB"
