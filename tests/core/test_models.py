"""The list of published files, and fetching and checking them, against a server of our own."""

import gzip
import hashlib
import json
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from imgsync_core.errors import FetchError, InputError
from imgsync_core.models import fetch as fetching
from imgsync_core.models.fetch import fetch
from imgsync_core.models.published import default_folder, named, published, with_needs
from imgsync_core.models.verify import KEYS, difference, verify

from .command import imgsync  # noqa: F401 - a fixture

CONTENT = bytes(range(256)) * 9000  # 2.3 MB: more than one block
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Hub(ThreadingHTTPServer):
    """Serves one file; what it does wrong is set by the tests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.etag = '"one"'
        self.linked: str | None = None  # the hash that a redirect states
        self.cuts: list[int] = []  # bytes after which each answer breaks off
        self.status = 200
        self.asked: list[tuple[str, str | None]] = []  # path, Range
        self.announced: int | str | None = None  # the length; "" = it is not said


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        hub = self.server
        if hub.linked is not None and not self.path.startswith("/bytes"):
            self.send_response(302)
            self.send_header("Location", f"/bytes{self.path}")
            self.send_header("X-Linked-Etag", f'"{hub.linked}"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        asked = self.headers.get("Range")
        hub.asked.append((self.path, asked))
        if hub.status != 200:
            self.send_error(hub.status)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if self.headers.get("If-Range") not in (None, hub.etag):
            start = 0
        if start >= len(hub.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(hub.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("ETag", hub.etag)
        if hub.announced != "":
            self.send_header("Content-Length", str(hub.announced or len(hub.content) - start))
        else:
            self.close_connection = True
        self.end_headers()
        stop = start + hub.cuts.pop(0) if hub.cuts else len(hub.content)
        self.wfile.write(hub.content[start:stop])
        if stop < len(hub.content):
            self.close_connection = True


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("IMGSYNC_HUB", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


MODEL = replace(named("whisper-tiny"), sha256=DIGEST, size=len(CONTENT))


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# -- the list --


def test_the_list_says_what_is_known_and_nothing_else():
    names = [model.name for model in published()]
    assert len(set(names)) == len(names) and "latentsync-1.5" in names
    for model in published():
        assert model.commercial in ("yes", "no", "unknown") and model.licence
        assert model.sha256 is None or len(bytes.fromhex(model.sha256)) == 32
        assert model.size is None or model.size > 0
        assert set(model.needs) <= set(names)
        assert model.url.endswith(f"/{model.repository}/resolve/main/{model.file}")
    paths = [model.path(Path("models")) for model in published()]
    assert len(set(paths)) == len(paths), "two files would overwrite each other"
    assert [m.name for m in with_needs("latentsync-1.6")][1:] == ["whisper-tiny", "sd-vae-ft-mse"]
    with pytest.raises(InputError, match=r"latentsync-1\.6"):
        named("latentsync-9")


def test_the_folder_is_named_by_a_variable_read_at_the_call(monkeypatch, tmp_path):
    monkeypatch.setenv("IMGSYNC_MODELS", str(tmp_path / "here"))
    assert default_folder() == tmp_path / "here"
    monkeypatch.delenv("IMGSYNC_MODELS")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "imgsync" / "models"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "AppData"))
    assert default_folder() == tmp_path / "AppData" / "imgsync" / "models"


LISTS = {
    "latentsync_unet": ["latentsync/keys/latentsync_16"],
    "whisper_tiny": ["latentsync/keys/whisper_tiny", "echomimic/keys/whisper_tiny"],
    "whisper_tiny_hf": ["musetalk/keys/whisper_tiny_hf_all"],
    "musetalk_unet": ["musetalk/keys/musetalk_v15_unet"],
    "sd_vae": ["latentsync/keys/sd_vae_ft_mse"],
    "sd_vae_new_names": ["latentsync/keys/sd_vae_ft_mse_new_names"],
    "echomimic_denoising": ["echomimic/keys/denoising_unet", "echomimic/keys/denoising_unet_acc"],
    "echomimic_motion": ["echomimic/keys/motion_module", "echomimic/keys/motion_module_acc"],
    "echomimic_reference": ["echomimic/keys/reference_unet"],
    "echomimic_locator": ["echomimic/keys/face_locator"],
    "wav2vec2_base": ["hallo2/keys/wav2vec2_base_960h"],
}
HALLO2 = ("reference_unet", "denoising_unet", "face_locator", "imageproj", "audioproj")


@pytest.mark.parametrize("ours", LISTS)
def test_the_lists_of_keys_are_those_of_the_published_files(ours):
    folder = Path(__file__).resolve().parents[3] / "shared" / "engines"
    if not folder.is_dir():
        pytest.skip("no ../shared/engines beside the repository")
    shipped = json.loads(gzip.decompress(KEYS.read_bytes()))
    for theirs in LISTS[ours]:
        entries = json.loads((folder / f"{theirs}.json").read_text(encoding="utf-8"))
        if "shape" in next(iter(entries.values())):
            entries = {key: (entry["shape"], entry["dtype"]) for key, entry in entries.items()}
        assert shipped[ours] == {key: shape for key, (shape, _) in entries.items()}
    assert KEYS.stat().st_size < 200_000


def test_the_list_of_a_file_with_several_networks():
    folder = Path(__file__).resolve().parents[3] / "shared" / "engines" / "hallo2" / "keys"
    if not folder.is_dir():
        pytest.skip("no ../shared/engines beside the repository")
    wanted = {}
    for part in HALLO2:
        entries = json.loads((folder / f"{part}.json").read_text(encoding="utf-8"))
        wanted |= {key: shape for key, (shape, _) in entries.items()}
    assert json.loads(gzip.decompress(KEYS.read_bytes()))["hallo2_net"] == wanted
    assert len(wanted) == 682 + 1946 + 16 + 4 + 8


def test_a_file_of_which_no_keys_are_known(tmp_path):
    """ONNX is not looked into."""
    model = named("insightface-detector")
    path = model.path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x08\x08onnx")
    assert verify(model, tmp_path).state == "good"


# -- fetching --


def test_fetch(hub, tmp_path):
    seen = []
    path = fetch(MODEL, tmp_path, lambda done, total: seen.append((done, total)))
    assert path == tmp_path / "whisper" / "tiny.pt" and path.read_bytes() == CONTENT
    assert left_in(tmp_path) == ["tiny.pt"]
    assert hub.asked == [(f"/{MODEL.repository}/resolve/main/whisper/tiny.pt", None)]
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and seen == sorted(seen)
    fetch(MODEL, tmp_path)
    assert len(hub.asked) == 1, "what is there is not fetched again"


def test_a_broken_connection_is_taken_up_again(hub, tmp_path):
    hub.cuts = [700_000, 900_000]
    assert fetch(MODEL, tmp_path).read_bytes() == CONTENT
    ranges = [asked for _, asked in hub.asked]
    assert ranges == [None, "bytes=700000-", "bytes=1600000-"]


def test_what_came_is_kept_for_the_next_run(hub, tmp_path):
    hub.cuts = [300_000] * fetching.TRIES
    with pytest.raises(FetchError, match=r"0\.9 MB.*goes on"):
        fetch(MODEL, tmp_path)
    assert left_in(tmp_path) == ["tiny.pt.part", "tiny.pt.part.etag"]
    assert fetch(MODEL, tmp_path).read_bytes() == CONTENT
    assert hub.asked[-1][1] == "bytes=900000-"
    assert left_in(tmp_path) == ["tiny.pt"]


def test_cancelling_keeps_what_came(hub, tmp_path):
    def cancel(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(MODEL, tmp_path, cancel)
    part = tmp_path / "whisper" / "tiny.pt.part"
    assert part.read_bytes() == CONTENT[: fetching.BLOCK]
    assert fetch(MODEL, tmp_path).read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_begun_anew(hub, tmp_path):
    hub.cuts = [300_000] * fetching.TRIES
    with pytest.raises(FetchError):
        fetch(MODEL, tmp_path)
    hub.content, hub.etag = CONTENT[::-1], '"two"'
    other = replace(MODEL, sha256=hashlib.sha256(hub.content).hexdigest())
    assert fetch(other, tmp_path).read_bytes() == hub.content


def test_all_came_but_the_name(hub, tmp_path):
    part = tmp_path / "whisper" / "tiny.pt.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT)
    assert fetch(MODEL, tmp_path).read_bytes() == CONTENT
    assert left_in(tmp_path) == ["tiny.pt"]


def test_more_than_there_is_is_begun_anew(hub, tmp_path):
    part = tmp_path / "whisper" / "tiny.pt.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT + b"more")
    assert fetch(MODEL, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("how", ["list", "hub"])
def test_a_wrong_hash_leaves_nothing(hub, tmp_path, how):
    """The list's own hash counts; where it has none, the one that the hub states."""
    model = MODEL
    if how == "hub":
        hub.linked, model = "0" * 64, replace(MODEL, sha256=None)
    hub.content = CONTENT[:-1] + b"?"
    with pytest.raises(FetchError, match="SHA-256"):
        fetch(model, tmp_path)
    assert left_in(tmp_path) == []


