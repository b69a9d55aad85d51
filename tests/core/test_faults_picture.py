"""Pictures as phones, cameras, browsers and broken downloads make them; names nobody expects."""

import io
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import types
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from imgsync_core.errors import InputError, OutputError, PictureError, SoundError, VideoError
from imgsync_core.media.animated import AnimatedFrames
from imgsync_core.media.encoding import PRESETS
from imgsync_core.media.file_sound import FileSound
from imgsync_core.media.frames import ArrayFrames, Held, Thinned
from imgsync_core.media.muxer import Muxer
from imgsync_core.media.opening import open_media
from imgsync_core.media.picture import load_picture
from imgsync_core.media.probe import probe
from imgsync_core.media.source import open_source
from imgsync_core.media.target import check_target
from imgsync_core.timeline import Timeline

from .command import imgsync
from .making import mux, still

__all__ = ["imgsync"]

Y, X = np.mgrid[:48, :64]
RGB = np.stack([X * 4, Y * 5, (X + Y) * 2], 2).astype(np.uint8)
LINEAR, SRGB = (147, 12, 5), (200, 61, 38)  # one colour; IEC 61966-2-1 says so
needs_pipes = pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in folders")


def png(*chunks: tuple[bytes, bytes], color: tuple[int, ...] = LINEAR, size=(8, 4)) -> bytes:
    """A PNG of one colour, with more chunks after its header."""
    w, h = size
    rows = zlib.compress((b"\0" + bytes(color) * w) * h)
    every = [(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)), *chunks]
    every += [(b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in every
    )


def in_memory(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# -- HEIC: told by its brand --


def ftyp(major: bytes, *others: bytes) -> bytes:
    body = major + bytes(4) + b"".join(others)
    return struct.pack(">I4s", 8 + len(body), b"ftyp") + body


@pytest.mark.parametrize("name", ["IMG_0001.HEIC", "a.jpg", "a.mp4", "a"])
@pytest.mark.parametrize(
    "head",
    [
        ftyp(b"heic", b"mif1", b"heic"),
        ftyp(b"mif1", b"heic", b"miaf"),
        ftyp(b"heix"),
        ftyp(b"hevc", b"msf1"),
        ftyp(b"msf1", b"hevc"),
    ],
)
def test_heic_is_named_whoever_reads_it(tmp_path, monkeypatch, name, head):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / name
    path.write_bytes(head + bytes(400))
    for read, error in (
        (load_picture, PictureError),
        (open_source, PictureError),
        (FileSound, SoundError),
        (probe, InputError),
        (lambda file: open_media(file, VideoError, "a video"), VideoError),
    ):
        with pytest.raises(error, match=rf"{name} is a HEIC photo.*Export it as JPEG") as caught:
            read(path)
        assert not caught.value.unknown


def test_heic_of_a_phone(monkeypatch, faults):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r"IMG_0001\.HEIC is a HEIC photo"):
        open_source(faults / "01-heic-tile" / "IMG_0001.HEIC")


def test_heic_by_the_package_where_there_is_one(tmp_path, monkeypatch):
    def open_heif(data):
        assert data.read(8)[4:] == b"ftyp"
        return types.SimpleNamespace(size=(64, 48), to_pillow=lambda: Image.fromarray(RGB))

    monkeypatch.setitem(sys.modules, "pillow_heif", types.SimpleNamespace(open_heif=open_heif))
    (tmp_path / "a.heic").write_bytes(ftyp(b"heic") + bytes(400))
    source = open_source(tmp_path / "a.heic")
    assert source.n_frames == 1 and np.array_equal(source.read(0, 1)[0], RGB)


def test_avif_grids_are_whole(tmp_path):
    """Brand mif1 in front, as some programs have it, is AVIF all the same."""
    if not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    data = bytearray(in_memory(Image.fromarray(RGB), "AVIF", quality=95))
    assert data[8:12] == b"avif"
    data[8:12] = b"mif1"
    (tmp_path / "a.heic").write_bytes(data)
    got = load_picture(tmp_path / "a.heic").rgb
    assert np.abs(got.astype(int) - RGB).max() <= 12


# -- linear light --


def linear_profile(name: bytes) -> bytes:
    """sRGB's own profile by littleCMS, with straight curves and another name of the same length."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = struct.unpack_from(">I", srgb, 128)[0]
    curves = {}
    for i in range(count):
        tag, at, size = struct.unpack_from(">4sII", srgb, 132 + 12 * i)
        curves[tag] = at, size
    data = bytearray(srgb)
    for tag in (b"rTRC", b"gTRC", b"bTRC"):
        at, size = curves[tag]
        data[at : at + size] = (b"curv" + bytes(8)).ljust(size, b"\0")  # no points: identity
    at, size = curves[b"desc"]
    text = data[at + 28 : at + size]
    data[at + 28 : at + size] = name.decode().encode("utf-16-be")[: len(text)].ljust(len(text))
    return bytes(data)


def test_linear_profiles_are_converted_whatever_their_name(tmp_path):
    profile = linear_profile(b"sRGB linear")
    named = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    assert "sRGB" in named
    image = Image.new("RGB", (8, 4), LINEAR)
    (tmp_path / "a.png").write_bytes(in_memory(image, "PNG", icc_profile=profile))
    assert np.abs(load_picture(tmp_path / "a.png").rgb.astype(int) - SRGB).max() <= 1


@pytest.mark.parametrize("sample", ["07-linear-srgb-icc/gimp_linear.png",
                                    "23-gamma-and-linear/gama1.png"])  # fmt: skip
def test_linear_samples(faults, sample):
    assert np.abs(load_picture(faults / sample).rgb[2, 2].astype(int) - SRGB).max() <= 1


ALL = np.arange(256)


def expected_of_gamma(gamma: float) -> np.ndarray:
    """The PNG specification's chapter 13.13, then IEC 61966-2-1."""
    light = (ALL / 255) ** (1 / gamma)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


@pytest.mark.parametrize("gamma", [100000, 55556, 30000, 250000])
def test_gamma_of_a_png(tmp_path, gamma):
    grey = np.repeat(ALL.astype(np.uint8)[None, :, None], 3, 2)
    data = in_memory(Image.fromarray(grey), "PNG")
    chunk = struct.pack(">I", gamma)
    crc = struct.pack(">I", zlib.crc32(b"gAMA" + chunk))
    (tmp_path / "a.png").write_bytes(data[:33] + b"\0\0\0\x04gAMA" + chunk + crc + data[33:])
    got = load_picture(tmp_path / "a.png").rgb[0, :, 1]
    assert np.abs(got - expected_of_gamma(gamma / 100000)).max() <= 0.51


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"gAMA", struct.pack(">I", 45455))],
        [(b"gAMA", struct.pack(">I", 50994))],  # FFmpeg's for BT.709
        [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100000))],
        [(b"gAMA", struct.pack(">I", 0))],
        [],
    ],
)
def test_gammas_that_mean_srgb_change_nothing(tmp_path, chunks):
    (tmp_path / "a.png").write_bytes(png(*chunks))
    assert (load_picture(tmp_path / "a.png").rgb == LINEAR).all()


