"""The nodes, as ComfyUI runs them: sockets in, sockets and files out."""

import asyncio
import gc
import importlib
import io as stdlib_io
import json
import shlex
import shutil
import subprocess
import sys
import time
import weakref
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).parents[2]
IDS = [
    "ImgSyncAudioDrivenAnimate",
    "ImgSyncAudioDuration",
    "ImgSyncExtendFrames",
    "ImgSyncLoadPortrait",
    "ImgSyncMuxVideo",
]
HOLD, MATCH = {"mode": "hold"}, {"length": "match audio"}
H264 = {"preset": "mp4-h264", "crf": 18, "audio_kbps": 192}


def tone(seconds=1.0, rate=44100, channels=2, batch=1):
    t = torch.arange(round(seconds * rate)) / rate
    wave = 0.3 * torch.sin(2 * torch.pi * 440 * t)
    return {"waveform": wave.expand(batch, channels, -1).clone(), "sample_rate": rate}


def picture(width=64, height=48, channels=3, frames=1):
    generator = torch.Generator().manual_seed(1)
    return torch.rand((frames, height, width, channels), generator=generator)


def counted(frames, size=32):
    """Frame i is grey of level 8 * i: readable after any codec."""
    level = torch.arange(frames).float().mul(8 / 255).view(-1, 1, 1, 1)
    return level.expand(frames, size, size, 3).clone()


def wait_until_empty(lent):
    """For what another thread lets go of, 5 s at most; then it is collected."""
    for _ in range(100):
        if not lent:
            break
        time.sleep(0.05)
    gc.collect()


def levels(path):
    """What `counted` frames show after decoding."""
    with av.open(str(path)) as container:
        grey = [f.to_ndarray(format="rgb24").mean() for f in container.decode(video=0)]
    return [round(g / 8) for g in grey]


def probe(path):
    entries = "stream=codec_type,codec_name,duration,nb_frames,sample_rate:format=duration"
    command = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {s["codec_type"]: s for s in found["streams"]} | {"format": found["format"]}


@pytest.fixture
def extend(pack, run):
    def call(source, audio=None, *, fps=25.0, mode=None, length=None, grid="any"):
        return run(
            pack.nodes["ImgSyncExtendFrames"],
            source=source, audio=audio, fps=fps, mode=mode or HOLD, length=length or MATCH,
            grid=grid,
        ).args  # fmt: skip

    return call


@pytest.fixture
def mux(pack, run):
    def call(source, audio=None, *, fps=25.0, preset=None, prefix="x", folder="output", **more):
        return run(
            pack.nodes["ImgSyncMuxVideo"],
            source=source, audio=audio, fps=fps, preset=preset or H264, filename_prefix=prefix,
            folder=folder, background="black", **more,
        )  # fmt: skip

    return call


def load(pack, run, name, **options):
    inputs = {"fit": "keep", "width": 0, "height": 0, "multiple_of": 1, "background": "black"}
    return run(pack.nodes["ImgSyncLoadPortrait"], image=name, **{**inputs, **options}).args


def duration(pack, run, audio, **options):
    inputs = {"fps": 25.0, "grid": "any", "start": 0.0, "duration": 0.0, "pad_start": 0.0}
    inputs |= {"pad_end": 0.0, "loudness": 0.0}
    return run(pack.nodes["ImgSyncAudioDuration"], audio=audio, **{**inputs, **options}).args


# -- the pack --


def test_ids(pack):
    assert sorted(pack.nodes) == IDS


@pytest.mark.parametrize("node_id", IDS)
def test_every_socket_has_a_tooltip(pack, node_id):
    schema = pack.nodes[node_id].GET_SCHEMA()
    assert schema.category == "video/imgsync" and schema.display_name and schema.description
    for port in [*schema.inputs, *schema.outputs]:
        assert port.tooltip, f"{node_id}.{port.id} has no tooltip"


@pytest.mark.parametrize("node_id", IDS)
def test_help_page(pack, node_id, request):
    page = request.config.rootpath / "web" / "docs" / f"{node_id}.md"
    text = page.read_text(encoding="utf-8")
    for port in pack.nodes[node_id].GET_SCHEMA().inputs:
        assert f"`{port.id}`" in text, f"{page.name} does not explain {port.id}"


# -- AudioDrivenAnimate --


@pytest.fixture(scope="module")
def portrait(pack):
    return torch.from_numpy(pack.core("demo").demo_picture(192))[None].float() / 255


@pytest.fixture(scope="module")
def voice(pack):
    samples = pack.core("demo").demo_speech(1.3, 16000)
    return {"waveform": torch.from_numpy(samples)[None], "sample_rate": 16000}


BUILT_IN = {"engine": "built-in", "mouth": 1.0, "head": 1.0, "blink": 1.0, "expression": 1.0}


@pytest.fixture
def animate(pack, run):
    def call(source, audio, engine=BUILT_IN, fps=25.0, seed=0, **more):
        node = pack.nodes["ImgSyncAudioDrivenAnimate"]
        return run(node, source=source, audio=audio, engine=engine, fps=fps, seed=seed, **more)

    return call


def test_animate_speaks_and_holds_the_background(pack, animate, portrait, voice):
    out = animate(portrait, voice)
    video, face, curves = out.args
    assert video.get_frame_count() == 33 and video.get_frame_rate() == 25
    frames = video.get_components().images
    lips = [int(v) for v in face.lip_line]
    inside = frames[:, lips[1] : lips[1] + 8, lips[0] - 4 : lips[0] + 4]
    assert (inside - inside[0]).abs().max() > 0.2
    assert (frames[:, :20, :20] == portrait[:, :20, :20]).all()
    assert curves.shape[0] == 1 and curves.shape[2] == 1024 and 0 < curves.std() < 1
    assert len(out.ui["images"]) == 1


def test_animate_the_same_seed_gives_the_same_file(animate, mux, portrait, voice):
    names = []
    for seed in (3, 3, 4):
        video = animate(portrait, voice, seed=seed).args[0]
        names.append(mux(video, prefix=f"s{len(names)}").args[1])
    first, second, other = (Path(name).read_bytes() for name in names)
    assert first == second != other
    found = probe(names[0])
    assert found["video"]["nb_frames"] == "33" and found["audio"]["sample_rate"] == "16000"


def test_animate_strength_zero_is_the_picture(animate, portrait, voice):
    engine = {**BUILT_IN, "mouth": 0.0, "head": 0.0, "blink": 0.0, "expression": 0.0}
    frames = animate(portrait, voice, engine).args[0].get_components().images
    assert (frames == portrait).all()


@pytest.mark.parametrize(
    ("length", "frames"), [("match audio", 33), ("longest", 40)], ids=["audio", "longest"]
)
def test_animate_a_clip(animate, portrait, voice, length, frames):
    clip = torch.cat([portrait.roll(i % 8, 2) for i in range(40)])
    video = animate(clip, voice, length=length).args[0]
    assert video.get_frame_count() == frames


def test_animate_a_clip_that_is_short(animate, portrait, voice):
    clip = torch.cat([portrait, portrait.roll(4, 2)])
    video = animate(clip, voice, clip="loop").args[0]
    assert video.get_frame_count() == 33
    frames = video.get_components().images
    assert (frames[1, :, :8] == clip[1, :, :8]).all() and (frames[2, :8] == clip[0, :8]).all()


