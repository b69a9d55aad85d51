"""Our VIDEO in the hands of core's nodes, the blueprints as graphs, and the same file twice.

See test_real_comfyui.py for what is needed.
"""

import hashlib
import json
import subprocess
import urllib.error

import av
import numpy as np
import pytest

from .examples import drawn, furnish, twin
from .serving import CHECKOUT, ROOT, serving

pytestmark = [pytest.mark.comfy, pytest.mark.slow]
TALK = {
    "1": ("ImgSyncLoadPortrait", {"image": "imgsync_demo_portrait.png", "fit": "keep", "width": 128,
                                  "height": 128, "multiple_of": 2, "background": "black"}),
    "2": ("LoadAudio", {"audio": "imgsync_demo_voice.wav"}),
    "3": ("ImgSyncAudioDrivenAnimate", {
        "source": ["1", 0], "audio": ["2", 0], "engine": "built-in", "engine.mouth": 1.0,
        "engine.head": 1.0, "engine.blink": 1.0, "engine.expression": 1.0, "fps": 25.0, "seed": 0,
        "which_face": "", "clip": "ping-pong", "length": "match audio"}),
}  # fmt: skip


def save(video: str, name: str) -> tuple[str, dict]:
    words = {"format": "auto", "format.codec": "auto", "codec": "auto"}
    return "SaveVideo", {"video": [video, 0], "filename_prefix": name, **words}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not CHECKOUT:
        pytest.skip("IMGSYNC_COMFYUI names no ComfyUI checkout")
    base = tmp_path_factory.mktemp("interop")
    furnish(base)
    with serving(base) as found:
        yield found


def made(server, graph: dict, name: str):
    """The file that a graph writes under a name."""
    entry = server.wait(server.start(graph))
    told = dict(entry["status"]["messages"]).get("execution_error", {})
    assert entry["status"]["status_str"] == "success", told.get("exception_message")
    (path,) = (server.base / "output").glob(f"{name}_*.mp4")
    return path


def ends(path) -> list[float]:
    """Seconds of each stream, as ffprobe has it."""
    query = ["-show_entries", "stream=duration", "-of", "json", str(path)]
    run = subprocess.run(["ffprobe", "-v", "error", *query], capture_output=True, check=True)
    return [float(stream["duration"]) for stream in json.loads(run.stdout)["streams"]]


def frames(path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="gray") for f in container.decode(video=0)])


def test_a_trim_is_a_part_of_the_whole(server):
    """Trim Video of what is not drawn yet: the same frames, and sound that ends with them."""
    graph = {
        **TALK,
        "4": ("Video Slice", {"video": ["3", 0], "start_time": 0.2, "duration": 0.24,
                              "strict_duration": False}),
        "5": save("4", "part"), "6": save("3", "whole"),
    }  # fmt: skip
    part = made(server, graph, "part")
    (whole,) = (server.base / "output").glob("whole_*.mp4")
    ours, all_of_it = frames(part).astype(int), frames(whole).astype(int)
    assert len(all_of_it) == 15 and len(ours) == 6
    apart = [np.abs(ours - all_of_it[i : i + 6]).mean() for i in range(10)]
    assert int(np.argmin(apart)) == 5 and apart[5] < 2  # 0.2 s are five frames
    assert max(ends(part)) - min(ends(part)) < 0.025


def test_components_make_the_same_video_again(server):
    """Get Video Components -> Create Video -> Save Video: nothing is lost on the way."""
    graph = {
        **TALK,
        "4": ("GetVideoComponents", {"video": ["3", 0]}),
        "5": ("CreateVideo", {"images": ["4", 0], "audio": ["4", 1], "fps": ["4", 2]}),
        "6": save("5", "again"), "7": save("3", "direct"),
    }  # fmt: skip
    again = made(server, graph, "again")
    (direct,) = (server.base / "output").glob("direct_*.mp4")
    assert np.abs(frames(again).astype(int) - frames(direct)).mean() < 2
    assert max(ends(again)) - min(ends(again)) < 0.025


def test_what_core_has_cut_speaks_on(server):
    """A file of core's Save Video and Trim Video as source of ours, and back."""
    graph = {
        **TALK,
        "4": ("Video Slice", {"video": ["3", 0], "start_time": 0.0, "duration": 0.4,
                              "strict_duration": False}),
        "5": ("ImgSyncAudioDrivenAnimate", {**TALK["3"][1], "source": ["4", 0]}),
        "6": ("ImgSyncMuxVideo", {"source": ["5", 0], "fps": 25, "preset": "mp4-h264",
                                  "preset.crf": 18, "preset.audio_kbps": 128, "folder": "output",
                                  "background": "black", "filename_prefix": "dubbed"}),
        "7": ("Video Slice", {"video": ["6", 0], "start_time": -0.2, "duration": 0.0,
                              "strict_duration": False}),
        "8": save("7", "end"),
    }  # fmt: skip
    end = made(server, graph, "end")
    (dubbed,) = (server.base / "output").glob("dubbed_*.mp4")
    assert len(frames(dubbed)) == 15 and max(ends(dubbed)) - min(ends(dubbed)) < 0.001
    assert len(frames(end)) == 5


