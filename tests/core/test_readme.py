"""What the README says can be done by pasting can be: each command, in order."""

import re
import shlex
from pathlib import Path

import pytest

from imgsync_core.batch.table import read_table
from imgsync_core.cli.rows import Orders, columns

from .command import imgsync

__all__ = ["imgsync"]
ROOT = Path(__file__).parents[2]
MAKES = ("animate", "extend")  # planned, not made: that the files and words are right is enough


def commands(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    block = re.search(r"<!-- can be pasted -->\s*```sh\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return [line for line in block[1].splitlines() if line.startswith("imgsync ")]


def test_the_commands_of_the_readme_run_in_order(imgsync, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("talking.mp4",):  # of a command that is only planned here
        Path(name).touch()
    seen = set()
    for line in commands("README.md"):
        _, command, *words = shlex.split(line, comments=True)
        if command == "demo":
            words += ["--seconds", "0.2", "--quiet"]
        if command in MAKES:
            words += ["--dry-run", "--quiet", "--overwrite"]
        if command == "probe":
            words = ["first.mp4"]
        ran = imgsync(command, *words)
        assert ran.code == 0, (line, ran.err)
        seen.add(command)
    assert seen >= {"demo", "animate", "extend", "probe", "faces", "curves", "doctor", "models"}


def test_the_chinese_readme_has_the_same_commands():
    said = [shlex.split(line, comments=True) for line in commands("README.md")]
    assert all(shlex.split(line, comments=True) in said for line in commands("README.zh.md"))


def test_the_table_of_the_readme_makes_orders():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    data = re.search(r"```\n(picture,audio.*?)```", text, re.DOTALL)[1].encode()
    orders = Orders("", "videos", {}, {})
    orders.add(read_table(data, "jobs.csv", columns()))
    assert [order.output for order in orders.made] == ["anna.mp4", "day one/tour.mp4"]
    assert not orders.refused and [order.words[0] for order in orders.made] == ["animate", "extend"]


def test_pictures_and_pages_of_the_readme_are_there():
    for page in ("README.md", "README.zh.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if not target.startswith("http"):
                assert (ROOT / target).is_file(), target
    assert (ROOT / "docs" / "talking.webp").stat().st_size < 1_000_000


@pytest.mark.parametrize("page", ["README.md"])
def test_claims_of_memory_name_a_size(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    small = text[text.index("**Small.**") : text.index("**Polite.**")]
    assert len(re.findall(r"\d+x\d+", small)) >= len(re.findall(r"\d+ MB", small))
