"""The pack in a real ComfyUI: IMGSYNC_COMFYUI names its folder.

IMGSYNC_COMFYUI_PYTHON names the Python that has ComfyUI's requirements (default: this one).
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
CHECKOUT = os.environ.get("IMGSYNC_COMFYUI", "")
PYTHON = os.environ.get("IMGSYNC_COMFYUI_PYTHON", sys.executable)
pytestmark = [
    pytest.mark.comfy,
    pytest.mark.slow,
    pytest.mark.skipif(not CHECKOUT, reason="IMGSYNC_COMFYUI names no ComfyUI checkout"),
]

GRAPH = {
    "1": ("ImgSyncLoadPortrait", {"image": "a.png", "fit": "crop", "width": 64, "height": 64,
                                  "multiple_of": 2, "background": "black"}),
    "2": ("LoadAudio", {"audio": "a.wav"}),
    "3": ("ImgSyncExtendFrames", {"source": ["1", 0], "audio": ["2", 0], "fps": 24,
                                  "mode": "hold", "length": "match audio", "grid": "any"}),
    "4": ("ImgSyncMuxVideo", {"source": ["3", 0], "fps": 25, "preset": "mp4-h264",
                              "preset.crf": 18, "preset.audio_kbps": 192, "background": "black",
                              "filename_prefix": "video/x", "folder": "output"}),
    "5": ("SaveVideo", {"video": ["3", 0], "filename_prefix": "video/core", "format": "auto",
                        "format.codec": "auto", "codec": "auto"}),
    "6": ("Video Slice", {"video": ["4", 0], "start_time": 0.5, "duration": 0.5,
                          "strict_duration": False}),
    "7": ("GetVideoComponents", {"video": ["6", 0]}),
    "8": ("ImgSyncMuxVideo", {"source": ["7", 0], "audio": ["7", 1], "fps": 24, "preset": "gif",
                              "filename_prefix": "video/y", "folder": "temp",
                              "background": "black"}),
}  # fmt: skip


def test_the_nodes_against_the_real_modules():
    """The same tests that usually run against the stand-in."""
    command = [PYTHON, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/nodes"]
    env = {**os.environ, "IMGSYNC_NODES": "real"}
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-3000:]


class Server:
    def __init__(self, url: str, base: Path) -> None:
        self.url, self.base = url, base

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.loads(answer.read() or "{}")

    def post(self, path: str, value: dict) -> dict:
        body = json.dumps(value).encode()
        request = urllib.request.Request(
            self.url + path, body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or "{}")

    def start(self, graph: dict) -> str:
        nodes = {k: {"class_type": c, "inputs": i} for k, (c, i) in graph.items()}
        answer = self.post("/prompt", {"prompt": nodes})
        assert not answer.get("node_errors"), answer["node_errors"]
        return answer["prompt_id"]

    def wait(self, prompt_id: str) -> dict:
        for _ in range(1200):
            entry = self.get(f"/history/{prompt_id}").get(prompt_id)
            if entry:
                return entry
            time.sleep(0.05)
        raise TimeoutError(prompt_id)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A ComfyUI on the CPU with this pack in a folder of its own."""
    base = tmp_path_factory.mktemp("comfyui")
    for name in ("custom_nodes", "models", "input", "output", "temp", "user"):
        (base / name).mkdir()
    (base / "custom_nodes" / "imgsync").symlink_to(ROOT, target_is_directory=True)
    Image.fromarray(np.full((70, 90, 3), 90, np.uint8)).save(base / "input" / "a.png")
    with wave.open(str(base / "input" / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes((np.sin(np.arange(60001) / 20) * 8000).astype("<i2").tobytes())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [PYTHON, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port),
               "--disable-auto-launch", "--disable-api-nodes", "--base-directory", str(base),
               "--database-url", "sqlite:///:memory:"]  # fmt: skip
    log = (base / "log.txt").open("wb")
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=log, stderr=log)
    server = Server(f"http://127.0.0.1:{port}", base)
    try:
        for _ in range(600):
            assert process.poll() is None, (base / "log.txt").read_text()[-3000:]
            try:
                server.get("/system_stats")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def test_a_graph_through_our_nodes_and_core(server):
    entry = server.wait(server.start(GRAPH))
    assert entry["status"]["status_str"] == "success", entry["status"]
    ours = server.base / "output" / "video" / "x_00001_.mp4"
    for path in (ours, server.base / "output" / "video" / "core_00001_.mp4"):
        query = "stream=nb_frames,duration:format=duration:format_tags"
        command = ["ffprobe", "-v", "error", "-show_entries", query, "-of", "json", str(path)]
        found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        ends = [float(s["duration"]) for s in found["streams"]]
        ends.append(float(found["format"]["duration"]))
        assert found["streams"][0]["nb_frames"] == "33"  # 60001 samples are 32.65 frames
        assert max(ends) - min(ends) < 0.001
        assert json.loads(found["format"]["tags"]["prompt"])["4"]["class_type"] == "ImgSyncMuxVideo"
    with Image.open(server.base / "temp" / "video" / "y_00001_.gif") as gif:
        assert gif.n_frames == 12 and gif.size == (64, 64)


def test_cancel_leaves_nothing(server):
    graph = {
        "1": GRAPH["1"],
        "3": ("ImgSyncExtendFrames", {**GRAPH["3"][1], "length": "seconds",
                                      "length.seconds": 3600, "mode": "pan-zoom",
                                      "mode.move": "drift", "mode.start_view": "0,0,1,1",
                                      "mode.end_view": "0,0,1,1", "mode.eased": True}),
        "4": ("ImgSyncMuxVideo", {**GRAPH["4"][1], "filename_prefix": "cancelled"}),
    }  # fmt: skip
    del graph["3"][1]["audio"]
    prompt_id = server.start(graph)
    part = server.base / "output" / "cancelled_00001_.mp4.part"
    for _ in range(400):
        if part.exists():
            break
        time.sleep(0.05)
    assert part.exists()
    began = time.perf_counter()
    server.post("/interrupt", {})
    entry = server.wait(prompt_id)
    assert time.perf_counter() - began < 5
    assert entry["status"]["status_str"] == "error"  # interrupted runs are filed so
    assert not list(server.base.glob("output/cancelled*"))
