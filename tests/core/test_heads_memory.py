"""Memory does not grow with the length of what is spoken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
@pytest.mark.parametrize("engine", ["echomimic", "hallo2"])
def test_four_times_as_long_takes_no_more_memory(engine):
    """10 and 40 s; the bench does 20 and 200."""
    script = str(BENCH / f"{engine}.py")
    command = [sys.executable, script, "length", "--seconds", "10", "40", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCH.parents[1])
    assert done.returncode == 0, done.stderr
    short, long = json.loads(done.stdout)
    assert long["frames"] == 4 * short["frames"]
    assert long["peak"] - short["peak"] < 50
