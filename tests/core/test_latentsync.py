"""The LatentSync engine on tiny random checkpoints: lengths, streaming, trouble."""

import threading
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from imgsync_core.audio.speech import Speech
from imgsync_core.engines.base import Host, Scene
from imgsync_core.engines.latentsync import networks, pipeline, spec
from imgsync_core.engines.latentsync.engine import LatentSyncEngine
from imgsync_core.engines.latentsync.spec import OPTIONS
from imgsync_core.engines.options import checked
from imgsync_core.engines.registry import NAMES, engine, options_of
from imgsync_core.engines.runtime.files import locate
from imgsync_core.engines.runtime.networks import placing
from imgsync_core.errors import (
    EngineError,
    InputError,
    MemoryLimitError,
    WeightsError,
)
from imgsync_core.face.geometry import average
from imgsync_core.face.tracks import FaceTrack, StillFace
from imgsync_core.machine import Device
from imgsync_core.media.extend import Extension, extend
from imgsync_core.media.frames import ArrayFrames, PingPong
from imgsync_core.media.sound import ArraySound
from imgsync_core.timeline import Timeline
from imgsync_core.watcher import Watcher

from .hosts import one_thread, places
from .tiny_latentsync import (
    RESOLUTION,
    unet_params,
    write_all,
    write_unet,
    write_vae,
    write_whisper,
)

__all__ = ["one_thread"]

SIZE = (96, 80)
FACE = average(np.array([[38.0, 30.0], [58.0, 30.0]]), "points", 1.0)


class Faces(FaceTrack):
    """A face that drifts, and is not there in some frames."""

    def __init__(self, without=()) -> None:
        self.without, self.asked = set(without), []

    def at(self, index):
        self.asked.append(index)
        return None if index in self.without else FACE.moved(0.2 * index, 0.1 * index)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def loaded(weights):
    """The networks, loaded once for the tests that do not ask how they are loaded."""
    return networks.load(*files_of(options_for(weights)), placing(Host()))


def options_for(folder, **values) -> dict:
    return options(weights=str(folder), **{"resolution": RESOLUTION, "steps": 2, **values})


def options(**values) -> dict:
    return checked(OPTIONS, values, "latentsync")


def files_of(values: dict, models=None) -> tuple:
    return locate(spec.NEEDS, values, models)


def resolution_of(values: dict, models=None) -> int:
    return spec.resolution_of(values["resolution"], files_of(values, models)[0])


def clip(n: int, fps=25) -> ArrayFrames:
    rng = np.random.default_rng(0)
    wall = rng.integers(60, 190, (SIZE[1] + 40, SIZE[0] + 40, 3), dtype=np.uint8)
    frames = [wall[i % 40 : i % 40 + SIZE[1], i % 40 : i % 40 + SIZE[0]] for i in range(n)]
    return ArrayFrames(np.stack(frames), Fraction(fps))


def noise(seconds: float, rate: int = 16000, channels: int = 1) -> ArraySound:
    rng = np.random.default_rng(1)
    n = max(1, round(seconds * rate))
    return ArraySound(rng.normal(0, 0.1, (channels, n)).astype(np.float32), rate)


def dubbed(loaded, source, sound, faces=None, host=None, seed=0, fps=None, **values):
    time = Timeline.of_sound(sound.n_samples, sound.rate, fps or source.fps)
    made = LatentSyncEngine(options_for("unused", **values), host or Host(), loaded)
    return animated(made, source, faces or Faces(), sound, time, seed)


def animated(made, source, faces, sound, time, seed=0):
    """As a job does it: the clip as long as the engine wants it, the face by the clip's frame."""
    shown = extend(source, made.frames_for(sound, time), Extension(made.lengthening))
    return made.animate(Scene(shown, OfClip(faces, shown), Speech(sound), time, seed))


class OfClip(FaceTrack):
    def __init__(self, faces, shown) -> None:
        self.faces, self.shown = faces, shown

    def at(self, index):
        return self.faces.at(self.shown.origin(index)[1])


def all_of(frames, step: int = 3) -> np.ndarray:
    parts = [
        frames.read(i, min(i + step, frames.n_frames)) for i in range(0, frames.n_frames, step)
    ]
    return np.concatenate(parts)


