"""Every file of the corpus through the target whose folder it lies in: taken, or refused at once.

Names that begin with ``ok-`` are of files that are taken, others are refused in a sentence. What
the fuzzing has found lies here in a small form, named ``found``.
"""

import time
from pathlib import Path

import pytest
from PIL import features

from .targets import TARGETS, attempt

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())
NEEDS = {".avif": "avif", ".jp2": "jpg_2000", ".webp": "webp"}  # parts of Pillow
MOST = 300_000  # bytes of all of them


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_taken_or_refused(path):
    needs = NEEDS.get(path.suffix)
    if needs and not features.check(needs):
        pytest.skip(f"this Pillow has no {needs}")
    began = time.monotonic()
    assert attempt(TARGETS[path.parent.name], path.read_bytes()) == path.name.startswith("ok-")
    assert time.monotonic() - began < 10


def test_each_target_has_a_corpus_and_all_of_it_is_small():
    assert {path.parent.name for path in FILES} == set(TARGETS)
    assert sum(path.stat().st_size for path in FILES) < MOST


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_and_noise(name):
    for data in (b"", b"\0", bytes(4096), b"\xff" * 4096, bytes(range(256)) * 16):
        attempt(TARGETS[name], data)
