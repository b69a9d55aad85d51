"""The command that makes a picture or a clip last: extend."""

from __future__ import annotations

import argparse
from typing import Any

from .base import add_job, job_of, run_job


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p = commands.add_parser(
        "extend",
        help="make a picture or a short clip last as long as a sound",
        description="Make a picture or a short clip last exactly as long as a sound.",
    )
    add_job(p)
    p.set_defaults(run=_extend)


def _extend(args: argparse.Namespace) -> None:
    run_job(job_of(args), args)
