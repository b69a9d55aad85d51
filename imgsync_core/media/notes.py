"""What was lost or changed of what came in: told in words, never hidden.

What decodes, and when, decides; what a header says is a hint. Where the two differ a reader goes
on as every player does, and notes what that costs. A strict reader refuses instead.
"""

from __future__ import annotations

from ..errors import InputError


class Notes:
    """Sentences about one file, each told once, in the order in which they came up.

    error: what a strict reader raises.   strict: refuse what would lose something.
    """

    def __init__(self, error: type[InputError], *, strict: bool = False) -> None:
        self._error, self._strict = error, strict
        self._told: dict[str, None] = {}

    def tell(self, sentence: str) -> None:
        """Something was read in another way than it may seem; nothing is lost."""
        self._told[sentence] = None

    def lose(self, sentence: str) -> None:
        """Something of the file is lost. Raises the error of a strict reader."""
        if self._strict:
            raise self._error(f"{sentence}. Repair or export the file again, or do not be strict.")
        self.tell(sentence)

    def all(self) -> tuple[str, ...]:
        """What was told so far."""
        return tuple(self._told)
