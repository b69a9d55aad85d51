"""Frames in, packets out: the picture's half of a muxer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.filter import Graph
from av.video.reformatter import VideoReformatter

from ..errors import EncodingError
from .encoding import Encoding
from .frames import is_one_frame
from .opening import reason
from .picture import RGB, compose
from .svt import tamed

BT709 = 1  # the same number in FFmpeg's primaries, transfer and matrix tables
TV_RANGE, FULL_RANGE = 1, 2
# SWS_AREA, FULL_CHR_H_INT, FULL_CHR_H_INP. Not ACCURATE_RND: it takes as long again, for chroma
# that is rounded .05 of a level better in the mean, and only in 8 bits with 4:2:0.
_AREA = 0x20 | 0x2000 | 0x4000
# From version 17 on PyAV shares a frame out to several threads. Where their slices of 10-bit 4:4:4
# frames meet, FFmpeg then leaves rows unwritten at times.
_ONE_THREAD = {"threads": 1} if int(av.__version__.split(".")[0]) >= 17 else {}


@dataclass(frozen=True)
class VideoFormat:
    """What every frame of a track looks like.

    size: of the frames as they come.   padded: of the frames as they are coded.
    alpha: transparency is kept.        background: what is under it where it is not.
    """

    encoding: Encoding
    fps: Fraction
    size: tuple[int, int]
    channels: int
    background: RGB = (0, 0, 0)

    @property
    def alpha(self) -> bool:
        return self.channels == 4 and self.encoding.alpha_pixels is not None

    @property
    def pixels(self) -> str:
        return (self.alpha and self.encoding.alpha_pixels) or self.encoding.pixels

    @property
    def padded(self) -> tuple[int, int]:
        a = self.encoding.align
        return self.size[0] + -self.size[0] % a, self.size[1] + -self.size[1] % a

    @property
    def is_rgb(self) -> bool:
        return self.pixels in ("bgr0", "bgra", "pal8")


def _setup(context: Any, form: VideoFormat, still: bool) -> None:
    """Size, rate, colour and options of an encoder that is not open yet."""
    encoding = form.encoding
    context.width, context.height = form.padded
    context.pix_fmt = form.pixels
    context.time_base, context.framerate = 1 / form.fps, form.fps
    if encoding.gop > 1 or encoding.codec == "ffv1":
        context.gop_size = encoding.gop
    if not form.is_rgb:
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = TV_RANGE
    if still and encoding.gop > 1:
        context.thread_count = 1  # nothing to share out, and each thread costs frames of memory
    context.options = encoding.encoder_options(still, form.padded[0] * form.padded[1])
    if encoding.tag:
        context.codec_tag = encoding.tag


def _open(context: Any, form: VideoFormat) -> None:
    least = form.encoding.least_side
    if min(form.padded) < least:
        raise EncodingError(
            f"{form.encoding.name} takes pictures of at least {least}x{least} pixels, not "
            f"{form.padded[0]}x{form.padded[1]}. Choose another size or preset."
        )
    try:
        with tamed():
            context.open(strict=False)
    except (FFmpegError, ValueError) as e:
        w, h = form.padded
        raise EncodingError(
            f"{form.encoding.codec} does not take {w}x{h} at {float(form.fps):g} fps "
            f"({reason(e)}). Choose another size or preset."
        ) from e


class Packer:
    """uint8 RGB(A) frames -> frames in the encoder's pixel format, padded, BT.709, tv range."""

    def __init__(self, form: VideoFormat) -> None:
        self._form = form
        self._reformatter = VideoReformatter()
        self._palette = _PaletteGraph(form) if form.pixels == "pal8" else None

    def pack(self, frames: np.ndarray) -> Iterator[Any]:
        """One encoder frame each; the same one again where all of a chunk are one picture."""
        if is_one_frame(frames):
            one = self._one(frames[0])
            for _ in range(len(frames)):
                yield one
            return
        for frame in frames:
            yield self._one(frame)

    def _one(self, frame: np.ndarray) -> Any:
        form = self._form
        if frame.shape[-1] == 4 and not form.alpha:
            frame = compose(frame, form.background)
        right, below = form.padded[0] - form.size[0], form.padded[1] - form.size[1]
        if right or below:
            frame = np.pad(frame, ((0, below), (0, right), (0, 0)), mode="edge")
        kind = "rgba" if frame.shape[-1] == 4 else "rgb24"
        source = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(frame), format=kind)
        if self._palette:
            return self._palette.convert(source)
        if form.is_rgb:
            return self._reformatter.reformat(source, format=form.pixels)
        packed = self._reformatter.reformat(
            source,
            format=form.pixels,
            dst_colorspace=BT709,
            src_color_range=FULL_RANGE,
            dst_color_range=TV_RANGE,
            interpolation=_AREA,
            **_ONE_THREAD,
        )
        packed.colorspace, packed.color_range = BT709, TV_RANGE
        packed.color_primaries = packed.color_trc = BT709  # ProRes writes those of the frame
        return packed


