"""The Hallo2 engine on tiny random checkpoints: lengths, streaming, clips, trouble."""

import shutil
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import ndimage

from imgsync_core.audio.speech import Speech
from imgsync_core.demo import demo_picture
from imgsync_core.engines.base import Host, Scene
from imgsync_core.engines.hallo2 import spec
from imgsync_core.engines.hallo2.networks import Loaded, found
from imgsync_core.engines.hallo2.pipeline import Drawer
from imgsync_core.engines.registry import engine
from imgsync_core.engines.runtime import identity
from imgsync_core.engines.runtime.anchor import Anchor
from imgsync_core.engines.runtime.files import missing
from imgsync_core.engines.runtime.networks import Library
from imgsync_core.engines.runtime.square import around
from imgsync_core.errors import (
    EngineError,
    InputError,
    MemoryLimitError,
    SoundError,
    WeightsError,
)
from imgsync_core.face.tracks import NoFace, StillFace
from imgsync_core.job import Animation, Job, prepare
from imgsync_core.media.frames import ArrayFrames
from imgsync_core.media.picture import Picture
from imgsync_core.media.sound import ArraySound
from imgsync_core.nn.unet import UNet
from imgsync_core.nn.vae import VAE
from imgsync_core.timeline import Timeline
from imgsync_core.watcher import Watcher

from .hosts import one_thread, places
from .test_echomimic import FACE, OUT, SIZE, Stop, all_of, cut, fails, in_models, noise, still
from .tiny_hallo2 import HEARD, RESOLUTION, networks, params, write_all, write_net, write_wav2vec2

__all__ = ["one_thread"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("weights"))


def options(folder, **values) -> dict:
    return {"weights": str(folder), "resolution": RESOLUTION, "steps": 1, "guidance": 2, **values}


def spoken(folder, sound, *, fps=25, source=None, face=FACE, host=None, seed=0, n=None, **values):
    time = Timeline.of_sound(sound.n_samples, sound.rate, fps)
    if n is not None:
        time = Timeline.of_frames(n, fps, sound.rate, sound.n_samples)
    made = engine("hallo2", options(folder, **values), host or Host())
    track = NoFace() if face is None else StillFace(face)
    return made.animate(Scene(source or still(), track, Speech(sound), time, seed))


# -- lengths --


