"""Pictures of all kinds, against Pillow's own operations, ImageCms and hand-made files."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, features

from imgsync_core.errors import PictureError
from imgsync_core.media.opening import MAX_PIXELS
from imgsync_core.media.picture import Picture, compose, load_picture, parse_color

Y, X = np.mgrid[:48, :64]
RGB = np.stack([X * 4, Y * 5, (X + Y) * 2], 2).astype(np.uint8)  # smooth, and no two corners alike
GREY = RGB[..., 0]
FADE = (255 - X * 4).astype(np.uint8)
RGBA = np.dstack([RGB, FADE])


def png(
    path: Path, samples: np.ndarray, depth: int, kind: int, keyed: bytes = b"", size=None
) -> Path:
    """A PNG by the book (ISO/IEC 15948), for what Pillow reads and does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc(name + data))

    crc = zlib.crc32
    width, height = size or (samples.shape[1], samples.shape[0])
    rows = samples.astype({8: ">u1", 16: ">u2"}[depth])
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = [(b"IHDR", head), (b"tRNS", keyed), (b"IDAT", pixels), (b"IEND", b"")]
    body = b"".join(chunk(name, data) for name, data in chunks if data or name == b"IEND")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def saved(folder: Path, image: Image.Image, name: str, **options) -> Path:
    image.save(folder / name, **options)
    return folder / name


def rgb_of(array) -> Image.Image:
    return Image.fromarray(np.asarray(array))


def far(a: np.ndarray, b: np.ndarray) -> int:
    """The largest difference of two pictures of one shape."""
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b.astype(int)).max())


# -- file kinds --


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.bmp", {}),
        ("a.tiff", {}),
        ("a.tif", {"compression": "tiff_lzw"}),
        ("a.tif", {"compression": "tiff_deflate"}),
        ("a.webp", {"lossless": True}),
        ("a.ppm", {}),
        ("a.tga", {}),
    ],
)
def test_lossless_kinds_come_back_as_they_were(tmp_path, name, options):
    picture = load_picture(saved(tmp_path, rgb_of(RGB), name, **options))
    assert far(picture.rgb, RGB) == 0
    assert picture.rgb.dtype == np.uint8 and picture.rgb.flags.c_contiguous
    assert picture.alpha is None
    assert picture.size == (64, 48)
    assert picture.source.endswith(name)


@pytest.mark.parametrize(
    ("name", "options", "limit"),
    [
        ("a.jpg", {"quality": 95}, 12),
        ("a.jpg", {"quality": 95, "progressive": True}, 12),
        ("a.webp", {"quality": 95}, 12),
        ("a.avif", {"quality": 95}, 12),
        ("a.jp2", {}, 12),
    ],
)
def test_lossy_kinds_come_back_nearly_as_they_were(tmp_path, name, options, limit):
    if name.endswith("avif") and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    if name.endswith("jp2") and not features.check("jpg_2000"):
        pytest.skip("this Pillow has no JPEG 2000")
    assert far(load_picture(saved(tmp_path, rgb_of(RGB), name, **options)).rgb, RGB) <= limit


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", []),
        ("a.bmp", []),
        ("a.tiff", []),
        ("a.gif", []),
        ("a.webp", ["-lossless", 1]),
        ("a.jpg", ["-pix_fmt", "yuvj444p", "-q:v", 1]),
    ],
)
def test_files_of_another_program_look_as_it_sees_them(tmp_path, ffmpeg, name, options):
    path = tmp_path / name
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:d=1:r=1", "-frames:v", 1, *options, path)
    raw = ffmpeg(
        "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-sws_flags", "accurate_rnd", "-"
    )
    expected = np.frombuffer(raw, np.uint8).reshape(48, 64, 3)
    assert far(load_picture(path).rgb, expected) <= 4 * (name == "a.jpg")


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.tiff"])
def test_first_frame_of_an_animation(tmp_path, name):
    frames = [Image.new("RGB", (20, 10), color) for color in ((250, 0, 0), (0, 250, 0))]
    options = {"lossless": True} if name == "a.webp" else {}
    path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:], **options)
    with Image.open(path) as image:
        assert image.n_frames == 2
    assert (load_picture(path).rgb == (250, 0, 0)).all()


