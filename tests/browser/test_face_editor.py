"""The face editor in the real front end: what the mouse does is what the widget says."""

import json
import urllib.parse

import numpy as np
import pytest

from ..comfy.serving import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.comfy, pytest.mark.slow]

NEW = """async ([image, points]) => {
    await app.loadGraphData({nodes: [], links: [], groups: [], config: {}, extra: {},
        version: 0.4, last_node_id: 0, last_link_id: 0}, true, true);
    app.canvas.ds.reset();
    const node = LiteGraph.createNode("ImgSyncLoadPortrait");
    node.pos = [300, 80];
    app.rootGraph.add(node);
    const widget = name => node.widgets.find(w => w.name === name);
    if (points) widget("face_points").value = points;
    widget("image").value = image;
    widget("image").callback(image);
    window.node = node;
    document.querySelectorAll("#ours").forEach(old => { old.id = ""; });
    widget("face_editor").element.id = "ours";
}"""
VALUE = "() => node.widgets.find(w => w.name === 'face_points').value"
NAMES = ["mouth_left", "mouth_right", "lip_line", "lip_top", "lip_bottom", "chin", "left_eye"]


class Editor:
    """A fresh Load Portrait with its editor."""

    def __init__(self, canvas, comfyui, image, points="") -> None:
        canvas.page.evaluate(NEW, [image, points])
        self.adopt(canvas, comfyui, image)

    def adopt(self, canvas, comfyui, image) -> None:
        """The editor that has the id."""
        self.page, self.comfyui, self.image = canvas.page, comfyui, image
        self.root = self.page.locator("#ours")
        self.stage = self.root.locator(".stage")
        self.settle()

    def settle(self) -> None:
        """Wait until the server has answered and the node has its place."""
        self.page.wait_for_selector("#ours[data-state=ready]")
        self.page.wait_for_timeout(400)

    @property
    def value(self) -> str:
        return self.page.evaluate(VALUE)

    @property
    def points(self) -> dict[str, np.ndarray]:
        return {name: np.array(p) for name, p in json.loads(self.value)["points"].items()}

    def found(self, points="") -> dict:
        query = urllib.parse.urlencode({"image": self.image, "points": points})
        return self.comfyui.get(f"/imgsync/faces?{query}")

    def knob(self, name: str) -> tuple[float, float]:
        """The middle of a handle on the screen."""
        box = self.root.locator(f".knob.{name} .dot").bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    @property
    def picture(self) -> dict:
        """Where the picture is on the screen."""
        return self.stage.locator("image").bounding_box()

    def scale(self) -> float:
        """Px of the picture for one of the screen."""
        return self.found()["size"][0] / self.picture["width"]

    def drag(self, name: str, dx: float, dy: float) -> None:
        x, y = self.knob(name)
        mouse = self.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + dx / 2, y + dy / 2)
        mouse.move(x + dx, y + dy)
        mouse.up()

    def button(self, name: str):
        return self.root.locator(f"button.{name}")


@pytest.fixture
def editor(canvas, comfyui):
    """`editor(image, points)` puts a Load Portrait on an empty canvas."""
    return lambda image, points="": Editor(canvas, comfyui, image, points)


def test_the_found_face_is_drawn_where_it_is(editor, canvas):
    face = editor("one.png")
    picture, scale = face.picture, face.scale()
    for name in NAMES:
        place = np.array(face.found()["placed"][name]) / scale + [picture["x"], picture["y"]]
        assert face.knob(name) == pytest.approx(place, abs=1), name
    assert face.value == "" and face.button("undo").is_disabled()
    canvas.shot("found")


def test_a_dragged_point_is_written_and_the_lips_follow(editor, canvas):
    face = editor("one.png")
    before = {k: np.array(v) for k, v in face.found()["placed"].items()}
    scale = face.scale()
    face.drag("mouth_left", -20, 12)
    step = np.array([-20, 12]) * scale
    data = json.loads(face.value)
    assert data["version"] == 1 and data["size"] == [600, 600]
    points = face.points
    assert points["mouth_left"] == pytest.approx(before["mouth_left"] + step, abs=1.5 * scale)
    assert points["mouth_right"] == pytest.approx(before["mouth_right"], abs=0.1)
    assert points["left_eye"] == pytest.approx(before["left_eye"], abs=0.1)
    assert points["lip_line"] == pytest.approx(before["lip_line"] + step / 2, abs=3 * scale)
    placed = face.found(face.value)["placed"]
    assert all(placed[name] == pytest.approx(p, abs=0.06) for name, p in points.items())
    canvas.shot("dragged")