class _PaletteGraph:
    """RGB -> 256 colours chosen for each frame, ordered dither (steady where nothing moves)."""

    def __init__(self, form: VideoFormat) -> None:
        self._graph = graph = Graph()
        w, h = form.padded
        source = graph.add_buffer(
            width=w, height=h, format=av.VideoFormat("rgb24"), time_base=1 / form.fps
        )
        split = graph.add("split")
        make = graph.add("palettegen", "stats_mode=single")
        use = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4")
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(make, 0, 0)
        split.link_to(use, 1, 0)
        make.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        self._count = 0

    def convert(self, frame: Any) -> Any:
        frame.pts, self._count = self._count, self._count + 1
        self._graph.push(frame)
        return self._graph.pull()


class VideoTrack:
    """The picture of one file: frames in, packets out, numbered in frames.

    stream: of the container; its own encoder makes the first segment.
    reorder: frames by which coding runs ahead of showing.
    on_frame(frame) is called for every frame that goes in: uint8 (h, w, c), or None where it is
    the one before once more.
    """

    def __init__(
        self,
        stream: Any,
        form: VideoFormat,
        still: bool,
        on_frame: Callable[[np.ndarray | None], None],
    ) -> None:
        self.stream, self.form = stream, form
        self._still, self._on_frame = still, on_frame
        self._packer = Packer(form)
        self._context: Any = stream.codec_context
        self._used = self._fed = False
        self._number = 0
        self.reorder = 0 if still else form.encoding.reorder
        _setup(self._context, form, still)
        _open(self._context, form)

    def segment(self, chunks: Iterable[np.ndarray]) -> Iterator[Any]:
        """Packets of frames that are numbered from 0, by an encoder that starts afresh."""
        if self._used:
            self._context = self._twin()
        self._number = 0
        for chunk in chunks:
            yield from self.write(chunk)
        yield from self.rest()

    def write(self, chunk: np.ndarray) -> Iterator[Any]:
        """The packets that are ready after these frames."""
        self._used = self._fed = True
        one = is_one_frame(chunk)
        for i, frame in enumerate(self._packer.pack(chunk)):
            self._on_frame(None if one and i else chunk[i])
            frame.pts, frame.time_base = self._number, 1 / self.form.fps
            frame.pict_type = 0
            self._number += 1
            yield from self._context.encode(frame)

    def rest(self) -> Iterator[Any]:
        """The packets that the encoder still holds; none when there are no frames in it."""
        if self._fed:
            self._fed = False
            yield from self._context.encode(None)

    def _twin(self) -> Any:
        """Another encoder with the same settings, so that the stream's header fits its packets."""
        twin: Any = av.CodecContext.create(self.form.encoding.codec, "w")
        _setup(twin, self.form, self._still)
        twin.flags = self.stream.codec_context.flags
        _open(twin, self.form)
        return twin