@pytest.mark.parametrize("fps", [10, 25, Fraction(24000, 1001), Fraction(60000, 1001)])
def test_as_many_frames_as_the_timeline_has(weights, fps):
    sound = noise(0.7, 22050)
    made = spoken(weights, sound, fps=fps)
    frames = all_of(made)
    assert len(frames) == made.n_frames == -(-sound.n_samples * Fraction(fps) // sound.rate)
    assert (made.size, made.fps, made.period) == (SIZE, Fraction(fps), None)
    assert (frames[0] != frames[-1]).any()


@pytest.mark.parametrize("n_samples", [1, 399, 641, 640 * 16, 640 * 16 + 1])
@pytest.mark.parametrize("mode", ["default", "reference"])
def test_a_tail_is_neither_lost_nor_too_long(weights, n_samples, mode):
    sound = ArraySound(np.full((1, n_samples), 0.2, np.float32), 16000)
    frames = all_of(spoken(weights, sound, mode=mode))
    assert len(frames) == -(-n_samples // 640)


def test_where_the_published_pipeline_loses_a_tail_its_last_frame_stays(weights, monkeypatch):
    """A last piece of whole clips after one that was none: nothing is padded, a part is lost."""
    monkeypatch.setattr("imgsync_core.audio.wav2vec_pieces.PIECE", 20 * 640)
    frames = all_of(spoken(weights, noise(36 * 0.04), mode="reference"))
    assert len(frames) == 36 and (frames[32:] == frames[31]).all()
    assert (frames[31] != frames[30]).any()
    default = all_of(spoken(weights, noise(36 * 0.04)))
    assert len(default) == 36 and (default[35] != default[31]).any()


def test_the_published_pipeline_has_one_rate(weights):
    with pytest.raises(InputError, match=r"25 frames a second, not 24"):
        spoken(weights, noise(0.2), fps=24, mode="reference")


def test_silence_and_a_timeline_that_goes_on_after_the_sound(weights):
    sound = ArraySound(np.zeros((2, 8000), np.float32), 16000)
    frames = all_of(spoken(weights, sound, n=40))
    assert len(frames) == 40 and frames.std() > 10


@pytest.mark.parametrize(
    ("n", "overlap", "mode", "clips"),
    [(1, 2, "default", 1), (16, 2, "default", 1), (17, 2, "default", 2), (30, 2, "default", 2),
     (31, 2, "default", 3), (31, 0, "default", 2), (33, 0, "default", 3),
     (32, 2, "reference", 2)],
)  # fmt: skip
def test_clips(n, overlap, mode, clips):
    assert spec.SPEC.windows({"overlap": overlap, "mode": mode}, n) == clips


# -- streaming --


def test_the_same_however_it_is_read(weights):
    sound = noise(1.2)
    once = all_of(spoken(weights, sound), 30)
    assert np.array_equal(all_of(spoken(weights, sound), 1), once)
    made = spoken(weights, sound)
    for start, stop in ((0, 3), (1, 2), (12, 20), (4, 6)):
        assert np.array_equal(made.read(start, stop), once[start:stop])


def test_the_seed_is_all_that_is_left_to_chance(weights):
    first, same, other = (all_of(spoken(weights, noise(0.4), seed=s)) for s in (3, 3, 4))
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_the_published_chance_is_the_published_one(weights):
    """One generator, where pixels are dropped first, then noise in 16 bits."""
    from imgsync_core.engines.hallo2.published import PublishedDrawer

    given = []
    with pytest.MonkeyPatch.context() as patch:
        chance = PublishedDrawer._chance
        patch.setattr(
            PublishedDrawer, "_chance", lambda self: given.append(chance(self)) or given[-1]
        )
        all_of(spoken(weights, noise(0.8), mode="reference", seed=42))
    state = torch.random.get_rng_state()
    torch.manual_seed(42)
    for spots, drawn in given:
        assert torch.equal(spots, torch.rand(RESOLUTION, RESOLUTION))
        wanted = torch.randn(1, 4, 16, RESOLUTION // 8, RESOLUTION // 8, dtype=torch.float16)
        assert torch.equal(drawn, wanted.float())
    torch.random.set_rng_state(state)
    assert len(given) == 2


def test_frames_leave_a_few_at_a_time(weights):
    made, most = spoken(weights, noise(1.6)), 0
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
    assert len(done) == 2 * 3, "each step of each clip is told"
    assert np.array_equal(shown[-1], frames[-1])


@pytest.mark.parametrize("mode", ["default", "reference"])
def test_cancel_within_one_step(weights, mode):
    calls, forward = [], UNet.forward

    def counted(self, *a, **w):
        calls.append(1)
        return forward(self, *a, **w)

    def check():
        if len(calls) >= 5:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UNet, "forward", counted)
        made = spoken(weights, noise(2.0), steps=20, mode=mode)
        made.watch(Watcher(check))
        with pytest.raises(Stop):
            made.read(0, 1)
        assert len(calls) == 5
    made.watch(Watcher())
    assert spoken(weights, noise(0.1)).read(0, 1).shape == (1, *SIZE[::-1], 3)


# -- clips that go on from each other --


def watched(folder, patch, *, change=None, **more):
    """Frames, and what was encoded: the still, then the last frames of each clip before."""
    encode, seen, drawn = Loaded.encode, [], []
    clip = Drawer._clip
    patch.setattr(Loaded, "encode", lambda self, x: seen.append(x) or encode(self, x))

    def changed(self, *a):
        squares = clip(self, *a)
        drawn.append(change(squares, len(drawn)) if change else squares)
        return drawn[-1]

    patch.setattr(Drawer, "_clip", changed)
    made = spoken(folder, **more)
    return all_of(made), seen, drawn


def test_a_clip_goes_on_from_the_last_frames_before_it(weights, monkeypatch):
    more = {"sound": noise(1.1), "crop_only": True}
    frames, encoded, _ = watched(weights, monkeypatch, **more)
    assert len(encoded) == 3 and [len(x) for x in encoded] == [1, 2, 2]
    last = ((encoded[2] + 1) * 127.5).permute(0, 2, 3, 1)
    shown = torch.from_numpy(frames[12:14].astype(np.float32))
    kept = (encoded[2] != 0).all(1)
    assert (last - shown)[kept].abs().max() <= 1, "the clip goes on from frame 14"
    assert 0.5 < kept.float().mean() < 0.95


def test_borders_are_faded(weights, monkeypatch):
    """A clip's first two frames are a mixture of both clips', in thirds."""
    anchored, joined = [], []
    anchor, whole = Anchor.__call__, Drawer._joined

    def kept(self, squares):
        anchored.append(anchor(self, squares))
        return anchored[-1]

    def listening(self, squares, tail):
        joined.append(whole(self, squares, tail))
        return joined[-1]

    monkeypatch.setattr(Anchor, "__call__", kept)
    monkeypatch.setattr(Drawer, "_joined", listening)
    all_of(spoken(weights, noise(1.1), crop_only=True))
    one, two = anchored
    expected = [(2 * one[14] + two[0]) / 3, (one[15] + 2 * two[1]) / 3]
    assert (joined[1][:2] - torch.stack(expected)).abs().max() < 1e-5
    assert torch.equal(joined[1][2:], two[2:]) and torch.equal(joined[0], one)


def test_a_frame_drawn_twice_has_the_same_noise(weights):
    given, chance = [], Drawer._chance
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drawer, "_chance", lambda self: given.append(chance(self)) or given[-1])
        all_of(spoken(weights, noise(1.1)))
    (_, one), (_, two) = given
    assert torch.equal(one[:, :, 14:], two[:, :, :2])
    assert not torch.equal(one[:, :, :2], two[:, :, 2:4])


def warmer(squares, clip):
    """What a network might do to each clip, seen from the one before."""
    return squares * 1.05 + torch.tensor([0.04, 0.0, -0.04]).view(3, 1, 1)


def test_colours_do_not_drift(weights, monkeypatch):
    """Each clip adds a little to the one before; held to the still, it does not pile up."""
    picture = demo_picture(64)
    source, sound = ArrayFrames(picture[None], Fraction(25)), noise(3.3)

    def piled_up(anchored: bool) -> float:
        """How far the middle of the last frame is from the picture, in levels."""
        with pytest.MonkeyPatch.context() as patch:
            last = []

            def copying(self, heard, before, done):
                last[:] = [before]
                return warmer(before[-1:].expand(16, -1, -1, -1), 0)

            patch.setattr(Drawer, "_clip", copying)
            if not anchored:
                patch.setattr(Anchor, "__call__", lambda self, squares: squares)
            frames = all_of(spoken(weights, sound, source=source, face=None, crop_only=True))
        return float(np.abs(frames[-1].astype(float) - picture).mean())

    assert piled_up(False) > 20 > 1.5 > piled_up(True)


def test_an_anchor_leaves_what_fits_alone():
    rng = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, 32, 32, generator=rng) - 0.5
    face = torch.zeros(32, 32, dtype=torch.bool)
    face[8:24, 8:24] = True
    anchor = Anchor(picture, face)
    moved = picture.repeat(4, 1, 1, 1)
    moved[..., 8:24, 8:24] = 0.9  # the face may do what it likes
    assert (anchor(moved) - moved).abs().max() < 1e-6
    assert (anchor(moved * 0.9 + 0.1) - moved).abs().max() < 1e-5
    everywhere = Anchor(picture, torch.ones_like(face))
    assert (everywhere(picture) - picture).abs().max() < 1e-6


