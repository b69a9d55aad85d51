"""The engines by name. Importing one is left until it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import InputError
from .base import Engine

AUTO = "auto"  # no engine, but the wish that one be chosen


def _built_in() -> Engine:
    from .warp.engine import WarpEngine

    return WarpEngine()


def _extend() -> Engine:
    from .hold import HoldEngine

    return HoldEngine()


_MAKERS: dict[str, Callable[[], Engine]] = {"built-in": _built_in, "extend": _extend}
NAMES = tuple(name for name in _MAKERS if name != "extend")  # for users: they have ExtendFrames
PREFERRED = ("built-in", "extend")  # by auto, the best first; the last can always run


def engine(name: str) -> Engine:
    """The engine of that name. Raises InputError."""
    if name not in _MAKERS:
        raise InputError(f"Engine {name!r} is not known. Use {', '.join((*NAMES, AUTO))}.")
    return _MAKERS[name]()
