"""The command that looks at a file: probe."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .base import add_json, described
from .parser import examples


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p = commands.add_parser(
        "probe",
        help="what a file is, and whether its picture and sound agree",
        description="Show what a file is, and whether its picture and sound end together.",
        epilog=examples("probe talking.mp4", "probe talking.mp4 --json"),
    )
    p.add_argument("file", metavar="FILE")
    add_json(p)
    p.set_defaults(run=_probe)


def _probe(args: argparse.Namespace) -> None:
    from ..media.probe import probe

    info = probe(args.file)
    if args.json:
        print(json.dumps(info.as_dict(), indent=1))
        return
    print("\n".join(described(info.as_dict())))