# -- lengths --


@pytest.mark.parametrize("mode", ["default", "reference"])
@pytest.mark.parametrize("fps", [10, 25, Fraction(24000, 1001), Fraction(60000, 1001)])
@pytest.mark.parametrize("n", [1, 5, 40])
def test_as_many_frames_as_the_timeline_has(loaded, mode, fps, n):
    source, sound = clip(n, fps), noise(0.3, 22050)
    made = dubbed(loaded, source, sound, mode=mode, steps=1)
    frames = all_of(made)
    expected = -(-sound.n_samples * Fraction(fps) // sound.rate)
    assert len(frames) == made.n_frames == expected
    assert (made.size, made.fps, made.period) == (SIZE, Fraction(fps), None)


@pytest.mark.parametrize("mode", ["default", "reference"])
@pytest.mark.parametrize("n_samples", [1, 159, 641])
def test_a_sound_shorter_than_a_frame(loaded, mode, n_samples):
    sound = ArraySound(np.full((1, n_samples), 0.2, np.float32), 16000)
    assert len(all_of(dubbed(loaded, clip(3), sound, mode=mode))) == -(-n_samples // 640)


@pytest.mark.parametrize("mode", ["default", "reference"])
def test_silence(loaded, mode):
    sound = ArraySound(np.zeros((2, 8000), np.float32), 16000)
    frames = all_of(dubbed(loaded, clip(5), sound, mode=mode))
    assert len(frames) == 13 and frames.std() > 10


def test_a_timeline_that_goes_on_after_the_sound(loaded):
    """More frames than sound, as a grid asks for: the rest is silence, not the last vowel held."""
    sound, source = noise(0.2), clip(30)
    made = LatentSyncEngine(options_for("unused"), Host(), loaded)
    heard = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            pipeline.Drawer, "denoised", lambda self, c, h, p, on: heard.append(h) or c[:, :4]
        )
        time = Timeline.of_frames(25, 25, sound.rate, sound.n_samples)
        all_of(animated(made, source, Faces(), sound, time))
    tokens = torch.cat(heard)[:16]
    assert (tokens[10] - tokens[4]).abs().max() > 0.1


def test_a_short_clip_goes_there_and_back(loaded):
    """Pixels that nobody draws are those of the frame that is shown."""
    source = clip(4)
    expected = {
        "default": [0, 1, 2, 3, 2, 1, 0, 1, 2, 3],
        "reference": [0, 1, 2, 3, 3, 2, 1, 0, 0, 1],
    }
    for mode, order in expected.items():
        frames = all_of(dubbed(loaded, source, noise(0.4), mode=mode))
        corner = source.read(0, 4)[:, :4, -4:]
        assert np.array_equal(frames[:, :4, -4:], corner[order]), mode


def test_a_clip_made_longer_by_somebody_else(loaded):
    faces = Faces()
    source = PingPong(clip(4), 25)
    frames = all_of(dubbed(loaded, source, noise(1.0), faces))
    assert len(frames) == 25 and len(faces.asked) == 4


def test_a_still(loaded):
    """Encoded once, masked and whole, and every frame has its own lips."""
    encoded = []
    with pytest.MonkeyPatch.context() as patch:
        encode = loaded.vae.encode
        patch.setattr(loaded.vae, "encode", lambda x, **w: encoded.append(len(x)) or encode(x, **w))
        frames = all_of(dubbed(loaded, clip(1), noise(1.0), StillFace(FACE)))
    assert encoded == [1, 1]
    assert len(np.unique(frames.reshape(25, -1), axis=0)) > 16


# -- faces --


def test_frames_without_a_face_pass_untouched(loaded):
    """But for absences so short that they are the finder's: 0.4 s at most, seen on both sides."""
    source, blinks = clip(40), {20, *range(25, 34)}
    frames = all_of(dubbed(loaded, source, noise(1.6), Faces({0, 1, *blinks})))
    same = [np.array_equal(a, b) for a, b in zip(frames, source.read(0, 40), strict=True)]
    assert same == [i in {0, 1} for i in range(40)]


def test_no_window_looks_across_a_longer_absence(loaded):
    source, without = clip(60), set(range(20, 40))
    sizes = []
    denoised = pipeline.Drawer.denoised

    def listen(self, constant, *rest):
        sizes.append(constant.shape[2])
        return denoised(self, constant, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.Drawer, "denoised", listen)
        frames = all_of(dubbed(loaded, source, noise(2.4), Faces(without)))
        assert sizes == [16, 16, 16, 16]
        sizes.clear()
        all_of(dubbed(loaded, source, noise(2.4), Faces(without), mode="reference"))
        assert sizes == [16, 4, 16, 6]  # two more frames than needed, as published
    same = [np.array_equal(a, b) for a, b in zip(frames, source.read(0, 60), strict=True)]
    assert same == [i in without for i in range(60)]


def test_alpha_is_kept(loaded):
    rgba = np.concatenate([clip(3).read(0, 3), np.full((3, *SIZE[::-1], 1), 9, np.uint8)], -1)
    source = ArrayFrames(rgba, Fraction(25))
    for mode in ("default", "reference"):
        frames = all_of(dubbed(loaded, source, noise(0.12), mode=mode))
        assert frames.shape[-1] == 4 and (frames[..., 3] == 9).all()


# -- streaming --


def test_the_same_however_it_is_read(loaded):
    source, sound = clip(30), noise(1.4)
    once = all_of(dubbed(loaded, source, sound, steps=1), 35)
    for step in (1, 20):
        assert np.array_equal(all_of(dubbed(loaded, source, sound, steps=1), step), once)
    made = dubbed(loaded, source, sound, steps=1)
    for start, stop in ((0, 3), (1, 2), (20, 35), (4, 6), (0, 35)):
        assert np.array_equal(made.read(start, stop), once[start:stop])


def test_the_seed_is_all_that_is_left_to_chance(loaded):
    source, sound = clip(5), noise(0.4)
    first, same, other = (all_of(dubbed(loaded, source, sound, seed=s)) for s in (3, 3, 4))
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_one_window_is_held(loaded):
    """However many frames are read, two windows of chunks are the most."""
    made = dubbed(loaded, clip(80), noise(3.2), steps=1)
    most = 0
    for i in range(0, 80, 4):
        made.read(i, i + 4)
        most = max(most, sum(len(chunk.data) for chunk in made._held))
    assert most <= 32


def test_progress(loaded):
    seen, shown = [], []
    made = dubbed(loaded, clip(40), noise(1.6), Faces({5, *range(20, 32)}), steps=3)
    made.watch(Watcher(progress=lambda *a: seen.append(a), frame=shown.append))
    frames = all_of(made)
    done = [a for a, _ in seen]
    assert {total for _, total in seen} == {40}
    assert done == sorted(done) and done[-1] == 40
    assert len(set(done)) > 3 * 3, "each step of each window is told"
    assert len(shown) == 15, "three windows, and twelve frames without a face"
    assert np.array_equal(shown[-1], frames[-1])


class Stop(Exception):
    pass


@pytest.mark.parametrize("after", [1, 4])
def test_cancel_within_one_step(loaded, after):
    calls, forward = [], loaded.unet.forward

    def check():
        if len(calls) >= after:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaded.unet, "forward", lambda *a, **w: calls.append(1) or forward(*a, **w))
        made = dubbed(loaded, clip(20), noise(0.8), steps=20)
        made.watch(Watcher(check))
        with pytest.raises(Stop):
            made.read(0, 1)
        assert len(calls) == after
        calls.clear()
        after = 10**9
        assert made.read(0, 1).shape == (1, *SIZE[::-1], 3), "it can be read again"


