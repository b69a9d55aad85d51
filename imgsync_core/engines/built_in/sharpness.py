"""How blurred a face is, so that what is drawn into it is as blurred.

An edge that is blurred by s has, after a blur by a, a slope of 1 / sqrt(s^2 + a^2) of its step. So
the slopes after two blurs of known size tell s, whatever the step is (Zhuo & Sim, Defocus map
estimation from a single image, 2011).
"""

import numpy as np

from ...face.geometry import Face
from ...face.pixels import blurred, shrunk
from .axes import luminance

DETAIL = 100  # px between the eyes at most, at which edges are looked at
BLURS = (1.0, 2.5)  # px; the two known ones
EDGES = 97  # percentile of the slopes from which on they are edges
FAINT = 1.5  # levels a px; a face without steeper edges tells nothing
SHARP = 0.022  # IOD; photographs in focus are blurred by as much
MOST = 0.06  # IOD; in what is blurred further nothing would be seen


def blur(picture: np.ndarray, face: Face) -> float:
    """By how much a face is more blurred than one in focus: 0..MOST, a standard deviation in IOD.

    picture: uint8 (h, w, 3)
    """
    x, y, half, high, _ = face.oval
    left, top = max(int(x - half), 0), max(int(y - 0.6 * high), 0)
    part = picture[top : int(y + 0.9 * high) + 1, left : int(x + half) + 1]
    if min(part.shape[:2]) < 8:
        return 0.0
    iod = max(face.iod, 4.0)
    scale = min(1.0, DETAIL / iod)
    light = luminance(part.astype(np.float32))
    light = shrunk(light, *(max(8, round(n * scale)) for n in light.shape))
    fine, coarse = (_slope(light, size) for size in BLURS)
    least = float(np.percentile(coarse, EDGES))
    if least < FAINT:
        return 0.0
    edges = coarse >= least
    ratio = float(np.median((fine[edges] / np.maximum(coarse[edges], 1e-6)) ** 2))
    first, second = BLURS
    own = np.sqrt(max(second**2 - ratio * first**2, 0.0) / max(ratio - 1.0, 1e-6))
    own = float(own) / (iod * scale)
    return float(np.sqrt(max(min(own, MOST) ** 2 - SHARP**2, 0.0)))


def _slope(light: np.ndarray, size: float) -> np.ndarray:
    """How steep the light (h, w) is after a blur by so many px."""
    soft = blurred(blurred(light, size, 0), size, 1)
    return np.hypot(*np.gradient(soft))
