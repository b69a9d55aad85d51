"""Files and words made to harm: each is refused in a sentence, at once, and takes no memory."""

import io
import json
import os
import pickle
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from imgsync_core.batch.table import read_table
from imgsync_core.cli.rows import Orders, columns
from imgsync_core.engines.built_in.reading import read_curves
from imgsync_core.errors import (
    FaceError,
    ImgSyncError,
    InputError,
    OutputError,
    PictureError,
    SoundError,
    TimeError,
    VideoError,
    WeightsError,
)
from imgsync_core.face.geometry import average, from_json
from imgsync_core.face.points import parse_points
from imgsync_core.face.wanted import parse_which
from imgsync_core.media import headers, kinds, light, mending, tiff
from imgsync_core.media.file_sound import FileSound
from imgsync_core.media.motion import parse_rect
from imgsync_core.media.opening import open_media
from imgsync_core.media.picture import load_picture, parse_color
from imgsync_core.media.probe import probe
from imgsync_core.media.sound import Sound, refuse_odd
from imgsync_core.media.source import open_source
from imgsync_core.media.tags import text_of
from imgsync_core.media.video import VideoFrames, _steps
from imgsync_core.nn.weights import read
from imgsync_core.spool.files import write_whole
from imgsync_core.spool.jobs import HASHES, Spool
from imgsync_core.spool.packing import Packer
from imgsync_core.spool.store import MANIFEST
from imgsync_core.timeline import Timeline, exactly, parse_fps, parse_grid

DIGITS, DEEP = "9" * 5000, "[" * 100_000 + "]" * 100_000


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """No test here may hang: what is refused is refused before it costs anything."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 10


# -- words --


@pytest.mark.parametrize("word", ["1e999999999", "1E-999999999", DIGITS, f"1/{DIGITS}", "1e41"])
@pytest.mark.parametrize(
    "reader",
    [
        parse_fps, parse_grid, parse_which, parse_color, parse_rect,
        lambda t: Timeline.of_seconds(t, 25), lambda t: parse_grid(f"{t}k+1"),
        lambda t: parse_color(f"rgb({t},0,0)"), lambda t: parse_color(f"hsl({t},50%,50%)"),
    ],
)  # fmt: skip
def test_numbers_that_would_fill_the_memory(reader, word):
    with pytest.raises(ImgSyncError) as refused:
        reader(word)
    assert len(str(refused.value)) < 300


def test_numbers_are_exact_up_to_the_limit():
    assert exactly("1/3") == Fraction(1, 3) and exactly(" 1e40 ") == 10**40
    assert exactly(0.5) == exactly("0.5") == exactly(Fraction(1, 2))
    for wrong in ("", "nan", "inf", float("nan"), float("inf"), None, "1/0", 10**41):
        with pytest.raises(ValueError, match=r"."):
            exactly(wrong)


def test_a_colour_has_no_more_than_there_is():
    assert parse_color("rgb(255, 0, 1)") == (255, 0, 1)
    with pytest.raises(PictureError, match="not a colour"):
        parse_color("rgb(256, 0, 0)")


# -- faces --

FACE = json.loads(average(np.array(((30, 50), (66, 50)), float), "test").to_json())


@pytest.mark.parametrize(
    "change",
    [
        {"inner": 10**400}, {"eyes": [[10**400, 0], [1, 1]]}, {"box": [1, 2, 3, 10**400]},
        {"picture": [10**400, float("inf")]}, {"oval": [0, 0, float("nan"), 1, 0]},
        {"version": json.loads("[" * 500 + "]" * 500)}, {"source": "x" * 200_000},
    ],
)  # fmt: skip
def test_faces_of_strangers(change):
    with pytest.raises(InputError):
        from_json(json.dumps(FACE | change))


def test_nested_beyond_all_measure():
    with pytest.raises(InputError, match=r"JSON|characters"):
        from_json("[" * 40_000)
    with pytest.raises(FaceError, match="JSON"):
        parse_points("[" * 9_000)


# -- tables --


def npy(shape: tuple[int, ...], kind: str = "<f8", data: bytes = b"") -> bytes:
    """An array's file that claims a shape, whatever it holds."""
    said = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(said)) + said + data