CAPTURE = """() => { const t = app.extensionManager.workflow.activeWorkflow.changeTracker;
    (t.captureCanvasState ?? t.checkState).call(t); }"""
NEWEST = """() => { window.node = app.rootGraph.nodes[0];
    document.querySelectorAll("#ours").forEach(old => { old.id = ""; });
    const shown = [...document.querySelectorAll(".imgsync-face")].filter(e => e.offsetParent);
    shown[0].id = "ours"; return shown.length; }"""


def test_the_editor_belongs_to_the_node_after_an_undo_of_the_graph(editor, canvas):
    """It is the one on screen that is dragged, and the graph that has to change."""
    face, page = editor("one.png"), canvas.page
    page.evaluate(CAPTURE)
    page.wait_for_timeout(200)  # what happens within 50 ms the front end counts as part of it
    face.drag("mouth_left", -20, 5)
    page.wait_for_timeout(800)  # the front end takes note
    assert face.value
    page.mouse.click(80, 820)
    page.keyboard.press("Control+z")
    page.wait_for_timeout(1500)
    assert page.evaluate(NEWEST) == 1
    face.settle()
    assert face.value == ""
    face.drag("chin", 0, 12)
    assert face.points["chin"][1] > face.found()["placed"]["chin"][1] + 5
    output = page.evaluate(
        "async () => Object.values((await app.graphToPrompt()).output)[0].inputs.face_points"
    )
    assert output == face.value


def test_a_point_that_is_only_pressed_stays_automatic(editor, canvas):
    face, mouse = editor("one.png"), canvas.page.mouse
    x, y = face.knob("chin")
    mouse.move(x, y)
    mouse.down()
    mouse.move(x, y)  # browsers send one with every press
    mouse.up()
    canvas.page.wait_for_timeout(400)
    assert face.value == "" and face.button("undo").is_disabled()


def test_redo(editor, canvas):
    face, press = editor("one.png"), canvas.page.keyboard.press
    assert face.button("redo").is_disabled()
    face.drag("mouth_left", -20, 5)
    once = face.value
    face.drag("chin", 0, 15)
    twice = face.value
    face.button("undo").click()
    face.button("undo").click()
    assert face.value == ""
    face.button("redo").click()
    assert face.value == once
    face.stage.focus()
    press("Control+Shift+Z")
    assert face.value == twice and face.button("redo").is_disabled()
    press("Control+z")
    assert face.value == once
    press("Control+y")
    assert face.value == twice
    press("Control+z")
    face.drag("chin", 3, 3)
    assert face.button("redo").is_disabled()  # what was undone is no longer to be had


SET = """values => { for (const [name, value] of Object.entries(values)) {
    const widget = node.widgets.find(w => w.name === name);
    widget.value = value; widget.callback?.(value); } }"""


def test_the_crop_is_drawn_and_a_face_that_leaves_it_is_told(editor, canvas):
    face, page = editor("one.png"), canvas.page
    shade, status = face.root.locator(".shade"), face.root.locator(".status")
    assert not shade.get_attribute("d")
    page.evaluate(SET, {"fit": "crop", "width": 600, "height": 200})
    assert "M0 200v200h600v-200" in shade.get_attribute("d")
    assert "crop cuts the face" in status.inner_text()
    canvas.shot("crop")
    page.evaluate(SET, {"height": 480})
    assert "M0 60v480h600v-480" in shade.get_attribute("d")
    assert "crop" not in status.inner_text()
    page.evaluate(SET, {"fit": "auto", "height": 400})
    _, y, _, b, _ = face.found()["placed"]["oval"]
    top = int(shade.get_attribute("d").split("M")[2].split("v")[0].split()[1])
    assert top <= y - b and top + 400 >= y + b and "crop" not in status.inner_text()
    page.evaluate(SET, {"fit": "keep"})
    assert not shade.get_attribute("d")


def test_the_properties_panel_leaves_the_editor_its_width(editor, canvas):
    """It writes its own width into the widgets that it shows."""
    face, page = editor("one.png"), canvas.page
    before = face.stage.bounding_box()["width"]
    page.evaluate("() => { node.widgets.find(w => w.name === 'face_editor').width = 90; }")
    page.evaluate("() => app.canvas.setDirty(true, true)")
    page.wait_for_timeout(500)
    assert face.stage.bounding_box()["width"] == pytest.approx(before, abs=2)


