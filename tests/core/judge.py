"""What a written file holds, in the words of ffprobe, ffmpeg and its own bytes.

Nothing of ImgSync reads a file here. Pictures that say their own number come from `numbered`.
"""

import json
import struct
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

JUDGED = [pytest.mark.ffmpeg, pytest.mark.usefixtures("ffmpeg", "ffprobe_json")]
BITS = 8  # of a frame's number, as black and white blocks: four columns, two rows


def judged(test: Any) -> Any:
    """Marks a test that needs ffmpeg and ffprobe; for a whole module: ``pytestmark = JUDGED``."""
    for mark in JUDGED:
        test = mark(test)
    return test


def run(*command: object, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """A program that has to succeed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, input=stdin or b"", check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(words)}\n{done.stderr.decode(errors='replace')}")
    return done


def facts(path: Path, *arguments: str) -> dict[str, Any]:
    """ffprobe's JSON about a file: the format and the streams, unless asked for something else."""
    asked = arguments or ("-show_format", "-show_streams")
    return json.loads(run("ffprobe", "-v", "error", "-of", "json", *asked, path).stdout)


def stream(file: Path | dict[str, Any], kind: str) -> dict[str, Any]:
    """What ffprobe says (or said, in its facts) about the only ``video`` or ``audio`` stream."""
    told = file if isinstance(file, dict) else facts(file)
    (found,) = (s for s in told["streams"] if s["codec_type"] == kind)
    return found


def packets(path: Path, kind: str) -> list[dict[str, Any]]:
    """The packets of a stream as they are stored, each with a hash of its bytes."""
    options = ("-select_streams", kind[0], "-show_packets", "-show_data_hash", "md5")
    return facts(path, *options)["packets"]


def shown(path: Path) -> list[dict[str, Any]]:
    """The pictures that ffprobe decodes, in the order of showing."""
    entries = "frame=pts,pts_time,key_frame,pict_type"
    return facts(path, "-select_streams", "v", "-show_entries", entries)["frames"]


def ends(told: dict[str, Any]) -> dict[str, float]:
    """When the container and each of its streams end, in seconds, by the facts of an MP4 or MOV."""
    parts = {s["codec_type"]: s for s in told["streams"]} | {"container": told["format"]}
    return {
        name: float(part["start_time"]) + float(part["duration"]) for name, part in parts.items()
    }


def complaints(path: Path, *before: object) -> str:
    """What ffmpeg warns of while it decodes everything; empty when all is well."""
    command = ("ffmpeg", "-v", "warning", *before, "-i", path, "-f", "null", "-")
    return run(*command).stderr.decode()


def pictures(path: Path, channels: int = 3, *, before: tuple = (), after: tuple = ()) -> np.ndarray:
    """Decoded frames, uint8 (t, h, w, c), by the colour matrix that the file states.

    ffmpeg may not warn of anything on the way. (PAM is raw pixels after a few words on their size.)
    """
    command = ["ffmpeg", "-v", "warning", *before, "-i", path, "-map", "0:v:0", *after]
    command += ["-sws_flags", "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"]
    command += ["-fps_mode", "passthrough", "-f", "image2pipe", "-c:v", "pam"]
    command += ["-pix_fmt", "rgba" if channels == 4 else "rgb24", "-"]
    done = run(*command)
    assert not done.stderr, done.stderr.decode()
    words = done.stdout[:200].split()
    width, height = (int(words[words.index(word) + 1]) for word in (b"WIDTH", b"HEIGHT"))
    head = done.stdout.index(b"ENDHDR\n") + 7
    raw = np.frombuffer(done.stdout, np.uint8).reshape(-1, head + width * height * channels)
    return raw[:, head:].reshape(-1, height, width, channels)


def samples(path: Path) -> np.ndarray:
    """Decoded sound, float32 (channels, n), at the stream's own rate."""
    au = run(
        "ffmpeg", "-v", "error", "-i", path, "-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "-"
    )
    _, start, _, kind, _, channels = struct.unpack_from(">4s5I", au.stdout)
    assert kind == 6  # 32-bit floating point
    return np.frombuffer(au.stdout, ">f4", offset=start).reshape(-1, channels).T.astype("<f4")


def boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Type and body of the MP4 boxes that lie side by side in some bytes."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        end = at + size if size else len(data)
        yield kind.decode("latin-1"), data[at + head : end]
        at = end


def impulse(n: int, at: int, channels: int = 1) -> np.ndarray:
    """Silence with a click of three samples, the middle one at ``at``: float32 (channels, n)."""
    sound = np.zeros((channels, n), np.float32)
    sound[:, at - 1 : at + 2] = 0.45
    sound[:, at] = 0.9
    return sound


def found(sound: np.ndarray) -> int:
    """The sample at which the click is."""
    return int(np.abs(sound).sum(0).argmax())


def numbered(numbers: Any, size: tuple[int, int] = (32, 32)) -> np.ndarray:
    """Frames that show their number in black and white blocks: uint8 (t, h, w, 3)."""
    width, height = size
    bits = (np.asarray(list(numbers))[:, None] >> np.arange(BITS)) & 1
    blocks = bits.reshape(-1, 2, BITS // 2).repeat(height // 2, 1).repeat(width * 2 // BITS, 2)
    return np.ascontiguousarray((blocks * 255).astype(np.uint8)[..., None].repeat(3, 3))


def numbers(frames: np.ndarray) -> list[int]:
    """The numbers that frames show."""
    t, h, w = frames.shape[:3]
    blocks = frames.reshape(t, 2, h // 2, BITS // 2, w * 2 // BITS, -1).mean((2, 4, 5)) > 128
    return (blocks.reshape(t, BITS) << np.arange(BITS)).sum(1).tolist()


def psnr(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of each frame, in dB."""
    error = ((a.astype(float) - b) ** 2).reshape(len(a), -1).mean(1)
    return 10 * np.log10(255**2 / np.maximum(error, 1e-9))


def milliseconds(a: Any, b: Any) -> float:
    """The distance of two times in seconds."""
    return abs(float(Fraction(a) - Fraction(b))) * 1000