def archive(path: Path, packed: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", packed) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)
    return path


@pytest.mark.parametrize(
    "member",
    [
        npy((10**12,)), npy((2**62, 4)), npy((-1,)), npy((4,), "<f8", bytes(8)),
        npy((1,), "|O", pickle.dumps([1])), npy((1,), "<M8[s]", bytes(8)),
        npy((1,), "<c16", bytes(16)), b"\x93NUMPY\x09\x00", b"\x93NUMPY\x01\x00\xff\xff(((",
    ],
)  # fmt: skip
def test_arrays_that_are_none(tmp_path, member):
    path = archive(tmp_path / "c.npz", t=npy((1,), data=bytes(8)), open=member)
    with pytest.raises(InputError, match=r"c\.npz is not an archive of numbers"):
        read_curves(path)


def test_a_bomb_of_zeros(tmp_path):
    body = npy((10**7,), data=bytes(8 * 10**7))
    path = archive(tmp_path / "c.npz", zipfile.ZIP_DEFLATED, t=body)
    assert path.stat().st_size < 200_000
    with pytest.raises(InputError, match="80,000,0"):
        read_curves(path)


def test_a_bomb_whose_size_is_a_lie(tmp_path):
    path = archive(tmp_path / "c.npz", zipfile.ZIP_DEFLATED, t=npy((10**7,), data=bytes(8 * 10**7)))
    data = bytearray(path.read_bytes())
    true = struct.pack("<I", len(npy((10**7,))) + 8 * 10**7)
    assert data.count(true) >= 1
    path.write_bytes(bytes(data).replace(true, struct.pack("<I", 800)))
    with pytest.raises(InputError, match="not an archive of numbers"):
        read_curves(path)


def test_a_field_without_an_end(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text('t,open\n0,"' + "1" * 200_000)
    with pytest.raises(InputError, match="not a table"):
        read_curves(path)


# -- weights --


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("call", [os.system, eval, exec, os.unlink], ids=lambda f: f.__name__)
def test_no_code_runs_and_the_sentence_says_so(tmp_path, new, call):
    class Trap:
        def __reduce__(self):
            return call, (f"touch {tmp_path}/sprung",)

    path = tmp_path / "trap.pt"
    torch.save({"a": torch.zeros(2), "b": Trap()}, path, _use_new_zipfile_serialization=new)
    with pytest.raises(WeightsError, match=rf"trap\.pt asks for .*{call.__name__} to be run") as e:
        read(path)
    assert "was not unpickled" in str(e.value) and "weights_only" not in str(e.value)
    assert not (tmp_path / "sprung").exists()


def test_a_dictionary_that_holds_itself(tmp_path):
    loop: dict[str, object] = {}
    loop["model"] = loop
    torch.save(loop, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match="no tensors"):
        read(tmp_path / "x.pt")


def test_a_tensor_that_is_larger_than_its_file(tmp_path):
    torch.save({"a": torch.zeros(1).expand(10**6, 10**6)}, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match="a is no plain tensor"):
        read(tmp_path / "x.pt")
    torch.save({"a": torch.zeros(6, 4)[:, :2].T}, tmp_path / "x.pt")  # a view of some is one
    assert read(tmp_path / "x.pt").tensors["a"].shape == (2, 6)


def test_weights_that_are_packed(tmp_path):
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "plain.pt")
    with zipfile.ZipFile(tmp_path / "plain.pt") as plain:
        members = {name: plain.read(name) for name in plain.namelist()}
    with zipfile.ZipFile(tmp_path / "x.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    with pytest.raises(WeightsError, match="packed"):
        read(tmp_path / "x.pt")


@pytest.mark.parametrize("size", [2**63, 2**62, 10**9, 2**31])
def test_a_header_that_claims_to_be_long(tmp_path, size):
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", size) + b'{"a": 1}')
    with pytest.raises(WeightsError, match="cannot be read"):
        read(tmp_path / "x.safetensors")


# -- headers --


def test_a_description_that_is_looked_for_a_million_times():
    data = b"vmhd" * (2 << 20)
    began = time.process_time()
    assert headers.video_codec(io.BytesIO(data)) is None
    assert headers.video_codec(io.BytesIO(b"stsd" * (2 << 20))) is None
    assert time.process_time() - began < 5
    made = data + bytes(100) + b"stsd" + bytes(12) + b"hvc1"
    assert headers.video_codec(io.BytesIO(made)) == "hvc1"


@pytest.mark.parametrize(
    "start",
    [b"\x86\xffV_", b"\x86\xffV_" + b"A" * 60, b"strh1234", b"strh1234vids\0", b"\xff", b"Xing"],
)
def test_headers_made_of_their_beginnings(start):
    data = start * ((8 << 20) // len(start))
    began = time.process_time()
    for reader in (headers.video_codec, headers.riff, headers.xing_samples):
        reader(io.BytesIO(data))
    for reader in (kinds.foreign, kinds.is_avif, light.size_of_light):
        reader(data[: kinds.HEAD_BYTES])
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "head", [b"<svg", b"<!--", b"<?xml", b"<a:", b" ", b"\n-Y 9", b"PK", b"#?RGBE"]
)
def test_kinds_of_files_made_of_their_beginnings(head):
    data = (head * kinds.HEAD_BYTES)[: kinds.HEAD_BYTES]
    began = time.process_time()
    kinds.foreign(data)
    light.size_of_light(b"#?RGBE" + data)
    light.size_of_light(b"v/1\x01" + data)
    assert time.process_time() - began < 0.5


def test_a_wave_of_nothing_but_chunks():
    began = time.process_time()
    assert headers.riff(io.BytesIO(b"RIFF\0\0\0\0WAVE" + bytes(1 << 26))) is None
    assert time.process_time() - began < 1


def test_a_wave_whose_samples_have_no_size():
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 9, 8000, 8000, 4, 8)
    wave = b"RIFF\0\0\0\0WAVE" + form + b"data\x08\0\0\0" + bytes(8)
    assert headers.riff_samples(io.BytesIO(wave)) is None


def test_directories_that_lie_in_each_other():
    table = struct.pack("<HHII", 999, 4, 32, 8) * 65535
    following = b"".join(
        b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 65535) + table for _ in range(1)
    )
    began = time.process_time()
    assert tiff.directories(io.BytesIO(following + bytes(4)))
    assert time.process_time() - began < 1


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def header(width: int, height: int, depth: int = 8, kind: int = 2) -> bytes:
    return struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)