# -- what is drawn where --


@pytest.mark.parametrize("channels", [3, 4])
def test_outside_the_square_every_pixel_is_the_pictures_own(weights, channels):
    source = still(channels)
    frames = all_of(spoken(weights, noise(0.3), source=source))
    square, own = around(FACE.outline, SIZE), source.read(0, 1)[0]
    outside = np.ones(SIZE[::-1], bool)
    square.of(outside)[:] = False
    assert (frames[:, outside] == own[outside]).all()
    assert (frames[:, ~outside, :3] != own[~outside, :3]).mean() > 0.5
    assert frames.shape[-1] == channels and (frames[..., 3:] == own[..., 3:]).all()


@pytest.mark.parametrize(
    ("mode", "crop_only"), [("default", True), ("reference", True), ("reference", False)]
)
@pytest.mark.parametrize("channels", [3, 4])
def test_only_the_square(weights, mode, crop_only, channels):
    """The published pipeline knows nothing else, and squeezes all of the picture into it."""
    made = spoken(weights, noise(0.3), crop_only=crop_only, mode=mode, source=still(channels))
    assert made.size == (RESOLUTION, RESOLUTION)
    assert all_of(made).shape == (8, RESOLUTION, RESOLUTION, channels)


def test_the_picture_keeps_its_shape(weights, monkeypatch):
    """A circle in the picture is a circle in the square that is drawn; as published it is not."""
    frame = np.full((90, 150, 3), 200, np.uint8)
    y, x = np.mgrid[:90, :150]
    frame[(x - 60) ** 2 + (y - 46) ** 2 < 18**2] = 20
    for mode, ratio in (("default", 1.0), ("reference", 150 / 90)):
        with pytest.MonkeyPatch.context() as patch:
            source = ArrayFrames(frame[None], Fraction(25))
            _, encoded, _ = watched(weights, patch, sound=noise(0.1), source=source, mode=mode)
        dark = (encoded[0][0, 0] < 0).numpy()
        rows, columns = ndimage.find_objects(dark.astype(int))[0]
        high, wide = rows.stop - rows.start, columns.stop - columns.start
        assert high / wide == pytest.approx(ratio, abs=0.1)


