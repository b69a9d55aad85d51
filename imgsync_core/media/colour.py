"""Colours of picture files into sRGB: embedded profiles, the gamma of a PNG, linear light."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageCms

_SAME = 2  # of 255: profiles that differ less from sRGB are sRGB, written by another program
_STEPS = (0, 24, 64, 104, 144, 184, 224, 255)
# PNG: a gAMA from here to there is meant as sRGB. The middle is 1/2.2; FFmpeg writes 0.51, the
# curve of BT.709, into the frames of a video, which all players show as if it were sRGB.
_DISPLAY = (0.39, 0.52)


def srgb_from_linear(light: np.ndarray) -> np.ndarray:
    """Linear light, 0 to 1 -> sRGB, 0 to 1 (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def to_srgb(image: Image.Image, info: Mapping[Any, Any]) -> Image.Image:
    """An 8-bit picture as RGB in sRGB, by what its file says of its colours.

    info: Pillow's, of the file. A profile is before an sRGB mark, and that before a gamma, as the
    PNG specification (third edition, section 4.3) has it.
    """
    profile = info.get("icc_profile")
    if profile:
        return _by_profile(image, profile)
    gamma = info.get("gamma")
    if gamma and "srgb" not in info and not _DISPLAY[0] <= gamma <= _DISPLAY[1]:
        return _by_gamma(image, gamma)
    return image.convert("RGB")


def _by_gamma(image: Image.Image, gamma: float) -> Image.Image:
    """gAMA: samples are light to the power of ``gamma``, so 1 is linear light."""
    light = (np.arange(256) / 255) ** (1 / gamma)
    table = np.round(255 * srgb_from_linear(light)).astype(np.uint8)
    return image.convert("RGB").point(table.tolist() * 3)


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert from an embedded ICC profile; one that does not fit the picture is ignored."""
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        change = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), image.mode, "RGB")
        if image.mode == "RGB" and _changes_nothing(change):
            return image
        converted = ImageCms.applyTransform(image, change)
    except (ImageCms.PyCMSError, OSError):  # broken, or made for another colour model
        return image.convert("RGB")
    return converted or image.convert("RGB")


def _changes_nothing(change: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform is sRGB to sRGB; its name tells nothing: linear ones are called so too.

    Leaving such pictures as they are keeps what rounding would change.
    """
    steps = np.array(_STEPS, np.uint8)
    colors = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(len(steps), -1, 3)
    converted = ImageCms.applyTransform(Image.fromarray(colors), change)
    return int(np.abs(np.asarray(converted).astype(int) - colors).max()) <= _SAME
