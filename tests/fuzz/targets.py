"""Everything that reads bytes from outside, each as a function of bytes.

A target returns, or raises an ImgSyncError: anything else is a finding. Files are given by path, as
users give them; the path has no ending, so that what the file holds decides.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import urllib.error
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from email.message import Message
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from imgsync_core.batch.results import read_results
from imgsync_core.batch.table import read_table
from imgsync_core.cli.jobs import list_row
from imgsync_core.cli.rows import Orders, columns
from imgsync_core.engines.built_in.reading import read_curves
from imgsync_core.errors import ImgSyncError
from imgsync_core.face import geometry
from imgsync_core.face.points import parse_points
from imgsync_core.face.wanted import parse_which
from imgsync_core.media import headers, kinds, light, mending, tiff, webp
from imgsync_core.media.animated import AnimatedFrames, is_animated
from imgsync_core.media.file_sound import FileSound
from imgsync_core.media.motion import parse_rect
from imgsync_core.media.picture import load_picture, parse_color
from imgsync_core.media.probe import probe
from imgsync_core.media.source import open_source
from imgsync_core.media.tags import text_of
from imgsync_core.media.video import VideoFrames
from imgsync_core.models import fetch, published, verify
from imgsync_core.nn.vae import load_vae
from imgsync_core.nn.wav2vec2 import load_wav2vec2
from imgsync_core.nn.weights import read
from imgsync_core.nn.whisper import load_whisper
from imgsync_core.spool.files import SUM
from imgsync_core.spool.jobs import HASHES, Spool
from imgsync_core.timeline import Timeline, parse_fps, parse_grid

FRAMES, SAMPLES = 3, 1 << 20  # that are read of a clip and of a sound
ROWS = 4  # of a table, whose words are looked at


@dataclass(frozen=True)
class Target:
    """read: what is tried.   media: it decodes pictures or sound in libraries of C."""

    name: str
    read: Callable[[bytes], object]
    media: bool = False


def attempt(target: Target, data: bytes) -> bool:
    """Whether a target takes the bytes; False where it refuses them in a sentence."""
    try:
        target.read(data)
    except ImgSyncError:
        return False
    return True


@cache
def _folder() -> Path:
    memory = "/dev/shm"
    place = memory if os.path.isdir(memory) else None
    folder = tempfile.TemporaryDirectory(prefix="imgsync-fuzz-", dir=place)
    _kept.append(folder)
    return Path(folder.name)


_kept: list[Any] = []  # folders that go when Python ends


def _file(data: bytes, ending: str = "") -> Path:
    path = _folder() / f"x{ending}"
    path.write_bytes(data)
    return path


# -- the face --

SIZE = 96, 128


@cache
def _faces() -> list[geometry.Face]:
    eyes, small = ((30, 50), (66, 50)), ((20, 20), (30, 21))
    made = [geometry.average(np.array(e, float), "test", 0.9) for e in (eyes, small)]
    return [replace(face, picture=SIZE) for face in made]


def _face_points(data: bytes) -> None:
    points = parse_points(data.decode("utf-8", "replace"))
    rgb = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)
    refused = []
    for faces in (_faces(), []):
        try:
            points.face_of(faces, SIZE, rgb)
        except ImgSyncError as e:
            refused.append(e)
    if len(refused) == 2:
        raise refused[0]


def _face_json(data: bytes) -> None:
    face = geometry.from_json(data.decode("utf-8", "replace"))
    geometry.from_json(face.to_json())


# -- text of widgets and tables --


def _words(data: bytes) -> None:
    text = data[1:].decode("utf-8", "replace")
    readers: tuple[Callable[[str], object], ...] = (
        parse_which,
        parse_color,
        parse_rect,
        lambda t: Timeline.of_sound(48000, 48000, parse_fps(t)),
        lambda t: Timeline.of_sound(48000, 48000, 25, parse_grid(t)),
        lambda t: Timeline.of_seconds(t, 25),
    )
    readers[data[0] % len(readers) if data else 0](text)


def _curves_csv(data: bytes) -> None:
    read_curves(_file(data, ".csv"))


def _curves_npz(data: bytes) -> None:
    read_curves(_file(data, ".npz"))


# -- tables of jobs, what became of them, and what is kept of one --


def _table(data: bytes) -> None:
    """The rows of a table, and of the first of them the words of commands."""
    rows = read_table(data, "jobs", columns())
    orders = Orders(str(_folder()), str(_folder()), {}, {})
    orders.add(rows[:ROWS])
    assert len(orders.made) + len(orders.refused) == len(rows[:ROWS])


def _results(data: bytes) -> None:
    """A results file; the first byte says which of its two kinds."""
    found = read_results(_file(data[1:], (".csv", ".jsonl")[data[0] % 2] if data else ".csv"))
    for record in found.values():
        record.now(replace(record, status="skipped"))


KEPT = "manifest", "000000-0-2.frames", "000000.state", HASHES
FRAME = 4, 6, 3


def _spool(data: bytes) -> None:
    """One file of a job: the first byte says which, and whether its checksum is right.

    Of a segment the next two bytes are what its name says of its frames.
    """
    which, data = (data[0] if data else 0), data[1:]
    spool = Spool(_folder() / "spool")
    store = spool.store({}, 2, "some")
    name = KEPT[which % 4]
    if name.endswith(".frames") and len(data) >= 2:
        name, data = f"000000-{data[0] % 2}-{10 ** (data[1] % 20)}.frames", data[2:]
    store.folder.mkdir(parents=True, exist_ok=True)
    path = (spool.folder if name == HASHES else store.folder) / name
    path.write_bytes(data + (hashlib.blake2b(data, digest_size=SUM).digest() if which & 4 else b""))
    try:
        for job in spool.jobs():
            list_row(job)
        spool.content(Path(__file__))
        assert store.open(FRAME) == ""
        frames = store.frames(0, 0)
        assert frames is None or frames.shape[1:] == FRAME
        store.state(0)
        store.close()
    finally:
        path.unlink()


# -- headers, by our own code --


def _headers(data: bytes) -> None:
    file = io.BytesIO(data)
    headers.riff(file)
    headers.riff_samples(file)
    headers.xing_samples(file)
    headers.video_codec(file)
    head = data[: kinds.HEAD_BYTES]
    kinds.foreign(head)
    kinds.is_avif(head)
    kinds.is_heic(head)
    light.size_of_light(head)


def _tiff(data: bytes) -> None:
    found = tiff.directories(io.BytesIO(data))
    if found:
        tiff.main_picture(found)


def _mending(data: bytes) -> None:
    mending.mend(data)


# -- weights and lists of them --


def _weights(data: bytes) -> None:
    read(_file(data))


def _networks(data: bytes) -> None:
    """Networks whose shape is read off a file; the first byte says which one is hoped for."""
    loaders = (load_whisper, load_vae, load_wav2vec2)
    loaders[data[0] % len(loaders) if data else 0](_file(data[1:]))


@cache
def _asked() -> published.Published:
    return replace(published.published()[0], folder="", file="x", size=None, sha256=None)


def _manifest(data: bytes) -> None:
    """Keys and shapes of a file against the lists that are known; the lists come along."""
    _file(data)
    verify.verify(replace(_asked(), keys=tuple(verify.known())[:2]), _folder())


def _answer(data: bytes) -> None:
    """What a hub says of a file: the first byte is the kind of answer, then headers, then bytes."""
    kind, text = (data[0] if data else 0) % 4, data[1:]
    above, _, body = text.partition(b"\n\n")
    said = Message()
    for line in above.decode("latin-1").split("\n"):
        name, _, value = line.partition(":")
        if (name.isascii() and name.isidentifier()) or "-" in name:
            said[name.strip()] = value.strip()
    one = fetch._Download(_asked(), _folder(), lambda done, total: None)
    one.part.write_bytes(b"1234" if kind & 1 else b"")

    def open_(request: Any, timeout: float) -> Any:
        if kind & 2 and one.part.stat().st_size:
            raise urllib.error.HTTPError(request.full_url, 416, "", said, io.BytesIO(body))
        answer = io.BytesIO(body)
        answer.headers, answer.status = said, 206 if kind & 1 else 200  # type: ignore[attr-defined]
        return answer

    opener, fetch.urllib.request.build_opener = (
        fetch.urllib.request.build_opener,
        (lambda *_: SimpleNamespace(open=open_)),
    )
    try:
        one.run()
    except OSError:  # as `fetch` makes a sentence of it
        pass
    finally:
        fetch.urllib.request.build_opener = opener
        one.target.unlink(missing_ok=True)
        one._forget()


# -- graphs that travel in files --


@cache
def _small_webp() -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.new("RGB", (4, 4)).save(made, "WEBP")
    return made.getvalue()


def _metadata(data: bytes) -> None:
    """A graph out of somebody's file, into one that is written, and the file read again."""
    try:
        graph = json.loads(data)
    except (ValueError, RecursionError):
        return
    texts = text_of({"prompt": graph, "workflow": [graph]})
    assert "".join(texts.values()).encode().count(0) == 0
    file = io.BytesIO(_small_webp())
    webp.set_metadata(file, texts, (4, 4))
    load_picture(file)


