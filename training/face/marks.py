"""Marks faces in pictures with a face mesh: ``python -m training.face.marks PICTURES MARKS.npz``.

Needs MediaPipe and OpenCV, which are no part of the project, and MediaPipe's model of a face mesh
(face_landmarker.task). Each face is looked at twice, as it is and mirrored; where the two disagree
by more than AGREE it is left out. The pictures are not kept, only views of the faces in them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .view import HEIGHT, KEY, LEFT, LEFT_EYE, MIRRORED, RIGHT_EYE, SCALE, TOP, WIDTH

AGREE = 0.07  # IOD
SMALLEST = 14  # px between the eyes
SIDES = (640, 1280)  # px at which faces are looked for
CLOSE = 384  # px at which one face is looked at


class Mesh:
    """MediaPipe's face mesh."""

    def __init__(self, model: str) -> None:
        import mediapipe as mp
        from mediapipe.tasks.python import BaseOptions, vision

        def detector(n: int) -> Any:
            return vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=BaseOptions(model_asset_path=model),
                    num_faces=n,
                    min_face_detection_confidence=0.4,
                    min_face_presence_confidence=0.4,
                )
            )

        self._mp, self._many, self._one = mp, detector(16), detector(2)

    def all(self, rgb: np.ndarray) -> list[np.ndarray]:
        return self._found(self._many, rgb)

    def middle(self, rgb: np.ndarray) -> np.ndarray | None:
        """The face nearest to the middle."""
        centre = np.array([rgb.shape[1], rgb.shape[0]]) / 2
        faces = self._found(self._one, rgb)
        return min(faces, key=lambda p: np.hypot(*(p.mean(0) - centre)), default=None)

    def _found(self, detector: Any, rgb: np.ndarray) -> list[np.ndarray]:
        image = self._mp.Image(
            image_format=self._mp.ImageFormat.SRGB, data=np.ascontiguousarray(rgb)
        )
        h, w = rgb.shape[:2]
        return [
            np.array([[p.x * w, p.y * h] for p in face])
            for face in detector.detect(image).face_landmarks
        ]


def faces_of(mesh: Mesh, rgb: np.ndarray) -> Iterator[np.ndarray]:
    """The points KEY of each face in a picture that the mesh is sure of, (POINTS, 2) px."""
    import cv2

    found: list[np.ndarray] = []
    for side in SIDES:
        k = side / max(rgb.shape[:2])
        if side > SIDES[0] and k > 1:
            continue
        way = cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC
        for points in mesh.all(cv2.resize(rgb, None, fx=k, fy=k, interpolation=way)):
            near = [np.hypot(*(points.mean(0) / k - p.mean(0))) < 0.4 * np.ptp(p) for p in found]
            if not any(near):
                found.append(points / k)
    for points in found:
        size = float(np.ptp(points, 0).max()) * 1.9
        k, centre = CLOSE / size, points.mean(0)
        source = cv2.GaussianBlur(rgb, (0, 0), 0.4 / k) if k < 1 / 1.5 else rgb
        move = np.array([[k, 0, CLOSE / 2 - centre[0] * k], [0, k, CLOSE / 2 - centre[1] * k]])
        view = cv2.warpAffine(source, move, (CLOSE, CLOSE), borderMode=cv2.BORDER_REPLICATE)
        here, mirrored = mesh.middle(view), mesh.middle(view[:, ::-1])
        if here is None or mirrored is None:
            continue
        a, b = here[list(KEY)], mirrored[list(KEY)][list(MIRRORED)]
        b = np.stack([CLOSE - b[:, 0], b[:, 1]], 1)
        iod = float(np.hypot(*(a[RIGHT_EYE].mean(0) - a[LEFT_EYE].mean(0))))
        if np.abs(a - b).max() < AGREE * iod and iod / k >= SMALLEST:
            yield ((a + b) / 2 - move[:, 2]) / k


def view_of(rgb: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The face upright, uint8 (HEIGHT, WIDTH, 3), and its points in IOD."""
    import cv2

    eyes = np.stack([points[LEFT_EYE].mean(0), points[RIGHT_EYE].mean(0)])
    middle, across = eyes.mean(0), eyes[1] - eyes[0]
    k = 1.1 * SCALE / float(np.hypot(*across))
    if k < 1:
        rgb = cv2.resize(rgb, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
        points, middle, across = points * k, middle * k, across * k
    turn = np.stack([across, [-across[1], across[0]]], 1)
    back = np.hstack(
        [turn / SCALE, (middle + turn @ [0.5 / SCALE - LEFT, 0.5 / SCALE + TOP] - 0.5)[:, None]]
    )
    view = cv2.warpAffine(
        rgb, back, (WIDTH, HEIGHT),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return view, (points - middle) @ turn / (across @ across)


def main() -> None:
    import cv2

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("marks", type=Path)
    parser.add_argument("--model", required=True)
    args = parser.parse_args()
    mesh, views, points, names = Mesh(args.model), [], [], []
    for path in sorted(args.pictures.iterdir()):
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if bgr is None:
            continue
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        for face in faces_of(mesh, rgb):
            view, place = view_of(rgb, face)
            views.append(view)
            points.append(place)
            names.append(path.name)
    np.savez(args.marks, views=np.stack(views), points=np.stack(points), names=np.array(names))


if __name__ == "__main__":
    main()