def landmarks(size, faces):
    """FACE_LANDMARKS as core makes them, of faces at (x, y) with eyes d apart."""
    frames = []
    for x, y, d in faces:
        points = np.tile(np.float32([x, y + d]), (478, 1))
        for ids, at in (((33, 133, 159, 145), -d / 2), ((362, 263, 386, 374), d / 2)):
            for i, dx, dy in zip(ids, (-0.2, 0.2, 0, 0), (0, 0, -0.1, 0.1), strict=True):
                points[i] = x + at + dx * d, y + dy * d
        places = {61: (-0.4, 0.95), 291: (0.4, 0.95), 13: (0, 0.97), 14: (0, 0.98),
                  0: (0, 0.88), 17: (0, 1.15), 152: (0, 1.6), 10: (0, -0.8), 234: (-1, 0.3),
                  454: (1, 0.3), 105: (-0.5, -0.4), 52: (-0.5, -0.35), 334: (0.5, -0.4),
                  282: (0.5, -0.35)}  # fmt: skip
        for i, (u, v) in places.items():
            points[i] = x + u * d, y + v * d
        box = np.array([x - d, y - d, x + d, y + 1.7 * d], np.float32)
        frames.append({"landmarks_xy": points, "bbox_xyxy": box})
    return {"frames": [frames], "image_size": size, "connection_sets": {}}


def test_animate_uses_landmarks_where_no_face_would_be_found(animate, voice):
    grey = torch.full((1, 160, 160, 3), 0.5)
    grey[:, 60:, :80] += torch.rand((1, 100, 80, 1)) * 0.1
    with pytest.raises(Exception, match="No face"):
        animate(grey, voice)
    found = landmarks((160, 160), [(80, 60, 40), (30, 40, 24)])
    face = animate(grey, voice, landmarks=found).args[1]
    assert np.allclose(face.eyes, [(60, 60), (100, 60)], atol=0.1) and face.source == "landmarks"
    other = animate(grey, voice, landmarks=found, which_face="1").args[1]
    assert np.allclose(other.eyes.mean(0), (30, 40), atol=0.1)
    with pytest.raises(Exception, match="no face number 2"):
        animate(grey, voice, landmarks=found, which_face="2")


def test_animate_points_win_over_landmarks_and_landmarks_over_found(pack, animate, voice, portrait):
    geometry, sockets = pack.core("face.geometry"), pack.part("nodes.sockets")
    found = landmarks((192, 192), [(96, 80, 40)])
    points = geometry.from_points((192, 192), mouth=(96, 130, 40), eyes=[(70, 90), (120, 90)])
    own = animate(portrait, voice, face=points, landmarks=found).args[1]
    assert own.eyes.tolist() == [[70, 90], [120, 90]]
    for less in (replace(points, source="found"), sockets.NoFace("nothing there")):
        face = animate(portrait, voice, face=less, landmarks=found).args[1]
        assert np.allclose(face.eyes, [(76, 80), (116, 80)], atol=0.1)
    with pytest.raises(Exception, match="nothing there"):
        animate(portrait, voice, face=sockets.NoFace("nothing there"))


AUTO = {"engine": "auto"}


def test_animate_auto_is_the_built_in_engine_here_and_says_why(
    animate, portrait, voice, monkeypatch, tmp_path
):
    monkeypatch.setenv("IMGSYNC_MODELS", str(tmp_path))  # none in it
    chosen, asked = animate(portrait, voice, AUTO), animate(portrait, voice)
    assert torch.equal(*(out.args[0].get_components().images for out in (chosen, asked)))
    (text,) = chosen.ui["text"]
    assert text.startswith("Built-in animator (hallo2 lacks its weights")
    assert ": 33 frames of 192x192" in text
    assert asked.ui["text"][0].startswith("Built-in animator: 33 frames")
    assert "measured" not in text  # it is: frames were drawn


def test_animate_auto_extends_a_picture_without_a_face(animate, mux, voice):
    grey = torch.full((1, 160, 160, 3), 0.5)
    out = animate(grey, voice, AUTO)
    assert out.ui["text"][0].startswith("Plain extension (no face was found to move): 33 frames")
    assert "no face" in out.args[1].why and len(out.ui["images"]) == 1
    assert (out.args[0].get_components().images - 0.5).abs().max() < 0.01
    assert probe(mux(out.args[0]).args[1])["video"]["nb_frames"] == "33"
    with pytest.raises(Exception, match="No face"):
        animate(grey, voice, AUTO, which_face="1")


def test_animate_shows_the_face_speak_at_once(animate, portrait, voice, comfy):
    animate(portrait, voice)
    shown = [np.asarray(preview[1]) for _, _, preview in comfy.progress if preview is not None]
    assert 1 <= len(shown) <= 8
    still = np.round(portrait[0].numpy() * 255)
    assert max(np.abs(picture - still).max() for picture in shown) > 50


@pytest.mark.parametrize(
    ("what", "words"),
    [("disk", "the disk is full for this"), ("memory", "of memory for frames of 192x192")],
)
def test_animate_stops_at_once(animate, portrait, voice, comfy, monkeypatch, what, words):
    if what == "disk":
        usage = type("Usage", (), {"free": 1000})()
        monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    else:
        monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda *_: 1 << 20)
    with pytest.raises(Exception, match=words):
        animate(portrait, voice)
    assert not comfy.progress and not list(comfy.temp.iterdir())


def test_the_machine_is_what_comfyui_lets_us_use(pack, comfy, monkeypatch):
    host, mm = importlib.import_module(f"{pack.module}.nodes.host"), comfy.model_management
    assert [device.kind for device in host.machine().devices] == ["cpu"]
    monkeypatch.setattr(mm, "get_torch_device", lambda: torch.device("cuda", 0))
    monkeypatch.setattr(mm, "get_total_memory", lambda device: 24 << 30, raising=False)
    monkeypatch.setattr(
        mm, "get_free_memory", lambda device: (20 if device.index == 0 else 8) << 30
    )
    machine = host.machine()
    assert [(d.kind, d.memory, d.free) for d in machine.devices[1:]] == [
        ("cuda", 24 << 30, 20 << 30)
    ]
    assert machine.free == 8 << 30


def test_mux_reports_in_words(extend, mux):
    out = mux(extend(counted(5), tone(1.0))[0])
    assert out.ui["text"] == ("25 frames, 1.000 s, picture and sound 0.00 ms apart",)


@pytest.fixture
def lip_weights(comfy, pack):
    """Tiny random checkpoints in our folder of models, laid out as published."""
    folder = Path(comfy.folder_paths.models_dir) / "imgsync"
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, 'tests/core');"
        "import tiny_echomimic, tiny_hallo2, tiny_latentsync; folder = Path(sys.argv[1]);"
        "tiny_latentsync.write_all(folder); tiny_echomimic.write_all(folder / 'mimic');"
        "tiny_hallo2.write_all(folder / 'hallo')"
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], cwd=ROOT, check=True)
    host = pack.part("nodes.host")
    if "imgsync" not in comfy.folder_paths.folder_names_and_paths:
        host.add_models_folder()
    yield folder
    shutil.rmtree(folder)
    # the real ComfyUI looks again at folders that it has seen, and does not expect them to go
    getattr(comfy.folder_paths, "filename_list_cache", {}).pop("imgsync", None)


LIPS = {"engine": "latentsync", "steps": 2, "guidance": 1.5, "deepcache": False, "mode": "default",
        "resolution": 64, "weights": "latentsync_unet.pt", "whisper": "auto", "vae": "auto",
        "low_memory": False, "auto": False, "compile": False, "lively": False}  # fmt: skip


def test_animate_latentsync_draws_the_lips(animate, portrait, voice, lip_weights, comfy, mux):
    video, face, _ = animate(portrait, voice, LIPS).args
    path = mux(video, prefix="lips").args[1]
    assert probe(path)["video"]["nb_frames"] == "33"
    again = animate(portrait, voice, LIPS).args[0].get_components().images
    x, y = (int(v) for v in face.lip_line)
    assert (
        again[:, y - 4 : y + 8, x - 8 : x + 8] - portrait[:, y - 4 : y + 8, x - 8 : x + 8]
    ).abs().max() > 0.1
    assert (again[:, :16, :16] == portrait[:, :16, :16]).all()
    assert len(comfy.progress) > 4


@pytest.fixture
def interrupted(animate, portrait, voice, lip_weights):
    """A run that ends when some frames are drawn."""
    video = animate(portrait, voice, LIPS).args[0]
    video.imgsync_frames.read(0, 20)
    video.imgsync_frames.close()


