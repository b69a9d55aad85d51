"""Turn OpenCV's cascade file into `cascades.npz` (needed once; the result is in the package).

    python -m imgsync_core.face.convert haarcascade_frontalface_alt2.xml

The file is in every `opencv-python-headless` wheel of version 4, in cv2/data. Only upright Haar
features in trees of one or two nodes are understood; it is of that kind.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

NAMES = ("face",)
TARGET = Path(__file__).with_name("cascades.npz")


def numbers(text: str | None) -> list[float]:
    """The numbers in a text of words."""
    return [float(word) for word in (text or "").split()]


def outcomes(nodes: list[float], leaves: list[float]) -> list[float]:
    """The leaf a tree ends in, for (first, second node) at least its threshold: 00, 01, 10, 11."""
    children = [nodes[i : i + 2] for i in range(0, len(nodes), 4)]
    found = []
    for first in (0, 1):
        for second in (0, 1):
            at = int(children[0][first])
            if at > 0:
                at = int(children[at][second])
            found.append(leaves[-at])
    return found


def convert(path: Path) -> dict[str, np.ndarray]:
    """Arrays of one cascade: `rects` (feature, 3, x y w h), `weights` (feature, 3), `features` and
    `thresholds` (tree, 2 nodes), `leaves` (tree, 4), `ends` and `limits` (stage)."""
    root = ElementTree.parse(path).getroot()[0]
    rects, weights = [], []
    for feature in root.iterfind("features/_"):
        if feature.findtext("tilted", "0").strip() not in ("", "0"):
            raise SystemExit(f"{path.name} has tilted features, which are not supported.")
        rows = [numbers(rect.text) for rect in feature.iterfind("rects/_")]
        rows += [[0.0] * 5] * (3 - len(rows))
        rects.append([row[:4] for row in rows])
        weights.append([row[4] for row in rows])
    features, thresholds, leaves, ends, limits = [], [], [], [], []
    for stage in root.iterfind("stages/_"):
        for tree in stage.iterfind("weakClassifiers/_"):
            nodes = numbers(tree.findtext("internalNodes"))
            second = nodes[6:8] or nodes[2:4]
            features.append([nodes[2], second[0]])
            thresholds.append([nodes[3], second[1]])
            leaves.append(outcomes(nodes, numbers(tree.findtext("leafValues"))))
        ends.append(len(leaves))
        limits.append(float(stage.findtext("stageThreshold", "0")))
    return {
        "rects": np.array(rects, np.uint8),
        "weights": np.array(weights, np.float32),
        "features": np.array(features, np.int16),
        "thresholds": np.array(thresholds, np.float32),
        "leaves": np.array(leaves, np.float32),
        "ends": np.array(ends, np.int16),
        "limits": np.array(limits, np.float32),
    }


def main(paths: list[str]) -> None:
    """Convert the XML files at these paths, in the order of ``NAMES``."""
    if len(paths) != len(NAMES):
        raise SystemExit((__doc__ or "").strip())
    arrays = {}
    for name, path in zip(NAMES, paths, strict=True):
        arrays |= {f"{name}_{key}": value for key, value in convert(Path(path)).items()}
    np.savez_compressed(TARGET, **arrays)  # pyright: ignore[reportArgumentType]


if __name__ == "__main__":
    main(sys.argv[1:])
