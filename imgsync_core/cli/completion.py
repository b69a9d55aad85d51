"""The command that prints a script with which a shell completes the others: completion."""

from __future__ import annotations

import argparse
from typing import Any

from .parser import commands_of, examples, options_of

SHELLS = ("bash", "zsh", "fish")

_BASH = """_imgsync() {{
  local now="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  case "${{COMP_WORDS[1]}} $before" in
{values}
  esac
  if [[ $COMP_CWORD == 1 ]]; then COMPREPLY=($(compgen -W "{commands}" -- "$now")); return; fi
  [[ $now == -* ]] || return
  case "${{COMP_WORDS[1]}}" in
{options}
  esac
}}
complete -o default -F _imgsync imgsync
"""
_ZSH = "autoload -U +X compinit && compinit -u\nautoload -U +X bashcompinit && bashcompinit\n"


def add(commands: Any, parser: argparse.ArgumentParser) -> None:
    """Add the command to the parser, whose words it completes."""
    p = commands.add_parser(
        "completion",
        help="print a script that completes the words of imgsync",
        description="Print a script with which a shell completes commands, options and values.",
        epilog=examples(
            'completion bash >> ~/.bashrc    # or: eval "$(imgsync completion bash)"',
            "completion fish > ~/.config/fish/completions/imgsync.fish",
        ),
    )
    p.add_argument("shell", choices=SHELLS)
    p.set_defaults(run=lambda args: print(script(parser, args.shell), end=""), json=False)


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for a shell."""
    known = {name: options_of(below) for name, below in commands_of(parser).items()}
    if shell == "fish":
        return _fish(known)
    values = [
        f'    "{name} {word}") COMPREPLY=($(compgen -W "{" ".join(choices)}" -- "$now")); return;;'
        for name, words in known.items()
        for word, choices in words.items()
        if choices and not any(" " in choice for choice in choices)
    ]
    options = [
        f'    {name}) COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$now"));;'
        for name, words in known.items()
    ]
    text = _BASH.format(
        values="\n".join(values), options="\n".join(options), commands=" ".join(known)
    )
    return text if shell == "bash" else _ZSH + text


def _fish(known: dict[str, dict[str, tuple[str, ...]]]) -> str:
    lines = [f"complete -c imgsync -n __fish_use_subcommand -a '{' '.join(known)}'"]
    for name, words in known.items():
        for word, choices in words.items():
            below = f"-n '__fish_seen_subcommand_from {name}' -l {word[2:]}"
            wanted = f" -x -a '{' '.join(choices)}'" if choices else ""
            lines.append(f"complete -c imgsync {below}{wanted}")
    return "\n".join(lines) + "\n"