def test_without_a_face_the_middle_is_drawn(weights):
    picture = Picture(still().read(0, 1)[0])
    how = Animation("hallo2", options=options(weights))
    with prepare(Job(picture, noise(0.2), animation=how)) as ready:
        assert "Hallo2 took the middle of the picture" in ready.notes[0]
        assert ready.frames.read(0, 5).shape[0] == 5


def test_weights_of_the_regions(weights):
    """Nothing is heard where all are 0: then another voice makes no other picture."""
    sounds = noise(0.4), ArraySound(noise(0.4)._samples[:, ::-1].copy(), 16000)
    names = ("pose_weight", "face_weight", "lip_weight")
    for silent in ((), *((name,) for name in names), names):
        values = dict.fromkeys(names, 0.0) if silent == names else dict.fromkeys(silent, 2.0)
        one, two = (all_of(spoken(weights, sound, **values)) for sound in sounds)
        assert np.array_equal(one, two) is (silent == names)
    plain, more = (
        all_of(spoken(weights, sounds[0], lip_weight=x, guidance=4, steps=2)) for x in (0, 3)
    )
    assert not np.array_equal(plain, more)


@pytest.mark.parametrize("guidance", [0.0, 1.0])
@pytest.mark.parametrize("mode", ["default", "reference"])
def test_without_guidance(weights, guidance, mode):
    frames = all_of(spoken(weights, noise(0.9), guidance=guidance, mode=mode))
    assert len(frames) == 23 and frames.std() > 5


