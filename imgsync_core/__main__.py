"""``python -m imgsync_core`` is the ``imgsync`` command."""

import sys

from .cli import main

sys.exit(main())
