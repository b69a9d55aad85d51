"""Stand-in for the VIDEO objects (`Input`, `InputImpl`, `Types`) and for `comfy_api.latest.ui`."""

import io
import json
import math
import os
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from PIL import Image

from . import folder_paths
from .schema import FolderType, UIOutput


class _Choice(str, Enum):
    @classmethod
    def as_input(cls) -> list[str]:
        return [member.value for member in cls]


class VideoCodec(_Choice):
    AUTO = "auto"
    H264 = "h264"
    AV1 = "av1"


class VideoContainer(_Choice):
    AUTO = "auto"
    MP4 = "mp4"
    MKV = "mkv"
    WEBM = "webm"

    @classmethod
    def get_extension(cls, value) -> str:
        return "mp4" if cls(value) is cls.AUTO else cls(value).value


@dataclass
class VideoComponents:
    images: torch.Tensor  # b h w c, float, 0 to 1
    frame_rate: Fraction
    audio: dict | None = None
    metadata: dict | None = None
    alpha: torch.Tensor | None = None


class VideoInput(ABC):
    """The getters' defaults decode everything, as the real ones do."""

    @abstractmethod
    def get_components(self) -> VideoComponents: ...

    @abstractmethod
    def save_to(
        self,
        path,
        format=VideoContainer.AUTO,
        codec=VideoCodec.AUTO,
        metadata=None,
        bit_depth=None,
        crf=None,
        color_space=None,
    ): ...

    @abstractmethod
    def as_trimmed(self, start_time=None, duration=None, strict_duration=False): ...

    def get_stream_source(self):
        buffer = io.BytesIO()
        self.save_to(buffer)
        buffer.seek(0)
        return buffer

    def get_color_space(self) -> str:
        return "auto"

    def get_active_trim_window(self) -> tuple[float, float]:
        return 0.0, 0.0

    def get_bit_depth(self) -> int:
        return 8

    def get_dimensions(self) -> tuple[int, int]:
        images = self.get_components().images
        return images.shape[2], images.shape[1]

    def get_duration(self) -> float:
        return float(self.get_frame_count() / self.get_frame_rate())

    def get_frame_count(self) -> int:
        return int(self.get_components().images.shape[0])

    def get_frame_rate(self) -> Fraction:
        return self.get_components().frame_rate

    def get_container_format(self) -> str:
        with av.open(self.get_stream_source()) as container:
            return container.format.name


class VideoFromFile(VideoInput):
    """A file or BytesIO, perhaps trimmed. `save_to` copies packets; it does not transcode."""

    def __init__(self, file, *, start_time: float = 0, duration: float = 0):
        self._file, self._start, self._duration = file, start_time, duration

    def get_stream_source(self):
        if isinstance(self._file, io.BytesIO):
            self._file.seek(0)
        return self._file

    def _ask(self, question):
        with av.open(self.get_stream_source()) as container:
            if not container.streams.video:
                raise ValueError(f"No video stream found in file '{self._file}'")
            return question(container, container.streams.video[0])

    def _whole_duration(self) -> float:
        return self._ask(lambda container, _: container.duration / av.time_base)

    def get_active_trim_window(self):
        start = self._start
        if start < 0:
            start = max(self._whole_duration() + start, 0.0)
        return float(start), float(self._duration)

    def _inside(self):
        """Whether a frame lies within the trim. Ask before opening: a BytesIO has one position."""
        start, duration = self.get_active_trim_window()
        stop = start + duration if duration else math.inf
        return lambda frame: start <= frame.time < stop

    def get_dimensions(self):
        return self._ask(lambda _, stream: (stream.width, stream.height))

    def get_frame_rate(self):
        return self._ask(lambda _, stream: Fraction(stream.average_rate))

    def get_bit_depth(self):
        return self._ask(lambda _, stream: max(part.bits for part in stream.format.components))

    def get_frame_count(self):
        inside, whole = self._inside(), not (self._start or self._duration)

        def count(container, stream):
            if whole and stream.frames:
                return stream.frames
            return sum(map(inside, container.decode(stream)))

        return self._ask(count)

    def get_duration(self):
        start, duration = self.get_active_trim_window()
        rest = self._whole_duration() - start
        return min(duration, rest) if duration else rest

    def get_components(self):
        inside = self._inside()

        def decode(container, stream):
            kept = filter(inside, container.decode(stream))
            frames = np.stack([frame.to_ndarray(format="rgb24") for frame in kept])
            return torch.from_numpy(frames).float() / 255, dict(container.metadata)

        images, metadata = self._ask(decode)
        return VideoComponents(images, self.get_frame_rate(), self._audio(), metadata)

    def _audio(self) -> dict | None:
        start, duration = self.get_active_trim_window()
        with av.open(self.get_stream_source()) as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[-1]
            resampler = av.AudioResampler(format="fltp")
            frames = [out for f in container.decode(stream) for out in resampler.resample(f)]
            rate = stream.sample_rate
        wave = torch.from_numpy(np.concatenate([f.to_ndarray() for f in frames], axis=1))
        first = max(0, int((start - frames[0].time) * rate))
        stop = first + int(duration * rate) if duration else None
        return {"waveform": wave[None, :, first:stop], "sample_rate": rate}

    def save_to(
        self,
        path,
        format=VideoContainer.AUTO,
        codec=VideoCodec.AUTO,
        metadata=None,
        bit_depth=None,
        crf=None,
        color_space=None,
    ):
        codec = VideoCodec(codec)
        same = codec in (VideoCodec.AUTO, self._ask(lambda _, stream: stream.codec.canonical_name))
        if not same or crf is not None or self._start or self._duration:
            raise NotImplementedError("The stand-in's save_to copies packets and nothing else.")
        with av.open(self.get_stream_source()) as source, _writer(path, format) as target:
            _tag(target, {**source.metadata, **(metadata or {})})
            streams = [s for s in source.streams if s.type in ("video", "audio")]
            copies = {s: target.add_stream_from_template(s, opaque=True) for s in streams}
            for packet in source.demux(streams):
                if packet.dts is not None:
                    packet.stream = copies[packet.stream]
                    target.mux(packet)

    def as_trimmed(self, start_time=0, duration=0, strict_duration=True):
        start = start_time + self._start
        trimmed = VideoFromFile(self.get_stream_source(), start_time=start, duration=duration)
        return None if strict_duration and trimmed.get_duration() < duration else trimmed


