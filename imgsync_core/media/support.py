"""What this installation of PyAV and Pillow can do: versions, encoders, fonts."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import PIL
from av.error import FFmpegError
from PIL import features

from .encoding import PRESETS

HARDWARE = tuple(
    f"{codec}_{maker}"
    for codec in ("h264", "hevc", "av1")
    for maker in ("nvenc", "qsv", "amf", "videotoolbox", "vaapi")
)


def versions() -> dict[str, str]:
    """Of PyAV, of the FFmpeg in it, of Pillow."""
    codec = ".".join(map(str, av.library_versions["libavcodec"]))
    return {
        "av": av.__version__,
        "ffmpeg": str(getattr(av, "ffmpeg_version_info", "")),
        "libavcodec": codec,
        "pillow": PIL.__version__,
    }


def presets() -> dict[str, list[str]]:
    """Encoders that each preset lacks here; none = it can be written."""
    wanted = {e.name: [e.codec, *([e.sound] if e.sound else [])] for e in PRESETS.values()}
    return {name: [c for c in codecs if not _exists(c)] for name, codecs in wanted.items()}


def hardware_encoders() -> list[str]:
    """Encoders in hardware that really open here; ImgSync's presets use none of them."""
    return [name for name in HARDWARE if _exists(name) and _opens(name)]


def labels() -> bool:
    """Whether Pillow can write the labels of charts: its own font needs FreeType."""
    return bool(features.check("freetype2"))


def _exists(name: str) -> bool:
    try:
        av.Codec(name, "w")
    except (ValueError, FFmpegError):  # unknown names are a ValueError of PyAV's own
        return False
    return True


def _opens(name: str) -> bool:
    context: Any = av.CodecContext.create(name, "w")
    context.width, context.height, context.pix_fmt = 256, 256, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    try:
        context.open()
    except (FFmpegError, ValueError, OSError):
        return False
    return True