def test_a_picture_that_grows_while_it_is_mended():
    rows = zlib.compress(bytes(13 * 2))
    small = png((b"IHDR", header(4, 4)), (b"IDAT", rows))
    mended = mending.mend(small)
    assert mended is not None and (mended.from_row, mended.rows) == (2, 4)
    late = png((b"IHDR", header(4, 4)), (b"IDAT", rows), (b"IHDR", header(2**31 - 1, 2**31 - 1)))
    grown = mending.mend(late)
    assert grown is None or len(grown.data) < 1000
    assert mending.mend(png((b"IHDR", header(10**5, 10**5)), (b"IDAT", rows))) is None
    assert mending.mend(png((b"IHDR", header(12, 8_000_000)), (b"IDAT", rows))) is None


def test_a_picture_cut_short_that_says_it_is_huge():
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "JPEG")
    data = file.getvalue()[:-200]
    size = data.index(b"\xff\xc0") + 5  # of the frame (ITU T.81, B.2.2)
    assert mending.mend(data) is not None
    huge = data[:size] + struct.pack(">HH", 12_000, 10_001) + data[size + 4 :]
    assert mending.mend(huge) is None


def test_rows_that_are_not_there_take_no_memory():
    rows = zlib.compress(bytes(range(201)) * 2)
    cut = png((b"IHDR", header(100, 65_000, 16, 0)), (b"IDAT", rows))
    tracemalloc.start()
    mended = mending.mend(cut)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mended is not None and (mended.from_row, mended.rows) == (2, 65_000)
    assert peak < 4_000_000, "13 MB when they are made"
    with Image.open(io.BytesIO(mended.data)) as image:
        assert not np.asarray(image)[2:].any()


# -- pictures --


