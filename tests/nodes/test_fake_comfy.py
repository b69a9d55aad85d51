"""The stand-in keeps its promises: as strict as ComfyUI, and nothing that ComfyUI is not.

Its signatures are held against a checkout in `test_fake_comfy_signatures.py`.
"""

import importlib
import io
import os
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from .conftest import REAL

standin_only = pytest.mark.skipif(REAL, reason="about the stand-in; IMGSYNC_NODES is set")

TOY_PACK = """
async def comfy_entrypoint():
    from .nodes import Toys
    return Toys()
"""
TOY_NODES = """
import comfy.utils
import folder_paths
from comfy_api.latest import ComfyExtension, io, ui
from .imgsync_core.numbers import TWO

class Twice(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            "ToyTwice", inputs=[io.Int.Input("n", default=3, min=0)],
            outputs=[io.Int.Output("twice")], hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, n):
        bar = comfy.utils.ProgressBar(n)
        for i in range(n):
            bar.update(1)
        seen = cls.hidden.unique_id, cls.hidden.prompt
        return io.NodeOutput(n * TWO, ui=ui.PreviewText(repr(seen)))

class Save(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="ToySave", is_output_node=True)

    @classmethod
    async def execute(cls):
        return io.NodeOutput(folder_paths.get_output_directory(), cls.hidden.extra_pnginfo)

class Keeps(Save):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="ToyKeeps")

    @classmethod
    def execute(cls):
        cls.count = 1

class Toys(ComfyExtension):
    async def get_node_list(self):
        return [Twice, Save, Keeps]
"""


@pytest.fixture
def toys(load_pack, tmp_path):
    folder = tmp_path / "my-toys@1.0"
    (folder / "imgsync_core").mkdir(parents=True)
    (folder / "__init__.py").write_text(TOY_PACK)
    (folder / "nodes.py").write_text(TOY_NODES)
    (folder / "imgsync_core" / "numbers.py").write_text("TWO = 2")
    return load_pack(folder)


@pytest.fixture
def clip(comfy):
    """Ten frames at 25 fps, frame i of brightness 20 i, and 0.4 s of a stereo tone."""
    path = comfy.input / "clip.mp4"
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=25, pix_fmt="yuv420p", width=64, height=48)
        audio = file.add_stream("aac", rate=16000, layout="stereo")
        for i in range(10):
            pixels = np.full((48, 64, 3), 20 * i, np.uint8)
            file.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(video.encode(None))
        wave = np.sin(np.arange(6400, dtype=np.float32) / 8)[None].repeat(2, axis=0)
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 16000, 0
        file.mux(audio.encode(frame))
        file.mux(audio.encode(None))
    return path


# -- strictness --------------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["Input", "Output"])
@pytest.mark.parametrize("name", ["Image", "Video", "Int", "Float", "Boolean", "Combo", "Color"])
def test_an_unknown_keyword_is_refused(fake_comfy, name, port):
    kind = getattr(getattr(fake_comfy.schema, name), port)
    assert kind("x", tooltip="t").io_type == name.upper()
    with pytest.raises(TypeError, match=rf"{name}.{port}.*colour"):
        kind("x", colour="red")


@pytest.mark.parametrize("keyword", ["has_intermediate_output", "is_output"])
def test_a_schema_keyword_newer_than_our_minimum_is_refused(fake_comfy, keyword):
    with pytest.raises(TypeError, match=keyword):
        fake_comfy.schema.Schema(node_id="X", **{keyword: True})


def test_a_dynamic_combo_is_never_advanced(fake_comfy):
    with pytest.raises(TypeError, match="advanced"):
        fake_comfy.schema.DynamicCombo.Input("x", options=[], advanced=True)


def test_what_was_given_is_recorded(comfy):
    io = comfy.io
    seed = io.Int.Input("seed", default=7, min=0, advanced=True, tooltip="t")
    assert (seed.id, seed.default, seed.max, seed.optional) == ("seed", 7, None, False)
    assert (seed.get_io_type(), io.Custom("FACE").Input("f").io_type) == ("INT", "FACE")
    option = io.DynamicCombo.Option("a", [seed])
    assert io.DynamicCombo.Input("engine", [option]).get_all()[1:] == [seed]
    either = io.MultiType.Input(io.Float.Input("x", default=1.0), [io.Float, io.Image])
    assert (either.id, either.get_io_type()) == ("x", "FLOAT,IMAGE")
    assert io.Combo.Input("c", options=io.FolderType).options == ["input", "output", "temp"]
    assert io.Image.Output(id="picture").display_name == "picture"


def test_doubled_input_ids_are_refused(comfy):
    class Doubled(comfy.io.ComfyNode):
        @classmethod
        def define_schema(cls):
            inputs = [comfy.io.Int.Input("n"), comfy.io.Image.Input("n")]
            return comfy.io.Schema(node_id="Doubled", inputs=inputs)

        @classmethod
        def execute(cls, n):
            pass

    with pytest.raises(ValueError, match="unique"):
        Doubled.GET_SCHEMA()


