"""What is known of the built-in animator before it runs. Needs neither numpy nor torch."""

from __future__ import annotations

from ..base import Cost, EngineSpec, Values
from ..options import Option


def _strength(name: str, what: str) -> Option:
    return Option(
        name, float, 1.0, f"{what}; 1 is natural, 0 is none", low=0, high=2, flag="-", strength=True
    )


OPTIONS = (
    _strength("mouth", "how far the mouth moves"),
    _strength("head", "how far the head moves"),
    _strength("blink", "how far the lids close in a blink"),
    _strength("expression", "how far brows and eyes move"),
    Option(
        "curves", str, "", "a file of `imgsync curves`, .npz or .csv, instead of what is heard",
        words_only=True,
    ),
    Option(
        "offset_ms", int, 0, "milliseconds by which the face is later than usual, below 0 earlier",
        low=-1000, high=1000, words_only=True,
    ),
)  # fmt: skip


def _cost(values: Values, size: tuple[int, int], n_frames: int) -> Cost:
    """The encoder's share is in it."""
    return Cost(90_000_000 + 150 * size[0] * size[1] + 100 * n_frames)


SPEC = EngineSpec(
    "built-in",
    "Built-in animator",
    "Apache-2.0",
    draws="head",
    options=OPTIONS,
    devices=("cpu",),
    cost=_cost,
    threads=1,
    instant=True,
)
