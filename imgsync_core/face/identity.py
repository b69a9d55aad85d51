"""Whose face it is, as 512 numbers: a detector and a recogniser that run in ONNX Runtime.

The files are InsightFace's (SCRFD, Guo et al., 2021; ArcFace, Deng et al., 2019). They are for
non-commercial use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..errors import EngineError, WeightsError

SIDE = 640  # px of the square that the detector sees
STRIDES, ANCHORS = (8, 16, 32), 2
SURE, SAME = 0.5, 0.4  # least score of a face; overlap from which two are one
CROP = 112  # px of the square that the recogniser sees
# Where eyes, nose and mouth's corners lie in it
TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
     (70.7299, 92.2041)]
)  # fmt: skip

Run = Callable[[np.ndarray], Sequence[np.ndarray]]
"""A network: a batch float32 (1, 3, h, w) -> its outputs."""


def session(path: Path) -> Run:
    """The network in an ONNX file, on the CPU.

    Raises EngineError where ONNX Runtime is not installed, WeightsError for another file.
    """
    try:
        import onnxruntime  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise EngineError(
            "ONNX Runtime is not installed. Run: pip install 'imgsync[hallo2]'."
        ) from error
    try:
        made = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base but this
        raise WeightsError(
            f"{path.name} cannot be read as ONNX ({error}). Fetch it again."
        ) from error
    name = made.get_inputs()[0].name
    return lambda batch: made.run(None, {name: batch})


def embedding(picture: np.ndarray, detect: Run, recognise: Run) -> np.ndarray | None:
    """uint8 RGB (h, w, 3) -> float32 (512,) of the largest face in it, or None where none is."""
    points = largest_face(picture, detect)
    if points is None:
        return None
    square = aligned(picture, points)
    return recognise(_batch(square, 127.5))[0].reshape(-1).astype(np.float32)


def largest_face(picture: np.ndarray, detect: Run) -> np.ndarray | None:
    """Eyes, nose and mouth's corners (5, 2) px of the face with the largest box; None = no face."""
    h, w = picture.shape[:2]
    scale = min(SIDE / w, SIDE / h)
    size = max(1, int(w * scale)), max(1, int(h * scale))
    square = np.zeros((SIDE, SIDE, 3), np.uint8)
    square[: size[1], : size[0]] = _resized(picture, size)
    scores, boxes, points = _decoded(detect(_batch(square, 128.0)))
    kept = _apart(boxes, scores)
    if not kept:
        return None
    areas = [np.prod(boxes[i, 2:] - boxes[i, :2]) for i in kept]
    return points[kept[int(np.argmax(areas))]] / scale


def aligned(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The face turned upright, uint8 (112, 112, 3): a similarity brings points near the template.

    Of all similarities the one with the least squares; what lies outside is black.
    """
    p, q = (x[:, 0] + 1j * x[:, 1] for x in (points, TEMPLATE))
    turn = np.vdot(p - p.mean(), q - q.mean()) / np.vdot(p - p.mean(), p - p.mean())
    y, x = np.mgrid[:CROP, :CROP]
    at = (x + 1j * y - q.mean()) / turn + p.mean()
    return _sampled(picture, at.real, at.imag)


def _decoded(outputs: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outputs by stride: scores, distances to sides, points -> (n,), (n, 4), (n, 5, 2) px."""
    n = len(STRIDES)
    if len(outputs) != 3 * n:
        raise WeightsError(
            f"The face detector has {len(outputs)} outputs and not {3 * n}. Expected "
            "scrfd_10g_bnkps.onnx."
        )
    found = []
    for i, stride in enumerate(STRIDES):
        score, sides, points = (outputs[i + k * n].reshape(-1, d) for k, d in enumerate((1, 4, 10)))
        cells = SIDE // stride
        row, column = np.divmod(np.arange(cells * cells).repeat(ANCHORS), cells)
        centre = np.stack([column, row], 1) * stride
        likely = score[:, 0] >= SURE
        centre, sides, points = centre[likely], sides[likely] * stride, points[likely] * stride
        box = np.concatenate([centre - sides[:, :2], centre + sides[:, 2:]], 1)
        found.append((score[likely, 0], box, points.reshape(-1, 5, 2) + centre[:, None]))
    scores, boxes, points = (np.concatenate(part) for part in zip(*found, strict=True))
    return scores, boxes, points


def _apart(boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """Numbers of the boxes that no better one overlaps."""
    kept: list[int] = []
    area = (boxes[:, 2:] - boxes[:, :2] + 1).prod(1)
    for i in np.argsort(-scores, kind="stable").tolist():
        others = boxes[kept]
        low, high = np.maximum(others[:, :2], boxes[i, :2]), np.minimum(others[:, 2:], boxes[i, 2:])
        shared = (high - low + 1).clip(0).prod(1)
        if not (shared / (area[kept] + area[i] - shared) > SAME).any():
            kept.append(i)
    return kept


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Between the four nearest pixels; size: width, height."""
    h, w = picture.shape[:2]
    x = ((np.arange(size[0]) + 0.5) * w / size[0] - 0.5).clip(0, w - 1)
    y = ((np.arange(size[1]) + 0.5) * h / size[1] - 0.5).clip(0, h - 1)
    return _sampled(picture, *np.meshgrid(x, y))


def _sampled(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pixels at coordinates (h, w), between the four nearest; black outside."""
    padded = np.pad(picture[..., :3].astype(np.float32), ((1, 1), (1, 1), (0, 0)))
    h, w = padded.shape[:2]
    x, y = (x + 1).clip(0, w - 1.001), (y + 1).clip(0, h - 1.001)
    left, top = x.astype(int), y.astype(int)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper, lower = (
        padded[row, left] * (1 - across) + padded[row, left + 1] * across for row in (top, top + 1)
    )
    return np.rint(upper * (1 - down) + lower * down).astype(np.uint8)


def _batch(square: np.ndarray, spread: float) -> np.ndarray:
    """uint8 (h, w, 3) -> float32 (1, 3, h, w) of about -1..1."""
    return ((square.astype(np.float32) - 127.5) / spread).transpose(2, 0, 1)[None]
