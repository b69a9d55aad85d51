"""The presets, judged by the files that they give."""

import dataclasses
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image

from imgsync_core.demo import demo_picture
from imgsync_core.errors import EncodingError
from imgsync_core.media.encoding import DEFAULT, PRESETS, preset, preset_for
from imgsync_core.media.frames import ArrayFrames

from .judge import complaints, facts, judged, packets, pictures, psnr, stream
from .making import FPS, PRESET_NAMES, held, mux, noise, talk

WITH_CRF = [name for name in PRESET_NAMES if PRESETS[name].crf is not None]
WITHOUT_CRF = [name for name in PRESET_NAMES if PRESETS[name].crf is None]


def detailed(n: int = 4, size: tuple[int, int] = (64, 64)) -> ArrayFrames:
    """Moving noise: something that costs bits."""
    generator = np.random.default_rng(2)
    picture = generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return ArrayFrames(np.stack([np.roll(picture, 3 * i, 1) for i in range(n)]), FPS)


def test_the_eight_presets_are_there_and_h264_is_the_default():
    assert set(PRESET_NAMES) == {
        "mp4-h264",
        "mp4-h265",
        "mp4-av1",
        "webm-vp9",
        "mov-prores4444",
        "mkv-ffv1",
        "gif",
        "webp",
    }
    assert DEFAULT == "mp4-h264"


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_ffmpeg_has_what_a_preset_names(name):
    encoding = PRESETS[name]
    codec = av.codec.Codec(encoding.codec, "w")
    pixels = {form.name for form in codec.video_formats}
    assert encoding.pixels in pixels
    assert encoding.alpha_pixels is None or encoding.alpha_pixels in pixels
    container = av.ContainerFormat(encoding.container, "w")
    assert encoding.extension[1:] in container.extensions
    assert encoding.sound is None or av.codec.Codec(encoding.sound, "w").type == "audio"


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_a_preset_cannot_be_changed(name):
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS[name].crf = 1


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.mp4", "mp4-h264"),
        ("b.c/A.MP4", "mp4-h264"),
        ("a.webm", "webm-vp9"),
        ("a.mov", "mov-prores4444"),
        ("a.b.mkv", "mkv-ffv1"),
        ("a.gif", "gif"),
        ("a.WebP", "webp"),
    ],
)
def test_the_preset_follows_from_the_extension(path, name):
    assert preset_for(path).name == name


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_a_named_preset_needs_its_own_extension(name):
    extension = PRESETS[name].extension
    assert preset_for(f"a{extension}", name).name == name
    with pytest.raises(EncodingError, match=rf"a\{extension}"):  # the sentence proposes a name
        preset_for("a.avi", name)


@pytest.mark.parametrize("path", ["a", "a.avi", ".mp4", "mp4", "a.mp4/b"])
def test_other_extensions_are_refused_with_those_that_would_do(path):
    with pytest.raises(EncodingError, match=r"\.mp4.*\.webm.*\.mov.*\.mkv.*\.gif.*\.webp"):
        preset_for(path)


def test_an_unknown_preset_is_refused_with_those_that_would_do():
    with pytest.raises(EncodingError, match=r"mp4-h264.*mp4-h265.*mp4-av1.*webm-vp9"):
        preset("h264")


@pytest.mark.parametrize("name", WITH_CRF)
def test_crf_outside_the_range_is_refused(name):
    low, high = PRESETS[name].crf_range
    for crf in (low - 1, high + 1, -1, 1000):
        with pytest.raises(EncodingError, match=f"{low} to {high}"):
            PRESETS[name].with_crf(crf)


@pytest.mark.parametrize("name", WITHOUT_CRF)
def test_crf_is_refused_where_there_is_none(name):
    with pytest.raises(EncodingError, match=name):
        PRESETS[name].with_crf(18)


@judged
@pytest.mark.parametrize("name", WITH_CRF)
def test_every_crf_is_taken_by_the_encoder_and_means_quality(name, tmp_path):
    """Both ends of the range work, for stills too, and lower is larger and nearer."""
    source, quality, size = detailed(), [], []
    low, high = PRESETS[name].crf_range
    for crf in (low, PRESETS[name].crf, high):
        path = tmp_path / f"{crf}{PRESETS[name].extension}"
        mux(path, source, PRESETS[name].with_crf(crf))
        quality.append(psnr(pictures(path), source.read(0, 4)).mean())
        size.append(path.stat().st_size)
        assert stream(path, "video")["pix_fmt"] == "yuv420p"
        assert not complaints(path)
        mux(path, held(source.read(0, 1)[0]), PRESETS[name].with_crf(crf), overwrite=True)
        assert not complaints(path)
    assert size[0] > size[1] > size[2]
    assert quality[0] > quality[1] > quality[2]