class VideoFromComponents(VideoInput):
    """Frames in memory. `save_to` writes H.264 and AAC; like the real one it needs even sizes."""

    def __init__(self, components: VideoComponents):
        self._components = components

    def get_components(self):
        known = self._components
        return VideoComponents(known.images, known.frame_rate, known.audio)

    def save_to(
        self,
        path,
        format=VideoContainer.AUTO,
        codec=VideoCodec.AUTO,
        metadata=None,
        bit_depth=None,
        crf=None,
        color_space=None,
    ):
        images, audio = self._components.images, self._components.audio
        rate = Fraction(round(self._components.frame_rate * 1000), 1000)
        with _writer(path, format) as target:
            _tag(target, metadata or {})
            video = target.add_stream("h264", rate=rate, pix_fmt="yuv420p")
            video.height, video.width = images.shape[1:3]
            if audio:
                sample_rate, wave = audio["sample_rate"], audio["waveform"][0]
                layout = {1: "mono", 2: "stereo"}[len(wave)]
                sound = target.add_stream("aac", rate=sample_rate, layout=layout)
            for image in images:
                frame = av.VideoFrame.from_ndarray(_pixels(image), format="rgb24")
                target.mux(video.encode(frame))
            target.mux(video.encode(None))
            if audio:
                wave = wave[:, : math.ceil(len(images) * sample_rate / rate)].float().cpu()
                wave = wave.contiguous().numpy()
                frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout=layout)
                frame.sample_rate, frame.pts = sample_rate, 0
                target.mux(sound.encode(frame))
                target.mux(sound.encode(None))

    def as_trimmed(self, start_time=None, duration=None, strict_duration=True):
        if self.get_duration() < start_time + duration:
            return None
        return VideoFromFile(self.get_stream_source(), start_time=start_time, duration=duration)


def _pixels(image: torch.Tensor) -> np.ndarray:
    return (image.float().cpu() * 255).clamp(0, 255).byte().numpy()


def _writer(path, format):
    kind = VideoContainer.get_extension(format)
    if VideoContainer(format) is VideoContainer.AUTO and isinstance(path, str | os.PathLike):
        kind = os.path.splitext(path)[1].lstrip(".") or kind
    name = {"mkv": "matroska"}.get(kind, kind)
    options = {"movflags": "use_metadata_tags"} if name in ("mp4", "mov") else {}
    return av.open(path, "w", format=name, options=options)


def _tag(container, metadata: dict[str, Any]) -> None:
    for key, value in metadata.items():
        container.metadata[key] = value if isinstance(value, str) else json.dumps(value)


class SavedResult(dict):
    def __init__(self, filename: str, subfolder: str, type: FolderType):
        super().__init__(filename=filename, subfolder=subfolder, type=type.value)

    filename = property(lambda self: self["filename"])
    subfolder = property(lambda self: self["subfolder"])
    type = property(lambda self: FolderType(self["type"]))


class PreviewImage(UIOutput):
    def __init__(self, image, animated=False, cls=None, **kwargs):
        self.animated, self.values = animated, []
        for picture in image:
            name = f"ComfyUI_temp_{uuid.uuid4().hex}.png"
            Image.fromarray(_pixels(picture)).save(Path(folder_paths.temp_directory) / name)
            self.values.append(SavedResult(name, "", FolderType.temp))

    def as_dict(self):
        return {"images": self.values, "animated": (self.animated,)}


class PreviewVideo(UIOutput):
    def __init__(self, values, **kwargs):
        self.values = values

    def as_dict(self):
        return {"images": self.values, "animated": (True,)}


class PreviewText(UIOutput):
    def __init__(self, value, **kwargs):
        self.value = value

    def as_dict(self):
        return {"text": (self.value,)}
