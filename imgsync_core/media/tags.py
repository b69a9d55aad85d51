"""What is written beside picture and sound: graphs and notes, as text that any container takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import OutputError


def text_of(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Tags as text: what is none is written as JSON.

    Graphs come out of files of strangers: what no file can hold, NUL and halves of characters, is
    left out or replaced. Raises OutputError for what is no JSON, or nested too deep.
    """
    return {_clean(key): _clean(_text(key, value)) for key, value in metadata.items()}


def _text(key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError) as e:
        raise OutputError(
            f"The metadata {key[:40]!r} cannot be written as JSON ({e}). Save the workflow anew, "
            "or start ComfyUI with --disable-metadata."
        ) from None


def _clean(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
