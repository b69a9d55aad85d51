"""MuseTalk's networks and what it hears, against the published code's numbers."""

from fractions import Fraction

import pytest
import torch

from imgsync_core.audio import whisper_mel
from imgsync_core.engines.base import PLAIN
from imgsync_core.engines.musetalk import model
from imgsync_core.engines.musetalk.pipeline import Drawer
from imgsync_core.engines.musetalk.published import PublishedFeatures
from imgsync_core.engines.runtime.lips import Networks
from imgsync_core.engines.runtime.networks import placing
from imgsync_core.nn import vae, whisper
from imgsync_core.nn.hearing import AUDIO, hearing_params
from imgsync_core.nn.stages import Cond, Context, ResBlock, transformer
from imgsync_core.nn.temporal import positions
from imgsync_core.nn.unet import UNet
from imgsync_core.nn.weights import Checkpoint, fill, renamed

from .goldens import close, goldens

TOLERANCE = 2e-5


def filled(network, weights):
    return fill(network, weights, "golden", "itself")


def unet_of(config: dict, weights: dict) -> UNet:
    heads, groups = config["attention_head_dim"], config["norm_num_groups"]
    params = hearing_params(weights, heads=heads, groups=groups, joint=False)
    assert params.unet.widths == tuple(config["block_out_channels"])
    assert params.unet.in_channels == config["in_channels"] == model.CHANNELS
    assert params.audio == config["cross_attention_dim"]
    with torch.device("meta"):
        unet = model.build(params)
    return filled(unet, weights)


def vae_of(config: dict, weights: dict) -> vae.VAE:
    weights = renamed(weights, vae.RENAMES)
    with torch.device("meta"):
        network = vae.VAE(vae.recognise(weights, groups=config["norm_num_groups"]))
    return filled(network, weights)


def encoder_of(config: dict, weights: dict) -> whisper.WhisperEncoder:
    """Heads are no multiple of the usual width here, so that the file has to say them."""
    weights = renamed(weights, whisper.RENAMES)
    dims = {"n_audio_head": config["encoder_attention_heads"]}
    params = whisper.recognise(Checkpoint(weights, {"dims": dims}))
    assert (params.width, params.layers) == (config["d_model"], config["encoder_layers"])
    with torch.device("meta"):
        network = whisper.WhisperEncoder(params)
    return filled(network, weights)


def networks_of(**parts) -> Networks:
    every = {"unet": None, "vae": None, "whisper": None, **parts}
    return Networks(**every, place=placing(PLAIN))


# -- networks --


@pytest.mark.parametrize("golden", goldens("musetalk", "unet_*"))
def test_unet(golden):
    unet = unet_of(golden.config["params"], golden.weights())
    sample, audio = golden["in.sample"], golden["in.encoder_hidden_states"]
    seen = 0
    for match, expected in golden.outputs(r"sample_t(\d+)(?:_first(\d+))?"):
        first = int(match[2] or len(sample))
        cond = Cond(context={AUDIO: Context(audio[:first])})
        made = unet(sample[:first, :, None], int(match[1]), cond)[:, :, 0]
        close(made, expected, TOLERANCE)
        # folded as the frames of a clip they do not know of each other either
        folded = unet(sample[:first].transpose(0, 1)[None], int(match[1]), cond)[0]
        close(folded.transpose(0, 1), expected, TOLERANCE)
        seen += 1
    assert seen
    for _, expected in golden.outputs("conv_in"):
        close(unet.conv_in(sample), expected, TOLERANCE)
    for match, expected in golden.outputs(r"time_embedding_t(\d+)"):
        made = unet.time_embedding(torch.tensor([int(match[1])]), sample)
        close(made, expected, TOLERANCE)


@pytest.mark.parametrize("golden", goldens("musetalk", "unet_*"))
def test_one_picture_for_many_sounds(golden):
    """A still: what does not depend on the sound is made once, and comes to the same."""
    unet = unet_of(golden.config["params"], golden.weights())
    sample, audio = golden["in.sample"][:1, :, None], golden["in.encoder_hidden_states"]
    cond = Cond(context={AUDIO: Context(audio)})
    close(
        unet(sample, 0, cond), unet(sample.expand(len(audio), -1, -1, -1, -1), 0, cond), TOLERANCE
    )