# -- depths and colour models --


@pytest.mark.parametrize(
    ("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)], ids=["grey", "rgb", "la", "rgba"]
)
def test_sixteen_bit_png(tmp_path, kind, channels):
    deep = np.random.default_rng(0).integers(0, 65536, (9, 7, channels))
    picture = load_picture(png(tmp_path / "deep.png", deep, 16, kind))
    eight = np.round(deep / 257)  # 65535 / 255
    color = eight[..., :3] if channels >= 3 else np.repeat(eight[..., :1], 3, 2)
    assert far(picture.rgb, color) <= 1  # libpng may drop the low byte
    assert (picture.alpha is None) == (channels in (1, 3))
    if picture.alpha is not None:
        assert far(picture.alpha, eight[..., -1]) <= 1


def test_sixteen_bit_grey_is_rounded_and_not_cut(tmp_path):
    ramp = np.linspace(0, 65535, 6000).astype(np.uint16).reshape(60, 100)
    for name in ("deep.png", "deep.tiff"):
        picture = load_picture(saved(tmp_path, Image.fromarray(ramp), name))
        assert far(picture.rgb[..., 1], np.round(ramp / 257)) == 0


def test_sixteen_bit_grey_with_a_transparent_value(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (9, 7, 1))
    deep[2:4, 3, 0] = 777
    path = png(tmp_path / "keyed.png", deep, 16, 0, keyed=struct.pack(">H", 777))
    picture = load_picture(path)
    assert far(picture.rgb[..., 0], np.round(deep[..., 0] / 257)) == 0
    assert np.array_equal(picture.alpha == 0, deep[..., 0] == 777)


@pytest.mark.ffmpeg
@pytest.mark.parametrize("pixels", ["rgb48le", "gray16le", "rgba64le"])
def test_sixteen_bit_tiff_of_another_program(tmp_path, ffmpeg, pixels):
    channels = {"rgb48le": 3, "gray16le": 1, "rgba64le": 4}[pixels]
    deep = np.random.default_rng(0).integers(0, 65536, (9, 7, channels)).astype("<u2")
    raw = ("-f", "rawvideo", "-pix_fmt", pixels, "-s", "7x9", "-i", "-")
    ffmpeg(*raw, "-pix_fmt", pixels, tmp_path / "deep.tiff", stdin=deep.tobytes())
    picture = load_picture(tmp_path / "deep.tiff")
    eight = np.round(deep / 257)
    assert far(picture.rgb, np.broadcast_to(eight[..., :3], (9, 7, 3))) <= 1
    if channels == 4:
        assert far(picture.alpha, eight[..., 3]) <= 1


def test_floating_point_tiff(tmp_path):
    ramp = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    picture = load_picture(saved(tmp_path, Image.fromarray(ramp), "float.tiff"))
    assert far(picture.rgb[..., 2], np.arange(256).reshape(16, 16)) == 0
    with pytest.raises(PictureError, match="not in the range 0 to 1"):
        load_picture(saved(tmp_path, Image.fromarray(ramp * 300), "hdr.tiff"))


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.bmp"])
def test_one_bit(tmp_path, name):
    bits = (X + Y) % 3 == 0
    picture = load_picture(saved(tmp_path, Image.fromarray(bits), name))
    assert far(picture.rgb, np.repeat(bits[..., None] * 255, 3, 2)) == 0


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tiff", "a.webp"])
def test_grey(tmp_path, name):
    options = {"lossless": True} if name == "a.webp" else {"quality": 95}
    picture = load_picture(saved(tmp_path, Image.fromarray(GREY), name, **options))
    assert far(picture.rgb, np.repeat(GREY[..., None], 3, 2)) <= 3 * (name == "a.jpg")
    assert picture.alpha is None


def test_grey_with_alpha(tmp_path):
    grey, alpha = Image.fromarray(GREY), Image.fromarray(FADE)
    picture = load_picture(saved(tmp_path, Image.merge("LA", [grey, alpha]), "la.png"))
    assert far(picture.rgb, np.repeat(GREY[..., None], 3, 2)) == 0
    assert far(picture.alpha, FADE) == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.png", {}), ("a.tiff", {}), ("a.webp", {"lossless": True, "exact": True})],
)
def test_alpha_is_kept_straight(tmp_path, name, options):
    picture = load_picture(saved(tmp_path, rgb_of(RGBA), name, **options))
    assert far(picture.rgba(), RGBA) == 0


