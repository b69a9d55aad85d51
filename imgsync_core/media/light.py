"""Pictures of linear light in floating point, OpenEXR and Radiance HDR, as sRGB."""

from __future__ import annotations

import re
import struct
from typing import Any

import numpy as np
from av.error import FFmpegError

from ..errors import PictureError
from .colour import srgb_from_linear
from .opening import MediaFile, open_media, reason

MAX_LIGHT = 40_000_000  # pixels: each takes a hundred bytes on its way to eight bits
_EXR, _HDR = b"v/1\x01", (b"#?RADIANCE", b"#?RGBE")
_WINDOW = re.compile(rb"displayWindow\0box2i\0\x10\0\0\0(.{16})", re.DOTALL)
_RESOLUTION = re.compile(rb"\n[-+]Y (\d+) [-+]X (\d+)\n")


def size_of_light(head: bytes) -> tuple[int, int] | None:
    """Width and height of an OpenEXR or Radiance file that starts with ``head``; else None."""
    if head.startswith(_EXR) and (found := _WINDOW.search(head)):
        left, top, right, bottom = struct.unpack("<4i", found[1])
        return right - left + 1, bottom - top + 1
    if head.startswith(_HDR) and (found := _RESOLUTION.search(head)):
        return int(found[2]), int(found[1])
    return None


def read_light(file: MediaFile, name: str) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """sRGB uint8 (h, w, 3), straight alpha uint8 (h, w) or None, and whether light was clipped.

    What is brighter than white becomes white. Raises PictureError.
    """
    try:
        with open_media(file, PictureError, "a picture") as container:
            light = _planes(next(container.decode(video=0)))
    except (FFmpegError, OSError, ValueError, IndexError, StopIteration) as e:
        raise PictureError(
            f"{name} cannot be read ({reason(e) or 'nothing of it decodes'}). "
            "Save it as PNG or JPEG first."
        ) from e
    color, alpha = light[..., :3], None
    if light.shape[-1] == 4:
        cover = light[..., 3:].clip(0, 1)
        color = np.divide(color, cover, out=np.zeros_like(color), where=cover > 0)
        alpha = np.round(255 * cover[..., 0]).astype(np.uint8)
    color = np.nan_to_num(color, nan=0.0, posinf=np.inf)
    rgb = np.round(255 * srgb_from_linear(color.clip(0, 1))).astype(np.uint8)
    return np.ascontiguousarray(rgb), alpha, bool((color > 1).any())


def _planes(frame: Any) -> np.ndarray:
    """float32 (h, w, 3 or 4). Raises ValueError for a kind of numbers that is not known."""
    layout = re.fullmatch(r"(gbrp|gbrap|gray)f(16|32)(le|be)", frame.format.name)
    if layout is None:
        raise ValueError(f"its samples are {frame.format.name}")
    kind = np.dtype(f"{'<' if layout[3] == 'le' else '>'}f{int(layout[2]) // 8}")
    planes = [  # PyAV makes arrays of no half floats; rows are padded
        np.frombuffer(plane, kind).reshape(frame.height, -1)[:, : frame.width]
        for plane in frame.planes
    ]
    order = (0, 0, 0) if layout[1] == "gray" else (2, 0, 1, 3)[: len(planes)]
    return np.stack([planes[i] for i in order], -1).astype(np.float32)