@pytest.mark.parametrize("pixels", ["gbrpf32le", "gbrapf32le", "grayf32le"])
@pytest.mark.parametrize("options", [[], ["-format", "half"], ["-compression", "zip16"]])
def test_open_exr(tmp_path, ffmpeg, pixels, options):
    planes = {"gbrpf32le": 3, "gbrapf32le": 4, "grayf32le": 1}[pixels]
    light = np.tile(np.linspace(0, 1, 64, dtype="<f4"), (planes, 16, 1))
    raw = ("-f", "rawvideo", "-pix_fmt", pixels, "-s", "64x16", "-i", "-")
    if planes == 4:
        light[3] = 1
    ffmpeg(*raw, *options, tmp_path / "a.exr", stdin=light.tobytes())
    source = open_source(tmp_path / "a.exr")
    x = np.linspace(0, 1, 64)
    srgb = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055) * 255
    got = source.read(0, 1)[0]
    assert source.n_frames == 1 and source.notes == ()
    assert np.abs(got[..., :3] - srgb[None, :, None]).max() <= 0.6
    assert got.shape == (16, 64, 4 if planes == 4 else 3)


def test_exr_brighter_than_white_and_too_large(tmp_path, ffmpeg):
    raw = ("-f", "rawvideo", "-pix_fmt", "gbrpf32le", "-s", "8x8", "-i", "-")
    ffmpeg(*raw, tmp_path / "a.exr", stdin=np.full((3, 8, 8), 7, "<f4").tobytes())
    picture = load_picture(tmp_path / "a.exr")
    assert (picture.rgb == 255).all() and "clipped" in picture.notes[0]
    data = (tmp_path / "a.exr").read_bytes()
    window = struct.pack("<4i", 0, 0, 7, 7)
    (tmp_path / "b.exr").write_bytes(
        data.replace(window, struct.pack("<4i", 0, 0, 199_999, 99_999))
    )
    with pytest.raises(PictureError, match="200000x100000 pixels; the limit"):
        load_picture(tmp_path / "b.exr")


