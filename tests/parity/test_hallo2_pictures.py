"""What Hallo2 hears and where it sees face and lips, against the published code's numbers."""

import numpy as np
import pytest
import torch

from imgsync_core.audio import wav2vec_features as speech
from imgsync_core.audio import wav2vec_pieces
from imgsync_core.engines.runtime import fixed_point as fixed
from imgsync_core.engines.runtime import regions as masks
from imgsync_core.engines.runtime.crop import pixel_values

from .goldens import DEFAULT, FOLDER, close, goldens
from .test_hallo2_nn import hearing_of

AUDIO = goldens("hallo2", "06_wav2vec2*")
MASKS = goldens("hallo2", "09_masks*")


@pytest.mark.parametrize("golden", AUDIO)
def test_hearing_in_pieces(golden, monkeypatch):
    """Two pieces as they were cut there, the last one padded; then a window for each frame."""
    config, network = golden.config, hearing_of(golden)
    assert (config["sample_rate"], config["fps"]) == (speech.RATE, speech.STEPS)
    waves = [golden[key].numpy() for key in golden.keys if key.startswith("in.waveform.")]
    monkeypatch.setattr(wav2vec_pieces, "PIECE", len(waves[0]))
    whole = np.concatenate(waves)
    blocks = np.array_split(whole, 7)
    made = wav2vec_pieces.features(blocks, len(whole), network, config["clip_length"])
    assert made.n == sum(config["segment_frames"])
    parts = [made.windows(i, min(i + 5, made.n), speech.STEPS) for i in range(0, made.n, 5)]
    close(torch.cat(parts), golden["out.windows"], 2e-5)


@pytest.mark.parametrize("golden", AUDIO)
def test_padding_of_the_last_piece(golden):
    lengths, frames = (golden.config[key] for key in ("segment_audio_length", "segment_frames"))
    clip, (first, last) = golden.config["clip_length"], lengths
    padded = wav2vec_pieces.padding(last, first, clip)
    assert (frames[0], last + padded) == (first, frames[1])
    alone = len(golden["out.hidden_states.1.padded_alone"])
    assert last + wav2vec_pieces.padding(last, 0, clip) == alone


@pytest.mark.parametrize("golden", AUDIO)
def test_each_piece_by_itself(golden):
    network = hearing_of(golden)
    for i, length in enumerate(golden.config["segment_audio_length"]):
        samples = golden[f"in.waveform.{i}"].numpy()
        assert speech.n_features(len(samples)) == length
        values = wav2vec_pieces.normalised(samples)
        wanted = golden[f"out.input_values.{i}"][0]
        close(torch.from_numpy(values), wanted[: len(values)], 1e-5)
        assert not wanted[len(values) :].any()
    last = torch.from_numpy(values)[None]
    alone = network(last, length)[0]
    close(alone, golden["out.hidden_states.1.no_padding"], 2e-5)
    close(alone[:, -1], golden["out.last_hidden.1.no_padding"], 2e-5)
    wanted = golden["out.hidden_states.1.padded_alone"]
    more = (len(wanted) - length) * speech.HOP
    padded = torch.nn.functional.pad(last, (0, more))
    close(network(padded, len(wanted))[0], wanted, 2e-5)


@pytest.mark.parametrize("golden", MASKS)
def test_masks(golden):
    """To the last bit, from landmarks to the pyramid."""
    config = golden.config
    for case in config["cases"]:
        name, size = str(case["case"]), (case["W"], case["H"])
        landmarks, resolution = golden[f"in.{name}.landmarks"].numpy(), case["img_size"][0]
        boxes = [
            masks.rectangle(landmarks[config[ids]], size, case[room])
            for ids, room in (("silhouette_ids", "face_expand_ratio"),
                              ("lip_ids", "lip_expand_ratio"))
        ]  # fmt: skip
        face, lips = (masks.filled(box, size) for box in boxes)
        assert torch.equal(face, golden[f"out.{name}.face_mask_u8"])
        assert torch.equal(lips, golden[f"out.{name}.lip_mask_u8"])
        region = fixed.triangular(face, (resolution, resolution))
        assert torch.equal(region, golden[f"out.{name}.face_region_u8"])
        assert torch.equal(masks._soft(face, 51), golden[f"out.{name}.face_mask_blur_u8"])
        regions = masks.soft_regions(face, lips)
        for part, wanted in zip(regions, ("background", "face", "lip"), strict=True):
            assert torch.equal(part, golden[f"out.{name}.sep_{wanted}_u8"])
        levels = masks.pyramid(regions, resolution)
        for i, region in enumerate(("full", "face", "lip")):
            for match, expected in golden.outputs(rf"{name}\.{region}_mask\.(\d+)"):
                close(levels[int(match[1])][i : i + 1], expected, 1e-7)
    if FOLDER == DEFAULT:
        assert case["lip_expand_ratio"] == masks.LIP_ROOM
        assert config["cases"][0]["face_expand_ratio"] == masks.FACE_ROOM


@pytest.mark.parametrize("golden", MASKS)
def test_the_picture_as_it_is_squeezed(golden):
    seen = 0
    for case in golden.config["cases"]:
        name = str(case["case"])
        for match, expected in golden.outputs(rf"{name}\.pixel_values_ref"):
            assert match
            pixels = golden[f"in.{name}.image_u8"].numpy()
            found = fixed.squeezed(pixels, case["img_size"][0])
            close(pixel_values(found), expected, 1e-6)
            seen += 1
    assert seen