def test_animate_goes_on_after_it_was_interrupted(
    pack, animate, portrait, voice, interrupted, comfy, mux
):
    spool = pack.part("nodes.host").spool()
    temp = Path(comfy.folder_paths.get_temp_directory())
    assert spool.folder.parent == temp
    assert [job.done for job in spool.jobs()] == [32]
    out = animate(portrait, voice, LIPS)
    said = "32 of 33 frames were kept from a run before and are not drawn again"
    assert said in out.ui["text"][0]
    made = mux(out.args[0], prefix="resumed")
    assert said in made.ui["text"][0] and spool.jobs() == []
    plain = mux(animate(portrait, voice, LIPS).args[0], prefix="plain")
    assert Path(plain.args[1]).read_bytes() == Path(made.args[1]).read_bytes()


def test_frames_are_kept_where_the_user_says(pack, comfy, tmp_path):
    host = pack.part("nodes.host")
    comfy.folder_paths.add_model_folder_path(host.SPOOL, str(tmp_path / "mine"))
    try:
        assert host.spool().folder == tmp_path / "mine"
    finally:
        del comfy.folder_paths.folder_names_and_paths[host.SPOOL]


def test_networks_are_loaded_once_for_all_nodes(
    pack, animate, portrait, voice, lip_weights, comfy, monkeypatch
):
    """A second node and a second run load nothing, as long as ComfyUI lets the networks be."""
    reads, weights = [], pack.core("nn.weights")
    read = weights.read
    monkeypatch.setattr(weights, "read", lambda path: reads.append(Path(path).name) or read(path))
    first, second = animate(portrait, voice, LIPS).args[0], animate(portrait, voice, LIPS).args[0]
    first.get_components(), second.get_components()
    files = ["diffusion_pytorch_model.safetensors", "latentsync_unet.pt", "tiny.pt"]
    assert sorted(reads) == files
    del first, second
    time.sleep(1.2)  # ComfyUI detaches what it loads anew: that is not meant
    gc.collect()
    animate(portrait, voice, {**LIPS, "steps": 1}).args[0].get_components()
    assert sorted(reads) == files
    lent = pack.part("nodes.host")._LENT
    comfy.model_management.unload_all_models()  # ComfyUI wants the room: nobody holds them now
    wait_until_empty(lent)
    assert not lent
    animate(portrait, voice, LIPS).args[0].get_components()
    assert sorted(reads) == sorted(files * 2)


def test_networks_in_use_outlive_being_unloaded(animate, portrait, voice, lip_weights, comfy):
    video = animate(portrait, voice, LIPS).args[0]
    before = video.get_components().images
    comfy.model_management.unload_all_models()
    gc.collect()
    assert torch.equal(video.get_components().images, before)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_gpu_is_counted_and_given_back(pack, animate, portrait, voice, lip_weights, comfy):
    """ComfyUI knows what a run has on the device, and gets it when it wants the room."""
    mm = comfy.model_management
    if mm.get_torch_device().type != "cuda":
        pytest.skip("ComfyUI runs on the CPU here; IMGSYNC_NODES=gpu lets it run on the device")
    mm.unload_all_models()
    gc.collect()
    before = torch.cuda.memory_allocated()
    video = animate(portrait, voice, LIPS).args[0]
    frames = video.get_components().images
    assert frames.isfinite().all()
    lent = pack.part("nodes.host")._LENT
    assert {parameter.device.type for net in lent for parameter in net.parameters()} == {"cuda"}
    counted = sum(int(model.model_loaded_memory()) for model in mm.current_loaded_models)
    assert counted == sum(x.nbytes for net in lent for x in net.state_dict().values())
    del video
    mm.unload_all_models()
    wait_until_empty(lent)
    mm.soft_empty_cache()
    assert torch.cuda.memory_allocated() - before < 1 << 20


@pytest.mark.parametrize(
    ("node", "widget", "known"),
    [
        ("ImgSyncMuxVideo", "preset", "mp4-h264"), ("ImgSyncExtendFrames", "mode", "ping-pong"),
        ("ImgSyncExtendFrames", "length", "match audio"),
        ("ImgSyncAudioDrivenAnimate", "engine", "built-in"),
    ],
)  # fmt: skip
def test_a_choice_that_there_is_not_is_told(pack, run, portrait, voice, node, widget, known):
    """ComfyUI hands on nothing of it."""
    given = {
        "ImgSyncMuxVideo": {"filename_prefix": "x", "folder": "output", "background": "black"},
        "ImgSyncExtendFrames": {"mode": {"mode": "hold"}, "length": {"length": "match audio"},
                                "grid": "any"},
        "ImgSyncAudioDrivenAnimate": {"seed": 0},
    }[node]  # fmt: skip
    values = {k: v for k, v in given.items() if k != widget}
    with pytest.raises(Exception, match=f"{widget} is none of its choices.*{known}"):
        run(pack.nodes[node], source=portrait, audio=voice, fps=25.0, **values)


def test_missing_nodes_are_stood_in_for_where_a_server_runs(pack, comfy, monkeypatch):
    replacements, told = pack.part("nodes.replacements"), []

    async def register(replacement):
        told.append(replacement)

    api = SimpleNamespace(node_replacement=SimpleNamespace(register=register))
    monkeypatch.setattr(replacements, "ComfyAPI", lambda: api)
    asyncio.run(replacements.register())
    assert not told
    monkeypatch.setattr(replacements.host, "routes", lambda: object())
    asyncio.run(replacements.register())
    assert [one.old_node_id for one in told] == ["VHS_VideoCombine", "LatentSyncNode"]
    assert {one.as_dict()["new_node_id"] for one in told} <= set(pack.nodes)
    # the server's own replacing, which trips over graphs of programs, must not know the node
    assert not {one.new_node_id for one in told} & set(pack.nodes)


def test_a_network_stays_that_the_timer_looks_at_while_it_is_loaded(pack, comfy, monkeypatch):
    """ComfyUI does not count what it loads anew until it is there, which may take seconds."""
    host, network = pack.part("nodes.host"), torch.nn.Linear(1, 1)
    load, counted = host.mm.load_models_gpu, host.mm.current_loaded_models

    def slow(models):
        before, counted[:] = list(counted), []
        host._let_go(weakref.ref(models[0]))
        counted[:] = before
        load(models)

    monkeypatch.setattr(host.mm, "load_models_gpu", slow)
    for _ in range(2):
        with host._placed(network):
            pass
        assert network in host._LENT
    host._LENT.pop(network)


def test_nothing_is_begun_while_python_ends(pack, comfy, monkeypatch):
    """ComfyUI's patchers detach when they are collected: a thread that waits for Python hangs."""
    host, network, begun = pack.part("nodes.host"), torch.nn.Linear(1, 1), []
    timer = SimpleNamespace(daemon=True, start=lambda: begun.append(network))
    monkeypatch.setattr(host.threading, "Timer", lambda *_: timer)
    with host._placed(network):
        patcher = host._LENT[network]
    ended = SimpleNamespace(is_alive=lambda: False)  # as it is from the last line of a program on
    with monkeypatch.context() as patch:
        patch.setattr(host.threading, "main_thread", lambda: ended)
        patcher.detach()
    assert not begun
    patcher.detach()
    assert begun == [network] and timer.daemon is False  # Python waits for it
    host._LENT.pop(network)


def test_animate_latentsync_without_weights_says_where_they_go(animate, portrait, voice, comfy):
    with pytest.raises(Exception, match=r"models fetch latentsync-1\.6") as refused:
        animate(portrait, voice, {**LIPS, "weights": "auto"})
    (line,) = (text for text in str(refused.value).splitlines() if "fetch" in text)
    # a cloned pack has no command of its own: Python, the library and the folder are named
    python, library, *words = shlex.split(line)
    assert python == sys.executable and Path(library) == ROOT / "imgsync_core"
    assert words[:4] == ["models", "fetch", "latentsync-1.6", "--models"]
    assert Path(words[4]).parent == Path(comfy.folder_paths.models_dir)


