"""/imgsync/models: which weights there are, and fetching one because the user pressed a button.

::

    GET  /imgsync/models          {"folder": "...", "models": [{"name", "title", "licence",
                                  "commercial", "here"}, ...], "job": {...} or null}
    POST /imgsync/models/fetch    {"name": "musetalk-1.5"}: that file and what is used with it
    POST /imgsync/models/cancel   stops; the next fetch goes on from there

One at a time. The browser is told of every change by the event ``imgsync.fetch``, and asks again.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..imgsync_core.errors import ImgSyncError
from ..imgsync_core.models.fetch import fetch
from ..imgsync_core.models.published import named, published, with_needs
from . import guard, host

EVENT = "imgsync.fetch"
PAUSE = 0.5  # seconds between two tellings


class Cancelled(Exception):
    """The user has pressed Cancel."""


@dataclass
class Fetching:
    """A fetch that is going on, or the last one.

    file, done, total: what is coming now, bytes of it so far, and in all (None: not said).
    """

    name: str
    file: str = ""
    done: int = 0
    total: int | None = None
    ended: bool = False
    error: str = ""
    stop: bool = False

    def run(self, folder: Path) -> None:
        """Fetch all of it; what goes wrong is kept as a sentence."""
        told = 0.0

        def progress(done: int, total: int | None) -> None:
            nonlocal told
            if self.stop:
                raise Cancelled
            self.done, self.total = done, total
            if time.monotonic() - told > PAUSE:
                told = time.monotonic()
                host.tell(EVENT)

        try:
            for model in with_needs(self.name):
                self.file, self.done, self.total = model.name, 0, None
                fetch(model, folder, progress)
        except ImgSyncError as e:
            self.error = str(e)
        except Cancelled:
            pass
        finally:
            self.ended = True
            host.tell(EVENT)


_job: Fetching | None = None


def state() -> dict[str, Any]:
    """What the browser is told: of what engines begin with, not of what these need."""
    folder = host.models_folder()
    needed = {name for model in published() for name in model.needs}
    models = [
        {
            "name": model.name,
            "title": model.title,
            "licence": model.licence,
            "commercial": model.commercial,
            "here": all(part.path(folder).is_file() for part in with_needs(model.name)),
        }
        for model in published()
        if model.needs and model.name not in needed
    ]
    return {"folder": str(folder), "models": models, "job": _job and asdict(_job)}


def start(name: str) -> str:
    """Begin to fetch; why not, or an empty text. Raises InputError for a name that is not known."""
    global _job
    named(name)
    if _job is not None and not _job.ended:
        return f"{_job.name} is being fetched. Wait for it, or cancel it."
    _job = Fetching(name)
    threading.Thread(target=_job.run, args=(host.models_folder(),), daemon=True).start()
    return ""


def cancel() -> None:
    """Stop what is going on."""
    if _job is not None:
        _job.stop = True


def register() -> None:
    """Add the routes, if there is a server."""
    routes = host.routes()
    if routes is None:
        return
    from aiohttp import web  # ComfyUI's own; not there without its server

    @routes.get("/imgsync/models")
    @guard.only_ours
    async def models(request: Any) -> Any:
        return web.json_response(state())

    @routes.post("/imgsync/models/fetch")
    @guard.only_ours
    async def begin(request: Any) -> Any:
        asked = await guard.json_of(request)
        try:
            why_not = start(str(asked.get("name")) if isinstance(asked, dict) else "")
        except ImgSyncError as e:
            return web.json_response({"error": str(e)}, status=400)
        return web.json_response({"error": why_not}, status=409 if why_not else 200)

    @routes.post("/imgsync/models/cancel")
    @guard.only_ours
    async def stop(request: Any) -> Any:
        cancel()
        return web.json_response({"error": ""})
