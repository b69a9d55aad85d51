"""Where the box of a face is, and what of it is drawn: from our own geometry of a face.

The published pipeline asks a pose network for 68 points and a parsing network for the skin. Of the
points it uses four numbers: how far the outline reaches to both sides and down, and the height of a
point on the bridge of the nose, which becomes the middle of the box::

    bridge  ---+-----------+---  middle of the box: what is below is drawn
               |    nose   |     stays
               |  ( lips ) |     drawn, up to the outline
      chin  ---+-----------+---  and a margin
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...face.outline import cells, extent, nose, skin

# Of the longer side of the box, about as the published mask of a face comes out:
BAND = (0.13, 0.264)  # from the middle: where the mask begins to be cut back, and is so in full
CUT = 0.07  # how far
CHIN = 0.018  # how far it goes beyond the chin


def spots(points: Tensor, *, shift: float, margin: float) -> Tensor:
    """Five points of faces (b, 5, 2) -> (b, 7, 2): corners of the box, then the points; px.

    shift: as of `extent`.   margin: below the chin, of the height of the box.
    """
    left, right, low, bridge = extent(points, shift)
    half = (low - bridge).clamp(min=1)
    corners = [left, bridge - half, right, low + 2 * margin * half]
    return torch.cat([torch.stack(corners, -1).unflatten(-1, (2, 2)), points], 1)


def kept(spot: Tensor, side: int, *, jaw: bool) -> Tensor:
    """float32 (side, side) of the crop: 1 = keep, 0 = draw.   jaw: as of the version."""
    corners, points = spot[:2].double(), spot[2:].double()
    low = cells(corners, side)[side // 2 :]  # nothing is drawn above
    at = low
    if jaw:
        size = float((corners[1] - corners[0]).max())
        off = low[..., 0] - corners[:, 0].mean()
        share = ((off.abs() / size - BAND[0]) / (BAND[1] - BAND[0])).clamp(0, 1)
        outwards = torch.stack([off.sign() * share * CUT, (share - 1) * CHIN], -1)
        at = low + outwards * size
    drawn = skin(points, at) & ~nose(points, low)
    return torch.cat([torch.ones(side - len(low), side), 1 - drawn.float()])
