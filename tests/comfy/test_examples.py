"""The example workflows: their twins run in a real ComfyUI, and are the same graphs.

See test_real_comfyui.py for what is needed.
"""

import json
import subprocess
import urllib.error

import av
import numpy as np
import pytest
from PIL import Image

from imgsync_core.demo_files import PREFIX

from .examples import CHECKPOINT, FOLDER, NAMES, TWINS, VOICES, drawn, furnish, twin
from .serving import CHECKOUT, serving

pytestmark = [pytest.mark.comfy, pytest.mark.slow]
WRITTEN = {  # seconds of the longest sound and the rate of the picture: frames, by hand
    "Extend a still": 15,
    "Talking portrait": 15,
    "Vocals drive the mix": 33,  # 1.3 s of the mix, the vocals are 1 s
    "Noisy drive and clean sound": 17,  # 8n+1
    "Two people talking": 35,  # 0.6 s, then 0.8 s
    "Ping-pong a clip": 15,  # at the clip's own 24 frames/s
    "Pan and zoom for InfiniteTalk": 17,  # 4k+1
    "Dub a video with LatentSync": 15,
    "Still to life with LatentSync": 15,
    "Dub a video with MuseTalk": 15,
    "Speaking portrait with EchoMimic": 15,
    "Long speech with Hallo2": 33,  # as the mix
}


# these show how it moves: the front end asks for .jpg whatever is in it, and browsers look inside
MOVING = {"Talking portrait", "Two people talking"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not CHECKOUT:
        pytest.skip("IMGSYNC_COMFYUI names no ComfyUI checkout")
    base = tmp_path_factory.mktemp("examples")
    furnish(base)
    with serving(base) as found:
        yield found


def graph(name: str) -> dict:
    """A twin for `Server.start`; LatentSync takes one step."""
    nodes = {key: (node["class_type"], node["inputs"]) for key, node in twin(name).items()}
    for _, inputs in nodes.values():
        if inputs.get("engine") == "latentsync":
            inputs["engine.steps"] = 1
        if inputs.get("engine") in ("echomimic", "hallo2"):
            inputs |= {"engine.steps": 1, "engine.resolution": 64}
    return nodes


@pytest.mark.parametrize("name", WRITTEN)
def test_an_example_runs(server, name):
    nodes = graph(name)
    (last,) = (inputs for kind, inputs in nodes.values() if kind == "ImgSyncMuxVideo")
    last["filename_prefix"] = name
    entry = server.wait(server.start(nodes))
    last = dict(entry["status"]["messages"]).get("execution_error", {})
    assert entry["status"]["status_str"] == "success", last.get("exception_message")
    (path,) = (server.base / "output").glob(f"{name}_*.mp4")
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=nb_frames,duration", "-of",
               "json", str(path)]  # fmt: skip
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    assert found[0]["nb_frames"] == str(WRITTEN[name])
    ends = [float(stream["duration"]) for stream in found]
    assert len(ends) == 2 and max(ends) - min(ends) < 0.001


def test_both_of_two_people_move(server):
    nodes = graph("Two people talking")
    (last,) = (inputs for kind, inputs in nodes.values() if kind == "ImgSyncMuxVideo")
    last["filename_prefix"] = "both"
    server.wait(server.start(nodes))
    (path,) = (server.base / "output").glob("both_*.mp4")
    with av.open(str(path)) as container:
        frames = [f.to_ndarray(format="gray").astype(float) for f in container.decode(video=0)]
    change = np.ptp(np.stack(frames), axis=0)
    left, right = np.split(change, 2, axis=1)
    assert (
        left.max() > 50 and right.max() > 50
    )  # lips open on teeth; a still picture stays below 10


def test_text_to_image_lacks_nothing_but_a_checkpoint(server):
    """Accepted with an empty file of that name; without it, the name is all that is refused."""
    nodes = twin("Talking portrait from text")
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.post("/prompt", {"prompt": nodes})
    with refused.value:
        errors = json.loads(refused.value.read())["node_errors"]
    (error,) = errors.values()
    assert error["class_type"] == "CheckpointLoaderSimple"
    assert [e["type"] for e in error["errors"]] == ["value_not_in_list"]
    folder = server.base / "models" / "checkpoints"
    folder.mkdir(exist_ok=True)
    (folder / CHECKPOINT).touch()
    answer = server.post("/prompt", {"prompt": nodes})
    assert answer["prompt_id"] and not answer["node_errors"]
    entry = server.wait(answer["prompt_id"])
    messages = dict(entry["status"]["messages"])
    assert messages["execution_error"]["node_type"] == "CheckpointLoaderSimple"


@pytest.mark.parametrize("name", NAMES)
def test_the_drawn_graph_is_the_twin(name):
    """The same nodes, connected in the same way."""
    ours, theirs = drawn(name), twin(name)
    notes = ("MarkdownNote", "Note")
    nodes = {str(node["id"]): node for node in ours["nodes"] if node["type"] not in notes}
    assert {key: node["type"] for key, node in nodes.items()} == {
        key: node["class_type"] for key, node in theirs.items()
    }
    links = set()
    for _, source, slot, target, place, _ in ours["links"]:
        end = nodes[str(target)]["inputs"][place]["name"]
        links.add((str(source), slot, str(target), end))
    assert links == {
        (*value, key, end)
        for key, node in theirs.items()
        for end, value in node["inputs"].items()
        if isinstance(value, list)
    }
    for key, node in nodes.items():  # what the widgets say
        plain = [v for v in theirs[key]["inputs"].values() if not isinstance(v, list)]
        said = node.get("widgets_values", [])
        said = list(said.values()) if isinstance(said, dict) else said
        assert all(value in said for value in plain if value != ""), key


@pytest.mark.parametrize("name", NAMES)
def test_nothing_overlaps(name):
    title, gap = 30, 5
    boxes = [(*node["pos"], *node["size"]) for node in drawn(name)["nodes"]]
    for i, (x, y, w, h) in enumerate(boxes):
        for left, top, width, height in boxes[i + 1 :]:
            apart = x + w + gap <= left or left + width + gap <= x
            assert apart or y + h + title + gap <= top or top + height + title + gap <= y


def test_every_example_has_a_small_picture_and_a_twin():
    assert set(NAMES) == {*WRITTEN, "Talking portrait from text"}
    assert {path.stem.removesuffix("_api") for path in TWINS.glob("*.json")} == set(NAMES)
    for name in NAMES:
        picture = FOLDER / f"{name}.jpg"
        assert picture.stat().st_size < (100_000 if name in MOVING else 60_000)
        with Image.open(picture) as image:
            assert min(image.size) >= 200
            assert image.format == ("WEBP" if name in MOVING else "JPEG")
            assert (getattr(image, "n_frames", 1) > 20) is (name in MOVING)
    files = {value for name in NAMES for node in twin(name).values()
             for value in node["inputs"].values() if str(value).endswith(".wav")}  # fmt: skip
    assert files <= {f"{PREFIX}{name}.wav" for name in VOICES}
