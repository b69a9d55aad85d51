"""The ImgSync library: file -> portrait and speech -> timeline -> chunks of frames -> muxer.

::

    from imgsync_core import Job, prepare, render

    with prepare(Job("portrait.jpg", "speech.wav")) as prepared:
        report = render(prepared, "out.mp4")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import ImgSyncError
    from .job import Animation, Job, Prepared, prepare, render
    from .media.muxer import Report
    from .speakers import Speaker
    from .watcher import Watcher

__version__ = "0.1.0"
__all__ = [
    "Animation",
    "ImgSyncError",
    "Job",
    "Prepared",
    "Report",
    "Speaker",
    "Watcher",
    "prepare",
    "render",
]

_HOME = {
    "Animation": ".job", "ImgSyncError": ".errors", "Job": ".job", "Prepared": ".job",
    "Report": ".media.muxer", "Watcher": ".watcher", "prepare": ".job", "render": ".job",
    "Speaker": ".speakers",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Public names are imported when they are asked for: importing the library costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name], __name__), name)