def test_undo_and_back_to_automatic(editor):
    face = editor("one.png")
    face.drag("mouth_left", -20, 5)
    once = face.value
    face.drag("chin", 0, 15)
    assert face.points["chin"][1] > face.found(once)["placed"]["chin"][1] + 5
    face.button("undo").click()
    assert face.value == once
    face.button("reset").click()
    assert face.value == "" and face.button("reset").is_disabled()
    face.button("undo").click()
    assert face.value == once
    face.button("undo").click()
    assert face.value == "" and face.button("undo").is_disabled()


def test_lips_that_were_placed_stay(editor):
    face = editor("one.png")
    face.drag("lip_bottom", 0, 30)
    face.drag("chin", 0, 20)
    placed = face.points
    face.drag("mouth_right", 15, -10)
    assert face.points["lip_bottom"] == pytest.approx(placed["lip_bottom"])
    assert face.points["chin"] == pytest.approx(placed["chin"])
    assert face.points["lip_top"] != pytest.approx(placed["lip_top"], abs=0.5)


def test_all_points_move_together(editor):
    face = editor("one.png")
    before = {k: np.array(v) for k, v in face.found()["placed"].items()}
    face.drag("all", 25, -15)
    step = np.array([25, -15]) * face.scale()
    for name, place in face.points.items():
        assert place[:2] == pytest.approx(before[name][:2] + step, abs=2 * face.scale()), name
    assert face.points["oval"][2:] == pytest.approx(before["oval"][2:], abs=0.06)


def test_one_of_two_faces(editor, canvas):
    face = editor("two.png")
    canvas.shot("two")
    found = face.found()
    assert len(found["faces"]) == 2
    face.root.locator(".frame").click(position={"x": 10, "y": 30})
    data = json.loads(face.value)
    assert data["face"][0] > 620 and found["size"] == data["size"]
    assert face.found(face.value)["placed"] == found["faces"][1]["points"]
    face.drag("chin", 0, 4)
    assert face.points["left_eye"] == pytest.approx(
        found["faces"][1]["points"]["left_eye"], abs=0.1
    )
    face.root.locator(".frame").click(position={"x": 10, "y": 30})
    assert face.value == ""  # the largest is what is taken anyway


def test_one_of_two_faces_by_keyboard(editor, canvas):
    face = editor("two.png")
    face.stage.focus()
    canvas.page.keyboard.press("Tab")
    assert canvas.page.evaluate("() => document.activeElement.getAttribute('aria-label')") == (
        "Choose face 1"
    )
    canvas.page.keyboard.press("Enter")
    assert json.loads(face.value)["face"][0] > 620
    canvas.page.keyboard.press("Control+z")
    assert face.value == ""


@pytest.mark.parametrize("size", [(240, 300), (320, 900), (800, 560)])
def test_any_size_of_the_node(editor, canvas, size):
    face = editor("two.png")
    canvas.page.evaluate("size => { node.setSize(size); app.canvas.setDirty(true); }", list(size))
    canvas.page.wait_for_timeout(600)
    stage, picture = face.stage.bounding_box(), face.picture
    assert stage["width"] > 180 and stage["height"] > 150
    assert picture["width"] / picture["height"] == pytest.approx(1000 / 600, rel=0.02)
    for side, length in (("x", "width"), ("y", "height")):
        assert stage[side] - 1 <= picture[side]
        assert picture[side] + picture[length] <= stage[side] + stage[length] + 1
    canvas.shot(f"size_{size[0]}")
    before, scale = np.array(face.found()["placed"]["chin"]), face.scale()
    face.drag("chin", 6, 8)
    assert face.points["chin"] == pytest.approx(before + np.array([6, 8]) * scale, abs=1.5 * scale)


