"""What EchoMimic hears and which square it sees, against the published code's numbers."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from imgsync_core.audio import whisper_features as speech
from imgsync_core.audio import whisper_mel
from imgsync_core.engines.echomimic.crop import crop_around
from imgsync_core.engines.runtime.crop import pixel_values
from imgsync_core.engines.runtime.hearing import heard, n_at_16_khz
from imgsync_core.engines.runtime.square import squeezed
from imgsync_core.media.sound import ArraySound

from .goldens import DEFAULT, FOLDER, close, goldens
from .test_whisper import encoder_of

AUDIO = goldens("echomimic", "5_audio*")
GEOMETRY = goldens("echomimic", "9_face_geometry*")


def features_of(golden, name: str) -> speech.Features:
    """As the engine hears in its reference mode, from 16-bit samples."""
    wave = golden[f"in.{name}"].numpy()[None].astype(np.float32) / 32768
    sound = ArraySound(wave, golden.config["sample_rate"])
    assert n_at_16_khz(sound) == wave.shape[1]
    features = heard(sound, encoder_of(golden), lambda: None, overlapped=False, coarse=True)
    features._reach = tuple(golden.config["audio_feat_length"])
    return features


@pytest.mark.parametrize("golden", AUDIO)
def test_mel(golden):
    close(whisper_mel.mel_filters(), golden["const.mel_filters"], 2e-5)
    for name, expected, of in (("wav_int16", "log_mel", slice(None)),
                               ("wav_long_int16", "log_mel_long_tail", None)):  # fmt: skip
        wave = golden[f"in.{name}"].numpy() / np.float32(32768)
        log = torch.cat(list(whisper_mel.log_power([wave])), 1)
        mel = whisper_mel.normalised(log, whisper_mel.loudest([wave]))
        wanted = golden[f"out.{expected}"]
        of = of or slice(mel.shape[1] - wanted.shape[1], None)
        close(mel[:, of], wanted, 5e-5)


@pytest.mark.parametrize("golden", AUDIO)
def test_features_and_what_each_frame_hears(golden):
    reach = tuple(golden.config["audio_feat_length"])
    if FOLDER == DEFAULT:
        assert reach == speech.REACH
    for rate in golden.config["fps"]:
        fps, features = Fraction(rate), features_of(golden, "wav_int16")
        n, wanted = speech.n_chunks(features.n, fps), golden[f"out.chunks_fps{rate}"]
        assert n == len(wanted) == golden.config["info"][f"chunks_fps{rate}"][0]
        indices = speech.chunk_indices(0, n, fps, features.n, reach)
        assert indices.tolist() == golden[f"out.chunk_index_fps{rate}"].tolist()
        parts = [features.chunks(i, min(i + 12, n), fps) for i in range(0, n, 12)]
        close(torch.cat(parts), wanted, 1e-4)
        found = golden["out.features"]
        close(found[torch.from_numpy(indices)].flatten(1, 2), wanted, 0)
    few = golden["in.features384"]
    for match, expected in golden.outputs(r"chunks384_fps(\d+)"):
        fps = Fraction(int(match[1]))
        indices = speech.chunk_indices(0, len(expected), fps, len(few), reach)
        close(few[torch.from_numpy(indices)].flatten(1, 2), expected, 0)


@pytest.mark.parametrize("golden", AUDIO)
def test_longer_than_one_piece(golden):
    """The second piece starts anew after 30 s, with zeros after its end."""
    features, wanted = features_of(golden, "wav_long_int16"), golden["out.features_long_tail"]
    info = golden.config["info"]["long"]
    assert features.n == info["features"][0]
    held = features._from(features.n - len(wanted), features.n)
    close(held[-len(wanted) :], wanted, 1e-4)


def cases(golden):
    for case in golden.config["cases"]:
        yield case, f"case{case['index']:02}"


@pytest.mark.parametrize("golden", GEOMETRY)
def test_squares_and_masks(golden):
    """With the start of the mask where it belongs; there the published code loses the mask."""
    for case, name in cases(golden):
        size = case["width"], case["height"]
        ratios = case["facecrop_dilation_ratio"], case["facemusk_dilation_ratio"]
        crop = crop_around(case["bbox"], size, *ratios)
        square = crop.square
        around = [square.left, square.top, square.left + square.side, square.top + square.side]
        assert around == case["square_crop_xyxy"]
        side = case["out_size"][0]
        mask = crop.mask(side) * 255
        wanted = golden[f"out.{name}.mask_resized_clamped_uint8"]
        assert (mask[0, 0] - wanted.float()).abs().max() <= 1
        published = golden[f"out.{name}.mask_resized_uint8"]
        assert torch.equal(published, wanted) is not case["clamping_changes_mask"]
        tensor = golden[f"out.{name}.mask_tensor"]
        if not case["clamping_changes_mask"]:
            close(crop.mask(side), tensor[:, :, 0], 1 / 254)


@pytest.mark.parametrize("golden", GEOMETRY)
def test_what_the_autoencoder_gets(golden):
    seen = 0
    for case, name in cases(golden):
        if f"in.{name}.image_bgr_uint8" not in golden:
            continue
        frame = golden[f"in.{name}.image_bgr_uint8"].numpy()[..., ::-1]
        ratios = case["facecrop_dilation_ratio"], case["facemusk_dilation_ratio"]
        square = crop_around(case["bbox"], (case["width"], case["height"]), *ratios).square
        pixels = torch.from_numpy(square.of(frame).copy()).permute(2, 0, 1)[None]
        small = squeezed(pixels, case["out_size"][0], filtered=False)
        wanted = golden[f"out.{name}.image_bgr_resized_uint8"].flip(-1).permute(2, 0, 1)
        assert (small[0] - wanted.float()).abs().max() <= 1
        close(pixel_values(small), golden[f"out.{name}.vae_input"], 1 / 127)
        seen += 1
    assert seen