# -- whose face --


def test_nobody_is_told_without_the_files(weights):
    notes = []
    made = spoken(weights, noise(0.1), host=Host(models=weights / "none"))
    made.watch(Watcher(note=notes.append))
    made.read(0, 1)
    (note,) = notes
    assert "likeness may be weaker" in note and "glintr100.onnx" in note


def test_the_licence_is_told_before_the_files_are_used(weights, tmp_path, monkeypatch):
    host, happened = in_models(tmp_path, ["insightface-detector", "insightface-recogniser"]), []
    monkeypatch.setattr(identity, "session", lambda path: happened.append(path.name))
    monkeypatch.setattr(identity, "embedding", lambda *a: np.ones(512, np.float32))
    tell = Loaded.tell
    monkeypatch.setattr(Loaded, "tell", lambda self, x: happened.append(x) or tell(self, x))
    made = spoken(weights, noise(0.1), host=host)
    made.watch(Watcher(note=happened.append))
    made.read(0, 1)
    assert "non-commercial" in happened[0]
    assert happened[1:3] == ["scrfd_10g_bnkps.onnx", "glintr100.onnx"]
    assert happened[3].sum(1).tolist() == [0, 512], "without the face, and with it"


@pytest.mark.parametrize("trouble", ["not installed", "no face"])
def test_files_that_do_not_help(weights, tmp_path, monkeypatch, trouble):
    host, notes = in_models(tmp_path, ["insightface-detector", "insightface-recogniser"]), []

    def session(path):
        if trouble == "not installed":
            raise EngineError("ONNX Runtime is not installed.")

    monkeypatch.setattr(identity, "session", session)
    monkeypatch.setattr(identity, "embedding", lambda *a: None)
    made = spoken(weights, noise(0.1), host=host)
    made.watch(Watcher(note=notes.append))
    made.read(0, 1)
    assert len(notes) == 2 and trouble.split()[-1] in notes[1]


# -- plans --


def test_low_memory_comes_to_the_same(weights):
    plain, low = (all_of(spoken(weights, noise(0.8), low_memory=x)) for x in (False, True))
    assert np.abs(plain.astype(int) - low).max() <= 1


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
    """All but the one that hears."""
    exact, half = (
        all_of(spoken(weights, noise(0.3), guidance=1, host=Host(dtype=kind))).astype(int)
        for kind in (None, dtype)
    )
    assert np.abs(exact - half).mean() < 2 and not np.array_equal(exact, half)


def test_a_host_can_place_networks_itself(weights):
    placed = []

    all_of(spoken(weights, noise(0.2), host=Host(place=places(placed))))
    still_seen = ["PictureTokens", "FaceLocator", "VAE", "UNet", "UNet"]
    clip = ["Wav2Vec2", "VAE", "UNet", "AudioTokens", "UNet", *["VAE"] * 4]
    assert placed == [*still_seen, *clip]


# -- options and files --


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"overlap": 9}, "overlap 9 is out of range. Use 0 to 8"),
        ({"resolution": 100}, "square of 100 pixels"),
        ({"steps": 0}, "steps 0 is out of range"),
        ({"lip_weight": -1}, "lip_weight -1.0 is out of range"),
        ({"context": 12}, "no option 'context'"),
    ],
)
def test_options_that_are_refused(values, sentence):
    with pytest.raises(InputError, match=sentence):
        engine("hallo2", values)


def test_what_is_missing(tmp_path):
    names = ("hallo2", "wav2vec2-base-960h", "sd-vae-ft-mse")
    assert missing(spec.NEEDS, {}, tmp_path) == names
    in_models(tmp_path, names[:2])
    assert missing(spec.NEEDS, {}, tmp_path) == names[2:]