def test_the_wheel_zooms_after_a_click_only(editor, canvas):
    face = editor("one.png")
    start, mouth = face.picture, face.knob("mouth_left")
    canvas.page.evaluate("() => document.activeElement?.blur()")
    canvas.page.mouse.move(*mouth)
    canvas.page.mouse.wheel(0, -120)
    canvas.page.wait_for_timeout(500)
    stage = face.stage.bounding_box()
    whole = min(stage["width"], stage["height"])
    assert face.picture["width"] == pytest.approx(whole, rel=0.02)  # the graph was zoomed instead
    assert start["width"] != pytest.approx(face.picture["width"], rel=0.02)
    canvas.page.evaluate("() => app.canvas.ds.reset()")
    canvas.page.wait_for_timeout(400)
    face.stage.click(position={"x": 8, "y": 8})
    mouth, before = face.knob("mouth_left"), face.picture["width"]
    canvas.page.mouse.move(*mouth)
    for _ in range(4):
        canvas.page.mouse.wheel(0, -150)
    canvas.page.wait_for_timeout(300)
    assert face.picture["width"] > 2 * before
    # it stays under the pointer, but for the centring while there is room beside the picture
    assert face.knob("mouth_left") == pytest.approx(mouth, abs=6)
    scale, old = face.scale(), np.array(face.found()["placed"]["mouth_left"])
    face.drag("mouth_left", 30, 0)
    assert face.points["mouth_left"] == pytest.approx(
        old + np.array([30 * scale, 0]), abs=1.5 * scale
    )
    canvas.shot("zoomed")
    face.drag("all", 0, 0)
    face.button("whole").click()
    assert face.picture["width"] == pytest.approx(before, rel=0.01)


def test_the_picture_slides_but_not_away(editor, canvas):
    face = editor("one.png")
    for _ in range(3):
        face.button("larger").click()
    before, stage = face.picture, face.stage.bounding_box()
    x, y = stage["x"] + 6, stage["y"] + 6
    canvas.page.mouse.move(x, y)
    canvas.page.mouse.down()
    canvas.page.mouse.move(x + 30, y + 20, steps=4)
    canvas.page.mouse.up()
    after = face.picture
    assert after["x"] - before["x"] == pytest.approx(30, abs=2)
    assert after["y"] - before["y"] == pytest.approx(20, abs=2)
    canvas.page.mouse.move(x, y)
    canvas.page.mouse.down()
    canvas.page.mouse.move(x + 900, y + 700, steps=4)
    canvas.page.mouse.up()
    assert face.picture["x"] <= stage["x"] + 1.5 and face.picture["y"] <= stage["y"] + 1.5
    assert face.value == ""


def test_the_keyboard_alone(editor, canvas):
    face = editor("one.png")
    page = canvas.page
    old = {name: np.array(p) for name, p in face.found()["placed"].items()}
    face.stage.focus()
    for _ in range(5):  # brows, eyes, then the mouth
        page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.dataset.name") == "mouth_left"
    assert "left corner of the mouth" in face.root.locator(".status").inner_text()
    page.keyboard.press("ArrowLeft")
    one = old["mouth_left"][0] - face.points["mouth_left"][0]
    page.keyboard.press("Shift+ArrowDown")
    moved = face.points["mouth_left"] - old["mouth_left"]
    assert one > 0 and moved == pytest.approx([-one, 10 * one], abs=0.6)
    identity = "() => window.node === app.rootGraph.nodes[0]"
    page.keyboard.press("Control+z")
    page.wait_for_timeout(300)
    assert face.points["mouth_left"] == pytest.approx(old["mouth_left"] - [one, 0], abs=0.1)
    page.keyboard.press("Control+z")
    page.wait_for_timeout(300)
    assert face.value == "" and page.evaluate(identity)  # and the graph has undone nothing
    page.keyboard.press("Delete")
    page.wait_for_timeout(200)
    assert page.evaluate("() => app.rootGraph.nodes.length") == 1
    before = face.picture["width"]
    page.keyboard.press("+")
    assert face.picture["width"] == pytest.approx(1.5 * before, rel=0.01)
    page.keyboard.press("0")
    assert face.picture["width"] == pytest.approx(before, rel=0.01)


def test_fingers(editor, canvas):
    face = editor("one.png")
    session = canvas.page.context.new_cdp_session(canvas.page)

    def touch(kind, *points):
        places = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    x, y = face.knob("mouth_right")
    scale, old = face.scale(), np.array(face.found()["placed"]["mouth_right"])
    touch("touchStart", (x, y))
    touch("touchMove", (x + 10, y + 4))
    touch("touchMove", (x + 20, y + 8))
    touch("touchEnd")
    assert face.points["mouth_right"] == pytest.approx(
        old + np.array([20, 8]) * scale, abs=2 * scale
    )
    text, before, stage = face.value, face.picture["width"], face.stage.bounding_box()
    x, y = stage["x"] + 20, stage["y"] + 20
    touch("touchStart", (x, y), (x + 40, y))
    touch("touchMove", (x, y), (x + 60, y))
    touch("touchMove", (x, y), (x + 80, y))
    touch("touchEnd")
    assert face.picture["width"] == pytest.approx(2 * before, rel=0.1) and face.value == text


