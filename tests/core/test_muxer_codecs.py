"""Each preset: the right codec, colours, edges, transparency; lossless ones to the bit."""

import io
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from imgsync_core.media.file_sound import FileSound
from imgsync_core.media.frames import ArrayFrames, Held
from imgsync_core.media.sound import ArraySound, trim

from .judge import JUDGED, complaints, facts, packets, pictures, run, samples, stream
from .making import FPS, PRESET_NAMES, PRESETS, clip, held, mux, noise, still, talk

pytestmark = JUDGED

# codec, pixel format, its twin with alpha, four-letter code, sound; as ffprobe names them
EXPECTED = {
    "mp4-h264": ("h264", "yuv420p", None, "avc1", "aac"),
    "mp4-h265": ("hevc", "yuv420p", None, "hvc1", "aac"),
    "mp4-av1": ("av1", "yuv420p", None, "av01", "aac"),
    "webm-vp9": ("vp9", "yuv420p", "yuva420p", None, "opus"),
    "mov-prores4444": ("prores", "yuv444p12le", "yuva444p12le", "ap4h", "pcm_s24le"),
    "mkv-ffv1": ("ffv1", "bgr0", "bgra", None, "flac"),
    "gif": ("gif", "bgra", None, None, None),
    "webp": ("webp", "argb", "argb", None, None),
}
VIDEO = [name for name in PRESET_NAMES if name != "webp"]  # which ffmpeg writes but does not read
YUV = ["mp4-h264", "mp4-h265", "mp4-av1", "webm-vp9", "mov-prores4444"]
SILENT = ["gif", "webp"]
OPAQUE = [name for name in PRESET_NAMES if EXPECTED[name][2] is None]
CLEAR = [name for name in PRESET_NAMES if EXPECTED[name][2] is not None]
COLORS = [
    (0, 0, 0),
    (255, 255, 255),
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (128, 128, 128),
    (200, 60, 30),
    (241, 194, 160),
]


def name_of(folder, preset: str):
    return folder / f"a{PRESETS[preset].extension}"


def webp(path) -> list[tuple[np.ndarray, int]]:
    """Frames (h, w, 4) of an animated WebP and their milliseconds, by Pillow."""
    with Image.open(path) as image:
        found = []
        for i in range(image.n_frames):
            image.seek(i)
            found.append((np.asarray(image.convert("RGBA")), image.info["duration"]))
    return found


def decoded(path, channels: int = 3) -> np.ndarray:
    if path.suffix == ".webp":
        return np.stack([frame for frame, _ in webp(path)])[..., :channels]
    vp9 = path.suffix == ".webm" and channels == 4
    return pictures(path, channels, before=("-c:v", "libvpx-vp9") if vp9 else ())


