"""The parts of LatentSync that no golden tensor covers: what its default mode does better."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.signal import savgol_filter

from imgsync_core.audio import whisper_features as speech
from imgsync_core.audio import whisper_mel
from imgsync_core.engines.latentsync import mask as masks
from imgsync_core.engines.latentsync.align import Aligner, Geometry, alignment_points
from imgsync_core.engines.latentsync.published import PublishedTrack
from imgsync_core.engines.runtime import batches as windows
from imgsync_core.engines.runtime.crop import corners, crops, inverse, pixel_values
from imgsync_core.engines.runtime.paste import Paste
from imgsync_core.engines.runtime.track import CropTrack, bridged, smoothed
from imgsync_core.face.geometry import average
from imgsync_core.media.frames import ArrayFrames, Held, PingPong

POINTS = np.array([(150.0, 120.0), (210.0, 118.0), (181.0, 150.0)])


def track_of(points, source, geometry, *, published: bool):
    aligner = Aligner(geometry, bias=published)
    kind = PublishedTrack if published else CropTrack
    return kind(points, source, geometry, aligner.matrices)


def matrices_of(points: np.ndarray, geometry: Geometry) -> torch.Tensor:
    return Aligner(geometry, bias=False).matrices(torch.from_numpy(points)).float()


# -- windows --


def drawn(with_face: str, full: bool, size: int = 4) -> list[tuple]:
    """(first frame, frames, drawn once more before, repeated after) of each batch."""
    found = [torch.zeros(2, 3) if c == "F" else None for c in with_face]
    return [
        (b.frames.start, len(b.frames), b.again, b.padding) if b.matrices else (b.frames.start,)
        for b in windows.batches(found.__getitem__, len(found), size, full=full)
    ]


@pytest.mark.parametrize(
    ("with_face", "full", "short"),
    [
        ("FFFFFFFF", [(0, 4, 0, 0), (4, 4, 0, 0)], [(0, 4, 0, 0), (4, 4, 0, 0)]),
        ("FFFFF", [(0, 4, 0, 0), (4, 1, 3, 0)], [(0, 4, 0, 0), (4, 1, 0, 0)]),
        ("FF", [(0, 2, 0, 2)], [(0, 2, 0, 0)]),
        ("..F", [(0,), (1,), (2, 1, 0, 3)], [(0,), (1,), (2, 1, 0, 0)]),
        (
            "FFFFFF.FF.",
            [(0, 4, 0, 0), (4, 2, 2, 0), (6,), (7, 2, 0, 2), (9,)],
            [(0, 4, 0, 0), (4, 2, 0, 0), (6,), (7, 2, 0, 0), (9,)],
        ),
        ("...", [(0,), (1,), (2,)], [(0,), (1,), (2,)]),
    ],
)
def test_windows(with_face, full, short):
    assert drawn(with_face, full=True) == full
    assert drawn(with_face, full=False) == short


@pytest.mark.parametrize("full", [True, False])
def test_every_frame_leaves_once_and_in_order(full):
    rng = np.random.default_rng(1)
    for n in range(1, 60):
        marks = "".join(rng.choice(["F", "."], n, p=[0.85, 0.15]))
        batches = drawn(marks, full)
        left = [b[0] + i for b in batches for i in range(b[1] if len(b) > 1 else 1)]
        assert left == list(range(n))
        if full:
            assert all(sum(b[1:]) == 4 for b in batches if len(b) > 1)


# -- points --


def test_the_alignment_points_of_an_average_face():
    """Brows where they are; the nose below their middle, above the mouth; all turn together."""
    upright = average(np.array([[100.0, 100.0], [160.0, 100.0]]), "found")
    left, right, nose = alignment_points(upright) + 0.5
    assert np.allclose(left, upright.brows[0]) and np.allclose(right, upright.brows[1])
    assert nose[0] == pytest.approx(130)
    down = (nose[1] - 100) / upright.iod
    assert 0.42 < down < 0.6  # where a measured nose is, see the docstring
    angle = np.radians(25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = average(upright.eyes @ turn.T, "found")
    assert np.allclose(alignment_points(turned) + 0.5, (alignment_points(upright) + 0.5) @ turn.T)


def test_smoothing_is_a_weighted_local_parabola():
    """Against scipy's Savitzky-Golay where both weigh alike, and exact on a parabola."""
    t = np.arange(40.0)
    path = POINTS + np.stack([0.05 * t**2, 3 - 2 * t + 0.02 * t**2], 1)[:, None]
    for index in (0, 3, 20, 39):
        assert np.allclose(smoothed(path, index, 8), path[index])
    noisy = path + np.random.default_rng(0).normal(0, 1, path.shape)
    ours = np.stack([smoothed(noisy, i, 7) for i in range(40)])
    theirs = savgol_filter(noisy, 11, 2, axis=0)
    inner = slice(8, -8)
    assert np.abs(ours - theirs)[inner].mean() < 0.2  # a Gaussian weighs a little differently
    assert (ours - path)[inner].std() < 0.55 * (noisy - path)[inner].std()


