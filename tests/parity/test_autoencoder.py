"""The image autoencoder against the published code's numbers, under both sets of names."""

import pytest
import torch
from safetensors.torch import save_file

from imgsync_core.nn.vae import RENAMES, SCALE, VAE, load_vae, recognise
from imgsync_core.nn.weights import fill, renamed

from .goldens import DEFAULT, FOLDER, close, goldens

TOLERANCE = 2e-5
GOLDENS = [*goldens("latentsync", "vae*"), *goldens("echomimic", "10_vae*")]


def config_of(golden) -> dict:
    return golden.config.get("params") or golden.config["constructor"]


def scale_of(golden) -> float:
    return config_of(golden).get("scaling_factor") or golden.config["scaling_factor"]


def vae_of(golden) -> VAE:
    config = config_of(golden)
    weights = renamed(golden.weights(), RENAMES)
    params = recognise(weights, groups=config["norm_num_groups"])
    assert params.widths == tuple(config["block_out_channels"])
    assert params.layers == config["layers_per_block"]
    assert params.latent == config["latent_channels"]
    with torch.device("meta"):
        vae = VAE(params)
    return fill(vae, weights, "golden", "itself")


@pytest.mark.parametrize("golden", GOLDENS)
def test_scale(golden):
    if FOLDER != DEFAULT:
        pytest.skip("goldens of another folder may have another scale")
    assert scale_of(golden) == SCALE


@pytest.mark.parametrize("golden", GOLDENS)
def test_encode(golden):
    vae = vae_of(golden)
    posterior = vae.encode(golden["in.image"])
    made = {
        "mean": posterior.mean,
        "logvar": posterior.logvar,
        "std": posterior.std,
        "scaled_mean": posterior.mean * scale_of(golden),
    }
    if "in.noise" in golden:
        made["sample"] = posterior.sample(golden["in.noise"])
        made["scaled_sample"] = made["sample"] * scale_of(golden)
    for name in made.keys() & {match[0][4:] for match, _ in golden.outputs(".*")}:
        close(made[name], golden[f"out.{name}"], TOLERANCE)
    close(vae.encode(golden["in.image"], at_once=1).mean, golden["out.mean"], TOLERANCE)


@pytest.mark.parametrize("golden", GOLDENS)
def test_decode(golden):
    vae, scale = vae_of(golden), scale_of(golden)
    if "in.latents_scaled" in golden:
        scaled, expected = golden["in.latents_scaled"], golden["out.decoded"]
    else:
        scaled, expected = golden["in.latents"], golden["out.decoded_from_scaled"]
        close(vae.decode(scaled), golden["out.decoded"], TOLERANCE)
    close(vae.decode(scaled / scale), expected, TOLERANCE)
    close(vae.decode(scaled / scale, at_once=1), expected, TOLERANCE)
    side = max(scaled.shape[-2:])
    close(vae.decode(scaled / scale, tile=side), expected, TOLERANCE)  # one tile is no tile
    tiled = vae.decode(scaled / scale, tile=max(2, side // 2))
    assert tiled.shape == expected.shape and torch.isfinite(tiled).all()
    assert not torch.equal(tiled, expected)


@pytest.mark.parametrize("linear", [(), (1, 1)], ids=["linear", "as 1x1 convolution"])
@pytest.mark.parametrize("style", ["old", "new"])
@pytest.mark.parametrize("kind", ["safetensors", "bin"])
@pytest.mark.parametrize("golden", goldens("latentsync", "vae"))
def test_names_of_either_style_load(golden, style, linear, kind, tmp_path, monkeypatch):
    """Both styles of names, shapes and files give the same network."""
    weights = golden.weights()
    if style == "new":
        weights = renamed(weights, RENAMES)
    weights = {
        key: x.reshape(*x.shape, *linear) if ".attentions." in key and x.ndim == 2 else x
        for key, x in weights.items()
    }
    path = tmp_path / f"vae.{kind}"
    save_file(weights, path) if kind == "safetensors" else torch.save(weights, path)
    groups = config_of(golden)["norm_num_groups"]
    monkeypatch.setattr(recognise, "__defaults__", (groups,))
    vae = load_vae(path)
    close(
        vae.decode(golden["in.latents_scaled"] / scale_of(golden)), golden["out.decoded"], TOLERANCE
    )
