"""The engines by name. Importing one is left until it is asked for."""

from __future__ import annotations

from ..errors import InputError
from .base import Engine

NAMES = ("built-in",)


def engine(name: str) -> Engine:
    """The engine of that name. Raises InputError."""
    if name == "built-in":
        from .warp.engine import WarpEngine

        return WarpEngine()
    raise InputError(f"Engine {name!r} is not known. Use {', '.join(NAMES)}.")
