"""LoadPortrait: a picture file as IMAGE and MASK, upright, in sRGB, at the size that is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from comfy_api.v0_0_2 import io

from ..imgsync_core.errors import FaceError
from ..imgsync_core.face.geometry import Face
from ..imgsync_core.face.points import AUTOMATIC, parse_points
from ..imgsync_core.face.view import FRAMINGS, fit_to_face
from ..imgsync_core.media.fit import BLUR, MODES, Fit
from ..imgsync_core.media.picture import RGB, Picture, load_picture, parse_color
from . import host
from .sockets import FaceSocket, NoFace, to_image

NO_FACE = (
    "No face found in the picture: give points in Load Portrait, or use Extend Frames, "
    "which needs none."
)
ALIASES = (  # what people search for, in their languages
    "load image, portrait, still, photo, 加载图片, 肖像, ポートレート, 초상화, "
    "portrait photo, retrato, портрет, imgsync"
)


class LoadPortrait(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImgSyncLoadPortrait",
            display_name="Load Portrait",
            category="video/imgsync",
            description="Load a picture upright and in sRGB, and fit it to a size for video.",
            search_aliases=ALIASES.split(", "),
            essentials_category="Image Tools",
            inputs=[
                io.Combo.Input(
                    "image",
                    options=host.input_pictures(),
                    upload=io.UploadType.image,
                    image_folder=io.FolderType.input,
                    tooltip="The picture: PNG, JPEG, WebP, AVIF, BMP, TIFF or GIF (first frame).",
                ),
                io.Combo.Input(
                    "fit",
                    options=[*MODES, *FRAMINGS],
                    default="auto",
                    tooltip="How width and height are reached: keep the shape and fit inside, "
                    "crop to the middle, pad with the background, stretch, crop close to the face, "
                    "or auto: crop with the whole face in it, and show all of the picture where "
                    "that cannot be.",
                ),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=8192,
                    tooltip="Width in pixels; 0 follows from the height, or keeps the size.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=8192,
                    tooltip="Height in pixels; 0 follows from the width, or keeps the size.",
                ),
                io.Int.Input(
                    "multiple_of",
                    default=2,
                    min=1,
                    max=128,
                    tooltip="Make both sides a multiple of this: 2 for video files, 8, 16 or 64 "
                    "for models. What is over is cut at the edges.",
                ),
                io.String.Input(
                    "background",
                    default="black",
                    tooltip="Under transparent parts and in the padding: a colour such as white "
                    "or #20a0ff, or blur for the picture itself, blurred.",
                ),
                io.String.Input(
                    "face_points",
                    optional=True,
                    default="",
                    tooltip="Where the face is, as JSON; empty = found by itself. The editor below "
                    "writes it, the help page explains it.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The fitted picture."),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="1 where the picture is transparent; of the picture's size.",
                ),
                io.Int.Output(display_name="width", tooltip="Width of the fitted picture."),
                io.Int.Output(display_name="height", tooltip="Height of the fitted picture."),
                FaceSocket.Output(
                    display_name="face",
                    tooltip="The face in the fitted picture. Where none is found, only the node "
                    "that needs it fails.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, image: str, fit: str, width: int, height: int, multiple_of: int, background: str,
        face_points: str = "",
    ) -> io.NodeOutput:  # fmt: skip
        picture = load_picture(host.input_path(image))
        face = _face(picture, face_points)
        blur = background.strip().lower() == BLUR
        color = (0, 0, 0) if blur else parse_color(background)
        how = _fit(fit, (width, height), multiple_of, BLUR if blur else color, face, picture.size)
        rgb, mask = _fitted(picture, how, color)
        return io.NodeOutput(
            host.on_intermediate_device(to_image(rgb[None])),
            host.on_intermediate_device(mask[None]),
            rgb.shape[1],
            rgb.shape[0],
            _moved(face, how, picture.size, (rgb.shape[1], rgb.shape[0])),
        )

    @classmethod
    def fingerprint_inputs(cls, image: str, **_: Any) -> str:
        # a file that is not there is refused by validate_inputs, in one sentence
        return host.digest(host.input_path(image)) if host.is_given(image) else ""

    @classmethod
    def validate_inputs(cls, image: str, face_points: str | None = "") -> bool | str:
        if not host.is_given(image):
            return f"{image} is not in the input folder. Upload it or choose another picture."
        try:
            parse_points(face_points or "")
        except FaceError as e:
            return str(e)
        return True


def _face(picture: Picture, face_points: str) -> Face | NoFace:
    """The face in the whole picture; a FaceError only for points that make none."""
    points = parse_points(face_points)
    try:
        return points.face_in(picture.over((0, 0, 0)))
    except FaceError:
        if points is not AUTOMATIC:
            raise
        return NoFace(NO_FACE)


def _fit(
    mode: Any, asked: tuple[int, int], multiple: int, background: Any, face: Face | NoFace,
    size: tuple[int, int],
) -> Fit:  # fmt: skip
    if mode not in FRAMINGS:
        return Fit(mode, *asked, multiple, background)
    if isinstance(face, NoFace):
        if mode == "face":
            raise FaceError(face.why)
        return Fit("keep", *asked, multiple, background)
    return fit_to_face(Fit("keep", *asked, multiple, background), mode, face, size)


def _moved(
    face: Face | NoFace, fit: Fit, size: tuple[int, int], fitted: tuple[int, int]
) -> Face | NoFace:
    """The face in pixels of the fitted picture, which it names as its own."""
    if isinstance(face, NoFace):
        return face
    way = fit.mapping(*size)
    return replace(face.scaled(way.sx, way.sy).moved(way.dx, way.dy), picture=fitted)


def _fitted(picture: Picture, fit: Fit, color: RGB) -> tuple[np.ndarray, torch.Tensor]:
    """uint8 (h, w, 3) over the background, and the mask (h, w), 1 = transparent."""
    if picture.alpha is None:
        rgb = fit.apply(picture.rgb)
        return rgb, torch.zeros(rgb.shape[:2])
    fitted = fit.apply(picture.rgba())
    whole = Picture(fitted[..., :3], fitted[..., 3])
    return whole.over(color), 1 - torch.from_numpy(fitted[..., 3].astype(np.float32) / 255)
