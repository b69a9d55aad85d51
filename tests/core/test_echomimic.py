"""The EchoMimic engine on tiny random checkpoints: lengths, streaming, pasting, trouble."""

import gc
import shutil
from fractions import Fraction

import numpy as np
import pytest
import torch

from imgsync_core.audio.speech import Speech
from imgsync_core.demo import demo_picture
from imgsync_core.engines.base import Host, Scene
from imgsync_core.engines.echomimic import spec
from imgsync_core.engines.echomimic.networks import Networks
from imgsync_core.engines.echomimic.pipeline import Plan
from imgsync_core.engines.registry import engine
from imgsync_core.engines.runtime.files import locate, missing
from imgsync_core.engines.runtime.networks import Library
from imgsync_core.errors import (
    EngineError,
    FaceError,
    InputError,
    MemoryLimitError,
    WeightsError,
)
from imgsync_core.face.geometry import average
from imgsync_core.face.tracks import NoFace, StillFace
from imgsync_core.face.wanted import WantedFace
from imgsync_core.job import Animation, Job, prepare
from imgsync_core.media.frames import ArrayFrames, StillFrames
from imgsync_core.media.picture import Picture
from imgsync_core.media.sound import ArraySound
from imgsync_core.models.published import named
from imgsync_core.nn.reference import RecordingSelf
from imgsync_core.nn.unet import UNet
from imgsync_core.nn.vae import VAE
from imgsync_core.nn.whisper import WhisperEncoder
from imgsync_core.timeline import Timeline
from imgsync_core.watcher import Watcher

from .hosts import one_thread, places
from .tiny_echomimic import (
    RESOLUTION,
    params,
    write_all,
    write_locator,
    write_reference,
    write_unets,
)

__all__ = ["one_thread"]

SIZE = (120, 100)
FACE = average(np.array([[52.0, 42.0], [68.0, 42.0]]), "points", 1.0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("weights"), accelerated=True)


def still(channels: int = 3, size=SIZE) -> StillFrames:
    rng = np.random.default_rng(0)
    frame = rng.integers(60, 190, (size[1], size[0], channels), dtype=np.uint8)
    return ArrayFrames(frame[None], Fraction(25))


def noise(seconds: float, rate: int = 16000, channels: int = 1) -> ArraySound:
    rng = np.random.default_rng(1)
    n = max(1, round(seconds * rate))
    return ArraySound(rng.normal(0, 0.1, (channels, n)).astype(np.float32), rate)


def options(folder, **values) -> dict:
    return {"weights": str(folder), "resolution": RESOLUTION, "steps": 2, "guidance": 2, **values}


def spoken(folder, sound, *, fps=25, source=None, face=FACE, host=None, seed=0, n=None, **values):
    time = Timeline.of_sound(sound.n_samples, sound.rate, fps)
    if n is not None:
        time = Timeline.of_frames(n, fps, sound.rate, sound.n_samples)
    made = engine("echomimic", options(folder, **values), host or Host())
    track = NoFace() if face is None else StillFace(face)
    return made.animate(Scene(source or still(), track, Speech(sound), time, seed))


def all_of(frames, step: int = 5) -> np.ndarray:
    parts = [
        frames.read(i, min(i + step, frames.n_frames)) for i in range(0, frames.n_frames, step)
    ]
    return np.concatenate(parts)


# -- lengths --


