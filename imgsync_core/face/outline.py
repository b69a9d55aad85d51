"""Which part of a picture is the skin of a face and which its nose, from geometry alone.

Five points stand for a face: the ends of its oval at the left, at the right and below, the bridge
of the nose at the lower third, and the nose's lower end; px, (5, 2).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from .geometry import OVAL_HALF, Face, Frame

BRIDGE, NOSE = 0.375, 0.75  # of the way from the eye line to the upper lip
WING = 0.26  # half width of the nose at its wings, of the half width of the face


def five_points(face: Face) -> np.ndarray:
    """The five points of a face: float64 (5, 2)."""
    x, y, a, b, roll = face.oval
    across = a * np.array([math.cos(roll), math.sin(roll)])
    down = b * np.array([-math.sin(roll), math.cos(roll)])
    centre, eyes = np.array([x, y]), Frame.of(face.eyes).origin
    lip = face.lip_top - eyes
    ends = [centre - across, centre + across, centre + down]
    return np.stack([*ends, eyes + BRIDGE * lip, eyes + NOSE * lip])


def extent(points: Tensor, shift: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(b, 5, 2) -> left, right and lowest of the outline, and the height of the bridge, (b,).

    shift: of the bridge downwards, in distances between the eyes.
    """
    centre, across, down = _axes(points)
    (x, y), (wide, high) = centre.unbind(-1), (across**2 + down**2).sqrt().unbind(-1)
    bridge = points[:, 3, 1] + shift * across.norm(dim=-1) / OVAL_HALF
    return x - wide, x + wide, y + high, bridge


def _axes(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Centre of the oval and the ways to its ends, right and down: (..., 2) of (..., 5, 2)."""
    left, right, low = points[..., 0, :], points[..., 1, :], points[..., 2, :]
    return (left + right) / 2, (right - left) / 2, low - (left + right) / 2


def cells(corners: Tensor, side: int) -> Tensor:
    """Top left and bottom right, (2, 2) px -> the middles of side x side cells, (side, side, 2)."""
    at = (torch.arange(side, dtype=corners.dtype) + 0.5) / side
    x, y = (corners[0] + at[:, None] * (corners[1] - corners[0])).unbind(-1)
    return torch.stack([x.expand(side, -1), y[:, None].expand(-1, side)], -1)


def skin(points: Tensor, at: Tensor) -> Tensor:
    """Whether places (..., 2) px are within the oval of a face, (5, 2)."""
    centre, across, down = _axes(points)
    inverse = torch.linalg.inv(torch.stack([across, down], 1))
    return ((at - centre) @ inverse.T).square().sum(-1) <= 1


def nose(points: Tensor, at: Tensor) -> Tensor:
    """Whether places (..., 2) px are on the nose: a rounded triangle, narrow up to the eyes."""
    _, across, _ = _axes(points)
    bridge, way = points[3], points[4] - points[3]
    along = (at - bridge) @ way / (way @ way)
    off = (at - bridge - along[..., None] * way).norm(dim=-1) / (WING * across.norm())
    end = ((along - 0.6) / 0.4).clamp(min=0)
    within = (off / (0.45 + 0.55 * along.clamp(0, 1))) ** 2 + end**2 <= 1
    return within & (along >= -1)  # as far above the bridge as its lower end is below
