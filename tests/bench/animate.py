"""How fast and frugal `imgsync animate` is, next to what x264 alone takes for the same frames.

    python tests/bench/animate.py [--seconds 40] [--hour]

Prints a Markdown table. The picture and the voice are those of the demo. Times are wall clock of
the whole command, start-up included; look at the ratios.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from extend import Run, run, write_sound
from PIL import Image

from imgsync_core.demo import demo_picture

FPS = 25
_ENCODE = """
import sys
import numpy as np
from fractions import Fraction
from imgsync_core.media.encoding import preset
from imgsync_core.media.frames import FrameSource
from imgsync_core.media.muxer import Muxer
from imgsync_core.timeline import Timeline

frames, target = np.load(sys.argv[1], mmap_mode="r"), sys.argv[2]

class Raw(FrameSource):
    size, channels, fps, n_frames = frames.shape[2:0:-1], 3, Fraction(25), int(sys.argv[3])

    def read(self, start, stop):
        picked = np.arange(start, min(stop, self.n_frames)) % len(frames)
        return np.ascontiguousarray(frames[picked])

raw = Raw()
with Muxer(target, preset("mp4-h264"), Timeline.of_frames(raw.n_frames, 25), raw.size) as out:
    out.write_source(raw)
"""


def animate(size: int, seconds: float, folder: Path) -> Run:
    picture, sound = folder / f"{size}.png", folder / f"{seconds}.wav"
    Image.fromarray(demo_picture(size)).save(picture)
    if not sound.exists():
        write_sound(sound, seconds / 60)
    target = folder / f"{size}-{seconds}.mp4"
    command = [sys.executable, "-m", "imgsync_core", "animate", str(picture), str(sound), "-o",
               str(target), "--duration", str(seconds), "--quiet"]  # fmt: skip
    return run(f"animate {size}x{size}, {seconds:g} s", target, command)


def encode(size: int, seconds: float, folder: Path) -> Run:
    """The same kind of frames, made before, through the same encoder; no sound."""
    import av

    frames, target = folder / f"{size}.npy", folder / f"{size}-alone.mp4"
    with av.open(str(folder / f"{size}-{seconds}.mp4")) as container:
        decoded = container.decode(video=0)
        few = [f.to_ndarray(format="rgb24") for f, _ in zip(decoded, range(100), strict=False)]
    np.save(frames, np.stack(few))
    command = [sys.executable, "-c", _ENCODE, str(frames), str(target), str(int(seconds * FPS))]
    return run(f"x264 alone {size}", target, command)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--hour", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print("| size | length | animate: s | frames a second | peak MB | x264 alone: s |")
        print("| --- | --- | --- | --- | --- | --- |")
        for size in (512, 1024):
            done, alone = (job(size, args.seconds, folder) for job in (animate, encode))
            rate = args.seconds * FPS / done.seconds
            print(f"| {size} | {args.seconds:g} s | {done.seconds:.1f} | {rate:.0f} | "
                  f"{done.peak_mb:.0f} | {alone.seconds:.1f} |", flush=True)  # fmt: skip
        if args.hour:
            done = animate(512, 3600, folder)
            print(f"| 512 | 1 h | {done.seconds:.0f} | {3600 * FPS / done.seconds:.0f} | "
                  f"{done.peak_mb:.0f} | |")  # fmt: skip


if __name__ == "__main__":
    main()