@pytest.mark.parametrize("fps", [10, 25, Fraction(24000, 1001), Fraction(60000, 1001)])
def test_as_many_frames_as_the_timeline_has(weights, fps):
    sound = noise(0.4, 22050)
    made = spoken(weights, sound, fps=fps, steps=1)
    frames = all_of(made)
    assert len(frames) == made.n_frames == -(-sound.n_samples * Fraction(fps) // sound.rate)
    assert (made.size, made.fps, made.period) == (SIZE, Fraction(fps), None)
    assert (frames[0] != frames[-1]).any()


@pytest.mark.parametrize("seconds", [0.02, 0.5, 0.8])
def test_the_published_pipelines_surplus_is_not_shown(weights, seconds):
    sound = noise(seconds)
    frames = all_of(spoken(weights, sound, fps=24, mode="reference", steps=1))
    assert len(frames) == -(-sound.n_samples * 24 // 16000)


def test_the_published_pipeline_has_one_rate(weights):
    with pytest.raises(InputError, match=r"24 frames a second, not 25"):
        spoken(weights, noise(0.2), mode="reference")


@pytest.mark.parametrize("n_samples", [1, 159, 641])
def test_a_sound_shorter_than_a_frame(weights, n_samples):
    sound = ArraySound(np.full((1, n_samples), 0.2, np.float32), 16000)
    assert len(all_of(spoken(weights, sound))) == -(-n_samples // 640)


def test_silence(weights):
    sound = ArraySound(np.zeros((2, 8000), np.float32), 16000)
    frames = all_of(spoken(weights, sound))
    assert len(frames) == 13 and frames.std() > 10


def test_a_timeline_that_goes_on_after_the_sound(weights):
    """More frames than sound: silence follows, in which nothing is held on to."""
    sound = noise(0.2)
    frames = all_of(spoken(weights, sound, n=25))
    assert len(frames) == 25


# -- streaming --


def test_the_same_however_it_is_read(weights):
    sound = noise(0.8)
    once = all_of(spoken(weights, sound), 20)
    assert np.array_equal(all_of(spoken(weights, sound), 1), once)
    made = spoken(weights, sound)
    for start, stop in ((0, 3), (1, 2), (12, 20), (4, 6)):
        assert np.array_equal(made.read(start, stop), once[start:stop])


def test_the_seed_is_all_that_is_left_to_chance(weights):
    first, same, other = (all_of(spoken(weights, noise(0.4), seed=s)) for s in (3, 3, 4))
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_frames_leave_a_few_at_a_time(weights):
    made, most = spoken(weights, noise(1.6), steps=2), 0
    for i in range(made.n_frames):
        made.read(i, i + 1)
        most = max(most, sum(len(chunk.data) for chunk in made._held))
    assert most <= 8


def test_progress(weights):
    seen, shown = [], []
    made = spoken(weights, noise(1.2), steps=3)
    made.watch(Watcher(progress=lambda *a: seen.append(a), frame=lambda f: shown.append(f.copy())))
    frames = all_of(made)
    done = [a for a, _ in seen]
    assert {total for _, total in seen} == {30}
    assert done == sorted(done) and done[-1] == 30
    assert len(done) == 3 * 3, "each step of each window is told"
    assert np.array_equal(shown[-1], frames[-1])


class Stop(Exception):
    pass


@pytest.mark.parametrize("mode", ["default", "reference"])
def test_cancel_within_one_step(weights, mode):
    calls, forward = [], UNet.forward

    def counted(self, sample, *rest, **more):
        calls.append(1)
        return forward(self, sample, *rest, **more)

    def check():
        if len(calls) >= 4:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UNet, "forward", counted)
        made = spoken(weights, noise(2.0), fps=24, steps=20, mode=mode)
        made.watch(Watcher(check))
        with pytest.raises(Stop):
            made.read(0, 1)
        assert len(calls) == 4
    made.watch(Watcher())
    assert spoken(weights, noise(0.1)).read(0, 1).shape == (1, *SIZE[::-1], 3)


def test_who_only_looks_is_let_go(weights):
    """And whoever hears, once all is heard: only what denoises and decodes is left."""

    def alive(kind) -> int:
        gc.collect()
        return sum(issubclass(type(thing), kind) for thing in gc.get_objects())

    before = alive(RecordingSelf), alive(WhisperEncoder)
    made = spoken(weights, noise(1.2), host=Host(library=Library()))
    made.read(0, 1)
    assert (alive(RecordingSelf), alive(WhisperEncoder)) == before
    assert alive(VAE) > 0


# -- what is drawn where --


def square_of(face=FACE) -> tuple[slice, slice]:
    from imgsync_core.engines.echomimic.crop import crop_around

    square = crop_around(face.outline, SIZE).square
    return (slice(square.top, square.top + square.side),
            slice(square.left, square.left + square.side))  # fmt: skip


@pytest.mark.parametrize("channels", [3, 4])
def test_outside_the_square_every_pixel_is_the_pictures_own(weights, channels):
    source = still(channels)
    frames = all_of(spoken(weights, noise(0.3), source=source))
    own, rows, columns = source.read(0, 1)[0], *square_of()
    outside = np.ones(SIZE[::-1], bool)
    outside[rows, columns] = False
    assert (frames[:, outside] == own[outside]).all()
    inside = frames[:, rows, columns, :3]
    assert (inside != own[rows, columns, :3]).mean() > 0.5
    assert frames.shape[-1] == channels and (frames[..., 3:] == own[..., 3:]).all()


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("mode", ["default", "reference"])
def test_crop_only(weights, mode, channels):
    made = spoken(weights, noise(0.3), fps=24, crop_only=True, mode=mode, source=still(channels))
    assert made.size == (RESOLUTION, RESOLUTION)
    assert all_of(made).shape == (8, RESOLUTION, RESOLUTION, channels)


def test_without_a_face_the_middle_is_drawn(weights):
    frames = all_of(spoken(weights, noise(0.2), face=None))
    own = still().read(0, 1)[0]
    assert (frames[:, :, :10] == own[:, :10]).all() and (frames[:, :, -10:] == own[:, -10:]).all()
    assert (frames[:, :4, 20:-20] != own[:4, 20:-20]).mean() > 0.5, "up to the picture's own edge"


def test_a_face_of_next_to_no_pixels(weights):
    tiny = average(np.array([[52.0, 42.0], [54.0, 42.0]]), "points", 1.0)
    with pytest.raises(FaceError, match="larger picture"):
        spoken(weights, noise(0.1), face=tiny)


def prepared(folder, picture, **more):
    how = Animation("echomimic", options=options(folder), **more)
    return prepare(Job(picture, noise(0.2), animation=how))


def test_a_picture_without_a_face_gets_a_note(weights):
    picture = Picture(still().read(0, 1)[0])
    with prepared(weights, picture) as ready:
        assert "the middle of the picture" in ready.notes[0] and "No face" in ready.notes[0]
        assert ready.frames.n_frames == 5 and ready.frames.read(0, 5).shape[0] == 5
    with pytest.raises(FaceError):
        prepared(weights, picture, who=WantedFace(index=0))


def test_a_clip_gives_its_first_frame_with_the_face(weights):
    face = demo_picture(192)
    clip = ArrayFrames(np.stack([np.zeros_like(face)] * 10 + [face] * 4), Fraction(25))
    with prepared(weights, clip) as ready:
        assert "frame 10, the first with the face, of the clip was taken" in ready.notes[0]
        assert (ready.frames.read(0, 1)[0, 0, :5] == face[0, :5]).all()


def test_points_say_where_the_face_is(weights):
    who = WantedFace(mouth=(60.0, 60.0, 14.0), eyes=((52.0, 42.0), (68.0, 42.0)))
    with prepared(weights, Picture(still().read(0, 1)[0]), who=who) as ready:
        assert ready.notes == ()
        changed = (ready.frames.read(1, 2)[0] != still().read(0, 1)[0]).any(-1)
    assert not changed[:, :25].any() and changed[50:60, 50:70].mean() > 0.9


# -- plans --


def test_low_memory_comes_to_the_same(weights):
    plain, low = (all_of(spoken(weights, noise(0.8), low_memory=x)) for x in (False, True))
    assert np.abs(plain.astype(int) - low).max() <= 1


OUT = "CUDA out of memory. Tried to allocate 2.00 GiB"


def fails(patch, message, times=1):
    forward, left = UNet.forward, [times]

    def failing(self, sample, *a, **w):
        if self.conv_out is not None and left[0]:
            left[0] -= 1
            raise RuntimeError(message)
        return forward(self, sample, *a, **w)

    patch.setattr(UNet, "forward", failing)


def test_memory_that_runs_out(weights):
    plain = all_of(spoken(weights, noise(0.8)))
    with pytest.MonkeyPatch.context() as patch:
        fails(patch, OUT)
        with pytest.raises(MemoryLimitError, match=r"--low-memory.*smaller resolution"):
            spoken(weights, noise(0.8)).read(0, 1)
        fails(patch, OUT)
        retried = all_of(spoken(weights, noise(0.8), auto=True))
        assert np.abs(plain.astype(int) - retried).max() <= 1
        fails(patch, "shapes do not fit")
        with pytest.raises(RuntimeError, match="shapes"):
            spoken(weights, noise(0.8), auto=True).read(0, 1)


@pytest.mark.parametrize("place", ["latents", "faces"])
def test_numbers_that_go_wrong_stop_it(weights, place):
    forward, decode = UNet.forward, VAE.decode
    with pytest.MonkeyPatch.context() as patch:
        if place == "latents":
            patch.setattr(UNet, "forward", lambda *a, **w: forward(*a, **w) * torch.nan)
        else:
            patch.setattr(VAE, "decode", lambda *a, **w: decode(*a, **w) / 0)
        with pytest.raises(EngineError, match=rf"{place}.*black"):
            spoken(weights, noise(0.2)).read(0, 1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_networks_in_half_precision(weights, dtype):
    exact, half = (
        all_of(spoken(weights, noise(0.3), steps=1, guidance=1, host=Host(dtype=kind))).astype(int)
        for kind in (None, dtype)
    )
    assert np.abs(exact - half).mean() < 2 and not np.array_equal(exact, half)


def test_a_host_can_place_networks_itself(weights):
    placed = []

    all_of(spoken(weights, noise(0.2), host=Host(place=places(placed))))
    expected = ["VAE", "UNet", "FaceLocator", "UNet", "WhisperEncoder", "UNet", "VAE", "VAE"]
    assert placed == expected


# -- options and files --


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"context": 33}, "context 33 is out of range. Use 2 to 32"),
        ({"context": 12, "overlap": 12}, "Windows of 12 frames cannot share 12"),
        ({"context": 4, "overlap": 5}, "smaller than the context"),
        ({"resolution": 100}, "square of 100 pixels"),
        ({"steps": -1}, "steps -1 is out of range"),
        ({"deepcache": True}, "no option 'deepcache'"),
    ],
)
def test_options_that_are_refused(values, sentence):
    with pytest.raises(InputError, match=sentence):
        engine("echomimic", values)


