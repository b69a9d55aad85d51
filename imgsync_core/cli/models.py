"""The ``imgsync models`` command: list, verify, fetch."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..errors import WeightsError
from .parser import examples


def add(commands: Any) -> None:
    """Add the command to the parser."""
    p = commands.add_parser(
        "models",
        help="list, check and fetch the files of published models",
        description="The files of published models: which there are, whether they are here and "
        "whole, and how to get them. Nothing is fetched unless you say so.",
        epilog=examples(
            "models list",
            "models fetch latentsync-1.6",
            "models fetch musetalk-1.5 --models ComfyUI/models/imgsync",
        ),
    )
    actions = p.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="which files there are, and which are here")
    listing.set_defaults(run=_list)
    check = actions.add_parser("verify", help="check size, hash, keys and shapes of files")
    check.add_argument("names", metavar="NAME", nargs="*", help="which (all that are here)")
    check.set_defaults(run=_verify)
    fetching = actions.add_parser("fetch", help="fetch a file and what is used with it")
    fetching.add_argument("name", metavar="NAME", help="such as latentsync-1.6")
    fetching.add_argument("--quiet", action="store_true", help="show no progress")
    fetching.set_defaults(run=_fetch)
    for action in (listing, check, fetching):
        _add_folder(action)
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def _add_folder(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--models",
        metavar="DIR",
        help="where models live (IMGSYNC_MODELS, or imgsync/models in your data folder)",
    )


def models_folder(args: argparse.Namespace) -> Path:
    """The folder that --models names, or the usual one."""
    from ..models.published import default_folder

    return Path(args.models) if args.models else default_folder()


def _list(args: argparse.Namespace) -> None:
    from ..models.published import published

    folder = models_folder(args)
    entries = [
        {
            "name": model.name,
            "title": model.title,
            "here": model.path(folder).is_file(),
            "path": str(model.path(folder)),
            "url": model.url,
            "size": model.size,
            "sha256": model.sha256,
            "licence": model.licence,
            "commercial": model.commercial,
            "needs": list(model.needs),
        }
        for model in published()
    ]
    if args.json:
        print(json.dumps({"folder": str(folder), "models": entries}, indent=1))
        return
    print(f"models in {folder}")
    for e in entries:
        print(f"{'*' if e['here'] else '-'} {e['name']:16} {e['title']}")
        print(f"    licence: {e['licence']}; commercial use: {e['commercial']}")
        print(f"    {e['path'] if e['here'] else e['url']}")
    print("* is here, - is not: imgsync models fetch NAME")


def _verify(args: argparse.Namespace) -> None:
    from ..models.published import named, published
    from ..models.verify import verify

    folder = models_folder(args)
    asked = [named(name) for name in args.names]
    verdicts = [verify(m, folder) for m in asked or published() if asked or m.path(folder).exists()]
    if args.json:
        found = [
            {"name": v.model.name, "state": v.state, "path": str(v.path), "notes": list(v.notes)}
            for v in verdicts
        ]
        print(json.dumps({"folder": str(folder), "models": found}, indent=1))
    else:
        print("\n".join(v.sentence for v in verdicts) or f"no models in {folder}")
    wrong = [v.model.name for v in verdicts if v.state != "good"]
    if wrong and args.json:
        raise SystemExit(1)  # all is said, in one document
    if wrong:
        raise WeightsError(f"Not good: {', '.join(wrong)}. Fetch again: imgsync models fetch NAME.")


def _fetch(args: argparse.Namespace) -> None:
    from ..models.fetch import fetch
    from ..models.published import with_needs

    folder = models_folder(args)
    paths = []
    for model in with_needs(args.name):
        with _Bar(model.name, args.quiet or args.json) as bar:
            paths.append(str(fetch(model, folder, bar)))
    if args.json:
        print(json.dumps({"paths": paths}))
        return
    print("\n".join(paths))


class _Bar:
    """Bytes on a terminal, nothing elsewhere."""

    def __init__(self, name: str, silent: bool) -> None:
        self._name, self._silent = name, silent or not sys.stderr.isatty()
        self._bar: Any = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, done: int, total: int | None) -> None:
        if self._silent:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=self._name, unit="B", unit_scale=True, leave=False)
        self._bar.update(done - self._bar.n)
