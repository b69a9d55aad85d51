"""Two minutes of a 512x512 still in a running ComfyUI: our three nodes beside core's four.

    python tests/bench/comfy.py http://127.0.0.1:8188 PID_OF_THE_SERVER

Prints a Markdown table. Linux only (memory is read from /proc; writing clear_refs resets the peak).
"""

from __future__ import annotations

import argparse
import io
import json
import time
import urllib.request
import uuid
import wave
from pathlib import Path

import numpy as np
from PIL import Image

from imgsync_core.demo import demo_picture, demo_speech

SECONDS, RATE = 120, 44100
PICTURE, SOUND = "imgsync_bench.png", "imgsync_bench.wav"

OURS = {
    "1": ("ImgSyncLoadPortrait", {"image": PICTURE, "fit": "keep", "width": 0, "height": 0,
                                  "multiple_of": 2, "background": "black"}),
    "2": ("LoadAudio", {"audio": SOUND}),
    "3": ("ImgSyncExtendFrames", {"source": ["1", 0], "audio": ["2", 0], "fps": 25,
                                  "mode": "hold", "length": "match audio", "grid": "any"}),
    "4": ("ImgSyncMuxVideo", {"source": ["3", 0], "fps": 25, "preset": "mp4-h264",
                              "preset.crf": 18, "preset.audio_kbps": 192, "folder": "temp",
                              "filename_prefix": "bench/ours", "background": "black"}),
}  # fmt: skip
CORE = {
    "1": ("LoadImage", {"image": PICTURE}),
    "2": ("LoadAudio", {"audio": SOUND}),
    "3": ("RepeatImageBatch", {"image": ["1", 0], "amount": SECONDS * 25}),
    "4": ("CreateVideo", {"images": ["3", 0], "audio": ["2", 0], "fps": 25}),
    "5": ("SaveVideo", {"video": ["4", 0], "filename_prefix": "bench/core", "format": "auto",
                        "format.codec": "auto", "codec": "auto"}),
}  # fmt: skip


def post(url: str, data: bytes, kind: str) -> dict:
    request = urllib.request.Request(url, data, {"Content-Type": kind})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


def upload(server: str, name: str, data: bytes) -> None:
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
    tail = f'\r\n--{edge}\r\nContent-Disposition: form-data; name="overwrite"\r\n\r\ntrue\r\n'
    body = head.encode() + b"\r\n" + data + tail.encode() + f"--{edge}--\r\n".encode()
    post(f"{server}/upload/image", body, f"multipart/form-data; boundary={edge}")


def memory(pid: int, key: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"no {key} for process {pid}")


def run(server: str, pid: int, graph: dict) -> tuple[float, float]:
    """Seconds, and by how many MB the server's memory rose at its highest."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = memory(pid, "VmRSS")
    nodes = {k: {"class_type": c, "inputs": i} for k, (c, i) in graph.items()}
    began = time.perf_counter()
    data = json.dumps({"prompt": nodes}).encode()
    prompt_id = post(f"{server}/prompt", data, "application/json")["prompt_id"]
    while True:
        with urllib.request.urlopen(f"{server}/history/{prompt_id}") as answer:
            entry = json.loads(answer.read()).get(prompt_id)
        if entry:
            break
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    if entry["status"]["status_str"] != "success":
        raise SystemExit(json.dumps(entry["status"])[:2000])
    return seconds, memory(pid, "VmHWM") - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("pid", type=int)
    args = parser.parse_args()
    picture, sound = io.BytesIO(), io.BytesIO()
    Image.fromarray(demo_picture(512)).save(picture, "png")
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((demo_speech(SECONDS, RATE)[0] * 32767).astype(np.int16).tobytes())
    upload(args.server, PICTURE, picture.getvalue())
    upload(args.server, SOUND, sound.getvalue())
    ours, our_mb = run(args.server, args.pid, OURS)
    core, core_mb = run(args.server, args.pid, CORE)
    print("| graph | s | memory up by MB |\n| --- | --- | --- |")
    print(f"| LoadPortrait, ExtendFrames, MuxVideo | {ours:.1f} | {our_mb:.0f} |")
    print(f"| LoadImage, RepeatImageBatch, CreateVideo, SaveVideo | {core:.1f} | {core_mb:.0f} |")
    print(f"\n{core / ours:.1f} times faster")


if __name__ == "__main__":
    main()
