"""MuxVideo: frames and sound into one file that plays everywhere."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from comfy_api.v0_0_2 import InputImpl, io, ui

from ..imgsync_core.media.encoding import PRESETS, Encoding
from ..imgsync_core.media.encoding import preset as named
from ..imgsync_core.media.muxer import Report
from ..imgsync_core.media.picture import parse_color
from ..imgsync_core.media.video import VideoFrames
from . import host
from .sockets import chosen, frames_of, lasting, own_sound, sound_of, to_image
from .video import LazyVideo

PLAYABLE = (".mp4", ".webm", ".gif", ".webp")  # what a browser shows by itself


def _preset_input() -> Any:
    return io.DynamicCombo.Input(
        "preset",
        options=[io.DynamicCombo.Option(e.name, _options(e)) for e in PRESETS.values()],
        tooltip="How to encode. mp4-h264 plays everywhere; webm-vp9, mov-prores4444 and mkv-ffv1 "
        "keep transparency; mkv-ffv1 is lossless; gif and webp have no sound.",
    )


def _options(encoding: Encoding) -> list[Any]:
    options: list[Any] = []
    if encoding.crf is not None:
        low, high = encoding.crf_range
        options.append(
            io.Int.Input(
                "crf",
                default=encoding.crf,
                min=low,
                max=high,
                tooltip="Quality: lower looks better and takes more space.",
            )
        )
    if encoding.sound_bit_rate is not None:
        options.append(
            io.Int.Input(
                "audio_kbps",
                default=encoding.sound_bit_rate // 1000,
                min=16,
                max=512,
                tooltip="Kilobits per second of the sound.",
            )
        )
    return options


ALIASES = (  # what people search for, in their languages
    "save video, combine video, export, mp4, 保存视频, 儲存影片, 動画を保存, 비디오 저장, "
    "enregistrer vidéo, guardar vídeo, salvar vídeo, сохранить видео, imgsync"
)


class MuxVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImgSyncMuxVideo",
            display_name="Mux Video",
            category="video/imgsync",
            description="Write picture and sound into one file that ends together to the sample.",
            search_aliases=ALIASES.split(", "),
            essentials_category="Video Tools",
            is_output_node=True,
            hidden=[io.Hidden.unique_id],
            inputs=[
                io.MultiType.Input(
                    "source",
                    types=[io.Video, io.Image],
                    tooltip="A VIDEO, or a batch of pictures as its frames.",
                ),
                io.Audio.Input(
                    "audio",
                    optional=True,
                    tooltip="The sound; it replaces the video's own. Where it is longer, the last "
                    "frame is held; where it is shorter, silence follows.",
                ),
                io.Float.Input(
                    "fps",
                    default=25.0,
                    min=0.1,
                    max=480.0,
                    step=0.001,
                    tooltip="Frames per second of a batch of pictures; a VIDEO keeps its own.",
                ),
                _preset_input(),
                io.String.Input(
                    "filename_prefix",
                    default="video/imgsync",
                    tooltip="Name of the file; a counter follows. %width% and %date:yyyy-MM-dd% "
                    "and the like work.",
                ),
                io.Combo.Input(
                    "folder",
                    options=["output", "temp"],
                    default="output",
                    tooltip="Keep the file, or put it where ComfyUI clears up.",
                ),
                io.String.Input(
                    "background",
                    default="black",
                    advanced=True,
                    tooltip="Colour under transparent frames where the format has no transparency.",
                ),
            ],
            outputs=[
                io.Video.Output(display_name="video", tooltip="The file that was written."),
                io.String.Output(display_name="path", tooltip="Where it is."),
            ],
        )

    @classmethod
    def execute(
        cls,
        source: Any,
        fps: float,
        filename_prefix: str,
        folder: str,
        background: str,
        preset: dict[str, Any] | None = None,
        audio: dict[str, Any] | None = None,
    ) -> io.NodeOutput:
        video = _video(source, fps, audio)
        values = chosen("preset", preset, PRESETS)
        encoding = named(values["preset"]).tuned(values.get("crf"), values.get("audio_kbps"))
        path, sub = host.new_file(
            filename_prefix, folder, encoding.extension, video.get_dimensions()
        )
        report = video.write(
            path, encoding, metadata=host.graph_metadata(cls.hidden),
            background=parse_color(background),
        )  # fmt: skip
        host.note_written(cls.hidden, path)
        written = video if encoding.merges else InputImpl.VideoFromFile(str(path))
        return io.NodeOutput(written, str(path), ui=_shown(path, sub, folder, report, cls))

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> int:
        return host.times_vanished(cls.hidden)


def _video(source: Any, fps: float, audio: dict[str, Any] | None) -> LazyVideo:
    """What is to be written: the frames, and the sound in their midst."""
    frames = frames_of(source, fps if not hasattr(source, "get_components") else None)
    own = own_sound(source, frames.n_frames, frames.fps) if audio is None else None
    sound = own if audio is None else sound_of(audio)
    notes = getattr(source, "imgsync_notes", ()) if audio is None else ()
    return LazyVideo(lasting(frames, sound), sound, notes)


def _shown(path: Path, sub: str, folder: str, report: Report, cls: Any) -> dict[str, Any]:
    """What the browser gets: the file in a player where it can play it, and the report.

    Where it cannot, it gets the first frame and the file's name.
    """
    if path.suffix in PLAYABLE:
        saved = ui.SavedResult(path.name, sub, io.FolderType(folder))
        return {"text": (report.sentence(),), **ui.PreviewVideo([saved]).as_dict()}
    with closing(VideoFrames(path)) as frames:
        first = to_image(frames.read(0, 1)[..., :3])
    text = f"{Path(sub, path.name)}: {report.sentence()}"
    return {"text": (text,), **ui.PreviewImage(first, cls=cls).as_dict()}
