"""The words of a command: short errors, help with examples, scripts that complete them."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

EXAMPLES = "examples:"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and where help is."""

    def __init__(self, *args: Any, **words: Any) -> None:
        super().__init__(*args, **{"formatter_class": _Help, **words})

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. Try: {self.prog} --help\n")


class _Help(argparse.HelpFormatter):
    """Fills paragraphs, but leaves the lines of examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith(EXAMPLES):
            return text
        return super()._fill_text(text, width, indent)


def examples(*lines: str) -> str:
    """What a command's help ends with."""
    return "\n".join([EXAMPLES, *(f"  imgsync {line}" for line in lines)])


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands below a parser by name; none where it has none."""
    actions = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(actions[0].choices) if actions else {}


def options_of(parser: argparse.ArgumentParser) -> dict[str, tuple[str, ...]]:
    """The options of a command, the long ones, each with the values that it can have."""
    found: dict[str, tuple[str, ...]] = {}
    for action in parser._actions:
        for word in action.option_strings:
            if word.startswith("--"):
                found[word] = tuple(str(choice) for choice in action.choices or ())
    return found


def switches_of(parser: argparse.ArgumentParser) -> set[str]:
    """Those of its long options that take no value."""
    return {word for a in parser._actions if a.nargs == 0 for word in a.option_strings}
