"""Picture, sound and container end together, and an MP4 is as players want it."""

import io
import json
import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from imgsync_core.errors import OutputError
from imgsync_core.media.extend import Extension, extend
from imgsync_core.media.frames import ArrayFrames, Held
from imgsync_core.media.muxer import Muxer
from imgsync_core.media.sound import ArraySound
from imgsync_core.timeline import Timeline

from .judge import (
    JUDGED,
    boxes,
    complaints,
    ends,
    facts,
    found,
    impulse,
    milliseconds,
    numbered,
    numbers,
    packets,
    pictures,
    samples,
    shown,
    stream,
)
from .making import PRESET_NAMES, PRESETS, clip, mux, noise, still, talk

pytestmark = JUDGED

NTSC = {"24000/1001", "30000/1001", "60000/1001"}
FPS = sorted(NTSC | {"23.976", "24", "25", "29.97", "30", "50", "59.94", "60", "1", "12.5"})
RATES = (8000, 11025, 22050, 32000, 44100, 48000, 96000)
COUNTS = (1, 333, 1023, 1025, 4801, 7919, 12345, 17777, 23457, 31415)  # odd in every way
MODES = ("hold", "loop", "ping-pong", "pan-zoom")


def apart(told) -> float:
    """Milliseconds between the first and the last end of picture, sound and container."""
    at = ends(told)
    assert set(at) == {"video", "audio", "container"}
    return (max(at.values()) - min(at.values())) * 1000


# -- all end together --


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("fps", FPS)
def test_picture_sound_and_container_end_within_a_millisecond(fps, rate, tmp_path):
    path = tmp_path / "a.mp4"
    n = COUNTS[(RATES.index(rate) + FPS.index(fps)) % len(COUNTS)]
    talk(path, noise(n, rate), fps=fps)
    told = facts(path)
    assert apart(told) < 1
    n_frames = math.ceil(n * Fraction(fps) / rate)
    video = stream(told, "video")
    assert int(video["nb_frames"]) == n_frames
    assert Fraction(video["avg_frame_rate"]) == Fraction(fps)
    assert milliseconds(video["duration"], n_frames / Fraction(fps)) < 0.01
    assert float(video["start_time"]) == float(stream(told, "audio")["start_time"]) == 0


@settings(max_examples=40)
@given(
    n=st.integers(1, 30000),
    rate=st.sampled_from([8000, 11025, 12000, 16000, 22050, 44100, 48000, 96000]),
    fps=st.sampled_from(FPS).map(Fraction) | st.fractions(1, 120, max_denominator=1001),
    mode=st.sampled_from(MODES),
    length=st.integers(1, 7),
)
def test_they_end_together_for_any_sound_rate_fps_and_mode(n, rate, fps, mode, length, tmp_path):
    length = 1 if mode == "pan-zoom" else length
    n_frames = math.ceil(n * fps / rate)
    assume(n_frames <= 120)
    source = ArrayFrames(numbered(range(length)), fps)
    path = tmp_path / "a.mp4"
    frames = extend(source, n_frames, Extension(mode))
    report = mux(path, frames, sound=noise(n, rate), overwrite=True)
    told = facts(path)
    assert apart(told) < 1
    assert int(stream(told, "video")["nb_frames"]) == n_frames
    assert float(report.info.difference) * 1000 < 1  # and so our report says
    assert report.info.picture.frames == n_frames


@pytest.mark.parametrize("fps", ["24000/1001", "25", "59.94", "1"])
@pytest.mark.parametrize("preset", ["mp4-h265", "mp4-av1", "mov-prores4444"])
def test_they_end_together_in_the_other_presets_of_its_family(preset, fps, tmp_path):
    path = tmp_path / f"a{PRESETS[preset].extension}"
    talk(path, noise(23457, 44100, 2), preset, fps=fps)
    told = facts(path)
    assert apart(told) < 1
    assert int(stream(told, "video")["nb_frames"]) == math.ceil(23457 * Fraction(fps) / 44100)


