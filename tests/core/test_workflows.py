"""What GitHub runs: nothing that can change under us, nothing with more rights than it needs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# no page of the project names one, and neither does this one
REGISTRIES = tuple(name.replace(" ", ".") for name in (
    "pypi org", "pythonhosted", "npmjs", "registry comfy", "download pytorch org",
))  # fmt: skip
STEP = re.compile(r"uses: ([\w.-]+/[\w./-]+)@(\S+)(.*)")


def jobs(text: str) -> dict[str, str]:
    """The text of each job, by name."""
    parts = re.split(r"^  (\w[\w-]*):\n", text.partition("\njobs:\n")[2], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_pinned_and_bounded(path):
    text = path.read_text(encoding="utf-8")
    uses = STEP.findall(text)
    assert uses and len(uses) == text.count("uses:")
    for action, commit, comment in uses:
        assert re.fullmatch(r"[0-9a-f]{40}", commit), f"{action} is not pinned"
        assert re.fullmatch(r" # (v\d+\.\d+\.\d+|main, \d{4}-\d\d-\d\d)", comment), action
    head = text.partition("\njobs:\n")[0]
    assert "\npermissions:\n  contents: read\n" in head and "\nconcurrency:\n" in head
    for name, job in jobs(text).items():
        assert re.search(r"^    timeout-minutes: \d+$", job, re.MULTILINE), name
        assert job.count("actions/checkout@") == job.count("persist-credentials: false"), name
    assert "pull_request_target" not in text


def test_one_action_is_one_commit_everywhere():
    found = {use[:2] for path in WORKFLOWS for use in STEP.findall(path.read_text())}
    assert len(found) == len({action for action, _ in found})


def test_only_a_release_writes_and_only_in_its_own_jobs():
    rights = {
        (path.name, name): set(re.findall(r"^      ([\w-]+: write)$", job, re.MULTILINE))
        for path in WORKFLOWS
        for name, job in jobs(path.read_text()).items()
    }
    assert {job: right for job, right in rights.items() if right} == {
        ("release.yml", "github"): {"contents: write"},
        ("release.yml", "package"): {"id-token: write"},
    }
    package = jobs((ROOT / ".github/workflows/release.yml").read_text())["package"]
    assert "environment: package" in package and "vars.PUBLISH_PACKAGE" in package


def test_no_expression_is_pasted_into_a_script():
    """What a branch or a tag is called would become a command; the environment is safe."""
    for path in WORKFLOWS:
        lines = path.read_text().splitlines()
        for at, line in enumerate(lines):
            if re.match(r"\s*(- )?run:", line):
                inside = len(line) - len(line.lstrip(" -"))
                end = at + 1
                while end < len(lines) and lines[end][: inside + 1].isspace():
                    end += 1
                assert "${{" not in "\n".join(lines[at:end]), f"{path.name}: {line}"


def test_every_supported_python_is_checked_on_every_system():
    check = (ROOT / ".github/workflows/check.yml").read_text()
    least = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    pythons = re.findall(r'"3\.(\d+)"', check.partition("        python: [")[2].partition("]")[0])
    assert [int(minor) for minor in pythons] == list(range(int(least[1]), 14))
    assert "os: [ubuntu-latest, macos-latest, windows-latest]" in check


def test_no_registry_is_named():
    for path in [*WORKFLOWS, ROOT / ".github/dependabot.yml", ROOT / ".ci/run", ROOT / ".ci/notes"]:
        text = path.read_text(encoding="utf-8").lower()
        assert not [host for host in REGISTRIES if host in text], path.name


# -- notes of a release --


@pytest.fixture
def notes(tmp_path):
    """``.ci/notes`` in a project of version 0.2.0."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "notes", tmp_path / ".ci" / "notes")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0.2.0"\n')

    def run(tag: str, changes: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "CHANGELOG.md").write_text(changes, encoding="utf-8")
        command = [sys.executable, os.fspath(tmp_path / ".ci" / "notes"), tag]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


CHANGES = """# Changelog

## [Unreleased]

### Added

- Later.

## [0.2.0] - 2026-12-01

### Added

- One.

### Fixed

- Two.

## [0.1.0]

- Zero.
"""


def test_the_notes_of_a_version_are_its_part_of_the_changelog(notes):
    ran = notes("v0.2.0", CHANGES)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "### Added\n\n- One.\n\n### Fixed\n\n- Two.\n"


@pytest.mark.parametrize(
    ("tag", "changes", "said"),
    [
        ("v0.3.0", CHANGES, "The tag is v0.3.0, but pyproject.toml says 0.2.0"),
        ("v0.2.0", CHANGES.replace("[0.2.0]", "[0x2.0]"), "no part ## [0.2.0]"),
        ("v0.2.0", "## [0.2.0]\n\n## [0.1.0]\n- a\n", "no part ## [0.2.0] that says something"),
    ],
)
def test_a_release_without_notes_is_refused(tag, changes, said, notes):
    ran = notes(tag, changes)
    assert ran.returncode == 1 and said in ran.stderr and ran.stdout == ""