def test_palette(tmp_path):
    image = rgb_of(RGB).quantize(200)
    for name in ("p.png", "p.gif", "p.bmp", "p.tiff"):
        picture = load_picture(saved(tmp_path, image, name))
        assert far(picture.rgb, np.asarray(image.convert("RGB"))) == 0
        assert picture.alpha is None


def test_palette_with_one_transparent_colour(tmp_path):
    image = rgb_of(RGB).quantize(16)
    for name in ("p.png", "p.gif"):
        picture = load_picture(saved(tmp_path, image, name, transparency=5))
        assert np.array_equal(picture.alpha == 0, np.asarray(image) == 5)
        shown = picture.alpha == 255
        assert far(picture.rgb[shown], np.asarray(image.convert("RGB"))[shown]) == 0


def test_palette_with_an_alpha_for_each_colour(tmp_path):
    image = rgb_of(RGB).quantize(16)
    table = bytes(range(0, 256, 17))
    picture = load_picture(saved(tmp_path, image, "p.png", transparency=table))
    assert far(picture.alpha, np.frombuffer(table, np.uint8)[np.asarray(image)]) == 0


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3)], ids=["grey", "rgb"])
def test_png_with_a_transparent_colour(tmp_path, kind, channels):
    pixels = RGB[..., :channels].copy()
    pixels[10:20, 30:40] = 77
    key = struct.pack(f">{channels}H", *[77] * channels)
    picture = load_picture(png(tmp_path / "keyed.png", pixels, 8, kind, keyed=key))
    assert np.array_equal(picture.alpha == 0, (pixels == 77).all(2))
    assert far(picture.rgb, np.broadcast_to(pixels, RGB.shape)) == 0


@pytest.mark.parametrize("name", ["c.jpg", "c.tiff"])
def test_cmyk(tmp_path, name):
    options = {"quality": 100, "subsampling": 0} if name == "c.jpg" else {}
    path = saved(tmp_path, rgb_of(RGB).convert("CMYK"), name, **options)
    with Image.open(path) as image:
        assert image.mode == "CMYK"
    assert far(load_picture(path).rgb, RGB) <= 8


# -- orientation --

