"""The ComfyUI face of ImgSync: each node is a schema and a call into ``imgsync_core``."""

from __future__ import annotations

from comfy_api.v0_0_2 import ComfyExtension, io

from . import demo_route, face_route, host, models_route, replacements
from .animate import AudioDrivenAnimate
from .audio_duration import AudioDuration
from .extend_frames import ExtendFrames
from .load_portrait import LoadPortrait
from .mux_video import MuxVideo


class ImgSyncExtension(ComfyExtension):
    async def on_load(self) -> None:
        host.add_models_folder()
        face_route.register()
        demo_route.register()
        models_route.register()
        await replacements.register()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [LoadPortrait, AudioDuration, ExtendFrames, AudioDrivenAnimate, MuxVideo]