HEAD = {"engine": "echomimic", "steps": 1, "guidance": 0.0, "crop_only": False, "mode": "default",
        "context": 12, "overlap": 3, "resolution": 64, "weights": "mimic/denoising_unet.pth",
        "motion": "auto", "reference": "auto", "locator": "auto", "whisper": "auto", "vae": "auto",
        "low_memory": False, "auto": False}  # fmt: skip


def test_animate_echomimic_draws_the_head(animate, portrait, voice, lip_weights, comfy, mux):
    video, face, _ = animate(portrait, voice, HEAD).args
    path = mux(video, prefix="head").args[1]
    assert probe(path)["video"]["nb_frames"] == "33" and face is not None
    frames = animate(portrait, voice, HEAD).args[0].get_components().images
    x, y = (int(v) for v in face.eyes.mean(0))
    assert (
        frames[:, y - 8 : y + 8, x - 8 : x + 8] != portrait[:, y - 8 : y + 8, x - 8 : x + 8]
    ).any()
    assert frames.shape[1:] == portrait.shape[1:] and (frames[0] != frames[9]).any()
    square = animate(portrait, voice, {**HEAD, "crop_only": True}).args[0]
    assert square.get_components().images.shape[1:] == (64, 64, 3)


def test_animate_echomimic_without_a_face_says_so(animate, voice, lip_weights):
    out = animate(torch.full((1, 160, 200, 3), 0.5), voice, HEAD)
    assert "the middle of the picture" in out.ui["text"][0]


LONG = {"engine": "hallo2", "steps": 1, "guidance": 2.0, "pose_weight": 1.0, "face_weight": 1.0,
        "lip_weight": 1.0, "crop_only": False, "mode": "default", "face_expansion": 1.2,
        "overlap": 2, "resolution": 64, "weights": "hallo/hallo2/net.pth", "wav2vec": "auto",
        "vae": "auto", "low_memory": False, "auto": False}  # fmt: skip


def test_animate_hallo2_draws_the_head(animate, portrait, voice, lip_weights, comfy, mux):
    found = {
        "wav2vec": "hallo/wav2vec/wav2vec2-base-960h/model.safetensors",
        "vae": "hallo/sd-vae-ft-mse/diffusion_pytorch_model.safetensors",
    }
    video, face, _ = animate(portrait, voice, {**LONG, **found}).args
    path = mux(video, prefix="long").args[1]
    assert probe(path)["video"]["nb_frames"] == "33" and face is not None
    frames = video.get_components().images
    assert frames.shape[1:] == portrait.shape[1:] and (frames[0] != frames[9]).any()
    square = animate(portrait, voice, {**LONG, **found, "crop_only": True}).args[0]
    assert square.get_components().images.shape[1:] == (64, 64, 3)


def test_the_engine_widgets_are_those_that_the_engines_declare(pack):
    schema = pack.nodes["ImgSyncAudioDrivenAnimate"].GET_SCHEMA()
    engine = next(port for port in schema.inputs if port.id == "engine")
    ids = {option.key: [port.id for port in option.inputs] for option in engine.options}
    assert ids["built-in"] == ["mouth", "head", "blink", "expression"]
    assert ids["latentsync"] == list(LIPS)[1:] and ids["auto"] == []
    assert ids["echomimic"] == list(HEAD)[1:]
    assert ids["hallo2"] == list(LONG)[1:]
    assert all(port.tooltip for option in engine.options for port in option.inputs)


def test_animate_refuses_what_is_no_face_number(animate, portrait, voice):
    with pytest.raises(Exception, match="neither a number"):
        animate(portrait, voice, which_face="left")


# -- LoadPortrait --


def test_load_portrait_turns_and_measures(pack, run, comfy):
    image = Image.new("RGB", (40, 30), "red")
    image.paste("blue", (0, 0, 20, 30))
    exif = Image.Exif()
    exif[0x112] = 6  # "turn 90 degrees clockwise to see it"
    image.save(comfy.input / "a.png", exif=exif)
    pixels, mask, width, height, _ = load(pack, run, "a.png")
    assert (width, height) == (30, 40) and pixels.shape == (1, 40, 30, 3)
    assert pixels.dtype == torch.float32 and mask.shape == (1, 40, 30) and not mask.any()
    assert pixels[0, 5, 5].tolist() == [0, 0, 1] and pixels[0, 35, 5].tolist() == [1, 0, 0]


def test_load_portrait_mask_has_the_size_of_the_picture(pack, run, comfy):
    image = Image.new("RGBA", (40, 30), (255, 0, 0, 255))
    image.paste((0, 255, 0, 0), (0, 0, 20, 30))
    image.save(comfy.input / "a.png")
    pixels, mask, *_ = load(pack, run, "a.png", background="white", fit="stretch", width=80)
    assert mask.shape == (1, 60, 80) == pixels.shape[:3]
    assert mask[0, 30, 5] == 1 and mask[0, 30, 75] == 0
    assert pixels[0, 30, 5].tolist() == [1, 1, 1]


def test_load_portrait_pads_with_blur(pack, run, comfy):
    Image.fromarray(np.full((30, 40, 3), 128, np.uint8)).save(comfy.input / "a.png")
    pixels, *size, _ = load(pack, run, "a.png", fit="pad", width=64, height=64, background="blur")
    assert size[1:] == [64, 64] and torch.all((pixels - 128 / 255).abs() < 0.01)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "../secret.png"])
def test_load_portrait_stays_in_the_folder(pack, run, comfy, name):
    Image.new("RGB", (8, 8)).save(comfy.input.parent / "secret.png")
    with pytest.raises(Exception, match=r"outside|Invalid"):
        load(pack, run, name)


def test_load_portrait_notices_a_changed_file(pack, comfy):
    node = pack.nodes["ImgSyncLoadPortrait"]
    Image.new("RGB", (8, 8)).save(comfy.input / "a.png")
    before = node.fingerprint_inputs(image="a.png", fit="keep")
    assert before == node.fingerprint_inputs(image="a.png", fit="keep")
    Image.new("RGB", (9, 9)).save(comfy.input / "a.png")
    assert before != node.fingerprint_inputs(image="a.png", fit="keep")
    assert node.validate_inputs(image="a.png") is True
    assert "Upload" in node.validate_inputs(image="b.png")
    assert node.fingerprint_inputs(image="b.png", fit="keep") == ""  # said once is enough


DRAWN = 300  # px of the drawn character, which has its lip line 61.5 % down


@pytest.fixture
def drawn(pack, comfy):
    """The demo's character as a file, in the right two thirds of a wide picture."""
    picture = np.full((DRAWN, 480, 3), 200, np.uint8)
    picture[:, 180:] = pack.core("demo").demo_picture(DRAWN)
    Image.fromarray(picture).save(comfy.input / "face.png")
    return "face.png"


def test_load_portrait_finds_the_face(pack, run, drawn):
    *_, face = load(pack, run, drawn)
    assert type(face) is pack.core("face.geometry").Face and face.source == "found"
    assert face.lip_line == pytest.approx([180 + 150, 0.615 * DRAWN], abs=0.02 * DRAWN)


@pytest.mark.parametrize(
    ("options", "to"),
    [
        ({"width": 240}, lambda p: p / 2),
        ({"fit": "crop", "width": 300, "height": 300}, lambda p: p - [90, 0]),
        ({"fit": "pad", "width": 480, "height": 480}, lambda p: p + np.array([0, 90])),
        ({"fit": "stretch", "width": 960, "height": 300}, lambda p: p * [2, 1]),
        ({"multiple_of": 64}, lambda p: p - [16, 22]),
    ],
)
def test_load_portrait_takes_the_face_through_the_fit(pack, run, drawn, options, to):
    plain, fitted = load(pack, run, drawn)[4], load(pack, run, drawn, **options)[4]
    for name in ("eyes", "mouth", "chin", "lip_top"):
        assert getattr(fitted, name) == pytest.approx(to(getattr(plain, name)), abs=1e-6)


