"""Memory does not grow with the length of what is dubbed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench" / "latentsync_memory.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
@pytest.mark.parametrize("engine", ["latentsync", "musetalk"])
def test_three_times_as_long_takes_no_more_memory(engine):
    """20 and 60 s at 2 fps: 80 more crops are 63 MB. The bench does 20 and 200 s."""
    command = [sys.executable, str(BENCH), "--seconds", "20", "60", "--fps", "2", "--json"]
    command += ["--engine", engine]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCH.parents[2])
    assert done.returncode == 0, done.stderr
    short, long = json.loads(done.stdout)
    assert long["frames"] > 2.9 * short["frames"]
    assert long["peak"] - short["peak"] < 50