# -- animated pictures --

COLORS = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)]


def animation(path: Path, durations: list[int], **options) -> Path:
    frames = [Image.new("RGB", (20, 10), COLORS[i % 4]) for i in range(len(durations))]
    lossless = {"lossless": True} if path.suffix == ".webp" else {}
    more = {"append_images": frames[1:], "duration": durations, "loop": 0}
    frames[0].save(path, save_all=True, **more, **lossless, **options)
    return path


def shown(source) -> list[int]:
    """For each frame the number of its colour."""
    frames = source.read(0, source.n_frames)[:, 5, 5, :3].astype(int)
    return [int(np.abs(np.array(COLORS) - frame).sum(1).argmin()) for frame in frames]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif", "a.jpg"])
def test_animated_pictures_are_clips(tmp_path, name):
    kind = {"a.jpg": "a.gif"}.get(name, name)  # what it is decides
    if kind == "a.avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    animation(tmp_path / kind, [100, 200, 100, 300]).rename(tmp_path / name)
    source = open_source(tmp_path / name)
    assert isinstance(source, AnimatedFrames)
    assert (source.fps, source.n_frames, source.size) == (10, 7, (20, 10))
    assert shown(source) == [0, 1, 1, 2, 3, 3, 3]
    assert source.notes == (f"{name} is an animated picture of 4 frames: played as a clip",)
    faster = open_source(tmp_path / name, fps=20)
    assert shown(faster) == [0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3]
    backwards = np.concatenate([faster.read(i, i + 1) for i in reversed(range(14))])
    assert np.array_equal(backwards[::-1], faster.read(0, 14))
    picture = load_picture(tmp_path / name)
    assert np.abs(picture.rgb[5, 5].astype(int) - COLORS[0]).max() <= 8
    assert picture.notes == (f"{name} is an animated picture of 4 frames: the first one is used",)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_frames_without_a_delay_take_a_tenth_as_in_browsers(tmp_path, name):
    source = open_source(animation(tmp_path / name, [0, 10, 20, 100]))
    seconds = Fraction(1, 10) + Fraction(1, 10) + Fraction(2, 100) + Fraction(1, 10)
    assert source.n_frames / source.fps == seconds


@pytest.mark.parametrize(
    ("durations", "fps"),
    [
        ([40, 40], 25),
        ([20, 40, 60], 50),
        ([70, 100], Fraction(100, 7)),
        ([30, 20], 50),
        ([60_000, 60_000], Fraction(1, 10)),
    ],
)
def test_the_rate_of_a_clip(tmp_path, durations, fps):
    assert open_source(animation(tmp_path / "a.gif", durations)).fps == fps