def test_smoothing_does_not_look_across_cuts_and_gaps():
    path = np.repeat(POINTS[None], 20, 0)
    path[10:] += 200
    path[5] = np.nan
    for index in (4, 6, 9, 10, 15):
        assert np.allclose(smoothed(path, index, 8), path[index])


def test_short_gaps_are_bridged():
    path = POINTS + np.arange(12.0)[:, None, None]
    full = path.copy()
    path[3:5] = np.nan
    path[7:11] = np.nan
    out = bridged(path, 3)
    assert np.allclose(out[:7], full[:7])
    assert np.isnan(out[7:11]).all() and np.allclose(out[11], full[11])
    jumped = path.copy()
    jumped[5:] += 500
    assert np.isnan(bridged(jumped, 3)[3:5]).all()


# -- track --


class Asked:
    """Points of a source's frames, and which frames were asked for."""

    def __init__(self, points: np.ndarray) -> None:
        self.points, self.asked = points, []

    def __call__(self, index: int):
        self.asked.append(index)
        found = self.points[index]
        return None if np.isnan(found).any() else found


def still_frames(n: int, fps: int = 25) -> ArrayFrames:
    return ArrayFrames(np.zeros((n, 240, 320, 3), np.uint8), Fraction(fps))


def test_the_published_track_is_the_running_bias():
    """Whole points through one aligner in order, also when asked for backwards."""
    rng = np.random.default_rng(0)
    points = POINTS + rng.normal(0, 3, (20, 3, 2))
    geometry = Geometry(64)
    track = track_of(Asked(points), still_frames(20), geometry, published=True)
    backwards = [track.matrix(i) for i in reversed(range(20))][::-1]
    expected = Aligner(geometry, bias=True).matrices(torch.from_numpy(np.rint(points)).float())
    assert torch.allclose(torch.stack(backwards), expected, atol=1e-4)


def test_frames_that_show_the_same_are_looked_at_once():
    asked = Asked(POINTS + np.arange(10.0)[:, None, None])
    clip = still_frames(10)
    longer = PingPong(clip, 60)
    track = track_of(lambda i: asked(longer.shown(i)), longer, Geometry(64), published=True)
    there = [track.matrix(i) for i in range(60)]
    assert asked.asked == list(range(10))
    assert torch.equal(there[9 + 4], there[9 - 4]) and torch.equal(there[18 + 3], there[3])


def test_a_held_frame_is_looked_at_once():
    asked = Asked(np.repeat(POINTS[None], 3, 0))
    held = Held(still_frames(3), 500)
    track = track_of(lambda i: asked(held.shown(i)), held, Geometry(64), published=False)
    assert track.matrix(499) is not None and len(asked.asked) == 3


