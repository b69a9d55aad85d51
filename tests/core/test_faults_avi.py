"""AVI counts its frames and samples instead of timing them: what is lost has to be told."""

import struct
from fractions import Fraction
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from imgsync_core.errors import SoundError, VideoError
from imgsync_core.job import Job, prepare, render
from imgsync_core.media.file_sound import FileSound
from imgsync_core.media.probe import probe
from imgsync_core.media.video import VideoFrames

from .test_video_frames import N, numbered, numbers, raw

Chunks = list[tuple[bytes, bytes]]
TONE = ["-f", "lavfi", "-i", f"sine=f=300:d={N / 25}:r=44100"]
FILM, SOUND = b"00dc", b"01wb"


@pytest.fixture(scope="session")
def whole(ffmpeg, media) -> Path:
    """Numbered frames, every one a key frame, and plain PCM."""
    path = media / "avi_whole.avi"
    coded = ["-c:v", "mpeg4", "-g", "1", "-c:a", "pcm_s16le"]
    ffmpeg(*raw(fps="25"), *TONE, *coded, path, stdin=numbered(N).tobytes())
    return path


def taken_apart(path: Path) -> tuple[bytes, Chunks]:
    """What comes before the packets, and the packets by their names."""
    data = path.read_bytes()
    movi = data.index(b"movi")
    end, at, chunks = data.index(b"idx1"), movi + 4, []
    while at < end - 7:
        (n,) = struct.unpack_from("<I", data, at + 4)
        chunks.append((data[at : at + 4], data[at + 8 : at + 8 + n]))
        at += 8 + n + n % 2
    return data[12 : movi - 8], chunks


def put_together(path: Path, head: bytes, chunks: Chunks, index: bool = True) -> Path:
    """An AVI of these packets; those of an unknown name are not in its index."""
    body, rows = b"movi", b""
    for name, data in chunks:
        if name in (FILM, SOUND):
            rows += name + struct.pack("<III", 0x10, len(body), len(data))
        body += name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    out = head + b"LIST" + struct.pack("<I", len(body)) + body
    out += b"idx1" + struct.pack("<I", len(rows)) + rows if index else b""
    path.write_bytes(b"RIFF" + struct.pack("<I", len(out) + 4) + b"AVI " + out)
    return path


def marred(chunks: Chunks, kind: bytes, lost: set[int]) -> Chunks:
    """The names of some packets of a kind damaged, so that nobody finds them."""
    number = count()
    return [
        (b"\1\2\3\4" if name == kind and next(number) in lost else name, data)
        for name, data in chunks
    ]


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("lost", [{1}, {20, 21, 22, 40}, set(range(30, N))])
def test_frames_that_are_lost_are_counted(whole, tmp_path, lost, index):
    head, chunks = taken_apart(whole)
    path = put_together(tmp_path / "lost.avi", head, marred(chunks, FILM, lost), index)
    source = VideoFrames(path)
    assert numbers(source.read(0, source.n_frames)) == [i for i in range(N) if i not in lost]
    (note,) = source.notes
    assert f"{len(lost)} of the {N} frames" in note
    with pytest.raises(VideoError, match=f"of the {N} frames"):
        VideoFrames(path, strict=True)


def test_a_whole_file_and_its_repeated_frames_are_no_loss(whole, tmp_path):
    """A packet of no bytes is the frame before, shown once more."""
    head, chunks = taken_apart(whole)
    number = count()
    repeated = {10, 11, 30}
    empty = [
        (name, b"" if name == FILM and next(number) in repeated else data) for name, data in chunks
    ]
    source = VideoFrames(put_together(tmp_path / "empty.avi", head, empty))
    wanted = [9 if i in (10, 11) else 29 if i == 30 else i for i in range(N)]
    assert numbers(source.read(0, source.n_frames)) == wanted
    assert source.fps == 25
    assert not source.notes and not VideoFrames(whole, strict=True).notes
    assert not FileSound(whole, strict=True).notes


def test_a_length_that_was_not_known_is_none(whole, tmp_path):
    """FFmpeg writes 2^30 into what it cannot go back to."""
    head, chunks = taken_apart(whole)
    for kind in (b"vids", b"auds"):
        at = head.index(b"strh", head.index(kind) - 12) + 8 + 32
        head = head[:at] + struct.pack("<I", 1 << 30) + head[at + 4 :]
    path = put_together(tmp_path / "piped.avi", head, chunks)
    assert not VideoFrames(path, strict=True).notes
    assert not FileSound(path, strict=True).notes


@pytest.mark.parametrize("lost", [{1}, {5, 6, 7, 8}])
def test_sound_that_is_lost_is_told(whole, tmp_path, lost):
    head, chunks = taken_apart(whole)
    path = put_together(tmp_path / "lost.avi", head, marred(chunks, SOUND, lost))
    sounds = [data for name, data in chunks if name == SOUND]
    sound = FileSound(path)
    left = b"".join(data for i, data in enumerate(sounds) if i not in lost)
    heard = np.concatenate(list(sound.blocks()), 1)[0] * 32768
    assert (heard == np.frombuffer(left, "<i2")).all()
    assert any("cut short" in note for note in sound.notes)
    with pytest.raises(SoundError, match="cut short"):
        FileSound(path, strict=True)


def test_copied_packets_end_with_the_picture(ffmpeg, whole, tmp_path):
    """AVI's clock of MP3 ticks once in a packet: 26 ms."""
    path = tmp_path / "mp3.avi"
    ffmpeg("-i", whole, "-c:v", "copy", "-c:a", "libmp3lame", path)
    with prepare(Job(path, path)) as job:
        report = render(job, tmp_path / "out.mp4")
    assert any("copied" in note for note in report.notes)
    info = probe(tmp_path / "out.mp4")
    assert info.difference is not None and info.difference < Fraction(1, 10000)
