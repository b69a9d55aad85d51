"""What only the published pipeline does: whole pixels, its own windows, its masks and its paste."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from ...audio.whisper_features import STEPS
from ...audio.whisper_pieces import SeparateFeatures
from ...face.masks import LABELS, lower_face
from ...face.outline import cells, extent, nose, skin
from ..runtime import fixed_point as fixed
from ..runtime.boxes import Box, whole
from .spec import Version

EXPAND = 1.5  # the square that is blended, of the box
BLUR = 0.05  # of the side of the square


class PublishedFeatures(SeparateFeatures):
    """The rate is cut off to an integer, and with it the windows go astray."""

    def chunks(self, start: int, stop: int, fps: Fraction) -> Tensor:
        """What the model hears at frames ``[start, stop)``: (t, 10 * layers, channels)."""
        step = STEPS / max(1, int(fps))
        first = np.floor(np.arange(start, stop) * step).astype(np.int64)
        return self.rows(first - 2 * math.ceil(step), 10)


def face_box(four: Box, found: Box, version: Version, height: int) -> Box:
    """The box for left, right and lowest of an outline and the height of the bridge.

    found: of a face finder, taken where those make none.   height: of the picture.
    """
    left, right, low, bridge = four
    top = max(0, 2 * bridge - low)
    if low <= top or right <= left or left < 0:
        left, top, right, low = found
    return left, top, right, min(low + version.margin_px, height) if version.margin_px else low


def spots(points: Tensor, *, shift: float, version: Version, height: int) -> Tensor:
    """As of `place.spots` in whole pixels, (b, 7, 2); points: five, and a finder's box."""
    out = []
    for five, finder in zip(points[:, :5], points[:, 5:], strict=True):
        left, right, low, bridge = (int(v) for v in extent(five[None], shift))
        found = whole(finder.clamp(min=0))
        box = face_box((left, right, low, bridge), found, version, height)
        out.append(torch.cat([five.new_tensor(box).view(2, 2), five]))
    return torch.stack(out)


def square_of(box: Box) -> Box:
    """What is blended: a square around the middle of the box."""
    left, top, right, bottom = box
    x, y = (left + right) // 2, (top + bottom) // 2
    half = int(max(right - left, bottom - top) // 2 * EXPAND)
    return x - half, y - half, x + half, y + half


def labels(spot: Tensor, version: Version) -> Tensor:
    """The mask of a face in its square, bool (512, 512), from geometry instead of a parser."""
    at = cells(spot.new_tensor(square_of(whole(spot[:2]))).view(2, 2), LABELS)
    lips = torch.zeros(LABELS, LABELS, dtype=torch.bool)  # they are within the skin
    return lower_face(skin(spot[2:], at), nose(spot[2:], at), lips, jaw=version.jaw)


def soft_mask(mask: Tensor, box: Box, blur: float = BLUR) -> Tensor:
    """uint8 (side, side) of the square -> only what is in the box and the lower half, blurred."""
    x, y, *_ = square_of(box)
    left, top, right, bottom = box
    out = torch.zeros_like(mask)
    part = slice(max(top - y, len(mask) // 2), bottom - y), slice(left - x, right - x)
    out[part] = mask[part]
    return fixed.blurred(out, blur_size(len(mask), blur))


def blur_size(side: int, blur: float = BLUR) -> int:
    """Of the kernel for a square, in px."""
    return int(blur * side // 2 * 2) + 1


def paste_into(frame: np.ndarray, face: Tensor, mask: Tensor, box: Box) -> None:
    """Put a face uint8 (3, 256, 256) into a frame uint8 (h, w, 3); mask: of the square."""
    left, top, right, bottom = box
    new = fixed.bilinear(face, (right - left, bottom - top)).permute(1, 2, 0).numpy()
    fixed.paste_into(frame, new, (left, top), mask.numpy(), square_of(box)[:2])


def paste(
    frames: np.ndarray, drawn: Tensor, crops: Tensor, spots: Tensor,
    *, mask: Callable[[Tensor], Tensor],
) -> np.ndarray:  # fmt: skip
    """As `Redrawn.paste`.   mask(spot): bool (512, 512) in the square of a face."""
    out = np.array(frames)
    for frame, face, spot in zip(out, fixed.as_pictures(drawn), spots, strict=True):
        box = whole(spot[:2])
        left, _, right, _ = square_of(box)
        square = fixed.bicubic(mask(spot).to(torch.uint8) * 255, right - left)
        paste_into(frame[..., :3], face, soft_mask(square, box), box)
    return out