def test_cancel_from_another_thread(loaded):
    begun, forward = threading.Event(), loaded.unet.forward
    calls = []

    def slow(*a, **w):
        begun.set()
        calls.append(1)
        return forward(*a, **w)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaded.unet, "forward", slow)
        made, stop = dubbed(loaded, clip(20), noise(0.8), steps=999), threading.Event()
        made.watch(Watcher(lambda: raises(Stop) if stop.is_set() else None))
        errors: list[BaseException] = []

        def read():
            try:
                made.read(0, 1)
            except BaseException as e:
                errors.append(e)

        thread = threading.Thread(target=read)
        thread.start()
        assert begun.wait(120), errors
        stop.set()
        thread.join(120)
    assert isinstance(errors[0], Stop) and len(calls) < 500


def raises(error):
    raise error


def test_a_cancel_between_two_reads_is_not_lost(loaded):
    made = dubbed(loaded, clip(40), noise(1.6), steps=1)
    made.read(0, 1)
    made.watch(Watcher(lambda: raises(Stop)))
    with pytest.raises(Stop):
        made.read(20, 21)


# -- plans --


def test_deepcache_is_close_and_calls_less(loaded):
    source, sound = clip(16), noise(0.64)
    exact, cached = (
        all_of(dubbed(loaded, source, sound, steps=6, deepcache=d)) for d in (False, True)
    )
    assert not np.array_equal(exact, cached)
    calls, hidden = [], loaded.unet._hidden
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaded.unet, "_hidden", lambda *a: calls.append(1) or hidden(*a))
        all_of(dubbed(loaded, source, sound, steps=6, deepcache=True))
        assert len(calls) == 2
        calls.clear()
        all_of(dubbed(loaded, source, sound, steps=6))
        assert len(calls) == 6


