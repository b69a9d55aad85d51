"""The ``imgsync`` command. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
from collections.abc import Sequence
from typing import Any

from .. import __version__
from ..errors import ImgSyncError, OutputError
from . import animate, batch, completion, demo, doctor, extend, jobs, models, probe
from .console import spoken
from .journal import note
from .parser import Parser, examples


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 = done, 1 = refused or failed (one sentence on stderr), 2 = usage."""
    return spoken(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    args = _parser().parse_args(words)
    args.words = words
    signal.signal(signal.SIGTERM, _terminate)
    try:
        note(args, " ".join(["imgsync", *words]))
        return args.run(args) or 0
    except ImgSyncError as e:
        return _fail(args, str(e))
    except MemoryError:
        return _fail(
            args, "There is not enough memory. Close other programs, or make the picture smaller."
        )
    except KeyboardInterrupt:
        return _fail(args, "Cancelled; nothing was written.")


def _terminate(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _fail(args: argparse.Namespace, sentence: str) -> int:
    with contextlib.suppress(OutputError):  # the log itself may be what cannot be written
        note(args, sentence)
    if args.json:
        print(json.dumps({"error": sentence}))
    print(f"imgsync: {sentence}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="imgsync",
        description="One picture and one voice become one exact video.",
        epilog=examples(
            "demo out.mp4                          # a talking video of nothing",
            "animate portrait.jpg speech.wav       # the face in it speaks",
            "extend portrait.jpg speech.wav        # it only lasts",
            "animate --help",
        ),
    )
    parser.add_argument("--version", action="version", version=f"imgsync {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    animate.add(commands)
    extend.add(commands)
    batch.add(commands)
    probe.add(commands)
    demo.add(commands)
    models.add(commands)
    jobs.add(commands, parser)
    doctor.add(commands)
    completion.add(commands, parser)
    return parser
