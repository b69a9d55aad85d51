"""The command that needs no files: demo."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import InputError
from .base import add_file, run_job, settle
from .parser import examples


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p = commands.add_parser(
        "demo",
        help="make a talking video from nothing, to see that all works",
        description="Draw a portrait, synthesise a speech-like sound, and let the one speak with "
        "the other.",
        epilog=examples("demo out.mp4", "demo out.mp4 --files ."),
    )
    p.add_argument("output", metavar="OUT.mp4")
    p.add_argument("--seconds", type=float, default=6.0, help="duration (6)")
    p.add_argument(
        "--files",
        metavar="DIR",
        help="also put the portrait, voices and a clip into this folder, to try commands with",
    )
    add_file(p)
    p.set_defaults(run=_demo)


def _demo(args: argparse.Namespace) -> None:
    from ..demo import demo_picture, demo_speech
    from ..engines.base import Host
    from ..job import Animation, Job
    from ..media.picture import Picture
    from ..media.sound import ArraySound

    if not 0 < args.seconds <= 3600:
        raise InputError("--seconds of a demo are above 0 and at most 3600.")
    if args.files is not None:
        _write_files(Path(args.files))
    rate = 44100
    job = Job(
        picture=Picture(demo_picture(768), source="demo"),
        sound=ArraySound(demo_speech(args.seconds, rate), rate),
        animation=Animation(host=Host(settle=settle)),
    )
    run_job(job, Path(args.output), args)


def _write_files(folder: Path) -> None:
    from ..demo_files import NAMES, write_demo

    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder. Create it first.")
    for name in NAMES:
        write_demo(name, folder)
