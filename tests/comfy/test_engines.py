"""Engines in a real ComfyUI: networks are shared, memory stays flat, Cancel is heard at once.

See test_real_comfyui.py for what is needed.
"""

import sys
import time
import wave

import numpy as np
import pytest

from .examples import RATE, furnish
from .serving import CHECKOUT, serving

pytestmark = [
    pytest.mark.comfy,
    pytest.mark.slow,
    pytest.mark.skipif(not CHECKOUT, reason="IMGSYNC_COMFYUI names no ComfyUI checkout"),
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]
FILES = ("latentsync_unet.pt", "tiny.pt", "diffusion_pytorch_model.safetensors")
LIPS = {"engine": "latentsync", "engine.steps": 1, "engine.guidance": 1.5,
        "engine.deepcache": False, "engine.mode": "default", "engine.resolution": 0,
        "engine.weights": "latentsync/LatentSync-1.5/latentsync_unet.pt",
        "engine.whisper": "auto", "engine.vae": "auto", "engine.low_memory": False,
        "engine.auto": False, "engine.compile": False, "engine.lively": False}  # fmt: skip
MOVES = {"engine": "built-in", "engine.mouth": 1.0, "engine.head": 1.0, "engine.blink": 1.0,
         "engine.expression": 1.0}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    base = tmp_path_factory.mktemp("engines")
    furnish(base)
    (base / "models" / "imgsync" / "latentsync" / "x").mkdir()
    with wave.open(str(base / "input" / "long.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        noise = np.random.default_rng(0).normal(0, 3000, RATE * 1200)
        file.writeframes(noise.astype("<i2").tobytes())
    with serving(base) as found:
        yield found


def animate(key: str, engine: dict, seed: int, prefix: str, audio: str = "2") -> dict:
    """An Animate node and the Mux node that writes it."""
    return {
        f"a{key}": ("ImgSyncAudioDrivenAnimate", {
            "source": ["1", 0], "audio": [audio, 0], "fps": 25, "seed": seed, "which_face": "",
            "clip": "ping-pong", "length": "match audio", **engine}),
        f"m{key}": ("ImgSyncMuxVideo", {
            "source": [f"a{key}", 0], "fps": 25, "preset": "mp4-h264", "preset.crf": 30,
            "preset.audio_kbps": 64, "background": "black", "filename_prefix": prefix,
            "folder": "temp"}),
    }  # fmt: skip


HEAD = {
    "1": ("ImgSyncLoadPortrait", {"image": "portrait.png", "fit": "keep", "width": 128,
                                  "height": 0, "multiple_of": 2, "background": "black",
                                  "face_points": ""}),
    "2": ("LoadAudio", {"audio": "speech.wav"}),
    "3": ("LoadAudio", {"audio": "long.wav"}),
}  # fmt: skip


def succeeds(server, graph: dict) -> None:
    entry = server.wait(server.start(graph))
    failed = dict(entry["status"]["messages"]).get("execution_error", {})
    assert entry["status"]["status_str"] == "success", failed.get("exception_message")


def loads(server) -> dict[str, int]:
    return {name: server.log.count(f"ImgSync: {name} is loaded") for name in FILES}


def test_two_nodes_load_each_file_once(server):
    succeeds(server, HEAD | animate("1", LIPS, 1, "one") | animate("2", LIPS, 2, "two"))
    assert loads(server) == dict.fromkeys(FILES, 1)
    succeeds(server, HEAD | animate("1", LIPS, 3, "three"))  # another run
    assert loads(server) == dict.fromkeys(FILES, 1)


def test_networks_go_when_comfyui_wants_the_room(server):
    before = loads(server)
    server.post("/free", {"unload_models": True, "free_memory": True})
    time.sleep(2)
    succeeds(server, HEAD | animate("1", LIPS, 4, "four"))
    assert loads(server) == {name: count + 1 for name, count in before.items()}


def test_memory_is_flat_after_many_runs(server):
    for seed in range(20, 25):
        succeeds(server, HEAD | animate("1", LIPS, seed, "many") | animate("2", MOVES, seed, "m"))
    before = server.megabytes
    for seed in range(25, 45):
        succeeds(server, HEAD | animate("1", LIPS, seed, "many") | animate("2", MOVES, seed, "m"))
    assert server.megabytes - before < 60
    assert loads(server)["latentsync_unet.pt"] == 2  # as the test before left it


@pytest.mark.parametrize(
    ("engine", "audio", "after"),
    [
        (MOVES, "3", 1.5),  # hearing twenty minutes
        ({**LIPS, "engine.steps": 999}, "2", 3.0),  # denoising one window
        ({**LIPS, "engine.steps": 999}, "2", 0.4),  # whatever comes before that
    ],
    ids=["hearing", "denoising", "beginning"],
)
def test_cancel_is_heard_within_a_step(server, engine, audio, after):
    seed = int(time.time() * 1000) % 10**9
    prompt_id = server.start(HEAD | animate("1", engine, seed, "cancelled", audio))
    time.sleep(after)
    began = time.perf_counter()
    server.post("/interrupt", {})
    entry = server.wait(prompt_id)
    assert time.perf_counter() - began < 4
    assert entry["status"]["status_str"] == "error"  # interrupted runs are filed so
    assert not list((server.base / "temp").glob("cancelled*"))
    succeeds(server, HEAD | animate("1", MOVES, seed, "after"))
