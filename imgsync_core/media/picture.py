"""One still picture: upright, sRGB, 8 bits, alpha kept apart."""

from __future__ import annotations

import importlib
import io
import os
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageColor, UnidentifiedImageError

from ..errors import PictureError
from .colour import to_srgb
from .kinds import HEAD_BYTES, HEIC, PSD, RAW, is_avif, is_heic
from .light import MAX_LIGHT, read_light, size_of_light
from .mending import mend
from .notes import Notes
from .opening import MediaFile, binary, bomb_sentence, name_of, refuse_bomb, refuse_foreign
from .tiff import directories, main_picture

RGB = tuple[int, int, int]
ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")  # Pillow's names of kinds whose frames follow in time
# what Pillow raises for a picture that does not decode: its readers trust lengths and tables
DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, RuntimeError, LookupError, TypeError,
    AttributeError, ArithmeticError, AssertionError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip

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
    notes: what was lost or read differently than it may seem, in words.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    source: str = "picture"
    notes: tuple[str, ...] = ()

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
        color = ImageColor.getrgb(text.strip())[:3]
        if max(color) > 255:
            raise ValueError("brighter than there is")
        return color
    except (ValueError, AttributeError, OverflowError):
        raise PictureError(
            f"{text!r:.40} is not a colour. Use for example black, white or #20a0ff."
        ) from None


def load_picture(file: MediaFile, *, strict: bool = False) -> Picture:
    """Read a picture file; of an animated one the first frame.

    PNG, JPEG, WebP, AVIF, BMP, TIFF, GIF and what else Pillow reads; 16-bit, palette, grey, CMYK
    and alpha included; OpenEXR and Radiance; HEIC where the package pillow-heif is installed. A
    JPEG or PNG whose end is missing is shown as far as it goes, unless ``strict``.
    Raises PictureError, also for pictures of more than 120 megapixels.
    """
    name = name_of(file)
    path = file if isinstance(file, (str, os.PathLike)) else name
    try:
        with warnings.catch_warnings(), binary(file, PictureError) as data:
            warnings.simplefilter("ignore")  # Pillow warns of bombs below our own, lower limit
            return _read(data, name, str(path), Notes(PictureError, strict=strict))
    except FileNotFoundError:
        raise PictureError(f"{path}: there is no such file. Check the name.") from None
    except IsADirectoryError:
        raise PictureError(f"{path} is a folder. Name a picture file in it.") from None
    except PermissionError:
        raise PictureError(f"{path} may not be read. Check its permissions.") from None
    except Image.DecompressionBombError:
        raise PictureError(bomb_sentence(name)) from None
    except DAMAGE as e:
        raise PictureError(f"{name} is damaged or cut short ({e}). Copy or export it again.") from e


def _read(data: IO[bytes], name: str, source: str, notes: Notes) -> Picture:
    """The picture in a file that is open; ``source`` is its name for the user."""
    head = data.read(HEAD_BYTES)
    data.seek(0)
    if not head:
        raise PictureError(f"{name} is empty. Copy or export it again.")
    if is_heic(head):
        with _heic(data, name) as image:
            rgb, alpha = normalise(image)
    elif size := size_of_light(head):
        refuse_bomb(size, name, PictureError, most=MAX_LIGHT)
        rgb, alpha, clipped = read_light(data, name)
        if clipped:
            notes.tell(f"what is brighter than white in {name} was clipped")
    else:
        refuse_foreign(head, name, PictureError)
        with _decoded(data, head, name, notes) as image:
            if image.format in ANIMATED and (n := frames_in(image)) > 1:
                notes.tell(f"{name} is an animated picture of {n} frames: the first one is used")
            rgb, alpha = normalise(image)
    return Picture(rgb, alpha, source, notes.all())


def frames_in(image: Image.Image) -> int:
    """How many frames an open picture has; a still that stands in for an animation is none."""
    return getattr(image, "n_frames", 1) - bool(getattr(image, "default_image", False))


def _heic(data: IO[bytes], name: str) -> Image.Image:
    """A HEIC photo, turned and put together from its tiles by libheif."""
    try:
        reader = importlib.import_module("pillow_heif")
    except ImportError:
        raise PictureError(HEIC.sentence(name)) from None
    photo = reader.open_heif(data)  # not registered with Pillow: that would be for all of it
    refuse_bomb(photo.size, name, PictureError)
    return photo.to_pillow()


def _decoded(data: IO[bytes], head: bytes, name: str, notes: Notes) -> Image.Image:
    """The picture that Pillow makes of a file, loaded."""
    image = _identified(data, head, name)
    refuse_bomb(image.size, name, PictureError)
    try:
        image.load()
    except DAMAGE:
        data.seek(0)
        mended = mend(data.read())
        if mended is None:
            raise
        lost = mended.rows - mended.from_row
        if lost:
            notes.lose(f"{name} is cut short: {lost} of its {mended.rows} rows are not whole")
        else:
            notes.tell(f"{name} has no end mark, but all of its rows")
        image = Image.open(io.BytesIO(mended.data))
        image.load()
    return image


def _identified(data: IO[bytes], head: bytes, name: str) -> Image.Image:
    found = directories(data)
    data.seek(0)
    try:
        if not found:
            return Image.open(data)
        main = main_picture(found)
        if main.raw:
            raise PictureError(RAW.sentence(name))
        if main is found[0]:
            return Image.open(data)
        whole = data.read()  # as if the thumbnail were not there: the file starts at another one
        at = main.at.to_bytes(4, "little" if head[:1] == b"I" else "big")
        image = Image.open(io.BytesIO(whole[:4] + at + whole[8:]))
        image.getexif().setdefault(_ORIENTATION, found[0].orientation)
        return image
    except UnidentifiedImageError:
        raise _unidentified(head, name) from None


def _unidentified(head: bytes, name: str) -> PictureError:
    if is_avif(head):
        return PictureError(
            f"{name} could not be read. It is damaged, or this Pillow is older than 11.3 and reads "
            "no AVIF pictures. Export it again, or as PNG."
        )
    if head.startswith(b"8BPS"):
        return PictureError(PSD.sentence(name))
    return PictureError(
        f"{name} is not a picture that can be read. Use PNG, JPEG or WebP.", unknown=True
    )


def normalise(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """sRGB, upright: uint8 (h, w, 3), and the alpha, uint8 (h, w), where there is one."""
    info = dict(image.info)
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
    rgb = to_srgb(_eight_bits(image), info)
    return np.ascontiguousarray(np.asarray(rgb)), alpha


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit and 32-bit grey to 8 bits; Pillow reads the other deep modes as 8 bits by itself."""
    if image.mode.startswith("I"):
        deep = np.asarray(image).clip(0, 65535).astype(np.uint32)
        deep *= 255
        deep += 32767
        deep //= 65535
        return Image.fromarray(deep.astype(np.uint8))
    if image.mode == "F":
        deep = np.asarray(image)
        if not np.isfinite(deep).all() or deep.min() < 0 or deep.max() > 1:
            raise PictureError(
                "This floating-point picture is not in the range 0 to 1. Save it as 8 or 16 bits."
            )
        return Image.fromarray(np.round(deep * 255).astype(np.uint8))
    return image


def save_png(rgb: np.ndarray, path: Path) -> None:
    """Write uint8 (h, w, 3) as a PNG file, whatever its name."""
    Image.fromarray(rgb).save(path, "PNG")