# -- media --


def _picture(data: bytes) -> None:
    path = _file(data)
    if is_animated(path):
        with closing(AnimatedFrames(path)) as frames:
            frames.read(0, min(FRAMES, frames.n_frames))
            frames.read(frames.n_frames - 1, frames.n_frames)
    load_picture(path)


def _sound(data: bytes) -> None:
    path = _file(data)
    sound, total = FileSound(path), 0
    for block in sound.blocks():
        total += block.shape[1]
        if total > SAMPLES:
            break
    assert abs(sound.offset) >= 0


def _video(data: bytes) -> None:
    with closing(VideoFrames(_file(data))) as frames:
        frames.read(0, min(FRAMES, frames.n_frames))
        frames.read(frames.n_frames - 1, frames.n_frames)


def _probe(data: bytes) -> None:
    json.dumps(probe(_file(data)).as_dict())


def _source(data: bytes) -> None:
    with closing(open_source(_file(data))) as frames:
        frames.read(0, 1)


TARGETS = {
    target.name: target
    for target in (
        Target("face_points", _face_points),
        Target("face_json", _face_json),
        Target("words", _words),
        Target("curves_csv", _curves_csv),
        Target("curves_npz", _curves_npz),
        Target("table", _table),
        Target("results", _results),
        Target("spool", _spool),
        Target("headers", _headers),
        Target("tiff", _tiff),
        Target("mending", _mending),
        Target("weights", _weights),
        Target("networks", _networks),
        Target("manifest", _manifest),
        Target("answer", _answer),
        Target("metadata", _metadata),
        Target("picture", _picture, media=True),
        Target("sound", _sound, media=True),
        Target("video", _video, media=True),
        Target("probe", _probe, media=True),
        Target("source", _source, media=True),
    )
}
