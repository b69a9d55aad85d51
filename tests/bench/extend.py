"""How fast, small and frugal `imgsync extend` is beside ffmpeg doing the same, in one run.

    python tests/bench/extend.py [--minutes 10] [--picture FILE] [--hour]

Prints a Markdown table. Needs the ffmpeg program. Times are wall clock; compare the ratios only.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image

from imgsync_core.demo import demo_picture, demo_speech

RATE = 44100
SAMPLED = (0, 1, 249, 250, 251, 3000, 7499)


@dataclass
class Run:
    name: str
    seconds: float
    peak_mb: float
    path: Path

    @property
    def mb(self) -> float:
        return self.path.stat().st_size / 1e6


# Linux counts what a process was before exec into its peak, so a small one has to start it.
_LAUNCHER = """
import os, sys, time
began = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(status, time.perf_counter() - began, usage.ru_maxrss / 1024)
"""


def run(name: str, path: Path, command: list[str]) -> Run:
    """One command, with its wall time and the peak memory of its process."""
    print(f"... {name}", file=sys.stderr)
    launcher = [sys.executable, "-S", "-c", _LAUNCHER, *map(str, command)]
    out = subprocess.run(launcher, capture_output=True, text=True, check=True).stdout
    status, seconds, peak = (float(word) for word in out.splitlines()[-1].split())
    if status:
        raise SystemExit(f"{name} failed: {command}")
    return Run(name, seconds, peak, path)


def write_sound(path: Path, minutes: float) -> None:
    """Speech-like stereo, 16 bits; half a minute of it again and again."""
    left, right = (demo_speech(30, RATE, seed=seed)[0] for seed in (1, 2))
    piece = (np.stack([left, 0.7 * left + 0.3 * right], 1) * 32767).astype("<i2")
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="stereo")
        for _ in range(math.ceil(minutes * 2)):
            frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), format="s16", layout="stereo")
            frame.sample_rate = RATE
            for packet in stream.encode(frame):
                container.mux(packet)
        container.mux(stream.encode(None))


def psnr(video: Path, picture: np.ndarray, matrix: str) -> float:
    """Mean over some frames against the picture, decoded with the matrix that the file uses."""
    values = []
    with av.open(str(video)) as container:
        for i, frame in enumerate(container.decode(video=0)):
            if i in SAMPLED:
                decoded = frame.to_ndarray(format="rgb24", src_colorspace=matrix).astype(float)
                values.append(10 * math.log10(255**2 / ((decoded - picture) ** 2).mean()))
            if i >= max(SAMPLED):
                break
    return float(np.mean(values))


def still(folder: Path, minutes: float, picture: Path, hour: bool) -> None:
    sound, ours, theirs = folder / "sound.wav", folder / "ours.mp4", folder / "ffmpeg.mp4"
    write_sound(sound, minutes)
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(float)
    alone = run(
        "ffmpeg: the sound alone, aac 192k",
        folder / "alone.m4a",
        ["ffmpeg", "-v", "error", "-y", "-i", sound, "-c:a", "aac", "-b:a", "192k",
         folder / "alone.m4a"],
    )  # fmt: skip
    mine = run("imgsync extend", ours, ["imgsync", "extend", picture, sound, "-o", ours, "--quiet"])
    rival = run(
        "ffmpeg -loop 1, x264 stillimage crf 18, aac 192k",
        theirs,
        ["ffmpeg", "-v", "error", "-y", "-loop", "1", "-framerate", "25", "-i", picture, "-i",
         sound, "-t", str(minutes * 60), "-c:v", "libx264", "-tune", "stillimage", "-crf", "18",
         "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "192k", theirs],
    )  # fmt: skip
    size = f"{pixels.shape[1]}x{pixels.shape[0]}"
    print(f"\n{minutes:g} minutes of 44.1 kHz stereo over a {size} still\n")
    print("| what | s | peak MB | file MB | PSNR dB |\n| --- | --- | --- | --- | --- |")
    print(f"| {alone.name} | {alone.seconds:.1f} | {alone.peak_mb:.0f} | {alone.mb:.1f} | |")
    for r, matrix in ((mine, "ITU709"), (rival, "ITU601")):
        db = psnr(r.path, pixels, matrix)
        print(f"| {r.name} | {r.seconds:.1f} | {r.peak_mb:.0f} | {r.mb:.1f} | {db:.2f} |")
    print(f"\nx ffmpeg: {rival.seconds / mine.seconds:.1f} times faster; ", end="")
    print(f"x the sound alone: {mine.seconds / alone.seconds:.2f}")
    if hour:
        write_sound(sound, minutes * 6)
        long = run(
            "imgsync extend",
            folder / "hour.mp4",
            ["imgsync", "extend", picture, sound, "-o", folder / "hour.mp4", "--quiet"],
        )
        print(f"\n{minutes * 6:g} minutes: {long.seconds:.1f} s, ", end="")
        print(f"{long.seconds / mine.seconds:.2f} times {minutes:g} minutes, ", end="")
        print(f"peak {long.peak_mb:.0f} MB, {long.mb:.1f} MB")


def ping_pong(folder: Path, minutes: float) -> None:
    clip, sound = folder / "clip.mp4", folder / "sound.wav"
    ours, theirs = folder / "pp.mp4", folder / "pp_ffmpeg.mp4"
    write_sound(sound, minutes)
    make = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i",
            "testsrc2=s=512x512:r=25:d=5", "-pix_fmt", "yuv420p", "-crf", "12", clip]  # fmt: skip
    subprocess.run(make, check=True)
    n = 125
    graph = (
        f"[0:v]split[a][b];[b]reverse,trim=start_frame=1:end_frame={n - 1},setpts=PTS-STARTPTS[r];"
        f"[a][r]concat=n=2,loop=loop=-1:size={2 * n - 2},setpts=N/25/TB[v]"
    )
    mine = run(
        "imgsync extend --mode ping-pong",
        ours,
        ["imgsync", "extend", clip, sound, "-o", ours, "--mode", "ping-pong", "--quiet"],
    )
    rival = run(
        "ffmpeg reverse, concat, loop; x264 crf 18, aac 192k",
        theirs,
        ["ffmpeg", "-v", "error", "-y", "-i", clip, "-i", sound, "-filter_complex", graph,
         "-map", "[v]", "-map", "1:a", "-t", str(minutes * 60), "-c:v", "libx264", "-crf", "18",
         "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "192k", theirs],
    )  # fmt: skip
    print(f"\nA 5 s clip of 512x512 there and back for {minutes:g} minutes\n")
    print("| what | s | peak MB | file MB |\n| --- | --- | --- | --- |")
    for r in (mine, rival):
        print(f"| {r.name} | {r.seconds:.1f} | {r.peak_mb:.0f} | {r.mb:.1f} |")
    print(f"\nx ffmpeg: {rival.seconds / mine.seconds:.1f} times faster")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--picture", type=Path, help="a still; 1080x1080 is drawn when not given")
    parser.add_argument("--hour", action="store_true", help="also six times as long")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture = args.picture
        if picture is None:
            picture = folder / "still.png"
            Image.fromarray(demo_picture(1080)).save(picture)
        still(folder, args.minutes, picture, args.hour)
        ping_pong(folder, args.minutes)


if __name__ == "__main__":
    main()