@pytest.mark.parametrize("kind", ["VideoTrim", "VideoCrop", "ConcatenateVideo"])
def test_newer_nodes_take_our_video(server, kind):
    """Those that this host has, with what they have by default."""
    known = server.get("/object_info")
    if kind not in known:
        pytest.skip(f"this ComfyUI has no {kind}")
    inputs = {}
    for name, (what, *more) in known[kind]["input"]["required"].items():
        if what == "COMFY_AUTOGROW_V3":
            prefix = more[0]["template"]["prefix"]
            inputs |= {f"{name}.{prefix}{i}": ["3", 0] for i in range(2)}
        elif "VIDEO" in str(what).split(","):
            inputs[name] = ["3", 0]
        elif isinstance(what, list) or (more and "default" in more[0]):
            inputs[name] = (more[0] if more else {}).get("default", what[0])
    made(server, {**TALK, "4": (kind, inputs), "5": save("4", kind)}, kind)


def test_landmarks_of_core_fit_our_socket(server):
    """Detect Face Landmarks itself needs weights that are not here; its socket has the same type.

    What it hands on is tried in tests/nodes.
    """
    known = server.get("/object_info")
    if "MediaPipeFaceLandmarker" not in known:
        pytest.skip("this ComfyUI has no Detect Face Landmarks")
    ours = known["ImgSyncAudioDrivenAnimate"]["input"]["optional"]["landmarks"][0]
    assert ours in known["MediaPipeFaceLandmarker"]["output"]


# -- blueprints --


def expanded(name: str, given: dict) -> dict:
    """The graph inside of a blueprint, for `Server.start`; given: what its inputs get."""
    text = (ROOT / "subgraphs" / f"{name}.json").read_text(encoding="utf-8")
    (inside,) = json.loads(text)["definitions"]["subgraphs"]
    names = [port["name"] for port in inside["inputs"]]
    sources = {
        link["id"]: [f"s{link['origin_id']}", link["origin_slot"]]
        if link["origin_id"] > 0
        else given.get(names[link["origin_slot"]])
        for link in inside["links"]
    }
    graph = {}
    for node in inside["nodes"]:
        ports = {port["name"]: port.get("link") for port in node["inputs"]}
        values = {n: v for n, v in node["widgets_values_named"].items() if n in ports}
        linked = {n: sources[link] for n, link in ports.items() if link is not None}
        inputs = {**values, **{n: source for n, source in linked.items() if source is not None}}
        graph[f"s{node['id']}"] = (node["type"], inputs)
    return graph


@pytest.mark.parametrize("name", ["Talking Portrait", "Still for a Sound"])
def test_a_blueprint_runs(server, name):
    graph = {
        "1": TALK["1"], "2": TALK["2"], **expanded(name, {"source": ["1", 0], "audio": ["2", 0]}),
    }  # fmt: skip
    (last,) = (inputs for kind, inputs in graph.values() if kind == "ImgSyncMuxVideo")
    last["filename_prefix"] = name.replace(" ", "_")
    path = made(server, graph, last["filename_prefix"])
    pictures = frames(path)
    assert len(pictures) == 15 and max(ends(path)) - min(ends(path)) < 0.001
    moves = bool(np.ptp(pictures.astype(int), axis=0).max() > 40)
    assert moves is (name == "Talking Portrait")


# -- graphs of packs that are not there --


OLD = {
    "VHS_VideoCombine": {"images": ["1", 0], "audio": ["2", 0], "frame_rate": 24, "loop_count": 0,
                         "filename_prefix": "combined", "format": "video/h264-mp4"},
    "LatentSyncNode": {"images": ["1", 0], "audio": ["2", 0], "seed": 7, "lips_expression": 1.5,
                       "inference_steps": 1},
}  # fmt: skip


def refused(server, prompt: dict) -> tuple[int, dict]:
    with pytest.raises(urllib.error.HTTPError) as answer:
        server.post("/prompt", {"prompt": prompt})
    return answer.value.code, json.loads(answer.value.read())


@pytest.mark.parametrize("meta", [{}, {"_meta": {"title": "old"}}], ids=["bare", "titled"])
@pytest.mark.parametrize("without", ["", "audio", "images"])
@pytest.mark.parametrize("kind", OLD)
def test_programs_hear_of_missing_nodes_as_ever(server, kind, without, meta):
    """Offered in the front end; a graph that a program sends is answered as without this pack."""
    assert kind in server.get("/node_replacements")
    inputs = {name: value for name, value in OLD[kind].items() if name != without}
    prompt = {key: {"class_type": k, "inputs": i} for key, (k, i) in TALK.items() if key != "3"}
    told = [
        refused(server, {**prompt, "4": {"class_type": name, "inputs": inputs, **meta}})
        for name in (kind, "NobodyHasThis")
    ]
    assert told[0][0] == 400 and kind in json.dumps(told[0][1])
    assert json.dumps(told[0][1]).replace(kind, "NobodyHasThis") == json.dumps(told[1][1])


# -- the same again --


def test_a_fresh_profile_makes_the_same_file_bit_for_bit(tmp_path):
    """The shared graph in two ComfyUIs that know nothing of each other."""
    if not CHECKOUT:
        pytest.skip("IMGSYNC_COMFYUI names no ComfyUI checkout")
    hashes = []
    for name in ("one", "other"):
        base = tmp_path / name
        base.mkdir()
        furnish(base)
        with serving(base) as server:
            body = {
                "prompt": twin("Talking portrait"),
                "extra_data": {"extra_pnginfo": {"workflow": drawn("Talking portrait")}},
            }
            entry = server.wait(server.post("/prompt", body)["prompt_id"])
            assert entry["status"]["status_str"] == "success"
        (path,) = (base / "output" / "video").glob("*.mp4")
        assert b"workflow" in path.read_bytes()
        hashes.append(hashlib.sha256(path.read_bytes()).hexdigest())
    assert hashes[0] == hashes[1]
