"""Video files as frames: which frame, which colour, which way up, against ffmpeg and ffprobe."""

import io
import itertools
import math
import random
import re
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from imgsync_core.errors import TimeError, VideoError
from imgsync_core.media import video
from imgsync_core.media.frames import PingPong
from imgsync_core.media.video import VideoFrames

W, H, N = 64, 48, 60
H264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"]


def numbered(n: int = N) -> np.ndarray:
    """n frames that show their own number as eight black or white bars."""
    bits = (np.arange(n)[:, None] >> np.arange(8)) & 1
    bars = bits.repeat(W // 8, 1)[:, None, :, None].repeat(H, 1).repeat(3, 3)
    return (16 + 219 * bars).astype(np.uint8)


def numbers(frames: np.ndarray) -> list[int]:
    """What is to be read from such frames, however badly coded."""
    bars = frames[..., :3].reshape(len(frames), frames.shape[1], 8, -1, 3)
    lit = bars[:, :, :, 1:-1].mean((1, 3, 4)) > 127
    return (lit * (1 << np.arange(8))).sum(1).tolist()


def raw(pixels: str = "rgb24", fps: str = "25", size: str = f"{W}x{H}") -> list[str]:
    return ["-f", "rawvideo", "-pix_fmt", pixels, "-s", size, "-r", fps, "-i", "-"]


# name: (frames a second, what ffmpeg needs to make it from numbered frames)
CLIPS = {
    "closed.mp4": ("25", [*H264, "-g", 12, "-bf", 3]),
    "fast.mp4": ("25", [*H264, "-g", 12, "-movflags", "+faststart"]),
    "open.mkv": ("24000/1001", [*H264, "-g", 15, "-bf", 3, "-x264-params", "open-gop=1:b-adapt=0"]),
    "open.ts": ("25", [*H264, "-g", 15, "-bf", 3, "-x264-params", "open-gop=1:b-adapt=0"]),
    "one_gop.mp4": ("50", [*H264, "-g", 250]),
    "vp9.webm": (
        "30000/1001",
        ["-c:v", "libvpx-vp9", "-g", 20, "-cpu-used", 8, "-deadline", "realtime"],
    ),
    "mpeg2.mpg": ("25", ["-c:v", "mpeg2video", "-g", 15, "-bf", 2, "-b:v", "2M"]),
    "mpeg4.avi": ("25", ["-c:v", "mpeg4", "-g", 20, "-bf", 2, "-b:v", "2M"]),
    "flash.flv": ("30", [*H264, "-g", 15, "-bf", 2]),
    "anim.gif": ("25", []),
}


@pytest.fixture(scope="session")
def clip(ffmpeg, media):
    """A clip of numbered frames by name, made when it is first asked for."""

    def make(name: str) -> Path:
        path = media / name
        if not path.exists():
            fps, options = CLIPS[name]
            ffmpeg(*raw(fps=fps), *options, path, stdin=numbered().tobytes())
        return path

    return make


@pytest.fixture
def decoded(ffmpeg):
    """All frames of a file as ffmpeg decodes them one after the other."""

    def decode(path: Path, size: tuple[int, int] = (W, H), *filters: str) -> np.ndarray:
        flags = ["-sws_flags", "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"]
        out = ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        data = ffmpeg("-i", path, *filters, *flags, *out)
        return np.frombuffer(data, np.uint8).reshape(-1, size[1], size[0], 3)

    return decode


# -- which frames there are --


@pytest.mark.parametrize("name", sorted(CLIPS))
def test_all_frames_in_order_at_the_rate_of_the_file(clip, decoded, name):
    path = clip(name)
    source = VideoFrames(path)
    frames = source.read(0, source.n_frames)
    assert numbers(frames) == list(range(N)) == numbers(decoded(path))
    assert source.fps == Fraction(CLIPS[name][0])
    assert (source.size, source.n_frames, source.period) == ((W, H), N, None)
    assert frames.dtype == np.uint8 and frames.shape == (N, H, W, source.channels)
    assert source.name == name
    source.close()


@pytest.mark.parametrize("name", sorted(CLIPS))
@pytest.mark.parametrize("cached", [3, 1000])
def test_random_and_backwards_reading_give_the_same_frames(clip, name, cached, monkeypatch):
    """With a cache of three frames everything is decoded again and again."""
    monkeypatch.setattr(video, "CACHE_BYTES", cached * W * H * 4)
    source = VideoFrames(clip(name))
    chance = random.Random(1)
    for _ in range(40):
        start = chance.randrange(N)
        stop = min(N, start + chance.randint(1, 9))
        assert numbers(source.read(start, stop)) == list(range(start, stop))
    for start in range(N - 4, -1, -4):
        assert numbers(source.read(start, start + 4)) == list(range(start, start + 4))
    backwards = np.arange(N)[::-1]
    assert numbers(source.take(backwards)) == backwards.tolist()
    source.close()


def test_pixels_do_not_depend_on_the_way_they_were_reached(clip, monkeypatch):
    monkeypatch.setattr(video, "CACHE_BYTES", 3 * W * H * 4)
    source = VideoFrames(clip("open.mkv"))
    frames = source.read(0, N).copy()
    for i in (47, 3, 30, 31, 16, 15, 14, 59, 0):
        assert np.array_equal(source.read(i, i + 1)[0], frames[i])
    source.close()


@pytest.mark.parametrize("n", [75, 200])
def test_ping_pong_over_a_file(clip, n):
    source = PingPong(VideoFrames(clip("closed.mp4")), n)
    expected = [N - 1 - abs(N - 1 - i % (2 * N - 2)) for i in range(n)]
    got = [k for start in range(0, n, 16) for k in numbers(source.read(start, start + 16))]
    assert got == expected
    source.close()


def test_reading_after_close_and_from_memory(clip):
    path = clip("closed.mp4")
    for file in (path, str(path), io.BytesIO(path.read_bytes())):
        source = VideoFrames(file)
        source.close()
        assert numbers(source.read(20, 25)) == list(range(20, 25))
        source.close()
        source.close()


def test_the_decoder_may_hold_frames_less_than_there_are_packets(ffmpeg, clip, tmp_path):
    """A clip cut in the middle of its last frames ends with repeats, and can be read once more."""
    path = tmp_path / "cut.ts"
    ffmpeg("-i", clip("open.ts"), "-c", "copy", path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 9 // 10 // 188 * 188])
    source = VideoFrames(path)
    for _ in range(2):
        shown = numbers(source.read(0, source.n_frames))
        assert N // 2 < source.n_frames < N
        assert shown[: N // 2] == list(range(N // 2))
    source.close()


# -- resampling by timestamps --


def times(ffprobe_json, path: Path) -> tuple[list[Fraction], Fraction]:
    """When each frame appears, from the first on, and the length of a tick: from ffprobe."""
    found = ffprobe_json(
        path,
        "-select_streams",
        "v",
        "-show_entries",
        "frame=best_effort_timestamp:stream=time_base",
    )
    tick = Fraction(found["streams"][0]["time_base"])
    pts = [frame["best_effort_timestamp"] for frame in found["frames"]]
    return [(p - pts[0]) * tick for p in pts], tick


def check_shown(shown: list[int], appear: list[Fraction], tick: Fraction, fps, start=Fraction(0)):
    """Each output frame shows what is on screen then; a tick early is allowed, late is not."""
    for i, number in enumerate(shown):
        now = start + i / fps
        assert appear[number] <= now + tick
        assert number + 1 == len(appear) or appear[number + 1] > now


@pytest.fixture(scope="session")
def vfr(ffmpeg, media):
    """20 frames, each shown a little longer than the one before: 40 ms to 240 ms."""

    def make(name: str) -> Path:
        path = media / name
        if not path.exists():
            later = "setpts='(N+N*N/10)/25/TB'"
            options = [*H264, "-bf", 0, "-vsync", "vfr", "-video_track_timescale", 1000]
            ffmpeg(*raw(), "-vf", later, *options, path, stdin=numbered(20).tobytes())
        return path

    return make


@pytest.mark.parametrize("fps", [None, 1, 10, 12.5, 23.976, 25, 29.97, 60, 120])
@pytest.mark.parametrize("name", ["vfr.mp4", "vfr.mkv"])
def test_variable_rate_is_resampled_by_timestamps(vfr, ffprobe_json, name, fps):
    path = vfr(name)
    appear, tick = times(ffprobe_json, path)
    assert len({b - a for a, b in itertools.pairwise(appear)}) > 4  # it is variable
    source = VideoFrames(path, fps=fps)
    if fps is not None:
        assert source.fps == Fraction(fps).limit_denominator(1001)
    shown = numbers(source.read(0, source.n_frames))
    check_shown(shown, appear, tick, source.fps)
    assert shown[0] == 0
    # how long the last one stays is the muxer's guess
    seconds, slack = source.n_frames / source.fps, Fraction(1, 10) + 1 / source.fps
    assert abs(seconds - (appear[-1] + Fraction(1, 25))) < slack
    source.close()


@pytest.mark.parametrize("fps", [5, 10, 24, 25, 29.97, 50, 60])
@pytest.mark.parametrize("name", ["closed.mp4", "vp9.webm", "mpeg4.avi", "anim.gif", "open.ts"])
def test_constant_rate_is_resampled_by_timestamps(clip, ffprobe_json, name, fps):
    path = clip(name)
    if name == "mpeg4.avi":  # its frames are counted, not timed, and ffprobe leaves out the first
        appear, tick = [Fraction(i, 25) for i in range(N)], Fraction(0)
    else:
        appear, tick = times(ffprobe_json, path)
    source = VideoFrames(path, fps=fps)
    check_shown(numbers(source.read(0, source.n_frames)), appear, tick, source.fps)
    seconds = N / Fraction(CLIPS[name][0])
    assert source.n_frames == math.ceil((seconds - Fraction(1, 1000)) * source.fps)
    source.close()


def test_twice_the_rate_shows_each_frame_twice_and_half_every_second(clip):
    path = clip("closed.mp4")
    twice, half = VideoFrames(path, fps=50), VideoFrames(path, fps=12.5)
    assert numbers(twice.read(0, 2 * N)) == [i // 2 for i in range(2 * N)]
    assert numbers(half.read(0, N)) == list(range(0, N, 2))
    assert (twice.n_frames, half.n_frames) == (2 * N, N // 2)


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        (0, None, range(60)),
        (0, 0, range(60)),
        (1, None, range(25, 60)),
        (Fraction(1, 25), Fraction(2, 25), range(1, 3)),
        (0.4, 0.2, range(10, 15)),
        (2, 100, range(50, 60)),
        (2.36, None, range(59, 60)),
        (0.5, 0.01, range(12, 13)),
    ],
)
def test_parts(clip, start, duration, expected):
    source = VideoFrames(clip("closed.mp4"), start=start, duration=duration)
    assert source.n_frames == len(expected)
    assert numbers(source.read(0, source.n_frames)) == list(expected)


@pytest.mark.parametrize(("start", "fps"), [(0.33, 25), (0.5, 29.97), (1.0, 60)])
def test_parts_at_another_rate(clip, ffprobe_json, start, fps):
    path = clip("vp9.webm")
    appear, tick = times(ffprobe_json, path)
    source = VideoFrames(path, fps=fps, start=start, duration=0.7)
    shown = numbers(source.read(0, source.n_frames))
    check_shown(shown, appear, tick, source.fps, Fraction(start))
    assert source.n_frames == math.ceil((Fraction(0.7) - Fraction(1, 1000)) * source.fps)


@pytest.mark.parametrize(("start", "duration"), [(2.4, None), (99, None), (-1, None), (0, -1)])
def test_parts_outside_the_clip_are_refused(clip, start, duration):
    with pytest.raises(TimeError, match="nothing is left between"):
        VideoFrames(clip("closed.mp4"), start=start, duration=duration)


def test_one_frame_repeats(ffmpeg, tmp_path):
    path = tmp_path / "one.mp4"
    ffmpeg(*raw(), *H264, path, stdin=numbered(1).tobytes())
    source = VideoFrames(path)
    assert (source.n_frames, source.period, source.fps) == (1, 1, 25)
    longer = VideoFrames(path, fps=100)
    assert longer.n_frames == 4 and numbers(longer.read(0, 4)) == [0] * 4


def test_an_edit_list_hides_what_it_hides(ffmpeg, clip, decoded, tmp_path):
    """A copy that starts between key frames carries frames that no player shows."""
    path = tmp_path / "trim.mp4"
    ffmpeg("-ss", 0.6, "-i", clip("closed.mp4"), "-t", 1, "-c", "copy", path)
    expected = numbers(decoded(path))
    source = VideoFrames(path)
    shown = numbers(source.read(0, source.n_frames))
    assert [number for number, _ in itertools.groupby(shown)] == expected
    assert expected[0] == 15 and numbers(source.read(7, 9)) == expected[7:9]


# -- which way up, which shape --

CORNERS = np.zeros((H, W, 3), np.uint8)
CORNERS[:24, :32], CORNERS[24:, :32] = (250, 20, 20), (20, 250, 20)
CORNERS[:24, 32:], CORNERS[24:, 32:] = (20, 20, 250), (200, 200, 200)


@pytest.fixture(scope="session")
def corners(ffmpeg, media) -> Path:
    path = media / "corners.mp4"
    options = ["-c:v", "libx264", "-crf", 4, "-pix_fmt", "yuv444p"]
    ffmpeg(*raw(), *options, path, stdin=CORNERS.tobytes() * 3)
    return path


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_as_ffmpeg_turns_it(ffmpeg, corners, decoded, tmp_path, degrees):
    path = tmp_path / "turned.mp4"
    ffmpeg("-i", corners, "-c", "copy", "-metadata:s:v", f"rotate={degrees}", path)
    source = VideoFrames(path)
    size = (H, W) if degrees % 180 else (W, H)
    assert source.size == size
    expected = decoded(path, size)
    frames = source.read(0, 3)
    assert np.abs(frames.astype(int) - expected).max() <= 2
    turned = np.rot90(CORNERS, degrees // 90)  # ffmpeg 5 writes it the other way round
    assert np.abs(frames[0].astype(int) - turned).mean() < 4


@pytest.mark.parametrize(
    ("aspect", "size"), [("4/3", (85, 48)), ("3/4", (48, 48)), ("2/1", (128, 48))]
)
def test_pixels_become_square(ffmpeg, decoded, tmp_path, aspect, size):
    path = tmp_path / "anamorphic.mp4"
    shape = ["-vf", f"setsar={aspect}", "-c:v", "libx264", "-crf", 4, "-pix_fmt", "yuv444p"]
    ffmpeg(*raw(), *shape, path, stdin=CORNERS.tobytes() * 2)
    source = VideoFrames(path)
    assert source.size == size
    expected = decoded(path, size, "-vf", f"scale={size[0]}:{size[1]}:flags=bicubic")
    assert np.abs(source.read(0, 1)[0].astype(int) - expected[0]).mean() < 2


def test_square_pixels_and_rotation_together(ffmpeg, tmp_path):
    wide, path = tmp_path / "wide.mp4", tmp_path / "turned.mp4"
    ffmpeg(*raw(), "-vf", "setsar=2/1", *H264, wide, stdin=CORNERS.tobytes() * 2)
    ffmpeg("-i", wide, "-c", "copy", "-metadata:s:v", "rotate=90", path)
    assert VideoFrames(path).size == (48, 128)


def test_a_size_change_in_mid_stream_is_scaled_to_the_first(ffmpeg, tmp_path):
    parts = []
    for size in ("64x48", "96x96"):
        parts.append(tmp_path / f"{size}.ts")
        ffmpeg("-f", "lavfi", "-i", f"color=red:s={size}:d=0.4:r=25", *H264, "-bf", 0, parts[-1])
    both = tmp_path / "both.ts"
    ffmpeg("-i", f"concat:{parts[0]}|{parts[1]}", "-c", "copy", both)
    source = VideoFrames(both)
    frames = source.read(0, source.n_frames)
    assert frames.shape == (20, 48, 64, 3)
    assert np.abs(frames[[0, 9, 12, 19]].astype(int) - (253, 0, 0)).max() <= 4


# -- colours --


def to_ycc(rgb: np.ndarray, kr: float, kb: float, full: bool) -> np.ndarray:
    """R'G'B' to 8-bit Y'CbCr by the formulas of BT.601 and BT.709: (3, h, w)."""
    r, g, b = (rgb / 255).transpose(2, 0, 1)
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    scale = (255, 0, 255) if full else (219, 16, 224)
    planes = [y * scale[0] + scale[1], cb * scale[2] + 128, cr * scale[2] + 128]
    return np.round(planes).clip(0, 255).astype(np.uint8)


BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)


@pytest.mark.parametrize(
    ("tag", "height", "matrix"),
    [
        ("bt709", 48, BT709),
        ("smpte170m", 48, BT601),
        ("bt470bg", 48, BT601),
        ("smpte170m", 720, BT601),
        ("unknown", 48, BT601),  # what players guess for small and for large pictures
        ("unknown", 720, BT709),
    ],
)
@pytest.mark.parametrize("full", [False, True])
def test_colours_against_the_formulas(ffmpeg, tmp_path, tag, height, matrix, full):
    colors = np.random.default_rng(0).integers(0, 256, (height // 8, 8, 3))
    picture = colors.repeat(8, 0).repeat(8, 1)
    path = tmp_path / "colors.mkv"
    planes = to_ycc(picture, *matrix, full)
    tags = ["-colorspace", tag, "-color_range", "pc" if full else "tv"]
    source = raw("yuv444p", size=f"64x{height}")
    ffmpeg(*source, "-c:v", "ffv1", *tags, "-pix_fmt", "yuv444p", path, stdin=planes.tobytes() * 2)
    frame = VideoFrames(path).read(0, 1)[0]
    assert np.abs(frame.astype(int) - picture).max() <= 2


def test_grey_and_ten_bits(ffmpeg, tmp_path):
    ramp = np.arange(256, dtype=np.uint16).repeat(12)[None].repeat(8, 0)[:, ::12]
    for pixels, samples in (
        ("gray", ramp.astype(np.uint8)),
        ("gray10le", (ramp * 4).astype("<u2")),
    ):
        path = tmp_path / f"{pixels}.mkv"
        tags = ["-c:v", "ffv1", "-color_range", "pc", "-pix_fmt", pixels]
        ffmpeg(*raw(pixels, size="256x8"), *tags, path, stdin=samples.tobytes())
        frame = VideoFrames(path).read(0, 1)[0]
        assert np.abs(frame[..., 1].astype(int) - ramp).max() <= 1


RGBA = np.dstack([CORNERS, np.tile(np.linspace(0, 255, W).astype(np.uint8), (H, 1))])


@pytest.mark.parametrize(
    ("name", "options", "far"),
    [
        ("a.mov", ["-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"], 3),
        ("png.mov", ["-c:v", "png"], 0),
        ("anim.mov", ["-c:v", "qtrle"], 0),
        ("ffv1.mkv", ["-c:v", "ffv1", "-pix_fmt", "bgra"], 0),
    ],
)
def test_alpha_is_kept_straight(ffmpeg, tmp_path, name, options, far):
    path = tmp_path / name
    ffmpeg(*raw("rgba"), *options, path, stdin=RGBA.tobytes() * 3)
    source = VideoFrames(path)
    assert source.channels == 4 and source.n_frames == 3
    frame = source.read(1, 2)[0].astype(int)
    assert np.abs(frame[..., 3] - RGBA[..., 3]).max() <= far
    middle = (slice(4, 20), slice(36, 60))  # away from the edges, which ProRes blurs
    assert np.abs(frame[middle] - RGBA[middle]).max() <= far


def test_transparency_of_a_gif(ffmpeg, tmp_path):
    hard = RGBA.copy()
    hard[..., 3] = np.where(RGBA[..., 3] < 128, 0, 255)
    palette = "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none"
    ffmpeg(*raw("rgba"), "-vf", palette, tmp_path / "a.gif", stdin=hard.tobytes() * 2)
    frame = VideoFrames(tmp_path / "a.gif").read(0, 1)[0]
    assert np.array_equal(frame[..., 3], hard[..., 3])
    seen = hard[..., 3] > 0
    assert np.abs(frame[seen].astype(int) - hard[seen]).max() <= 4


# -- what is refused --


@pytest.mark.parametrize(
    ("name", "part"),
    [(n, p) for n in ("open.mkv", "vp9.webm") for p in (0.4, 0.7)] + [("fast.mp4", 0.7)],
)
def test_cut_short_is_read_as_far_as_it_goes(clip, decoded, tmp_path, name, part):
    path = tmp_path / name
    data = clip(name).read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    source = VideoFrames(path)
    shown = numbers(source.read(0, source.n_frames))
    there = numbers(decoded(path))
    assert shown[: len(there) - 3] == there[: len(there) - 3]  # the last ones may be stained
    assert len(shown) < N and any("it is cut short" in note for note in source.notes)
    with pytest.raises(VideoError, match=rf"^{name} .* it is cut short\. Repair or export"):
        VideoFrames(path, strict=True)


@pytest.mark.parametrize(
    ("name", "part"),
    [("closed.mp4", 0.1), ("closed.mp4", 0.4), ("closed.mp4", 0.7), ("fast.mp4", 0)],
)
def test_cut_short_without_a_frame(clip, tmp_path, name, part):
    """The header comes last, or the frames come after the cut."""
    path = tmp_path / name
    data = clip(name).read_bytes()
    path.write_bytes(data[: int(len(data) * part) or data.index(b"mdat") + 8])
    with pytest.raises(
        VideoError, match=r"not a video that can be read|before its f|not one frame"
    ):
        VideoFrames(path)


def test_cut_short_says_how_much_is_there(ffmpeg, tmp_path):
    path = tmp_path / "long.mp4"
    options = [*H264, "-g", 25, "-movflags", "+faststart", "-c:a", "aac"]
    sound = ["-f", "lavfi", "-i", "sine=d=8"]
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:d=8:r=25", *sound, *options, path)
    assert VideoFrames(path).notes == ()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    (note, *_) = VideoFrames(path).notes
    assert re.search(r"long\.mp4 ends after [4-6]\.\d\d of 8\.\d\d s: it is cut short$", note)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("late.mp4", ["-itsoffset", 2]),
        ("late.mkv", ["-itsoffset", 2]),
        ("fragments.mp4", ["-movflags", "frag_keyframe+empty_moov"]),
        ("live.mkv", ["-live", 1]),
        ("copy.mov", []),
        ("copy.ts", []),
    ],
)
def test_whole_files_of_odd_kinds_are_not_taken_for_cut_ones(ffmpeg, clip, tmp_path, name, options):
    before = options if "-itsoffset" in options else []
    after = [] if before else options
    ffmpeg(*before, "-i", clip("closed.mp4"), "-c", "copy", *after, tmp_path / name)
    source = VideoFrames(tmp_path / name)
    assert numbers(source.read(0, source.n_frames)) == list(range(N))


@pytest.mark.parametrize("sound", [1, 4])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_of_another_length_does_not_matter(ffmpeg, clip, tmp_path, name, sound):
    inputs = ["-i", clip("closed.mp4"), "-f", "lavfi", "-i", f"sine=d={sound}"]
    ffmpeg(*inputs, "-c:v", "copy", "-c:a", "aac", tmp_path / name)
    assert VideoFrames(tmp_path / name).n_frames == N


def test_slow_slides_are_not_taken_for_a_cut_file(ffmpeg, tmp_path):
    for name in ("slides.mkv", "slides.mp4"):
        source = ["-f", "lavfi", "-i", "testsrc=s=64x48:d=20:r=1/5"]
        ffmpeg(*source, *H264, tmp_path / name)
        found = VideoFrames(tmp_path / name)
        assert found.n_frames / found.fps == 20


def test_a_long_last_frame_is_not_taken_for_a_cut_file(ffmpeg, tmp_path):
    """Matroska tells how long the whole is, and need not tell how long its last frame is."""
    path = tmp_path / "vfr.mkv"
    later = ["-vf", "setpts=2*N/TB", "-vsync", "vfr"]
    ffmpeg(*raw(), *later, *H264, "-bf", 0, path, stdin=numbered(3).tobytes())
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3  # RFC 9559: Duration, a float of 8 bytes, in ms
    (stated,) = struct.unpack_from(">d", data, at)
    assert 4000 <= stated <= 6000
    for seconds, whole in ((6, True), (7, False)):
        struct.pack_into(">d", data, at, seconds * 1000)
        path.write_bytes(data)
        source = VideoFrames(path, fps=1)
        assert numbers(source.read(0, 5)) == [0, 0, 1, 1, 2]
        told = () if whole else (f"vfr.mkv ends after {stated / 1000:.2f} of 7.00 s",)
        assert [note.split(":")[0] for note in source.notes] == list(told)


@pytest.mark.parametrize("name", ["a.wav", "a.m4a"])
def test_a_file_without_picture(ffmpeg, tmp_path, name):
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.3", tmp_path / name)
    with pytest.raises(VideoError, match=f"{name} has no picture. Name a video") as caught:
        VideoFrames(tmp_path / name)
    assert not caught.value.unknown


@pytest.mark.parametrize("content", [b"", b"no video " * 99])
def test_other_files(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(VideoError, match=r"a\.mp4 is (empty|not a video)"):
        VideoFrames(tmp_path / "a.mp4")


@pytest.mark.parametrize("fps", [0, -1, float("nan"), 1e9])
def test_rates_without_sense(clip, fps):
    with pytest.raises(TimeError, match="Frame rate"):
        VideoFrames(clip("closed.mp4"), fps=fps)
