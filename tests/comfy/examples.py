"""The example workflows: what they need in ComfyUI's folders, and their graphs for programs."""

import json
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from imgsync_core.demo import demo_picture, demo_speech
from imgsync_core.demo_files import PREFIX
from imgsync_core.media.encoding import preset
from imgsync_core.media.muxer import Muxer
from imgsync_core.timeline import Timeline

from ..core import tiny_echomimic, tiny_hallo2, tiny_musetalk
from ..core.tiny_latentsync import write_all
from .serving import ROOT

FOLDER = ROOT / "example_workflows"
TWINS = ROOT / "tests" / "data" / "workflows"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
CHECKPOINT = "v1-5-pruned-emaonly-fp16.safetensors"  # of Talking portrait from text
VOICES = {"voice": 0.6, "vocals": 1.0, "full_mix": 1.3, "first_voice": 0.6, "second_voice": 0.8}
RATE = 44100


def twin(name: str) -> dict:
    """The workflow as programs send it."""
    return json.loads((TWINS / f"{name}_api.json").read_text(encoding="utf-8"))


def drawn(name: str) -> dict:
    """The workflow as the front end keeps it."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def furnish(base: Path) -> None:
    """The files that the examples name, smaller than usual, and tiny random weights."""
    folder = base / "input"
    folder.mkdir(exist_ok=True)
    one = demo_picture(256)
    Image.fromarray(one).save(folder / f"{PREFIX}portrait.png")
    two = np.concatenate([demo_picture(512)] * 2, 1)
    Image.fromarray(two).save(folder / f"{PREFIX}two_people.png")
    for seed, (name, seconds) in enumerate(VOICES.items()):
        with wave.open(str(folder / f"{PREFIX}{name}.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes((demo_speech(seconds, RATE, seed)[0] * 32767).astype("<i2").tobytes())
    wide = np.pad(one, ((0, 0), (20, 20), (0, 0)), mode="edge")
    frames = np.stack([wide[:, i : i + 256] for i in range(10)])
    clip, time = folder / f"{PREFIX}clip.mp4", Timeline.of_frames(10, Fraction(24))
    with Muxer(clip, preset("mp4-h264"), time, (256, 256)) as out:
        out.write(frames)
    weights = base / "models" / "imgsync"
    version = write_all(weights / "latentsync" / "LatentSync-1.5")  # crops of 256 px are quicker
    (version / "whisper").rename(weights / "whisper")
    (weights / "vae").mkdir()
    (version / "sd-vae-ft-mse").rename(weights / "vae" / "sd-vae-ft-mse")
    tiny_musetalk.write_unet(weights / "musetalk" / "MuseTalk-1.5" / "unet.pth")
    tiny_echomimic.write_all(weights / "echomimic")
    tiny_hallo2.write_all(weights)