def test_load_portrait_keeps_the_face_by_default(pack, run, comfy):
    """A face at the top of a tall picture, which a crop to its middle beheads."""
    tall = np.full((640, 360, 3), 200, np.uint8)
    tall[10:370] = pack.core("demo").demo_picture(360)
    Image.fromarray(tall).save(comfy.input / "tall.png")
    (fit,) = (p for p in pack.nodes["ImgSyncLoadPortrait"].GET_SCHEMA().inputs if p.id == "fit")
    square = {"width": 256, "height": 256}
    for mode, whole in ((fit.default, True), ("crop", False)):
        pixels, *_, face = load(pack, run, "tall.png", fit=mode, **square)
        assert pixels.shape[1:3] == (256, 256) and face.picture == (256, 256)
        assert (face.outline[1] >= 0 and face.outline[3] <= 256) is whole
    Image.fromarray(tall[400:]).save(comfy.input / "none.png")
    pixels, *_, none = load(pack, run, "none.png", fit=fit.default, **square)
    assert pixels.shape[1:3] == (171, 256) and "No face" in none.why  # all of 360x240


def test_a_linked_face_goes_along_with_a_resized_picture(pack, run, comfy, animate, voice):
    picture = pack.core("demo").demo_picture(300)
    Image.fromarray(picture).save(comfy.input / "face.png")
    pixels, *_, face = load(pack, run, "face.png")
    small = torch.nn.functional.interpolate(pixels.movedim(-1, 1), (150, 150)).movedim(1, -1)
    lips = {**BUILT_IN, "head": 0.0, "blink": 0.0, "expression": 0.0}
    video, moved, _ = animate(small, voice, lips, face=face).args
    assert moved.lip_line == pytest.approx(face.lip_line / 2)
    change = (video.get_components().images - small).abs().amax((0, 3)).numpy()
    y, x = np.mgrid[:150, :150]
    middle = [(axis * change).sum() / change.sum() for axis in (x, y)]
    assert middle == pytest.approx(moved.lip_line, abs=15)
    again = animate(video, voice, face=moved).args[1]  # what Animate gives says it too
    assert again.picture == (150, 150)
    with pytest.raises(Exception, match="300x300 px, and this one has 150x100"):
        animate(small[:, :100], voice, face=face)


def test_a_face_number_beside_a_linked_face_is_told(animate, portrait, voice):
    face = animate(portrait, voice).args[1]
    out = animate(portrait, voice, face=face, which_face="7")
    assert "which_face 7 is not used" in out.ui["text"][0]
    assert "which_face" not in animate(portrait, voice, face=face).ui["text"][0]


def test_hearing_a_long_sound_shows_and_can_be_cancelled(animate, portrait, comfy, monkeypatch):
    """Ten minutes; the bar moves while they are heard, and Cancel is looked for all the while.

    What the bar is told counts: how often ComfyUI shows it depends on the time that passes.
    """
    sound = {"waveform": torch.zeros(1, 1, 600 * 8000), "sample_rate": 8000}
    told = []

    def update(self, value, total=None, preview=None):
        told.append((value, total))
        if value > 60:
            comfy.model_management.interrupt_current_processing(True)

    monkeypatch.setattr(comfy.utils.ProgressBar, "update_absolute", update)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        animate(portrait, sound)
    heard = [0.0, *(value for value, _ in told)]
    assert all(0 < later - former <= 5 for former, later in pairwise(heard))
    assert 60 < heard[-1] <= 65 and {total for _, total in told} == {600}


@pytest.mark.parametrize(("width", "height"), [(256, 256), (128, 256), (0, 0), (200, 0)])
def test_load_portrait_crops_to_the_face(pack, run, drawn, width, height):
    pixels, mask, *size, face = load(
        pack, run, drawn, fit="face", width=width, height=height, multiple_of=2
    )
    assert pixels.shape[1:3] == mask.shape[1:] == (size[1], size[0])
    if width and height:
        assert size == [width, height]
    assert face.oval[0] == pytest.approx(size[0] / 2, abs=2)  # in the middle
    assert 0.3 < 2 * face.oval[3] / size[1] < 0.7  # and not too near
    found = pack.core("face.find").find_faces((pixels[0].numpy() * 255).round().astype(np.uint8))
    assert found[0].mouth == pytest.approx(face.mouth, abs=0.12 * face.iod)


def test_load_portrait_takes_points(pack, run, drawn):
    points = {"mouth_left": [305, 190], "mouth_right": [350, 188], "chin": [330, 222]}
    text = json.dumps({"version": 1, "size": [480, DRAWN], "points": points})
    face = load(pack, run, drawn, face_points=text, fit="crop", width=600, height=600)[4]
    assert face.mouth == pytest.approx((np.array([[305, 190], [350, 188]]) - [90, 0]) * 2)
    assert face.chin == pytest.approx([480, 444]) and face.source == "points"


def test_load_portrait_without_a_face_fails_only_who_needs_one(pack, run, comfy):
    Image.fromarray(np.full((90, 120, 3), 128, np.uint8)).save(comfy.input / "a.png")
    pixels, *_, none = load(pack, run, "a.png")
    assert pixels.shape == (1, 90, 120, 3)
    sockets = importlib.import_module(f"{pack.module}.nodes.sockets")
    assert isinstance(sockets.face_of(none), sockets.NoFace) and "give points" in none.why
    assert sockets.face_of(None) is None
    with pytest.raises(Exception, match="not str"):
        sockets.face_of("face")
    with pytest.raises(Exception, match="No face found"):
        load(pack, run, "a.png", fit="face")
    mouth = {"mouth_left": [40, 60], "mouth_right": [80, 60]}
    text = json.dumps({"version": 1, "points": mouth})
    face = load(pack, run, "a.png", fit="face", width=64, height=64, face_points=text)[4]
    assert sockets.face_of(face) is face and 0 < face.mouth[0, 0] < face.mouth[1, 0] < 64


@pytest.mark.parametrize(
    ("text", "words"),
    [('{"version": 9}', "version 9"), ("{", "not JSON"), ('{"version": 1, "face": 3}', "number 3")],
)
def test_load_portrait_refuses_points(pack, run, drawn, text, words):
    with pytest.raises(Exception, match=words):
        load(pack, run, drawn, face_points=text)
    answer = pack.nodes["ImgSyncLoadPortrait"].validate_inputs(image=drawn, face_points=text)
    assert answer is True if "face" in text else words in answer


def test_load_portrait_reads_linked_points_when_it_runs(pack, drawn):
    assert pack.nodes["ImgSyncLoadPortrait"].validate_inputs(image=drawn, face_points=None) is True


# -- AudioDuration --


@pytest.mark.parametrize("fps", [23.976, 25.0, 29.97, 59.94, 12.5, 1.0])
@pytest.mark.parametrize("n", [1, 44099, 44100, 44101])
def test_audio_duration(pack, run, fps, n):
    audio = {"waveform": torch.rand(1, 2, n), "sample_rate": 44100, "extra": "kept"}
    seconds, frames, rate, sample_rate, padded, _ = duration(pack, run, audio, fps=fps)
    exact = Fraction(fps).limit_denominator(1001)
    assert frames == -(-n * exact // 44100) and sample_rate == 44100 and padded["extra"] == "kept"
    assert rate == float(exact) and seconds == float(frames / exact)
    assert padded["waveform"].shape[-1] == round(frames / exact * 44100)
    assert torch.equal(padded["waveform"][..., :n], audio["waveform"])
    assert not padded["waveform"][..., n:].any()


def test_audio_duration_edits_before_it_counts(pack, run):
    _, frames, _, _, audio, _ = duration(
        pack, run, tone(10.0), start=1.0, duration=2.0, pad_start=0.5, pad_end=0.25, grid="4k+1"
    )
    assert frames == 69  # 2.75 s are 68.75 frames
    wave = audio["waveform"]
    assert not wave[..., :22050].any() and wave[..., 22050:110250].abs().max() > 0.29


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (None, "empty"),
        ({"waveform": torch.zeros(3, 1, 100), "sample_rate": 8000}, "batch of 3"),
        ({"waveform": torch.zeros(1, 1, 0), "sample_rate": 8000}, "no samples"),
        ({"waveform": torch.full((1, 1, 9), torch.nan), "sample_rate": 8000}, "not a number"),
        ({"waveform": torch.zeros(1, 9, 100), "sample_rate": 8000}, "9 channels"),
    ],
)
def test_audio_that_cannot_be_used(pack, run, audio, words):
    with pytest.raises(Exception, match=words) as caught:
        duration(pack, run, audio)
    assert type(caught.value).__name__ == "SoundError"


