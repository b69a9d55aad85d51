"""Who may ask the pack's routes, and which files names from widgets reach."""

import asyncio
import ntpath
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

OWN = {"Host": "192.168.1.5:8188", "Origin": "http://192.168.1.5:8188"}


@pytest.fixture
def guard(pack):
    return pack.part("nodes.guard")


@pytest.fixture
def names(pack):
    return pack.part("nodes.host")


# -- pages --


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        (OWN, True),
        ({"Host": "192.168.1.5:8188"}, True),  # no page: a program, or a link
        ({**OWN, "Origin": "http://evil.example"}, False),
        ({**OWN, "Origin": "http://192.168.1.5:80"}, False),
        ({**OWN, "Origin": "http://192.168.1.5:8188.evil.example"}, False),
        ({**OWN, "Origin": "null"}, False),  # a page in a sandbox, or a file
        ({"Origin": "null"}, False),
        ({**OWN, "Origin": "HTTP://192.168.1.5:8188"}, True),
        ({"Host": "10.0.0.2", "Origin": "https://me.example", "X-Forwarded-Host": "me.example"},
         True),
        ({"Host": "me.example", "Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
         True),  # the browser knows better than a proxy that renames hosts
        ({**OWN, "Sec-Fetch-Site": "cross-site"}, False),
        ({**OWN, "Sec-Fetch-Site": "same-site"}, False),
        ({"Host": "localhost:8188", "Sec-Fetch-Site": "none"}, True),
    ],
)  # fmt: skip
def test_only_pages_of_this_server_may_ask(guard, headers, ours):
    assert guard.is_ours(headers) is ours


