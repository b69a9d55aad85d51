"""Files of weights: what is read, what is refused and what the refusal says."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from imgsync_core.engines.latentsync.model import load_unet
from imgsync_core.errors import WeightsError
from imgsync_core.nn.vae import load_vae
from imgsync_core.nn.weights import fill, load, numbers, read, renamed
from imgsync_core.nn.whisper import load_whisper

from . import tiny

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 2)


def same(found, wanted) -> bool:
    return found.keys() == wanted.keys() and all(found[k].equal(wanted[k]) for k in wanted)


@pytest.mark.parametrize(
    ("wrap", "extras"),
    [
        (lambda x: x, {}),
        (lambda x: {"state_dict": x}, {}),
        (lambda x: {"global_step": 5, "state_dict": x}, {"global_step": 5}),
        (lambda x: {"dims": {"n": 1}, "model_state_dict": x}, {"dims": {"n": 1}}),
        (lambda x: {"model": {"state_dict": x, "epoch": 2}}, {"epoch": 2}),
        (lambda x: {"network": x}, {}),
    ],
)
@pytest.mark.parametrize("suffix", ["pt", "pth", "ckpt", "bin"])
def test_wrappers_are_opened(wrap, extras, suffix, tmp_path):
    path = tmp_path / f"x.{suffix}"
    torch.save(wrap(TENSORS), path)
    checkpoint = read(path)
    assert same(checkpoint.tensors, TENSORS)
    assert checkpoint.extras == extras


def test_files_are_known_by_what_is_in_them(tmp_path):
    save_file(TENSORS, tmp_path / "misnamed.pt")
    assert same(read(tmp_path / "misnamed.pt").tensors, TENSORS)
    torch.save(TENSORS, tmp_path / "misnamed.safetensors")
    assert same(read(tmp_path / "misnamed.safetensors").tensors, TENSORS)
    torch.save(TENSORS, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert same(read(tmp_path / "old.pt").tensors, TENSORS)


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9, 0.999])
def test_truncated_files(kind, share, tmp_path):
    path = tmp_path / f"whole.{kind}"
    big = {**TENSORS, "b": torch.randn(100, 100)}
    save_file(big, path) if kind == "safetensors" else torch.save(big, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(
        WeightsError, match=rf"whole\.{kind} cannot be read as weights: it is trunc"
    ):
        read(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x00" * 200, "cannot be read as weights"),
        (bytes(range(256)) * 4, "cannot be read as weights"),
        (b"PK\x03\x04" + b"x" * 100, "cannot be read as weights"),
        (b"\xff" * 8 + b"{" + b"x" * 100, "cannot be read as weights"),
        (b"<!DOCTYPE html><html>", "fetched a page or a pointer"),
        (b"version https://git-lfs.github.com/spec/v1\n", "fetched a page or a pointer"),
        (pickle.dumps({"a": 1}, protocol=2), "cannot be read as weights"),
    ],
)
def test_other_content(content, says, tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=says) as error:
        read(path)
    assert "x.pt" in str(error.value) and "\n" not in str(error.value)


def test_nothing_but_data_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"a": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(WeightsError, match=r"trap\.pt asks for io\.open to be run"):
        read(tmp_path / "trap.pt")
    assert not (tmp_path / "sprung").exists()


def test_missing_file_folder_and_no_tensors(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.pt: cannot be read \(No such file"):
        read(tmp_path / "none.pt")
    with pytest.raises(WeightsError, match="cannot be read"):
        read(tmp_path)
    torch.save({"step": 1}, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match=r"x\.pt holds no tensors"):
        read(tmp_path / "x.pt")


def loaded(tensors, path, **options):
    save_file(tensors, path)
    return load(path, lambda _: Small(), expected="a small file", **options)


def test_strict_loading(tmp_path):
    path = tmp_path / "x.safetensors"
    network = loaded(TENSORS, path, dtype=torch.float16)
    assert network.a.weight.equal(TENSORS["a.weight"].half())
    assert not network.training and not network.a.weight.requires_grad
    assert loaded(TENSORS, path).a.weight.dtype == torch.float32
    half = {key: x.half() for key, x in TENSORS.items()}
    assert loaded(half, path).a.weight.dtype == torch.float16
    prefixed = {f"m.{key}": x for key, x in TENSORS.items()}
    assert loaded(prefixed, path, renames=((r"^m\.", ""),)).a.bias.equal(TENSORS["a.bias"])
    more = {**TENSORS, "decoder.x": torch.ones(1)}
    assert loaded(more, path, unused=r"decoder\.").a.bias.equal(TENSORS["a.bias"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"b": torch.ones(1)}, r"3 keys, 2 wanted\): 1 unknown \(first: b\)\. Expected a small"),
        ({"a.bias": None}, r"1 keys, 2 wanted\): 1 missing \(first: a\.bias\)\."),
        (
            {"a.weight": torch.ones(3, 2)},
            r"1 of another shape \(first: a\.weight\) with \(3, 2\) instead of \(2, 3\)",
        ),
        (
            {"a.bias": None, "c": torch.ones(1), "d": torch.ones(1)},
            r"2 unknown \(first: c\), 1 missing \(first: a\.bias\)",
        ),
    ],
)
def test_keys_and_shapes_must_fit(change, says, tmp_path):
    tensors = {key: x for key, x in {**TENSORS, **change}.items() if x is not None}
    with pytest.raises(WeightsError, match=says) as error:
        loaded(tensors, tmp_path / "x.safetensors")
    assert str(error.value).startswith("x.safetensors does not fit")


def test_trailing_ones_and_memory_of_convolutions():
    with torch.device("meta"):
        network = nn.ModuleDict({"conv": nn.Conv2d(4, 8, 3), "linear": nn.Linear(4, 2)})
    tensors = {
        "conv.weight": torch.randn(8, 4, 3, 3),
        "conv.bias": torch.randn(8),
        "linear.weight": torch.randn(2, 4, 1, 1),
        "linear.bias": torch.randn(2),
    }
    fill(network, tensors, "x", "y")
    state = network.state_dict()
    assert state["conv.weight"].equal(tensors["conv.weight"])
    assert state["conv.weight"].is_contiguous(memory_format=torch.channels_last)
    assert state["linear.weight"].equal(tensors["linear.weight"][:, :, 0, 0])


def test_names():
    assert renamed({"a.query.weight": 1, "b": 2}, ((r"\.query\.", ".to_q."),)) == {
        "a.to_q.weight": 1,
        "b": 2,
    }
    keys = ["blocks.10.x", "blocks.2.x", "blocks.2.y", "other.blocks.7"]
    assert numbers(keys, r"blocks\.(\d+)\.") == [2, 10]


LOADERS = {"unet": load_unet, "vae": load_vae, "whisper": load_whisper}
WRITERS = {"unet": tiny.latentsync_unet, "vae": tiny.autoencoder, "whisper": tiny.whisper}
WANTED = {"unet": "latentsync_unet.pt", "vae": "sd-vae-ft-mse", "whisper": "tiny.pt"}


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("written", WRITERS)
def test_each_loader_takes_its_own_file_only(loader, written, tmp_path):
    path = WRITERS[written](tmp_path / "some_file")
    if loader == written:
        network = LOADERS[loader](path, dtype=torch.bfloat16)
        assert {p.dtype for p in network.parameters()} == {torch.bfloat16}
        assert not any(p.is_meta for p in network.state_dict().values())
        return
    with pytest.raises(WeightsError, match="some_file") as error:
        LOADERS[loader](path)
    assert WANTED[loader] in str(error.value)


def test_a_unet_of_another_kind(tmp_path):
    path = tiny.latentsync_unet(tmp_path / "unet.pt")
    state = torch.load(path, weights_only=True)["state_dict"]
    torch.save({**state, "conv_in.weight": state["conv_in.weight"][:, :4].clone()}, path)
    with pytest.raises(WeightsError, match=r"unet\.pt is another network .* takes 4 channels"):
        load_unet(path)
    torch.save({k: x for k, x in state.items() if "attn2" not in k and "norm2" not in k}, path)
    with pytest.raises(WeightsError, match=r"hears no audio\. Expected"):
        load_unet(path)
    key = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"
    torch.save({**state, key: state[key][:, :8].clone()}, path)
    with pytest.raises(WeightsError, match=r"1 of another shape \(first: mid_block\.attentions"):
        load_unet(path)


def test_groups_that_do_not_divide_the_width(tmp_path):
    def impossible(_):
        return nn.GroupNorm(32, 20)

    save_file(TENSORS, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"shapes that make no such network .*Expected z"):
        load(tmp_path / "x.safetensors", impossible, expected="z")
