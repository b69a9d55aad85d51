"""Each engine from the same node, on a still and on a clip, in a real ComfyUI.

See test_real_comfyui.py for what is needed.
"""

import json
import subprocess

import pytest

from imgsync_core.engines.registry import AUTO, NAMES, options_of

from .examples import furnish, twin
from .serving import CHECKOUT, serving

pytestmark = [pytest.mark.comfy, pytest.mark.slow]
SMALL = {"steps": 1, "resolution": 64}  # of who has them; LatentSync's crops stay as they are


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not CHECKOUT:
        pytest.skip("IMGSYNC_COMFYUI names no ComfyUI checkout")
    base = tmp_path_factory.mktemp("engines")
    furnish(base)
    with serving(base) as found:
        yield found


def widgets(engine: str) -> dict:
    """The engine's widgets as they are by default, for as little work as possible."""
    values = {"engine": engine}
    for option in options_of(engine):
        if option.words_only:
            continue
        small = SMALL.get(option.name) if engine != "latentsync" or option.name == "steps" else None
        value = option.default if small is None else small
        values[f"engine.{option.name}"] = "auto" if option.file else value
    if engine in ("latentsync", "musetalk"):
        values["engine.lively"] = False
    return values


@pytest.mark.parametrize("source", ["still", "clip"])
@pytest.mark.parametrize("engine", [*NAMES, AUTO])
def test_an_engine_runs(server, engine, source):
    name = "Talking portrait" if source == "still" else "Dub a video with LatentSync"
    nodes = {key: (node["class_type"], node["inputs"]) for key, node in twin(name).items()}
    for kind, inputs in nodes.values():
        if kind == "ImgSyncAudioDrivenAnimate":
            for key in [key for key in inputs if key.split(".")[0] == "engine"]:
                del inputs[key]
            inputs |= widgets(engine)
        if kind == "ImgSyncMuxVideo":
            inputs["filename_prefix"] = f"{engine}_{source}"
    entry = server.wait(server.start(nodes))
    told = dict(entry["status"]["messages"]).get("execution_error", {})
    assert entry["status"]["status_str"] == "success", told.get("exception_message")
    (path,) = (server.base / "output").glob(f"{engine}_{source}_*.mp4")
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=nb_frames,duration", "-of",
               "json", str(path)]  # fmt: skip
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    assert found[0]["nb_frames"] == "15"
    ends = [float(stream["duration"]) for stream in found]
    assert len(ends) == 2 and max(ends) - min(ends) < 0.001
