"""AudioDrivenAnimate: the face in a picture or a clip speaks, as a VIDEO not yet drawn."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from comfy_api.v0_0_2 import io, ui

from ..imgsync_core.engines.built_in.chart import draw_curves
from ..imgsync_core.job import Job, Prepared, prepare
from ..imgsync_core.media.extend import Extension
from ..imgsync_core.watcher import Watcher
from . import host
from .engine_inputs import ENGINES, asked, engine_input
from .sockets import (
    FaceSocket,
    LandmarksSocket,
    NoFace,
    chosen,
    fps_input,
    frames_of,
    sound_of,
    to_image,
)
from .speakers import cast_of, grown, speaker_inputs
from .video import LazyVideo

log = logging.getLogger(__name__)
CLIP_MODES = ("ping-pong", "loop", "hold")
LENGTHS = ("match audio", "longest")
FACELESS = "The first frame shows no face. Give points in Load Portrait, or landmarks."
ALIASES = (  # what people search for, in their languages
    "talking head, lip sync, portrait, speak, lipsync, 对口型, 口型同步, 數字人, "
    "リップシンク, 립싱크, synchronisation labiale, sincronización labial, "
    "sincronização labial, липсинк, imgsync"
)


class AudioDrivenAnimate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImgSyncAudioDrivenAnimate",
            display_name="Audio Driven Animate",
            category="video/imgsync",
            description="Let the face in a picture or a clip speak with a voice. The VIDEO takes "
            "no memory: frames are made when it is saved.",
            search_aliases=ALIASES.split(", "),
            essentials_category="Video Tools",
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
                    "or a point in it, such as 320,200; for several who speak with ; between them.",
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
                *speaker_inputs(),
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
        cls, source: Any, audio: dict[str, Any], fps: float, seed: int,
        engine: dict[str, Any] | None = None, which_face: str = "", clip: Any = "ping-pong",
        length: str = "match audio", face: Any = None, landmarks: Any = None, faces: Any = None,
        voices: Any = None,
    ) -> io.NodeOutput:  # fmt: skip
        engine = chosen("engine", engine, ENGINES)
        frames = frames_of(source, fps)
        linked = [one for one in (face, *grown(faces)) if one is not None]
        speakers, remarks = cast_of(which_face, linked, grown(voices), landmarks, frames.size)
        job = Job(
            frames,
            sound_of(audio),
            extension=Extension(clip),
            animation=asked(engine, speakers=speakers, seed=seed),
            whole=length == "longest",
        )
        few = host.watching(previews_per_second=1000)  # there are few
        prepared = prepare(
            job, machine=host.machine(), place=host.output_folder(), spool=host.spool(), watcher=few
        )
        notes = (*prepared.notes, *remarks)
        log.info("ImgSync: %s", prepared.forecast.sentence())
        shown = host.on_intermediate_device(to_image(_charts(prepared, seed, few)[None]))
        text = "\n".join([prepared.forecast.sentence(), *notes])
        video = LazyVideo(prepared.frames, prepared.sound, notes)
        found = prepared.face and replace(prepared.face, picture=frames.size)
        return io.NodeOutput(
            video,
            found or NoFace(FACELESS),
            shown,
            ui={**ui.PreviewImage(shown, cls=cls).as_dict(), "text": (text,)},
        )


def _charts(prepared: Prepared, seed: int, watcher: Watcher) -> np.ndarray:
    """What the voice of each who speaks does, one below the other: uint8 (h, w, 3)."""
    charts = []
    for number, speech in enumerate(prepared.speeches):
        speech.table(watcher.check, watcher.progress)  # which takes a moment
        charts.append(
            draw_curves(speech, prepared.timeline, (seed + number) % 2**64, watcher.check)
        )
    return np.concatenate(charts)