# what a camera means by each value: where row 0 and column 0 of the file are to be seen (EXIF 2.3)
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@pytest.mark.parametrize("orientation", sorted(UPRIGHT))
@pytest.mark.parametrize("name", ["e.png", "e.jpg", "e.webp", "e.tiff"])
def test_exif_orientation(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    options = {"lossless": True} if name == "e.webp" else {"quality": 95}
    path = saved(tmp_path, rgb_of(RGB), name, exif=exif, **options)
    picture = load_picture(path)
    assert far(picture.rgb, UPRIGHT[orientation](RGB)) <= 14 * (name == "e.jpg")
    with Image.open(path) as image:
        assert far(picture.rgb, np.asarray(ImageOps.exif_transpose(image))) == 0


@pytest.mark.parametrize("orientation", [3, 6])
def test_alpha_turns_with_the_picture(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    picture = load_picture(saved(tmp_path, rgb_of(RGBA), "e.png", exif=exif))
    assert far(picture.rgba(), UPRIGHT[orientation](RGBA)) == 0
    palette = rgb_of(RGB).quantize(16)
    picture = load_picture(saved(tmp_path, palette, "p.png", exif=exif, transparency=5))
    assert np.array_equal(picture.alpha == 0, UPRIGHT[orientation](np.asarray(palette) == 5))


@pytest.mark.parametrize("orientation", [0, 9, 60000])
def test_unknown_orientation_leaves_the_picture_as_it_is(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    assert far(load_picture(saved(tmp_path, rgb_of(RGB), "e.png", exif=exif)).rgb, RGB) == 0


def test_broken_exif_does_not_spoil_the_picture(tmp_path):
    """A number written as text, as some cameras do: Pillow reads that and cannot write it."""
    exif = Image.Exif()
    exif[0x112] = 6
    exif[0x10F] = "maker"
    wrong = exif.tobytes().replace(b"\x01\x0f", b"\x01\x00")  # now the width is "maker"
    path = saved(tmp_path, rgb_of(RGB), "camera.png", exif=wrong)
    with Image.open(path) as image, pytest.raises(struct.error):
        ImageOps.exif_transpose(image)
    assert far(load_picture(path).rgb, UPRIGHT[6](RGB)) == 0


# -- colour profiles --


def matrix_profile(gamma: float, order: tuple[int, int, int] = (0, 1, 2)) -> bytes:
    """An ICC v2 display profile, written by hand: sRGB's primaries, swapped, and a pure gamma.

    The layout is that of ICC.1:2001-04: a header of 128 bytes, a table of tags, the tags.
    """

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))

    primaries = [
        (0.43607, 0.22249, 0.01392),
        (0.38515, 0.71687, 0.09708),
        (0.14307, 0.06061, 0.71410),
    ]  # adapted to D50
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"Test gamma\0"
    text = b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(4 + 4 + 2 + 1 + 67)
    tags = {b"desc": text, b"cprt": b"text" + bytes(4) + b"none\0\0\0\0"}
    tags[b"wtpt"] = b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249)
    for tag, source in zip((b"rXYZ", b"gXYZ", b"bXYZ"), order, strict=True):
        tags[tag] = b"XYZ " + bytes(4) + fixed(*primaries[source])
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += struct.pack(">4sII", tag, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", start + len(body), b"test", 0x02100000, b"mntr", b"RGB ", b"XYZ "
    )
    head += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += fixed(0.9642, 1.0, 0.8249) + bytes(48)
    return head.ljust(128, b"\0") + table + body


