"""A fresh ComfyUI without any file of the user's: open the template, press Run."""

import pytest

from ..comfy.examples import drawn
from .conftest import served, visited
from .test_examples import STATE, TITLE
from .test_face_editor import RUN

pytestmark = [pytest.mark.browser, pytest.mark.comfy, pytest.mark.slow]


@pytest.fixture(scope="session")
def comfyui(tmp_path_factory):
    """A server of its own, its input folder empty."""
    yield from served(tmp_path_factory.mktemp("fresh"))


def test_the_first_run_plays_a_talking_portrait(canvas, comfyui):
    page = canvas.page
    for file in (comfyui.base / "input").glob("imgsync_demo*"):  # of the other renderer
        file.unlink()
    visited(page)
    page.evaluate("graph => app.loadGraphData(graph, true, true)", drawn("Talking portrait"))
    page.wait_for_timeout(3000)
    state = page.evaluate(STATE)
    assert state["missing"] == [] and state["red"] == [] and state["dialogs"] == []
    assert page.evaluate(RUN).startswith("execution_success")
    page.wait_for_timeout(2500)
    page.evaluate("() => app.extensionManager.command.execute('Comfy.Canvas.FitView')")
    page.wait_for_timeout(1200)
    canvas.shot("first_run")
    boxes = page.evaluate(STATE)["boxes"]  # nodes have grown; nothing lies over anything
    for i, (kind, x, y, w, h) in enumerate(boxes):
        for other, left, top, width, height in boxes[i + 1 :]:
            apart = x + w <= left or left + width <= x
            apart = apart or y + h + TITLE <= top or top + height + TITLE <= y
            assert apart, (kind, other)
    assert len(list((comfyui.base / "output" / "video").glob("*.mp4"))) >= 1
    assert page.locator("video").count() >= 1