@pytest.mark.parametrize("fps", ["23.976", "25", "30000/1001", "59.94", "1"])
@pytest.mark.parametrize("preset", ["webm-vp9", "mkv-ffv1"])
def test_they_end_together_in_matroska(preset, fps, tmp_path):
    """Matroska states no duration of a stream but in a tag, so the decoded samples count."""
    path = tmp_path / f"a{PRESETS[preset].extension}"
    talk(path, noise(23457, 44100, 2), preset, fps=fps)
    n_frames = math.ceil(23457 * Fraction(fps) / 44100)
    end = n_frames / Fraction(fps)
    told = facts(path)
    rate = int(stream(told, "audio")["sample_rate"])
    assert milliseconds(Fraction(samples(path).shape[1], rate), end) < 1
    assert milliseconds(told["format"]["duration"], end) < 1
    assert len(shown(path)) == n_frames
    for kind in ("video", "audio"):
        hours, minutes, seconds = stream(told, kind)["tags"]["DURATION"].split(":")
        stated = int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
        assert milliseconds(stated, end) <= 1


def test_the_sound_is_padded_with_silence_and_nothing_is_cut(tmp_path):
    """A sound that ends in the first sample of a frame: all of that frame is there."""
    n, rate = 48000 + 1, 48000
    path = tmp_path / "a.mkv"
    sound = np.full((1, n), 0.5, np.float32)
    talk(path, ArraySound(sound, rate), "mkv-ffv1", fps=25)
    heard = samples(path)
    assert heard.shape == (1, 26 * 1920)
    assert np.abs(heard[:, :n] - 0.5).max() < 1e-4
    assert not heard[:, n:].any()


# -- frame by frame --


@pytest.mark.parametrize("sizes", [[10], [1] * 10, [3, 3, 4], [9, 1]])
def test_chunks_of_any_length_give_the_same_file(sizes, tmp_path):
    frames = clip(10).read(0, 10)
    path = tmp_path / "a.mp4"
    timeline = Timeline.of_frames(10, 25)
    with Muxer(path, PRESETS["mp4-h264"], timeline, (32, 32), sound=noise(19199, 48000)) as out:
        at = 0
        for size in sizes:
            out.write(frames[at : at + size])
            at += size
    assert numbers(pictures(path)) == list(range(1, 11))
    assert apart(facts(path)) < 1
    assert not complaints(path)


@pytest.mark.parametrize("n", [3, 11])
def test_fewer_or_more_frames_than_the_timeline_are_refused(n, tmp_path):
    path = tmp_path / "a.mp4"
    with (
        pytest.raises(OutputError, match=f"{n} of 10 frames"),
        Muxer(path, PRESETS["mp4-h264"], Timeline.of_frames(10, 25), (32, 32)) as out,
    ):
        out.write(clip(n).read(0, n))
    assert not list(tmp_path.iterdir())


def test_no_frames_at_all_are_refused(tmp_path):
    path = tmp_path / "a.mp4"
    with (
        pytest.raises(OutputError, match="No frames"),
        Muxer(path, PRESETS["mp4-h264"], Timeline.of_frames(10, 25), (32, 32)),
    ):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(1, 32, 34, 3), (1, 30, 32, 3), (1, 32, 32, 4)])
def test_a_frame_of_another_shape_in_mid_stream_is_refused(shape, tmp_path):
    path = tmp_path / "a.mp4"
    with (
        pytest.raises(OutputError, match=r"32x32 with 3"),
        Muxer(path, PRESETS["mp4-h264"], Timeline.of_frames(3, 25), (32, 32)) as out,
    ):
        out.write(clip(2).read(0, 2))
        out.write(np.zeros(shape, np.uint8))
    assert not list(tmp_path.iterdir())


def test_there_is_no_report_before_the_end(tmp_path):
    with Muxer(tmp_path / "a.mp4", PRESETS["mp4-h264"], Timeline.of_frames(2, 25), (32, 32)) as out:
        with pytest.raises(OutputError, match="not finished"):
            _ = out.report
        out.write(clip(2).read(0, 2))
    assert out.report.path == tmp_path / "a.mp4"