def gradient(size: tuple[int, int], channels: int = 3) -> np.ndarray:
    """Smooth in both directions, brightest at the lower right corner."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    frame = np.stack([255 * x / width, 255 * y / height, 127 * (x / width + y / height)], 2)
    alpha = np.full((height, width, channels - 3), 255.0)
    return np.concatenate([frame, alpha], 2).astype(np.uint8)


# -- each preset --


@pytest.mark.parametrize("preset", VIDEO)
def test_the_file_is_what_the_preset_says(preset, tmp_path):
    path = name_of(tmp_path, preset)
    report = mux(path, clip(6, (64, 64)), preset, sound=noise(11501, 48000, 2))
    codec, pixels, _, tag, sound = EXPECTED[preset]
    told = facts(path)
    video = stream(told, "video")
    assert (video["codec_name"], video["pix_fmt"]) == (codec, pixels)
    assert tag is None or video["codec_tag_string"] == tag
    assert Fraction(video["avg_frame_rate"]) == 25
    assert [s["codec_name"] for s in told["streams"] if s["codec_type"] == "audio"] == (
        [sound] if sound else []
    )
    assert len(decoded(path)) == 6
    assert complaints(path) == ""
    assert report.info.picture.frames == 6
    assert (report.info.picture.width, report.info.picture.height) == (64, 64)


@pytest.mark.parametrize("preset", YUV)
def test_colour_is_tagged(preset, tmp_path):
    path = name_of(tmp_path, preset)
    mux(path, clip(2), preset)
    video = stream(path, "video")
    assert video["color_range"] == "tv"
    assert video["color_space"] == video["color_primaries"] == video["color_transfer"] == "bt709"


@pytest.mark.parametrize("preset", SILENT)
def test_without_sound_there_is_a_note(preset, tmp_path):
    path = name_of(tmp_path, preset)
    report = mux(path, clip(6), preset, sound=noise(9601, 48000))
    assert any("sound was left out" in note for note in report.notes)
    assert report.info.sound is None
    assert not packets(path, "audio")


def test_animated_webp_as_pillow_sees_it(tmp_path):
    path = name_of(tmp_path, "webp")
    report = mux(path, clip(6, (64, 64)), "webp")
    found = webp(path)
    assert [ms for _, ms in found] == [40] * 6
    wanted = clip(6, (64, 64)).read(0, 6).astype(int)
    assert (
        np.abs(np.stack([frame for frame, _ in found])[..., :3] - wanted).mean((1, 2, 3)).max() < 3
    )
    with Image.open(path) as image:
        assert (image.is_animated, image.info["loop"]) == (True, 0)
    assert report.info.picture.frames == 6


@pytest.mark.parametrize("preset", SILENT)
def test_an_animation_that_comes_to_rest_lasts_as_long(preset, tmp_path):
    """The WebP encoder makes one long frame of equal ones."""
    path = name_of(tmp_path, preset)
    report = mux(path, Held(clip(3), 50), preset)
    total = 0
    with Image.open(path) as image:
        for i in range(image.n_frames):
            image.seek(i)
            image.load()
            total += image.info["duration"]
    assert total == 2000
    assert report.info.duration == 2
    memory = io.BytesIO()
    assert mux(memory, Held(clip(3), 50), preset).info.duration == 2
    assert memory.getvalue() == path.read_bytes()


@pytest.mark.parametrize("fps", [Fraction(10), Fraction(25), Fraction(50)])
def test_a_gif_lasts_as_long_as_its_frames(fps, tmp_path):
    """Its clock ticks in hundredths of a second."""
    path = name_of(tmp_path, "gif")
    mux(path, clip(10, fps=fps), "gif")
    assert abs(Fraction(facts(path)["format"]["duration"]) - 10 / fps) <= Fraction(1, 100)
    with Image.open(path) as image:
        assert (image.n_frames, image.info["loop"]) == (10, 0)


# -- colours --


def bt709(color) -> np.ndarray:
    """Y, Cb, Cr in 8 bits and limited range, after ITU-R BT.709, 3.2 to 3.5."""
    r, g, b = (value / 255 for value in color)
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return np.array([16 + 219 * y, 128 + 224 * (b - y) / 1.8556, 128 + 224 * (r - y) / 1.5748])


def every_color() -> ArrayFrames:
    """A frame of each colour."""
    frames = np.broadcast_to(np.array(COLORS, np.uint8)[:, None, None], (len(COLORS), 64, 64, 3))
    return ArrayFrames(frames.copy(), FPS)


@pytest.mark.parametrize("preset", YUV)
def test_colours_are_converted_after_bt709(preset, tmp_path):
    """The numbers in the stream, before anybody converts them back."""
    path = name_of(tmp_path, preset)
    mux(path, every_color(), preset)
    deep = preset == "mov-prores4444"
    layout = ("-pix_fmt", "yuv444p12le") if deep else ("-pix_fmt", "yuv444p")
    command = ("ffmpeg", "-v", "error", "-i", path, "-sws_flags", "neighbor", *layout)
    raw = run(*command, "-f", "rawvideo", "-").stdout
    planes = np.frombuffer(raw, "<u2" if deep else "u1").reshape(len(COLORS), 3, -1)
    planes = planes / (16 if deep else 1)
    wanted = np.stack([bt709(color) for color in COLORS])
    assert np.abs(planes.mean(2) - wanted).max() < 1.01
    assert planes.std(2).max() < 0.6


@pytest.mark.parametrize("preset", YUV)
@pytest.mark.parametrize("size", [(68, 126), (98, 194)])
def test_every_row_of_every_frame_is_converted(size, preset, tmp_path):
    picture = gradient(size) // 2
    frames = np.stack([picture + 2 * i for i in range(24)]).astype(np.uint8)
    path = name_of(tmp_path, preset)
    mux(path, ArrayFrames(frames, FPS), preset)
    error = np.abs(decoded(path).astype(int) - frames).mean((2, 3))
    assert error.max() < 4


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_solid_colours_come_back(preset, tmp_path):
    path = name_of(tmp_path, preset)
    mux(path, every_color(), preset)
    error = np.abs(decoded(path).astype(int) - every_color().read(0, len(COLORS))).max()
    assert error <= {"mkv-ffv1": 0, "gif": 0, "webp": 4}.get(preset, 2)


@pytest.mark.parametrize("color", [(255, 0, 0), (200, 60, 30)])
@pytest.mark.parametrize("preset", YUV)
def test_the_colour_of_a_still_comes_back(preset, color, tmp_path):
    path = name_of(tmp_path, preset)
    mux(path, still(color, (64, 64)), preset)
    assert np.abs(decoded(path).astype(int) - color).max() <= 2


@pytest.mark.parametrize("preset", YUV)
def test_a_gradient_comes_back(preset, tmp_path):
    """Shifted by a pixel, it would be off by 4; with chroma at the wrong place, by 2."""
    picture = gradient((64, 64))
    path = name_of(tmp_path, preset)
    mux(path, held(picture, 3), preset)
    error = decoded(path)[1].astype(float) - picture
    assert np.abs(error).mean() < 1.5
    assert np.abs(error.mean((0, 1))).max() < 0.7


@pytest.mark.parametrize("channels", [3, 4])
def test_ffv1_is_lossless(channels, tmp_path):
    frames = np.random.default_rng(3).integers(0, 256, (4, 33, 47, channels), dtype=np.uint8)
    path = name_of(tmp_path, "mkv-ffv1")
    mux(path, ArrayFrames(frames, FPS), "mkv-ffv1")
    assert np.array_equal(decoded(path, channels), frames)


@pytest.mark.parametrize("preset", ["mkv-ffv1", "mov-prores4444"])
@pytest.mark.parametrize("bits", [16, 24])
def test_sound_of_lossless_presets_is_the_same_bits(preset, bits, tmp_path):
    """A WAV by ffmpeg, decoded as 32-bit integers before and after."""
    n, kind = 20001, f"pcm_s{bits}le"
    whole = np.random.default_rng(4).integers(-(2**31), 2**31, (n, 2)).astype("<i4")
    wav, path = tmp_path / "a.wav", name_of(tmp_path, preset)
    raw = ("-f", "s32le", "-ar", 48000, "-ac", 2, "-i", "-")
    run("ffmpeg", "-v", "error", *raw, "-c:a", kind, wav, stdin=whole.tobytes())
    talk(path, FileSound(wav), preset)
    found = [
        np.frombuffer(run("ffmpeg", "-v", "error", "-i", f, "-f", "s32le", "-").stdout, "<i4")
        for f in (wav, path)
    ]
    assert np.array_equal(found[1][: 2 * n], found[0])
    assert not found[1][2 * n :].any()
    if preset == "mkv-ffv1":
        assert int(stream(path, "audio")["bits_per_raw_sample"]) == bits


LAYOUTS = {"mono": 1, "stereo": 2, "2.1": 3, "quad": 4, "5.0": 5, "5.1": 6, "6.1": 7, "7.1": 8}
STEP = 4800


def one_after_the_other(layout: str) -> ArraySound:
    """A low tone in one channel after the other, as the low-frequency channel takes no other."""
    count = LAYOUTS[layout]
    sound = np.zeros((count, STEP * count), np.float32)
    tone = 0.5 * np.sin(np.arange(STEP) * 2 * np.pi * 80 / 48000) * np.hanning(STEP)
    for i in range(count):
        sound[i, i * STEP : (i + 1) * STEP] = tone
    return ArraySound(sound, 48000, layout)


def order(sound: np.ndarray) -> list[int]:
    """The channel that is loudest in each step."""
    count = len(sound)
    steps = sound[:, : STEP * count].reshape(count, count, STEP)
    return (steps**2).mean(2).argmax(0).tolist()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("preset", ["mp4-h264", "webm-vp9", "mov-prores4444", "mkv-ffv1"])
def test_channels_stay_where_they_are(preset, layout, tmp_path):
    path = name_of(tmp_path, preset)
    report = talk(path, one_after_the_other(layout), preset)
    heard = samples(path)
    if (preset, layout) == ("webm-vp9", "2.1"):  # Opus knows no such layout
        assert len(heard) == 2
        assert any("2.1" in note and "stereo" in note for note in report.notes)
    else:
        assert not report.notes
        assert order(heard) == list(range(LAYOUTS[layout]))


@pytest.mark.parametrize("codec", ["aac", "libvorbis", "flac"])
def test_seven_one_of_a_file_stays_seven_one(codec, tmp_path):
    source, path = tmp_path / "b.mka", tmp_path / "c.mp4"
    talk(tmp_path / "a.mkv", one_after_the_other("7.1"), "mkv-ffv1")
    run("ffmpeg", "-v", "error", "-i", tmp_path / "a.mkv", "-vn", "-c:a", codec, source)
    talk(path, trim(FileSound(source), 0, 0.79), "mp4-h264")
    assert order(np.pad(samples(path), ((0, 0), (0, STEP)))) == list(range(8))


# -- edges --


@pytest.mark.parametrize("size", [(63, 47), (64, 47), (65, 48)])
@pytest.mark.parametrize("preset", [*YUV, "mkv-ffv1", "gif", "webp"])
def test_odd_sizes_get_their_edges_repeated_where_the_codec_needs_it(preset, size, tmp_path):
    picture = gradient(size)
    path = name_of(tmp_path, preset)
    report = mux(path, held(picture, 3), preset)
    even = preset in YUV
    width, height = (side + side % 2 * even for side in size)
    frame = decoded(path)[0].astype(int)
    assert frame.shape == (height, width, 3)
    wanted = np.pad(picture, ((0, height - size[1]), (0, width - size[0]), (0, 0)), mode="edge")
    error = np.abs(frame - wanted)
    assert error[-1].mean() < 6 and error[:, -1].mean() < 6  # black there would be 100 off
    notes = [note for note in report.notes if "padded" in note]
    if (width, height) == size:
        assert not notes
    else:
        (note,) = notes
        assert f"{size[0]}x{size[1]}" in note and f"{width}x{height}" in note


@pytest.mark.parametrize("preset", YUV)
def test_even_sizes_are_left_alone(preset, tmp_path):
    path = name_of(tmp_path, preset)
    report = mux(path, still((9, 9, 9), (66, 50)), preset)
    assert decoded(path).shape == (5, 50, 66, 3)
    assert not report.notes


# -- transparency --


def shaded() -> np.ndarray:
    """Orange; clear on the left, solid on the right, half clear between."""
    frame = np.zeros((64, 96, 4), np.uint8)
    frame[..., :3] = 200, 120, 40
    frame[:, 32:64, 3], frame[:, 64:, 3] = 128, 255
    return frame


MIDDLES = (slice(8, 56), [slice(4, 28), slice(36, 60), slice(68, 92)])


@pytest.mark.parametrize("n", [1, 3, 300])
@pytest.mark.parametrize("preset", CLEAR)
def test_transparency_is_kept_where_the_codec_has_it(preset, n, tmp_path):
    path = name_of(tmp_path, preset)
    report = mux(path, held(shaded(), n), preset)
    frames = decoded(path, 4)
    if preset != "webp":
        assert len(frames) == n
        assert stream(path, "video")["pix_fmt"] in (EXPECTED[preset][2], "yuv420p")
    if preset == "webm-vp9":
        assert stream(path, "video")["tags"]["alpha_mode"] == "1"
    rows, columns = MIDDLES
    for shown in (frames[0], frames[-1]):
        for column, alpha in zip(columns, (0, 128, 255), strict=True):
            part = shown[rows, column].astype(int)
            assert np.abs(part[..., 3] - alpha).max() <= (0 if preset == "mkv-ffv1" else 3)
            if alpha and preset != "webp":
                assert np.abs(part[..., :3] - (200, 120, 40)).max() <= 3
    assert not report.notes


@pytest.mark.parametrize("background", [(0, 0, 0), (255, 255, 255), (0, 0, 255)])
@pytest.mark.parametrize("preset", OPAQUE)
def test_transparency_is_filled_with_a_colour_elsewhere(preset, background, tmp_path):
    path = name_of(tmp_path, preset)
    report = mux(path, held(shaded(), 3), preset, background=background)
    assert any("transparency was filled" in note for note in report.notes)
    rows, columns = MIDDLES
    shown = decoded(path)[1]
    for column, alpha in zip(columns, (0, 128 / 255, 1), strict=True):
        wanted = np.array((200, 120, 40)) * alpha + np.array(background) * (1 - alpha)
        assert np.abs(shown[rows, column] - wanted).mean() < 4


@pytest.mark.parametrize("preset", ["webm-vp9", "mov-prores4444", "mkv-ffv1"])
def test_transparency_that_moves_is_kept(preset, tmp_path):
    frames = np.stack([np.roll(shaded(), 8 * i, 1) for i in range(6)])
    path = name_of(tmp_path, preset)
    mux(path, ArrayFrames(frames, FPS), preset)
    error = np.abs(decoded(path, 4)[..., 3].astype(int) - frames[..., 3])
    assert error.mean() < 2


@pytest.mark.parametrize("width", [64, 144, 192, 208])
def test_the_same_frames_are_the_same_bytes(width, tmp_path):
    """Whatever other videos have left in memory: x264 looked at it where AVX-512 is."""
    generator = np.random.default_rng(width)
    small = generator.integers(0, 256, (2, 24, 24, 3), np.uint8)
    pictures = [np.asarray(Image.fromarray(p).resize((width + 24, 120))) for p in small]
    first, other = (
        ArrayFrames(np.stack([p[t : t + 96, t : t + width] for t in range(24)]), FPS)
        for p in pictures
    )
    made = set()
    for n in range(8):
        mux(tmp_path / f"{n}.mp4", first)
        mux(tmp_path / f"other{n}.mp4", other)
        made.add((tmp_path / f"{n}.mp4").read_bytes())
    assert len(made) == 1
