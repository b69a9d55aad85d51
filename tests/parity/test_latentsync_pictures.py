"""LatentSync's picture steps against the published code's numbers."""

import hashlib
import json

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from imgsync_core.engines.latentsync import mask as masks
from imgsync_core.engines.latentsync.align import Aligner, Geometry
from imgsync_core.engines.latentsync.published import edge_masks, restored, unsqueezed
from imgsync_core.engines.runtime.crop import crops, inverse, pixel_values, upright
from imgsync_core.engines.runtime.lanczos import resized
from imgsync_core.timeline import mirrored_index

from .goldens import DEFAULT, FOLDER, close, goldens

ALIGNMENTS = goldens("latentsync", "affine_*")
MASKS = goldens("latentsync", "mask*")
MATRIX, SOFT = 1e-4, 1e-3


def same_picture(actual, expected: Tensor) -> None:
    """uint8: no value off by more than 1, at most 0.5 % off by 1."""
    actual = torch.as_tensor(actual)
    assert actual.shape == expected.shape and actual.dtype == expected.dtype == torch.uint8
    off = (actual.int() - expected.int()).abs()
    assert off.max() <= 1
    assert (off > 0).float().mean() <= 0.005


def hwc(picture: Tensor) -> Tensor:
    return picture.permute(1, 2, 0)


def frames_of(golden) -> list[int]:
    return [i for i in range(len(golden.keys)) if f"in.points_{i}" in golden]


def geometry_of(golden) -> Geometry:
    return Geometry(golden.config["resolution"])


@pytest.mark.parametrize("golden", ALIGNMENTS)
def test_the_canonical_crop(golden):
    geometry = geometry_of(golden)
    assert list(geometry.size) == golden.config["face_size_wh"]
    close(geometry.template(torch.zeros(1)), golden["out.template"], MATRIX)


@pytest.mark.parametrize("golden", ALIGNMENTS)
def test_matrices(golden):
    """Frame after frame, as the bias is carried on; then again all at once."""
    geometry, frames = geometry_of(golden), frames_of(golden)
    carried, plain = Aligner(geometry, bias=True), Aligner(geometry, bias=False)
    for i in frames:
        points = golden[f"in.points_{i}"][None]
        close(carried.matrices(points)[0], golden[f"out.matrix_{i}"], MATRIX)
        close(carried.bias, golden[f"out.bias_{i}"], MATRIX)
        close(plain.matrices(points)[0], golden[f"out.matrix_nosmooth_{i}"], MATRIX)
    together = torch.stack([golden[f"in.points_{i}"] for i in frames])
    expected = torch.stack([golden[f"out.matrix_{i}"] for i in frames])
    close(Aligner(geometry, bias=True).matrices(together), expected, MATRIX)


@pytest.mark.parametrize("golden", ALIGNMENTS)
def test_crops(golden):
    geometry, image = geometry_of(golden), golden["in.image"].numpy()
    for i in frames_of(golden):
        matrix = golden[f"out.matrix_{i}"]
        crop = golden[f"out.crop_{i}"]
        for whole in (True, False):
            same_picture(hwc(upright(image, matrix, geometry, whole=whole)), crop)
        side = (geometry.resolution, geometry.resolution)
        same_picture(hwc(resized(crop.permute(2, 0, 1), side)), golden[f"out.aligned_{i}"])
        aligned = crops(image[None], matrix[None], geometry)
        same_picture(hwc(aligned[0]), golden[f"out.aligned_{i}"])


def face_of(golden, i: int) -> Tensor:
    """The drawn face that a golden restores, (3, R, R)."""
    if f"in.face_{i}" in golden:
        return golden[f"in.face_{i}"]
    side = golden.config["resolution"]
    small = golden[f"in.face_lowres_{i}"][None]
    return functional.interpolate(small, (side, side), mode="bilinear", align_corners=False)[0]


@pytest.mark.parametrize("golden", ALIGNMENTS)
def test_restoring(golden):
    geometry, image = geometry_of(golden), golden["in.image"].numpy()
    size = image.shape[1], image.shape[0]
    for match, expected in golden.outputs(r"restored_(\d+)"):
        i = int(match[1])
        matrix, face = golden[f"out.matrix_{i}"], face_of(golden, i)
        close(inverse(matrix[None])[0], golden[f"out.inv_matrix_{i}"], MATRIX)
        edge = edge_masks(matrix, geometry.size, size)
        masks_by_name = {
            "inv_mask": edge.whole, "eroded": edge.eroded,
            "center": edge.centre, "soft_mask": edge.soft,
        }  # fmt: skip
        for name, mask in masks_by_name.items():
            close(mask, golden[f"out.{name}_{i}"], SOFT, relative=False)
        assert 2 * edge.width + 1 == int(golden[f"out.blur_{i}"][0])
        if f"out.face_resized_{i}" in golden:
            close(unsqueezed(face[None], geometry.size)[0], golden[f"out.face_resized_{i}"], 2e-5)
        same_picture(restored(image, face, matrix, geometry), expected)


@pytest.mark.parametrize("golden", MASKS)
def test_the_fixed_mask(golden):
    for match, expected in golden.outputs(r"mask_(\d+)_u8"):
        mask = masks.fixed_mask(int(match[1]))
        same_picture((mask[0] * 255).round().to(torch.uint8), expected)
    for match, expected in golden.outputs(r"mask_(\d+)"):
        close(masks.fixed_mask(int(match[1]))[0], expected, 1 / 255 + 1e-6)
    for match, expected in golden.outputs(r"mask_latent_(\d+)"):
        made = masks.latent_mask(masks.fixed_mask(int(match[1])))[0]
        close(made, expected, 1 / 255 + 1e-6)


@pytest.mark.parametrize("golden", MASKS)
def test_masked_pixels(golden):
    faces = golden["in.faces_u8"]
    values = pixel_values(faces)
    close(values, golden["out.pixel_values"], 2e-5)
    masked = values * masks.fixed_mask(faces.shape[-1])
    close(masked, golden["out.masked_pixel_values"], 1 / 255 + 1e-6)


def test_the_mask_is_the_published_one_to_the_last_pixel():
    tried = [folder / "latentsync" / "mask_runs.json" for folder in (FOLDER, DEFAULT)]
    path = next((path for path in tried if path.is_file()), None)
    if path is None:
        pytest.skip(f"no {tried[0]}; set IMGSYNC_GOLDENS")
    listed = json.loads(path.read_text(encoding="utf-8"))
    mask = (masks.fixed_mask(listed["size"][0])[0] * 255).round().to(torch.uint8).numpy()
    assert hashlib.sha256(mask.tobytes()).hexdigest() == listed["sha256_of_raw_u8_single_channel"]
    drawn = np.zeros(listed["size"], bool)
    for row, runs in listed["rows"]:
        for first, last in runs:
            drawn[row, first : last + 1] = True
    assert np.array_equal(mask == 0, drawn)


@pytest.mark.parametrize("golden", goldens("latentsync", "loop_indices*"))
def test_which_frame_is_shown(golden):
    for match, expected in golden.outputs(r"src_index_v(\d+)_a(\d+)"):
        shown = mirrored_index(np.arange(int(match[2])), int(match[1]))
        assert shown.tolist() == expected.tolist()