# -- loading and running a pack ----------------------------------------------------------------


def test_a_pack_is_loaded_by_its_path(toys):
    assert set(toys.nodes) == {"ToyTwice", "ToySave", "ToyKeeps"}
    assert os.sep in toys.module
    assert "." not in toys.module
    assert toys.core("numbers").__name__ == f"{toys.module}.imgsync_core.numbers"


def test_run_shows_a_node_only_the_hidden_it_asked_for(toys, run, comfy):
    out = run(toys.nodes["ToyTwice"], n=4)
    assert out[0] == 8
    assert out.ui.as_dict() == {"text": ("('1', None)",)}
    assert [step[:2] for step in comfy.progress][-1] == (4, 4)
    assert run(toys.nodes["ToyTwice"], n=0, hidden={"unique_id": "9"}).ui.value == "('9', None)"


def test_run_awaits_and_gives_an_output_node_the_workflow(toys, run, comfy):
    assert run(toys.nodes["ToySave"]).result == (
        str(comfy.output),
        {"workflow": {"nodes": [], "links": []}},
    )


def test_run_refuses_an_input_the_schema_does_not_have(toys, run):
    with pytest.raises(TypeError, match="m"):
        run(toys.nodes["ToyTwice"], m=1)


@standin_only
def test_a_node_keeps_no_state_on_its_class(toys, run):
    with pytest.raises(AttributeError, match="count"):
        run(toys.nodes["ToyKeeps"])


def test_an_interruption_comes_through_the_progress_bar_once(toys, run, comfy):
    comfy.model_management.interrupt_current_processing()
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        run(toys.nodes["ToyTwice"], n=2)
    assert run(toys.nodes["ToyTwice"], n=2)[0] == 4


@standin_only
def test_uninstall_puts_back_what_was_there(fake_comfy, host, tmp_path):
    ours = sys.modules["folder_paths"]
    fake_comfy.uninstall()
    assert not {"comfy", "comfy.utils", "comfy_api.latest", "folder_paths"} & set(sys.modules)
    fake_comfy.install(tmp_path)
    assert importlib.import_module("folder_paths") is ours
    assert ours.models_dir == str(tmp_path / "models")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("comfy.samplers")


@standin_only
def test_the_oldest_comfy_has_less(oldest_comfy, clip):
    mm = oldest_comfy.model_management
    assert not hasattr(mm, "intermediate_dtype")
    assert not hasattr(oldest_comfy.InputImpl.VideoFromFile(str(clip)), "get_active_trim_window")
    mm.interrupt_current_processing()
    with pytest.raises(Exception) as caught:
        mm.throw_exception_if_processing_interrupted()
    assert isinstance(caught.value, mm.InterruptProcessingException)


# -- folder_paths ------------------------------------------------------------------------------


def test_the_save_path_counts_and_fills_in_variables(comfy):
    save = comfy.folder_paths.get_save_image_path
    folder, name, counter, sub, prefix = save("a/b_%width%x%height%", str(comfy.output), 64, 48)
    assert (Path(folder), name, counter) == (comfy.output / "a", "b_64x48", 1)
    assert (sub, prefix) == ("a", "a/b_64x48")
    for taken in ("b_64x48_00007_.mp4", "b_64x48_x.mp4", "b_64x480_00009_.mp4"):
        (comfy.output / "a" / taken).touch()
    assert save("a/b_64x48", str(comfy.output))[2] == 8


@pytest.mark.parametrize("prefix", ["../../evil", "/etc/evil", "a/../../evil"])
def test_saving_outside_the_output_folder_is_refused(comfy, prefix):
    with pytest.raises(Exception, match="not allowed"):
        comfy.folder_paths.get_save_image_path(prefix, str(comfy.output))


def test_annotated_names_and_content_types(comfy):
    paths = comfy.folder_paths
    (comfy.output / "x.png").touch()
    assert paths.get_annotated_filepath("x.png [output]") == str(comfy.output / "x.png")
    assert paths.get_annotated_filepath("x.png") == str(comfy.input / "x.png")
    assert paths.exists_annotated_filepath("x.png [output]")
    assert not paths.exists_annotated_filepath("x.png")
    names = ["a.png", "b.webp", "c.mp4", "d.wav", "e", "f.txt"]
    assert paths.filter_files_content_types(names, ["image"]) == ["a.png", "b.webp"]
    assert paths.filter_files_content_types(names, ["audio", "video"]) == ["c.mp4", "d.wav"]


