"""Fetch a published file: the only code in ImgSync that uses the network, and only when told.

What has come so far lies in ``<name>.part`` beside the target; the next try goes on there. Only
a complete file with the right size and hash gets its name.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import FetchError
from .published import Published, where_to_put

BLOCK = 1 << 20  # bytes read at a time
MOST = 40 << 30  # bytes of a file whose size nobody has stated
TIMEOUT = 30  # seconds without an answer
TRIES = 3  # times that a broken connection is taken up again

Progress = Callable[[int, int | None], None]


def fetch(model: Published, folder: Path, on_progress: Progress | None = None) -> Path:
    """The file in the models folder; fetched if it is not there yet.

    on_progress(bytes so far, bytes in all or None): for each block; what it raises stops, and the
    next call goes on from there. Raises FetchError.
    """
    target = model.path(folder)
    if target.is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return _Download(model, folder, on_progress or (lambda done, total: None)).run()
    except OSError as e:
        raise FetchError(
            f"{target} cannot be written ({e.strerror or e}). Free some space or choose another "
            "folder (--models)."
        ) from e


@dataclass
class _Answer:
    """What a server says of the file: where the body starts, and the file's size and hash."""

    body: Any
    start: int
    total: int | None
    tag: str | None
    sha256: str | None


class _Linked(urllib.request.HTTPRedirectHandler):
    """Keeps what the hub says about a file before it sends the caller to where the bytes lie."""

    def __init__(self) -> None:
        self.sha256: str | None = None

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str):
        tag = (headers.get("X-Linked-Etag") or "").strip('"')
        if re.fullmatch(r"[0-9a-f]{64}", tag):
            self.sha256 = tag
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise FetchError(f"{req.host} sends elsewhere, where anybody could change the file.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Download:
    def __init__(self, model: Published, folder: Path, on_progress: Progress) -> None:
        self.model, self.folder, self.on_progress = model, folder, on_progress
        self.target = model.path(folder)
        self.part = self.target.with_name(self.target.name + ".part")
        self.tag = self.target.with_name(self.target.name + ".part.etag")

    def run(self) -> Path:
        sha256: str | None = None
        for left in reversed(range(TRIES)):
            try:
                sha256 = self._receive()
                break
            except (http.client.HTTPException, TimeoutError, ConnectionError) as e:
                if not left:
                    raise FetchError(
                        f"The connection broke off after {_megabytes(self._size())} MB of "
                        f"{self.model.name} ({_reason(e)}). Run it again; it goes on from there."
                    ) from e
        self._check(sha256)
        os.replace(self.part, self.target)
        self.tag.unlink(missing_ok=True)
        return self.target

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _receive(self) -> str | None:
        """All bytes that are missing; the hash that the server states, if it does."""
        answer = self._ask(self._size())
        if answer is None:  # nothing is missing
            return None
        with answer.body as body:
            self._refuse_small_disk(answer)
            if answer.tag:
                self.tag.write_text(answer.tag, encoding="utf-8")
            with self.part.open("r+b" if answer.start else "wb") as file:
                file.seek(answer.start)
                self._copy(body, file, answer)
        return answer.sha256

    def _copy(self, body: Any, file: IO[bytes], answer: _Answer) -> None:
        done = answer.start
        while block := body.read(BLOCK):
            file.write(block)
            done += len(block)
            if done > (self.model.size or answer.total or MOST):
                self._forget()
                raise FetchError(
                    f"The hub sends more of {self.model.name} than it has announced. What came was "
                    "deleted; try again later."
                )
            self.on_progress(done, answer.total)
        if answer.total is not None and done < answer.total:
            raise ConnectionError(f"{done} of {answer.total} bytes came")

    def _ask(self, start: int) -> _Answer | None:
        request = urllib.request.Request(self.model.url, headers={"User-Agent": "imgsync"})
        if not request.full_url.startswith(("http://", "https://")):
            raise FetchError(f"{request.full_url} is no web address. Check IMGSYNC_HUB.")
        if start:
            request.add_header("Range", f"bytes={start}-")
            if self.tag.is_file():
                request.add_header("If-Range", self.tag.read_text(encoding="utf-8"))
        linked = _Linked()
        try:
            body = urllib.request.build_opener(linked).open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as e:
            return self._refused(e, start)
        except urllib.error.URLError as e:
            if isinstance(e.reason, (TimeoutError, ConnectionResetError)):
                raise ConnectionError(str(e.reason)) from e
            raise FetchError(
                f"The hub cannot be reached ({_reason(e.reason)}). Without a network: "
                f"{where_to_put(self.model, self.folder)}"
            ) from e
        headers = body.headers
        goes_on = body.status == 206
        length = headers.get("Content-Length") or ""
        stated = re.fullmatch(r"\d{1,18}", length)
        total = int(length) + (start if goes_on else 0) if stated else None
        return _Answer(body, start if goes_on else 0, total, headers.get("ETag"), linked.sha256)

    def _refused(self, error: urllib.error.HTTPError, start: int) -> _Answer | None:
        with error:
            total = re.fullmatch(r"bytes \*/(\d{1,18})", error.headers.get("Content-Range") or "")
        if error.code == 416 and start:
            if total and int(total[1]) == start:
                return None
            self._forget()
            return self._ask(0)
        hints = {401: "It asks for an account", 403: "It asks for an account", 404: "It is gone"}
        raise FetchError(
            f"The hub refuses {self.model.url} (HTTP {error.code}). "
            f"{hints.get(error.code, 'Try again later')}; or by hand: "
            f"{where_to_put(self.model, self.folder)}"
        ) from error

    def _refuse_small_disk(self, answer: _Answer) -> None:
        if answer.total is None:
            return
        free = shutil.disk_usage(self.target.parent).free
        if answer.total - answer.start > free:
            raise FetchError(
                f"{self.model.name} needs {_megabytes(answer.total - answer.start)} MB more and "
                f"{self.target.parent} has {_megabytes(free)} MB left. Free some space."
            )

    def _check(self, stated: str | None) -> None:
        """Raise, and forget what came, if it is not the published file."""
        if self.model.size is not None and self._size() != self.model.size:
            size = self._size()
            self._forget()
            raise FetchError(
                f"{self.model.name} has {size:,} bytes instead of {self.model.size:,}. "
                "It was deleted; fetch it again."
            )
        wanted = self.model.sha256 or stated
        if wanted is not None and sha256_of(self.part) != wanted:
            self._forget()
            raise FetchError(
                f"{self.model.name} came damaged, or is another file than was published: its "
                "SHA-256 is wrong. It was deleted; fetch it again."
            )

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.tag.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"


def _reason(error: object) -> str:
    return str(error) or type(error).__name__