@pytest.mark.parametrize("kind", ["gif", "apng"])
@pytest.mark.parametrize("disposal", [0, 1, 2])
@pytest.mark.parametrize("clear", [False, True])
def test_disposal_as_ffmpeg_shows_it(tmp_path, ffmpeg, kind, disposal, clear):
    rng = np.random.default_rng(3 * disposal + clear)
    frames = []
    for _ in range(5):
        one = np.zeros((24, 32, 4), np.uint8)
        one[..., 3] = 0 if clear else 255
        x, y = rng.integers(0, 16, 2)
        one[y : y + 8, x : x + 15] = (*rng.integers(0, 255, 3), 255)
        frames.append(Image.fromarray(one))
    path = tmp_path / f"a.{kind}"
    options = {"format": "PNG"} if kind == "apng" else {}
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=40, disposal=disposal, **options
    )
    raw = ffmpeg("-f", kind, "-i", path, "-vsync", 0, "-f", "rawvideo", "-pix_fmt", "rgba", "-")
    expected = np.frombuffer(raw, np.uint8).reshape(-1, 24, 32, 4)
    source = open_source(path)
    transparent = bool((expected[..., 3] < 255).any())
    assert source.n_frames == len(expected) and source.channels == (4 if transparent else 3)
    got, there = source.read(0, source.n_frames), expected[..., 3:] > 0
    assert np.array_equal(got[..., :3] * there, expected[..., :3] * there)
    if transparent:
        assert np.array_equal(got[..., 3], expected[..., 3])


def test_a_clip_keeps_few_frames_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("imgsync_core.media.animated.CACHE_BYTES", 20 * 10 * 3 * 4)
    source = open_source(animation(tmp_path / "a.gif", [40] * 30))
    for at in [*range(30), *reversed(range(30))]:
        assert shown_at(source, at) == at % 4
        assert len(source._cache) <= 4


def shown_at(source, at: int) -> int:
    frame = source.read(at, at + 1)[0, 5, 5].astype(int)
    return int(np.abs(np.array(COLORS) - frame).sum(1).argmin())