@pytest.mark.parametrize(
    ("header", "origin", "ours"),
    [
        ("*", "http://evil.example", True), ("*", "https://me.example", True),
        ("https://me.example", "https://me.example", True),
        ("https://me.example/", "https://me.example", True),
        ("https://me.example", "http://evil.example", False),
        ("https://me.example", "https://me.example.evil.example", False),
        (None, "http://evil.example", False), ("", "", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("more", [{}, {"Sec-Fetch-Site": "cross-site"}])
def test_who_opens_the_server_to_others_lets_those_in(
    guard, names, monkeypatch, header, origin, ours, more
):
    monkeypatch.setattr(names, "args", SimpleNamespace(enable_cors_header=header))
    assert guard.is_ours({**OWN, "Origin": origin, **more}) is ours
    assert guard.is_ours(OWN), "and its own pages"


class Routes:
    """Keeps what is registered."""

    def __init__(self) -> None:
        self.handlers: dict[tuple[str, str], object] = {}

    def _keep(self, method: str, path: str):
        return lambda handler: self.handlers.setdefault((method, path), handler)

    def get(self, path: str):
        return self._keep("GET", path)

    def post(self, path: str):
        return self._keep("POST", path)


@pytest.fixture
def routes(pack, names, monkeypatch):
    """All routes of the pack, with an aiohttp that only makes answers."""
    made = Routes()
    web = SimpleNamespace(
        json_response=lambda value, status=200, headers=None: (status, value),
        Response=lambda status=200, headers=None: (status, None),
    )
    monkeypatch.setitem(sys.modules, "aiohttp", SimpleNamespace(web=web))
    monkeypatch.setattr(names, "routes", lambda: made)
    for name in ("face", "demo", "models"):
        pack.part(f"nodes.{name}_route").register()
    return made.handlers


def test_no_route_answers_a_page_of_others(routes):
    assert len(routes) >= 5
    for route, handler in routes.items():
        request = SimpleNamespace(headers={**OWN, "Origin": "http://evil.example"}, query={})
        status, answer = asyncio.run(handler(request))
        assert (route, status) == (route, 403) and "another server" in answer["error"]


@pytest.mark.parametrize(
    ("length", "error"),
    [(None, None), (0, None), (10**9, None), (20, ValueError), (20, RecursionError),
     (20, LookupError)],
)  # fmt: skip
@pytest.mark.parametrize("route", ["/imgsync/models/fetch", "/imgsync/demo"])
def test_bodies_that_are_none(routes, route, length, error):
    """``None`` for an error: the body is not even read."""

    async def json():
        if error is not None:
            raise error("no")
        raise AssertionError("nobody may read this")

    request = SimpleNamespace(headers=OWN, content_length=length, json=json)
    status, answer = asyncio.run(routes["POST", route](request))
    assert status == 400 and answer["error"]


@pytest.mark.parametrize("packing", ["gzip", "br", "identity"])
def test_a_body_that_unpacks_to_any_size_is_none(routes, packing):
    """aiohttp unpacks what a request brings, before anybody counts its bytes."""

    async def json():
        raise AssertionError("nobody may read this")

    headers = {**OWN, "Content-Encoding": packing}
    request = SimpleNamespace(headers=headers, content_length=20, json=json)
    assert asyncio.run(routes["POST", "/imgsync/demo"](request))[0] == 400


def test_a_file_that_is_asked_for_many_times_is_made_once(pack, tmp_path, monkeypatch):
    route, made = pack.part("nodes.demo_route"), []
    monkeypatch.setattr(route, "write_demo", lambda name, folder: made.append(name))
    names = list(route.NAMES)
    assert route.put(names * 1000, tmp_path) == len(names) and made == names


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError, IsADirectoryError])
def test_what_cannot_be_read_tells_no_folder(pack, routes, folders, monkeypatch, error):
    def fail(path, points):
        raise error(2, "no", str(path))

    monkeypatch.setattr(pack.part("nodes.face_route"), "faces_in", fail)
    request = SimpleNamespace(headers=OWN, query={"image": "sub/a.png"})
    status, answer = asyncio.run(routes["GET", "/imgsync/faces"](request))
    assert status == 404 and str(folders) not in answer["error"]


@pytest.mark.parametrize("name", ["../x", "", "None", "musetalk-1.5\0", ["musetalk-1.5"], 3])
def test_nothing_but_the_list_can_be_fetched(routes, name):
    async def json():
        return {"name": name}

    request = SimpleNamespace(headers=OWN, content_length=20, json=json)
    status, answer = asyncio.run(routes["POST", "/imgsync/models/fetch"](request))
    assert status == 400 and "not known" in answer["error"]


# -- names --

OUTSIDE = (
    "../secret.png", "x/../../secret.png", "/etc/passwd", "../input2/secret.png", "a.png\0.jpg",
    "//evil.example/share/x.png", "\\\\evil.example\\share\\x.png", "/\\evil.example/x.png",
    "\\\\?\\C:\\x.png", "../secret.png [output]", "linked/secret.png", "link.png",
)  # fmt: skip


@pytest.fixture
def folders(comfy, tmp_path):
    """An input folder with links that lead out of it, and a file beside it."""
    import folder_paths

    given = Path(folder_paths.get_input_directory())
    for place in (given.parent, given.parent / "input2"):
        place.mkdir(exist_ok=True)
        (place / "secret.png").write_bytes(b"x")
    (given / "linked").symlink_to(given.parent, target_is_directory=True)
    (given / "link.png").symlink_to(given.parent / "secret.png")
    (given / "sub").mkdir()
    (given / "sub" / "a.png").write_bytes(b"x")
    return given


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_reaches_no_file_outside(pack, names, folders, name):
    with pytest.raises(pack.core("errors").InputError, match="outside of ComfyUI's folders"):
        names.input_path(name)


def test_a_name_reaches_files_inside(names, folders):
    assert names.input_path("sub/a.png") == folders / "sub" / "a.png"
    assert names.is_given("sub/a.png") and not names.is_given("sub/b.png")
    assert not names.is_given("sub"), "a folder is none"
    assert not names.is_given("x" * 5000)


@pytest.mark.parametrize("name", OUTSIDE)
def test_nobody_learns_which_files_there_are_outside(pack, names, folders, name):
    assert names.is_given(name) is False
    said = pack.nodes["ImgSyncLoadPortrait"].validate_inputs(name)
    assert "is not in the input folder" in said


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("C:\\comfy\\input\\sub\\a.png", True), ("C:\\comfy\\input2\\a.png", False),
        ("C:\\comfy\\a.png", False), ("D:\\comfy\\input\\a.png", False),
        ("\\\\evil.example\\share\\a.png", False), ("C:a.png", False), ("\\a.png", False),
    ],
)  # fmt: skip
def test_names_on_windows(names, path, inside):
    assert names.lies_in("C:\\comfy\\input", path, ntpath) is inside


@pytest.mark.parametrize("name", [n for n in OUTSIDE if "evil" in n or "\0" in n or "?" in n])
def test_nobody_looks_for_a_file_on_another_machine(names, folders, monkeypatch, name):
    """Windows signs in at a machine when it only looks whether a file there exists."""

    def look(*_: object, **__: object) -> None:
        raise AssertionError("somebody has looked")

    monkeypatch.setattr("os.path.exists", look)
    monkeypatch.setattr("os.path.realpath", look)
    assert names.is_given(name) is False


@pytest.mark.parametrize(
    "prefix",
    ["../x", "a/../../x", "/etc/x", "x\0y", "%date:../../../../%x", "a/%date:../../../%/../x"],
)
def test_a_prefix_leaves_no_folder(pack, names, folders, prefix):
    with pytest.raises(pack.core("errors").OutputError):
        names.new_file(prefix, "output", ".mp4", (4, 4))


@pytest.mark.parametrize("prefix", ["a\\..\\..\\x", "x" * 300, "..", ".hidden/..", "C:x"])
def test_a_strange_prefix_stays_inside(names, folders, prefix):
    import folder_paths

    path, _ = names.new_file(prefix, "output", ".mp4", (4, 4))
    root = os.path.realpath(folder_paths.get_output_directory())
    assert os.path.commonpath([root, os.path.realpath(path)]) == root
