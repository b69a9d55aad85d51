"""Fetching weights from the browser: one at a time, told as it comes, cancelled when asked."""

import threading
import time

import pytest


@pytest.fixture
def models(pack, comfy, monkeypatch):
    """The route's module with a fetch of its own: `models.goes_on` lets it go on."""
    module = pack.part("nodes.models_route")
    monkeypatch.setattr(module, "_job", None)
    monkeypatch.setattr(module.host, "tell", lambda event: told.append(event))
    told, goes_on, fetched = [], threading.Event(), []

    def fetch(model, folder, progress):
        progress(1, 10)
        goes_on.wait(10)
        progress(10, 10)
        fetched.append(model.name)

    monkeypatch.setattr(module, "fetch", fetch)
    module.goes_on, module.told, module.fetched = goes_on, told, fetched
    yield module
    goes_on.set()


def until(holds) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    raise TimeoutError


def job(models):
    return models.state()["job"]


def test_a_fetch_is_told_until_it_is_done(models):
    assert job(models) is None and models.start("musetalk-1.5") == ""
    until(lambda: job(models)["done"] == 1)
    assert (job(models)["file"], job(models)["total"], job(models)["ended"]) == (
        "musetalk-1.5", 10, False,
    )  # fmt: skip
    assert "musetalk-1.5 is being fetched" in models.start("latentsync-1.6")
    models.goes_on.set()
    until(lambda: job(models)["ended"])
    assert models.fetched == ["musetalk-1.5", "whisper-tiny", "sd-vae-ft-mse"]
    assert job(models)["error"] == "" and models.told[-1] == models.EVENT
    assert models.start("latentsync-1.6") == ""


def test_cancel_stops_without_an_error(models):
    models.start("musetalk-1.5")
    until(lambda: job(models)["done"] == 1)
    models.cancel()
    models.goes_on.set()
    until(lambda: job(models)["ended"])
    assert models.fetched == [] and job(models)["error"] == ""


def test_a_name_that_is_not_known_begins_nothing(models):
    with pytest.raises(Exception, match="not known"):
        models.start("../x")
    assert job(models) is None


def test_only_what_engines_begin_with_is_offered(models):
    names = {model["name"] for model in models.state()["models"]}
    assert names >= {"latentsync-1.6", "musetalk-1.5", "echomimic"}
    assert not names & {"whisper-tiny", "sd-vae-ft-mse", "echomimic-motion"}