def test_an_animation_that_is_cut_short(tmp_path):
    data = animation(tmp_path / "a.gif", [100] * 8).read_bytes()
    (tmp_path / "b.gif").write_bytes(data[: len(data) * 6 // 10])
    source = open_source(tmp_path / "b.gif")
    assert shown(source) == [0, 1, 2, 3, 0, 1, 2, 3][: source.n_frames]
    assert 2 <= source.n_frames < 8


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_one_frame_is_a_still(tmp_path, name):
    Image.new("RGB", (8, 8), "red").save(tmp_path / name)
    source = open_source(tmp_path / name)
    assert (source.n_frames, source.fps, source.notes) == (1, 25, ())


def test_pages_are_no_animation(tmp_path):
    pages = [Image.new("RGB", (8, 8), color) for color in COLORS]
    pages[0].save(tmp_path / "a.tiff", save_all=True, append_images=pages[1:])
    assert open_source(tmp_path / "a.tiff").n_frames == 1


# -- covers --


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.flac"])
@pytest.mark.parametrize("kind", ["mjpeg", "png"])
def test_a_cover_is_the_picture(tmp_path, ffmpeg, name, kind):
    Image.fromarray(RGB).save(tmp_path / "cover.png")
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.3", "-i", tmp_path / "cover.png", "-map", 0, "-map", 1,
           "-c:v", kind, "-q:v", 1, "-pix_fmt", "yuvj444p" if kind == "mjpeg" else "rgb24",
           "-disposition:v", "attached_pic", tmp_path / name)  # fmt: skip
    source = open_source(tmp_path / name)
    assert (source.size, source.n_frames, source.fps) == ((64, 48), 1, 25)
    assert np.abs(source.read(0, 1)[0].astype(int) - RGB).max() <= (12 if kind == "mjpeg" else 0)
    assert source.notes == (f"{name} is a sound: its cover is the picture",)


def test_a_sound_without_a_cover_and_a_film(tmp_path, ffmpeg):
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.3", tmp_path / "a.mp3")
    with pytest.raises(VideoError, match=r"a\.mp3 has no picture"):
        open_source(tmp_path / "a.mp3")
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=32x32:d=0.2", tmp_path / "a.mp4")
    assert open_source(tmp_path / "a.mp4").n_frames == 5


# -- pictures whose end is missing --

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def test_a_jpeg_without_its_end_mark(tmp_path):
    data = in_memory(Image.fromarray(NOISE), "JPEG", quality=90)
    assert data[-2:] == b"\xff\xd9"
    (tmp_path / "a.jpg").write_bytes(data[:-2])
    picture = load_picture(tmp_path / "a.jpg", strict=True)  # nothing is missing
    assert np.array_equal(picture.rgb, np.asarray(Image.open(io.BytesIO(data))))
    assert picture.notes == ("a.jpg has no end mark, but all of its rows",)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_a_jpeg_is_shown_as_far_as_it_goes(tmp_path, share, progressive):
    whole = in_memory(Image.fromarray(NOISE), "JPEG", quality=90, progressive=progressive)
    data = whole[: int(len(whole) * share)]
    (tmp_path / "a.jpg").write_bytes(data)
    picture = load_picture(tmp_path / "a.jpg")
    libjpeg = np.asarray(Image.open(io.BytesIO(data + b"\xff\xd9")))
    assert np.array_equal(picture.rgb, libjpeg)
    (note,) = picture.notes
    lost = int(note.split(":")[1].split()[0])
    assert note.endswith("of its 48 rows are not whole") and 0 < lost <= 48
    if not progressive:
        right = np.asarray(Image.open(io.BytesIO(whole)))
        assert np.array_equal(picture.rgb[: 48 - lost], right[: 48 - lost])
        assert not np.array_equal(picture.rgb[: 49 - lost], right[: 49 - lost])
    with pytest.raises(PictureError, match=r"a\.jpg is cut short.*rows are not whole"):
        load_picture(tmp_path / "a.jpg", strict=True)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
@pytest.mark.parametrize("share", [0.6, 0.9])
def test_a_png_is_shown_as_far_as_it_goes(tmp_path, mode, share):
    image = Image.fromarray(NOISE).convert(mode)
    data = in_memory(image, "PNG")
    (tmp_path / "a.png").write_bytes(data[: int(len(data) * share)])
    picture = load_picture(tmp_path / "a.png")
    (note,) = picture.notes
    lost = int(note.split(":")[1].split()[0])
    assert 0 < lost < 48
    right = np.asarray(image.convert("RGB"))[: 48 - lost]
    assert np.array_equal(picture.rgb[: 48 - lost], right)
    with pytest.raises(PictureError, match=r"a\.png is cut short"):
        load_picture(tmp_path / "a.png", strict=True)


def test_an_interlaced_png_is_shown_as_far_as_it_goes(tmp_path):
    """Adam7 by hand: the first six passes are the even rows; the seventh is lost."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
    rows = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in passes for row in NOISE[y::dy, x::dx])
    head = struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 1)
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", head), (b"IDAT", zlib.compress(rows))):
        data += struct.pack(">I", len(body)) + name + body
        data += struct.pack(">I", zlib.crc32(name + body))
    (tmp_path / "a.png").write_bytes(data)
    picture = load_picture(tmp_path / "a.png")
    assert np.array_equal(picture.rgb[::2], NOISE[::2]) and not picture.rgb[1::2].any()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_where_nothing_decodes_nothing_is_shown(tmp_path, kind):
    data = in_memory(Image.fromarray(NOISE), kind)
    start = data.index(b"IDAT") + 8 if kind == "PNG" else data.index(b"\xff\xda") + 14
    (tmp_path / "a").write_bytes(data[:start])
    with pytest.raises(PictureError, match="a is damaged or cut short"):
        load_picture(tmp_path / "a")


def test_the_sample_without_an_end_mark(faults):
    picture = load_picture(faults / "17-jpeg-without-eoi" / "noeoi.jpg")
    assert picture.size == (128, 96) and "no end mark" in picture.notes[0]


# -- kinds that are not read --


@pytest.mark.parametrize("name", ["a.jpg", "a.bin"])
@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"\xff\x0a\xfa\x7f\x01", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x -->\n<svg>", "SVG"),
        ("<svg width='1'>".encode("utf-16"), "SVG"),
        (zlib.compress(b"<svg>" * 20, wbits=31), "SVG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"8BPS\0\x02" + bytes(20), "Photoshop"),
        (b"8BPS\0\x01" + bytes(20), "Photoshop"),
        (b"gimp xcf v011", "GIMP"),
        (b"II*\0\x10\0\0\0CR\x02\0", "raw photo"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "raw photo"),
        (b"FUJIFILMCCD-RAW 0201", "raw photo"),
        (b"IIRO\x08\0\0\0", "raw photo"),
        (b"IIU\0\x18\0\0\0", "raw photo"),
        (b"FOVb\x03\0\x03\0", "raw photo"),
    ],
)
def test_kinds_are_named(tmp_path, name, head, what):
    path = tmp_path / name
    path.write_bytes(head.ljust(400, b"\0" if head[:1] != b"<" else b" "))
    for read in (load_picture, open_source):
        with pytest.raises(PictureError, match=rf"{name} is .*{what}") as caught:
            read(path)
        assert "damaged" not in str(caught.value) and "xport it as" in str(caught.value) + (
            "xport it as" if "Export the page" in str(caught.value) else ""
        )


def test_text_about_svg_is_none(tmp_path):
    (tmp_path / "a.txt").write_text("An <svg> is a drawing.\n" * 30)
    with pytest.raises(PictureError, match="neither a picture nor a video"):
        open_source(tmp_path / "a.txt")


# -- raw photos --


def tiff(*pages: dict[int, tuple[int, ...]], pixels: list[bytes], order="<", nested=True) -> bytes:
    """A TIFF whose first directory has the others as its children, or as its followers."""
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    places = []
    for data in pixels:
        places.append(len(out))
        out += data
    at: list[int] = []
    for page, place, data in reversed(list(zip(pages, places, pixels, strict=True))):
        tags = page | {273: (place,), 279: (len(data),)}
        if nested and page is pages[0]:
            tags[330] = tuple(reversed(at))
        extra, entries = b"", b""
        start = len(out) + len(out) % 2
        out += bytes(len(out) % 2)
        body = start + 2 + 12 * len(tags) + 4
        for tag in sorted(tags):
            values = struct.pack(f"{order}{len(tags[tag])}I", *tags[tag])
            entries += struct.pack(order + "HHI", tag, 4, len(tags[tag]))
            entries += values if len(values) == 4 else struct.pack(order + "I", body + len(extra))
            extra += values if len(values) > 4 else b""
        following = 0 if nested or not at else at[-1]
        out += struct.pack(order + "H", len(tags)) + entries
        out += struct.pack(order + "I", following) + extra
        at.append(start)
    out[4:8] = struct.pack(order + "I", at[-1])
    return bytes(out)


def page(w: int, h: int, reduced: int, photometric: int = 2, **more: int) -> dict:
    one = photometric == 32803
    bits = (16,) if one else (8, 8, 8)
    base = {254: reduced, 256: w, 257: h, 259: 1, 262: photometric, 277: len(bits), 278: h}
    return {tag: (value,) for tag, value in base.items()} | {258: bits}


SMALL, FULL = bytes((9, 9, 9)) * 12, RGB.tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nested", [True, False])
def test_the_sensor_of_a_raw_photo_is_no_picture(tmp_path, order, nested):
    pages = page(4, 3, 1), page(64, 48, 0, 32803)
    data = tiff(*pages, pixels=[SMALL, bytes(64 * 48 * 2)], order=order, nested=nested)
    (tmp_path / "a.nef").write_bytes(data)
    with pytest.raises(PictureError, match=r"a\.nef is a raw photo.*Export it as JPEG or PNG"):
        open_source(tmp_path / "a.nef")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nested", [True, False])
def test_the_thumbnail_is_not_the_picture(tmp_path, order, nested):
    pages = page(4, 3, 1) | {274: (6,)}, page(64, 48, 0)
    data = tiff(*pages, pixels=[SMALL, FULL], order=order, nested=nested)
    (tmp_path / "a.dng").write_bytes(data)
    assert np.array_equal(load_picture(tmp_path / "a.dng").rgb, np.rot90(RGB, -1))


def test_pages_side_by_side_stay_the_first(tmp_path):
    data = tiff(page(4, 3, 0), page(64, 48, 0), pixels=[SMALL, FULL], nested=False)
    (tmp_path / "a.tiff").write_bytes(data)
    assert load_picture(tmp_path / "a.tiff").size == (4, 3)


def test_the_sample_of_a_raw_photo(faults):
    assert load_picture(faults / "25-raw-thumbnail" / "raw_s.dng").size == (240, 180)


# -- files that can be read only once --


@needs_pipes
@pytest.mark.parametrize("what", ["pipe", "socket", "device"])
def test_what_can_be_read_only_once_is_refused_at_once(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    path = Path("/dev/null" if what == "device" else "a.png")
    with socket.socket(socket.AF_UNIX) as sock:
        if what == "pipe":
            os.mkfifo(path)
        elif what == "socket":
            sock.bind(str(path))
        for read in (load_picture, open_source, FileSound, probe):
            with pytest.raises(InputError, match=r"pipe or a device.*Save it to a file first"):
                run_within(read, path)


def run_within(read, path: Path) -> None:
    """Raise what ``read`` raises; fail where it takes more than some seconds."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            read(path)
        except BaseException as e:
            errors.append(e)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive(), "it waits for somebody to write"
    if errors:
        raise errors[0]


# -- names of outputs --


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such names")
@pytest.mark.parametrize("stem", ["2026-11-25T10:30", "file:a", "a%03d", "what?", "-x", "pipe:1"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".gif", ".webp"])
def test_names_of_outputs_are_names(tmp_path, monkeypatch, stem, suffix):
    monkeypatch.chdir(tmp_path)
    kind = {".mp4": "mp4-h264", ".mkv": "mkv-ffv1"}.get(suffix, suffix[1:])
    report = mux(stem + suffix, still((9, 99, 200)), kind)
    assert os.listdir() == [stem + suffix]
    assert report.info.name == stem + suffix and report.path == Path(stem + suffix)


def test_two_runs_on_one_name_do_not_meet(tmp_path):
    path, timeline = tmp_path / "a.mp4", Timeline.of_frames(5, 25)
    chunk = np.full((5, 32, 32, 3), 200, np.uint8)
    (tmp_path / "a.mp4.part").write_bytes(b"precious")
    first = Muxer(path, PRESETS["mp4-h264"], timeline, (32, 32), overwrite=True)
    second = Muxer(path, PRESETS["mp4-h264"], timeline, (32, 32), overwrite=True)
    with first:
        first.write(chunk)
        with second:
            second.write(chunk // 2)
            assert len(list(tmp_path.glob("a.mp4.*.part"))) == 2
        assert probe(path).picture.frames == 5
    assert sorted(os.listdir(tmp_path)) == ["a.mp4", "a.mp4.part"]
    assert (tmp_path / "a.mp4.part").read_bytes() == b"precious"


@pytest.mark.parametrize(("length", "fits"), [(243, True), (244, False)])
def test_the_longest_name(tmp_path, length, fits):
    """255 bytes, 12 of which the unfinished file needs."""
    path = tmp_path / ("x" * (length - 4) + ".mp4")
    if fits:
        mux(path, still((1, 2, 3)))
        assert os.listdir(tmp_path) == [path.name]
    else:
        with pytest.raises(OutputError, match="name is too long"):
            check_target(path, False)


# -- GIF and WebP faster than browsers --


@pytest.mark.parametrize("kind", ["gif", "webp"])
@pytest.mark.parametrize(
    ("fps", "n", "every"),
    [("60", 60, (2, 1)), ("120", 120, (3, 2)), ("60000/1001", 60, (2, 1)), ("50", 50, (1, 1)),
     ("240", 121, (5, 3)), ("30", 30, (1, 1))],
)  # fmt: skip
@pytest.mark.parametrize("how", ["source", "chunks"])
def test_delays_that_browsers_keep(tmp_path, kind, fps, n, every, how):
    k = every[kind == "webp"]
    frames = np.zeros((n, 8, 8, 3), np.uint8)
    frames[..., 0] = np.arange(n)[:, None, None] * 97 % 251
    timeline = Timeline.of_frames(n, fps)
    path = tmp_path / f"a.{kind}"
    with Muxer(path, PRESETS[kind], timeline, (8, 8)) as out:
        if how == "source":
            out.write_source(ArrayFrames(frames, timeline.fps))
        else:
            for i in range(0, n, 7):
                out.write(frames[i : i + 7])
    with Image.open(path) as image:
        delays = []
        for i in range(image.n_frames):
            image.seek(i)
            image.load()
            delays.append(image.info["duration"])
    assert min(delays) > 10
    assert len(delays) == -(-n // k)
    assert abs(sum(delays) - 1000 * len(delays) * k / timeline.fps) <= (5 if kind == "gif" else 2)
    slowed = [note for note in out.report.notes if "browsers" in note]
    assert len(slowed) == (k > 1)


@pytest.mark.parametrize("every", [2, 3, 4])
def test_thinned_frames_repeat_as_they_say(every):
    frames = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    source = Held(ArrayFrames(frames, Fraction(60)), 40)
    thin = Thinned(source, every)
    assert np.array_equal(thin.read(0, thin.n_frames), source.read(0, 40)[::every])
    assert thin.fps == Fraction(60, every)
    got = thin.read(0, thin.n_frames)
    for i in range(thin.lead, thin.n_frames - thin.period):
        assert np.array_equal(got[i], got[i + thin.period])


def test_large_stills_look_less_far_ahead():
    still_options = PRESETS["mp4-h264"].encoder_options(True, 3840 * 2160)
    large = PRESETS["mp4-h264"].encoder_options(True, 7680 * 4320)
    assert "rc-lookahead=24" in still_options["x264-params"]
    assert "rc-lookahead=10" in large["x264-params"]
    moving = PRESETS["mp4-h264"].encoder_options(False, 7680 * 4320)
    assert moving == PRESETS["mp4-h264"].encoder_options(False)


# -- what the command says --

SRT = "1\n00:00:00,100 --> 00:00:01,000\nhello\n"


@pytest.mark.parametrize("name", ["a.srt", "a.mkv", "a.vtt"])
def test_a_file_of_subtitles(imgsync, tmp_path, ffmpeg, name):
    (tmp_path / "b.srt").write_text(SRT)
    ffmpeg("-i", tmp_path / "b.srt", tmp_path / name)
    ran = imgsync("probe", tmp_path / name)
    assert (ran.code, ran.out) == (1, "")
    assert f"{name} has neither a picture nor a sound. It holds only: subtitle." in ran.err


@pytest.mark.parametrize(("name", "codec", "foreign"), [
    ("a.avi", b"FMP4", b"ZZQ9"), ("a.mkv", b"V_MPEG4/ISO/ASP", b"V_FOOBA/ISO/ASP"),
])  # fmt: skip
def test_a_codec_that_is_not_known(imgsync, tmp_path, ffmpeg, name, codec, foreign):
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=32x32:d=0.2", "-c:v", "mpeg4", tmp_path / name)
    data = (tmp_path / name).read_bytes()
    assert codec in data
    (tmp_path / name).write_bytes(data.replace(codec, foreign))
    ran = imgsync("probe", tmp_path / name)
    assert ran.code == 1 and "not known here. Convert it" in ran.err
    with pytest.raises(VideoError, match=r"which cannot be decoded here\. Convert it"):
        open_source(tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_names_that_a_console_cannot_print(tmp_path, locale):
    name = os.fsencode(tmp_path) + b"/a\xff\xe2\x98\x83.png"
    Path(os.fsdecode(name)).write_bytes(png())
    words = [sys.executable, "-m", "imgsync_core", "extend", name, "--seconds", "0.2", "--quiet"]
    more = os.environ | {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run([*words, "-o", name + b".gif"], capture_output=True, env=more)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"wrote ") and b"\\udcff" in done.stdout
    for command in ([*words, "-o", name + b".gif"], [*words[:4], name + b".no"]):
        done = subprocess.run(command, capture_output=True, env=more)
        assert done.returncode in (1, 2) and b"Traceback" not in done.stderr


@needs_pipes
def test_a_reader_that_leaves(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    words = [sys.executable, "-m", "imgsync_core", "probe", "--json", tmp_path / "a.png"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")
    done = subprocess.run(words, capture_output=True)
    assert json.loads(done.stdout)["picture"]["width"] == 8
