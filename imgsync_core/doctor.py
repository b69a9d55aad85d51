"""What is installed, what this machine can do, and what would be used: for ``imgsync doctor``."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
from collections.abc import Callable
from typing import Any

from . import __version__
from .audio.pair import first_line, matches, mismatch, version_of
from .machine import Device, Machine, look

NEEDED = ("torch", "torchaudio", "numpy", "av", "safetensors", "einops", "Pillow", "tqdm")
_SIZE, _FRAMES = (512, 512), 250  # of the job that auto is asked about: ten seconds


def examine() -> dict[str, Any]:
    """Everything, ready for JSON; ``ok`` = something can be rendered. Raises nothing.

    problems: sentences, each with its cure.
    """
    problems: list[str] = []
    machine = look()
    found: dict[str, Any] = {
        "imgsync": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version_of(name) for name in NEEDED},
        "torch_pair": _pair(problems),
        "cores": machine.cores,
        "memory": machine.memory,
        "memory_free": machine.free,
        "devices": [
            {"kind": d.kind, "name": d.name, "memory": d.memory, "free": d.free}
            for d in machine.devices
        ],
    }
    found |= _guarded(_media, "PyAV or Pillow", problems) or {"presets": {}}
    found |= {"engines": _engines(), "auto": _auto(machine, found["torch_pair"])}
    usable = [name for name, lacking in found["presets"].items() if not lacking]
    for name, lacking in found["presets"].items():
        if lacking:
            problems.append(
                f"Preset {name} cannot be written: this PyAV lacks {', '.join(lacking)}. "
                "Use another preset, or install PyAV from its published wheels."
            )
    return found | {"problems": problems, "ok": bool(usable)}


def _guarded(
    part: Callable[[], dict[str, Any]], what: str, problems: list[str]
) -> dict[str, Any] | None:
    """A part of the examination; what cannot be imported becomes a problem."""
    try:
        return part()
    except (ImportError, OSError) as e:
        problems.append(
            f"{what} cannot be loaded: {first_line(e)}. Install ImgSync's requirements."
        )
        return None


def _media() -> dict[str, Any]:
    from .media import support

    return {
        "media": support.versions(),
        "presets": support.presets(),
        "hardware_encoders": support.hardware_encoders(),
        "labels": support.labels(),
    }


def _engines() -> dict[str, Any]:
    from .engines.base import names_of
    from .engines.registry import NAMES, spec_of
    from .engines.runtime.files import missing

    return {
        name: {
            "title": spec.title,
            "licence": spec.licence,
            "needs": list(names_of(spec.needs)),
            "missing": list(missing(spec.needs, {}, None)),
        }
        for name, spec in ((name, spec_of(name)) for name in NAMES)
    }


def _auto(machine: Machine, pair: dict[str, Any]) -> dict[str, str] | None:
    """What auto would take; None where torch cannot be imported, and nothing speaks."""
    from .engines.base import Host
    from .plan.choice import choose

    if pair["errors"]["torch"] is not None:
        return None
    choice = choose(machine, _SIZE, _FRAMES, host=Host(device=_best(machine)))
    return {"engine": choice.engine, "reason": choice.reason}


def _best(machine: Machine) -> Device:
    """What the command line would run networks on."""
    return max(machine.devices[1:], key=lambda device: device.free, default=machine.devices[0])


# -- torch and torchaudio --


def _pair(problems: list[str]) -> dict[str, Any]:
    """Whether torch and torchaudio belong together and can be imported.

    Versions are the modules' own where they can be imported: they name the build (``+cu130``).
    """
    errors: dict[str, str | None] = {}
    version: dict[str, str | None] = {}
    for name in ("torch", "torchaudio"):
        errors[name], version[name] = None, version_of(name)
        try:
            version[name] = str(importlib.import_module(name).__version__)
        except (ImportError, OSError, RuntimeError) as e:
            errors[name] = first_line(e)
    torch, audio = version["torch"], version["torchaudio"]
    fit = matches(torch, audio)
    if errors["torch"] is not None:
        problems.append(
            f"torch {torch or ''} cannot be imported: {errors['torch']}. Only extend works "
            "without it; install torch again."
        )
    elif errors["torchaudio"] is not None or not fit:
        problems.append(mismatch(torch, audio, errors["torchaudio"]))
    return {"torch": torch, "torchaudio": audio, "matches": fit, "errors": errors}


# -- words --


def described(found: dict[str, Any]) -> list[str]:
    """The examination as lines for people."""
    lines = [f"imgsync {found['imgsync']}, Python {found['python']}, {found['system']}"]
    lines.append(", ".join(f"{n} {v or 'missing'}" for n, v in found["versions"].items()))
    pair = found["torch_pair"]
    fit = "fit together" if pair["matches"] else "do NOT fit together"
    lines.append(f"torch {pair['torch']} and torchaudio {pair['torchaudio']} {fit}")
    if media := found.get("media"):
        lines.append(f"FFmpeg {media['ffmpeg'] or '?'} (libavcodec {media['libavcodec']}) in PyAV")
    lines += [_device(device) for device in found["devices"]]
    usable = [name for name, lacking in found["presets"].items() if not lacking]
    lines.append(f"presets: {', '.join(usable) or 'none'}")
    hardware = ", ".join(found.get("hardware_encoders") or ["none"])
    lines.append(f"hardware encoders, not used by the presets: {hardware}")
    own = "Pillow's own, nothing to install" if found.get("labels") else "none (no FreeType)"
    lines.append(f"font for the labels of curves: {own}")
    for name, one in found["engines"].items():
        missing = ", ".join(one["missing"])
        state = f"missing: {missing}" if missing else "ready"
        lines.append(f"engine {name} ({one['title']}, {one['licence']}): {state}")
    if auto := found.get("auto"):
        lines.append(f"auto would take {auto['engine']}: {auto['reason']}")
    lines += [f"problem: {problem}" for problem in found["problems"]]
    return [*lines, "ready to render" if found["ok"] else "NOTHING CAN BE RENDERED"]


def _device(device: dict[str, Any]) -> str:
    memory, free = device["memory"] / 1e9, device["free"] / 1e9
    size = f", {memory:.1f} GB of memory, {free:.1f} GB free" if device["memory"] else ""
    return f"{device['kind']}: {device['name']}{size}"
