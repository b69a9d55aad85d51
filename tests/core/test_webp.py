"""Metadata in WebP: read back by Pillow, pictures untouched."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from imgsync_core.media.webp import set_metadata

GRAPH = {"prompt": {"1": {"inputs": {}}}, "workflow": {"nodes": [1, 2], "text": "ü" * 501}}


def made(frames, lossless):
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 255, (17, 23, 3), np.uint8)) for _ in range(frames)]
    file = io.BytesIO()
    images[0].save(
        file, "webp", lossless=lossless, save_all=frames > 1, append_images=images[1:], duration=40
    )
    return file


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("lossless", [True, False])
def test_prompt_and_workflow(frames, lossless):
    file = made(frames, lossless)
    before = Image.open(io.BytesIO(file.getvalue())).convert("RGB")
    set_metadata(file, GRAPH, (23, 17))
    image = Image.open(file)
    exif = image.getexif()
    for tag, key in ((0x0110, "prompt"), (0x010F, "workflow")):
        name, _, text = exif[tag].partition(":")
        assert name == key and json.loads(text) == GRAPH[key]
    assert getattr(image, "n_frames", 1) == frames
    assert np.array_equal(np.asarray(image.convert("RGB")), np.asarray(before))
    assert int.from_bytes(file.getvalue()[4:8], "little") == len(file.getvalue()) - 8


def test_nothing_to_add_changes_nothing():
    file = made(2, True)
    before = file.getvalue()
    set_metadata(file, {"comment": "x"}, (23, 17))
    assert file.getvalue() == before
