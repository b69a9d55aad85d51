"""The few picture operations the finder needs, in numpy: grey, shrinking, turned samples, blur."""

from math import ceil

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
DARK = 90  # a picture without a level above this is dark
PIECE = 3  # rows multiplied at once


def reduced(rgb: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """A copy at most `side` px long and the factor from its pixels to the picture's.

    uint8 (h, w), (h, w, 1) or (h, w, 3 or more) -> float32 (h', w', 3) of 0..255
    """
    if rgb.ndim == 2:
        rgb = rgb[..., None]
    step = max(1, max(rgb.shape[:2]) // (2 * side))  # huge pictures: look at every step-th pixel
    image = rgb[::step, ::step, :3].astype(np.float32)
    image = np.repeat(image, 3, axis=2) if image.shape[2] < 3 else image
    factor = max(1.0, max(rgb.shape[:2]) / side)
    h, w = (max(1, round(n / factor)) for n in rgb.shape[:2])
    return shrunk(image, h, w), factor


def brightened(image: np.ndarray) -> np.ndarray:
    """A dark picture, float32 (h, w, 3) of 0..255, made as bright as others; others as they are."""
    bright = float(np.percentile(image, 98))
    return image * np.float32(min(DARK / max(bright, 1.0), 16.0)) if bright < DARK else image


def grey(rgb: np.ndarray) -> np.ndarray:
    """Luma of (h, w, 3), float32 (h, w)."""
    return rgb @ LUMA


def shrunk(image: np.ndarray, h: int, w: int) -> np.ndarray:
    """The image averaged over areas to h x w; never larger than it is."""
    return _shrunk_rows(_shrunk_rows(image, h).swapaxes(0, 1), w).swapaxes(0, 1)


def _shrunk_rows(image: np.ndarray, n: int) -> np.ndarray:
    if image.shape[0] <= n:
        return image
    ends = np.linspace(0, image.shape[0], n + 1)
    whole = np.minimum(ends.astype(int), image.shape[0] - 1)
    part = (ends - whole).astype(image.dtype).reshape(-1, *[1] * (image.ndim - 1))
    sums = np.zeros((n + 1, *image.shape[1:]))  # of all rows above each end
    sofar, above = np.zeros(image.shape[1:]), 0
    for i, stop in enumerate(whole):
        for row in image[above:stop]:  # NumPy's cumsum down the rows takes three times as long
            sofar += row
        sums[i], above = sofar, stop
    return np.diff(sums + part * image[whole], axis=0).astype(image.dtype) / (
        image.dtype.type(image.shape[0] / n)
    )


def sampled(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The image at points (x, y) in pixel-centre coordinates, bilinear, edges held."""
    h, w = image.shape[:2]
    x, y = np.clip(x, 0, w - 1), np.clip(y, 0, h - 1)
    left, top = np.minimum(x.astype(int), max(w - 2, 0)), np.minimum(y.astype(int), max(h - 2, 0))
    right, bottom = np.minimum(left + 1, w - 1), np.minimum(top + 1, h - 1)
    fx, fy = (x - left).astype(np.float32), (y - top).astype(np.float32)
    if image.ndim == 3:
        fx, fy = fx[..., None], fy[..., None]
    upper = image[top, left] * (1 - fx) + image[top, right] * fx
    lower = image[bottom, left] * (1 - fx) + image[bottom, right] * fx
    return upper * (1 - fy) + lower * fy


def turned(image: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """The image turned by `angle` radians about its middle, on a canvas that holds all of it.

    Also the 2x3 matrix that takes (x, y, 1) of the new image to (x, y) of the old one.
    """
    h, w = image.shape[:2]
    c, s = np.cos(angle), np.sin(angle)
    wide, high = ceil(abs(w * c) + abs(h * s)), ceil(abs(w * s) + abs(h * c))
    back = np.array([[c, -s, 0], [s, c, 0]])
    back[:, 2] = np.array([w - 1, h - 1]) / 2 - back[:, :2] @ (np.array([wide - 1, high - 1]) / 2)
    x, y = np.meshgrid(np.arange(wide), np.arange(high))
    return sampled(image, *np.tensordot(back, np.stack([x, y, np.ones_like(x)]), 1)), back


def blurred(image: np.ndarray, sigma: float, axis: int) -> np.ndarray:
    """Gaussian blur along one axis, edges held."""
    n = max(1, ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-n, n + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    pad = [(0, 0)] * image.ndim
    pad[axis] = (n, n)
    padded = np.pad(image, pad, mode="edge")
    length = image.shape[axis]
    parts = (k * padded.take(np.arange(i, i + length), axis=axis) for i, k in enumerate(kernel))
    return np.asarray(sum(parts), image.dtype)


def product(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(n, k) @ (k, m), in pieces too small for the BLAS to start threads for: waking them costs
    more than the work, many times more when the cores are busy."""
    n = len(rows)
    padded = np.zeros((-(-n // PIECE), PIECE, rows.shape[1]), np.float32)
    padded.reshape(-1, rows.shape[1])[:n] = rows
    return (padded @ matrix).reshape(-1, matrix.shape[1])[:n]
