"""What ``auto`` takes on six machines, with and without each engine's weights, and why.

    python tests/bench/auto.py [--clip]

Empty files stand for weights; the machines are made up. 10 s at 512x512.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[1] / "core" / "test_auto.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clip", action="store_true", help="a clip and not a still")
    args = parser.parse_args()
    spec = importlib.util.spec_from_file_location("test_auto", TESTS)
    assert spec is not None and spec.loader is not None
    tests = importlib.util.module_from_spec(spec)
    sys.modules["test_auto"] = tests
    spec.loader.exec_module(tests)
    print("| weights of | GPU | taken | why |\n| --- | --- | --- | --- |")
    for there in ([], *([name] for name in tests.NEURAL), tests.NEURAL):
        for gigabytes in tests.MACHINES:
            with tempfile.TemporaryDirectory() as name:
                for engine in there:
                    tests.put(Path(name), engine)
                choice = tests.taken(Path(name), gigabytes, still=not args.clip)
            words = "none" if not there else "all" if len(there) > 1 else there[0]
            card = f"{gigabytes} GB" if gigabytes else "none"
            print(f"| {words} | {card} | {choice.engine} | {choice.reason} |")


if __name__ == "__main__":
    main()
