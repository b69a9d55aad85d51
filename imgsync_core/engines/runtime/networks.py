"""Networks: loaded once for each file, shared by engines and runs, brought where they run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import torch
from torch import nn

from ..base import Host

log = logging.getLogger(__name__)
Network = TypeVar("Network", bound=nn.Module)
Placed = Callable[[nn.Module], AbstractContextManager[Any]]


class Library:
    """Networks by the file they come from, as long as somebody uses them.

    It holds none by itself: engines do, and a host does while a network is on its device.
    """

    def __init__(self) -> None:
        self._held: WeakValueDictionary[tuple[Any, ...], nn.Module] = WeakValueDictionary()
        self._lock = threading.Lock()

    def get(self, path: Path, make: Callable[[], Network], *how: Any) -> Network:
        """The network of a file; made when nobody has it, or when the file has changed.

        how: what else tells two networks of one file apart.
        """
        key = (*_stamp(path), *how)
        with self._lock:
            network = self._held.get(key)
            if network is None:
                log.info("ImgSync: %s is loaded", path.name)
                network = self._held[key] = make()
            return network  # type: ignore[return-value]


class KeptLibrary(Library):
    """Also holds the networks that the last run used, so that the next finds them loaded."""

    def __init__(self) -> None:
        super().__init__()
        self._used: list[nn.Module] = []
        self._last: list[nn.Module] = []

    def get(self, path: Path, make: Callable[[], Network], *how: Any) -> Network:
        """As before; what it gives counts as used by this run."""
        network = super().get(path, make, *how)
        self._used.append(network)
        return network

    def turn(self) -> None:
        """A run is over: what it did not use is held no longer, if it used any."""
        if self._used:
            self._last, self._used = self._used, []


def _stamp(path: Path) -> tuple[str, int, int]:
    """Changes when the file does."""
    state = path.stat()
    return str(path.resolve()), state.st_mtime_ns, state.st_size


@dataclass(frozen=True)
class Placing:
    """Where the networks of an engine run, and where they wait.

    device, dtype: where and in which numbers they run.   home: where they are loaded to.
    on(network): a context in which a network is on the device.
    """

    device: torch.device
    dtype: torch.dtype
    home: torch.device
    on: Placed
    library: Library

    def load(self, loader: Callable[..., Network], path: Path, *more: Path) -> Network:
        """The network in a file, or in several. Raises WeightsError.

        loader(path, *more, device=, dtype=): reads it, where nobody has read it yet.
        """
        return self.library.get(
            path,
            lambda: loader(path, *more, device=self.home, dtype=self.dtype),
            f"{loader.__module__}.{loader.__qualname__}",
            str(self.home),
            self.dtype,
            *map(_stamp, more),
        )


def placing(host: Host, *, low_memory: bool = False) -> Placing:
    """As a host has it; low_memory: networks are on the device only while they work."""
    device, dtype = torch.device(host.device.torch_name), host.dtype or torch.float32
    home = torch.device("cpu") if low_memory or host.place else device
    on = host.place or (_visiting(device) if low_memory else _at_home)
    return Placing(device, dtype, home, on, host.library or Library())


@contextmanager
def _at_home(network: nn.Module) -> Iterator[nn.Module]:
    yield network


def _visiting(device: torch.device) -> Placed:
    """Brings a network to the device for as long as it works."""

    @contextmanager
    def on(network: nn.Module) -> Iterator[nn.Module]:
        network.to(device)
        try:
            yield network
        finally:
            network.to("cpu")

    return on
