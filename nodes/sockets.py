"""ComfyUI's IMAGE, AUDIO and VIDEO to frames and sound, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from comfy_api.v0_0_2 import Input, io

from ..imgsync_core.errors import FaceError, InputError, PictureError, SoundError
from ..imgsync_core.face.geometry import Face
from ..imgsync_core.media.digest import of_frames
from ..imgsync_core.media.file_sound import own_sound as sound_of_file
from ..imgsync_core.media.frames import FrameSource, Held, Resampled
from ..imgsync_core.media.sound import ArraySound, Part, Sound, trim
from ..imgsync_core.media.source import DEFAULT_FPS
from ..imgsync_core.media.video import VideoFrames
from ..imgsync_core.timeline import Timeline, parse_fps

FaceSocket = io.Custom("IMGSYNC_FACE")  # a Face, which says of what picture it is, or NoFace
LandmarksSocket = io.Custom("FACE_LANDMARKS")  # of core's MediaPipe nodes, after 0.22


def fps_input() -> Any:
    """The widget for the rate of what is made from a picture, a batch or a VIDEO."""
    return io.Float.Input(
        "fps",
        default=25.0,
        min=0.0,
        max=480.0,
        step=0.001,
        tooltip="Frames per second; a video is resampled to it by time. "
        "0 = the video's own rate, 25 for pictures.",
    )


@dataclass(frozen=True)
class NoFace:
    """What stands for the face where none was found: only who needs the face fails."""

    why: str


def face_of(value: Any, size: tuple[int, int] | None = None) -> Face | NoFace | None:
    """The face of an IMGSYNC_FACE, or why there is none; None where nothing is connected.

    size: of the frames to find it in, in px; the face goes along with a picture that was resized.
    Raises FaceError where the picture was cropped or stretched after the face was found.
    """
    if value is None or isinstance(value, NoFace):
        return value
    if isinstance(value, Face):
        return value if size is None else value.resized(size)
    raise FaceError(f"A face of Load Portrait is needed here, not {type(value).__name__}.")


def chosen(name: str, value: dict[str, Any] | None, choices: Iterable[str]) -> dict[str, Any]:
    """The value of a widget that brings others with it.

    ComfyUI hands on nothing where it does not know the choice, as in a graph of a program, or of
    another version. Raises InputError then.
    """
    if value is None:
        raise InputError(f"{name} is none of its choices. Take one of {', '.join(choices)}.")
    return value


class TensorFrames(FrameSource):
    """An IMAGE: float (t, h, w, 1, 3 or 4) in 0..1, on any device, read as uint8 frames."""

    def __init__(self, images: torch.Tensor, fps: Fraction) -> None:
        if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or not images.numel():
            shape = "x".join(map(str, images.shape))
            raise PictureError(f"This IMAGE has the shape {shape}; t x h x w x 3 is needed.")
        self._images = images
        self.n_frames, height, width = images.shape[:3]
        self.size = width, height
        self.channels = max(3, images.shape[3])
        self.fps = fps
        self.period = 1 if self.n_frames == 1 else None

    def read(self, start: int, stop: int) -> np.ndarray:
        chunk = self._images[start:stop].float()
        if not bool(torch.isfinite(chunk).all()):
            raise PictureError(
                "The IMAGE holds values that are not numbers (NaN or infinite). "
                "Look at the node that made it."
            )
        frames = chunk.clamp(0, 1).mul(255).round().to(torch.uint8).cpu().numpy()
        return np.repeat(frames, 3, axis=-1) if frames.shape[-1] == 1 else frames

    def digest(self) -> str:
        return of_frames(self)


def to_image(frames: np.ndarray) -> torch.Tensor:
    """uint8 (t, h, w, c) -> IMAGE, float32 in 0..1."""
    return torch.from_numpy(frames.astype(np.float32) / 255)


def frames_of(source: Any, fps: Any = None) -> FrameSource:
    """The frames of an IMAGE or VIDEO.

    fps: the rate of an IMAGE, or to resample a VIDEO to; None or 0 = the VIDEO's own, 25 for IMAGE.
    """
    rate = parse_fps(fps) if fps else None
    if isinstance(source, torch.Tensor):
        return TensorFrames(source, rate or DEFAULT_FPS)
    if not isinstance(source, Input.Video):
        raise InputError(f"A picture or a video is needed here, not {type(source).__name__}.")
    lazy = getattr(source, "imgsync_frames", None)
    if lazy is None and _holds_tensors(source):
        components = source.get_components()
        lazy = TensorFrames(components.images, parse_fps(components.frame_rate))
    if lazy is not None:  # never encoded and decoded on the way
        return lazy if rate in (None, lazy.fps) else Resampled(lazy, rate)
    start, duration = _trim_window(source)
    return VideoFrames(source.get_stream_source(), fps=rate, start=start, duration=duration)


def _holds_tensors(video: Input.Video) -> bool:
    return type(video).__name__ == "VideoFromComponents"


def _trim_window(video: Input.Video) -> tuple[Fraction, Fraction]:
    """Start and duration of a trimmed VIDEO in seconds; a duration of 0 = to the end."""
    if hasattr(video, "get_active_trim_window"):
        start, duration = video.get_active_trim_window()
    else:  # 0.15 keeps them to itself
        start = getattr(video, "_VideoFromFile__start_time", 0)
        duration = getattr(video, "_VideoFromFile__duration", 0)
    return Fraction(start).limit_denominator(10**6), Fraction(duration).limit_denominator(10**6)


def sound_of(audio: Any) -> Sound:
    """An AUDIO as sound. Raises SoundError for None and for batches."""
    if audio is None:
        raise SoundError("The AUDIO is empty: the video it comes from may have no sound.")
    waveform = audio["waveform"]
    if waveform.ndim == 3 and waveform.shape[0] != 1:
        raise SoundError(
            f"This AUDIO is a batch of {waveform.shape[0]} sounds. Choose one of them first."
        )
    samples = waveform.reshape(waveform.shape[-2:]).detach().float().cpu().numpy()
    return ArraySound(samples, int(audio["sample_rate"]))


def own_sound(video: Any, n_frames: int, fps: Fraction) -> Sound | None:
    """The sound of a VIDEO itself; None where it has none.

    Codecs leave up to a frame of silence after the picture's end; that is taken off.
    """
    if not isinstance(video, Input.Video):
        return None
    lazy = getattr(video, "imgsync_frames", None)
    if lazy is not None:
        return video.imgsync_sound
    if _holds_tensors(video):
        audio = video.get_components().audio
        sound = None if audio is None else sound_of(audio)
    else:
        sound = _file_sound(video)
    if sound is None:
        return None
    whole = Timeline.of_frames(n_frames, fps, sound.rate).total_samples
    if whole < sound.n_samples < whole + sound.rate / fps:
        sound = Part(sound, 0, whole)
    return sound


def _file_sound(video: Input.Video) -> Sound | None:
    try:
        sound = sound_of_file(video.get_stream_source())
    except SoundError as e:
        if e.absent:
            return None
        raise
    return trim(sound, *_trim_window(video))


def to_audio(sound: Sound, like: dict[str, Any] | None = None) -> dict[str, Any]:
    """Sound -> AUDIO; other keys of ``like`` are kept."""
    samples = np.concatenate(list(sound.blocks()), 1)
    waveform = torch.from_numpy(np.ascontiguousarray(samples))[None]
    return {**(like or {}), "waveform": waveform, "sample_rate": sound.rate}


def lasting(frames: FrameSource, sound: Sound | None) -> FrameSource:
    """The frames, the last one held where the sound is longer: no speech is ever cut."""
    if sound is None:
        return frames
    n_frames = Timeline.of_sound(sound.n_samples, sound.rate, frames.fps).n_frames
    return Held(frames, n_frames) if n_frames > frames.n_frames else frames
