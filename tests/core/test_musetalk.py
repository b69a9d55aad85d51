"""The MuseTalk engine on tiny random checkpoints: lengths, streaming, trouble."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from imgsync_core.audio.speech import Speech
from imgsync_core.engines.base import Host, Scene
from imgsync_core.engines.musetalk import pipeline, spec
from imgsync_core.engines.musetalk.engine import MuseTalkEngine
from imgsync_core.engines.musetalk.model import load_unet
from imgsync_core.engines.musetalk.spec import OPTIONS, VERSIONS
from imgsync_core.engines.options import checked
from imgsync_core.engines.runtime import lips
from imgsync_core.engines.runtime.files import locate
from imgsync_core.engines.runtime.networks import placing
from imgsync_core.errors import EngineError, MemoryLimitError, WeightsError
from imgsync_core.face.geometry import average
from imgsync_core.face.tracks import StillFace
from imgsync_core.machine import Device
from imgsync_core.media.extend import Extension, extend
from imgsync_core.media.frames import ArrayFrames
from imgsync_core.media.sound import ArraySound
from imgsync_core.timeline import Timeline
from imgsync_core.watcher import Watcher

from . import tiny_latentsync
from .hosts import places
from .test_latentsync import FACE, SIZE, Faces, OfClip, all_of, clip, noise
from .tiny_musetalk import unet_params, write_all, write_hf_whisper, write_unet

MODES = ("default", "reference")
OUT = "CUDA out of memory. Tried to allocate 2.00 GiB"


@pytest.fixture(autouse=True)
def small_and_on_one_thread(monkeypatch):
    """Crops of 128 px, a quarter of the work; tests/parity has those of 256."""
    monkeypatch.setattr("imgsync_core.engines.musetalk.engine.SIDE", 128)
    monkeypatch.setattr("imgsync_core.engines.musetalk.engine.FEATHER", 4)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def loaded(weights):
    """The networks, loaded once for the tests that do not ask how they are loaded."""
    return lips.load(load_unet, *locate(spec.NEEDS, options(weights), None), placing(Host()))


def options(folder="", **values) -> dict:
    return checked(OPTIONS, {"weights": str(folder), **values}, "musetalk")


def made_by(loaded, source, sound, faces=None, host=None, seed=0, **values):
    time = Timeline.of_sound(sound.n_samples, sound.rate, source.fps)
    engine = MuseTalkEngine(options(**values), host or Host(), loaded)
    return animated(engine, source, faces or Faces(), sound, time, seed)


def animated(engine, source, faces, sound, time, seed=0):
    shown = extend(source, engine.frames_for(sound, time), Extension(engine.lengthening))
    return engine.animate(Scene(shown, OfClip(faces, shown), Speech(sound), time, seed))


class Quick:
    """In place of the networks, where only the frames around them matter: the identity."""

    @staticmethod
    def over(loaded, patch, lighter: float = 0.0) -> list:
        """Crops come back as they are, or lighter; what is heard at each frame is noted."""
        heard = []

        def draw(self, crops, which, tokens, low_memory, stepped):
            heard.append(tokens)
            values = pipeline.pixel_values(crops)[which]
            return (values + lighter * values.square()).clamp(-1, 1)

        patch.setattr(pipeline.Drawer, "draw", draw)
        return heard


# -- lengths --


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "fps", [1, 12, 25, Fraction(24000, 1001), Fraction(30000, 1001), 50, Fraction(60000, 1001)]
)
def test_as_many_frames_as_the_timeline_has(loaded, mode, fps, monkeypatch):
    """At any rate: none ends early, and none makes it stop."""
    Quick.over(loaded, monkeypatch)
    sound = noise(0.3, 22050)
    made = made_by(loaded, clip(5, fps), sound, mode=mode)
    frames = all_of(made)
    expected = -(-sound.n_samples * Fraction(fps) // sound.rate)
    assert len(frames) == made.n_frames == expected
    assert (made.size, made.fps, made.period) == (SIZE, Fraction(fps), None)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n_samples", [1, 159, 641])
def test_a_sound_shorter_than_a_frame(loaded, mode, n_samples):
    sound = ArraySound(np.full((1, n_samples), 0.2, np.float32), 16000)
    assert len(all_of(made_by(loaded, clip(3), sound, mode=mode))) == -(-n_samples // 640)


@pytest.mark.parametrize("mode", MODES)
def test_silence(loaded, mode):
    sound = ArraySound(np.zeros((2, 1920), np.float32), 16000)
    frames = all_of(made_by(loaded, clip(5), sound, mode=mode))
    assert len(frames) == 3 and frames.std() > 10


def heard_at(loaded, sound, fps, index, mode) -> torch.Tensor:
    """What is heard at one frame of a rate."""
    engine = MuseTalkEngine(options(mode=mode), Host(), loaded)
    time = Timeline.of_sound(sound.n_samples, sound.rate, fps)
    return engine._features(loaded, sound, time, lambda: None).chunks(index, index + 1, fps)


def test_lips_do_not_run_ahead_at_odd_rates(loaded):
    """What is heard after 20 s at 59.94 is what is heard then at 60, where nothing is cut off."""
    sound, odd = noise(20.5), Fraction(60000, 1001)
    at, same = int(20 * odd), 1199
    assert at / odd * 50 // 1 == Fraction(same, 60) * 50 // 1 == 999
    exact = heard_at(loaded, sound, Fraction(60), same, "default")
    ours = heard_at(loaded, sound, odd, at, "default")
    assert torch.allclose(ours, exact, atol=1e-3), "the ends of both pictures differ a little"
    gap = (heard_at(loaded, sound, odd, at, "reference") - exact).abs()
    assert gap.max() > 0.1, "the published rate is cut off to 59, which hears 0.3 s too far"


@pytest.mark.parametrize("fps", [25, 30])
def test_both_ways_hear_the_same_in_the_middle_at_the_trained_rates(loaded, fps):
    """4 features before the frame and 5 after it, as published at 25 and 30."""
    sound = noise(1.0)
    ours, theirs = (heard_at(loaded, sound, Fraction(fps), fps // 2, mode) for mode in MODES)
    assert torch.allclose(ours, theirs, atol=0.02)  # the end is mirrored, or not


def test_a_timeline_that_goes_on_after_the_sound_is_silent(loaded, monkeypatch):
    heard = Quick.over(loaded, monkeypatch)
    sound, source = noise(0.2), clip(30)
    engine = MuseTalkEngine(options(), Host(), loaded)
    time = Timeline.of_frames(25, 25, sound.rate, sound.n_samples)
    all_of(animated(engine, source, Faces(), sound, time))
    tokens = torch.cat(heard)
    assert (tokens[10] - tokens[4]).abs().max() > 0.1


def test_a_short_clip_goes_there_and_back(loaded, monkeypatch):
    Quick.over(loaded, monkeypatch)
    source = clip(4)
    expected = {
        "default": [0, 1, 2, 3, 2, 1, 0, 1, 2, 3],
        "reference": [0, 1, 2, 3, 3, 2, 1, 0, 0, 1],
    }
    for mode, order in expected.items():
        frames = all_of(made_by(loaded, source, noise(0.4), mode=mode))
        corner = source.read(0, 4)[:, :4, -4:]
        assert np.array_equal(frames[:, :4, -4:], corner[order]), mode


@pytest.mark.parametrize(("mode", "calls"), [("default", [1, 1]), ("reference", [8, 8, 1, 1])])
def test_a_still(loaded, mode, calls, monkeypatch):
    """Encoded once, black half and whole; as published each frame has noise of its own."""
    encoded, encode = [], loaded.vae.encode
    monkeypatch.setattr(
        loaded.vae, "encode", lambda x, **w: encoded.append(len(x)) or encode(x, **w)
    )
    frames = all_of(made_by(loaded, clip(1), noise(0.36), StillFace(FACE), mode=mode), 9)
    assert encoded == calls
    assert len(np.unique(frames.reshape(9, -1), axis=0)) > 6


# -- faces --


@pytest.mark.parametrize(("mode", "kept"), [("default", {0, 1}), ("reference", {0, 1, 20})])
def test_frames_without_a_face_pass_untouched(loaded, mode, kept, monkeypatch):
    """And those after them are drawn on their own frame; short absences are bridged by default."""
    heard = Quick.over(loaded, monkeypatch, 0.5)
    source = clip(30)
    made = made_by(loaded, source, noise(1.2), Faces({0, 1, 20}), mode=mode)
    frames, own = all_of(made), source.read(0, 30)
    assert len(torch.cat(heard)) == 30 - len(kept)
    assert {i for i in range(30) if np.array_equal(frames[i], own[i])} == kept
    assert np.array_equal(frames[:, :10], own[:, :10]), "above the box nothing is changed"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("x", "y", "iod"),
    [
        (48, 30, 4.0),
        (48, 30, 0.5),
        (8, 30, 20),
        (90, 30, 20),
        (48, 70, 20),
        (48, 5, 20),
        (48, 40, 90),
    ],
    ids=["tiny", "no face", "left", "right", "bottom", "top", "larger than the picture"],
)
def test_faces_that_are_tiny_or_at_the_border(loaded, mode, x, y, iod, monkeypatch):
    Quick.over(loaded, monkeypatch)
    face = average(np.array([[x - iod / 2, y], [x + iod / 2, y]], float), "points", 1.0)
    source = clip(1)
    frames = all_of(made_by(loaded, source, noise(0.12), StillFace(face), mode=mode))
    assert frames.shape == (3, *SIZE[::-1], 3)


def test_alpha_is_kept(loaded, monkeypatch):
    Quick.over(loaded, monkeypatch)
    rgba = np.concatenate([clip(3).read(0, 3), np.full((3, *SIZE[::-1], 1), 9, np.uint8)], -1)
    for mode in MODES:
        frames = all_of(made_by(loaded, ArrayFrames(rgba, Fraction(25)), noise(0.12), mode=mode))
        assert frames.shape[-1] == 4 and (frames[..., 3] == 9).all()


def test_the_redrawn_half_can_be_moved(loaded):
    """Down the nose by as much as is asked for: rows above keep their pixels to the last bit."""
    source, tops = clip(1), []
    for shift in (-0.2, 0.0, 0.2):
        made = made_by(loaded, source, noise(0.04), StillFace(FACE), shift=shift)
        changed = (all_of(made)[0] != source.read(0, 1)[0]).any(-1)
        tops.append(int(np.flatnonzero(changed.any(1))[0]))
    assert 2 <= tops[1] - tops[0] <= 6 and 2 <= tops[2] - tops[1] <= 6  # 0.2 of 20 px


# -- streaming --


def test_the_same_however_it_is_read(loaded, monkeypatch):
    Quick.over(loaded, monkeypatch, 0.5)
    source, sound = clip(20), noise(0.8)
    once = all_of(made_by(loaded, source, sound), 20)
    for step in (1, 11):
        assert np.array_equal(all_of(made_by(loaded, source, sound), step), once)
    made = made_by(loaded, source, sound)
    for start, stop in ((0, 3), (1, 2), (12, 20), (4, 6), (0, 20)):
        assert np.array_equal(made.read(start, stop), once[start:stop])


def test_batches_change_nothing(loaded, monkeypatch):
    """But for the last bits: frames do not know of each other."""
    source, sound = clip(4), noise(0.16)
    eight = all_of(made_by(loaded, source, sound)).astype(int)
    monkeypatch.setattr("imgsync_core.engines.musetalk.engine.BATCH", 3)
    assert np.abs(all_of(made_by(loaded, source, sound)) - eight).max() <= 1


def test_only_the_published_way_is_left_to_chance(loaded):
    source, sound = clip(3), noise(0.12)
    first, other = (all_of(made_by(loaded, source, sound, seed=s)) for s in (3, 4))
    assert np.array_equal(first, other)
    first, same, other = (
        all_of(made_by(loaded, source, sound, seed=s, mode="reference")) for s in (3, 3, 4)
    )
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_progress(loaded):
    seen, shown = [], []
    made = made_by(loaded, clip(1), noise(1.2), StillFace(FACE))
    made.watch(Watcher(progress=lambda *a: seen.append(a), frame=shown.append))
    frames = all_of(made)
    done = [a for a, _ in seen]
    assert {total for _, total in seen} == {30}
    assert done == sorted(done) and done[-1] == 30
    assert len(set(done)) == 8, "between the pass and the decoding it is told, too"
    assert np.array_equal(shown[-1], frames[-1])


class Stop(Exception):
    pass


def test_cancel_between_the_pass_and_the_decoding(loaded, monkeypatch):
    calls, forward, decoded = [], loaded.unet.forward, []

    def check():
        if calls:
            raise Stop

    monkeypatch.setattr(loaded.unet, "forward", lambda *a, **w: calls.append(1) or forward(*a, **w))
    decode = loaded.vae.decode
    monkeypatch.setattr(loaded.vae, "decode", lambda *a, **w: decoded.append(1) or decode(*a, **w))
    made = made_by(loaded, clip(2), noise(0.08))
    made.watch(Watcher(check))
    with pytest.raises(Stop):
        made.read(0, 1)
    assert len(calls) == 1 and not decoded
    made.watch(Watcher())
    assert made.read(0, 1).shape == (1, *SIZE[::-1], 3), "it can be read again"


# -- plans --


def test_low_memory_comes_to_the_same(loaded):
    source, sound = clip(3), noise(0.12)
    plain, low = (all_of(made_by(loaded, source, sound, low_memory=x)) for x in (False, True))
    assert np.abs(plain.astype(int) - low).max() <= 1


def test_a_host_can_place_networks_itself(weights):
    placed = []

    time = Timeline.of_frames(3, 25, 16000, 1000)
    engine = MuseTalkEngine(options(weights), Host(place=places(placed)))
    all_of(animated(engine, clip(3), Faces(), noise(1 / 16), time))
    assert placed == ["WhisperEncoder"] * 2 + ["VAE"] * 2 + ["UNet", "VAE"]


def fails_once(loaded, patch, message, times=1):
    forward, left = loaded.unet.forward, [times]

    def failing(*a, **w):
        if left[0]:
            left[0] -= 1
            raise RuntimeError(message)
        return forward(*a, **w)

    patch.setattr(loaded.unet, "forward", failing)


def test_out_of_memory(loaded, monkeypatch):
    source, sound = clip(3), noise(0.12)
    plain = all_of(made_by(loaded, source, sound))
    fails_once(loaded, monkeypatch, OUT)
    with pytest.raises(MemoryLimitError, match=r"--low-memory.*--auto"):
        made_by(loaded, source, sound).read(0, 1)
    fails_once(loaded, monkeypatch, OUT)
    retried = all_of(made_by(loaded, source, sound, auto=True))
    assert np.abs(plain.astype(int) - retried).max() <= 1


@pytest.mark.parametrize("place", ["latents", "faces"])
def test_numbers_that_go_wrong_stop_it(loaded, place, monkeypatch):
    """A black mouth is no result."""
    owner, name = (loaded.unet, "forward") if place == "latents" else (loaded.vae, "decode")
    good = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *a, **w: good(*a, **w) * torch.nan)
    with pytest.raises(EngineError, match=rf"{place}.*black"):
        made_by(loaded, clip(5), noise(0.2)).read(0, 1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_networks_in_half_precision(weights, dtype):
    source, sound, time = clip(3), noise(0.12), Timeline.of_frames(3, 25, 16000, 1920)
    exact, half = (
        all_of(
            animated(
                MuseTalkEngine(options(weights), Host(dtype=kind)), source, Faces(), sound, time
            )
        ).astype(int)
        for kind in (None, dtype)
    )
    assert np.abs(exact - half).mean() < 1.5 and not np.array_equal(exact, half)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("low_memory", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_on_a_gpu(weights, mode, low_memory):
    source, sound, time = clip(20), noise(0.8), Timeline.of_frames(20, 25, 16000, 12800)
    values = options(weights, mode=mode, low_memory=low_memory)
    cpu, gpu = (
        all_of(animated(MuseTalkEngine(values, Host(device=d)), source, Faces(), sound, time))
        for d in (Device("cpu", "CPU"), Device("cuda", "GPU"))
    )
    assert np.abs(cpu.astype(int) - gpu).mean() < 1


# -- files --


def run_with(values: dict, models=None):
    time = Timeline.of_frames(2, 25, 16000, 1000)
    engine = MuseTalkEngine(values, Host(models=models))
    return all_of(animated(engine, clip(2), Faces(), noise(1 / 16), time))


def test_places_of_weights(weights, tmp_path):
    """A folder as published, the file itself, and the models folder."""
    rest = {
        "whisper": str(weights / "whisper" / "tiny.pt"), "vae": str(weights / "sd-vae-ft-mse"),
    }  # fmt: skip
    assert len(run_with(options(weights))) == 2
    assert len(run_with(options(weights / "musetalkV15" / "unet.pth", **rest))) == 2
    for name in ("musetalk", "whisper", "vae"):
        (tmp_path / name).mkdir()
    write_unet(tmp_path / "musetalk" / "MuseTalk-1.0" / "pytorch_model.bin")
    write_hf_whisper(tmp_path / "whisper" / "pytorch_model.bin")
    tiny_latentsync.write_vae(
        tmp_path / "vae" / "sd-vae-ft-mse" / "diffusion_pytorch_model.safetensors"
    )
    assert len(run_with(options(), tmp_path)) == 2
    write_unet(tmp_path / "musetalk" / "MuseTalk-1.5" / "unet.pth")
    assert locate(spec.NEEDS, options(), tmp_path)[0].name == "unet.pth"


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_files_of_either_kind_load(tmp_path, kind, wrapped):
    path = write_unet(tmp_path / "unet.pth", wrapped=wrapped)
    if kind == "safetensors":
        state = torch.load(path, weights_only=True)
        state = state["state_dict"] if wrapped else state
        path = tmp_path / "unet.safetensors"
        save_file({key: value.contiguous() for key, value in state.items()}, path)
        assert load_file(path)
    assert load_unet(path).conv_in.in_channels == 8


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("musetalkV15/unet.pth", "1.5"),
        ("musetalk/pytorch_model.bin", "1.0"),
        ("MuseTalk-1.5/unet.pth", "1.5"),
        ("MuseTalk-1.0/pytorch_model.bin", "1.0"),
        ("models--MuseTalk-1.0/unet.pth", "1.0"),
        ("musetalk_v1.5.safetensors", "1.5"),
        ("anything/pytorch_model.bin", "1.0"),
        ("anything/unet.pth", "1.5"),
        ("musetalk-12.5/unet.pth", "1.5"),
    ],
)
def test_the_version_is_known_by_its_name(tmp_path, path, version):
    assert spec.version_of("auto", tmp_path.joinpath(*path.split("/"))) is VERSIONS[version]
    assert spec.version_of("1.0", tmp_path / path) is VERSIONS["1.0"]


def test_versions_draw_different_parts(loaded):
    """1.0 has no margin below the chin and draws up to the outline."""
    source = clip(1)
    new, old = (
        all_of(made_by(loaded, source, noise(0.04), StillFace(FACE), version=v, mode=mode))
        for v, mode in (("1.5", "default"), ("1.0", "default"))
    )
    assert not np.array_equal(new, old)


def test_missing_files_say_how_to_get_them(tmp_path):
    with pytest.raises(WeightsError, match=r"imgsync models fetch musetalk-1\.5") as caught:
        run_with(options(), tmp_path)
    assert str(tmp_path) in str(caught.value) and "https://" in str(caught.value)
    write_unet(tmp_path / "w" / "unet.pth")
    with pytest.raises(WeightsError, match="imgsync models fetch whisper-tiny"):
        run_with(options(tmp_path / "w"), tmp_path)
    with pytest.raises(WeightsError, match=r"holds no unet\.pth"):
        run_with(options(tmp_path), tmp_path / "else")


def test_wrong_files(weights, tmp_path):
    whole = (weights / "musetalkV15" / "unet.pth").read_bytes()
    cut, page = tmp_path / "cut.pth", tmp_path / "page.pth"
    cut.write_bytes(whole[: len(whole) // 2])
    page.write_text("<!DOCTYPE html>")
    vae = weights / "sd-vae-ft-mse" / "diffusion_pytorch_model.safetensors"
    for path, words in ((cut, "truncated"), (page, "text instead"), (vae, "another file")):
        with pytest.raises(WeightsError, match=words) as caught:
            load_unet(path)
        assert path.name in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"in_channels": 9}, "takes 9 channels instead of 8"),  # an inpainting model
        ({"in_channels": 4}, "takes 4 channels instead of 8"),
        ({"audio": 768}, r"reads texts \(768 channels\)"),  # an instructed one
        ({"audio": None}, "hears no audio"),
    ],
)
def test_other_networks_of_this_kind(tmp_path, change, words):
    params = unet_params(heard=change.get("audio", tiny_latentsync.HEARD))
    channels = change.get("in_channels", 8)
    params = replace(params, unet=replace(params.unet, in_channels=channels))
    with pytest.raises(
        WeightsError, match=rf"another network of this kind: it.*{words}.*unet\.pth"
    ):
        load_unet(write_unet(tmp_path / "unet.pth", params))


def test_latentsync_s_weights_and_the_other_way_round(tmp_path):
    from imgsync_core.engines.latentsync.model import load_unet as load_latentsync

    theirs = tiny_latentsync.write_unet(tmp_path / "latentsync_unet.pt")
    with pytest.raises(WeightsError, match="takes 13 channels instead of 8, has motion modules"):
        load_unet(theirs)
    moving = tiny_latentsync.unet_params()
    moving = replace(moving, unet=replace(moving.unet, in_channels=8))
    tiny_latentsync.write_unet(tmp_path / "moving.pt", moving)
    with pytest.raises(WeightsError, match="it has motion modules"):
        load_unet(tmp_path / "moving.pt")
    with pytest.raises(WeightsError, match="takes 8 channels instead of 13"):
        load_latentsync(write_unet(tmp_path / "unet.pth"))


def test_files_that_do_not_fit_together(weights, tmp_path):
    other = tiny_latentsync.write_whisper(tmp_path / "small.pt", width=24)
    with pytest.raises(WeightsError, match=r"hears 24 channels.*wants 16"):
        run_with(options(weights, whisper=str(other)))