def test_a_new_kind_of_model_lists_every_file(comfy, tmp_path):
    paths = comfy.folder_paths
    kind = tmp_path.name  # new in each test
    paths.add_model_folder_path(kind, str(tmp_path / "models"))
    paths.add_model_folder_path(kind, str(tmp_path / "first"), is_default=True)
    (tmp_path / "models" / "sub").mkdir(parents=True)
    (tmp_path / "models" / "sub" / "w.onnx").touch()
    assert paths.get_folder_paths(kind) == [str(tmp_path / "first"), str(tmp_path / "models")]
    assert paths.get_filename_list(kind) == [os.path.join("sub", "w.onnx")]
    assert paths.get_full_path(kind, "sub/w.onnx") == str(tmp_path / "models/sub/w.onnx")
    assert paths.get_full_path(kind, "../../w.onnx") is None
    with pytest.raises(FileNotFoundError):
        paths.get_full_path_or_raise(kind, "none")


# -- video and previews ------------------------------------------------------------------------


def test_a_video_file_tells_what_is_in_it(comfy, clip):
    video = comfy.InputImpl.VideoFromFile(str(clip))
    assert isinstance(video, comfy.Input.Video)
    assert (video.get_stream_source(), video.get_dimensions()) == (str(clip), (64, 48))
    assert (video.get_frame_rate(), video.get_frame_count()) == (25, 10)
    assert video.get_duration() == pytest.approx(0.4, abs=0.1)  # AAC pads
    parts = video.get_components()
    assert (parts.images.shape, parts.frame_rate) == ((10, 48, 64, 3), Fraction(25))
    assert parts.images.mean(dim=(1, 2, 3)).numpy() == pytest.approx(
        np.arange(10) * 20 / 255, abs=0.02
    )
    assert (parts.audio["waveform"].shape[:2], parts.audio["sample_rate"]) == ((1, 2), 16000)
    assert parts.audio["waveform"].shape[2] >= 6400


def test_a_trim_is_kept(comfy, clip):
    video = comfy.InputImpl.VideoFromFile(str(clip)).as_trimmed(0.2, 0.12)
    parts = video.get_components()
    assert (len(parts.images), video.get_frame_count()) == (3, 3)
    assert float(parts.images[0].mean()) == pytest.approx(100 / 255, abs=0.02)
    assert parts.audio["waveform"].shape[2] == pytest.approx(0.12 * 16000, abs=1)
    assert video.get_active_trim_window() == (0.2, 0.12)
    assert comfy.InputImpl.VideoFromFile(str(clip)).as_trimmed(0, 9) is None
    assert video.as_trimmed(0, 9, strict_duration=False) is not None
    last = comfy.InputImpl.VideoFromFile(io.BytesIO(clip.read_bytes()), start_time=-0.2)
    assert 3 <= len(last.get_components().images) <= 5  # the AAC padding counts as duration


def test_saving_a_file_copies_its_packets_and_adds_metadata(comfy, clip):
    target = comfy.output / "copy.mp4"
    comfy.InputImpl.VideoFromFile(str(clip)).save_to(str(target), metadata={"workflow": {"a": 1}})

    def packets(path):
        with av.open(str(path)) as file:
            return [bytes(p) for p in file.demux(video=0) if p.dts is not None], file.metadata

    assert packets(target)[0] == packets(clip)[0]
    assert packets(target)[1]["workflow"] == '{"a": 1}'


def test_components_become_a_file(comfy):
    images = torch.linspace(0, 1, 5)[:, None, None, None].expand(5, 32, 32, 3)
    sound = {"waveform": torch.zeros(1, 1, 8000), "sample_rate": 8000}
    parts = comfy.Types.VideoComponents(images, Fraction(10), sound)
    video = comfy.InputImpl.VideoFromComponents(parts)
    assert video.get_dimensions() == (32, 32)
    assert (video.get_frame_count(), video.get_duration()) == (5, 0.5)
    back = comfy.InputImpl.VideoFromFile(video.get_stream_source())
    assert (back.get_frame_count(), back.get_frame_rate()) == (5, 10)
    assert "mp4" in video.get_container_format()
    assert video.as_trimmed(0.2, 0.2).get_frame_count() == 2
    with pytest.raises(TypeError, match="abstract"):
        comfy.Input.Video()


def test_the_choices_of_container_and_codec(comfy):
    container, codec = comfy.Types.VideoContainer, comfy.Types.VideoCodec
    assert container.as_input()[:2] == ["auto", "mp4"]
    assert codec.as_input()[:2] == ["auto", "h264"]
    assert [container.get_extension(x) for x in ("auto", container.MP4)] == ["mp4", "mp4"]


def test_previews(comfy):
    saved = comfy.ui.SavedResult("a.mp4", "sub", comfy.io.FolderType.output)
    assert comfy.ui.PreviewVideo([saved]).as_dict() == {
        "images": [{"filename": "a.mp4", "subfolder": "sub", "type": "output"}],
        "animated": (True,),
    }
    shown = comfy.ui.PreviewImage(torch.ones(2, 8, 8, 3)).as_dict()["images"]
    assert all((comfy.temp / picture["filename"]).is_file() for picture in shown)
    assert len(shown) == 2