def test_low_memory_comes_to_the_same(loaded):
    source, sound = clip(20), noise(0.8)
    plain, low = (all_of(dubbed(loaded, source, sound, low_memory=x)) for x in (False, True))
    assert np.abs(plain.astype(int) - low).max() <= 1


def test_low_memory_leaves_networks_at_home(weights):
    """On the device while they work, in main memory else; `meta` would run nothing."""
    net = networks.load(*files_of(options_for(weights)), placing(Host(), low_memory=True))
    moves = []
    to = net.vae.to
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(net.vae, "to", lambda where: moves.append(str(where)) or to(where))
        with net.place.on(net.vae) as inside:
            assert inside is net.vae
        with pytest.raises(Stop), net.place.on(net.vae):
            raise Stop
    assert moves == ["cpu", "cpu"] * 2


def test_a_host_can_place_networks_itself(weights):
    placed = []

    time = Timeline.of_frames(3, 25, 16000, 1000)
    made = LatentSyncEngine(options_for(weights), Host(place=places(placed)))
    all_of(animated(made, clip(3), Faces(), noise(1 / 16), time))
    assert placed == ["WhisperEncoder", "VAE", "VAE", "UNet", "VAE"]


def fails_once(loaded, patch, message, times=1):
    forward, left = loaded.unet.forward, [times]

    def failing(*a, **w):
        if left[0]:
            left[0] -= 1
            raise RuntimeError(message)
        return forward(*a, **w)

    patch.setattr(loaded.unet, "forward", failing)


OUT = "CUDA out of memory. Tried to allocate 2.00 GiB"


def test_out_of_memory_says_what_to_lower(loaded):
    with pytest.MonkeyPatch.context() as patch:
        fails_once(loaded, patch, OUT, 9)
        made = dubbed(loaded, clip(5), noise(0.2))
        with pytest.raises(MemoryLimitError, match=r"--low-memory.*--auto"):
            made.read(0, 1)
        made = dubbed(loaded, clip(5), noise(0.2), low_memory=True)
        with pytest.raises(MemoryLimitError, match="the CPU") as caught:
            made.read(0, 1)
        assert "--low-memory" not in str(caught.value)


def test_auto_goes_on_once_with_the_frugal_plan(loaded):
    source, sound = clip(20), noise(0.8)
    plain = all_of(dubbed(loaded, source, sound))
    with pytest.MonkeyPatch.context() as patch:
        fails_once(loaded, patch, OUT)
        retried = all_of(dubbed(loaded, source, sound, auto=True))
        assert np.abs(plain.astype(int) - retried).max() <= 1
        fails_once(loaded, patch, OUT, 2)
        with pytest.raises(MemoryLimitError):
            all_of(dubbed(loaded, source, sound, auto=True))


