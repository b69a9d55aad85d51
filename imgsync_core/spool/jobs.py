"""All jobs that are kept in one folder: begun, listed, deleted, and tidied when they are old."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, OutputError
from ..machine import user_folder
from .files import bytes_in, private_folder, write_whole
from .store import LOCK, MANIFEST, Store, is_held, manifest_of, read_json, ready, remove

LIMIT = 20_000_000_000  # bytes of all jobs together
OLD = 14 * 24 * 3600  # seconds after which a job that nobody went on with is deleted
HASHES = "hashes"  # of files that were read before
DIGEST = 16  # bytes


@dataclass(frozen=True)
class Kept:
    """A job that can be gone on with.

    id: for the user.   about: as of `Spool`.   done, frames: frames that are kept, and all.
    size: bytes.   age: seconds since something was added.   running: a run works on it.
    """

    id: str
    folder: Path
    about: Mapping[str, Any]
    engine: str
    done: int
    frames: int
    size: int
    age: float
    running: bool


@dataclass(frozen=True)
class Spool:
    """Where finished pieces of costly jobs are kept.

    folder: nobody but the user may read it.   limit: bytes that all jobs in it may take.
    about: what a list of jobs shows of those that are begun with it, and how they are resumed:
        ``picture``, ``audio``, ``output``, ``words``, ``folder``, as far as there is such.
    """

    folder: Path
    limit: int = LIMIT
    about: Mapping[str, Any] = field(default_factory=dict)

    def store(self, parts: Mapping[str, Any], n_frames: int, engine: str) -> Store:
        """Where the segments of a job are.

        parts: all that its frames depend on; two jobs with the same parts are one.
        """
        self._tidy()
        key = digest_of(parts)
        others = sum(bytes_in(path) for path in _folders(self.folder) if path.name != key)
        manifest = {"engine": engine, "frames": n_frames, "about": dict(self.about)}
        return Store(self.folder / key, manifest, max(0, self.limit - others))

    def jobs(self) -> list[Kept]:
        """All jobs, the newest first."""
        found = (_kept(folder) for folder in _folders(self.folder))
        return sorted((job for job in found if job is not None), key=lambda job: job.age)

    def job(self, name: str) -> Kept:
        """The job whose id begins like that. Raises InputError where none or several do."""
        found = [job for job in self.jobs() if name and job.folder.name.startswith(name)]
        if len(found) != 1:
            what = "No job" if not found else "More than one job"
            raise InputError(f"{what} has an id that begins with {name!r}. See: imgsync jobs")
        return found[0]

    def content(self, path: Path) -> str:
        """A digest of what a file holds, read once as long as name, time and size are the same."""
        from ..media.digest import of_file  # PyAV, which a list of jobs does without

        state = path.stat()
        found = read_json(self.folder / HASHES)
        known = found if isinstance(found, dict) else {}
        name = str(path.resolve())
        stamp = [state.st_mtime_ns, state.st_size]
        match known.get(name):
            case [then, str(digest)] if then == stamp:
                return digest
        digest = of_file(path)
        with contextlib.suppress(OSError):  # it is read again the next time
            private_folder(self.folder)
            text = json.dumps({**known, name: [stamp, digest]})
            write_whole(self.folder / HASHES, [text.encode()])
        return digest

    def _tidy(self) -> None:
        """Delete jobs that nobody has gone on with for long."""
        for job in self.jobs():
            if job.age > OLD and not job.running:
                with contextlib.suppress(OutputError):
                    remove(job.folder)


def default_folder() -> Path:
    """Where jobs are kept unless another folder is named: ``jobs`` in our cache folder."""
    return user_folder("cache") / "jobs"


def digest_of(parts: Mapping[str, Any]) -> str:
    """A name for all that a job's frames depend on."""
    return hashlib.blake2b(_canonical(parts).encode(), digest_size=DIGEST).hexdigest()


def _canonical(parts: Mapping[str, Any]) -> str:
    return json.dumps(parts, sort_keys=True, default=str)


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if (path / MANIFEST).is_file()]


def _kept(folder: Path) -> Kept | None:
    manifest = manifest_of(folder)
    if manifest is None:
        return None
    newest = 0.0
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # it has just been deleted
            newest = max(newest, path.stat().st_mtime if path.name != LOCK else 0.0)
    return Kept(
        id=folder.name[:12],
        folder=folder,
        about=manifest["about"],
        engine=manifest["engine"],
        done=ready(folder),
        frames=manifest["frames"],
        size=bytes_in(folder),
        age=max(0.0, time.time() - newest),
        running=is_held(folder),
    )