def test_the_hubs_own_hash_is_enough(hub, tmp_path):
    hub.linked = DIGEST
    model = replace(MODEL, sha256=None, size=None)
    assert fetch(model, tmp_path).read_bytes() == CONTENT
    assert hub.asked[0][0].startswith("/bytes/")


def test_a_wrong_size_leaves_nothing(hub, tmp_path):
    hub.content = CONTENT[:1000]
    with pytest.raises(FetchError, match="1,000 bytes instead of 2,304,000"):
        fetch(MODEL, tmp_path)
    assert left_in(tmp_path) == []


def test_offline_says_where_to_put_what(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("IMGSYNC_HUB", "http://127.0.0.1:9")  # the discard port: nobody listens
    with pytest.raises(FetchError) as caught:
        fetch(MODEL, tmp_path)
    message = str(caught.value)
    assert "cannot be reached" in message and MODEL.url in message
    assert str(tmp_path / "whisper" / "tiny.pt") in message
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(("status", "words"), [(404, "gone"), (401, "account"), (500, "later")])
def test_a_refusal(hub, tmp_path, status, words):
    hub.status = status
    with pytest.raises(FetchError, match=rf"HTTP {status}.*{words}"):
        fetch(MODEL, tmp_path)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("announced", ["", "many", "-1", "9" * 50])
def test_a_length_that_is_none(hub, tmp_path, announced):
    hub.announced = announced
    if announced == "":
        assert fetch(MODEL, tmp_path).read_bytes() == CONTENT
        return
    with pytest.raises(FetchError, match=r"came damaged|broke off"):
        fetch(replace(MODEL, sha256="0" * 64), tmp_path)


def test_an_answer_without_end(hub, tmp_path, monkeypatch):
    hub.announced = ""
    with pytest.raises(FetchError, match="sends more of whisper-tiny than it has announced"):
        fetch(replace(MODEL, size=1000), tmp_path)
    assert left_in(tmp_path) == []
    monkeypatch.setattr(fetching, "MOST", 1000)
    with pytest.raises(FetchError, match="sends more"):
        fetch(replace(MODEL, size=None), tmp_path)


def test_nobody_is_led_from_https_to_http():
    linked = fetching._Linked()
    asked = urllib.request.Request("https://hub.example/a")
    there = "http://hub.example/b"
    with pytest.raises(FetchError, match=r"hub\.example sends elsewhere"):
        linked.redirect_request(asked, None, 302, "", Message(), there)
    kept = linked.redirect_request(asked, None, 302, "", Message(), "https://cdn.example/b")
    assert kept is not None and kept.full_url == "https://cdn.example/b"


def test_a_disk_that_is_too_small(hub, tmp_path):
    hub.announced = 10**16
    with pytest.raises(FetchError, match=r"Free some space"):
        fetch(MODEL, tmp_path)


def test_only_web_addresses(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("IMGSYNC_HUB", tmp_path.as_uri())
    with pytest.raises(FetchError, match="IMGSYNC_HUB"):
        fetch(MODEL, tmp_path)


# -- checking --


@pytest.fixture
def tiny_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of two keys in place of the real ones."""
    lists = {"one": {"a.weight": [2, 3], "b.bias": [4]}, "two": {"c.weight": [1]}}
    monkeypatch.setattr("imgsync_core.models.verify.known", lambda: lists)


TINY = replace(named("sd-vae-ft-mse"), keys=("one", "two"))


def saved(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    path = TINY.path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path


def test_verify(tmp_path, tiny_keys):
    assert verify(TINY, tmp_path).state == "missing"
    path = saved(tmp_path, {"a.weight": torch.zeros(2, 3, 1, 1), "b.bias": torch.zeros(4)})
    verdict = verify(TINY, tmp_path)
    assert verdict.state == "good" and "no hash is known" in verdict.sentence
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    exact = replace(TINY, size=path.stat().st_size, sha256=digest)
    assert verify(exact, tmp_path).state == "good"
    assert "bytes instead of" in verify(replace(exact, size=7), tmp_path).sentence
    assert "SHA-256" in verify(replace(exact, sha256="0" * 64), tmp_path).sentence


def test_verify_names_the_first_key_that_is_wrong(tmp_path, tiny_keys):
    saved(tmp_path, {"a.weight": torch.zeros(2, 2), "x": torch.zeros(1)})
    verdict = verify(TINY, tmp_path)
    assert verdict.state == "bad"
    assert "1 missing (first: c.weight)" in verdict.sentence


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"a": (2, 3)}, ""),
        ({"a": (2, 3, 1)}, ""),
        ({"a": (3, 2)}, "1 of another shape (first: a)"),
        ({}, "1 missing (first: a)"),
        ({"a": (2, 3), "b": (1,)}, "1 unknown (first: b)"),
    ],
)
def test_difference(found, words):
    assert difference(found, {"a": [2, 3]}).endswith(words)


def test_a_page_in_place_of_a_file_is_bad(tmp_path):
    path = TINY.path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text("<!DOCTYPE html><html>log in first</html>")
    verdict = verify(TINY, tmp_path)
    assert verdict.state == "bad" and "text instead of weights" in verdict.sentence


# -- the command --


def test_models_list(imgsync, tmp_path):  # noqa: F811
    ran = imgsync("models", "list", "--models", tmp_path, "--json")
    listed = json.loads(ran.out)
    assert ran.code == 0 and listed["folder"] == str(tmp_path)
    assert [m["name"] for m in listed["models"]] == [m.name for m in published()]
    assert not any(m["here"] for m in listed["models"])
    ran = imgsync("models", "list", "--models", tmp_path)
    assert ran.code == 0 and "commercial use: unknown" in ran.out


def test_models_verify(imgsync, tmp_path):  # noqa: F811
    ran = imgsync("models", "verify", "--models", tmp_path)
    assert ran.code == 0 and "no models" in ran.out
    ran = imgsync("models", "verify", "whisper-tiny", "--models", tmp_path)
    assert ran.code == 1 and "missing" in ran.out and "fetch" in ran.err
    path = named("whisper-tiny").path(tmp_path)
    path.parent.mkdir()
    path.write_bytes(b"no weights at all")
    ran = imgsync("models", "verify", "--models", tmp_path, "--json")
    (found,) = json.loads(ran.out)["models"]
    assert ran.code == 1 and found["name"] == "whisper-tiny" and found["state"] == "bad"


def test_models_fetch(imgsync, hub, tmp_path):  # noqa: F811
    ran = imgsync("models", "fetch", "sd-vae-ft-mse", "--models", tmp_path)
    path = named("sd-vae-ft-mse").path(tmp_path)
    assert ran.code == 0 and ran.out.split() == [str(path)]
    assert path.read_bytes() == CONTENT
    ran = imgsync("models", "fetch", "latentsync-1.5", "--models", tmp_path)
    assert ran.code == 1 and "whisper-tiny" in ran.err and "SHA-256" in ran.err
    assert not named("whisper-tiny").path(tmp_path).exists()
    assert imgsync("models", "fetch", "nothing", "--models", tmp_path).code == 1