def test_other_windows(weights):
    frames = all_of(spoken(weights, noise(1.0), context=8, overlap=6, steps=2))
    assert len(frames) == 25
    assert len(all_of(spoken(weights, noise(0.4), context=2, overlap=0))) == 10


def plan_with(folder, **values) -> Plan:
    plans = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "imgsync_core.engines.echomimic.engine.Drawer",
            lambda unet, vae, seen, place, plan, *a, **w: plans.append(plan) or raises(Stop),
        )
        with pytest.raises(Stop):
            spoken(folder, noise(0.1), steps=0, guidance=0, **values).read(0, 1)
    return plans[0]


def raises(error):
    raise error


def test_accelerated_weights_are_known_by_their_names(weights):
    assert plan_with(weights) == Plan(30, 2.5, 12, 3)
    assert plan_with(weights / "denoising_unet_acc.pth") == Plan(6, 1.0, 12, 3)
    own = {"weights": str(weights / "denoising_unet_acc.pth")}
    assert locate(spec.NEEDS, own, None)[1].name == "motion_module_acc.pth"


def test_plain_and_accelerated_do_not_mix(weights):
    with pytest.raises(WeightsError, match=r"motion_module_acc.*do not belong together"):
        spoken(weights, noise(0.1), motion=str(weights / "motion_module_acc.pth"))


