"""The part of a picture around a face, for a portrait of a given shape."""

from __future__ import annotations

import math
from dataclasses import replace

from ..media.fit import Fit, View
from .geometry import Face

EXPAND = 1.8  # of the oval from the hair line to the chin: it fills 1 / 1.8 of the view's height
WHOLE = 1.15  # of the oval, that counts as the face: some hair above it too
FRAMINGS = ("face", "auto")


def fit_to_face(fit: Fit, framing: str, face: Face | None, size: tuple[int, int]) -> Fit:
    """A fit to the same width and height that has the face in view; ``fit.mode`` is not used.

    framing: ``face`` = a portrait, the face in its middle; ``auto`` = as much of the picture as
        fills width and height, with the whole face in it; all of the picture where there is no
        face, where it would be cut, or where only one side or none was asked for.
    face, size: in the picture, and its width and height in px. ``face`` needs a face.
    """
    asked = fit.width, fit.height
    if framing == "face" and face is not None:
        shape = asked if all(asked) else (1, 1)
        return replace(fit, mode="crop", view=view_around(face, size, shape))
    view = cover_around(face, size, asked) if face is not None and all(asked) else None
    return replace(fit, mode="keep" if view is None else "crop", view=view)


def cover_around(face: Face, size: tuple[int, int], shape: tuple[int, int]) -> View | None:
    """x, y, width and height in px of the largest part of a picture that has this shape, as near
    to the middle as the face allows; None where the face does not fit into it.

    size: width and height of the picture.   shape: width and height that the part is in
    proportion to.
    """
    scale = min(size[0] / shape[0], size[1] / shape[1])
    part = [max(1, min(size[i], round(shape[i] * scale))) for i in (0, 1)]
    corner = [0, 0]
    for i in (0, 1):
        low, high = _extent(face, WHOLE)[i]
        low, high = max(0.0, low), min(float(size[i]), high)  # what is there of it
        if high - low > part[i]:
            return None
        middle = (size[i] - part[i]) / 2
        first = min(max(middle, high - part[i]), low)
        corner[i] = min(max(round(first), 0), size[i] - part[i])
    return corner[0], corner[1], part[0], part[1]


def _extent(face: Face, expand: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """From where to where its oval, made this much larger, reaches: in x and in y."""
    left, top, right, bottom = face.outline
    wide, high = (right - left) / 2 * expand, (bottom - top) / 2 * expand
    x, y = (left + right) / 2, (top + bottom) / 2
    return (x - wide, x + wide), (y - high, y + high)


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
