"""A real ComfyUI and a real Chromium, in both renderers of the front end.

Needs IMGSYNC_COMFYUI (see tests/comfy), playwright, and Chromium: on the PATH, or named by
IMGSYNC_CHROMIUM. IMGSYNC_SCREENSHOTS names a folder for pictures of what was seen.
"""

import os
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgsync_core.demo import demo_picture, demo_speech

from ..comfy.serving import CHECKOUT, Server, serving

CHROMIUM = os.environ.get("IMGSYNC_CHROMIUM") or shutil.which("chromium") or ""
SCREENSHOTS = os.environ.get("IMGSYNC_SCREENSHOTS", "")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Notification.ShowVersionUpdates": False,
    "Comfy.VersionCompatibility.DisableWarnings": True,
    "Comfy.Workflow.Persist": False,
    "Comfy.Window.UnloadConfirmation": False,
    "Comfy.Minimap.Visible": False,
    "Comfy.Graph.CanvasInfo": False,
    "Comfy.InstalledVersion": "1.49.6",
    "Comfy.ColorPalette": "dark",
    "Comfy.Locale": "en",
}
READY = """() => window.app?.rootGraph && window.LiteGraph
    && Object.keys(window.LiteGraph.registered_node_types).length > 50"""


def pictures(folder: Path) -> None:
    """One drawn face, two of them, a picture without any; and a voice."""
    one = demo_picture(600)
    Image.fromarray(one).save(folder / "one.png")
    two = np.full((600, 1000, 3), 128, np.uint8)
    two[:, :600] = one
    two[200:560, 620:980] = demo_picture(360)
    Image.fromarray(two).save(folder / "two.png")
    waves = np.add.outer(np.sin(np.arange(300) / 30), np.cos(np.arange(400) / 40))
    with wave.open(str(folder / "voice.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes((demo_speech(2.0, 16000)[0] * 32767).astype("<i2").tobytes())
    Image.fromarray((waves * 60 + 128).astype(np.uint8)).convert("RGB").save(folder / "none.png")


def served(base: Path) -> Iterator[Server]:
    """A server of its own on a folder, for a fixture to yield from; its input is as it is there."""
    if not CHECKOUT:
        pytest.skip("IMGSYNC_COMFYUI names no ComfyUI checkout")
    with serving(base) as server:
        yield server


@pytest.fixture(scope="session")
def comfyui(tmp_path_factory) -> Iterator[Server]:
    """The server."""
    base = tmp_path_factory.mktemp("comfyui")
    (base / "input").mkdir()
    pictures(base / "input")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMGSYNC_HUB", "http://127.0.0.1:9")  # nobody answers there
        yield from served(base)


def visited(page: Any) -> None:
    """As after a visit to the page."""
    page.reload()
    page.wait_for_function(READY, timeout=120_000)
    page.wait_for_timeout(2000)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no Chromium on the PATH, and IMGSYNC_CHROMIUM names none")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Canvas:
    """The front end in one page, with what it complained of."""

    def __init__(self, page: Any, renderer: str) -> None:
        self.page, self.renderer = page, renderer
        self.complaints: list[str] = []
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        where = (message.location or {}).get("url", "")
        if message.type in ("error", "warning") and "/extensions/imgsync" in message.text + where:
            self.complaints.append(message.text)

    def shot(self, name: str) -> None:
        if SCREENSHOTS:
            self.page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}_{self.renderer}.png"))


@pytest.fixture(scope="module", params=["classic", "nodes2"])
def canvas(request, comfyui, chromium) -> Iterator[Canvas]:
    """An open front end; at the end it must not have complained of anything of ours."""
    context = chromium.new_context(viewport={"width": 1300, "height": 950}, has_touch=True)
    page = context.new_page()
    found = Canvas(page, request.param)
    settings = {**SETTINGS, "Comfy.VueNodes.Enabled": request.param == "nodes2"}
    page.request.post(comfyui.url + "/settings", data=settings)
    page.goto(comfyui.url, wait_until="domcontentloaded")
    page.wait_for_function(READY, timeout=120_000)
    page.wait_for_timeout(1500)
    page.keyboard.press("Escape")
    yield found
    context.close()
    assert not found.complaints
