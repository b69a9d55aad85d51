"""One still picture: upright, sRGB, 8 bits, alpha kept apart."""

from __future__ import annotations

import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageColor, UnidentifiedImageError

from ..errors import PictureError

MAX_PIXELS = 120_000_000  # 10,000 x 12,000; more is a mistake or a decompression bomb
RGB = tuple[int, int, int]

_ORIENTATION = 0x112  # the EXIF tag, and how to turn a picture for each of its values
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Picture:
    """A picture ready for use.

    rgb: uint8 (h, w, 3), sRGB, EXIF orientation applied.
    alpha: uint8 (h, w), 255 = opaque; None when the file has no transparency.
    source: where it came from, for messages.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    source: str = "picture"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.rgb.shape[1], self.rgb.shape[0]

    def over(self, color: RGB) -> np.ndarray:
        """uint8 (h, w, 3): the picture composed over ``color``."""
        return self.rgb if self.alpha is None else compose(self.rgba(), color)

    def rgba(self) -> np.ndarray:
        """uint8 (h, w, 4): straight (not premultiplied) alpha, opaque where the file had none."""
        alpha = np.full(self.rgb.shape[:2], 255, np.uint8) if self.alpha is None else self.alpha
        return np.dstack([self.rgb, alpha])


def compose(frames: np.ndarray, color: RGB) -> np.ndarray:
    """uint8 (..., 4) with straight alpha over one colour -> uint8 (..., 3), rounded to nearest."""
    alpha = frames[..., 3:].astype(np.uint32)
    mixed = frames[..., :3] * alpha + np.asarray(color, np.uint32) * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def parse_color(text: str) -> RGB:
    """``"#rrggbb"``, ``"white"``, ``"rgb(1,2,3)"`` -> (r, g, b). Raises PictureError."""
    try:
        return ImageColor.getrgb(text.strip())[:3]
    except (ValueError, AttributeError):
        raise PictureError(
            f"{text!r} is not a colour. Use for example black, white or #20a0ff."
        ) from None


def load_picture(path: str | os.PathLike[str]) -> Picture:
    """Read the first frame of a picture file.

    PNG, JPEG, WebP, AVIF, BMP, TIFF, GIF and what else Pillow reads; 16-bit, palette, grey, CMYK
    and alpha included. Raises PictureError, also for pictures of more than 120 megapixels.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of bombs below our own, lower limit
            with Image.open(path) as image:
                _refuse_bomb(image, path)
                image.load()
                return _normalise(image, str(path))
    except PictureError:
        raise
    except FileNotFoundError:
        raise PictureError(f"{path}: there is no such file. Check the name.") from None
    except IsADirectoryError:
        raise PictureError(f"{path} is a folder. Name a picture file in it.") from None
    except PermissionError:
        raise PictureError(f"{path} may not be read. Check its permissions.") from None
    except Image.DecompressionBombError:
        raise PictureError(_bomb_sentence(path)) from None
    except UnidentifiedImageError:
        raise PictureError(_unknown_sentence(path), unknown=path.stat().st_size > 0) from None
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as e:  # AVIF: RuntimeError
        raise PictureError(
            f"{path.name} is damaged or cut short ({e}). Copy or export it again."
        ) from e


def _bomb_sentence(path: Path, size: tuple[int, int] | None = None) -> str:
    what = f" {size[0]}x{size[1]} pixels" if size else " far too many pixels"
    return (
        f"{path.name} has{what}; the limit is {MAX_PIXELS // 1_000_000} megapixels. "
        "Scale it down first."
    )


def _unknown_sentence(path: Path) -> str:
    if path.stat().st_size == 0:
        return f"{path.name} is empty. Copy or export it again."
    if path.suffix.lower() in (".avif", ".avifs"):
        return f"{path.name} could not be read. AVIF pictures need Pillow 11.3 or newer."
    return f"{path.name} is not a picture that can be read. Use PNG, JPEG or WebP."


def _refuse_bomb(image: Image.Image, path: Path) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(_bomb_sentence(path, image.size))


def _normalise(image: Image.Image, source: str) -> Picture:
    profile = image.info.get("icc_profile")
    # not ImageOps.exif_transpose: it writes EXIF anew, which fails where another tag is broken
    turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    image = image if turn is None else image.transpose(turn)
    alpha = None
    if image.has_transparency_data and image.mode.startswith("I"):  # Pillow would clip the greys
        key = image.info["transparency"]
        alpha = np.where(np.asarray(image) == key, 0, 255).astype(np.uint8)
    elif image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = np.asarray(rgba.getchannel("A"))
        # the colours under the alpha; a profile belongs to the file's own colour channels
        image = rgba.convert("RGB") if image.mode not in ("LA", "La") else image.convert("L")
    image = _eight_bits(image)
    rgb = _to_srgb(image, profile) if profile else image.convert("RGB")
    return Picture(np.ascontiguousarray(np.asarray(rgb)), alpha, source)


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit and 32-bit grey to 8 bits; Pillow reads the other deep modes as 8 bits by itself."""
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode == "F":
        deep = np.asarray(image)
        if not np.isfinite(deep).all() or deep.min() < 0 or deep.max() > 1:
            raise PictureError(
                "This floating-point picture is not in the range 0 to 1. Save it as 8 or 16 bits."
            )
        return Image.fromarray(np.round(deep * 255).astype(np.uint8))
    return image


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert from an embedded ICC profile; one that does not fit the picture is ignored."""
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
            return image
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):  # broken, or made for another colour model
        return image.convert("RGB")
    return converted or image.convert("RGB")
