"""What ours can stand in for, in graphs of packs that are not installed.

ComfyUI offers the replacement where it misses a node; where that pack is installed nothing changes.
"""

from __future__ import annotations

from comfy_api.v0_0_2 import ComfyAPI, io

from . import host
from .engine_inputs import defaults

# Video Helper Suite's Video Combine: frames (or our video, see below) and a sound into a file
VIDEO_COMBINE = io.NodeReplace(
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


def latentsync() -> io.NodeReplace:
    """For the LatentSync wrapper: frames and a voice; its first output was frames, ours a video."""
    rest = {
        "engine": "latentsync", **defaults("latentsync"), "fps": 25, "which_face": "",
        "clip": "ping-pong", "length": "match audio",
    }  # fmt: skip
    mapped = [{"new_id": ours, "old_id": theirs} for ours, theirs in WRAPPER.items()]
    fixed = [{"new_id": k, "set_value": value} for k, value in rest.items() if k not in WRAPPER]
    return io.NodeReplace(
        new_node_id="ImgSyncAudioDrivenAnimate",
        old_node_id="LatentSyncNode",
        old_widget_ids=["seed", "control_after_generate", "lips_expression", "inference_steps"],
        input_mapping=[*mapped, *fixed],
    )  # no mapping of outputs: ComfyUI 0.33 trips over it where the next node is replaced too


async def register() -> None:
    """Tell ComfyUI of them, where its server runs."""
    if host.routes() is None:
        return
    for replacement in (VIDEO_COMBINE, latentsync()):
        await ComfyAPI().node_replacement.register(replacement)
