"""AudioDrivenAnimate: the face in a picture or a clip speaks, as a VIDEO not yet drawn."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from comfy_api.latest import io, ui

from ..imgsync_core.animation import Animation, animated, decided, parse_which
from ..imgsync_core.engines.base import Engine
from ..imgsync_core.engines.built_in.chart import draw_curves
from ..imgsync_core.engines.pace import Timed
from ..imgsync_core.face.landmarks import from_landmarks
from ..imgsync_core.machine import Machine
from ..imgsync_core.media.encoding import DEFAULT
from ..imgsync_core.media.encoding import preset as named
from ..imgsync_core.media.extend import Extension, extend
from ..imgsync_core.media.frames import FrameSource
from ..imgsync_core.media.sound import Sound
from ..imgsync_core.media.space import check_space, likely_bytes, moving_frames
from ..imgsync_core.preflight import GLIMPSES, Forecast, forecast, glimpses
from ..imgsync_core.timeline import Timeline
from . import host
from .engine_inputs import asked, engine_input
from .sockets import (
    FaceSocket,
    LandmarksSocket,
    NoFace,
    face_of,
    fps_input,
    frames_of,
    sound_of,
    to_image,
)
from .video import LazyVideo

log = logging.getLogger(__name__)
CLIP_MODES = ("ping-pong", "loop", "hold")
LENGTHS = ("match audio", "longest")
FACELESS = "The first frame shows no face. Give points in Load Portrait, or landmarks."


class AudioDrivenAnimate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImgSyncAudioDrivenAnimate",
            display_name="Audio Driven Animate",
            category="video/imgsync",
            description="Let the face in a picture or a clip speak with a voice. The VIDEO takes "
            "no memory: frames are made when it is saved.",
            search_aliases=["talking head", "lip sync", "portrait", "speak", "imgsync"],
            inputs=[
                io.MultiType.Input(
                    "source",
                    types=[io.Image, io.Video],
                    tooltip="A picture with a face, a batch of frames, or a video.",
                ),
                io.Audio.Input("audio", tooltip="The voice. It goes into the VIDEO as it is."),
                FaceSocket.Input(
                    "face",
                    optional=True,
                    tooltip="The face to move, from Load Portrait. Without it the face is found.",
                ),
                LandmarksSocket.Input(
                    "landmarks",
                    optional=True,
                    tooltip="Faces found by Detect Face Landmarks (MediaPipe), one set a frame.",
                ),
                engine_input(),
                fps_input(),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Of blinks and head motion; the same seed gives the same video.",
                ),
                io.String.Input(
                    "which_face",
                    default="",
                    advanced=True,
                    tooltip="Of several faces: empty = the largest, a number (0 is the largest), "
                    "or a point in it, such as 320,200.",
                ),
                io.Combo.Input(
                    "clip",
                    options=list(CLIP_MODES),
                    default="ping-pong",
                    advanced=True,
                    tooltip="How a clip lasts that is shorter than the audio.",
                ),
                io.Combo.Input(
                    "length",
                    options=list(LENGTHS),
                    default="match audio",
                    advanced=True,
                    tooltip="End with the audio, or show all of a clip that is longer.",
                ),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video", tooltip="Frames and sound, not yet drawn: save it."
                ),
                FaceSocket.Output(display_name="face", tooltip="The face that is moved."),
                io.Image.Output(
                    display_name="curves",
                    tooltip="Waveform, mouth, blinks and head over time; shaded: nobody speaks.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, source: Any, audio: dict[str, Any], engine: dict[str, Any], fps: float, seed: int,
        which_face: str = "", clip: Any = "ping-pong", length: str = "match audio",
        face: Any = None, landmarks: Any = None,
    ) -> io.NodeOutput:  # fmt: skip
        sound, frames = sound_of(audio), frames_of(source, fps)
        time = _timeline(frames, sound, length)
        wanted, machine = _asked(engine, seed, which_face, face, landmarks, frames), host.machine()
        how, reason = decided(frames, wanted, time.n_frames, machine)
        if frames.n_frames > 1:
            frames = extend(frames, time.n_frames, Extension(clip))
        drawn = animated(frames, how, sound, time)
        expected = _preflight(how.made(), drawn, sound, time, machine, reason)
        curves = host.on_intermediate_device(to_image(draw_curves(sound, time, seed)[None]))
        shown = {**ui.PreviewImage(curves, cls=cls).as_dict(), "text": (expected.sentence(),)}
        return io.NodeOutput(
            LazyVideo(drawn, sound), how.face or NoFace(FACELESS), curves, ui=shown
        )


def _preflight(
    engine: Engine, drawn: Timed, sound: Sound, time: Timeline, machine: Machine, reason: str
) -> Forecast:
    """What is to be expected; stops where it cannot succeed, and shows the first frames."""
    forecast(engine, drawn, machine, reason).check(machine)
    folder = host.output_folder()
    check_space(folder, likely_bytes(named(DEFAULT), drawn.size, time, moving_frames(drawn)))
    progress = host.Progress(GLIMPSES, previews_per_second=1000)  # there are few
    for i, frame in enumerate(glimpses(engine, drawn, sound)):
        progress.step(i, frame)
    expected = forecast(engine, drawn, machine, reason)
    log.info("ImgSync: %s", expected.sentence())
    return expected


def _timeline(frames: FrameSource, sound: Sound, length: str) -> Timeline:
    time = Timeline.of_sound(sound.n_samples, sound.rate, frames.fps)
    if length == "longest" and frames.n_frames > time.n_frames:
        return replace(time, n_frames=frames.n_frames)
    return time


def _asked(
    engine: dict[str, Any], seed: int, which: str, face: Any, landmarks: Any, frames: FrameSource
) -> Animation:
    """The widget values as the library's own words."""
    index, point = parse_which(which)
    found = None if landmarks is None else from_landmarks(landmarks, frames.size)
    if found is not None and getattr(face, "source", "") != "points":
        face = None  # points win over landmarks, and these over what was found
    return asked(engine, face=face_of(face), index=index, point=point, landmarks=found, seed=seed)