# -- ExtendFrames --


def test_extend_takes_no_memory(extend):
    source = picture(1920, 1080)
    video, frames = extend(source, length={"length": "seconds", "seconds": 3600.0})
    assert frames == 90000 == video.get_frame_count()
    assert video.get_dimensions() == (1920, 1080) and video.get_duration() == 3600.0
    components = video.get_components()
    assert components.images.shape == (90000, 1080, 1920, 3)
    assert components.images.untyped_storage().nbytes() == 1920 * 1080 * 3 * 4
    assert (components.images[77777] - source[0]).abs().max() <= 0.5 / 255 + 1e-6


def test_get_components_refuses_what_does_not_fit(extend):
    length = {"length": "frames", "frames": 2_000_000}
    video, _ = extend(counted(20, 512), mode={"mode": "ping-pong"}, length=length)
    with pytest.raises(Exception, match=r"6291\.5 GB|6291") as caught:
        video.get_components()
    assert type(caught.value).__name__ == "MemoryLimitError"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (HOLD, [0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4]),
        ({"mode": "loop", "crossfade": 0}, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]),
        ({"mode": "ping-pong"}, [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3]),
    ],
)
def test_modes_by_the_pixels(extend, mode, expected):
    video, _ = extend(counted(5), mode=mode, length={"length": "frames", "frames": 12})
    images = video.get_components().images
    assert [round(float(i.mean()) * 255 / 8) for i in images] == expected


def test_extend_matches_the_audio(extend):
    audio = tone(1.01)
    video, frames = extend(picture(), audio, fps=24.0, grid="4k+1")
    assert frames == 25
    components = video.get_components()
    assert components.audio["waveform"].shape == (1, 2, round(25 / 24 * 44100))
    assert components.frame_rate == 24


@pytest.mark.parametrize(
    ("length", "samples", "words"),
    [
        (MATCH, 8320, ""),  # 13 frames are 0.52 s
        ({"length": "seconds", "seconds": 2.0}, 8320, "plays once, for 0.52 s"),
        ({"length": "frames", "frames": 5}, 3200, "was cut"),
    ],
    ids=["audio", "longer", "shorter"],
)
def test_extend_keeps_the_sound_of_a_video(extend, mux, comfy, length, samples, words):
    own = tone(0.5, 16000, 1)
    path = mux(counted(12, 64), own, fps=25.0, preset={"preset": "mkv-ffv1"}).args[1]
    video = comfy.InputImpl.VideoFromFile(path)
    made, n = extend(video, None, fps=0.0, mode={"mode": "loop"}, length=length)
    assert made.imgsync_sound.n_samples == samples
    assert n == (13 if length is MATCH else length.get("frames", 50))
    assert words in mux(made, prefix="y").ui["text"][0]


def test_pan_zoom_moves(extend):
    mode = {"mode": "pan-zoom", "move": "custom", "start_view": "0,0,0.5,0.5"}
    mode |= {"end_view": "0.5, 0.5, 0.5, 0.5", "eased": True}
    source = torch.zeros(1, 64, 64, 3)
    source[:, 32:, 32:] = 1
    video, _ = extend(source, mode=mode, length={"length": "frames", "frames": 11})
    images = video.get_components().images
    brightness = [float(i.mean()) for i in images]
    assert brightness == sorted(brightness) and brightness[0] < 0.05 and brightness[-1] > 0.95


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"source": picture(), "audio": None}, "Connect an AUDIO"),
        ({"source": picture(), "audio": tone(2.0), "length": {"length": "frames", "frames": 3}},
         "shorter than the sound"),
        ({"source": torch.zeros(0, 8, 8, 3), "audio": tone()}, "IMAGE has the shape"),
        ({"source": torch.zeros(1, 8, 8, 2), "audio": tone()}, "IMAGE has the shape"),
        ({"source": picture(), "audio": tone(), "fps": 1e9}, "out of range"),
        ({"source": "text", "audio": tone()}, "picture or a video"),
        ({"source": picture(frames=3), "audio": tone(), "mode": {"mode": "pan-zoom",
          "move": "zoom in", "eased": True}}, "one picture"),
        ({"source": picture(frames=3), "audio": tone(), "mode": {"mode": "loop",
          "crossfade": 3}}, "does not fit"),
    ],
)  # fmt: skip
def test_extend_refuses_with_a_sentence(extend, inputs, words):
    with pytest.raises(Exception, match=words) as caught:
        extend(**inputs)
    assert caught.type.__module__ == "imgsync"


def test_pixels_that_are_not_numbers(extend, mux, comfy):
    source = picture()
    source[0, 3, 3] = torch.nan
    with pytest.raises(Exception, match="not numbers"):
        mux(extend(source, tone())[0])
    assert not list(comfy.output.iterdir())


# -- MuxVideo --


@pytest.mark.ffmpeg
@pytest.mark.parametrize("fps", [24.0, 29.97, 12.5])
def test_mux_ends_together(extend, mux, comfy, fps):
    video, frames = extend(picture(), tone(1.2345), fps=fps)
    out = mux(video)
    written, path = out.args
    found = probe(path)
    assert int(found["video"]["nb_frames"]) == frames
    ends = [float(found[k]["duration"]) for k in ("video", "audio", "format")]
    assert max(ends) - min(ends) < 0.001
    assert [p.name for p in comfy.output.iterdir()] == ["x_00001_.mp4"]
    assert written.get_frame_count() == frames
    assert out.ui["images"][0]["filename"] == "x_00001_.mp4" and out.ui["animated"] == (True,)
    assert f"{frames} frames" in out.ui["text"][0] and "0.0" in out.ui["text"][0]


@pytest.mark.ffmpeg
def test_mux_writes_the_graph(extend, mux, comfy, monkeypatch):
    video, _ = extend(picture(), tone(0.2))
    graph = {"nodes": [{"id": 7}], "links": []}
    path = mux(video, hidden={"prompt": {"1": {}}, "extra_pnginfo": {"workflow": graph}}).args[1]
    with av.open(path) as container:
        assert json.loads(container.metadata["workflow"]) == graph
        assert json.loads(container.metadata["prompt"]) == {"1": {}}
    monkeypatch.setattr(comfy.args, "disable_metadata", True)
    with av.open(mux(video).args[1]) as container:
        assert not {"workflow", "prompt"} & set(container.metadata)


@pytest.mark.parametrize(
    "images",
    [
        picture(33, 31),
        picture(32, 32, channels=4),
        picture(32, 32, channels=1),
        picture(32, 32).half(),
        picture(32, 32) * 3 - 1,
    ],
    ids=["odd", "rgba", "grey", "fp16", "out of range"],
)
def test_mux_takes_any_image(mux, images):
    written, _ = mux(images.expand(3, -1, -1, -1), fps=10.0).args
    assert written.get_frame_count() == 3 and written.get_frame_rate() == 10
    assert written.get_dimensions()[0] % 2 == written.get_dimensions()[1] % 2 == 0


