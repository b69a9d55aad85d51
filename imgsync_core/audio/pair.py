"""torch and torchaudio, which have to be of one release; torchaudio is asked for only here."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any

from ..errors import SoundError


def torchaudio() -> Any:
    """The module. Raises SoundError with both versions and the cure where it cannot be had."""
    try:
        return importlib.import_module("torchaudio")
    except (ImportError, OSError, RuntimeError) as e:
        sentence = mismatch(version_of("torch"), version_of("torchaudio"), first_line(e))
        raise SoundError(sentence) from e


def version_of(name: str) -> str | None:
    """Of an installed distribution; None where there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def matches(torch: str | None, audio: str | None) -> bool:
    """Whether two versions are of one release, and built for the same device where both say."""
    if torch is None or audio is None:
        return False
    (release, _, build), (other, _, own) = torch.partition("+"), audio.partition("+")
    return release.split(".")[:2] == other.split(".")[:2] and (not build or not own or build == own)


def mismatch(torch: str | None, audio: str | None, error: str | None) -> str:
    """What is wrong between two versions, and the cure. error: of importing torchaudio."""
    release, _, build = (torch or "").partition("+")
    built = f" built for {build}, from where torch came from" if build else ""
    what = "is not installed" if audio is None else f"{audio} does not fit"
    if error is not None and audio is not None:
        what = f"{audio} cannot be imported ({error})"
    return (
        f"torchaudio {what} beside torch {torch}; install torchaudio {release}{built}: "
        f"pip install --force-reinstall --no-deps torchaudio=={release}. "
        "Extend and the built-in animator work without it."
    )


def first_line(error: BaseException) -> str:
    """The first line of an error."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
