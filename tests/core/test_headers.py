"""What headers promise, against files by scipy, ffmpeg and by hand."""

import struct

import numpy as np
import pytest
from scipy.io import wavfile

from imgsync_core.media.headers import riff_samples, xing_samples


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    size = len(data) if size is None else size
    return struct.pack("<4sI", name, size) + data + bytes(len(data) % 2)


def riff(*chunks: bytes, kind: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return struct.pack("<4sI", kind, len(body) & 0xFFFFFFFF) + body


FORMAT = struct.pack("<HHIIHH", 1, 2, 8000, 32000, 4, 16)  # PCM, stereo, 16 bits: 4 bytes a sample


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("n", [1, 7, 4321])
def test_wav_by_scipy(tmp_path, dtype, channels, n):
    wavfile.write(tmp_path / "a.wav", 8000, np.zeros((n, channels), dtype))
    assert riff_samples(tmp_path / "a.wav") == n
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[: max(60, len(data) // 2)])  # the header stays
    assert riff_samples(tmp_path / "a.wav") == n


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_mulaw"])
def test_wav_by_ffmpeg(ffmpeg, tmp_path, codec):
    source = ["-f", "lavfi", "-i", "sine=d=0.5:r=8000", "-metadata", "title=odd"]
    for options in ([], ["-rf64", "always"]):
        ffmpeg(*source, "-c:a", codec, *options, tmp_path / "a.wav")
        assert riff_samples(tmp_path / "a.wav") == 4000


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (riff(chunk(b"fmt ", FORMAT), chunk(b"data", bytes(40))), 10),
        (riff(chunk(b"LIST", b"odd"), chunk(b"fmt ", FORMAT), chunk(b"data", bytes(40))), 10),
        (riff(chunk(b"fmt ", FORMAT), chunk(b"junk", b"1"), chunk(b"data", bytes(40))), 10),
        (riff(chunk(b"fmt ", FORMAT), chunk(b"data", bytes(200), 4000)), 1000),
        (riff(chunk(b"fmt ", FORMAT), chunk(b"data", bytes(42))), 10),
        # sizes that nobody knew
        (riff(chunk(b"fmt ", FORMAT), chunk(b"data", bytes(40), 0)), None),
        (riff(chunk(b"fmt ", FORMAT), chunk(b"data", bytes(40), 0xFFFFFFFF)), None),
        (riff(chunk(b"fmt ", FORMAT), chunk(b"data", bytes(40), 0x7FFFF000)), None),
        (riff(chunk(b"fmt ", FORMAT), chunk(b"data", bytes(40), 2_000_000_000)), None),
        (riff(chunk(b"fmt ", FORMAT), chunk(b"data", bytes(40), 1 << 30)), None),
        (riff(chunk(b"fmt ", FORMAT), chunk(b"data", bytes(40), 10**9)), None),
        # EBU Tech 3306: sizes of 64 bits in ds64
        (
            riff(
                chunk(b"ds64", struct.pack("<QQQI", 0, 8 << 30, 2 << 30, 0)),
                chunk(b"fmt ", FORMAT),
                chunk(b"data", b"", 0xFFFFFFFF),
                kind=b"RF64",
            ),
            2 << 30,
        ),
        # broken
        (riff(chunk(b"data", bytes(40))), None),
        (riff(chunk(b"fmt ", FORMAT[:8]), chunk(b"data", bytes(40))), None),
        (riff(chunk(b"fmt ", bytes(16)), chunk(b"data", bytes(40))), None),
        (riff(chunk(b"fmt ", FORMAT)), None),
        (riff(chunk(b"fmt ", FORMAT, 1 << 30)), None),
        (riff(chunk(b"fmt ", FORMAT), b"da"), None),
        (b"RIFF\0\0", None),
        (b"", None),
        (b"fLaC" + bytes(100), None),
    ],
)
def test_wav_by_hand(tmp_path, data, expected):
    (tmp_path / "a.wav").write_bytes(data)
    assert riff_samples(tmp_path / "a.wav") == expected


@pytest.mark.parametrize("options", [[], ["-q:a", 5], ["-id3v2_version", 0]])
@pytest.mark.parametrize("title", ["short", "long " * 5000])
@pytest.mark.parametrize(("rate", "frame"), [(44100, 1152), (22050, 576), (8000, 576)])
def test_mp3_with_and_without_its_table(
    ffmpeg, ffprobe_json, tmp_path, options, title, rate, frame
):
    tone = f"sine=d=0.5:r={rate}"
    source = ["-f", "lavfi", "-i", tone, "-metadata", f"title={title}", *options]
    ffmpeg(*source, tmp_path / "with.mp3")
    ffmpeg(*source, "-write_xing", 0, tmp_path / "without.mp3")
    packets = ffprobe_json(tmp_path / "with.mp3", "-show_packets")["packets"]
    assert xing_samples(tmp_path / "with.mp3") == len(packets) * frame
    assert xing_samples(tmp_path / "without.mp3") is None


@pytest.mark.parametrize("size", [0, 127, 128, 20_000, 3_000_000])
def test_table_behind_a_tag_of_any_size(tmp_path, size):
    """ID3v2 counts in seven bits a byte, so that no byte looks like the start of a frame."""
    seven = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    tag = b"ID3\4\0\0" + seven + b"\xaa" * size
    table = b"Xing" + struct.pack(">II", 1, 77) + bytes(392)
    (tmp_path / "a.mp3").write_bytes(tag + b"\xff\xfb\x90\x64" + bytes(32) + table)
    assert xing_samples(tmp_path / "a.mp3") == 77 * 1152


def test_no_mp3_at_all(tmp_path):
    for data in (b"", b"ID3", b"ID3" + bytes(7), b"\xff\xfb" + bytes(10)):
        (tmp_path / "a.mp3").write_bytes(data)
        assert xing_samples(tmp_path / "a.mp3") is None
