"""Where a face may be that the finder does not see: an animal's, a thing's, to be dragged there.

Eyes are two dark round spots of about the same size beside each other, with room for a mouth below.
Nobody relies on it: it is where the points of the editor begin.
"""

from dataclasses import replace

import numpy as np

from .geometry import MOUTH_DOWN, MOUTH_HALF, Face, Frame, from_points
from .pixels import blurred, brightened, grey, reduced

SIDE = 128  # px the picture is reduced to
SIZES = (1.5, 2.1, 3.0, 4.2, 6.0)  # px; standard deviation of the spots
SPOTS = 10  # darkest of each size that are looked at
APART = (2.5, 9.0)  # of the size, between the two
LEVEL = 0.4  # of the way across: one may be so much lower than the other
ALIKE = 0.45  # of the darker one's contrast, the other's
CONTRAST = 0.25  # natural log units; fainter spots are no eyes
MIDDLE = 0.6  # how much a pair at the picture's rim is thought less of


def guessed(rgb: np.ndarray) -> Face:
    """A face around the likeliest pair of eyes of a picture, or an average one in its middle.

    rgb: uint8 (h, w, 3)
    """
    size = rgb.shape[1], rgb.shape[0]
    eyes = eyes_like(rgb)
    if eyes is None:
        half = min(size) / 10
        x, y = size[0] / 2, size[1] / 2 + min(size) * 0.12
        face = from_points(size, mouth=((x - half, y), (x + half, y)))
    else:
        corners = Frame.of(eyes).out([-MOUTH_HALF, MOUTH_HALF], [MOUTH_DOWN] * 2)
        face = from_points(size, mouth=corners.tolist(), eyes=eyes.tolist())
    return replace(face, confidence=0.0)


def eyes_like(rgb: np.ndarray) -> np.ndarray | None:
    """The two dark spots, (2, 2) px, that are likeliest a pair of eyes; None: there are none."""
    image, factor = reduced(rgb, SIDE)
    log = np.log(grey(brightened(image)) + 16)
    h, w = log.shape
    best, found = 0.0, None
    for sigma in SIZES:
        x, y, depth = _spots(log, sigma)
        for i, j in zip(*np.nonzero(x[:, None] < x[None]), strict=True):
            across = np.array([x[j] - x[i], y[j] - y[i]])
            iod = float(np.hypot(*across))
            if not APART[0] * sigma < iod < APART[1] * sigma or abs(across[1]) > LEVEL * across[0]:
                continue
            eyes = np.array([(x[i], y[i]), (x[j], y[j])]) + 0.5
            mouth = Frame.of(eyes).out([-0.5, 0.5], [1.2, 1.2])
            if min(depth[i], depth[j]) < ALIKE * max(depth[i], depth[j]):
                continue
            if (mouth < 0).any() or (mouth > [w, h]).any():
                continue
            off = np.abs(eyes.mean(0) / [w, h] - [0.5, 0.4]).max()
            score = min(depth[i], depth[j]) * iod**0.5 * (1 - MIDDLE * off)
            if score > best:
                best, found = score, eyes * factor
    return found


def _spots(log: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y and contrast of the darkest round spots of a size in a picture of log luma."""
    inner = blurred(blurred(log, sigma, 0), sigma, 1)
    outer = blurred(blurred(log, 2 * sigma, 0), 2 * sigma, 1)
    depth = outer - inner
    # round: dark along both axes, not a stripe
    step = max(1, round(1.6 * sigma))
    padded = np.pad(inner, step, mode="edge")
    rows, columns = padded[:, step:-step], padded[step:-step]
    stands = np.minimum(
        np.minimum(rows[: -2 * step], rows[2 * step :]),
        np.minimum(columns[:, : -2 * step], columns[:, 2 * step :]),
    )
    depth = np.where(stands > inner, np.minimum(depth, stands - inner + 0.5 * depth), 0)
    near = np.pad(depth, 1)
    peak = depth > CONTRAST / 4
    for dy in range(3):
        for dx in range(3):
            peak &= depth >= near[dy : dy + depth.shape[0], dx : dx + depth.shape[1]]
    y, x = np.nonzero(peak)
    order = np.argsort(-depth[y, x])[:SPOTS]
    return x[order], y[order], depth[y, x][order]
