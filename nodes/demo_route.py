"""POST /imgsync/demo: the files of the example workflows, put into the input folder.

The body is a JSON list of names from `demo_files.NAMES`; nothing else is ever written, and no file
that is there already. The answer: ``{"made": number of files that were not there}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..imgsync_core.demo_files import NAMES, write_demo
from ..imgsync_core.errors import ImgSyncError
from . import guard, host


def register() -> None:
    """Add the route, if there is a server."""
    routes = host.routes()
    if routes is None:
        return
    from aiohttp import web  # ComfyUI's own; not there without its server

    one_at_a_time = asyncio.Lock()

    @routes.post("/imgsync/demo")
    @guard.only_ours
    async def demo(request: Any) -> Any:
        names = await guard.json_of(request)
        if not isinstance(names, list) or not set(map(str, names)) <= set(NAMES):
            return web.json_response({"error": "There is no such demo file."}, status=400)
        try:
            async with one_at_a_time:
                made = await asyncio.to_thread(put, names, host.input_folder())
            return web.json_response({"made": made})
        except (ImgSyncError, OSError) as e:
            return web.json_response({"error": str(e)}, status=500)


def put(names: Sequence[str], folder: Path) -> int:
    """Write those that are not there; how many these were."""
    lacking = [name for name in dict.fromkeys(names) if not (folder / name).exists()]
    for name in lacking:
        write_demo(name, folder)
    return len(lacking)
