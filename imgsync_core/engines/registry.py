"""The engines by name. Importing one is left until it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .latentsync.options import OPTIONS as LATENTSYNC
from .options import Option, checked

if TYPE_CHECKING:
    from .base import Engine, Host

Values = Mapping[str, Any]
AUTO = "auto"  # no engine, but the wish that one be chosen


def _built_in(values: Values, host: Host) -> Engine:
    from .built_in.engine import BuiltInEngine

    return BuiltInEngine()


def _latentsync(values: Values, host: Host) -> Engine:
    from .latentsync.engine import LatentSyncEngine
    from .latentsync.options import Options

    return LatentSyncEngine(Options(**values), host)


def _extend(values: Values, host: Host) -> Engine:
    from .hold import HoldEngine

    return HoldEngine()


_ENGINES: dict[str, tuple[tuple[Option, ...], Callable[[Values, Host], Engine]]] = {
    "built-in": ((), _built_in),
    "latentsync": (LATENTSYNC, _latentsync),
    "extend": ((), _extend),
}
NAMES = tuple(name for name in _ENGINES if name != "extend")  # for users: they have ExtendFrames
PREFERRED = ("latentsync", "built-in", "extend")  # by auto, the best first; the last always runs


def options_of(name: str) -> tuple[Option, ...]:
    """What can be chosen of the engine of that name; of auto, nothing. Raises InputError."""
    if name == AUTO:
        return ()
    if name not in _ENGINES:
        raise InputError(f"Engine {name!r} is not known. Use {', '.join((*NAMES, AUTO))}.")
    return _ENGINES[name][0]


def engine(name: str, values: Values | None = None, host: Host | None = None) -> Engine:
    """The engine of that name.

    values: of its options (see ``options_of``), the rest as they are by default.
    host: what runs it; a plain one by default. Raises InputError.
    """
    chosen = checked(options_of(name), values or {}, name)
    from .base import PLAIN

    return _ENGINES[name][1](chosen, host or PLAIN)