def test_mux_holds_the_last_frame_for_a_longer_sound(mux):
    _, path = mux(counted(5), tone(0.4), fps=25.0).args
    assert levels(path) == [0, 1, 2, 3, 4, 4, 4, 4, 4, 4]


def test_mux_pads_a_shorter_sound(mux):
    _, path = mux(counted(20), tone(0.3), fps=25.0).args
    with av.open(path) as container:
        stream = container.streams.audio[0]
        assert abs(stream.duration * stream.time_base - Fraction(20, 25)) < Fraction(1, 1000)


def test_frames_in_are_frames_out(extend, mux):
    """Through a file and back, again and again: neither frames nor sound grow."""
    video = extend(counted(8), tone(1.0), mode={"mode": "ping-pong"})[0]
    first, path = mux(video).args
    for _ in range(3):
        first, path = mux(first).args
    assert len(levels(path)) == 25
    assert first.get_frame_count() == 25 and abs(first.get_duration() - 1.0) < 0.001


def test_presets_of_the_node_are_those_of_the_library(pack, mux, comfy):
    presets = pack.core("media.encoding").PRESETS
    schema = pack.nodes["ImgSyncMuxVideo"].GET_SCHEMA()
    combo = next(i for i in schema.inputs if i.id == "preset")
    assert [option.key for option in combo.options] == list(presets)
    for option in combo.options:
        values = {i.id: i.default for i in option.inputs}
        assert ("crf" in values) == (presets[option.key].crf is not None)
        preset = {"preset": option.key, **values}
        _, path = mux(picture(64, 64).expand(4, -1, -1, -1), preset=preset, prefix="x").args
        assert path.endswith(presets[option.key].extension)
    assert len(list(comfy.output.iterdir())) == len(presets)


def test_prefix_stays_in_the_folder(mux, comfy):
    with pytest.raises(Exception, match="leaves the output folder"):
        mux(picture(), prefix="../../evil")
    assert not list(comfy.output.iterdir())


@pytest.mark.parametrize("prefix", ["", "video/", "."])
def test_no_file_is_hidden(mux, comfy, prefix):
    assert Path(mux(counted(3, 64), prefix=prefix).args[1]).name == "imgsync_00001_.mp4"


def test_dates_in_a_prefix_that_comes_through_a_link(mux, comfy):
    before = time.strftime("%Y-%m-%d")
    name = Path(mux(counted(3, 64), prefix="%date:yyyy-MM-dd%_x").args[1]).name
    assert name in {f"{day}_x_00001_.mp4" for day in (before, time.strftime("%Y-%m-%d"))}
    name = Path(mux(counted(3, 64), prefix="%date:yy.M%").args[1]).name
    now = time.localtime()
    assert name == f"{now.tm_year % 100:02}.{now.tm_mon}_00001_.mp4"


