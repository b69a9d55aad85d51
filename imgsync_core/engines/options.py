"""Options that engines declare, so that faces of the library can offer them without knowing any.

Nothing heavy is imported here: a command line's help needs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError


@dataclass(frozen=True)
class Option:
    """One thing that can be chosen.

    kind: bool, int, float or str; a bool that is False by default is a switch.
    choices: what a text may be; empty = anything.   low, high: of a number.
    flag: on a command line, where the name is taken there; "-" = it has no word of its own.
    file: the text is the name of a model's file.   rare: few ever change it.
    strength: how much of a motion; 1 is natural, shown as a slider.
    words_only: only a command line has it: in saved graphs a new widget would shift the others.
    """

    name: str
    kind: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    flag: str = ""
    file: bool = False
    rare: bool = False
    strength: bool = False
    words_only: bool = False

    @property
    def word(self) -> str:
        """The option on a command line."""
        return self.flag or "--" + self.name.replace("_", "-")

    def checked(self, value: Any) -> Any:
        """The value as its kind. Raises InputError."""
        try:
            value = self.kind(value)
        except (TypeError, ValueError):
            raise InputError(f"{self.name} {value!r} is not a {self.kind.__name__}.") from None
        if self.choices and value not in self.choices:
            raise InputError(f"{self.name} {value!r} is not one of {', '.join(self.choices)}.")
        low, high = self.low, self.high
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise InputError(f"{self.name} {value} is out of range. Use {low:g} to {high:g}.")
        return value


def checked(options: Sequence[Option], values: Mapping[str, Any], engine: str) -> dict[str, Any]:
    """All options of an engine with these values, the rest as they are by default.

    Raises InputError for a value out of range and for an option that the engine does not have.
    """
    known = {option.name: option for option in options}
    for name in values:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise InputError(f"The engine {engine} has no option {name!r}. It has: {listed}.")
    return {o.name: o.checked(values[o.name]) if o.name in values else o.default for o in options}