def test_a_frame_that_is_larger_than_its_animation(tmp_path):
    frames = [Image.new("P", (4, 4), i) for i in range(2)]
    for frame in frames:
        frame.putpalette([0, 0, 0, 255, 255, 255])
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    data = bytearray(file.getvalue())
    at = data.rfind(b"\x2c\0\0\0\0\4\0\4\0")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    (tmp_path / "x.gif").write_bytes(data)
    frames = open_source(tmp_path / "x.gif")
    assert frames.n_frames == 1
    assert frames.notes[0] == "x.gif is cut short: only 1 of its 2 frames are whole"


def gif(size: tuple[int, int], frames: int) -> bytes:
    """An animation of single points on a large canvas."""
    one = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    screen = struct.pack("<HHBBB", *size, 0x80, 0, 0) + bytes(3) + b"\xff" * 3
    return b"GIF89a" + screen + one * frames + b"\x3b"


def test_an_animation_of_few_bytes_and_many_pixels(tmp_path):
    (tmp_path / "x.gif").write_bytes(gif((12_000, 10_000), 100))
    with pytest.raises(PictureError, match=r"100 frames of 12000x10000 pixels, too many"):
        open_source(tmp_path / "x.gif")
    (tmp_path / "x.gif").write_bytes(gif((120, 100), 100))
    assert open_source(tmp_path / "x.gif").size == (120, 100)


def test_the_same_of_a_webp_that_is_probed(tmp_path, monkeypatch):
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "blue", "lime")]
    frames[0].save(tmp_path / "x.webp", save_all=True, append_images=frames[1:], duration=50)
    info = probe(tmp_path / "x.webp").picture
    assert info is not None and info.frames == 3
    monkeypatch.setattr("imgsync_core.media.opening.MOST_PIXELS", 3599)
    with pytest.raises(InputError, match="3 frames of 40x30 pixels, too many"):
        probe(tmp_path / "x.webp")
    data = (tmp_path / "x.webp").read_bytes()
    (tmp_path / "x.webp").write_bytes(data[:40] + bytes(len(data) - 40))
    with pytest.raises(InputError, match=r"x\.webp"):
        probe(tmp_path / "x.webp")


class Claims(Sound):
    """A sound that says that it lasts so long."""

    layout, rate, name = "mono", 8000, "x.ogg"

    def __init__(self, seconds: int) -> None:
        self.n_samples = seconds * self.rate

    def blocks(self):
        raise NotImplementedError


def test_a_sound_of_months():
    refuse_odd(Claims(29 * 86_400))
    with pytest.raises(SoundError, match="would last 744 hours"):
        refuse_odd(Claims(31 * 86_400))


def test_light_takes_more_memory_than_colour(tmp_path):
    window = b"displayWindow\0box2i\0\x10\0\0\0" + struct.pack("<4i", 0, 0, 9999, 4999)
    (tmp_path / "x.exr").write_bytes(b"v/1\x01\2\0\0\0" + window)
    with pytest.raises(PictureError, match="10000x5000 pixels; the limit is 40 megapixels"):
        load_picture(tmp_path / "x.exr")


def test_a_row_of_a_million_pixels(tmp_path):
    (tmp_path / "x.png").write_bytes(png((b"IHDR", header(1_000_000, 12)), (b"IEND", b"")))
    with pytest.raises(PictureError, match="1000000x12 pixels; a side has 65535 at most"):
        load_picture(tmp_path / "x.png")


def test_text_that_unpacks_to_gigabytes(tmp_path):
    bomb = b"workflow\0\0" + zlib.compress(bytes(200_000_000), 9)
    rows = zlib.compress(bytes(13 * 4))
    body = ((b"IHDR", header(4, 4)), (b"zTXt", bomb), (b"IDAT", rows), (b"IEND", b""))
    (tmp_path / "x.png").write_bytes(png(*body))
    with pytest.raises(PictureError, match=r"x\.png is damaged"):
        load_picture(tmp_path / "x.png")


# -- sound and video --


def wave(rate: int, tags: bytes = b"") -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, min(2 * rate, 2**32 - 1), 2, 16)
    body = b"WAVE" + form + tags + b"data" + struct.pack("<I", 1600) + bytes(1600)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("rate", [1, 99, 10_000_001, 2**31 - 1])
