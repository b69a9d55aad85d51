"""The widgets of each engine, made from the options that the engines declare."""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import io

from ..imgsync_core.engines.options import Option
from ..imgsync_core.engines.registry import AUTO, NAMES, options_of, spec_of
from ..imgsync_core.job import Animation
from . import host

FOUND = "auto"  # of a file: the one in the models folder
LIVELY = "lively"
ENGINES = (*NAMES, AUTO)


def engine_input() -> Any:
    """The choice of an engine, with the widgets of each."""
    return io.DynamicCombo.Input(
        "engine",
        options=[io.DynamicCombo.Option(name, _inputs(name)) for name in ENGINES],
        tooltip="What moves the face. built-in needs no download and no GPU; latentsync and "
        "musetalk draw the lips anew, echomimic and hallo2 the whole head of a still, hallo2 for "
        "long speech; they need their weights and a GPU, musetalk a small one; auto takes the best "
        "that can run here, and only extends the picture where no face is found.",
    )


def _inputs(engine: str) -> list[Any]:
    if engine == AUTO:
        return []
    spec = spec_of(engine)
    shown = (option for option in spec.options if not option.words_only)
    return [*map(_input, shown), *([_lively()] if spec.draws == "lips" else [])]


def defaults(engine: str) -> dict[str, Any]:
    """The widgets of an engine by the names that a graph has for them, as they are at first."""
    return {f"engine.{port.id}": port.default for port in _inputs(engine)}


def _lively() -> Any:
    return io.Boolean.Input(
        LIVELY, default=True,
        tooltip="A still first gets head, blinks and brows from the built-in engine, its mouth "
        "off: lips look best in a picture that moves. A clip stays as it is.",
    )  # fmt: skip


def _input(option: Option) -> Any:
    tooltip = option.help[0].upper() + option.help[1:] + "."
    more = {"tooltip": tooltip, "advanced": option.rare}
    if option.file:
        names = [FOUND, *host.model_files()]
        return io.Combo.Input(option.name, options=names, default=FOUND, **more)
    if option.choices:
        choices = list(option.choices)
        return io.Combo.Input(option.name, options=choices, default=option.default, **more)
    if option.kind is bool:
        return io.Boolean.Input(option.name, default=option.default, **more)
    limits = {"default": option.default, "min": option.low, "max": option.high}
    if option.strength:
        slider = io.NumberDisplay.slider
        return io.Float.Input(option.name, step=0.05, display_mode=slider, **limits, **more)
    if option.kind is int:
        return io.Int.Input(option.name, **limits, **more)
    return io.Float.Input(option.name, step=0.1, **limits, **more)


def asked(chosen: dict[str, Any], **more: Any) -> Animation:
    """The widget values as the library's own words; ``more`` goes into the Animation as it is."""
    name, values = chosen["engine"], dict(chosen)
    del values["engine"]
    lively = {} if values.pop(LIVELY, False) else None
    declared = {option.name: option for option in options_of(name)}
    options = {
        key: _value(declared[key], value) for key, value in values.items() if key in declared
    }
    return Animation(name, options=options, lively=lively, host=host.engine_host(), **more)


def _value(option: Option, value: Any) -> Any:
    if not option.file:
        return value
    return "" if value == FOUND else str(host.model_file(value))
