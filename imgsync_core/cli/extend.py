"""The command that makes a picture or a clip last: extend."""

from __future__ import annotations

import argparse
from typing import Any

from .base import add_job, run_jobs
from .parser import examples


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p = commands.add_parser(
        "extend",
        help="make a picture or a short clip last as long as a sound",
        description="Make a picture or a short clip last exactly as long as a sound.",
        epilog=examples(
            "extend portrait.jpg speech.wav                  # portrait-extended.mp4",
            'extend map.png talk.mp3 -o tour.mp4 --mode pan-zoom --move "zoom in"',
            "extend clip.mp4 music.flac -o film.mp4 --mode ping-pong --loudness -16",
            "extend logo.png --seconds 5 -o logo.webm        # no sound; transparency is kept",
        ),
    )
    add_job(p)
    p.set_defaults(run=_extend)


def _extend(args: argparse.Namespace) -> int:
    return run_jobs(args, "extended")