def test_rates_that_nobody_has(tmp_path, rate):
    (tmp_path / "x.wav").write_bytes(wave(rate))
    with pytest.raises(SoundError):
        FileSound(tmp_path / "x.wav")


def test_tags_of_another_encoding_do_no_harm(tmp_path):
    name = "Grüße".encode("latin-1") + b"\0"
    info = b"INFOINAM" + struct.pack("<I", len(name)) + name
    (tmp_path / "x.wav").write_bytes(wave(8000, b"LIST" + struct.pack("<I", len(info)) + info))
    assert FileSound(tmp_path / "x.wav").n_samples == 800
    assert probe(tmp_path / "x.wav").metadata == ("title",)


def film(path: Path, size: tuple[int, int], codec: str, times: tuple[int, ...]) -> Path:
    """Black frames at times in seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=1)
        stream.width, stream.height, stream.pix_fmt = *size, "yuvj420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1)
        for at in times:
            frame = av.VideoFrame(*size, "yuvj420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts, frame.time_base = at, Fraction(1, 1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_frames_that_are_too_large(tmp_path):
    path = film(tmp_path / "x.avi", (12_000, 10_016), "mjpeg", (0,))
    with pytest.raises(VideoError, match="12000x10016 pixels; the limit is 120 megapixels"):
        VideoFrames(path)
    data = bytearray(path.read_bytes())  # the header says that they are small
    for at in [i for i in range(len(data)) if data[i : i + 4] == struct.pack("<I", 12_000)]:
        data[at : at + 4] = struct.pack("<I", 16)
    path.write_bytes(data)
    with pytest.raises(VideoError, match="megapixels"):
        VideoFrames(path)


def test_times_that_lie_ages_apart(tmp_path):
    path = film(tmp_path / "x.mkv", (16, 16), "mjpeg", (0, 1, 2**31))
    with pytest.raises(VideoError, match="its times are wrong"):
        VideoFrames(path, fps=25)


@pytest.mark.parametrize("begin", [Fraction(0), Fraction(1, 3), Fraction(7, 2**40), Fraction(5)])
@pytest.mark.parametrize("step", [Fraction(1001, 30), Fraction(2**61, 3), Fraction(1, 90_000)])
def test_steps_are_exact(begin, step):
    n = 3
    assert _steps(begin, step, n).tolist() == [int(begin + i * step) for i in range(n)]


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\n{}\n#EXT-X-ENDLIST\n"
SCRIPTS = {
    "a playlist": PLAYLIST,
    "a list of files": "ffconcat version 1.0\nfile {}\n",
    "dash": '<?xml version="1.0"?><MPD mediaPresentationDuration="PT1S" minBufferTime="PT1S" '
    'xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">'
    '<Period><AdaptationSet mimeType="audio/wav"><Representation id="1" bandwidth="1"><BaseURL>{}'
    "</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=audio 50404 RTP/AVP 0\n",
}


@pytest.mark.parametrize("kind", SCRIPTS)
@pytest.mark.parametrize("ending", ["mp4", "m3u8", "wav", "jpg", "mpd", "sdp"])
def test_a_file_that_names_others_opens_none(tmp_path, kind, ending):
    (tmp_path / "secret.wav").write_bytes(wave(8000))
    path = tmp_path / f"x.{ending}"
    path.write_text(SCRIPTS[kind].format("secret.wav"))
    for reader in (FileSound, VideoFrames, probe, open_source):
        with pytest.raises(InputError, match=r"x\.|the data") as refused:
            reader(path)
        if kind.startswith("a "):
            assert f"is {kind}" in str(refused.value)


def test_a_script_is_no_container_whatever_its_first_bytes(tmp_path, monkeypatch):
    """The second wall: FFmpeg itself may not read lists."""
    (tmp_path / "secret.wav").write_bytes(wave(8000))
    (tmp_path / "x.wav").write_text(SCRIPTS["a list of files"].format("secret.wav"))
    monkeypatch.setattr("imgsync_core.media.opening.refuse_foreign", lambda *_: None)
    with pytest.raises(SoundError, match="is not a sound that can be read"):
        open_media(tmp_path / "x.wav", SoundError, "a sound")


def test_a_pattern_in_a_name_is_a_name(tmp_path):
    for name in ("x%d.bmp", "x1.bmp", "x2.bmp"):
        Image.new("RGB", (4, 4) if "%" in name else (8, 8)).save(tmp_path / name)
    assert VideoFrames(tmp_path / "x%d.bmp").size == (4, 4)


# -- tables of jobs, and what is kept of one --


@pytest.mark.parametrize("column", ["picture", "audio", "output", "background"])
@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_names_in_tables_that_no_file_can_have(tmp_path, column, text):
    whole = {"picture": "a.png", "audio": "a.wav", "engine": "built-in"}
    rows = "\n".join(json.dumps(row) for row in (whole, {**whole, column: text}))
    orders = Orders(str(tmp_path), str(tmp_path / "out"), {}, {})
    orders.add(read_table(rows.encode(), "jobs.jsonl", columns()))
    assert [order.number for order in orders.made] == [1]
    (refused,) = orders.refused
    assert refused.row == 2 and f"column {column}: " in refused.error
    refused.error.encode()


@pytest.mark.parametrize("stop", [1, 3, 10**9, 10**18], ids="1e{}".format)
def test_a_segment_that_holds_something_else(tmp_path, stop):
    spool = Spool(tmp_path)
    store = spool.store({}, 2, "some")
    assert store.open((4, 6, 3)) == ""
    packer = Packer()
    packer.add(np.ones((2, 4, 6, 3), np.uint8))
    write_whole(store.folder / "000000-0-2.frames", packer.packed())
    write_whole(store.folder / f"000001-0-{stop}.frames", [zlib.compress(bytes(10**6))])
    write_whole(store.folder / f"000002-0-{stop}.frames", [b"rubbish"])
    store.close()
    assert store.open((4, 6, 3)) == ""
    assert store.frames(0, 0) is not None
    assert store.frames(1, 0) is None and store.frames(2, 0) is None, "and is made again"
    store.close()


@pytest.mark.parametrize(
    "text",
    [DEEP, "[]", "{}", '{"engine": "x", "frames": "9", "about": {}}',
     '{"engine": 1, "frames": 9, "about": {}}', '{"engine": "x", "frames": 9, "about": []}',
     '{"engine": "x", "frames": 9, "about": {"picture": 1}}',
     '{"engine": "x", "frames": 9, "about": {"words": "animate"}}',
     '{"engine": "x", "frames": 9, "about": {"words": ["animate", 1]}}'],
)  # fmt: skip
def test_what_is_no_manifest_is_no_job(tmp_path, text):
    spool = Spool(tmp_path)
    store = spool.store({}, 2, "some")
    store.folder.mkdir(parents=True)
    write_whole(store.folder / MANIFEST, [text.encode()])
    assert spool.jobs() == []
    assert store.open((4, 6, 3)) == "" and len(spool.jobs()) == 1, "and is written anew"
    store.close()


@pytest.mark.parametrize("text", [DEEP, "[]", '{"%s": 1}', '{"%s": [[1, 2], 3]}', '{"%s": []}'])
def test_what_is_no_list_of_digests_is_none(tmp_path, text):
    path, spool = tmp_path / "weights", Spool(tmp_path / "spool")
    path.write_bytes(b"x")
    first = spool.content(path)
    write_whole(spool.folder / HASHES, [text.replace("%s", str(path.resolve())).encode()])
    assert spool.content(path) == first


# -- what is written --


def test_graphs_that_no_file_can_hold():
    made = text_of({"prompt": {"a": "\ud800"}, "workflow": "x\0y\ud800", "k\0ey": 1})
    assert made == {"prompt": '{"a": "\\ud800"}', "workflow": "xy?", "key": "1"}
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for wrong in (deep, {"a": {1, 2}}, {"a": b"x"}):
        with pytest.raises(OutputError, match="prompt"):
            text_of({"prompt": wrong})
    while deep:  # or Python takes it apart recursively
        deep = deep[0]  # type: ignore[assignment]


def test_the_limits_are_told_apart():
    with pytest.raises(TimeError, match="not a number"):
        parse_fps("1e999999999")
    with pytest.raises(TimeError, match="out of range"):
        parse_fps("1e9")