def test_points_by_hand_where_no_face_was_found(editor, canvas):
    face = editor("none.png")
    assert face.found()["faces"] == [] and "No face" in face.root.locator(".status").inner_text()
    canvas.shot("none")
    face.button("place").click()
    assert face.found(face.value)["placed"]
    face.drag("mouth_left", -15, 10)
    canvas.shot("placed")
    assert face.found(face.value)["placed"]["mouth_left"] == pytest.approx(
        face.points["mouth_left"]
    )


def test_what_makes_no_face_is_said(editor):
    face = editor("one.png")
    left, right = face.knob("mouth_left"), face.knob("mouth_right")
    face.drag("mouth_left", right[0] - left[0] + 15, 0)
    assert "crossed" in face.root.locator(".status.wrong").inner_text()
    assert "crossed" in face.found(face.value)["error"]


@pytest.mark.parametrize("points", ['{"version": 7}', '{"version": 1, "size": [1, 2]}'])
def test_points_that_are_refused_are_said_and_kept(editor, points):
    face = editor("one.png", points)
    said = face.root.locator(".status.wrong").inner_text()
    assert said == face.found(points)["error"] and face.value == points
    face.button("reset").click()
    assert face.value == "" and face.root.locator(".status.wrong").count() == 0


def test_points_of_a_program_are_drawn(editor):
    points = json.dumps({"version": 1, "points": {"mouth_left": [250, 400]}})
    face = editor("one.png", points)
    place = np.array([250, 400]) / face.scale() + [face.picture["x"], face.picture["y"]]
    assert face.knob("mouth_left") == pytest.approx(place, abs=1) and face.value == points


def test_the_graph_keeps_the_points(editor, canvas):
    face = editor("one.png")
    face.drag("chin", 5, 12)
    text, page = face.value, canvas.page
    output = page.evaluate(
        "async () => Object.values((await app.graphToPrompt()).output)[0].inputs"
    )
    assert output["face_points"] == text and "face_editor" not in output
    saved = page.evaluate("() => app.rootGraph.serialize()")
    page.evaluate("async saved => { await app.loadGraphData(saved, true, true); }", saved)
    page.evaluate("""() => { window.node = app.rootGraph.nodes[0];
        node.widgets.find(w => w.name === "face_editor").element.id = "ours"; }""")
    face.settle()
    assert face.value == text
    chin = face.points["chin"] / face.scale() + [face.picture["x"], face.picture["y"]]
    assert face.knob("chin") == pytest.approx(chin, abs=1)


def test_another_picture_takes_the_points_away(editor, canvas):
    face = editor("one.png")
    face.drag("chin", 5, 12)
    assert face.value
    canvas.page.evaluate("""() => { const w = node.widgets.find(w => w.name === "image");
        w.value = "two.png"; w.callback("two.png"); }""")
    face.settle()
    assert face.value == "" and face.root.locator(".frame").count() == 1


def test_nothing_is_shown_twice(editor, canvas):
    face = editor("one.png")
    canvas.page.wait_for_timeout(800)
    node = canvas.page.evaluate("""() => node.widgets.filter(w => !w.hidden).map(w => w.name)""")
    assert "face_points" not in node and "$$canvas-image-preview" not in node
    if canvas.renderer == "nodes2":
        assert canvas.page.locator("[data-node-id] img").count() == 0
    assert face.stage.bounding_box()["height"] > 200


