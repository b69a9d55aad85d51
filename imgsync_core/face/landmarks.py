"""Faces from ComfyUI's own FACE_LANDMARKS sockets (MediaPipe's mesh of 478 points)."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import FaceError
from .geometry import Face

EYES = ((33, 133, 159, 145), (362, 263, 386, 374))  # outer and inner corner, upper and lower lid
BROWS = ((105, 52), (334, 282))  # upper and lower edge
CORNERS = (61, 291)
UPPER_INNER, LOWER_INNER, LIP_TOP, LIP_BOTTOM = 13, 14, 0, 17
CHIN, TOP, SIDES = 152, 10, (234, 454)
CLOSED = 0.035  # IOD; a smaller gap between the inner lips is a closed mouth
NEEDED = 455  # points


def from_mesh(points: np.ndarray, box: Any = None) -> Face:
    """A face from a mesh (478 or 468, 2 or more) in px; box: x0, y0, x1, y1 or None."""
    p = np.asarray(points, float)[:, :2]
    eyes = np.stack([p[list(ids)].mean(0) for ids in EYES])
    across = eyes[1] - eyes[0]
    iod = float(np.hypot(*across))
    down = np.array([-across[1], across[0]]) / max(iod, 1e-6)
    gap = float((p[LOWER_INNER] - p[UPPER_INNER]) @ down)
    is_open = gap > CLOSED * iod
    width = np.mean([np.hypot(*(p[ids[0]] - p[ids[1]])) for ids in EYES]) / 2
    opening = np.mean([np.hypot(*(p[ids[2]] - p[ids[3]])) for ids in EYES]) / 2
    middle = (p[TOP] + p[CHIN]) / 2
    x0, y0, x1, y1 = box if box is not None else (*p.min(0), *p.max(0))
    return Face(
        box=(float(x0), float(y0), float(x1 - x0), float(y1 - y0)),
        eyes=eyes,
        brows=np.stack([p[list(ids)].mean(0) for ids in BROWS]),
        mouth=p[list(CORNERS)],
        lip_line=p[LOWER_INNER] if is_open else (p[UPPER_INNER] + p[LOWER_INNER]) / 2,
        lip_top=p[LIP_TOP],
        lip_bottom=p[LIP_BOTTOM],
        inner=gap if is_open else 0.0,
        chin=p[CHIN],
        oval=(
            float(middle[0]),
            float(middle[1]),
            float(np.hypot(*(p[SIDES[1]] - p[SIDES[0]]))) / 2,
            float(np.hypot(*(p[CHIN] - p[TOP]))) / 2,
            math.atan2(across[1], across[0]),
        ),
        eye_size=(float(width), float(opening)),
        confidence=1.0,
        source="landmarks",
    )


def from_landmarks(
    value: Mapping[str, Any], size: tuple[int, int] | None = None
) -> list[list[Face]]:
    """The faces of each image of a FACE_LANDMARKS value, largest first.

    size: (width, height) of the picture the faces are for, if it is not the one that was measured
    """
    frames = value.get("frames") if isinstance(value, Mapping) else None
    if not isinstance(frames, list | tuple):
        raise FaceError("The landmarks are not of ComfyUI's face landmark nodes: no frames in it.")
    sx = sy = 1.0
    measured = value.get("image_size")
    if size is not None and measured is not None:
        sx, sy = size[0] / float(measured[1]), size[1] / float(measured[0])
    found = []
    for frame in frames:
        faces = [_face(face) for face in frame or ()]
        faces.sort(key=lambda face: -face.box[2] * face.box[3])
        found.append([face if sx == sy == 1 else face.scaled(sx, sy) for face in faces])
    return found


def _face(value: Any) -> Face:
    points = np.asarray(value.get("landmarks_xy") if isinstance(value, Mapping) else (), float)
    if points.ndim != 2 or points.shape[0] < NEEDED or points.shape[1] < 2:
        raise FaceError(
            f"The landmarks have shape {tuple(points.shape)}; a face mesh of 468 or 478 points "
            "(x, y) is needed. Use ComfyUI's MediaPipe face landmark nodes."
        )
    if not np.isfinite(points).all():
        raise FaceError("The landmarks hold numbers that are not finite.")
    box = value.get("bbox_xyxy")
    return from_mesh(points, None if box is None else [float(v) for v in np.ravel(box)[:4]])
