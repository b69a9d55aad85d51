"""A real ComfyUI that is killed in the middle of a costly video, started again, and goes on.

See test_real_comfyui.py for what is needed.
"""

import os
import signal
import subprocess
import time
import wave

import pytest

from imgsync_core.demo import demo_speech
from imgsync_core.demo_files import PREFIX

from .examples import RATE, furnish
from .serving import CHECKOUT, serving

pytestmark = [
    pytest.mark.comfy,
    pytest.mark.slow,
    pytest.mark.skipif(not CHECKOUT, reason="IMGSYNC_COMFYUI names no ComfyUI checkout"),
]
SECONDS, FPS = 4, 25
ENGINE = {"engine": "hallo2", "steps": 1, "guidance": 3.5, "pose_weight": 1.0, "face_weight": 1.0,
          "lip_weight": 1.0, "crop_only": False, "mode": "default", "face_expansion": 1.2,
          "overlap": 2, "resolution": 64, "weights": "auto", "wav2vec": "auto", "vae": "auto",
          "low_memory": False, "auto": False}  # fmt: skip


def graph(prefix: str) -> dict:
    engine = {k if k == "engine" else f"engine.{k}": v for k, v in ENGINE.items()}
    return {
        "1": ("LoadImage", {"image": f"{PREFIX}portrait.png"}),
        "2": ("LoadAudio", {"audio": "long.wav"}),
        "3": ("ImgSyncAudioDrivenAnimate", {
            "source": ["1", 0], "audio": ["2", 0], "fps": FPS, "seed": 0, "which_face": "",
            "clip": "ping-pong", "length": "match audio", **engine}),
        "4": ("ImgSyncMuxVideo", {
            "source": ["3", 0], "fps": FPS, "preset": "mp4-h264", "preset.crf": 18,
            "preset.audio_kbps": 192, "background": "black", "filename_prefix": prefix,
            "folder": "output"}),
    }  # fmt: skip


def decoded(path) -> bytes:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "md5", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_a_server_that_is_killed_goes_on_when_it_is_started_again(tmp_path):
    furnish(tmp_path)
    with wave.open(str(tmp_path / "input" / "long.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        voice = demo_speech(SECONDS, RATE, 0)[0]
        file.writeframes((voice * 32767).astype("<i2").tobytes())
    spool, named = tmp_path / "kept", tmp_path / "paths.yaml"
    named.write_text(f"imgsync:\n    imgsync_spool: {spool}\n")
    more = ["--extra-model-paths-config", str(named)]
    with serving(tmp_path, *more) as server:
        server.start(graph("first"))
        for _ in range(1200):
            if len(list(spool.glob("*/*.frames"))) >= 2:
                break
            time.sleep(0.1)
        os.kill(server.pid, signal.SIGKILL)
    output = tmp_path / "output"
    assert not list(output.glob("first*.mp4")), "nothing that looks finished"
    assert list(output.glob("first*.part"))
    with serving(tmp_path, *more) as server:
        again = server.wait(server.start(graph("again")))
        assert again["status"]["status_str"] == "success", again["status"]
        (said,) = again["outputs"]["4"]["text"]
        assert "frames were kept from a run before" in said
        assert not list(spool.glob("*/*.frames")), "what was kept is let go"
        assert not list(output.glob("first*")), "what the killed server was writing is cleared away"
        plain = server.wait(server.start(graph("plain")))
        assert plain["status"]["status_str"] == "success", plain["status"]
    (resumed,), (whole,) = output.glob("again*.mp4"), output.glob("plain*.mp4")
    assert decoded(resumed) == decoded(whole)
