"""The Whisper encoder against the published code's numbers, fed with its log-mel."""

import pytest
import torch

from imgsync_core.nn.weights import fill, renamed
from imgsync_core.nn.whisper import WhisperEncoder, WhisperParams, load_whisper

from .goldens import close, goldens


def encoder_of(golden) -> WhisperEncoder:
    dims = golden.config.get("dims") or golden.config["encoder"]
    params = WhisperParams(
        mels=dims["n_mels"],
        context=dims["n_audio_ctx"],
        width=dims["n_audio_state"],
        heads=dims["n_audio_head"],
        layers=dims["n_audio_layer"],
    )
    with torch.device("meta"):
        encoder = WhisperEncoder(params)
    weights = renamed(golden.weights(), ((r"^encoder\.", ""),))
    return fill(encoder, weights, "golden", "itself")


def states(encoder: WhisperEncoder, mel: torch.Tensor) -> torch.Tensor:
    """Log-mel (mels, t) cut into pieces, zeros after the last, -> (t // 2, layers + 1, width)."""
    whole = 2 * encoder.context
    kept = []
    for piece in mel[None].split(whole, dim=-1):
        length = piece.shape[-1]
        padded = torch.nn.functional.pad(piece, (0, whole - length))
        kept.append(encoder(padded)[0, : length // 2])
    return torch.cat(kept)


GOLDENS = [*goldens("latentsync", "whisper*"), *goldens("echomimic", "5_audio*")]


@pytest.mark.parametrize("golden", GOLDENS)
def test_states_of_all_layers(golden):
    if "out.log_mel" not in golden:
        pytest.skip("the file holds no log-mel to feed the encoder with")
    encoder = encoder_of(golden)
    mel = golden["out.log_mel"]
    close(states(encoder, mel), golden["out.features"], 2e-5)
    whole = torch.nn.functional.pad(mel[None], (0, 2 * encoder.context - mel.shape[-1]))
    all_states = encoder(whole)
    for match, expected in golden.outputs(r"layer_stack_first(\d+)"):
        close(all_states[:, : int(match[1])].transpose(1, 2), expected, 2e-5)
    for match, expected in golden.outputs(r"encoder_ln_post_first(\d+)"):
        close(encoder.ln_post(all_states[:, : int(match[1]), -1]), expected, 2e-5)


@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
@pytest.mark.parametrize("golden", goldens("latentsync", "whisper"))
def test_a_file_as_published_loads(golden, half, tmp_path):
    """Dims and a wrapper around encoder and decoder; the number of heads is in the dims."""
    weights = golden.weights()
    if half:
        weights = {key: x.half() for key, x in weights.items()}
    weights["decoder.token_embedding.weight"] = torch.zeros(3, 4)
    file = {"dims": golden.config["dims"], "model_state_dict": weights}
    torch.save(file, tmp_path / "tiny.pt")
    encoder = load_whisper(tmp_path / "tiny.pt", dtype=torch.float32)
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}
    tolerance = 1e-2 if half else 2e-5  # weights rounded to float16
    close(states(encoder, golden["out.log_mel"]), golden["out.features"], tolerance)
