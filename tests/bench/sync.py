"""Do rendered mouths follow the voice? Measured on the pixels of finished videos.

    python tests/bench/sync.py --judge PYTHON [--shared ../shared] [--seconds 12] [--size 512]
                               [--keep FOLDER]

Animates each portrait of the shared media with each voice, and one with flite, whose closures are
known. PYTHON has mediapipe (it is no dependency). Prints a Markdown table; a value outside its
gate is bold.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from training.corpus_speech import flite

SENTENCES = (
    "The small house stood on a hill above the sea, and every morning the old man opened its "
    "green door. He looked at the sky, said a few words to his dog, and went down to the boat. "
    "Nobody knew how long he had lived there, but all of us liked to hear him talk about the past."
)
LABIAL = ("p", "b", "m")
GATES: dict[str, tuple[float, float]] = {
    "faces": (0.99, 1), "r": (0.95, 1), "lag ms": (-20, 20), "width": (0.80, 1),
    "mouth": (0.05, 0.12), "lips": (0.03, 0.12), "blinks": (8, 30), "blink s": (0.10, 0.25),
    "depth": (0.4, 1.5), "bg": (0, 2.5), "flicker bg": (0, 0.05), "id %": (0, 1.5),
    "flicker": (0, 0.8), "recall": (0.85, 1), "gain": (0.15, 1), "auc": (0.68, 1),
}  # fmt: skip


@dataclass(frozen=True)
class Voice:
    name: str
    path: Path
    closures: Path | None = None


def spoken(folder: Path) -> Voice:
    """Sentences full of p, b and m by flite, whose times are known."""
    said = flite(SENTENCES, "rms", 1.0, 98)
    path = folder / "flite.wav"
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=said.rate, layout="mono")
        pcm = (said.samples[None] * 32767).astype("<i2")
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = said.rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    times = [(start, stop) for name, start, stop in said.segments if name in LABIAL]
    np.savetxt(folder / "closures.txt", times)
    return Voice("flite", path, folder / "closures.txt")


def measured(args: argparse.Namespace, portrait: Path, voice: Voice, folder: Path) -> dict:
    """Render one portrait with one voice, and look at it."""
    stem = f"{portrait.stem}-{voice.name}"
    video, curves, fitted = (folder / f"{stem}{end}" for end in (".mp4", ".npz", ".png"))
    command = [sys.executable, "-m", "imgsync_core"]
    length = ["--duration", str(args.seconds)]
    look = ["--size", f"{args.size}x{args.size}", "--fit", "crop"]
    subprocess.run([*command, "animate", portrait, voice.path, "-o", video, *length, *look,
                    "--quiet", "--overwrite"], check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    subprocess.run([*command, "curves", voice.path, "-o", curves, "--overwrite"], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    subprocess.run([*command, "extend", portrait, "--frames", "1", "-o", fitted.with_suffix(".mkv"),
                    *look, "--quiet", "--overwrite"], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    with av.open(str(fitted.with_suffix(".mkv"))) as container:
        next(container.decode(video=0)).to_image().save(fitted)
    tool = args.shared / "sync" / "measure_sync.py"
    model = args.shared / "sync" / "face_landmarker_v2_with_blendshapes.task"
    judge = [args.judge, tool, video, curves, "--model", model, "--portrait", fitted, "--json", "-"]
    if voice.closures is not None:
        judge += ["--closures", voice.closures]
    out = subprocess.run(judge, check=True, capture_output=True, text=True).stdout
    return json.loads(out[out.index("{") :])


def values(found: dict[str, Any], known: bool) -> dict[str, float]:
    """The numbers that have a gate."""
    blink, closure = found["blink"], found["closure"]
    row = {
        "faces": found["faces"], "r": found["r"], "lag ms": found["lag_ms"],
        "width": found["r_width"], "mouth": found["mouth_range"], "lips": found["width_range"],
        "blinks": blink["per_min"], "blink s": blink["mean_s"], "depth": blink["depth"],
        "bg": found["bg_drift"], "flicker bg": found["flicker_bg"],
        "id %": found["id_shape_pct"], "flicker": found["flicker_face"],
    }  # fmt: skip
    if known:
        row |= {"recall": closure["recall"], "gain": closure["gain"], "auc": closure["auc"]}
    return row


def cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    low, high = GATES[name]
    text = f"{value:.3g}"
    return text if low <= value <= high else f"**{text}**"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", required=True)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--raw", action="store_true", help="print what the judge says")
    args = parser.parse_args()
    media = args.shared / "media"
    portraits = sorted([*media.glob("*.png"), *media.glob("*.jpg")])
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        voices = [Voice(path.stem, path) for path in sorted(media.glob("*.wav"))]
        voices.append(spoken(folder))
        print("| portrait | voice |", " | ".join(GATES), "|")
        print("| --- " * (2 + len(GATES)) + "|")
        for portrait in portraits:
            for voice in voices:
                found = measured(args, portrait, voice, folder)
                if args.raw:
                    print(json.dumps(found), file=sys.stderr)
                row = values(found, voice.closures is not None)
                cells = [cell(name, row.get(name)) for name in GATES]
                print(f"| {portrait.stem} | {voice.name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
