"""Whose face it is: where the detector's numbers lead, and how the face is turned upright."""

import sys
import types

import numpy as np
import pytest

from imgsync_core.demo import demo_picture
from imgsync_core.errors import EngineError, WeightsError
from imgsync_core.face import identity

POINTS = np.array([(250, 240), (330, 236), (292, 290), (262, 330), (326, 328)], float)


def outputs(faces):
    """What a detector says of faces, (score, box, points) in px of its square, by stride."""
    scores, boxes, points = [], [], []
    for stride in identity.STRIDES:
        cells = (identity.SIDE // stride) ** 2 * identity.ANCHORS
        scores.append(np.full((cells, 1), 0.1, np.float32))
        boxes.append(np.zeros((cells, 4), np.float32))
        points.append(np.zeros((cells, 10), np.float32))
    for score, box, five, level in faces:
        stride = identity.STRIDES[level]
        x, y = (round((box[i] + box[i + 2]) / 2 / stride) for i in (0, 1))
        at = (y * (identity.SIDE // stride) + x) * identity.ANCHORS
        centre = np.array([x, y]) * stride
        scores[level][at] = score
        boxes[level][at] = np.concatenate([centre - box[:2], box[2:] - centre]) / stride
        points[level][at] = ((five - centre) / stride).flatten()
    return [*scores, *boxes, *points]


def box_around(points, room=40):
    return np.concatenate([points.min(0) - room, points.max(0) + room])


@pytest.mark.parametrize("size", [(640, 640), (1280, 640), (320, 160)])
def test_the_largest_face(size):
    """Of several; in pixels of the picture, whatever size the detector sees it in."""
    seen, small = [], POINTS * 0.4 + 20
    found = outputs([
        (0.9, box_around(small, 10), small, 0),
        (0.8, box_around(POINTS), POINTS, 2),
        (0.7, box_around(POINTS + 3), POINTS + 3, 1),  # the same face once more
        (0.4, box_around(POINTS, 150), POINTS, 0),  # not sure enough
    ])  # fmt: skip
    picture = np.full((size[1], size[0], 3), 255, np.uint8)
    points = identity.largest_face(picture, lambda batch: seen.append(batch) or found)
    scale = min(640 / size[0], 640 / size[1])
    assert np.allclose(points, POINTS / scale, atol=1e-3)
    (batch,) = seen
    assert batch.shape == (1, 3, 640, 640) and batch.dtype == np.float32
    inside = batch[0, 0] > 0
    assert inside.sum() == round(size[0] * scale) * round(size[1] * scale)
    assert batch.max() == np.float32(127.5 / 128)


def test_one_face_is_found_once():
    boxes = np.array([(0, 0, 100, 100), (5, 5, 105, 105), (80, 80, 180, 180), (0, 0, 99, 70)])
    assert identity._apart(boxes, np.array([0.6, 0.9, 0.7, 0.5])) == [1, 2]


def test_no_face():
    picture = np.zeros((50, 70, 3), np.uint8)
    assert identity.largest_face(picture, lambda batch: outputs([])) is None
    assert identity.embedding(picture, lambda batch: outputs([]), None) is None


def test_another_detector():
    with pytest.raises(WeightsError, match="6 outputs and not 9"):
        identity.largest_face(np.zeros((8, 8, 3), np.uint8), lambda batch: outputs([])[:6])


@pytest.mark.parametrize("angle", [0, 20, -35])
@pytest.mark.parametrize("scale", [0.7, 2.0])
def test_a_face_is_turned_upright(angle, scale):
    """Dots on eyes, nose and mouth come to where the recogniser was trained to see them."""
    turn = scale * np.exp(1j * np.radians(angle))
    z = (identity.TEMPLATE[:, 0] + 1j * identity.TEMPLATE[:, 1]) * turn + (180 + 160j)
    picture = np.zeros((500, 500, 3), np.uint8)
    y, x = np.mgrid[:500, :500]
    for i, at in enumerate(z):
        picture[(x - at.real) ** 2 + (y - at.imag) ** 2 < (4 * scale) ** 2] = 50 * (i + 1)
    points = np.stack([z.real, z.imag], 1)
    square = identity.aligned(picture, points)
    assert square.shape == (112, 112, 3)
    for i, (u, v) in enumerate(identity.TEMPLATE):
        assert abs(int(square[round(v), round(u), 0]) - 50 * (i + 1)) <= 1
    uneven = points + np.random.default_rng(0).normal(0, 2 * scale, points.shape)
    assert np.abs(identity.aligned(picture, uneven).astype(int) - square).mean() < 20


def test_against_scipy():
    """Sampled between four pixels, as `map_coordinates` does."""
    from scipy import ndimage

    picture = demo_picture(64)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 63, (2, 20, 30))
    wanted = [ndimage.map_coordinates(picture[..., c].astype(float), [y, x], order=1)
              for c in range(3)]  # fmt: skip
    found = identity._sampled(picture, x, y)
    assert np.abs(found - np.stack(wanted, -1)).max() <= 1
    assert (identity._sampled(picture, x + 200, y) == 0).all()


def test_an_embedding():
    seen = []

    def recognise(batch):
        seen.append(batch)
        return [np.arange(512, dtype=np.float64)[None]]

    found = [(0.9, box_around(POINTS), POINTS, 1)]
    made = identity.embedding(demo_picture(640), lambda batch: outputs(found), recognise)
    assert made.dtype == np.float32 and made.tolist() == list(range(512))
    assert seen[0].shape == (1, 3, 112, 112) and -1 <= seen[0].min() < seen[0].max() <= 1


class Session:
    def __init__(self, path, providers):
        if "broken" in path:
            raise RuntimeError("protobuf parsing failed")
        assert providers == ["CPUExecutionProvider"]

    def get_inputs(self):
        return [types.SimpleNamespace(name="input.1")]

    def run(self, names, feed):
        assert names is None
        return [feed["input.1"] + 1]


def test_onnx_runtime(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxruntime", types.SimpleNamespace(InferenceSession=Session))
    assert identity.session(tmp_path / "fine.onnx")(np.ones(2))[0].tolist() == [2, 2]
    with pytest.raises(WeightsError, match=r"broken\.onnx cannot be read as ONNX \(protobuf"):
        identity.session(tmp_path / "broken.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineError, match=r"pip install 'imgsync\[hallo2\]'"):
        identity.session(tmp_path / "fine.onnx")