@pytest.mark.parametrize("golden", goldens("musetalk", "resnet_block*"))
def test_resnet_block(golden):
    config = golden.config
    with torch.device("meta"):
        block = ResBlock(
            config["in_channels"], config["out_channels"], time=config["temb_channels"],
            groups=config["groups"], eps=config["eps"],
        )  # fmt: skip
    block = filled(block, golden.weights())
    for match, expected in golden.outputs(r"hidden_states(_small|)"):
        made = block(golden["in.hidden_states" + match[1]], Cond(time=golden["in.temb"]))
        close(made, expected, TOLERANCE)


@pytest.mark.parametrize("golden", goldens("musetalk", "spatial_transformer*"))
def test_spatial_transformer(golden):
    config = golden.config
    with torch.device("meta"):
        spatial = transformer(
            config["in_channels"], config["num_attention_heads"], reads=AUDIO, site="here",
            groups=config["norm_num_groups"], context=config["cross_attention_dim"],
        )  # fmt: skip
    spatial = filled(spatial, golden.weights())
    cond = Cond(context={AUDIO: Context(golden["in.encoder_hidden_states"])})
    for match, expected in golden.outputs(r"hidden_states(_small|)"):
        close(spatial(golden["in.hidden_states" + match[1]], cond), expected, TOLERANCE)
    wide = spatial.transformer_blocks[0].ff(golden["in.ff_wide"], cond)
    close(wide, golden["out.ff_wide"], TOLERANCE)


@pytest.mark.parametrize("golden", goldens("musetalk", "vae*"))
def test_autoencoder(golden):
    config = golden.config["params"]
    network = vae_of(config, golden.weights())
    scale = golden.config["scaling_factor"]
    posterior = network.encode(golden["in.image"])
    close(posterior.mean, golden["out.mean"], TOLERANCE)
    close(posterior.logvar, golden["out.logvar"], TOLERANCE)
    close(posterior.std, golden["out.std"], TOLERANCE)
    close(posterior.mean * scale, golden["out.mode_scaled"], TOLERANCE)
    close(posterior.sample(golden["in.noise"]) * scale, golden["out.sample_scaled"], TOLERANCE)
    decoded = network.decode(golden["in.latents_scaled"] / scale)
    close(decoded, golden["out.decoded"], TOLERANCE)


# -- sound --


@pytest.mark.parametrize("golden", goldens("musetalk", "positional*"))
def test_positions(golden):
    for match, expected in golden.outputs(r"table_(\d+)_first(\d+)"):
        close(positions(int(match[2]), int(match[1]))[0], expected, TOLERANCE)
    tokens = golden["in.tokens"]
    table = positions(*tokens.shape[1:])
    close(tokens + table, golden["out.tokens"], TOLERANCE)
    half = tokens.half() + table.half()
    close(half.float(), golden["out.tokens_half"], 2e-3, relative=False)  # one bit below 4


@pytest.mark.parametrize("golden", goldens("musetalk", "whisper"))
def test_log_mel(golden):
    close(whisper_mel.mel_filters(), golden["in.mel_filters"], TOLERANCE)


class Heard:
    """The published features of a golden's sound, and what the encoder was given."""

    def __init__(self, golden, config: dict, waveform: torch.Tensor, prefix: str = "") -> None:
        encoder = encoder_of(config, golden.weights(prefix))
        self.networks = networks_of(whisper=encoder)
        self.waveform, self.mels, self.states = waveform.float().numpy(), [], []

    def encode(self, mel: torch.Tensor) -> torch.Tensor:
        self.mels.append(mel[0])
        self.states.append(self.networks.hear_normed(mel)[0])
        return self.states[-1][None]

    def chunks(self, fps: Fraction, count: int, at_once: int = 16) -> torch.Tensor:
        self.mels, self.states = [], []
        wave = self.waveform
        features = PublishedFeatures(
            lambda: (wave[i : i + 7001] for i in range(0, len(wave), 7001)),
            len(wave), self.encode, overlapped=False,
        )  # fmt: skip
        starts = range(0, count, at_once)
        return torch.cat([features.chunks(i, min(i + at_once, count), fps) for i in starts])


