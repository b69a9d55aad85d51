"""What ours can stand in for, in graphs of packs that are not installed.

The front end offers the replacement where it misses a node, and somebody accepts it; where that
pack is installed nothing changes. A graph that a program sends is left as it is.
"""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import ComfyAPI, io

from . import host
from .engine_inputs import defaults


class Offer(io.NodeReplace):
    """A replacement that the front end offers and the server does not make on its own.

    ComfyUI 0.33 replaces in every graph it is sent, and answers with HTTP 500 (KeyError) where that
    has no `_meta`, or lacks an input that is mapped. It passes over replacements whose node it does
    not know: so it sees such a name, and the front end, which reads `as_dict`, the node's own.
    """

    def __init__(self, new_node_id: str, old_node_id: str, **mapping: Any) -> None:
        super().__init__(f"{new_node_id} (offered)", old_node_id, **mapping)
        self._offered = new_node_id

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "new_node_id": self._offered}


# Video Helper Suite's Video Combine: frames (or our video, see below) and a sound into a file
VIDEO_COMBINE = Offer(
    new_node_id="ImgSyncMuxVideo",
    old_node_id="VHS_VideoCombine",
    old_widget_ids=["frame_rate", "loop_count", "filename_prefix"],
    input_mapping=[
        {"new_id": "source", "old_id": "images"},
        {"new_id": "audio", "old_id": "audio"},
        {"new_id": "fps", "old_id": "frame_rate"},
        {"new_id": "preset", "set_value": "mp4-h264"},
        {"new_id": "preset.crf", "set_value": 18},
        {"new_id": "preset.audio_kbps", "set_value": 192},
        {"new_id": "filename_prefix", "old_id": "filename_prefix"},
        {"new_id": "folder", "set_value": "output"},
        {"new_id": "background", "set_value": "black"},
    ],
    output_mapping=[{"new_idx": 1, "old_idx": 0}],
)

# of the LatentSync wrapper's widgets: what they are here
WRAPPER = {
    "source": "images", "audio": "audio", "seed": "seed", "engine.guidance": "lips_expression",
    "engine.steps": "inference_steps",
}  # fmt: skip


def latentsync() -> Offer:
    """For the LatentSync wrapper: frames and a voice; its first output was frames, ours a video."""
    rest = {
        "engine": "latentsync", **defaults("latentsync"), "fps": 25, "which_face": "",
        "clip": "ping-pong", "length": "match audio",
    }  # fmt: skip
    mapped = [{"new_id": ours, "old_id": theirs} for ours, theirs in WRAPPER.items()]
    fixed = [{"new_id": k, "set_value": value} for k, value in rest.items() if k not in WRAPPER]
    return Offer(
        new_node_id="ImgSyncAudioDrivenAnimate",
        old_node_id="LatentSyncNode",
        old_widget_ids=["seed", "control_after_generate", "lips_expression", "inference_steps"],
        input_mapping=[*mapped, *fixed],
        output_mapping=[{"new_idx": 0, "old_idx": 0}],  # the video brings the voice with it
    )


async def register() -> None:
    """Tell ComfyUI of them, where its server runs."""
    if host.routes() is None:
        return
    for replacement in (VIDEO_COMBINE, latentsync()):
        await ComfyAPI().node_replacement.register(replacement)