@judged
@pytest.mark.parametrize("name", WITH_CRF)
def test_a_still_looks_no_worse_than_the_same_frames_one_by_one(name, tmp_path):
    picture = demo_picture(128)
    frames = np.repeat(picture[None], 60, 0)
    plain, cheap = (tmp_path / f"{i}{PRESETS[name].extension}" for i in range(2))
    mux(plain, ArrayFrames(frames, FPS), name)
    mux(cheap, held(picture, 60), name)
    assert psnr(pictures(cheap), frames).mean() > psnr(pictures(plain), frames).mean() - 0.1


@judged
def test_a_still_is_neither_larger_nor_worse_than_ffmpegs(ffmpeg, tmp_path):
    """ffmpeg's own way to do it, as in the README's comparison."""
    picture, n = demo_picture(256), 1500
    Image.fromarray(picture).save(tmp_path / "a.png")
    theirs, ours = tmp_path / "theirs.mp4", tmp_path / "ours.mp4"
    ffmpeg(
        *("-loop", 1, "-framerate", 25, "-i", tmp_path / "a.png", "-frames:v", n),
        *("-vf", "scale=out_color_matrix=bt709:flags=accurate_rnd+full_chroma_int"),
        *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
        *("-c:v", "libx264", "-tune", "stillimage", "-crf", 18, "-pix_fmt", "yuv420p", theirs),
    )
    mux(ours, held(picture, n), "mp4-h264")
    every = ("-vf", "select=not(mod(n\\,100))")
    quality = [
        psnr(shown, np.broadcast_to(picture, shown.shape)).mean()
        for shown in (pictures(path, after=every) for path in (ours, theirs))
    ]
    assert quality[0] >= quality[1]
    assert ours.stat().st_size <= theirs.stat().st_size


@judged
@pytest.mark.parametrize("kbps", [64, 128, 192, 320])
def test_the_bit_rate_of_aac_is_the_one_asked_for(kbps, tmp_path):
    path = tmp_path / "a.mp4"
    encoding = PRESETS["mp4-h264"].with_sound_bit_rate(kbps)
    talk(path, noise(2 * 48000, 48000, channels=2), encoding)
    assert 0.85 < int(stream(path, "audio")["bit_rate"]) / 1000 / kbps < 1.15


@judged
@pytest.mark.parametrize("kbps", [64, 256])
def test_the_bit_rate_of_opus_is_the_one_asked_for(kbps, tmp_path):
    path = tmp_path / "a.webm"
    talk(path, noise(2 * 48000, 48000, 2), PRESETS["webm-vp9"].with_sound_bit_rate(kbps))
    bits = sum(int(p["size"]) for p in packets(path, "audio")) * 8
    assert 0.8 < bits / 2 / 1000 / kbps < 1.2


@pytest.mark.parametrize("kbps", [15, 513, 0, -1])
def test_bit_rates_that_make_no_sense_are_refused(kbps):
    with pytest.raises(EncodingError, match="16 to 512"):
        PRESETS["mp4-h264"].with_sound_bit_rate(kbps)


@pytest.mark.parametrize("name", ["mov-prores4444", "mkv-ffv1", "gif", "webp"])
def test_a_bit_rate_is_refused_where_there_is_none(name):
    with pytest.raises(EncodingError, match=name):
        PRESETS[name].with_sound_bit_rate(192)


@judged
@pytest.mark.parametrize("name", ["webm-vp9", "mov-prores4444", "mkv-ffv1"])
def test_without_alpha_there_is_none_in_the_file(name, tmp_path):
    picture = np.zeros((32, 32, 4), np.uint8)
    path = tmp_path / f"a{PRESETS[name].extension}"
    mux(path, held(picture), PRESETS[name].without_alpha(), background=(255, 255, 255))
    video = stream(path, "video")
    assert "a" not in video["pix_fmt"].removeprefix("yuv")
    assert "alpha_mode" not in video.get("tags", {})
    assert pictures(path).min() > 250


@judged
@pytest.mark.parametrize("name", ["mp4-h264", "mp4-h265", "webm-vp9"])
@pytest.mark.parametrize("gop", [4, 10])
def test_key_frames_are_never_further_apart_than_the_gop(name, gop, tmp_path):
    path = tmp_path / f"a{PRESETS[name].extension}"
    mux(path, detailed(25), replace(PRESETS[name], gop=gop))
    keys = [i for i, p in enumerate(packets(path, "video")) if p["flags"].startswith("K")]
    assert keys[0] == 0
    assert max(b - a for a, b in zip(keys, [*keys[1:], 25], strict=True)) <= gop


@judged
@pytest.mark.parametrize("name", ["mp4-h264", "mp4-h265"])
def test_the_file_says_with_what_it_can_be_played(name, tmp_path):
    """Brands, four-letter code and level as players look for them."""
    path = tmp_path / "a.mp4"
    mux(path, detailed(), name)
    video = stream(path, "video")
    assert video["codec_tag_string"] == {"mp4-h264": "avc1", "mp4-h265": "hvc1"}[name]
    assert video["level"] <= {"mp4-h264": 41, "mp4-h265": 123}[name]
    assert facts(path)["format"]["tags"]["major_brand"] == "isom"