@pytest.mark.parametrize("golden", goldens("musetalk", "whisper"))
def test_windows_at_all_rates(golden):
    heard = Heard(golden, golden.config, golden["in.waveform"])
    rates = list(golden.outputs(r"chunks_([\d.]+)fps_count"))
    assert len(rates) > 3
    for match, count in rates:
        fps, name = Fraction(match[1]).limit_denominator(1001), f"out.chunks_{match[1]}fps"
        n = int(count)
        assert n == int(len(heard.waveform) * int(fps) // 16000)
        made = heard.chunks(fps, n)
        if name in golden:
            close(made, golden[name], TOLERANCE)
        else:
            ends = torch.cat([made[:4], made[-4:]])
            close(ends, golden[f"{name}_first4_last4"], TOLERANCE)
    chunks = heard.chunks(Fraction(25), 8)
    for match, expected in golden.outputs(r"chunks_25fps_with_pe_first(\d+)"):
        part = chunks[: int(match[1])]
        close(part + positions(*part.shape[1:]), expected, TOLERANCE)


@pytest.mark.parametrize("golden", goldens("musetalk", "whisper"))
def test_states_and_what_the_encoder_gets(golden):
    heard = Heard(golden, golden.config, golden["in.waveform"])
    heard.chunks(Fraction(25), 8)
    (mel,), (states,) = heard.mels, heard.states
    for match, expected in golden.outputs(r"input_features_(first|last)(\d+)"):
        part = mel[:, : int(match[2])] if match[1] == "first" else mel[:, -int(match[2]) :]
        close(part, expected, 1e-4, relative=False)
    for match, expected in golden.outputs(r"hidden_states_(first|last)(\d+)"):
        k = int(match[2])
        part = states[:k] if match[1] == "first" else states[-k:]
        close(part, expected, TOLERANCE)


@pytest.mark.parametrize("golden", goldens("musetalk", "whisper_long*"))
def test_a_sound_of_several_pieces(golden):
    heard = Heard(golden, golden.config, golden["in.waveform"])
    count = int(golden["out.count"])
    chunks = heard.chunks(Fraction(25), count)
    assert len(heard.mels) == int(golden["out.n_pieces"])
    for match, expected in golden.outputs(r"input_features_piece(\d+)_first(\d+)"):
        close(heard.mels[int(match[1])][:, : int(match[2])], expected, 1e-4, relative=False)
    for match, expected in golden.outputs(r"chunks_(first|last)(\d+)"):
        k = int(match[2])
        close(chunks[:k] if match[1] == "first" else chunks[-k:], expected, TOLERANCE)
    for match, expected in golden.outputs(r"chunks_(\d+)_to_(\d+)"):
        close(chunks[int(match[1]) : int(match[2])], expected, TOLERANCE)


# -- latents --


@pytest.mark.parametrize("golden", goldens("musetalk", "crop_latents*"))
def test_latents(golden, monkeypatch):
    config = golden.config["vae"]
    networks = networks_of(vae=vae_of(config, golden.weights()))
    for match, expected in golden.outputs(r"latents_mode_(\d+)"):
        crop = golden[f"out.crop_bgr_{match[1]}"].flip(-1).permute(2, 0, 1)[None]
        close(Drawer(networks).given(crop, False), expected, TOLERANCE)
        close(Drawer(networks).given(crop, True), expected, TOLERANCE)
        drawn = iter(golden[f"in.noise_{match[1]}"].chunk(2, 1))  # the masked picture's first
        with monkeypatch.context() as patch:
            patch.setattr(torch, "randn", lambda *_, drawn=drawn, **__: next(drawn))
            sampled = Drawer(networks, seed=0).given(crop, False)
        close(sampled, golden[f"out.latents_sampled_{match[1]}"], TOLERANCE)