@pytest.mark.parametrize("fps", [10, 25, 60])
def test_the_default_track_trembles_less_and_does_not_lag(fps):
    t = np.arange(3 * fps) / fps
    path = POINTS + np.stack([20 * np.sin(2 * t), 5 * t], 1)[:, None]
    noisy = path + np.random.default_rng(0).normal(0, 0.8, path.shape)
    geometry = Geometry(256)
    track = track_of(Asked(noisy), still_frames(len(t), fps), geometry, published=False)
    made = torch.stack([track.matrix(i) for i in range(len(t))])
    exact, raw = matrices_of(path, geometry), matrices_of(noisy, geometry)

    def shaking(matrices: torch.Tensor) -> float:
        spots = corners(matrices - exact + exact[:1], geometry.size)
        return float((spots[1:] - spots[:-1]).std())

    assert shaking(made) < 0.6 * shaking(raw)
    drift = (corners(made, geometry.size) - corners(exact, geometry.size)).mean(0)
    assert drift.abs().max() < 1.0  # px


def test_a_face_that_leaves_the_frame_is_left_alone():
    points = np.stack([POINTS + np.array([dx, 0]) for dx in (0, 60, 150, 300)])
    track = track_of(Asked(points), still_frames(4), Geometry(64), published=True)
    assert [track.matrix(i) is not None for i in range(4)] == [True, True, False, False]


def test_points_in_one_place_are_no_face():
    points = np.zeros((2, 3, 2)) + 50
    track = track_of(Asked(points), still_frames(2), Geometry(64), published=False)
    assert track.matrix(0) is None


# -- paste --


