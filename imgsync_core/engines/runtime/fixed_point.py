"""Steps on 8-bit pictures in the integers of OpenCV and Pillow, to the last bit.

For who has to come to a published pipeline's own numbers; `lanczos` is another such step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .boxes import cubic

# OpenCV's own weights of small Gaussian kernels, in 1/256
_SMALL = {1: (256,), 3: (64, 128, 64), 5: (16, 64, 96, 64, 16), 7: (8, 28, 56, 72, 56, 28, 8)}


def bilinear(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 (c, h, w) -> (c, height, width) as OpenCV resizes; size: width, height."""
    (x, a), (y, b) = _pairs(picture.shape[-1], size[0]), _pairs(picture.shape[-2], size[1])
    p = picture.to(torch.int32)
    r = p[..., x[0]] * a[0] + p[..., x[1]] * a[1]
    upper, under = ((b[i][:, None] * (r[..., y[i], :] >> 4)) >> 16 for i in (0, 1))
    return ((upper + under + 2) >> 2).to(torch.uint8)


def _pairs(source: int, target: int) -> tuple[Tensor, Tensor]:
    """Which two pixels each new one lies between, and their weights in 1/2048: (2, target)."""
    at = ((np.arange(target) + 0.5) * (source / target) - 0.5).astype(np.float32)
    at = at.clip(0, source - 1)
    whole = np.floor(at).astype(np.int64)
    share = np.rint(np.stack([1 - (at - whole), at - whole]) * 2048).astype(np.int32)
    pair = np.stack([whole, np.minimum(whole + 1, source - 1)])
    return torch.from_numpy(pair), torch.from_numpy(share)


def bicubic(mask: Tensor, side: int) -> Tensor:
    """uint8 (n, n) -> (side, side) as Pillow resizes, with a filter against aliasing."""
    return _pillow(mask, (side, side), cubic)


def triangular(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 (h, w) -> (height, width) as Pillow resizes bilinearly; size: width, height.

    With a filter against aliasing.
    """
    return _pillow(picture, size, _triangle)


def squeezed(pixels: np.ndarray, resolution: int) -> Tensor:
    """uint8 (h, w, c) -> (c, R, R) as Pillow resizes bilinearly; its shape is not kept."""
    planes = torch.from_numpy(np.array(pixels)).unbind(-1)
    return torch.stack([triangular(plane, (resolution, resolution)) for plane in planes])


def _triangle(x: np.ndarray) -> np.ndarray:
    return (1 - np.abs(x)).clip(0)


def _pillow(
    picture: Tensor, size: tuple[int, int], kernel: Callable[[np.ndarray], np.ndarray]
) -> Tensor:
    out, (w, h) = picture.numpy(), size
    flatter = h < len(out) and w * len(out) > h * out.shape[1]
    for axis in (0, 1) if flatter else (1, 0):  # first where it shrinks more
        if out.shape[axis] != size[1 - axis]:
            turned = out if axis else out.T
            turned = _resampled(turned, size[1 - axis], kernel)
            out = turned if axis else turned.T
    return torch.from_numpy(out.copy())


def _resampled(
    picture: np.ndarray, target: int, kernel: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """uint8 (h, w) -> (h, target): weights in 1 / 2^22, one rounding, cut off at 0 and 255."""
    step = picture.shape[1] / target
    at = np.arange(picture.shape[1]) + 0.5 - (np.arange(target)[:, None] + 0.5) * step
    weight = kernel(at / max(1.0, step))
    weight = np.floor(weight / weight.sum(1, keepdims=True) * 2**22 + 0.5)
    total = picture.astype(float) @ weight.T  # integers below 2^53, and so exact
    return np.floor((total + 2**21) / 2**22).clip(0, 255).astype(np.uint8)


def blurred(mask: Tensor, size: int) -> Tensor:
    """uint8 (h, w) by OpenCV's Gaussian kernel of size x size px, odd; edges are mirrored."""
    weight = torch.from_numpy(_gaussian(size)).double()
    padded = functional.pad(mask[None, None].double(), (size // 2,) * 4, mode="reflect")
    wide = functional.conv2d(padded, weight.view(1, 1, 1, -1))
    total = functional.conv2d(wide, weight.view(1, 1, -1, 1))[0, 0]
    return ((total + 2**15) / 2**16).floor().to(torch.uint8)


def _gaussian(size: int) -> np.ndarray:
    """Integers (size,) that make 256 together; what rounding leaves goes on to the next."""
    if size in _SMALL:
        return np.array(_SMALL[size])
    sigma, middle = 0.3 * ((size - 1) / 2 - 1) + 0.8, size // 2
    exact = np.exp(-((np.arange(size) - middle) ** 2) / (2 * sigma**2))
    exact *= 256 / exact.sum()
    out, rest = np.zeros(size, int), 0.0
    for i in range(middle):
        out[i] = out[-1 - i] = round(exact[i] + rest)
        rest += exact[i] - out[i]
    out[middle] = 256 - out.sum()
    return out


def blended(new: np.ndarray, old: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """uint8 pictures (h, w, c) by a mask uint8 (h, w), as Pillow pastes: 255 = new."""
    share = mask[..., None].astype(np.int32)
    return ((2 * (new * share + old * (255 - share)) + 255) // 510).astype(np.uint8)


def paste_into(
    frame: np.ndarray, new: np.ndarray, at: tuple[int, int],
    mask: np.ndarray, mask_at: tuple[int, int],
) -> None:  # fmt: skip
    """Blend a picture uint8 (h, w, c), which may lie partly outside, into a frame.

    at, mask_at: x and y of the picture and of the mask, uint8 (h, w), in the frame; the mask
        covers the picture.
    """
    low = [max(v, 0) for v in at]
    high = [min(at[0] + new.shape[1], frame.shape[1]), min(at[1] + len(new), len(frame))]

    def part(picture: np.ndarray, x: int, y: int) -> np.ndarray:
        return picture[low[1] - y : high[1] - y, low[0] - x : high[0] - x]

    old = part(frame, 0, 0)
    old[:] = blended(part(new, *at), old, part(mask, *mask_at))


def as_pictures(drawn: Tensor) -> Tensor:
    """Pictures, about -1..1, as uint8 on the CPU."""
    return ((drawn / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