def converted(image: Image.Image, profile: bytes) -> np.ndarray:
    """The oracle: ImageCms used directly."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    srgb = ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(image, source, srgb, outputMode="RGB"))


PROFILES = {
    "gamma 1.4": matrix_profile(1.4),
    "red and green swapped": matrix_profile(2.2, (1, 0, 2)),
}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
@pytest.mark.parametrize("name", ["i.png", "i.tiff", "i.webp"])
def test_profile_is_converted_to_srgb(tmp_path, name, profile):
    options = {"lossless": True} if name == "i.webp" else {}
    path = saved(tmp_path, rgb_of(RGB), name, icc_profile=profile, **options)
    picture = load_picture(path)
    expected = converted(rgb_of(RGB), profile)
    assert far(expected, RGB) > 40
    assert far(picture.rgb, expected) == 0


def test_gamma_profile_against_the_formula(tmp_path):
    path = saved(tmp_path, rgb_of(RGB), "i.png", icc_profile=matrix_profile(1.4))
    linear = (RGB / 255) ** (round(1.4 * 256) / 256)
    # IEC 61966-2-1: linear light to sRGB
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert far(load_picture(path).rgb, np.round(srgb * 255)) <= 2


def test_swapped_primaries_swap_the_channels(tmp_path):
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[..., 0] = 255
    path = saved(tmp_path, rgb_of(pixels), "i.png", icc_profile=matrix_profile(2.2, (1, 0, 2)))
    assert far(load_picture(path).rgb, np.broadcast_to([0, 255, 0], pixels.shape)) <= 3


def test_profile_leaves_the_alpha_alone(tmp_path):
    profile = matrix_profile(1.4)
    picture = load_picture(saved(tmp_path, rgb_of(RGBA), "i.png", icc_profile=profile))
    assert far(picture.rgb, converted(rgb_of(RGB), profile)) == 0
    assert far(picture.alpha, FADE) == 0


def test_profile_of_a_palette_and_of_a_turned_picture(tmp_path):
    profile = matrix_profile(1.4)
    palette = rgb_of(RGB).quantize(64)
    picture = load_picture(saved(tmp_path, palette, "p.png", icc_profile=profile))
    assert far(picture.rgb, converted(palette.convert("RGB"), profile)) == 0
    exif = Image.Exif()
    exif[0x112] = 6
    path = saved(tmp_path, rgb_of(RGB), "e.png", icc_profile=profile, exif=exif)
    assert far(load_picture(path).rgb, UPRIGHT[6](converted(rgb_of(RGB), profile))) == 0


def test_srgb_profile_changes_nothing(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (
        far(load_picture(saved(tmp_path, rgb_of(RGB), "s.png", icc_profile=profile)).rgb, RGB) == 0
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "LA", "CMYK"])
@pytest.mark.parametrize("kind", ["rubbish", "LAB", "other model"])
def test_profile_that_does_not_fit_is_ignored(tmp_path, mode, kind):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    profile = {"rubbish": b"rubbish", "LAB": lab, "other model": matrix_profile(1.4)}[kind]
    if kind == "other model" and mode in ("RGB", "P"):
        profile = profile.replace(b"RGB XYZ ", b"GRAYXYZ ")
    image = rgb_of(RGB).convert(mode)
    name = "c.tiff" if mode == "CMYK" else "i.png"
    picture = load_picture(saved(tmp_path, image, name, icc_profile=profile))
    assert far(picture.rgb, np.asarray(image.convert("RGB"))) == 0


# -- what is refused --


def test_bomb_is_refused_by_its_header_alone(tmp_path):
    path = png(tmp_path / "bomb.png", np.zeros((1, 1, 3)), 8, 2, size=(16384, 16384))
    assert path.stat().st_size < 200
    with pytest.raises(PictureError, match=r"bomb\.png has .*pixels; the limit is 120 megapixels"):
        load_picture(path)


@pytest.mark.parametrize("size", [(16000, 7501), (120_000_001, 1), (1, 120_000_001)])
def test_more_than_the_limit_is_refused_with_the_size(tmp_path, size):
    assert size[0] * size[1] > MAX_PIXELS
    path = png(tmp_path / "big.png", np.zeros((1, 1)), 8, 0, size=size)
    with pytest.raises(PictureError, match=f"{size[0]}x{size[1]} pixels; the limit"):
        load_picture(path)


def test_more_than_pillow_warns_of_is_read_without_a_warning(tmp_path, monkeypatch):
    path = saved(tmp_path, rgb_of(RGB), "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48 - 1)
    with pytest.warns(Image.DecompressionBombWarning), Image.open(path):
        pass
    assert far(load_picture(path).rgb, RGB) == 0


def test_one_pixel(tmp_path):
    assert load_picture(saved(tmp_path, Image.new("RGB", (1, 1), "red"), "1.png")).size == (1, 1)


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    "name", ["a.png", "a.jpg", "a.webp", "a.avif", "a.bmp", "a.tiff", "a.gif", "a.ppm"]
)
def test_cut_short(tmp_path, name, part):
    """A JPEG or PNG is shown as far as it goes, but not to a strict reader."""
    if name == "a.avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    path = saved(tmp_path, rgb_of(noise), name)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(PictureError, match=rf"^{name} .*\."):
        load_picture(path, strict=name in ("a.png", "a.jpg"))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.avif", "a.gif", "a.tiff"])
def test_damaged_files_are_read_or_refused_with_a_sentence(tmp_path, name):
    if name == "a.avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    data = saved(tmp_path, rgb_of(RGB), name).read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        bad = bytearray(data)
        for at in rng.integers(0, min(len(data), 600), 2):
            bad[at] = rng.integers(256)
        (tmp_path / name).write_bytes(bad)
        try:
            picture = load_picture(tmp_path / name)
        except PictureError as e:
            refused += 1
            assert name in str(e)
        else:
            assert picture.rgb.ndim == 3
    assert refused > 0


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.avif", "a.gif", "a.tiff", "a"])
def test_empty_file(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(PictureError, match=f"{name} is empty") as caught:
        load_picture(tmp_path / name)
    assert not caught.value.unknown  # no use in trying other readers


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.avif", "a.txt"])
def test_text_with_the_name_of_a_picture(tmp_path, name):
    (tmp_path / name).write_text("This is no picture.\n" * 50)
    with pytest.raises(PictureError, match=name) as caught:
        load_picture(tmp_path / name)
    assert caught.value.unknown  # a video reader may still know it


def test_folder_and_missing_file(tmp_path):
    with pytest.raises(PictureError, match=r"is a folder\. Name a picture"):
        load_picture(tmp_path)
    with pytest.raises(PictureError, match=r"there is no such file\. Check the name"):
        load_picture(tmp_path / "missing.png")
    with pytest.raises(PictureError):
        load_picture(saved(tmp_path, Image.new("L", (2, 2)), "file.png") / "below.png")


# -- composing and colours --


def test_compose_against_the_formula_for_every_alpha():
    value, alpha, under = np.meshgrid(np.arange(0, 256, 5), np.arange(256), [0, 1, 127, 254, 255])
    for background in np.unique(under):
        v, a = value[..., 0], alpha[..., 0]
        frames = np.stack([v, v, v, a], -1).astype(np.uint8)
        out = compose(frames, (int(background), 0, 255))
        assert out.dtype == np.uint8
        for channel, below in enumerate((int(background), 0, 255)):
            exact = (v * a + below * (255 - a)) / 255
            assert np.abs(out[..., channel] - exact).max() <= 0.5


def test_compose_against_pillow():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (30, 40, 4), np.uint8)
    below = Image.new("RGBA", (40, 30), (32, 160, 255, 255))
    expected = np.asarray(Image.alpha_composite(below, Image.fromarray(pixels)).convert("RGB"))
    assert far(compose(pixels, (32, 160, 255)), expected) <= 1
    picture = Picture(pixels[..., :3], pixels[..., 3])
    assert far(picture.over((32, 160, 255)), expected) <= 1


def test_picture_without_alpha_is_opaque_and_over_nothing():
    picture = Picture(RGB)
    assert np.array_equal(picture.rgba()[..., 3], np.full((48, 64), 255))
    assert picture.over((1, 2, 3)) is RGB


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("black", (0, 0, 0)),
        ("white", (255, 255, 255)),
        ("#20a0ff", (32, 160, 255)),
        ("#fff", (255, 255, 255)),
        (" rgb(1, 2, 3) ", (1, 2, 3)),
        ("#20a0ff80", (32, 160, 255)),
        ("hsl(120,100%,50%)", (0, 255, 0)),
    ],
)
def test_colours(text, color):
    assert parse_color(text) == color


@pytest.mark.parametrize("text", ["", "blackish", "#12", "rgb(1,2)", None, 5])
def test_unknown_colours_are_refused(text):
    with pytest.raises(PictureError, match="is not a colour"):
        parse_color(text)
