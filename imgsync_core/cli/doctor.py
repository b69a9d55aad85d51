"""The command about the installation: doctor."""

from __future__ import annotations

import argparse
from typing import Any

from .base import add_json
from .parser import examples


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p = commands.add_parser(
        "doctor",
        help="what is installed, and what this machine can do",
        description="Show versions, devices, encoders, engines and their weights, what "
        "--engine auto would take, and how to mend what is wrong. Exits 0 when something can be "
        "rendered.",
        epilog=examples("doctor"),
    )
    add_json(p)
    p.set_defaults(run=_doctor)


def _doctor(args: argparse.Namespace) -> int:
    import json

    from ..doctor import described, examine

    found = examine()
    print(json.dumps(found, indent=1) if args.json else "\n".join(described(found)))
    return 0 if found["ok"] else 1
