"""``engine: auto``: the best engine that this machine can run for this job, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..engines.base import EngineSpec, Host, Values
from ..engines.options import checked
from ..engines.registry import PREFERRED, spec_of
from ..engines.runtime.files import found, missing
from ..machine import Device, Machine, readable


@dataclass(frozen=True)
class Choice:
    """The name of an engine, the reason in words, and the options that go with the choice."""

    engine: str
    reason: str
    options: Mapping[str, Any] = field(default_factory=dict)


def choose(
    machine: Machine,
    size: tuple[int, int],
    n_frames: int,
    *,
    host: Host,
    face: bool = True,
    still: bool = True,
    specs: Iterable[EngineSpec] | None = None,
) -> Choice:
    """The first engine that can run on the host's device; the built-in one needs but a face.

    size: width and height of the frames.   face: whether there is one to move.
    still: it is one picture, and no clip whose motion an engine for stills would lose.
    specs: of engines to choose from, the best first; None = all. The last one is taken in any case.
    """
    candidates = list(specs or map(spec_of, PREFERRED))
    against: list[str] = []
    for spec in candidates[:-1]:
        if spec.wants != "nothing" and not face:
            against.append("no face was found to move")
            continue
        if not still and "clip" not in spec.takes:
            against.append(f"{spec.name} animates stills only")
            continue
        for values in _variants(spec, host):
            obstacle = _obstacle(spec, values, machine, size, n_frames, host)
            if obstacle is None:
                return Choice(spec.name, _reason(spec, machine, host, against), values)
            against.append(obstacle)
    return Choice(candidates[-1].name, "; ".join(dict.fromkeys(against)))


def _variants(spec: EngineSpec, host: Host) -> Iterator[dict[str, Any]]:
    """Options that choose among the files of its main need that are there, the best first."""
    there = found(spec.needs[0], host.models) if spec.needs else []
    option = spec.needs[0].option if spec.needs else ""
    if not there or not option:
        yield {}
    else:
        yield from ({option: str(path)} for path in there)


def _obstacle(
    spec: EngineSpec,
    values: Values,
    machine: Machine,
    size: tuple[int, int],
    n_frames: int,
    host: Host,
) -> str | None:
    """Why an engine cannot run; None where it can."""
    if lacking := missing(spec.needs, values, host.models):
        return f"{spec.name} lacks its weights ({', '.join(lacking)})"
    cost = spec.cost(checked(spec.options, values, spec.name), size, n_frames)
    if machine.free and cost.memory > machine.free:
        return (
            f"{spec.name} needs {readable(cost.memory)} of memory, {readable(machine.free)} are "
            "free"
        )
    if device_for(spec, cost.device_memory, machine, host.device) is None:
        kinds = " or ".join(kind.upper() for kind in spec.devices)
        return f"{spec.name} needs a {kinds} device with {readable(cost.device_memory)} free"
    return None


def device_for(
    spec: EngineSpec, device_memory: int, machine: Machine, device: Device
) -> Device | None:
    """The host's device if it is fit for an engine, or the CPU for one that runs there; or None.

    What is free on it is the machine's to say; 0 = not known.
    """
    for seen in reversed(machine.beside(device).devices):
        enough = seen.kind == "cpu" or not seen.memory or seen.free >= device_memory
        if seen.is_one_of(spec.devices) and enough:
            return seen
    return None


def _reason(spec: EngineSpec, machine: Machine, host: Host, against: list[str]) -> str:
    virtue = [spec.virtue] if spec.virtue else []
    if against:
        return "; ".join([*virtue, *dict.fromkeys(against)])
    if not spec.needs:
        return "no better engine is installed"
    fit = machine.beside(host.device).devices[-1]
    return "; ".join([*virtue, f"its weights are there, and {fit.name} is fit for it"])
