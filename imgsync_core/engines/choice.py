"""``engine: auto``: the best engine that this machine can run for this job, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..machine import Device, Machine, readable
from .base import Engine
from .registry import PREFERRED, engine


@dataclass(frozen=True)
class Choice:
    """The name of an engine, and the reason in words."""

    engine: str
    reason: str


def choose(
    machine: Machine,
    size: tuple[int, int],
    n_frames: int,
    *,
    face: bool = True,
    engines: Iterable[Engine] | None = None,
) -> Choice:
    """The first engine that can run; the built-in one needs nothing but a face.

    size: width and height of the frames.   face: whether there is one to move.
    engines: to choose from, the best first; None = all. The last one is taken in any case.
    """
    candidates = list(engines or map(engine, PREFERRED))
    against: list[str] = []
    for candidate in candidates[:-1]:
        obstacle = _obstacle(candidate, machine, size, n_frames, face)
        if obstacle is None:
            return Choice(candidate.spec.name, _reason(candidate, machine, against))
        against.append(obstacle)
    return Choice(candidates[-1].spec.name, "; ".join(dict.fromkeys(against)))


def _obstacle(
    candidate: Engine, machine: Machine, size: tuple[int, int], n_frames: int, face: bool
) -> str | None:
    """Why an engine cannot run; None where it can."""
    spec = candidate.spec
    if spec.face and not face:
        return "no face was found to move"
    if missing := candidate.missing():
        return f"{spec.name} lacks its weights ({', '.join(missing)})"
    needed = spec.memory.of(size, n_frames)
    if machine.free and needed > machine.free:
        return f"{spec.name} needs {readable(needed)} of memory, {readable(machine.free)} are free"
    if device_for(candidate, machine, size, n_frames) is None:
        kinds = " or ".join(kind.upper() for kind in spec.devices)
        needed = spec.device_memory.of(size, n_frames)
        return f"{spec.name} needs a {kinds} device with {readable(needed)} free"
    return None


def device_for(
    candidate: Engine, machine: Machine, size: tuple[int, int], n_frames: int
) -> Device | None:
    """A device that is fit for an engine: with enough memory, the one with the most."""
    spec = candidate.spec
    needed = spec.device_memory.of(size, n_frames)
    fit = [
        device
        for device in machine.devices
        if device.kind in spec.devices and (device.kind == "cpu" or device.free >= needed)
    ]
    return max(fit, key=lambda device: (device.kind != "cpu", device.free), default=None)


def _reason(candidate: Engine, machine: Machine, against: list[str]) -> str:
    if against:
        return "; ".join(against)
    if not candidate.spec.needs:
        return "no better engine is installed"
    return f"its weights are there, and {machine.best.name} is fit for it"