def test_other_trouble_is_not_taken_for_memory(loaded):
    with pytest.MonkeyPatch.context() as patch:
        fails_once(loaded, patch, "shapes do not fit")
        with pytest.raises(RuntimeError, match="shapes"):
            dubbed(loaded, clip(5), noise(0.2), auto=True).read(0, 1)


@pytest.mark.parametrize("place", ["latents", "faces"])
def test_numbers_that_go_wrong_stop_it(loaded, place):
    with pytest.MonkeyPatch.context() as patch:
        if place == "latents":
            forward = loaded.unet.forward
            patch.setattr(loaded.unet, "forward", lambda *a, **w: forward(*a, **w) * torch.nan)
        else:
            decode = loaded.vae.decode
            patch.setattr(loaded.vae, "decode", lambda *a, **w: decode(*a, **w) / 0)
        made = dubbed(loaded, clip(5), noise(0.2))
        with pytest.raises(EngineError, match=rf"{place}.*black"):
            made.read(0, 1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("mode", ["default", "reference"])
def test_networks_in_half_precision(weights, mode, dtype):
    source, sound, time = clip(6), noise(0.24), Timeline.of_frames(6, 25, 16000, 3840)
    exact, half = (
        all_of(
            animated(
                LatentSyncEngine(options_for(weights, mode=mode, steps=1), Host(dtype=kind)),
                source,
                Faces(),
                sound,
                time,
            )
        ).astype(int)
        for kind in (None, dtype)
    )
    assert np.abs(exact - half).mean() < 1.5 and not np.array_equal(exact, half)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("low_memory", [False, True])
@pytest.mark.parametrize("mode", ["default", "reference"])
def test_on_a_gpu(weights, mode, low_memory):
    source, sound, time = clip(20), noise(0.8), Timeline.of_frames(20, 25, 16000, 12800)
    values = options_for(weights, mode=mode, low_memory=low_memory)
    cpu, gpu = (
        all_of(animated(LatentSyncEngine(values, Host(device=d)), source, Faces(), sound, time))
        for d in (Device("cpu", "CPU"), Device("cuda", "GPU"))
    )
    assert np.abs(cpu.astype(int) - gpu).mean() < 1


# -- files --


def run_with(values: dict, models=None):
    time = Timeline.of_frames(2, 25, 16000, 1000)
    made = LatentSyncEngine(values, Host(models=models))
    return all_of(animated(made, clip(2), Faces(), noise(1 / 16), time))


def test_a_folder_of_weights(weights):
    assert len(run_with(options_for(weights))) == 2
    assert len(run_with(options_for(weights / "latentsync_unet.pt"))) == 2


def test_the_models_folder(weights, tmp_path):
    assert resolution_of(options_for(weights, resolution=0)) == 512
    write_unet(tmp_path / "latentsync" / "LatentSync-1.5" / "latentsync_unet.pt")
    write_whisper(tmp_path / "whisper" / "tiny.pt")
    write_vae(tmp_path / "vae" / "sd-vae-ft-mse" / "diffusion_pytorch_model.safetensors")
    for values in (options(), options(weights=str(tmp_path / "latentsync"))):
        assert resolution_of(values, tmp_path) == 256
        assert files_of(values, tmp_path)[0].parent.name == "LatentSync-1.5"
    write_unet(tmp_path / "latentsync" / "LatentSync-1.6" / "latentsync_unet.pt")
    assert resolution_of(options(), tmp_path) == 512


@pytest.mark.parametrize(
    ("folder", "resolution"),
    [
        ("LatentSync-1.5", 256),
        ("models--ByteDance--LatentSync-1.6/snapshots/1a5b", 512),
        ("latentsync_16", 512),
        ("latentsync1.5", 256),
        ("LatentSync", None),
        ("version-1.5", None),
        ("latentsync-21.5", None),
    ],
)
def test_the_version_is_known_by_its_folder(tmp_path, folder, resolution):
    path = tmp_path.joinpath(*folder.split("/")) / "latentsync_unet.pt"
    assert spec.known_resolution(path) == resolution


def test_weights_of_one_version_in_the_size_of_the_other(tmp_path):
    folder = write_all(tmp_path / "LatentSync-1.5")
    with pytest.raises(WeightsError, match=r"1\.5, made for crops of 256 pixels, not 512"):
        resolution_of(options(weights=str(folder), resolution=512))
    assert resolution_of(options(weights=str(folder))) == 256
    with pytest.raises(WeightsError, match="not possible"):
        resolution_of(options(weights=str(write_all(tmp_path / "x")), resolution=100))


def test_missing_files_say_how_to_get_them(tmp_path):
    with pytest.raises(WeightsError, match=r"imgsync models fetch latentsync-1\.6") as caught:
        run_with(options(), tmp_path)
    assert str(tmp_path) in str(caught.value) and "https://" in str(caught.value)
    write_unet(tmp_path / "w" / "latentsync_unet.pt")
    with pytest.raises(WeightsError, match="imgsync models fetch whisper-tiny"):
        run_with(options(weights=str(tmp_path / "w")), tmp_path)
    write_whisper(tmp_path / "w" / "tiny.pt")
    with pytest.raises(WeightsError, match="imgsync models fetch sd-vae-ft-mse"):
        run_with(options(weights=str(tmp_path / "w")), tmp_path)
    for option in ("weights", "whisper", "vae"):
        words = {"weights": str(tmp_path / "w"), option: str(tmp_path / "nowhere")}
        with pytest.raises(WeightsError, match=rf"{option}: there is no"):
            run_with(options(**words), tmp_path)
    with pytest.raises(WeightsError, match=r"holds no latentsync_unet\.pt"):
        run_with(options(weights=str(tmp_path)), tmp_path / "else")


def test_wrong_files(weights, tmp_path):
    whole = (weights / "latentsync_unet.pt").read_bytes()
    cut = tmp_path / "cut.pt"
    cut.write_bytes(whole[: len(whole) // 2])
    vae = weights / "sd-vae-ft-mse" / "diffusion_pytorch_model.safetensors"
    page = tmp_path / "page.pt"
    page.write_text("<!DOCTYPE html>")
    rest = {"whisper": str(weights / "whisper" / "tiny.pt"), "vae": str(vae)}
    for path, words in ((cut, "truncated"), (page, "text instead"), (vae, "another file")):
        with pytest.raises(WeightsError, match=words) as caught:
            run_with(options_for(path, **rest))
        assert path.name in str(caught.value)


def test_files_that_do_not_fit_together(weights, tmp_path):
    params = unet_params()
    four = replace(params, unet=replace(params.unet, in_channels=4))
    path = write_unet(tmp_path / "four.pt", four)
    rest = {"vae": str(weights / "sd-vae-ft-mse"), "whisper": str(weights / "whisper" / "tiny.pt")}
    with pytest.raises(WeightsError, match="4 channels instead of 13"):
        run_with(options_for(path, **rest))
    other = write_whisper(tmp_path / "small.pt", width=24)
    with pytest.raises(WeightsError, match=r"hears 24 channels.*wants 16"):
        run_with(options_for(weights, whisper=str(other)))


# -- choosing --


def test_options_are_declared_and_checked():
    assert NAMES == ("built-in", "latentsync", "musetalk", "echomimic", "hallo2")
    for option in OPTIONS:
        assert option.checked(option.default) == option.default
    strengths = {o.name for o in options_of("built-in") if o.strength}
    assert strengths == {"mouth", "head", "blink", "expression"}
    with pytest.raises(InputError, match="no option 'steps'"):
        engine("built-in", {"steps": 3})
    with pytest.raises(InputError, match=r"head 3\.0 is out of range"):
        engine("built-in", {"head": 3})
    with pytest.raises(InputError, match="steps 0 is out of range"):
        engine("latentsync", {"steps": 0})
    with pytest.raises(InputError, match="guidance 'much' is not a float"):
        engine("latentsync", {"guidance": "much"})
    with pytest.raises(InputError, match="mode 'best' is not one of default, reference"):
        engine("latentsync", {"mode": "best"})
    with pytest.raises(InputError, match="latentsync"):
        engine("nobody")
    assert engine("latentsync", {"steps": "7"}).values["steps"] == 7
