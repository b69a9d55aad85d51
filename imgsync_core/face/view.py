"""The part of a picture around a face, for a portrait of a given shape."""

from __future__ import annotations

import math

from .geometry import Face

EXPAND = 1.8  # of the oval from the hair line to the chin: it fills 1 / 1.8 of the view's height


def view_around(
    face: Face, size: tuple[int, int], shape: tuple[int, int], expand: float = EXPAND
) -> tuple[int, int, int, int]:
    """x, y, width and height in px of the part of a picture with the face in its middle.

    size: width and height of the picture in px; the view never leaves it: it is moved inside, and
        made smaller where it would not fit.
    shape: width and height that the view is proportional to, to the pixel.
    expand: the view holds the oval of the face, made this much larger.
    """
    x, y, a, b, roll = face.oval
    c, s = math.cos(roll), math.sin(roll)
    reach = 2 * expand * math.hypot(a * c, b * s), 2 * expand * math.hypot(a * s, b * c)
    scale = max(reach[0] / shape[0], reach[1] / shape[1])
    scale = min(scale, size[0] / shape[0], size[1] / shape[1])
    w, h = (max(1, min(size[i], round(shape[i] * scale))) for i in (0, 1))
    left, top = round(x - w / 2), round(y - h / 2)
    return min(max(left, 0), size[0] - w), min(max(top, 0), size[1] - h), w, h
