"""Transport streams as aerials and cut cables leave them: what is left keeps its time."""

import random

import pytest

from imgsync_core.media.file_sound import own_sound
from imgsync_core.media.video import VideoFrames

from .test_video_frames import H264, N, numbered, numbers, raw

CELL = 188  # bytes of a packet of the stream
START = 40  # packets at the start that stay whole


@pytest.fixture(scope="session")
def recording(ffmpeg, media) -> bytes:
    """Numbered frames with B-frames, and a tone in AAC."""
    path = media / "recording.ts"
    tone = ["-f", "lavfi", "-i", f"sine=d={N / 25}:r=48000", "-c:a", "aac"]
    ffmpeg(*raw(fps="25"), *tone, *H264, "-g", 12, "-bf", 2, path, stdin=numbered(N).tobytes())
    return path.read_bytes()


def lost(data: bytes, chance: random.Random) -> bytes:
    n = len(data) // CELL
    gone = set(chance.sample(range(START, n), n // 50))
    return b"".join(data[i * CELL : (i + 1) * CELL] for i in range(n) if i not in gone)


def noisy(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(len(data) // 2000):
        out[chance.randrange(START * CELL, len(out))] = chance.randrange(256)
    return bytes(out)


def torn(data: bytes, chance: random.Random) -> bytes:
    """A piece is missing, and not of whole packets."""
    at = chance.randrange(len(data) // 3, len(data) // 2)
    return data[:at] + data[at + chance.randrange(2000, 9000) :]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("harm", [lost, noisy, torn])
def test_what_is_left_keeps_its_time(recording, tmp_path, harm, seed):
    path = tmp_path / "harmed.ts"
    path.write_bytes(harm(recording, random.Random(seed)))
    source, sound = VideoFrames(path), own_sound(path)
    shown = numbers(source.read(0, source.n_frames))
    assert source.fps == 25 and abs(len(shown) - N) <= 13
    late = [i for i, number in enumerate(shown) if not 0 <= i - number <= 13 and number in range(N)]
    assert len(late) <= N // 4  # what is damaged may show anything
    length = sum(block.shape[1] for block in sound.blocks()) / sound.rate
    assert abs(length - N / 25) < 0.5
    assert source.notes or sound.notes


@pytest.mark.parametrize("field", [9, 14])
def test_one_wrong_time_among_right_ones_is_none(recording, tmp_path, field):
    """A bit of the time at which a frame is shown, or decoded, is flipped in its PES header."""
    data, starts = bytearray(recording), []
    at = data.find(b"\0\0\1\xe0", START * CELL)
    while at >= 0:
        starts.append(at)
        at = data.find(b"\0\0\1\xe0", at + 4)
    both = [s for s in starts if data[s + 7] >> 6 == 3]  # with PTS and DTS
    data[both[len(both) // 2] + field] ^= 0x04  # bit 31: 6.6 hours
    path = tmp_path / "wrong.ts"
    path.write_bytes(data)
    source = VideoFrames(path)
    assert source.n_frames == N
    shown = numbers(source.read(0, N))
    assert sum(a != b for a, b in enumerate(shown)) <= 3
