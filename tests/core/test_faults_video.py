"""Odd and damaged video files: what is shown, and what is said about it, against ffmpeg."""

import gc
import random
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from imgsync_core.errors import VideoError
from imgsync_core.media import video
from imgsync_core.media.cover import cover_of
from imgsync_core.media.frames import PingPong
from imgsync_core.media.video import VideoFrames

from .test_video_frames import CORNERS, H264, H, N, W, numbered, numbers, raw


@pytest.fixture(scope="session")
def faults() -> Path:
    """The folder of files that once were read wrongly, if there is one."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "faults"
    if not folder.is_dir():
        pytest.skip("no ../shared/faults beside the repository")
    return folder


@pytest.fixture(scope="session")
def make(ffmpeg, media):
    """A file of numbered frames, made once: make(name, options of ffmpeg)."""

    def made(name: str, *options: object, n: int = N, fps: object = 25) -> Path:
        path = media / f"faults_{name}"
        if not path.exists():
            ffmpeg(*raw(fps=str(fps)), *options, path, stdin=numbered(n).tobytes())
        return path

    return made


@pytest.fixture
def decoded(ffmpeg):
    """The frames of a file as ffmpeg shows them, turned as it turns them."""

    def decode(path: Path, size: tuple[int, int] = (W, H), pixels: str = "rgb24") -> np.ndarray:
        out = ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", pixels, "-"]
        data = ffmpeg("-v", "quiet", "-i", path, "-map", "0:V:0", *out)
        return np.frombuffer(data, np.uint8).reshape(-1, size[1], size[0], len(pixels.rstrip("24")))

    return decode


def shown(path: Path, **more) -> tuple[list[int], VideoFrames]:
    source = VideoFrames(path, **more)
    frames = numbers(source.read(0, source.n_frames))
    source.close()
    return frames, source


def packets(path: Path) -> list[tuple[int, int, int]]:
    """Place, size and time of the packets of a file, in its order."""
    with av.open(str(path)) as container:
        found = container.demux(video=0)
        return [(p.pos, p.size, p.pts) for p in found if p.size]


def read_apart(path: Path, monkeypatch) -> list[int]:
    """The frames of a file, read one by one from the last to the first, hardly any kept."""
    monkeypatch.setattr(video, "CACHE_BYTES", 3 * W * H * 3)
    source = VideoFrames(path)
    order = range(source.n_frames - 1, -1, -1)
    return [numbers(source.read(i, i + 1))[0] for i in order][::-1]


# -- packets that cannot be decoded --

# each frame by itself, so that only the one that is damaged is lost
ALONE = {
    "a.mp4": [*H264, "-g", 1],
    "a.mov": [*H264, "-g", 1],
    "a.mkv": [*H264, "-g", 1],
    "a.avi": [*H264, "-g", 1],
    "png.mov": ["-c:v", "png"],
    "jpeg.avi": ["-c:v", "mjpeg"],
    "mpeg4.avi": ["-c:v", "mpeg4", "-g", 1],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-g", 1, "-cpu-used", 8, "-deadline", "realtime"],
}
WAITING = [*H264, "-g", 12, "-bf", 3]


def damage(path: Path, target: Path, which: int) -> None:
    """Overwrite the bytes of one packet by zeros."""
    with av.open(str(path)) as container:
        packet = [bytes(p) for p in container.demux(video=0) if p.size][which]
    data = path.read_bytes()
    target.write_bytes(data.replace(packet, bytes(len(packet)), 1))


@pytest.mark.parametrize(
    ("name", "which"),
    # without its first packet, which holds the headers, no player opens H.264 in AVI
    [(n, w) for n in sorted(ALONE) for w in (0, 25, N - 1) if (n, w) != ("a.avi", 0)],
)
def test_a_packet_that_cannot_be_decoded_shows_the_frame_before(
    make, decoded, tmp_path, monkeypatch, name, which
):
    path = tmp_path / name
    damage(make(name, *ALONE[name]), path, which)
    expected = list(range(N))
    expected[which] = which - 1 if which else 1
    got, source = shown(path)
    assert got == expected == read_apart(path, monkeypatch)
    assert len(numbers(decoded(path))) == N - 1
    instead = "the one before" if which else "the next one"
    assert source.notes == (
        f"{name}: 1 frame could not be decoded, from {which / 25:.2f} s on: shown is {instead}",
    )
    with pytest.raises(VideoError, match=r"1 frame could not be decoded, from .*or do not be st"):
        shown(path, strict=True)
    assert shown(make(name, *ALONE[name]), strict=True)[1].notes == ()


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv", "b.mov"])
@pytest.mark.parametrize("which", [20, 25, 30])
def test_among_frames_that_need_others(make, decoded, tmp_path, monkeypatch, name, which):
    """All that a player decodes is where it belongs, with its stains; the rest is filled."""
    path = tmp_path / name
    damage(make(name, *WAITING), path, which)
    got, source = shown(path)
    (lost,) = source._lost
    assert got[:lost] + got[lost + 1 :] == numbers(decoded(path))
    assert got[lost] == got[lost - 1]
    assert f"1 frame could not be decoded, from {lost / 25:.2f} s" in source.notes[0]
    assert read_apart(path, monkeypatch) == got


def test_the_sample_of_one_damaged_frame(faults):
    source = VideoFrames(faults / "26-one-damaged-frame" / "bad_e.mp4")
    frames = source.read(0, source.n_frames)
    assert len(frames) == 50 and np.array_equal(frames[24], frames[23])
    assert source.notes[0].startswith("bad_e.mp4: 1 frame could not be decoded, from 0.96 s on")


def test_not_one_frame(make, tmp_path):
    source = make("png.mov", *ALONE["png.mov"])
    data = bytearray(source.read_bytes())
    for place, size, _ in packets(source):
        data[place : place + size] = bytes(size)
    (tmp_path / "none.mov").write_bytes(data)
    with pytest.raises(VideoError, match=r"not one frame of it can be decoded\. It is dam"):
        VideoFrames(tmp_path / "none.mov")


# -- order --


@pytest.mark.parametrize("codec", ["mpeg4", "libxvid", "libx264"])
@pytest.mark.parametrize("remuxed", ["", "mkv", "mp4"])
def test_avi_with_frames_that_wait_for_later_ones(
    ffmpeg, make, decoded, tmp_path, monkeypatch, codec, remuxed
):
    name = f"{codec}.avi"
    path = make(name, "-c:v", codec, "-bf", 2, "-g", 12, "-b:v", "1M", "-pix_fmt", "yuv420p")
    if remuxed:
        copy = tmp_path / f"copy.{remuxed}"
        ffmpeg("-fflags", "+genpts", "-i", path, "-c", "copy", copy)
        path = copy
    truth = numbers(decoded(path))
    source = VideoFrames(path)
    frames = numbers(source._source_frames(0, len(truth)))
    assert frames == truth == sorted(truth) and len(truth) >= N - 2
    got = numbers(source.read(0, source.n_frames))
    assert read_apart(path, monkeypatch) == got
    assert got == sorted(got)


def test_the_sample_of_an_avi_with_b_frames(faults, decoded):
    path = faults / "04-avi-b-frames" / "b_xvid.avi"
    source = VideoFrames(path)
    got, truth = source.read(0, source.n_frames), decoded(path, (96, 64))
    assert len(got) == len(truth) == 28
    far = np.abs(got[:, None, ::4, ::4].astype(int) - truth[None, :, ::4, ::4]).mean((2, 3, 4))
    assert far.argmin(1).tolist() == list(range(28))


# -- rates nobody asked for --


@pytest.mark.parametrize(
    ("fps", "n", "expected", "note"),
    [
        ("1/30", 3, Fraction(1, 10), "has 0.03333 frames a second, read as 0.1"),
        ("600", 60, Fraction(480), "has 600 frames a second, read as 480"),
        ("960", 60, Fraction(480), "has 960 frames a second, read as 480"),
        ("90000", 1, Fraction(25), None),
        ("240", 60, Fraction(240), None),
    ],
)
@pytest.mark.parametrize("kind", ["mp4", "mov"])
def test_rates_that_cannot_be_written(make, fps, n, expected, note, kind):
    name = f"{fps.replace('/', '_')}.{kind}"
    path = make(name, *H264, "-video_track_timescale", 288000, n=n, fps=fps)
    got, source = shown(path)
    assert source.fps == expected
    assert source.notes == (() if note is None else (f"faults_{name} {note}",))
    seconds = n / Fraction(fps)
    assert abs(len(got) / expected - seconds) <= 1 / expected
    assert got[0] == 0 and got == sorted(got) and set(got) <= set(range(n))


def test_a_recorder_that_states_its_clock_for_its_rate(ffmpeg, tmp_path):
    """MediaRecorder's WebM has a clock of 1000, no rate, and steps as they come."""
    path = tmp_path / "recorder.webm"
    chance = random.Random(3)
    times, now = [], 0
    for _ in range(N):
        times.append(now)
        now += chance.choice((28, 33, 34, 37, 66))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libvpx", rate=1000)
        stream.width, stream.height, stream.options = W, H, {"deadline": "realtime"}
        for time, picture in zip(times, numbered(N), strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    source = VideoFrames(path)
    assert 20 < source.fps < 35
    assert abs(source.fps - 1000 * Fraction(N - 1, times[-1])) < Fraction(1, 10)
    got = numbers(source.read(0, source.n_frames))
    for i, number in enumerate(got):
        assert times[number] <= i * 1000 / source.fps + 1


@pytest.mark.parametrize("name", ["one90k.mp4", "rec_nodd.webm", "slide.mp4"])
def test_the_samples_of_odd_rates(faults, name):
    source = VideoFrames(faults / "05-fps-out-of-range" / name)
    assert Fraction(1, 10) <= source.fps <= 60
    assert len(source.read(0, source.n_frames)) == source.n_frames


# -- which way up --

IDENTITY = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
SQUARE = [(1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1)]
SQUARE += [(0, 1, 1, 0), (0, 1, -1, 0), (0, -1, 1, 0), (0, -1, -1, 0)]


@pytest.mark.parametrize("matrix", SQUARE)
def test_all_eight_ways_to_lay_a_picture(ffmpeg, decoded, tmp_path, matrix):
    """The display matrix in a track header: ISO/IEC 14496-12, 8.3.2."""
    path = tmp_path / "turned.mp4"
    picture = ["-c:v", "libx264", "-crf", 4, "-pix_fmt", "yuv444p"]
    ffmpeg(*raw(), *picture, path, stdin=CORNERS.tobytes() * 2)
    data = bytearray(path.read_bytes())
    at = data.index(IDENTITY, data.index(b"tkhd"))
    a, b, c, d = (value << 16 for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    size = (W, H) if matrix[0] else (H, W)
    source = VideoFrames(path)
    assert source.size == size
    assert np.abs(source.read(0, 1)[0].astype(int) - decoded(path, size)[0]).max() <= 2


# -- other streams --


@pytest.mark.parametrize("kind", ["mkv", "mp4"])
def test_subtitles_that_outlast_the_film(ffmpeg, make, tmp_path, kind):
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,500 --> 00:00:09,000\nstill here\n")
    codec = "srt" if kind == "mkv" else "mov_text"
    path = tmp_path / f"subtitles.{kind}"
    ffmpeg("-i", make("b.mp4", *WAITING), "-i", words, "-c", "copy", "-c:s", codec, path)
    got, source = shown(path, strict=True)
    assert got == list(range(N)) and source.notes == ()


def test_the_default_film_and_no_cover(ffmpeg, make, tmp_path):
    film, cover, path = make("b.mp4", *WAITING), tmp_path / "c.png", tmp_path / "two.mkv"
    ffmpeg(*raw(), "-frames:v", 1, cover, stdin=CORNERS.tobytes())
    other = ["-f", "lavfi", "-i", "color=red:s=32x32:d=1:r=25"]
    maps = ["-map", "0", "-map", "1", "-c:v", "libx264", "-disposition:v:0", 0]
    ffmpeg(*other, "-i", film, *maps, "-disposition:v:1", "default", path)
    assert shown(path)[0] == list(range(N))
    first = tmp_path / "first.mkv"
    ffmpeg("-i", film, *other, *maps[:-2], "-disposition:v:0", 0, "-disposition:v:1", 0, first)
    assert shown(first)[0] == list(range(N))
    covered = tmp_path / "covered.mp4"
    attached = ["-c", "copy", "-disposition:v:0", "attached_pic"]
    ffmpeg("-i", cover, "-i", film, "-map", 0, "-map", 1, *attached, covered)
    assert shown(covered)[0] == list(range(N))
    assert cover_of(covered) == cover.read_bytes()


@pytest.mark.parametrize("kind", ["mp3", "m4a", "flac"])
def test_a_cover_alone_is_no_film(ffmpeg, tmp_path, kind):
    cover, path = tmp_path / "c.png", tmp_path / f"song.{kind}"
    ffmpeg(*raw(), "-frames:v", 1, cover, stdin=CORNERS.tobytes())
    tone = ["-f", "lavfi", "-i", "sine=d=0.3", "-i", cover, "-map", 0, "-map", 1]
    ffmpeg(*tone, "-c:v", "copy", "-disposition:v", "attached_pic", path)
    with pytest.raises(VideoError, match=r"has no picture but its cover\. Name a video") as caught:
        VideoFrames(path)
    assert caught.value.absent and not caught.value.unknown
    assert cover_of(path) == cover.read_bytes()


def test_a_file_without_a_cover(ffmpeg, make, tmp_path):
    assert cover_of(make("b.mp4", *WAITING)) is None
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.3", tmp_path / "a.wav")
    assert cover_of(tmp_path / "a.wav") is None


# -- recordings glued together --


@pytest.mark.parametrize(
    "second",
    [
        [],
        ["-mpegts_start_pid", 0x200],
        ["-mpegts_start_pid", 0x200, "-mpegts_pmt_start_pid", 0x1100, "-output_ts_offset", 50],
        ["-mpegts_start_pid", 0x300, "-mpegts_service_id", 7, "-mpegts_pmt_start_pid", 0x1200],
        ["-output_ts_offset", 5000],
    ],
)
@pytest.mark.parametrize("sound", [False, True])
def test_glued_transport_streams(ffmpeg, tmp_path, monkeypatch, second, sound):
    numbers_of = numbered(40).reshape(2, 20, H, W, 3)
    parts = []
    for part, frames in enumerate(numbers_of):
        parts.append(tmp_path / f"{part}.ts")
        tone = ["-f", "lavfi", "-i", "sine=d=0.8", "-c:a", "mp2"] if sound else []
        where = second if part else []
        ffmpeg(*raw(), *tone, *H264, "-g", 12, "-bf", 2, *where, parts[-1], stdin=frames.tobytes())
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    got, source = shown(both, strict=True)
    assert got == list(range(40)) and source.fps == 25
    assert source.notes == ("both.ts holds several recordings, shown one after the other",)
    assert read_apart(both, monkeypatch) == got


# -- colours --


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
@pytest.mark.parametrize("stated", [True, False])
def test_transparency_of_vp8_and_vp9(ffmpeg, tmp_path, codec, stated):
    ramp = np.tile(np.linspace(0, 255, W).astype(np.uint8), (H, 1))
    pictures = np.stack([np.dstack([CORNERS, np.roll(ramp, 8 * i, 1)]) for i in range(16)])
    path = tmp_path / "alpha.webm"
    coding = ["-c:v", codec, "-pix_fmt", "yuva420p", "-auto-alt-ref", 0, "-b:v", "2M", "-g", 8]
    ffmpeg(*raw("rgba"), *coding, "-crf", 4, path, stdin=pictures.tobytes())
    if not stated:  # as some browsers record it: the element AlphaMode is missing
        data = bytearray(path.read_bytes())
        at = data.index(b"\x53\xc0\x81\x01")  # RFC 9559: AlphaMode = 1
        data[at : at + 4] = b"\xec\x82\x00\x00"  # Void
        path.write_bytes(data)
    source = VideoFrames(path)
    assert source.channels == 4 and source.n_frames == 16
    frames = source.read(0, 16)
    assert np.abs(frames[..., 3].astype(int) - pictures[..., 3]).mean() < 6
    turns = PingPong(source, 40)
    assert np.array_equal(turns.read(17, 18)[0], frames[13])
    assert np.array_equal(source.read(9, 10)[0], frames[9])


def test_the_sample_with_transparency(faults):
    source = VideoFrames(faults / "11-alpha-webm" / "half.webm")
    assert source.channels == 4 and source.notes == ()
    assert np.abs(source.read(0, 50)[..., 3].astype(int) - 128).max() <= 2


@pytest.mark.parametrize(("matrix", "like"), [(8, 5), (10, 9), (14, 9), (15, 9), (12, 5), (13, 9)])
def test_matrices_that_are_not_computed(ffmpeg, tmp_path, matrix, like):
    """The nearest one is taken, and said: colours as with that one."""
    frames, names = {}, {5: "smpte170m", 9: "bt2020nc"}
    for name, tag in (("odd", matrix), ("near", like)):
        path = tmp_path / f"{name}.mp4"
        coding = ["-c:v", "libx264", "-crf", 4, "-pix_fmt", "yuv444p"]
        tags = ["-bsf:v", f"h264_metadata=matrix_coefficients={tag}"]
        ffmpeg(*raw(), *coding, *tags, path, stdin=CORNERS.tobytes() * 2)
        source = VideoFrames(path)
        frames[name] = source.read(0, 1)[0].astype(int)
    source = VideoFrames(tmp_path / "odd.mp4")
    word = {5: "BT.601", 9: "BT.2020"}[like]
    assert source.notes == (f"matrix coefficients {matrix} are not known: read as {word}",)
    assert np.abs(frames["odd"] - frames["near"]).max() <= 1 and names


@pytest.mark.parametrize(("aspect", "size"), [("1/1000", (W, H)), ("2000/1", (W, H))])
def test_absurd_pixels_are_square(ffmpeg, tmp_path, aspect, size):
    path = tmp_path / "absurd.mkv"
    ffmpeg(*raw(), "-vf", f"setsar={aspect}", *H264, path, stdin=numbered(4).tobytes())
    got, source = shown(path)
    assert got == [0, 1, 2, 3] and source.size == size
    assert len(source.notes) == 1 and "taken for square" in source.notes[0]


def pq(light: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084, light in cd/m2 -> signal."""
    y = (light / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def hlg(light: np.ndarray) -> np.ndarray:
    """BT.2100: light of grey in cd/m2 on a display of 1000 -> signal."""
    scene = (light / 1000) ** (1 / 1.2)
    curve = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), curve)


@pytest.mark.parametrize(
    ("transfer", "signal"), [("smpte2084", pq), ("arib-std-b67", hlg)], ids=["pq", "hlg"]
)
def test_hdr_is_tone_mapped(ffmpeg, tmp_path, transfer, signal):
    light = np.array([0.5, 2, 5, 10, 20, 40, 60, 80, 203, 400, 700, 1000.0])
    codes = np.round(signal(light) * 65535).astype("<u2")
    picture = codes[None, :, None].repeat(16, 0).repeat(8, 1).repeat(3, 2)
    path = tmp_path / "hdr.mkv"
    tags = ["-color_trc", transfer, "-color_primaries", "bt2020", "-colorspace", "bt2020nc"]
    source = raw("rgb48le", size="96x16")
    turn = ["-vf", "scale=out_color_matrix=bt2020:out_range=tv,format=yuv444p10le"]
    ffmpeg(
        *source,
        *turn,
        "-c:v",
        "ffv1",
        *tags,
        "-color_range",
        "tv",
        path,
        stdin=picture.tobytes() * 2,
    )
    frames = VideoFrames(path)
    grey = frames.read(0, 1)[0, 8, 4::8].astype(int)
    assert frames.notes == ("HDR was tone-mapped to BT.709",)
    assert np.ptp(grey, axis=1).max() <= 2  # grey stays grey
    below = light <= 80  # BT.1886 with white at 203 cd/m2; above that the roll-off
    expected = 255 * (light / 203) ** (1 / 2.4)
    assert np.abs(grey[below, 1] - expected[below]).max() <= 4
    assert (np.diff(grey[:-1, 1]) > 0).all() and grey[-1, 1] >= 253
    assert 220 <= grey[8, 1] <= 240  # white of paper keeps room for what is brighter
    assert abs(frames.read(0, 1)[0, 8, 4, 0] - grey[0, 0]) == 0


@pytest.mark.parametrize(
    ("name", "options", "old", "new", "called"),
    [
        ("u.mp4", H264, b"avc1", b"xyz9", "xyz9"),
        ("u.mov", H264, b"avc1", b"xyz9", "xyz9"),
        ("u.avi", ["-c:v", "mpeg4"], b"FMP4", b"XY9Z", "XY9Z"),
        ("u.mkv", ["-c:v", "libvpx"], b"V_VP8", b"V_XYZ", "V_XYZ"),
    ],
)
def test_unknown_codecs_are_named(make, tmp_path, name, options, old, new, called):
    path = tmp_path / name
    path.write_bytes(make(name, *options).read_bytes().replace(old, new))
    with pytest.raises(VideoError, match=f"{name} is coded as {called}, which cannot be decoded"):
        VideoFrames(path)


# -- variable rates --


@pytest.mark.parametrize("fps", [None, 10, 25, 29.97])
def test_reading_in_chunks_is_reading_one_by_one(ffmpeg, tmp_path, fps):
    """As many frames as indices is not the same as one frame for each index."""
    path = tmp_path / "vfr.mp4"
    gaps = "setpts='(N+floor(N/3)*2)/25/TB'"  # three frames in a row, then a pause
    options = [*H264, "-bf", 0, "-fps_mode", "vfr"]
    ffmpeg(*raw(), "-vf", gaps, *options, path, stdin=numbered(30).tobytes())
    source = VideoFrames(path, fps=fps)
    single = [numbers(source.read(i, i + 1))[0] for i in range(source.n_frames)]
    for size in (2, 3, 4, 5, 7, 16, source.n_frames):
        chunks = range(0, source.n_frames, size)
        got = [n for i in chunks for n in numbers(source.read(i, min(i + size, source.n_frames)))]
        assert got == single


def test_no_frame_waits_for_the_garbage_collector(tmp_path, ffmpeg):
    """Frames are megabytes that Python counts as one object: cycles round them are a leak."""
    path = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:d=2", "-pix_fmt", "yuv420p", path)
    video = VideoFrames(path)
    video.read(0, 4)
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for start in (30, 5, 40, 0):
            video.read(start, start + 6)
        gc.collect()
        held = [type(one).__name__ for one in gc.garbage]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert "VideoFrame" not in held