NET, VOICE = "hallo2/net.pth", "wav2vec/wav2vec2-base-960h/model.safetensors"
IMAGE = "sd-vae-ft-mse/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [(NET, "holds no net.pth"), (VOICE, "models fetch wav2vec2-base-960h"),
     (IMAGE, "models fetch sd-vae-ft-mse")],
)  # fmt: skip
def test_missing_files_say_how_to_get_them(weights, tmp_path, name, sentence):
    folder = shutil.copytree(weights, tmp_path / "copy")
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=sentence):
        spoken(folder, noise(0.1), host=Host(models=tmp_path / "none"))


def net_with(change):
    """A net.pth whose keys were changed."""

    def spoil(path):
        state = torch.load(path)
        change(state)
        torch.save(state, path)

    return spoil


def one_part(name, **parts):
    return lambda path: write_net(path, {**networks(), name: networks(**parts)[name]})


@pytest.mark.parametrize(
    ("name", "spoil", "sentence"),
    [
        (NET, cut, "truncated"),
        (NET, lambda p: p.write_text("<!DOCTYPE html>"), "text instead"),
        (NET, lambda p: shutil.copy(p.parents[1] / IMAGE, p), "another file"),
        (NET, net_with(lambda s: s.update(surplus=torch.zeros(1))), "1 unknown"),
        (NET, net_with(lambda s: s.pop("denoising_unet.conv_in.bias")), "1 missing"),
        (NET, net_with(lambda s: s.pop("imageproj.norm.bias")), "1 missing"),
        (NET, net_with(lambda s: s.pop("reference_unet.time_embedding.linear_1.bias")),
         "1 missing"),
        (NET, one_part("face_locator", shape=params((64,) * 4)), "do not fit together"),
        (NET, one_part("reference_unet", shape=params((64,) * 4)), "do not fit together"),
        (VOICE, cut, "truncated"),
        (VOICE, lambda p: shutil.copy(p.parents[2] / IMAGE, p), "wav2vec2-base-960h"),
        (IMAGE, lambda p: shutil.copy(p.parents[1] / VOICE, p), "another file"),
    ],
)  # fmt: skip
def test_wrong_files(weights, tmp_path, name, spoil, sentence):
    folder = shutil.copytree(weights, tmp_path / "copy")
    spoil(folder / name)
    with pytest.raises(WeightsError, match=sentence):
        spoken(folder, noise(0.1)).read(0, 1)


def test_a_voice_of_another_width(weights, tmp_path):
    from dataclasses import replace

    folder = shutil.copytree(weights, tmp_path / "copy")
    write_wav2vec2(folder / VOICE, replace(HEARD, layers=3))
    with pytest.raises(WeightsError, match="hears 3 layers of 64 channels"):
        spoken(folder, noise(0.1)).read(0, 1)


def test_torchaudio_that_does_not_fit(weights, monkeypatch):
    def unfit(name):
        raise OSError("undefined symbol")

    made = spoken(weights, noise(0.1))
    monkeypatch.setattr("importlib.import_module", unfit)
    with pytest.raises(SoundError, match=r"torchaudio .*undefined symbol.*beside torch"):
        made.read(0, 1)


def test_weights_that_know_fewer_frames(weights, tmp_path):
    folder = shutil.copytree(weights, tmp_path / "copy")
    write_net(folder / NET, networks(params(length=16)))
    with pytest.raises(InputError, match="know 16 frames at once, not 18"):
        spoken(folder, noise(0.1)).read(0, 1)


def test_what_never_runs_is_not_held(weights):
    network = found(defaults(weights), Host(library=Library())).loaded(18).reading
    names = [name for name, _ in network.named_parameters()]
    assert any("down_blocks.2.motion_modules" in name for name in names)
    idle = ("down_blocks.3.motion_modules", "up_blocks.0.motion_modules")
    assert not any(name.startswith(idle) for name in names)


def defaults(folder) -> dict:
    return {**{option.name: option.default for option in spec.OPTIONS}, "weights": str(folder)}
