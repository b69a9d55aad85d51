"""The engines by name. Importing one is left until it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ..errors import InputError
from . import built_in, echomimic, extend, hallo2, latentsync, musetalk
from .base import PLAIN, Engine, EngineSpec, Host
from .options import Option, checked

AUTO = "auto"  # no engine, but the wish that one be chosen

# Where each engine is: a spec here, and ``make(values, host)`` in the module that is named.
_ENGINES: dict[str, tuple[EngineSpec, str]] = {
    built_in.SPEC.name: (built_in.SPEC, ".built_in.engine"),
    latentsync.SPEC.name: (latentsync.SPEC, ".latentsync.engine"),
    musetalk.SPEC.name: (musetalk.SPEC, ".musetalk.engine"),
    echomimic.SPEC.name: (echomimic.SPEC, ".echomimic.engine"),
    hallo2.SPEC.name: (hallo2.SPEC, ".hallo2.engine"),
    extend.SPEC.name: (extend.SPEC, ".extend"),
}
NAMES = tuple(n for n, (spec, _) in _ENGINES.items() if spec.draws != "nothing")  # for users
# By auto, the best looking first: the next is for whom that one is too large. The last always runs.
# Of a still the whole head moves rather than the lips in it.
PREFERRED = ("hallo2", "echomimic", "latentsync", "musetalk", "built-in", "extend")


def spec_of(name: str) -> EngineSpec:
    """What is known of the engine of that name. Raises InputError."""
    if name not in _ENGINES:
        raise InputError(f"Engine {name!r} is not known. Use {', '.join((*NAMES, AUTO))}.")
    return _ENGINES[name][0]


def options_of(name: str) -> tuple[Option, ...]:
    """What can be chosen of the engine of that name; of auto, nothing. Raises InputError."""
    return () if name == AUTO else spec_of(name).options


def engine(name: str, values: Mapping[str, Any] | None = None, host: Host = PLAIN) -> Engine:
    """The engine of that name.

    values: of its options (see ``options_of``), the rest as they are by default.
    host: what runs it; a plain one by default. Raises InputError.
    """
    chosen = checked(options_of(name), values or {}, name)
    return import_module(_ENGINES[name][1], __package__).make(chosen, host)
