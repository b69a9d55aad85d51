"""What LatentSync's UNet hears: log-mel, pieces and windows against the published code's."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from imgsync_core.audio import whisper_features as speech
from imgsync_core.audio import whisper_mel

from .goldens import close, goldens
from .test_whisper import encoder_of

GOLDENS = goldens("latentsync", "whisper*")


def blocks_of(golden, size: int):
    waveform = golden["in.waveform"].numpy()
    return lambda: (waveform[i : i + size] for i in range(0, len(waveform), size))


@pytest.mark.parametrize("golden", goldens("latentsync", "whisper"))
def test_mel_filters(golden):
    close(whisper_mel.mel_filters(), golden["in.mel_filters"], 2e-5)


@pytest.mark.parametrize("size", [10**9, 1600, 317])
@pytest.mark.parametrize("golden", GOLDENS)
def test_log_mel(golden, size):
    """The same however the sound comes in pieces."""
    blocks = blocks_of(golden, size)
    log = torch.cat(list(whisper_mel.log_power(blocks())), 1)
    mel = whisper_mel.normalised(log, whisper_mel.loudest(blocks()))
    assert mel.shape[1] == whisper_mel.n_frames(len(golden["in.waveform"]))
    if "out.log_mel" in golden:
        close(mel, golden["out.log_mel"], 2e-5)
        return
    stft = torch.stft(
        golden["in.waveform"], 400, 160, window=torch.hann_window(400), return_complex=True
    )
    power = whisper_mel.mel_filters() @ stft[:, :-1].abs().square()
    log = power.clamp(min=1e-10).log10()
    close(mel, (log.clamp(min=log.max() - 8) + 4) / 4, 2e-5)


@pytest.mark.parametrize("golden", GOLDENS)
def test_which_features_belong_to_a_frame(golden):
    config = golden.config
    fps, reach = Fraction(config["fps"]), tuple(config["audio_feat_length"])
    n = speech.n_features(len(golden["in.waveform"]))
    assert n == len(golden["out.features"])
    count = speech.n_chunks(n, fps)
    assert [count] == golden["out.num_chunks"].flatten().tolist()
    indices = speech.chunk_indices(0, count, fps, n, reach)
    assert indices.tolist() == golden["out.chunk_indices"].tolist()


@pytest.mark.parametrize("golden", GOLDENS)
def test_features_of_all_frames(golden):
    """From the waveform to what the cross attentions read, window after window."""
    encoder = encoder_of(golden)
    n_samples = len(golden["in.waveform"])
    made = []

    def encode(mel):
        made.append(mel)
        return encoder(mel)

    def run(fps: Fraction) -> torch.Tensor:
        reach = tuple(golden.config["audio_feat_length"])
        features = speech.Features(
            blocks_of(golden, 4000), n_samples, encode, overlapped=False, reach=reach
        )
        count = speech.n_chunks(features.n, fps)
        starts = range(0, count, 16)
        return torch.cat([features.chunks(i, min(i + 16, count), fps) for i in starts])

    chunks = run(Fraction(golden.config["fps"]))
    for match, expected in golden.outputs(r"chunks_(first|last)(\d+)"):
        count = int(match[2])
        part = chunks[:count] if match[1] == "first" else chunks[-count:]
        close(part, expected, 2e-5)
    for match, expected in golden.outputs(r"chunks_(\d+)fps_first(\d+)"):
        close(run(Fraction(int(match[1])))[: int(match[2])], expected, 2e-5)
    frames = whisper_mel.n_frames(n_samples)
    assert len(made) >= -(-frames // speech.PIECE)


def test_the_default_reach_is_the_published_one():
    for param in GOLDENS:
        golden = param.values[0]
        if golden is not None and golden.path.stem in ("whisper", "whisper_long"):
            assert list(speech.REACH) == golden.config["audio_feat_length"]
            assert np.diff(golden["out.chunk_indices"][20].numpy()).tolist() == [1] * 9
