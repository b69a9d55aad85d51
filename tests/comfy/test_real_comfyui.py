"""The pack in a real ComfyUI: IMGSYNC_COMFYUI names its folder.

IMGSYNC_COMFYUI_PYTHON names the Python that has ComfyUI's requirements (default: this one).
"""

import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import wave

import numpy as np
import pytest
from PIL import Image

from imgsync_core.demo import demo_picture

from .serving import CHECKOUT, PYTHON, ROOT, serving

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


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A ComfyUI on the CPU with this pack in a folder of its own."""
    base = tmp_path_factory.mktemp("comfyui")
    (base / "input").mkdir()
    Image.fromarray(np.full((70, 90, 3), 90, np.uint8)).save(base / "input" / "a.png")
    with wave.open(str(base / "input" / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes((np.sin(np.arange(60001) / 20) * 8000).astype("<i2").tobytes())
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("IMGSYNC_HUB", "http://127.0.0.1:9")  # nobody answers there
        yield stack.enter_context(serving(base))


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
    output = server.base / "output"
    for _ in range(400):
        if list(output.glob("cancelled_00001_.mp4.*.part")):
            break
        time.sleep(0.05)
    assert list(output.glob("cancelled_00001_.mp4.*.part"))
    began = time.perf_counter()
    server.post("/interrupt", {})
    entry = server.wait(prompt_id)
    assert time.perf_counter() - began < 5
    assert entry["status"]["status_str"] == "error"  # interrupted runs are filed so
    assert not list(server.base.glob("output/cancelled*"))


def faces(server, **query):
    """Status and JSON of the editor's route."""
    try:
        return 200, server.get("/imgsync/faces?" + urllib.parse.urlencode(query))
    except urllib.error.HTTPError as e:
        with e:
            return e.code, json.loads(e.read())


def test_the_route_of_the_face_editor(server):
    picture = np.full((300, 480, 3), 200, np.uint8)
    picture[:, 180:] = demo_picture(300)
    Image.fromarray(picture).save(server.base / "input" / "face.png")
    status, found = faces(server, image="face.png")
    assert status == 200 and found["size"] == [480, 300] and found["error"] == ""
    (face,) = found["faces"]
    assert found["placed"] == face["points"]
    assert face["points"]["lip_line"] == pytest.approx([330, 184.5], abs=6)
    points = json.dumps({"version": 1, "points": {"chin": [331, 222]}})
    status, moved = faces(server, image="face.png [input]", points=points)
    assert status == 200 and moved["placed"]["chin"] == [331, 222]
    status, wrong = faces(server, image="face.png", points='{"version": 5}')
    assert status == 200 and wrong["placed"] is None and "version 5" in wrong["error"]


@pytest.mark.parametrize(
    ("image", "status"),
    [
        ("../../../etc/passwd", 400), ("../secret.png", 400), ("/etc/passwd", 400),
        ("a.png [nowhere]", 404), ("b.png", 404), ("", 404), (".", 404), ("a\0.png", 400),
        ("x" * 1001, 400), ("a.wav", 400), ("../input/../../secret.png", 400),
    ],
)  # fmt: skip
def test_the_route_stays_in_the_folders(server, image, status):
    Image.new("RGB", (64, 64)).save(server.base / "secret.png")
    got, answer = faces(server, image=image)
    assert got == status and answer["error"] and "faces" not in answer


def test_the_route_reads_a_picture_once_for_each_browser(server):
    address = server.url + "/imgsync/faces?image=a.png"
    with urllib.request.urlopen(address, timeout=30) as answer:
        tag = answer.headers["ETag"]
    again = urllib.request.Request(address, headers={"If-None-Match": tag})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(again, timeout=30)
    with caught.value:
        assert caught.value.code == 304


def test_a_picture_without_a_face_fails_only_who_crops_to_it(server):
    ours = {**GRAPH["1"][1], "image": "a.png"}
    graph = {
        "1": ("ImgSyncLoadPortrait", ours), "2": ("PreviewImage", {"images": ["1", 0]}),
    }  # fmt: skip
    assert server.wait(server.start(graph))["status"]["status_str"] == "success"
    graph["1"] = ("ImgSyncLoadPortrait", {**ours, "fit": "face"})
    messages = server.wait(server.start(graph))["status"]["messages"]
    error = next(data for kind, data in messages if kind == "execution_error")
    assert error["node_id"] == "1" and "give points" in error["exception_message"]


def test_demo_files_are_made_once_and_nothing_else_is(server):
    names = ["imgsync_demo_portrait.png", "imgsync_demo_voice.wav"]
    assert server.post("/imgsync/demo", names) == {"made": 2}
    with Image.open(server.base / "input" / names[0]) as picture:
        assert picture.size == (768, 768)
    with wave.open(str(server.base / "input" / names[1])) as sound:
        assert sound.getnframes() == 6 * sound.getframerate()
    assert server.post("/imgsync/demo", names) == {"made": 0}
    for wrong in (["../x.png"], ["a.png"], {"a": 1}, "x", [["imgsync_demo_voice.wav"]]):
        with pytest.raises(urllib.error.HTTPError) as refused:
            server.post("/imgsync/demo", wrong)
        with refused.value:
            assert refused.value.code == 400


def test_weights_are_told_and_fetched_only_when_asked(server):
    told = server.get("/imgsync/models")
    names = [model["name"] for model in told["models"]]
    assert "latentsync-1.6" in names and "whisper-tiny" not in names and told["job"] is None
    assert told["folder"] == str(server.base / "models" / "imgsync")
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.post("/imgsync/models/fetch", {"name": "../../x"})
    with refused.value:
        assert (
            refused.value.code == 400 and "not known" in json.loads(refused.value.read())["error"]
        )
    server.post("/imgsync/models/fetch", {"name": "musetalk-1.5"})
    for _ in range(200):
        job = server.get("/imgsync/models")["job"]
        if job["ended"]:
            break
        time.sleep(0.1)
    assert job["name"] == "musetalk-1.5" and "hub cannot be reached" in job["error"]
    assert not list((server.base / "models" / "imgsync").rglob("*.p*t*"))


@pytest.mark.parametrize(
    ("method", "route"),
    [("GET", "faces?image=a.png"), ("GET", "models"), ("POST", "models/fetch"),
     ("POST", "models/cancel"), ("POST", "demo")],
)  # fmt: skip
def test_pages_of_other_servers_are_refused(server, method, route):
    """By a name of the local network, where ComfyUI itself does not ask where a page is from."""
    page = {"Host": "comfy.lan:8188", "Origin": "http://evil.example"}
    body = json.dumps({"name": "musetalk-1.5"}).encode() if method == "POST" else None
    asked = urllib.request.Request(f"{server.url}/imgsync/{route}", body, page, method=method)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked, timeout=30)
    with refused.value:
        assert refused.value.code == 403
        assert "another server" in json.loads(refused.value.read())["error"]
    asked.remove_header("Origin")
    asked.add_header("Origin", "http://comfy.lan:8188")
    if method == "GET":
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert answer.status == 200


def test_blueprints_are_offered(server):
    offered = {entry["name"] for entry in server.get("/global_subgraphs").values()}
    assert offered >= {"Talking Portrait", "Still for a Sound"}
