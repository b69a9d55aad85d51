"""ExtendFrames: a still or a short clip, made to last, as a VIDEO that nobody has drawn yet."""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import io

from ..imgsync_core.errors import InputError
from ..imgsync_core.job import Job, prepare
from ..imgsync_core.media.extend import Extension
from ..imgsync_core.media.frames import FrameSource
from ..imgsync_core.media.motion import MOVES, parse_rect
from ..imgsync_core.media.sound import Part, Sound
from ..imgsync_core.timeline import GRIDS, Timeline, parse_grid
from .sockets import chosen, fps_input, frames_of, own_sound, sound_of
from .video import LazyVideo

CUSTOM = "custom"
MODES = ("hold", "loop", "ping-pong", "pan-zoom")
LENGTHS = ("match audio", "frames", "seconds")


def _mode_input() -> Any:
    view = "as x, y, width, height in parts of the picture, 0 to 1 (with move: custom)."
    pan_zoom = [
        io.Combo.Input("move", options=[*MOVES, CUSTOM], tooltip="The way the camera goes."),
        io.String.Input("start_view", default="0, 0, 1, 1", tooltip=f"The first view {view}"),
        io.String.Input("end_view", default="0.1, 0.1, 0.8, 0.8", tooltip=f"The last view {view}"),
        io.Boolean.Input("eased", default=True, tooltip="Start and stop slowly."),
    ]
    crossfade = io.Int.Input(
        "crossfade", default=0, min=0, max=1000,
        tooltip="Blend the end into the start over this many frames; 0 = a hard cut.",
    )  # fmt: skip
    return io.DynamicCombo.Input(
        "mode",
        options=[
            io.DynamicCombo.Option(name, widgets)
            for name, widgets in zip(MODES, ([], [crossfade], [], pan_zoom), strict=True)
        ],
        tooltip="How it lasts: hold the last frame, loop, play there and back, or glide over a "
        "still.",
    )


def _length_input() -> Any:
    frames = io.Int.Input("frames", default=100, min=1, max=10_000_000, tooltip="Frames to make.")
    seconds = io.Float.Input(
        "seconds", default=4.0, min=0.01, max=86400.0, step=0.01, tooltip="Seconds to make."
    )
    return io.DynamicCombo.Input(
        "length",
        options=[
            io.DynamicCombo.Option(name, widgets)
            for name, widgets in zip(LENGTHS, ([], [frames], [seconds]), strict=True)
        ],
        tooltip="How long: all of the audio, or a number that is at least that long.",
    )


ALIASES = (  # what people search for, in their languages
    "repeat image, loop video, ping pong, ken burns, 循环, 延长, ループ, 반복, boucle, "
    "bucle, repetir, повтор, imgsync"
)


class ExtendFrames(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImgSyncExtendFrames",
            display_name="Extend Frames",
            category="video/imgsync",
            description="Make a picture or a clip last as long as a sound. Takes no memory: "
            "frames are made when the VIDEO is saved.",
            search_aliases=ALIASES.split(", "),
            essentials_category="Video Tools",
            inputs=[
                io.MultiType.Input(
                    "source",
                    types=[io.Image, io.Video],
                    tooltip="A picture, a batch of frames, or a video.",
                ),
                io.Audio.Input(
                    "audio",
                    optional=True,
                    tooltip="The sound; it goes into the VIDEO as it is. Without it a video's own "
                    "sound stays.",
                ),
                fps_input(),
                _mode_input(),
                _length_input(),
                io.Combo.Input(
                    "grid",
                    options=list(GRIDS),
                    default="any",
                    advanced=True,
                    tooltip="Round the frames up to what a model takes: 16k LatentSync, 4k+1 Wan, "
                    "8n+1 LTX, 17k+5 MiniMax.",
                ),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video", tooltip="Frames and sound, not yet drawn: save it."
                ),
                io.Int.Output(display_name="frames", tooltip="How many frames it has."),
            ],
        )

    @classmethod
    def execute(
        cls,
        source: Any,
        fps: float,
        grid: str,
        mode: dict[str, Any] | None = None,
        length: dict[str, Any] | None = None,
        audio: dict[str, Any] | None = None,
    ) -> io.NodeOutput:
        mode, length = chosen("mode", mode, MODES), chosen("length", length, LENGTHS)
        frames = frames_of(source, fps)
        sound, notes = _sound(source, frames, audio, length)
        job = Job(
            frames,
            sound,
            frames=length.get("frames"),
            seconds=length.get("seconds"),
            grid=parse_grid(grid),
            extension=_extension(mode),
        )
        prepared = prepare(job)
        return io.NodeOutput(LazyVideo(prepared.frames, sound, notes), prepared.timeline.n_frames)


def _sound(
    source: Any, frames: FrameSource, audio: dict[str, Any] | None, length: dict[str, Any]
) -> tuple[Sound | None, tuple[str, ...]]:
    """The AUDIO, or a video's own sound, and what the user should know of it."""
    if audio is not None:
        return sound_of(audio), ()
    sound = own_sound(source, frames.n_frames, frames.fps)
    if length["length"] == "match audio":
        if sound is None:
            raise InputError("Connect an AUDIO, or set length to frames or seconds.")
        return sound, ()
    if sound is None:
        return None, ()
    n = length.get("frames") or Timeline.of_seconds(length["seconds"], frames.fps).n_frames
    whole = Timeline.of_frames(n, frames.fps, sound.rate).total_samples
    if sound.n_samples > whole:
        return Part(sound, 0, whole), ("the video's own sound is longer, and was cut",)
    own = f"the video's own sound plays once, for {sound.n_samples / sound.rate:.3g} s"
    return sound, (own,) if sound.n_samples < whole else ()


def _extension(mode: dict[str, Any]) -> Extension:
    """The widget values as the library's own words."""
    move = mode.get("move", CUSTOM)
    if mode["mode"] != "pan-zoom":
        return Extension(mode["mode"], mode.get("crossfade", 0))
    if move == CUSTOM:
        start, end = parse_rect(mode["start_view"]), parse_rect(mode["end_view"])
    else:
        start, end = MOVES[move]
    return Extension("pan-zoom", 0, start, end, mode["eased"])
