"""Runs of `imgsync animate` that kill themselves at a named stage, and the runs that go on.

    python tests/core/killed.py FOLDER

Writes what came of each as JSON into found.json there. A program of its own, so that it can fork
without threads.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import json
import resource
import signal
import sys
import traceback
import wave
from pathlib import Path

import tiny_latentsync
from PIL import Image

import imgsync_core.job
import imgsync_core.media.muxer
import imgsync_core.spool.store
from imgsync_core.cli import main as imgsync
from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.engines.runtime import stream
from imgsync_core.engines.runtime.networks import Library

RATE = 16000
ROOM = 64 << 20  # bytes; a picture of 6000x6000 takes more
MUXER = imgsync_core.media.muxer.Muxer
STAGES = {  # where a function is, its name, which of its calls is not survived, before or after it
    "preparing": (imgsync_core.job, "timeline_for", 1, "before"),
    "drawing": (stream.Redrawn, "_redrawn", 2, "before"),
    "a segment is written": (os, "fsync", 5, "before"),
    "a segment is renamed": (os, "replace", 4, "before"),
    "muxing": (MUXER, "_put", 12, "before"),
    "finishing": (MUXER, "_finish", 1, "before"),
    "renaming": (MUXER, "_correct", 1, "after"),
    "in place": (stream.StreamedFrames, "finish", 1, "before"),
    "clearing away": (imgsync_core.spool.store, "remove", 1, "before"),
}


def kill_at(home, name: str, call: int, when: str) -> None:
    """Let this process kill itself at that call of a function."""
    whole, calls = getattr(home, name), 0

    def deadly(*words, **more):
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        made = whole(*words, **more)
        if calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return made

    setattr(home, name, deadly)


def forked(log: Path, work) -> tuple[int, str]:
    """What a process of its own returns, -9 = it was killed, and what it says."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), log.read_text()
    code = 70
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        code = work()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def share_networks() -> None:
    """Let runs find the networks that this process has read."""
    read = {}

    def get(self, path, make, *how):
        key = path, *how
        if key not in read:
            read[key] = make()
        return read[key]

    Library.get = get


def with_little_memory(words: list[str]) -> int:
    """A run that may take only a little more address space than it has."""
    has = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (has + ROOM,) * 2)
    return imgsync(words)


def main(folder: Path) -> None:
    tiny_latentsync.write_all(folder / "weights")
    Image.fromarray(demo_picture(512)).resize((128, 128)).save(folder / "still.png")
    with wave.open(str(folder / "voice.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        voice = demo_speech(1.2, RATE, 0).mean(0)
        file.writeframes((voice * 32767).astype("<i2").tobytes())
    out, log = folder / "out.mp4", folder / "log"
    words = ["animate", str(folder / "still.png"), str(folder / "voice.wav"), "-o", str(out),
             "--engine", "latentsync", "--weights", str(folder / "weights"), "--device", "cpu",
             "--resolution", "64", "--steps", "1", "--overwrite"]  # fmt: skip
    spooled = [*words, "--spool", str(folder / "spool")]
    share_networks()
    assert imgsync([*words, "--no-spool", "--quiet", "--log", str(log)]) == 0
    wanted, found = out.read_bytes(), {}
    for stage, where in STAGES.items():
        out.write_bytes(b"precious")

        def dying(where=where) -> int:
            kill_at(*where)
            return imgsync(spooled)

        code, _ = forked(log, dying)
        left = out.read_bytes()
        again, said = forked(log, lambda: imgsync(spooled))
        found[stage] = {
            "killed": code, "left": "whole" if left == wanted else left.decode(errors="replace"),
            "again": again, "same": out.read_bytes() == wanted, "said": said,
            "jobs": [path.name for path in (folder / "spool").iterdir() if path.is_dir()],
            "beside": [path.name for path in folder.glob("out.mp4.*")],
        }  # fmt: skip
    out.unlink()
    Image.new("RGB", (6000, 6000)).save(folder / "large.png")
    large = ["extend", str(folder / "large.png"), "-o", str(out), "--frames", "5"]
    code, said = forked(log, lambda: with_little_memory(large))
    found["out of memory"] = {"code": code, "said": said, "there": out.exists()}
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