GRAPH = {
    "1": ("ImgSyncLoadPortrait", {"image": "one.png", "fit": "keep", "width": 0, "height": 0,
                                  "multiple_of": 2, "background": "black", "face_points": ""}),
    "2": ("LoadAudio", {"audio": "voice.wav"}),
    "3": ("ImgSyncAudioDrivenAnimate", {
        "source": ["1", 0], "audio": ["2", 0], "face": ["1", 4], "engine": "built-in",
        "engine.mouth": 1.0, "engine.head": 0.0, "engine.blink": 0.0, "engine.expression": 0.0,
        "fps": 12.0, "seed": 0, "which_face": "", "clip": "ping-pong", "length": "match audio"}),
    "4": ("ImgSyncMuxVideo", {"source": ["3", 0], "fps": 25, "preset": "mp4-h264",
                              "preset.crf": 10, "preset.audio_kbps": 64, "background": "black",
                              "filename_prefix": "talk", "folder": "output"}),
}  # fmt: skip
RUN = """async () => { const ends = ["execution_success", "execution_error"];
    const end = new Promise(done => { for (const name of ends) app.api.addEventListener(name,
        e => done(name + " " + (e.detail.exception_message ?? "")), {once: true}); });
    await app.queuePrompt(0, 1); return await end; }"""


def parting(path) -> np.ndarray:
    """Where the lips part: x of the middle of the strongest changes, y of their upper quarter.

    The lower lip and the jaw go down from there, however far; above the upper lip nothing moves.
    """
    av = pytest.importorskip("av")
    with av.open(str(path)) as container:
        frames = [f.to_ndarray(format="gray").astype(float) for f in container.decode(video=0)]
    change = np.std(frames, 0)
    change[change < change.max() / 3] = 0
    rows = np.cumsum(change.sum(1)) / change.sum()
    x = np.arange(change.shape[1]) + 0.5
    return np.array([(x * change.sum(0)).sum() / change.sum(), np.searchsorted(rows, 0.25) + 0.5])


def test_the_mouth_moves_where_it_was_dragged_to(canvas, comfyui):
    page = canvas.page
    nodes = {key: {"class_type": kind, "inputs": inputs} for key, (kind, inputs) in GRAPH.items()}
    page.evaluate("graph => app.loadApiJson(graph, 'talk')", nodes)
    page.evaluate("""() => { app.canvas.ds.reset();
        window.node = app.rootGraph.nodes.find(n => n.type === "ImgSyncLoadPortrait");
        node.pos = [300, 80]; app.canvas.setDirty(true, true);
        document.querySelectorAll("#ours").forEach(old => { old.id = ""; });
        node.widgets.find(w => w.name === "face_editor").element.id = "ours"; }""")
    face = Editor.__new__(Editor)
    face.adopt(canvas, comfyui, "one.png")
    old, places = set((comfyui.base / "output").glob("talk*.mp4")), []
    for dx, dy in ((0, 0), (0, -28)):  # as found, then halfway up to the nose
        if dy:
            face.drag("mouth_left", dx, dy)
            face.drag("mouth_right", dx, dy)
        assert page.evaluate(RUN).startswith("execution_success")
        (new,) = set((comfyui.base / "output").glob("talk*.mp4")) - old
        old.add(new)
        places.append(np.array(face.found(face.value)["placed"]["lip_line"]))
        assert parting(new) == pytest.approx(places[-1], abs=12)  # px; the mouth is 84 wide
    assert places[0][1] - places[1][1] > 30


RESULTS = """() => ({
    reports: [...document.querySelectorAll(".imgsync-report")].map(e => e.textContent),
    kept: app.rootGraph.nodes.filter(n => app.nodeOutputs[n.id]?.images).map(n => n.type)})"""


def written(comfyui) -> list:
    return sorted((comfyui.base / "output").glob("talk*.mp4"))


def test_results_outlive_an_undo_and_the_same_again_is_not_made_again(canvas, comfyui):
    page = canvas.page
    nodes = {key: {"class_type": kind, "inputs": dict(inputs)}
             for key, (kind, inputs) in GRAPH.items()}  # fmt: skip
    nodes["3"]["inputs"]["seed"] = 3 if canvas.renderer == "classic" else 4
    page.evaluate("graph => app.loadApiJson(graph, 'results')", nodes)
    page.wait_for_timeout(1000)
    assert page.evaluate(RUN).startswith("execution_success")
    page.wait_for_timeout(1500)
    before, files = page.evaluate(RESULTS), written(comfyui)
    assert len(before["reports"]) == 2 and "ImgSyncMuxVideo" in before["kept"]
    assert page.evaluate(RUN).startswith("execution_success")  # the player is no input
    assert written(comfyui) == files
    page.evaluate(CAPTURE)
    page.evaluate("() => { app.rootGraph.nodes.find(n => n.type === 'LoadAudio').pos[1] += 333; }")
    page.evaluate(CAPTURE)
    page.mouse.click(80, 820)
    page.keyboard.press("Control+z")
    page.wait_for_timeout(1500)
    assert page.evaluate(RESULTS) == before
    canvas.shot("undone")
    files[-1].unlink()  # and what was deleted is made again
    assert page.evaluate(RUN).startswith("execution_success")
    assert written(comfyui) == files


