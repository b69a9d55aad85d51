"""LoadPortrait: a picture file as IMAGE and MASK, upright, in sRGB, at the size that is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from comfy_api.latest import io

from ..imgsync_core.media.fit import BLUR, MODES, Fit
from ..imgsync_core.media.picture import Picture, load_picture, parse_color
from . import host
from .sockets import to_image


class LoadPortrait(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImgSyncLoadPortrait",
            display_name="Load Portrait",
            category="video/imgsync",
            description="Load a picture upright and in sRGB, and fit it to a size for video.",
            search_aliases=["load image", "portrait", "still", "photo", "imgsync"],
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
                    options=list(MODES),
                    default="keep",
                    tooltip="How width and height are reached: keep the shape and fit inside, "
                    "crop what stands out, pad with the background, or stretch.",
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
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The fitted picture."),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="1 where the picture is transparent; of the picture's size.",
                ),
                io.Int.Output(display_name="width", tooltip="Width of the fitted picture."),
                io.Int.Output(display_name="height", tooltip="Height of the fitted picture."),
            ],
        )

    @classmethod
    def execute(
        cls, image: str, fit: str, width: int, height: int, multiple_of: int, background: str
    ) -> io.NodeOutput:
        picture = load_picture(host.input_path(image))
        rgb, mask = _fitted(picture, fit, width, height, multiple_of, background)
        return io.NodeOutput(
            host.on_intermediate_device(to_image(rgb[None])),
            host.on_intermediate_device(mask[None]),
            rgb.shape[1],
            rgb.shape[0],
        )

    @classmethod
    def fingerprint_inputs(cls, image: str, **_: Any) -> str:
        return host.stamp(host.input_path(image))

    @classmethod
    def validate_inputs(cls, image: str) -> bool | str:
        if not host.in_input_folder(image):
            return f"{image} is not in the input folder. Upload it or choose another picture."
        return True


def _fitted(
    picture: Picture, mode: Any, width: int, height: int, multiple: int, background: str
) -> tuple[np.ndarray, torch.Tensor]:
    """uint8 (h, w, 3) over the background, and the mask (h, w), 1 = transparent."""
    blur = background.strip().lower() == BLUR
    color = (0, 0, 0) if blur else parse_color(background)
    fit = Fit(mode, width, height, multiple, BLUR if blur else color)
    if picture.alpha is None:
        rgb = fit.apply(picture.rgb)
        return rgb, torch.zeros(rgb.shape[:2])
    fitted = fit.apply(picture.rgba())
    whole = Picture(fitted[..., :3], fitted[..., 3])
    return whole.over(color), 1 - torch.from_numpy(fitted[..., 3].astype(np.float32) / 255)