def in_models(folder, names) -> Host:
    for name in names:
        path = named(name).path(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Host(models=folder)


REST = ("echomimic-reference", "echomimic-locator", "whisper-tiny", "sd-vae-ft-mse")


def test_what_is_missing_belongs_to_the_weights_that_are_there(tmp_path):
    assert missing(spec.NEEDS, {}, tmp_path) == ("echomimic", "echomimic-motion", *REST)
    in_models(tmp_path, ["echomimic-acc", "echomimic-motion", *REST])
    assert missing(spec.NEEDS, {}, tmp_path) == ("echomimic-motion-acc",)
    in_models(tmp_path, ["echomimic-motion-acc"])
    assert missing(spec.NEEDS, {}, tmp_path) == ()
    found = locate(spec.NEEDS, {}, tmp_path)
    assert [path.name for path in found[:2]] == ["denoising_unet_acc.pth", "motion_module_acc.pth"]


def copied(weights, folder):
    return shutil.copytree(weights, folder / "copy")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("denoising_unet.pth", "holds no denoising_unet.pth|denoising_unet_acc"),
        ("motion_module.pth", r"without which nothing moves.*models fetch echomimic-motion\."),
        ("reference_unet.pth", "models fetch echomimic-reference"),
        ("face_locator.pth", "models fetch echomimic-locator"),
        ("audio_processor/whisper_tiny.pt", "models fetch whisper-tiny"),
        ("sd-vae-ft-mse/diffusion_pytorch_model.safetensors", "models fetch sd-vae-ft-mse"),
    ],
)
def test_missing_files_say_how_to_get_them(weights, tmp_path, name, sentence):
    folder = copied(weights, tmp_path)
    for path in (folder / name, *folder.glob("*_acc.pth")):
        path.unlink()
    with pytest.raises(WeightsError, match=sentence):
        spoken(folder, noise(0.1), host=Host(models=tmp_path / "none"))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("name", "spoil", "sentence"),
    [
        ("denoising_unet.pth", cut, "truncated"),
        ("motion_module.pth", lambda p: p.write_text("<!DOCTYPE html>"), "text instead"),
        ("motion_module.pth", lambda p: shutil.copy(p.with_name("denoising_unet.pth"), p),
         "no motion modules"),
        ("motion_module.pth", lambda p: shutil.copy(p.with_name("face_locator.pth"), p), "motion"),
        ("denoising_unet.pth", lambda p: shutil.copy(p.with_name("motion_module.pth"), p),
         "another file"),
        ("reference_unet.pth", lambda p: shutil.copy(p.with_name("denoising_unet.pth"), p),
         "reference_unet.pth does not fit"),
        ("reference_unet.pth", lambda p: write_reference(p, params((64,) * 4)), "another kind"),
        ("face_locator.pth", lambda p: write_locator(p, inputs=3), "_pose"),
        ("face_locator.pth", lambda p: write_locator(p, outputs=48), "another kind"),
    ],
)  # fmt: skip
def test_wrong_files(weights, tmp_path, name, spoil, sentence):
    folder = copied(weights, tmp_path)
    spoil(folder / name)
    with pytest.raises(WeightsError, match=sentence):
        spoken(folder, noise(0.1)).read(0, 1)


def test_networks_of_other_shapes(weights, tmp_path):
    folder = copied(weights, tmp_path)
    write_unets(folder, params((32, 64, 64, 64)))
    with pytest.raises(WeightsError, match="different shapes"):
        spoken(folder, noise(0.1)).read(0, 1)
    write_unets(folder, params(length=8))
    with pytest.raises(InputError, match="up to 8 frames, not 12"):
        spoken(folder, noise(0.1)).read(0, 1)


def test_both_files_of_a_network_tell_two_networks_apart(weights, tmp_path):
    """The same weights with other motion modules are not those that are in memory."""
    folder, library = copied(weights, tmp_path), Library()
    host = Host(library=library)
    one = Networks.of({**defaults(), "weights": str(folder)}, host).reading()
    assert Networks.of({**defaults(), "weights": str(folder)}, host).reading() is one
    other = tmp_path / "motion_module.pth"
    torch.save({k: x * 2 for k, x in torch.load(folder / other.name).items()}, other)
    two = Networks.of({**defaults(), "weights": str(folder), "motion": str(other)}, host).reading()
    assert two is not one


def defaults() -> dict:
    return {option.name: option.default for option in spec.OPTIONS}
