"""The ``imgsync jobs`` command: what was interrupted and can be gone on with."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..machine import readable
from .parser import examples

if TYPE_CHECKING:
    from ..spool.jobs import Kept, Spool

_UNITS = ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"))
_WIDTHS = (13, 18, 9, 9, 11, 24)


def add(commands: Any, parser: argparse.ArgumentParser) -> None:
    """Add the command to the parser, which reads the words of jobs again."""
    p = commands.add_parser(
        "jobs",
        help="list, resume and delete videos that were interrupted",
        description="Videos of costly engines that were interrupted: what is finished of them is "
        "kept. The same command goes on from there, and so does resume.",
        epilog=examples("jobs", "jobs resume 3f2a", "jobs delete --all"),
    )
    p.set_defaults(run=_list, json=False, spool="")
    _add_rest(p)
    actions = p.add_subparsers(title="actions", metavar="ACTION")
    resume = actions.add_parser("resume", help="go on with one, as it was asked for")
    resume.add_argument("id", metavar="ID", help="or as much of its beginning as tells it apart")
    resume.set_defaults(run=lambda args: _resume(args, parser))
    delete = actions.add_parser("delete", help="delete what is kept of one or of all")
    delete.add_argument("id", metavar="ID", nargs="?")
    delete.add_argument("--all", action="store_true", help="of all that nobody is drawing")
    delete.set_defaults(run=_delete)
    for action in (resume, delete):
        _add_rest(action)


def _add_rest(p: argparse.ArgumentParser) -> None:
    p.add_argument("--spool", metavar="DIR", default=argparse.SUPPRESS, help="where they are kept")
    p.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print the result as JSON"
    )


def _spool(args: argparse.Namespace) -> Spool:
    from ..spool.jobs import Spool, default_folder

    return Spool(Path(args.spool) if args.spool else default_folder())


def _list(args: argparse.Namespace) -> None:
    spool = _spool(args)
    jobs = spool.jobs()
    if args.json:
        shown = [_as_dict(job) for job in jobs]
        print(json.dumps({"folder": str(spool.folder), "jobs": shown}, indent=1))
        return
    if not jobs:
        print(f"Nothing was interrupted: no jobs in {spool.folder}.")
        return
    print(_row("ID", "DONE", "SIZE", "AGE", "ENGINE", "PICTURE", "AUDIO"))
    for job in jobs:
        print(list_row(job))
    if any(job.running for job in jobs):
        print("* is being drawn right now")


def list_row(job: Kept) -> str:
    """A job for the list that people see."""
    done = f"{job.done} of {job.frames}" + (" *" if job.running else "")
    names = (Path(job.about.get(name) or "-").name for name in ("picture", "audio"))
    return _row(job.id, done, readable(job.size), _age(job.age), job.engine, *names)


def _row(*cells: str) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=False))
    return "".join([*padded, cells[-1]]).rstrip()


def _age(seconds: float) -> str:
    unit, name = next((u, n) for u, n in _UNITS if seconds >= u or u == 1)
    return f"{seconds / unit:.0f} {name}"


def _as_dict(job: Kept) -> dict[str, Any]:
    about = {name: job.about.get(name) for name in ("picture", "audio", "output")}
    return {
        "id": job.id, "engine": job.engine, "done": job.done, "frames": job.frames,
        "bytes": job.size, "age": round(job.age), "running": job.running, **about,
    }  # fmt: skip


def _resume(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    spool = _spool(args)
    job = spool.job(args.id)
    words = job.about.get("words")
    if not words:
        raise InputError(f"{job.id} was begun by a graph or a batch. Run that once more.")
    again = parser.parse_args(words)
    again.words, again.spool = words, str(spool.folder.absolute())
    again.files = [job.about["picture"], *filter(None, [job.about["audio"]])]
    again.output = job.about["output"]
    again.json = again.json or args.json
    with _inside(Path(job.about["folder"])):
        return again.run(again)


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """In another folder, that names of files count from."""
    before = Path.cwd()
    try:
        os.chdir(folder)
    except OSError:
        raise InputError(f"{folder}, where the job was begun, is not there any more.") from None
    try:
        yield
    finally:
        os.chdir(before)


def _delete(args: argparse.Namespace) -> None:
    from ..spool.store import remove

    spool = _spool(args)
    if bool(args.id) == args.all:
        raise InputError("Say which job: its ID, or --all.")
    jobs = [job for job in spool.jobs() if not job.running] if args.all else [spool.job(args.id)]
    for job in jobs:
        remove(job.folder)
    size = sum(job.size for job in jobs)
    if args.json:
        print(json.dumps({"deleted": [job.id for job in jobs], "bytes": size}))
        return
    count = "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"
    print(f"deleted {count}, {readable(size)}")
