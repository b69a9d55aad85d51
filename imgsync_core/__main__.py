"""``python -m imgsync_core``, or ``python path/to/imgsync_core``, is the ``imgsync`` command."""

from __future__ import annotations

import os
import runpy
import sys


def run() -> None:
    """Run the command and end the process."""
    from .cli import main

    code = main()
    if "torch" in sys.modules:
        # taking torch's libraries down in order takes 0.5 s and 120 MB and serves nobody
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    if __package__:
        run()
    else:  # named by its path, in a clone that nobody has installed
        sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        runpy.run_module("imgsync_core", run_name="__main__")
