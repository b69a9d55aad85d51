"""The command that makes the videos of a table, in processes here or on a Ray cluster: batch."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ImgSyncError
from .base import add_spool
from .journal import note
from .parser import examples
from .progress import Progress

if TYPE_CHECKING:
    from ..batch.pool import Pool
    from ..batch.results import Record
    from ..batch.run import Batch, Order

HERE, RAY = "here", "ray"
_WORKER_MEMORY = 1_000_000_000  # bytes that a worker takes at its peak, of pictures up to 1080p
_RESULTS = "results.csv"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p = commands.add_parser(
        "batch",
        help="make the videos of a table, many at a time",
        description="Make one video for each row of a table: CSV with a header, or JSON objects "
        "one a line. Columns: picture and audio; output, a name below DIR; engine, what moves the "
        "face (none: the picture only lasts); and every option of extend and animate by its "
        "long name. All rows are checked before the first is made. The same command again makes "
        "what is not there yet, and goes on with what was interrupted.",
        epilog=examples(
            "batch jobs.csv -o videos                        # of picture,audio: they last",
            "batch jobs.csv -o videos --set engine=built-in  # every face speaks",
            "batch jobs.jsonl -o videos --workers 4 --set size=720x1280 --set fit=auto",
            "batch jobs.csv -o videos --dry-run              # what is wrong with the table?",
            "batch s3://bucket/jobs.csv -o s3://bucket/videos --on ray --gpus-per-row 1",
        ),
    )
    p.add_argument(
        "table", metavar="TABLE", help="the file with the rows; names in it are beside it"
    )
    p.add_argument("-o", "--output", required=True, metavar="DIR", help="where the videos go")
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="what every row has that does not say it itself",
    )
    p.add_argument("--overwrite", action="store_true", help="make anew what is there already")
    p.add_argument("--dry-run", action="store_true", help="check all rows, and write nothing")
    p.add_argument(
        "--results",
        metavar="FILE",
        help=f"where what became of each row is written, .csv or .jsonl (DIR/{_RESULTS})",
    )
    p.add_argument("--quiet", action="store_true", help="show no progress")
    p.add_argument("--log", metavar="FILE", help="append what happens to this file")
    p.add_argument("--json", action="store_true", help="print the result as JSON")
    where = p.add_argument_group("where")
    where.add_argument("--on", choices=(HERE, RAY), default=HERE, help="what works (here)")
    where.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="here: processes (as many as there are cores and memory for; 1 with engines whose "
        "networks take all of the machine)",
    )
    where.add_argument(
        "--address", help="ray: of the cluster (the one it finds, or a new one on this machine)"
    )
    where.add_argument(
        "--gpus-per-row", type=float, metavar="N", help="ray: for a row alone, such as 1 or 0.5"
    )
    add_spool(p)
    p.set_defaults(run=partial(_batch, p))


def _batch(p: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    from ..batch.places import resolved
    from ..batch.results import MADE
    from .working import WORK

    said = _usage(p, args)
    args.table, args.output = resolved(args.table, ""), resolved(args.output, "")
    results = _results_file(args)
    batch = _checked_table(args, said, results)
    began = time.perf_counter()
    with _pool(args, batch) as pool:
        try:
            with _told(args, "rows checked", batch) as tell:
                batch.check(WORK, pool, tell)
            if not args.dry_run:
                _make(args, batch, pool, results)
        except KeyboardInterrupt:
            raise ImgSyncError(_stopped(batch, results)) from None
    counts = batch.counts()
    _show(args, batch, results, time.perf_counter() - began)
    fine = {"waiting", MADE, "skipped"} if args.dry_run else {MADE, "skipped"}
    return 0 if set(counts) <= fine else 1


def _usage(p: argparse.ArgumentParser, args: argparse.Namespace) -> dict[str, str]:
    """What is set for every row; ends the command where its words make no sense."""
    from ..batch.table import ALIASES
    from .rows import FILES, columns

    if args.workers is not None and args.workers < 1:
        p.error("argument --workers: at least 1 is needed")
    if args.on != RAY and (args.address is not None or args.gpus_per_row is not None):
        p.error("--address and --gpus-per-row are for --on ray")
    if args.on == RAY and args.workers is not None:
        p.error("--workers is for processes here; Ray has those of its cluster")
    if args.gpus_per_row is not None and not args.gpus_per_row > 0:
        p.error("argument --gpus-per-row: more than 0 is needed")
    said = {}
    for word in args.set:
        name, equals, value = word.partition("=")
        name = ALIASES.get(name, name)
        if not equals or name not in columns() or name == FILES[-1]:
            p.error(f"argument --set: {word!r} is no COLUMN=VALUE that rows can have")
        said[name] = value
    return said


def _results_file(args: argparse.Namespace) -> Path:
    """Where the results are written, on this machine even if the videos go elsewhere."""
    from ..batch.places import is_address

    if args.results:
        return Path(args.results)
    if not is_address(args.output):
        return Path(args.output) / _RESULTS
    folder = Path() if is_address(args.table) else Path(args.table).parent
    return folder / f"{Path(args.table).stem}-{_RESULTS}"


def _checked_table(args: argparse.Namespace, said: dict[str, str], results: Path) -> Batch:
    """The rows, checked as far as that opens none of their files."""
    from ..batch import places
    from ..batch.results import read_results
    from ..batch.run import Batch
    from ..batch.table import read_table
    from .rows import Orders, columns

    data, name = places.read(args.table), args.table.replace("\\", "/").rpartition("/")[2]
    rows = read_table(data, name, columns())
    known = read_results(_brought(args, results))
    folder, keeping = places.folder_of(args.table), _keeping(args)
    orders = Orders(folder, _folder(args), known, said, args.overwrite, keeping)
    orders.add(rows)
    return Batch(orders.made, orders.refused, orders.former())


def _keeping(args: argparse.Namespace) -> tuple[str, ...]:
    """Words of each row with a face, see `Order`; where none is named, each machine has its own."""
    if args.no_spool:
        return ("--no-spool",)
    where = [f"--spool={os.path.abspath(args.spool)}"] if args.spool else []
    return (*where, f"--spool-limit={args.spool_limit}")


def _folder(args: argparse.Namespace) -> str:
    from ..batch.places import is_address

    return args.output if is_address(args.output) else os.path.abspath(args.output)


def _brought(args: argparse.Namespace, results: Path) -> Path:
    """The results file; of videos at an address that which lies there, if none is here."""
    from ..batch import places

    if places.is_address(args.output) and not results.exists() and not args.dry_run:
        there = places.resolved(_RESULTS, args.output)
        if places.size(there) is not None:
            results.write_bytes(places.read(there))
    return results


def _pool(args: argparse.Namespace, batch: Batch) -> AbstractContextManager[Pool]:
    if args.on == HERE:
        from ..batch.here import Here

        return Here(args.workers or _usual_workers(batch.orders))
    from ..batch.on_ray import OnRay

    pool = OnRay(args.address, args.gpus_per_row or 0)
    if lacks := pool.lacks():
        print(f"note: {lacks}", file=sys.stderr)
    return pool


def _usual_workers(orders: Sequence[Order]) -> int:
    """As many as this machine has cores and free memory for."""
    from ..engines.registry import AUTO, spec_of
    from ..machine import cores, main_memory

    words = {word for order in orders for word in order.words if word.startswith("--engine=")}
    engines = {word.partition("=")[2] for word in words}
    if any(name == AUTO or spec_of(name).needs for name in engines):
        return 1
    free = main_memory()[1]
    most = free // _WORKER_MEMORY if free else cores()
    return max(1, min(cores(), most, len(orders)))


def _make(args: argparse.Namespace, batch: Batch, pool: Pool, path: Path) -> None:
    from ..batch import places
    from ..batch.results import Results
    from .working import WORK

    away = places.is_address(args.output)
    places.make_folder(path.absolute().parent)
    if not away:
        places.make_folder(Path(args.output))
    try:
        with Results(path) as results, _told(args, "rows", batch) as tell:
            batch.make(WORK, pool, results, tell)
    finally:
        if away:
            places.put(path, places.resolved(_RESULTS, args.output))


@contextmanager
def _told(args: argparse.Namespace, unit: str, batch: Batch) -> Iterator[Callable[[Record], None]]:
    """A function that tells of each row that is done, and of what is wrong with it."""
    total, done = len(batch.todo) or len(batch.orders) + len(batch.refused), 0
    with Progress(args.quiet or args.json, unit) as progress:

        def tell(record: Record) -> None:
            nonlocal done
            done += 1
            if record.error:
                between = ", " if record.error.startswith("column ") else ": "
                progress.say(f"imgsync: row {record.row}{between}{record.error}")
                note(args, f"row {record.row}{between}{record.error}")
            progress.step(done, total)

        yield tell


def _stopped(batch: Batch, results: Path) -> str:
    if not batch.records or "made" not in batch.counts():
        return "Stopped before a row was made."
    n = batch.counts()["made"]
    return (
        f"Stopped: {n} of {len(batch.todo)} rows are made and stay ({results} has them). The same "
        "command goes on from there."
    )


def _show(args: argparse.Namespace, batch: Batch, results: Path, seconds: float) -> None:
    counts = batch.counts()
    states = ("made", "skipped", "failed", "refused")
    if args.json:
        wrong = [
            {"row": r.row, "output": r.output, "status": r.status, "error": r.error}
            for r in batch.in_order()
            if r.error
        ]
        told: dict[str, Any] = {state: counts.get(state, 0) for state in states}
        if args.dry_run:
            told["waiting"] = counts.get("waiting", 0)
        told |= {"results": str(results), "seconds": round(seconds, 3), "errors": wrong}
        print(json.dumps(told, indent=1))
        return
    if args.dry_run:
        states = ("waiting", "skipped", "refused")
    words = {"skipped": "made before", "waiting": "to make"}
    parts = [f"{counts[s]} {words.get(s, s)}" for s in states if s in counts]
    end = "nothing is written" if args.dry_run else f"in {seconds:.1f} s; see {results}"
    line = f"{len(batch.records)} rows: {', '.join(parts)}; {end}"
    note(args, line)
    print(line)