PACE = """text => { const node = app.rootGraph.nodes.find(n => n.type === "ImgSyncMuxVideo");
    app.api.dispatchCustomEvent("imgsync.pace", {node: String(node.id), text}); }"""
STOP = """() => { const node = app.rootGraph.nodes.find(n => n.type === "ImgSyncMuxVideo");
    app.api.dispatchCustomEvent("execution_interrupted", {node_id: String(node.id)}); }"""


def test_the_time_left_is_shown_in_the_node_while_it_runs(canvas):
    page = canvas.page
    nodes = {key: {"class_type": kind, "inputs": dict(inputs)}
             for key, (kind, inputs) in GRAPH.items()}  # fmt: skip
    nodes["3"]["inputs"]["seed"] = 5 if canvas.renderer == "classic" else 6
    page.evaluate("graph => app.loadApiJson(graph, 'pace')", nodes)
    page.wait_for_timeout(1000)
    report = page.locator(".imgsync-report")
    page.evaluate(PACE, "48 %, 0:13 left")
    assert report.all_inner_texts() == ["48 %, 0:13 left"]
    page.evaluate(STOP)
    assert report.all_inner_texts() == [""]
    page.evaluate(PACE, "99 %, 0:01 left")
    assert page.evaluate(RUN).startswith("execution_success")
    page.wait_for_timeout(800)
    assert not [text for text in report.all_inner_texts() if "left" in text]


def test_widgets_of_a_choice_have_a_tooltip(canvas):
    found = canvas.page.evaluate("""() => {
        const node = LiteGraph.createNode("ImgSyncAudioDrivenAnimate");
        app.rootGraph.add(node);
        const all = node.widgets.filter(w => w.name.startsWith("engine."));
        return Object.fromEntries(all.map(w => [w.name, w.tooltip])); }""")
    assert found["engine.mouth"].startswith("How far the mouth moves") and all(found.values())


def test_missing_weights_are_offered(canvas, comfyui):
    """The dialog comes with the error, says what and under which licence, and tells of failures."""
    page = canvas.page
    nodes = {key: {"class_type": kind, "inputs": dict(inputs)}
             for key, (kind, inputs) in GRAPH.items()}  # fmt: skip
    nodes["3"]["inputs"]["engine"] = "musetalk"
    page.evaluate("graph => app.loadApiJson(graph, 'weights')", nodes)
    page.wait_for_timeout(800)
    assert page.evaluate(RUN).startswith("execution_error")
    dialog = page.locator("dialog.imgsync-models")
    dialog.wait_for()
    rows = dialog.locator("section")
    assert rows.count() == 2 and "MuseTalk 1.5" in rows.first.inner_text()
    assert "commercial use: yes" in rows.first.inner_text()
    canvas.shot("weights")
    rows.first.locator("button").click()
    dialog.locator("em").wait_for()
    assert "cannot be reached" in dialog.locator("em").inner_text()
    dialog.locator("> button").click()
    assert dialog.count() == 0 and not list((comfyui.base / "models").rglob("*.part"))
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)


def test_a_graph_from_before_the_editor(canvas):
    """Saved with a node too small for the editor, and without the last widget."""
    page = canvas.page
    saved = json.loads((ROOT / "example_workflows" / "Extend a still.json").read_text("utf-8"))
    (old,) = [n for n in saved["nodes"] if n["type"] == "ImgSyncLoadPortrait"]
    old["size"], old["widgets_values"] = [270, 262], ["one.png", "keep", 0, 0, 2, "black", "image"]
    page.evaluate("async saved => { await app.loadGraphData(saved, true, true); }", saved)
    page.wait_for_timeout(1500)
    found = page.evaluate("""() => { const n = app.rootGraph.nodes.find(
        n => n.type === "ImgSyncLoadPortrait");
        return [n.size[1], n.widgets.find(w => w.name === "face_points").value] }""")
    assert found[0] > 450 and not found[1]
    canvas.shot("old")
