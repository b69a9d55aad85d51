"""No motion at all: what is left where there is no face to move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Engine, EngineSpec, Host, Scene, Values

if TYPE_CHECKING:
    from ..media.frames import FrameSource

SPEC = EngineSpec(
    "extend", "Plain extension", "Apache-2.0",
    draws="nothing", wants="nothing", devices=("cpu", "cuda", "mps"),
)  # fmt: skip


class PlainExtension(Engine):
    """Shows the picture, or plays the clip, as it is."""

    spec = SPEC

    def animate(self, scene: Scene) -> FrameSource:
        """The source, its last frame held to the end; the seed changes nothing."""
        from ..media.frames import Held

        return Held(scene.source, scene.timeline.n_frames)


def make(values: Values, host: Host) -> PlainExtension:
    """The engine; it has no options and needs no device."""
    return PlainExtension()
