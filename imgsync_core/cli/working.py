"""What a worker does with a row, wherever it is: look at it, or make its video."""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..batch import places
from ..batch.results import FAILED, MADE, Record
from ..batch.run import Order, Seen, Work
from ..errors import ImgSyncError, InputError, OutputError
from . import animate
from .base import background_of, job_of, spool_of
from .rows import ANIMATE, blaming, parsed
from .tasks import Task

if TYPE_CHECKING:
    from ..engines.runtime.networks import KeptLibrary
    from ..job import Job
    from ..media.muxer import Report


def look(order: Order) -> Seen:
    """Whether the row can be made, and whether it was. Nothing is written."""
    try:
        return _seen(order)
    except ImgSyncError as e:
        return Seen(error=str(e))
    except Exception as e:  # a row that is odd in a way nobody thought of stops no others
        return Seen(error=_unforeseen(e))


def make(order: Order) -> Record:
    """The video of a row."""
    began = time.perf_counter()
    try:
        with blaming(None):
            made = _described(order, _made(order))
    except ImgSyncError as e:
        made = order.record(FAILED, str(e))
    except Exception as e:  # as above
        made = order.record(FAILED, _unforeseen(e))
    return replace(made, wall_seconds=round(time.perf_counter() - began, 3))


WORK = Work(look, make)


def _unforeseen(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "The memory is full. Use a smaller --size, or fewer --workers."
    return f"An unforeseen error, {type(error).__name__}: {error}"


# -- look --


def _seen(order: Order) -> Seen:
    target = places.resolved(order.output, order.folder)
    for name, source in zip(_columns(order), order.sources, strict=False):
        with blaming(name):
            places.stamp(source)
    key, known, size = _key(order), order.known, places.size(target)
    same = size is not None and known is not None and (known.key, known.bytes) == (key, size)
    if known is not None and same and not order.anew and _is_whole(target, known):
        return Seen(key=key, whole=True)
    with blaming("output"):
        _refuse_target(order, target, size is not None)
    _find_weights(order)
    if not any(map(places.is_address, order.sources)):  # those are opened when they are fetched
        with blaming(None):
            _open(_job(order, list(order.sources), Path(target)))
    return Seen(key=key)


def _columns(order: Order) -> list[str]:
    return ["picture", "audio"] if order.audio else ["picture"]


def _key(order: Order) -> str:
    """Changes when the row, or one of its files, does."""
    said = (order.picture, order.audio, order.words, [places.stamp(s) for s in order.sources])
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def _is_whole(target: str, known: Record) -> bool:
    if places.is_address(target):  # reading it would fetch it: its size has to do
        return True
    from ..media.probe import probe

    try:
        picture = probe(target).picture
    except InputError:
        return False
    return picture is not None and picture.frames == known.frames


def _refuse_target(order: Order, target: str, is_there: bool) -> None:
    from ..media.target import check_target

    ours = order.known is not None and order.known.key
    if is_there and not (ours or order.anew):
        raise OutputError(f"{order.output} is there already. Name another, or use --overwrite.")
    if places.is_address(target):
        return
    path = Path(target)
    if not path.resolve().is_relative_to(Path(order.folder).resolve()):  # through a link
        raise OutputError(f"{order.output} leads out of the output folder. Name another.")
    if path.parent.is_dir():
        check_target(path, overwrite=True)


def _find_weights(order: Order) -> None:
    """Raise FaultError where the engine lacks a file on the machine of this worker."""
    from ..engines.options import checked
    from ..engines.registry import AUTO, spec_of
    from ..engines.runtime.files import locate

    args = parsed(order.words)
    if order.words[0] != ANIMATE or args.engine == AUTO or not spec_of(args.engine).needs:
        return
    spec, models = spec_of(args.engine), Path(args.models) if args.models else None
    with blaming("engine"):
        options = animate.animation_of(args).options
        locate(spec.needs, checked(spec.options, options, spec.name), models)


def _open(job: Job) -> None:
    """Open picture and sound as rendering does; a face is looked for when it is made."""
    from ..job import prepare

    prepare(replace(job, animation=None, framing="")).close()


# -- make --


def _made(order: Order) -> Report:
    from ..job import prepare, render
    from ..media.encoding import preset_for

    args = parsed((*order.words, *order.keeping))
    n = len(_columns(order))
    target = places.resolved(order.output, order.folder)
    picture, audio = (*order.sources[:n], None)[:2]
    spool = spool_of(args, {"picture": picture, "audio": audio, "output": target})
    with places.fetched(*order.sources[:n]) as files, places.delivered(target) as path:
        job, background = _job(order, files, path), background_of(args)
        encoding = preset_for(path, args.preset).tuned(args.crf, args.audio_bitrate)
        with (
            _hosted(job, args) as job,
            prepare(job, place=path, spool=spool, trial=False) as prepared,
        ):
            return render(prepared, path, encoding, background=background, overwrite=True)


@contextmanager
def _hosted(job: Job, args: argparse.Namespace) -> Iterator[Job]:
    """The job with the device of this worker, and the networks that its last row had."""
    if job.animation is None:
        yield job
        return
    host, library = animate.host_of(args), _library()
    yield replace(job, animation=replace(job.animation, host=replace(host, library=library)))
    library.turn()


def _job(order: Order, files: list[str], path: Path) -> Job:
    args = parsed(order.words)
    animation = animate.animation_of(args) if order.words[0] == ANIMATE else None
    sound = files[1] if order.audio else None
    return job_of(args, Task(files[0], sound, path), animation)


@functools.cache
def _library() -> KeptLibrary:
    """Networks of the last row in this process: loading them takes longer than many a row."""
    from ..engines.runtime.networks import KeptLibrary

    return KeptLibrary()


def _described(order: Order, report: Report) -> Record:
    info = report.info
    picture: Any = info.picture
    return replace(
        order.record(MADE),
        frames=picture.frames,
        seconds=round(float(info.duration), 6),
        fps=str(picture.fps),
        offset_ms=round(float(info.difference) * 1000, 3),
        notes="; ".join(report.notes),
        bytes=info.bytes,
    )
