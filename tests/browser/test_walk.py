"""What a newcomer does by clicks: template, Run, the form, a blueprint, a node that is missing."""

import json

import pytest

from ..comfy.examples import drawn
from .conftest import served, visited

pytestmark = [pytest.mark.browser, pytest.mark.comfy, pytest.mark.slow]
EMPTY = {"nodes": [], "links": [], "groups": [], "config": {}, "extra": {}, "version": 0.4,
         "last_node_id": 0, "last_link_id": 0}  # fmt: skip
LISTEN = """() => { window.ended = ""; for (const name of ["execution_success", "execution_error"])
    app.api.addEventListener(name, e => { window.ended ||= name
        + " " + (e.detail.exception_message ?? ""); }, {once: true}); }"""
KINDS = "() => app.rootGraph.nodes.map(node => node.type)"
TIDY = """() => { const node = app.rootGraph.nodes.find(n => n.type === "ImgSyncMuxVideo");
    return [node.widgets.map(w => w.name).filter(name => name === "$$canvas-image-preview"),
        node.size[0], LiteGraph.vueNodesMode || node.size[1] >= node.computeSize()[1] - 1]; }"""
RUN = "[data-testid=queue-button]:visible, [data-testid=linear-run-button] button:visible"
OLD = {"frame_rate": 24, "loop_count": 0, "filename_prefix": "old", "format": "video/h264-mp4"}


@pytest.fixture(scope="session")
def comfyui(tmp_path_factory):
    """A server of its own, its input folder empty."""
    yield from served(tmp_path_factory.mktemp("walk"))


def press_run(page) -> None:
    """The button; waits until the end."""
    page.evaluate(LISTEN)
    page.locator(RUN).last.click()
    page.wait_for_function("() => window.ended", timeout=120_000)
    assert page.evaluate("() => window.ended").startswith("execution_success")


def begun(page) -> None:
    """The page anew, with nothing lying over it."""
    visited(page)
    page.keyboard.press("Escape")


def test_from_the_list_of_templates_to_a_video_that_plays(canvas):
    page = canvas.page
    page.evaluate("() => app.extensionManager.command.execute('Comfy.BrowseTemplates')")
    dialog = page.get_by_role("dialog").first
    dialog.get_by_text("imgsync", exact=True).first.click()
    page.wait_for_timeout(1500)
    canvas.shot("walk_templates")
    dialog.get_by_text("Talking portrait", exact=True).first.click()
    page.wait_for_selector(".imgsync-face[data-state=ready]", timeout=30_000)
    canvas.shot("walk_opened")
    wide = page.evaluate(TIDY)[1]
    press_run(page)
    video = page.locator("video").first
    video.wait_for(timeout=20_000)
    length = "v => new Promise(done => { v.onloadedmetadata = () => done(v.duration); v.load(); })"
    assert video.evaluate(length) == pytest.approx(6, abs=0.1)
    video.evaluate("v => { v.muted = true; return v.play(); }")
    page.wait_for_timeout(700)
    canvas.shot("walk_plays")
    assert video.evaluate("v => v.currentTime") > 0.2
    page.wait_for_timeout(1500)
    canvas.shot("walk_played")
    assert page.evaluate(TIDY) == [[], pytest.approx(wide, abs=1), True]


def test_the_same_as_a_form(canvas):
    page = canvas.page
    begun(page)
    page.evaluate("graph => app.loadGraphData(graph, true, true)", drawn("Talking portrait"))
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Enter app mode").first.click()
    page.wait_for_timeout(2000)
    page.keyboard.press("Escape")  # the front end's own tour
    page.wait_for_timeout(1000)
    status = page.locator(".imgsync-face .status:visible")
    assert page.locator(".imgsync-face:visible").count() == 1
    room = status.evaluate("e => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth]")
    assert max(room) <= 1  # all that it says can be read
    press_run(page)
    page.wait_for_timeout(2000)
    canvas.shot("walk_form")
    assert page.locator("video:visible").count() >= 1
    page.get_by_role("button", name="Enter node graph").first.click()


def test_a_blueprint_is_found_by_its_name(canvas):
    page = canvas.page
    begun(page)
    page.evaluate("graph => app.loadGraphData(graph, true, true)", EMPTY)
    page.wait_for_timeout(1000)
    page.mouse.dblclick(500, 450)
    page.wait_for_timeout(1000)
    page.keyboard.type("talking portrait", delay=20)
    page.get_by_text("A picture and a voice become a video").first.wait_for()
    canvas.shot("walk_search")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    page.mouse.click(500, 300)
    page.wait_for_function("() => app.rootGraph.nodes.length > 0")
    canvas.shot("walk_blueprint")
    inside = page.evaluate("() => app.rootGraph.nodes.map(n => n.subgraph?.nodes.map(m => m.type))")
    assert len(inside) == 1 and "ImgSyncAudioDrivenAnimate" in inside[0]


def lacking() -> dict:
    """The template as somebody has it who used Video Combine."""
    graph = drawn("Talking portrait")
    graph["extra"] = {}
    (last,) = (node for node in graph["nodes"] if node["type"] == "ImgSyncMuxVideo")
    (link,) = (slot["link"] for slot in last["inputs"] if slot["name"] == "source")
    last.update(
        type="VHS_VideoCombine",
        properties={"Node name for S&R": "VHS_VideoCombine"},
        inputs=[{"name": "images", "type": "IMAGE", "link": link},
                {"name": "audio", "type": "AUDIO", "link": None, "shape": 7}],
        outputs=[{"name": "Filenames", "type": "VHS_FILENAMES", "links": None}],
        widgets_values=OLD,
    )  # fmt: skip
    last.pop("widgets_values_named", None)
    graph["links"] = [[*one[:4], 0, "IMAGE"] if one[0] == link else one for one in graph["links"]]
    return json.loads(json.dumps(graph))


def test_a_missing_video_combine_is_replaced_where_it_is_asked_for(canvas):
    page = canvas.page
    begun(page)
    page.evaluate("graph => app.loadGraphData(graph, true, true)", lacking())
    page.wait_for_timeout(2500)
    assert "VHS_VideoCombine" in page.evaluate(KINDS)
    details = page.get_by_text("View details").or_(page.get_by_text("Show details")).first
    details.click()
    page.wait_for_timeout(1500)
    canvas.shot("walk_missing")
    page.get_by_role("button", name="Replace", exact=False).first.click()
    page.wait_for_timeout(1500)
    assert "VHS_VideoCombine" not in page.evaluate(KINDS)
    press_run(page)
    canvas.shot("walk_replaced")