def scene(seed: int = 0, size: tuple[int, int] = (320, 240), n: int = 3):
    """Smooth frames, and faces in them at different places and angles."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (n, size[1] // 16 + 1, size[0] // 16 + 1, 3))
    frames = ndimage.zoom(coarse.astype(float), (1, 16, 16, 1), order=1)
    frames = np.clip(frames[:, : size[1], : size[0]], 0, 255).astype(np.uint8)
    angles = rng.uniform(-0.3, 0.3, n)
    middle = POINTS.mean(0)
    points = np.stack(
        [
            (POINTS - middle) @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) * s
            + middle
            + rng.uniform(-10, 10, 2)
            for a, s in zip(angles, rng.uniform(0.6, 1.3, n), strict=True)
        ]
    )
    return frames, points


def may_change(matrix: torch.Tensor, geometry: Geometry, size: tuple[int, int]) -> np.ndarray:
    """bool (h, w): pixels whose place in the crop is within 10 / 256 of R of what is drawn."""
    side = geometry.resolution
    region = masks.fixed_mask(side)[0].numpy() < 1
    steps = int(np.ceil(10 / 256 * side)) + 1
    region = ndimage.binary_dilation(region, np.ones((3, 3)), iterations=steps)
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    spot = np.einsum("ij,jhw->ihw", matrix.numpy(), np.stack([x, y, np.ones_like(x)]))
    u = (spot[0] + 0.5) * side / geometry.size[0] - 0.5
    v = (spot[1] + 0.5) * side / geometry.size[1] - 0.5
    inside = (u > -2) & (u < side + 1) & (v > -2) & (v < side + 1)
    nearest = region[np.clip(v.round().astype(int), 0, side - 1),
                     np.clip(u.round().astype(int), 0, side - 1)]  # fmt: skip
    return inside & nearest


@pytest.mark.parametrize("resolution", [64, 256, 512])
def test_outside_the_feather_every_pixel_is_the_sources_own(resolution):
    frames, points = scene()
    geometry = Geometry(resolution)
    matrices = matrices_of(points, geometry)
    original = pixel_values(crops(frames, matrices, geometry))
    noise = torch.randn(original.shape, generator=torch.Generator().manual_seed(0))
    before = frames.copy()
    out = Paste(geometry, masks.fixed_mask(resolution)).paste(frames, noise, original, matrices)
    assert np.array_equal(frames, before), "the source was written to"
    for frame, new, matrix in zip(frames, out, matrices, strict=True):
        changed = (frame != new).any(-1)
        allowed = may_change(matrix, geometry, (320, 240))
        assert not (changed & ~allowed).any()
        assert changed[allowed].mean() > 0.6


@pytest.mark.parametrize("resolution", [256, 512])
def test_pasting_what_was_cut_out_changes_little(resolution):
    frames, points = scene()
    geometry = Geometry(resolution)
    matrices = matrices_of(points, geometry)
    original = pixel_values(crops(frames, matrices, geometry))
    out = Paste(geometry, masks.fixed_mask(resolution)).paste(frames, original, original, matrices)
    assert np.abs(out.astype(int) - frames).mean() < 0.2
    assert np.percentile(np.abs(out.astype(int) - frames), 99.9) <= 3


def test_a_tint_is_matched():
    """A drawn face that is redder and darker all over is pasted without."""
    frames, points = scene()
    geometry = Geometry(256)
    matrices = matrices_of(points, geometry)
    original = pixel_values(crops(frames, matrices, geometry))
    tinted = original + torch.tensor([0.1, -0.06, -0.05]).view(1, 3, 1, 1)
    paste = Paste(geometry, masks.fixed_mask(256))
    plain = paste.paste(frames, original, original, matrices).astype(int)
    matched = paste.paste(frames, tinted, original, matrices).astype(int)
    assert np.abs(matched - plain).max() <= 2  # 0.1 alone would be 13 grey levels


def test_alpha_stays():
    frames, points = scene(n=2)
    rgba = np.concatenate([frames, np.full((*frames.shape[:3], 1), 77, np.uint8)], -1)
    geometry = Geometry(64)
    matrices = matrices_of(points, geometry)
    original = pixel_values(crops(rgba, matrices, geometry))
    paste = Paste(geometry, masks.fixed_mask(64))
    out = paste.paste(rgba, -original, original, matrices)
    assert (out[..., 3] == 77).all()
    assert np.array_equal(out[..., :3], paste.paste(frames, -original, original, matrices))


def test_a_face_half_outside_is_pasted_where_it_is_seen():
    frames, _ = scene(n=1)
    points = (POINTS - [170, 60])[None]
    geometry = Geometry(64)
    matrices = matrices_of(points, geometry)
    original = pixel_values(crops(frames, matrices, geometry))
    out = Paste(geometry, masks.fixed_mask(64)).paste(frames, -original, original, matrices)
    changed = (out != frames).any(-1)[0]
    assert changed.any() and not (changed & ~may_change(matrices[0], geometry, (320, 240))).any()


def test_many_large_faces_go_in_parts(monkeypatch):
    frames, points = scene(n=5)
    geometry = Geometry(64)
    matrices = matrices_of(points, geometry)
    original = pixel_values(crops(frames, matrices, geometry))
    paste = Paste(geometry, masks.fixed_mask(64))
    whole = paste.paste(frames, -original, original, matrices)
    monkeypatch.setattr("imgsync_core.engines.runtime.paste.PIXELS", 1)
    assert np.array_equal(paste.paste(frames, -original, original, matrices), whole)


def test_the_inverse_is_the_inverse():
    matrix = matrices_of(POINTS[None], Geometry(64)).double()
    spots = corners(matrix, Geometry(64).size)[0].numpy()
    back = (spots - inverse(matrix)[0, :, 2].numpy()) @ np.linalg.inv(
        inverse(matrix)[0, :, :2].numpy()
    ).T
    assert np.allclose(back, [(0, 0), (51, 0), (51, 69), (0, 69)])


# -- speech --


def voice(seconds: float, seed: int = 0) -> np.ndarray:
    """A wandering buzz at 16 kHz, so that no two moments are alike."""
    n = round(seconds * 16000)
    t = np.arange(n) / 16000
    rng = np.random.default_rng(seed)
    moments = np.arange(0, seconds + 1, 0.25)
    wander = np.interp(t, moments, rng.uniform(90, 300, len(moments)))
    return (0.3 * np.sign(np.sin(2 * np.pi * np.cumsum(wander) / 16000))).astype(np.float32)


class Ear:
    """Stands for Whisper: sums over half a second around each moment, blind beyond its piece."""

    def __init__(self) -> None:
        self.pieces = 0

    def __call__(self, mel: torch.Tensor) -> torch.Tensor:
        self.pieces += 1
        pooled = torch.nn.functional.avg_pool1d(mel, 51, 2, 25)  # zeros beyond the ends
        return pooled.transpose(1, 2)[:, :, None, :4]


def features(sound: np.ndarray, overlapped: bool) -> tuple[torch.Tensor, speech.Features]:
    blocks = np.array_split(sound, 7)
    made = speech.Features(lambda: blocks, len(sound), Ear(), overlapped=overlapped)
    n_frames = made.n // 2
    chunks = [made.chunks(i, min(i + 16, n_frames), Fraction(25)) for i in range(0, n_frames, 16)]
    return torch.cat(chunks)[:, 4, :], made  # the feature at the frame's own time


@pytest.mark.parametrize("seconds", [34.0, 65.3, 90.0])
def test_no_seam_each_thirty_seconds(seconds):
    """Overlapped pieces say what one look at the whole sound would; plain ones do not."""
    sound = voice(seconds)
    log = torch.cat(list(whisper_mel.log_power([sound])), 1)
    mel = whisper_mel.normalised(log, float(log.max()))
    whole = torch.nn.functional.avg_pool1d(mel[None], 51, 2, 25)[0].T[:, :4]
    inner = slice(30, len(whole) // 2 - 30)
    whole = whole[::2]
    overlapped, plain = (features(sound, way)[0] for way in (True, False))
    assert (overlapped - whole[: len(overlapped)])[inner].abs().max() < 1e-4
    assert (plain - whole[: len(plain)])[inner].abs().max() > 0.1


def test_what_is_held_does_not_grow():
    sound = voice(150)
    _, made = features(sound, overlapped=True)
    assert made.n == 7500 and len(made._held) < 2 * 1500


@pytest.mark.parametrize("n_mel", [2, 1501, 2999, 3000, 3001, 3002, 3003, 5500, 5502, 8123, 30000])
def test_pieces_cover_every_feature_once(n_mel):
    plain = speech.pieces(n_mel, overlapped=False)
    assert [i for p in plain for i in range(p.first, p.last)] == list(range(n_mel // 2))
    laid = speech.pieces(n_mel, overlapped=True)
    assert laid[0].first == 0 and laid[-1].last == n_mel // 2
    for piece in laid:
        assert piece.start % 2 == 0 and piece.stop <= n_mel and piece.stop - piece.start <= 3000
        assert piece.start // 2 <= piece.first < piece.last <= (piece.stop + 1) // 2
    for one, two in pairwise(laid):
        assert one.last - two.first == speech.FADE
        # both know at least 1.5 s more of the sound than is used of them
        assert two.first - two.start // 2 >= 75 and one.stop // 2 - one.last >= 75
    if n_mel >= 3000:
        assert laid[-1].stop - laid[-1].start >= 2999


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(30), Fraction(60000, 1001)])
def test_chunks_at_any_rate(fps):
    """The published rule, int(i * 50 / fps) in the middle, with exact numbers."""
    n = 500
    count = speech.n_chunks(n, fps)
    indices = speech.chunk_indices(0, count, fps, n)
    for i in (0, 1, 7, 100, count - 1):
        centre = (i * 50 * fps.denominator) // fps.numerator
        assert indices[i].tolist() == [min(max(centre + k, 0), n - 1) for k in range(-4, 6)]
    assert (count - 1) * 50 / fps > n >= (count - 2) * 50 / fps - 1


@pytest.mark.parametrize("n_samples", [1, 100, 399, 401, 5000])
def test_a_sound_of_almost_nothing(n_samples):
    sound = np.full(n_samples, 0.1, np.float32)
    made = speech.Features(lambda: [sound], n_samples, Ear(), overlapped=True)
    assert made.n >= 1 and torch.isfinite(made.chunks(0, 3, Fraction(25))).all()


def test_silence_is_finite():
    made = speech.Features(
        lambda: [np.zeros(32000, np.float32)], 32000, Ear(), overlapped=True
    )  # fmt: skip
    assert torch.isfinite(made.chunks(0, 50, Fraction(25))).all()
