"""The example workflows in the real front end: nothing red, nothing missing, nothing complained."""

import json

import pytest

from ..comfy.examples import CHECKPOINT, NAMES, drawn, furnish, twin
from ..comfy.serving import CHECKOUT, serving

pytestmark = [pytest.mark.browser, pytest.mark.comfy, pytest.mark.slow]
TITLE = 30  # px, above each box
STATE = """() => { const nodes = app.rootGraph.nodes; return {
    missing: nodes.filter(n => !LiteGraph.registered_node_types[n.type]).map(n => n.type),
    red: nodes.filter(n => n.has_errors).map(n => n.type),
    boxes: nodes.map(n => [n.type, n.pos[0], n.pos[1], n.size[0], n.size[1]]),
    dialogs: [...document.querySelectorAll("[role=dialog]")].map(d => d.innerText)}; }"""


@pytest.fixture(scope="session")
def comfyui(tmp_path_factory):
    """A server of its own, with the files that the examples name."""
    if not CHECKOUT:
        pytest.skip("IMGSYNC_COMFYUI names no ComfyUI checkout")
    base = tmp_path_factory.mktemp("examples")
    furnish(base)
    folder = base / "models" / "checkpoints"
    folder.mkdir()
    (folder / CHECKPOINT).touch()
    with serving(base) as server:
        yield server


@pytest.mark.parametrize("name", NAMES)
def test_an_example_opens(canvas, name):
    page = canvas.page
    page.evaluate("graph => app.loadGraphData(graph, true, true)", drawn(name))
    page.wait_for_timeout(1500)
    page.evaluate("() => app.extensionManager.command.execute('Comfy.Canvas.FitView')")
    page.wait_for_timeout(1500)
    canvas.shot(f"example_{name}")
    state = page.evaluate(STATE)
    assert state["missing"] == [] and state["red"] == [] and state["dialogs"] == []
    assert page.locator("[data-node-id][class*=error]").count() == 0
    boxes = state["boxes"]
    for i, (kind, x, y, w, h) in enumerate(boxes):
        for other, left, top, width, height in boxes[i + 1 :]:
            apart = x + w <= left or left + width <= x
            apart = apart or y + h + TITLE <= top or top + height + TITLE <= y
            assert apart, (kind, other)


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_of_an_example_is_shown(canvas, name):
    """By the address that the list of templates asks for; two of them move."""
    size = canvas.page.evaluate(
        """name => new Promise(done => { const image = new Image();
        image.onload = () => done([image.naturalWidth, image.naturalHeight]);
        image.onerror = () => done(null);
        image.src = app.api.fileURL(`/api/workflow_templates/imgsync/${name}.jpg`); })""",
        name,
    )
    assert size is not None and min(size) >= 200


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_what_its_twin_says(canvas, name):
    page = canvas.page
    page.evaluate("graph => app.loadGraphData(graph, true, true)", drawn(name))
    page.wait_for_timeout(800)
    output = page.evaluate("async () => (await app.graphToPrompt()).output")
    assert json.loads(json.dumps(output)) == twin(name)