# -- what is in the default file --


@pytest.fixture(scope="module")
def default_file(tmp_path_factory):
    """A second of everything, by default settings."""
    path = tmp_path_factory.mktemp("default") / "a.mp4"
    talk(path, noise(44100, 44100, channels=2))
    return path


def test_the_default_is_high_profile_in_bt709_for_television(default_file):
    video = stream(default_file, "video")
    assert (video["codec_name"], video["profile"]) == ("h264", "High")
    assert (video["pix_fmt"], video["color_range"]) == ("yuv420p", "tv")
    assert video["color_space"] == video["color_primaries"] == video["color_transfer"] == "bt709"
    assert (video["codec_tag_string"], video["field_order"]) == ("avc1", "progressive")


def test_the_default_sound_is_aac_at_its_own_rate_with_about_192_kilobits(default_file):
    audio = stream(default_file, "audio")
    assert (audio["codec_name"], audio["profile"]) == ("aac", "LC")
    assert (audio["sample_rate"], audio["channel_layout"]) == ("44100", "stereo")
    assert 160_000 < int(audio["bit_rate"]) < 210_000


def test_nothing_in_it_makes_ffmpeg_warn(default_file):
    assert complaints(default_file) == ""


def test_the_index_comes_before_the_pictures(default_file):
    kinds = [kind for kind, _ in boxes(default_file.read_bytes()) if kind not in ("free", "uuid")]
    assert kinds[:2] == ["ftyp", "moov"]
    assert kinds.count("mdat") == kinds.count("moov") == 1
    assert "moof" not in kinds


def test_the_edit_lists_show_exactly_the_frames_and_skip_the_encoders_delay(default_file):
    """ISO 14496-12, 8.6.6: segment duration in the movie's ticks, media time in the track's."""
    moov = dict(boxes(default_file.read_bytes()))["moov"]
    (scale,) = struct.unpack_from(">I", dict(boxes(moov))["mvhd"], 12)
    for kind, track in boxes(moov):
        if kind != "trak":
            continue
        inside = dict(boxes(track))
        handler = dict(boxes(inside["mdia"]))["hdlr"][8:12]
        edits = dict(boxes(inside["edts"]))["elst"]
        count, duration, media_time = struct.unpack_from(">IIi", edits, 4)
        assert count == 1
        assert Fraction(duration, scale) == 1
        if handler == b"soun":
            assert media_time == 1024  # of FFmpeg's AAC encoder
        else:
            assert handler == b"vide"


def test_sound_and_picture_lie_side_by_side_in_the_file(tmp_path):
    """Played from the network, neither has to be fetched long before it is needed."""
    path = tmp_path / "a.mp4"
    talk(path, noise(5 * 44100, 44100, 2))
    both = facts(path, "-show_packets")["packets"]
    at = {"video": 0.0, "audio": 0.0}
    lead = 0.0
    for packet in sorted(both, key=lambda p: int(p["pos"])):
        at[packet["codec_type"]] = float(packet["dts_time"])
        lead = max(lead, abs(at["video"] - at["audio"]))
    assert lead < 1.1


# -- where a click is found again --


@pytest.mark.parametrize("at", [0, 1000, 24001, 47000])
@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("preset", ["mp4-h264", "webm-vp9"])
def test_a_click_is_found_within_a_millisecond(preset, rate, at, tmp_path):
    path = tmp_path / f"a{PRESETS[preset].extension}"
    at = at * rate // 48000 + 1
    talk(path, ArraySound(impulse(rate, at), rate), preset)
    own_rate = int(stream(path, "audio")["sample_rate"])
    assert milliseconds(found(samples(path)) / own_rate, at / rate) < 1


