"""Where the files are that an engine needs: named by hand, beside its weights, or in the folder.

Needs neither numpy nor torch: choice and examination ask what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import WeightsError
from ...models.published import default_folder, how_to_fetch, named, where_to_put
from ..base import Need, Values


def locate(needs: Sequence[Need], values: Values, models: Path | None) -> tuple[Path, ...]:
    """The file of each need, in order; the first is the engine's main one.

    values: of the engine's options.   models: folder of published files, None = the usual one.
    Raises WeightsError that says which file is missing, where it was looked for and how to get it.
    """
    folder = models or default_folder()
    main = _main(needs[0], values, folder)
    beside = _beside(needs[0], values, main)
    rest = (_fitting(need, needs[0], main) for need in needs[1:])
    return (main, *(_other(need, values, beside, folder) for need in rest))


def missing(needs: Sequence[Need], values: Values, models: Path | None) -> tuple[str, ...]:
    """The published files that ``locate`` would miss; of alternatives the best stands for all."""
    if not needs:
        return ()
    folder = models or default_folder()
    lacking = []
    try:
        main = _main(needs[0], values, folder)
    except WeightsError:
        main = Path(str(values.get(needs[0].option) or folder / "nowhere"))
        lacking.append(needs[0].published[0])
    beside = _beside(needs[0], values, main)
    for need in (_fitting(need, needs[0], main) for need in needs[1:]):
        try:
            _other(need, values, beside, folder)
        except WeightsError:
            lacking.append(need.published[0])
    return tuple(lacking)


def found(need: Need, models: Path | None) -> list[Path]:
    """Those of a need's published files that are in the models folder, the best first."""
    folder = models or default_folder()
    return [path for path in _published(need, folder) if path.is_file()]


def _fitting(need: Need, first: Need, main: Path) -> Need:
    """A paired need with only the alternative that belongs to the main file, if its name tells."""
    names = [Path(inside).name for inside in first.inside]
    if not need.paired or main.name not in names:
        return need
    at = names.index(main.name)
    one = slice(at, at + 1)
    return replace(need, published=need.published[one], inside=need.inside[one])


def _published(need: Need, folder: Path) -> Iterator[Path]:
    for name in need.published:
        yield named(name).path(folder)


def _main(need: Need, values: Values, folder: Path) -> Path:
    given = values.get(need.option)
    if not given:
        return _in_models(need, folder)
    path = _named(need, Path(given))
    if path is None:  # a whole models folder, named as the weights' folder, has them by its names
        places = [*_published(need, Path(given)), *_published(need, Path(given).parent)]
        path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise _holds_none(need, Path(given))
    return path


def _beside(need: Need, values: Values, main: Path) -> list[Path]:
    """Folders near the weights that somebody named, where the others may be."""
    given = values.get(need.option)
    if not given:
        return []
    return [Path(given), main.parent] if Path(given).is_dir() else [main.parent]


def _other(need: Need, values: Values, beside: Sequence[Path], folder: Path) -> Path:
    given = values.get(need.option)
    if given:
        path = _named(need, Path(given))
        if path is None:
            raise _holds_none(need, Path(given))
        return path
    near = (path for place in beside if (path := _inside(need, place)) is not None)
    return next(near, None) or _in_models(need, folder)


def _named(need: Need, path: Path) -> Path | None:
    """The file of that name, or in the folder of that name."""
    if path.is_file():
        return path
    if not path.exists():
        raise WeightsError(f"{need.option}: there is no file or folder {path}. Check the name.")
    return _inside(need, path)


def _inside(need: Need, folder: Path) -> Path | None:
    places = (folder / name for name in need.inside)
    return next((place for place in places if place.is_file()), None)


def _in_models(need: Need, folder: Path) -> Path:
    path = next((p for p in _published(need, folder) if p.is_file()), None)
    if path is None:
        model = named(need.published[0])
        raise WeightsError(
            f"{need.what} not here. {how_to_fetch(model.name, folder)} Or by hand: "
            f"{where_to_put(model, folder)}"
        )
    return path


def _holds_none(need: Need, path: Path) -> WeightsError:
    name = Path(need.inside[0]).name
    return WeightsError(f"{path} holds no {name}. Name the file, or the folder with it.")
