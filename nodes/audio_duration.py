"""AudioDuration: how many frames a sound needs, and the sound made exactly that long."""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import io

from ..imgsync_core.job import SoundEdit
from ..imgsync_core.media.mixing import Noisy
from ..imgsync_core.media.sound import to_length
from ..imgsync_core.timeline import GRIDS, Timeline, parse_grid
from .sockets import sound_of, to_audio

LOUDNESS_OFF = NOISE_OFF = 0.0


def _seconds(name: str, tooltip: str) -> Any:
    return io.Float.Input(
        name, default=0.0, min=0.0, max=86400.0, step=0.01, advanced=True, tooltip=tooltip
    )


ALIASES = (  # what people search for, in their languages
    "audio length, frame count, seconds, 音频时长, 音声の長さ, 오디오 길이, durée audio, "
    "duración, duração, длительность, imgsync"
)


class AudioDuration(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImgSyncAudioDuration",
            display_name="Audio Duration",
            category="video/imgsync",
            description="Count the frames that a sound needs, and pad it to exactly that many.",
            search_aliases=ALIASES.split(", "),
            essentials_category="Audio",
            inputs=[
                io.Audio.Input("audio", tooltip="The sound to measure."),
                io.Float.Input(
                    "fps",
                    default=25.0,
                    min=0.1,
                    max=480.0,
                    step=0.001,
                    tooltip="Frames per second of the video to be.",
                ),
                io.Combo.Input(
                    "grid",
                    options=list(GRIDS),
                    default="any",
                    tooltip="Round the frames up to what a model takes: 16k LatentSync, 4k+1 Wan, "
                    "8n+1 LTX, 17k+5 MiniMax.",
                ),
                _seconds("start", "Leave out this many seconds at the beginning."),
                _seconds("duration", "Use only this many seconds; 0 = to the end."),
                _seconds("pad_start", "Seconds of silence before."),
                _seconds("pad_end", "Seconds of silence after."),
                io.Float.Input(
                    "loudness",
                    default=LOUDNESS_OFF,
                    min=-40.0,
                    max=0.0,
                    step=0.5,
                    advanced=True,
                    tooltip="Bring the sound to this loudness in LUFS (EBU R128), such as -16; "
                    "0 leaves it as it is.",
                ),
                io.Float.Input(
                    "noise",
                    default=NOISE_OFF,
                    min=-90.0,
                    max=0.0,
                    step=1.0,
                    advanced=True,
                    tooltip="White noise in drive, in dB of full scale, such as -40: LTX and the "
                    "like hear a clean or synthetic voice badly. 0 adds none.",
                ),
            ],
            outputs=[
                io.Float.Output(display_name="seconds", tooltip="Duration of all the frames."),
                io.Int.Output(display_name="frames", tooltip="Frames that hold the whole sound."),
                io.Float.Output(display_name="fps", tooltip="Frames per second, as used."),
                io.Int.Output(display_name="sample_rate", tooltip="Samples per second."),
                io.Audio.Output(
                    display_name="audio",
                    tooltip="The sound, with silence to the exact end of the last frame.",
                ),
                io.Audio.Output(
                    display_name="drive",
                    tooltip="The same with the noise: for what moves lips, not to be heard.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        audio: dict[str, Any],
        fps: float,
        grid: str,
        start: float,
        duration: float,
        pad_start: float,
        pad_end: float,
        loudness: float,
        noise: float = NOISE_OFF,
    ) -> io.NodeOutput:
        level = None if loudness == LOUDNESS_OFF else loudness
        sound = SoundEdit(start, duration, level, pad_start, pad_end).apply(sound_of(audio))
        time = Timeline.of_sound(sound.n_samples, sound.rate, fps, parse_grid(grid))
        padded = to_length(sound, time.total_samples)
        drive = padded if noise == NOISE_OFF else Noisy(padded, noise)
        return io.NodeOutput(
            float(time.duration), time.n_frames, float(time.fps), sound.rate,
            to_audio(padded, audio), to_audio(drive, audio),
        )  # fmt: skip