@pytest.mark.parametrize("at", [1, 12345, 44098])
@pytest.mark.parametrize("preset", ["mkv-ffv1", "mov-prores4444"])
def test_a_click_is_found_at_its_very_sample_where_sound_is_lossless(preset, at, tmp_path):
    path = tmp_path / f"a{PRESETS[preset].extension}"
    talk(path, ArraySound(impulse(44100, at), 44100), preset)
    assert found(samples(path)) == at


@pytest.mark.parametrize("fps", ["24000/1001", "25", "59.94"])
def test_a_click_and_the_frame_that_flashes_with_it_stay_together(fps, tmp_path):
    """Frame k turns white when it starts, and then comes the click."""
    fps, rate, k = Fraction(fps), 48000, 13
    n_frames = 20
    at = round(k / fps * rate) + 1
    frames = numbered([0] * k + [255] + [0] * (n_frames - k - 1))
    path = tmp_path / "a.mp4"
    mux(path, ArrayFrames(frames, fps), sound=ArraySound(impulse(round(19 / fps * rate), at), rate))
    times = [float(frame["pts_time"]) for frame in shown(path)]
    flash = numbers(pictures(path)).index(255)
    assert milliseconds(times[flash], found(samples(path)) / rate) < 1


# -- where it goes --


def test_metadata_are_keys_that_comfyui_reads(tmp_path):
    """The front end reads the keys `prompt` and `workflow` near the start of an MP4."""
    path = tmp_path / "a.mp4"
    metadata = {"prompt": {"3": {"class_type": "Ü — 猫"}}, "workflow": {"nodes": [1] * 5000}}
    talk(path, noise(4801, 48000), metadata=metadata)
    tags = facts(path)["format"]["tags"]
    assert {key: json.loads(tags[key]) for key in metadata} == metadata
    meta = dict(boxes(dict(boxes(dict(boxes(path.read_bytes()))["moov"]))["udta"]))["meta"]
    assert all(b"mdta" + key.encode() in meta for key in metadata)


@pytest.mark.parametrize("preset", ["mov-prores4444", "webm-vp9", "mkv-ffv1"])
def test_metadata_are_in_the_other_containers_too(preset, tmp_path):
    path = tmp_path / f"a{PRESETS[preset].extension}"
    metadata = {"prompt": {"3": "猫" * 1000}, "workflow": "as it is"}
    talk(path, noise(4801, 48000), preset, metadata=metadata)
    tags = {key.lower(): value for key, value in facts(path)["format"]["tags"].items()}
    assert json.loads(tags["prompt"]) == metadata["prompt"]
    assert tags["workflow"] == "as it is"
    assert b"WORKFLOW" in path.read_bytes()[: 2 << 20] or preset == "mov-prores4444"


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_a_file_object_gets_the_same_packets_as_a_file(preset, tmp_path):
    source, sound = clip(7, (64, 64)), noise(12001, 48000)
    path, again = (tmp_path / f"{i}{PRESETS[preset].extension}" for i in range(2))
    mux(path, source, preset, sound=sound)
    memory = io.BytesIO()
    report = mux(memory, source, preset, sound=sound)
    assert report.path is None
    assert report.info.bytes == len(memory.getvalue())
    again.write_bytes(memory.getvalue())
    if preset == "webp":  # which FFmpeg does not read
        assert memory.getvalue() == path.read_bytes()
        return
    for kind in ("video", "audio"):
        hashes = [[p["data_hash"] for p in packets(file, kind)] for file in (path, again)]
        assert hashes[0] == hashes[1]
    assert facts(again)["format"]["duration"] == facts(path)["format"]["duration"]


def test_an_existing_file_is_replaced_only_when_allowed(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already"):
        mux(path, still((0, 0, 0)))
    assert path.read_bytes() == b"precious"
    mux(path, still((0, 0, 0)), overwrite=True)
    assert int(stream(path, "video")["nb_frames"]) == 5
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_one_frame_is_a_video_too(tmp_path):
    path = tmp_path / "a.mp4"
    report = mux(path, Held(clip(1), 1), sound=noise(1, 8000))
    assert len(shown(path)) == 1
    assert apart(facts(path)) < 1
    assert report.info.picture.frames == 1
