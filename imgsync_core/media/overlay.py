"""Found faces, drawn over their picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

_EYES, _MOUTH, _REST = "#20ff80", "#ff4060", "#ffd020"


def draw_faces(rgb: np.ndarray, faces: Sequence[Any], path: Path) -> None:
    """Write a PNG of uint8 (h, w, 3) with box, eyes, brows, lips, chin and oval of each face."""
    image = Image.fromarray(rgb)
    draw = ImageDraw.Draw(image)
    for number, face in enumerate(faces):
        line = max(1, round(face.iod / 50))
        x, y, w, h = face.box
        draw.rectangle((x, y, x + w, y + h), outline=_REST, width=line)
        draw.text((x + 2 * line, y + 2 * line), str(number), fill=_REST)
        for eye in face.eyes:
            _mark(draw, eye, face.eye_size[0], face.eye_size[1], _EYES, line)
        for point in (*face.brows, face.chin):
            _mark(draw, point, 2 * line, 2 * line, _REST, line)
        left, right = (tuple(map(float, corner)) for corner in face.mouth)
        middle = tuple(map(float, face.lip_line))
        draw.line((left, middle, right), fill=_MOUTH, width=line)
        if face.inner > 0:
            draw.line((left, _above(face), right), fill=_MOUTH, width=line)
        draw.line(_around(face), fill=_REST, width=line)
        for point in (face.lip_top, face.lip_bottom):
            _mark(draw, point, 2 * line, line, _MOUTH, line)
    image.save(path, "PNG")


def _above(face: Any) -> tuple[float, float]:
    """The upper inner edge of an open mouth, in the middle."""
    x, y = face.lip_line
    return float(x + face.inner * math.sin(face.roll)), float(y - face.inner * math.cos(face.roll))


def _around(face: Any) -> list[tuple[float, float]]:
    """The oval as a closed line."""
    x, y, a, b, roll = face.oval
    c, s = math.cos(roll), math.sin(roll)
    turns = [2 * math.pi * i / 60 for i in range(61)]
    places = [(a * math.cos(t), b * math.sin(t)) for t in turns]
    return [(x + u * c - v * s, y + u * s + v * c) for u, v in places]


def _mark(draw: Any, point: np.ndarray, rx: float, ry: float, color: str, line: int) -> None:
    x, y = (float(v) for v in point)
    draw.ellipse((x - rx, y - ry, x + rx, y + ry), outline=color, width=line)