def test_a_folder_that_may_not_be_written_is_the_reason(mux, comfy, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(comfy.folder_paths, "get_save_image_path", refuse)
    with pytest.raises(Exception, match=r"Nothing can be written to .*Permission denied"):
        mux(counted(3, 64))


@pytest.mark.parametrize("name", ["mkv-ffv1", "mov-prores4444"])
def test_what_no_browser_plays_is_named_and_seen(mux, comfy, name):
    out = mux(counted(3, 64), preset={"preset": name}, prefix="video/x")
    file = Path(out.args[1])
    assert out.ui["text"][0].startswith(f"video/{file.name}: 3 frames, ")
    (shown,) = out.ui["images"]
    assert (comfy.temp / shown["subfolder"] / shown["filename"]).is_file()


def test_a_file_that_was_deleted_is_made_again(pack, mux, comfy):
    node = pack.nodes["ImgSyncMuxVideo"]

    def fingerprint():
        asked = {key: "1" for key in node.GET_SCHEMA().hidden}
        return node.PREPARE_CLASS_CLONE({"hidden_inputs": asked}).fingerprint_inputs(source=None)

    path = Path(mux(counted(3, 64)).args[1])
    before = fingerprint()
    assert fingerprint() == before
    path.unlink()
    assert fingerprint() != before
    mux(counted(3, 64))
    assert fingerprint() == fingerprint() != before


def test_errors_carry_no_path_of_a_module(pack, mux):
    """ComfyUI shows the module and the class of what is raised."""
    with pytest.raises(Exception, match="leaves the output folder") as refused:
        mux(counted(3, 64), prefix="../../x")
    assert f"{type(refused.value).__module__}.{type(refused.value).__qualname__}" == (
        "imgsync.OutputError"
    )


def test_temp_folder(mux, comfy):
    out = mux(picture(), folder="temp")
    assert len(list(comfy.temp.iterdir())) == 1 and not list(comfy.output.iterdir())
    assert out.ui["images"][0]["type"] == "temp"


def test_cancel_leaves_nothing(extend, mux, comfy, monkeypatch):
    mm = comfy.model_management
    frames = []

    def after_five_frames():
        frames.append(1)
        if len(frames) == 5:
            raise mm.InterruptProcessingException

    monkeypatch.setattr(mm, "throw_exception_if_processing_interrupted", after_five_frames)
    with pytest.raises(mm.InterruptProcessingException):
        mux(extend(counted(20), mode={"mode": "loop", "crossfade": 0},
                   length={"length": "seconds", "seconds": 60.0})[0])  # fmt: skip
    assert len(frames) == 5 and not list(comfy.output.iterdir())


def test_progress_reaches_the_end(extend, mux, comfy):
    mux(extend(picture(), tone(4.0))[0])
    assert [p[:2] for p in comfy.progress][-1] == (100, 100) and len(comfy.progress) > 1


@pytest.mark.parametrize("consumer", ["MuxVideo", "core's Save Video", "Get Video Components"])
def test_frames_arrive_as_previews_and_not_too_many(extend, mux, comfy, tmp_path, consumer):
    video = extend(counted(20, 600), length={"length": "frames", "frames": 40},
                   mode={"mode": "ping-pong"})[0]  # fmt: skip
    began = time.monotonic()
    if consumer == "MuxVideo":
        mux(video)
    elif consumer == "Get Video Components":
        video.get_components()
    else:
        video.save_to(str(tmp_path / "a.mp4"))
    most = 1 + int((time.monotonic() - began) * 4)
    previews = [preview for _, _, preview in comfy.progress if preview is not None]
    assert 1 <= len(previews) <= most
    for kind, picture, side in previews:
        assert kind == "JPEG" and picture.size == (512, 512) == (side, side)
    assert comfy.progress[-1][:2] == (40, 40)


# -- the VIDEO between core's nodes and ours --


@pytest.mark.ffmpeg
def test_what_drives_may_be_noisy_and_what_is_heard_is_clean(pack, run):
    node, sound = pack.nodes["ImgSyncAudioDuration"], tone(1.0, 16000)
    words = {"audio": sound, "fps": 25.0, "grid": "8n+1", "start": 0.0, "duration": 0.0,
             "pad_start": 0.0, "pad_end": 0.0, "loudness": 0.0}  # fmt: skip
    seconds, frames, _, _, heard, drive = run(node, noise=-40.0, **words).args
    assert frames == 25 and seconds == 1.0
    assert torch.equal(heard["waveform"], sound["waveform"])
    noise = drive["waveform"] - heard["waveform"]
    assert 20 * torch.log10(noise.square().mean().sqrt()) == pytest.approx(-40, abs=0.3)
    assert torch.equal(run(node, **words).args[5]["waveform"], heard["waveform"])  # as before


def test_the_time_left_is_told_to_the_node_that_runs(pack, comfy, monkeypatch):
    """By what was measured while it runs, at most once a second."""
    host, told, now = pack.part("nodes.host"), [], [100.0]
    monkeypatch.setattr(host, "get_executing_context", lambda: SimpleNamespace(node_id="5:7"))
    monkeypatch.setattr(host, "tell", lambda event, what: told.append((event, what)))
    for clock in ("monotonic", "perf_counter"):
        monkeypatch.setattr(f"time.{clock}", lambda: now[0])
    watcher = host.watching(100)
    for done in range(1, 51):
        now[0] += 0.25
        watcher.progress(done, 100)
    assert len(told) == 12 and {event for event, _ in told} == {"imgsync.pace"}
    assert told[-1][1] == {"node": "5:7", "text": "48 %, 0:13 left"}
    assert comfy.progress[-1][:2] == (50, 100)


def test_save_video_of_core(extend, comfy, tmp_path):
    video, _ = extend(counted(5), tone(1.0), mode={"mode": "ping-pong"})
    for name, codec, expected in (
        ("a.mp4", "auto", "h264"), ("b.mkv", "auto", "h264"), ("c.webm", "auto", "vp9"),
        ("d.mp4", "av1", "av1"), ("e.webm", "av1", "av1"),
    ):  # fmt: skip
        path = tmp_path / name
        video.save_to(
            str(path), format=comfy.Types.VideoContainer.AUTO, codec=codec, metadata={"a": {"b": 1}}
        )
        assert probe(path)["video"]["codec_name"] == expected
    memory = stdlib_io.BytesIO()
    video.save_to(memory)
    assert memory.getvalue()[4:8] == b"ftyp"
    with pytest.raises(Exception, match="8-bit sRGB"):
        video.save_to(str(tmp_path / "x.mp4"), color_space="HDR")


@pytest.mark.parametrize(
    ("start", "seconds", "expected"),
    [
        (0.2, 0.2, [5, 6, 7, 8, 9]),
        (0.0, 0.12, [0, 1, 2]),
        (-0.08, 0, [18, 19]),
        (0.72, 9, [18, 19]),
    ],
)
def test_trim_of_core(extend, start, seconds, expected):
    video, _ = extend(counted(20), length={"length": "frames", "frames": 20})
    part = video.as_trimmed(start, seconds, strict_duration=False)
    images = part.get_components().images
    assert [round(float(i.mean()) * 255 / 8) for i in images] == expected
    assert part.get_frame_count() == len(expected)


def test_trim_that_is_not_there(extend):
    video, _ = extend(counted(20), tone(0.5), length={"length": "frames", "frames": 20})
    assert video.as_trimmed(0.7, 0.2, strict_duration=True) is None
    assert video.as_trimmed(5.0, 0, strict_duration=False) is None
    silent = video.as_trimmed(0.6, 0.1, strict_duration=True)
    assert silent.get_components().audio is None  # the sound is over by then


def test_trimmed_sound_starts_with_the_trimmed_picture(extend):
    audio = tone(1.0, rate=48000)
    part = extend(picture(), audio)[0].as_trimmed(0.4, 0.2)
    wave = part.get_components().audio["waveform"]
    assert torch.allclose(wave, audio["waveform"][..., 19200:28800])


def test_stream_source_is_a_file_written_once(extend, comfy):
    video, frames = extend(picture(), tone(0.5))
    path = video.get_stream_source()
    assert path == video.get_stream_source() and len(list(comfy.temp.iterdir())) == 1
    assert comfy.InputImpl.VideoFromFile(path).get_frame_count() == frames


def test_video_from_core_as_source(extend, mux, comfy):
    _, path = mux(counted(10), tone(0.4), fps=25.0).args
    loaded = comfy.InputImpl.VideoFromFile(path)
    video, frames = extend(loaded, tone(1.0), fps=0.0, mode={"mode": "ping-pong"})
    assert frames == 25
    there_and_back = [*range(10), *range(8, 0, -1), *range(7)]
    assert levels(mux(video).args[1]) == there_and_back
    resampled, frames = extend(loaded, fps=12.5, length={"length": "frames", "frames": 5})
    assert levels(mux(resampled).args[1]) == [0, 2, 4, 6, 8]


def test_trimmed_video_from_core_as_source(mux, comfy):
    _, path = mux(counted(20), tone(0.8), fps=25.0).args
    part = comfy.InputImpl.VideoFromFile(path).as_trimmed(0.2, 0.4, strict_duration=False)
    out = mux(part).args[1]
    assert levels(out) == list(range(5, 15))
    with av.open(out) as container:
        stream = container.streams.audio[0]
        assert abs(float(stream.duration * stream.time_base) - 0.4) < 0.001


def test_video_of_components_from_core(mux, comfy):
    components = comfy.Types.VideoComponents(
        images=counted(6), frame_rate=Fraction(24), audio=tone(0.25)
    )
    written, path = mux(comfy.InputImpl.VideoFromComponents(components)).args
    assert levels(path) == list(range(6)) and written.get_frame_rate() == 24


def test_silent_video_from_core(mux, comfy):
    _, path = mux(counted(4)).args
    _, again = mux(comfy.InputImpl.VideoFromFile(path)).args
    with av.open(again) as container:
        assert not container.streams.audio


def test_oldest_comfyui(pack, run, oldest_comfy, extend, mux):
    video, frames = extend(picture(), tone(0.5))
    _, path = mux(video).args
    assert len(levels(path)) == frames
    part = oldest_comfy.InputImpl.VideoFromFile(path)
    part._VideoFromFile__start_time, part._VideoFromFile__duration = 0.2, 0.2  # as it trims there
    assert len(levels(mux(part).args[1])) == 5
    Image.new("RGB", (8, 8)).save(oldest_comfy.input / "a.png")
    assert load(pack, run, "a.png")[0].shape == (1, 8, 8, 3)


def test_a_video_in_memory_with_its_own_sound(mux, comfy):
    """One buffer is read by picture and sound at once, as MuxVideo does."""
    _, path = mux(picture(frames=12), audio=tone(0.48)).args
    video = comfy.InputImpl.VideoFromFile(stdlib_io.BytesIO(Path(path).read_bytes()))
    found = probe(mux(video, prefix="again").args[1])
    assert found["video"]["nb_frames"] == "12" and float(found["audio"]["duration"]) > 0.4


@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(2997, 100), Fraction(24000, 1001)])
@pytest.mark.parametrize("rate", [44100, 48000, 32000])
def test_a_trimmed_video_has_no_sample_too_many(pack, extend, fps, rate):
    """Save Video refuses sound that is longer than the picture."""
    timeline = pack.core("timeline").Timeline
    video = extend(counted(1), tone(3.0, rate), fps=float(fps))[0]
    for start in (0, 0.1, 0.5, 0.77):
        for n in (1, 2, 3, 10):
            part = video.as_trimmed(start, float(n / video.get_frame_rate()) - 1e-4)
            frames, sound = part.imgsync_frames, part.imgsync_sound
            whole = timeline.of_frames(frames.n_frames, frames.fps, rate).total_samples
            assert sound.n_samples <= whole


def test_another_rate_is_never_encoded_on_the_way(extend, mux, monkeypatch, pack):
    """Every frame of the slower video is on screen where its time is in the faster one."""
    video = extend(counted(5), length={"length": "frames", "frames": 5}, fps=10)[0]
    monkeypatch.setattr(type(video), "get_stream_source", lambda self: pytest.fail("encoded"))
    faster = extend(video, length={"length": "frames", "frames": 12}, fps=25)[0]
    assert faster.get_frame_rate() == 25
    shown = (faster.get_components().images[..., 0].mean((1, 2)) * 255 / 8).round().int().tolist()
    assert shown == [i * 10 // 25 for i in range(12)]


def test_auto_with_a_face_that_was_not_found_extends(pack, run, animate, voice, comfy):
    """Load Portrait's face is wired, and there is none in the picture."""
    Image.fromarray(np.full((90, 120, 3), 128, np.uint8)).save(comfy.input / "wall.png")
    pixels, *_, none = load(pack, run, "wall.png")
    out = animate(pixels, voice, {"engine": "auto"}, face=none)
    frames = out.args[0].get_components().images
    assert (frames == frames[:1]).all() and "no face was found" in out.ui["text"][0]
    with pytest.raises(Exception, match="give points"):
        animate(pixels, voice, face=none)
