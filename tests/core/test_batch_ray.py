"""Rows on a Ray cluster come out as they do here, also where a node of it dies."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from imgsync_core.batch import on_ray
from imgsync_core.errors import InputError

from .batches import here, make_files, results, table
from .command import imgsync

__all__ = ["here", "imgsync"]
pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]  # of Ray's own
ROOT = Path(__file__).parents[2]


def test_without_ray_one_sentence_says_how_to_get_it(here, imgsync, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    table(here / "jobs.csv", "p0.png,s0.wav")
    ran = imgsync("batch", "jobs.csv", "-o", "out", "--on", "ray")
    assert ran.code == 1
    assert ran.err == (
        "imgsync: Ray is not installed here. Install it with: pip install 'imgsync[ray]'\n"
    )
    assert not (here / "out").exists()


@pytest.fixture(scope="module")
def cluster():
    """A head without CPUs, and two nodes with one each; workers find this library."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'imgsync[ray]'")
    from ray.cluster_utils import Cluster

    before = os.environ.copy()
    os.environ |= {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    made.nodes_to_kill = [made.add_node(num_cpus=1) for _ in range(2)]
    yield made
    made.shutdown()
    os.environ.clear()
    os.environ |= before


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.mp4")}


def test_a_node_that_dies_changes_nothing(here, imgsync, cluster):
    """Twelve good rows and three bad ones; a node is killed after the second video."""
    make_files(here, 15, 32_000)
    long = ",pan-zoom,"
    rows = [f"p{i}.png,s{i}.wav{long}" for i in range(12)]
    rows += [
        f"p12.png,missing.wav{long}",
        f"p13.png,s13.wav{long}bogus",
        "p14.png,s14.wav,animate,",
    ]
    table(here / "jobs.csv", *rows, header="picture,audio,mode,fit")
    here_ran = imgsync("batch", "jobs.csv", "-o", "here", "--workers", 1, "--quiet")

    def kill() -> None:
        while len(hashes(here / "ray")) < 2:
            time.sleep(0.05)
        cluster.remove_node(cluster.nodes_to_kill.pop(), allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    words = ("batch", "jobs.csv", "-o", "ray", "--on", "ray", "--address", cluster.address)
    ran = imgsync(*words, "--quiet")
    killer.join(60)
    assert not cluster.nodes_to_kill[1:]
    assert (ran.code, here_ran.code) == (1, 1)
    assert "15 rows: 12 made, 1 failed, 2 refused" in ran.out
    assert hashes(here / "ray") == hashes(here / "here") and len(hashes(here / "ray")) == 12
    same = ("row", "picture", "audio", "output", "status", "frames", "seconds", "bytes", "key")
    first, second = (results(here / name / "results.csv") for name in ("here", "ray"))
    for row, line in first.items():
        assert {name: second[row][name] for name in same} == {name: line[name] for name in same}
    assert "12 made before, 1 failed, 2 refused" in imgsync(*words, "--quiet").out


def test_rows_that_lose_every_worker_fail_alone(cluster):
    """As Ray says it, when it has tried often enough."""
    import ray

    def called(row):  # a function in a function is sent as it is, not by name
        return row()

    with on_ray.OnRay(cluster.address) as pool:
        good, bad = partial(pow, 2, 3), partial(os._exit, 1)
        found = dict(pool.map(called, [bad, good]))
    assert found[good] == 8
    assert isinstance(found[bad], on_ray.LostError) and "Ray gave it up" in str(found[bad])
    assert not ray.is_initialized()


def test_a_cluster_without_gpus_is_told_of(cluster):
    with on_ray.OnRay(cluster.address, 0.5) as pool:
        assert "rows wait until one comes" in pool.lacks()
    with on_ray.OnRay(cluster.address) as pool:
        assert pool.lacks() == ""


def test_no_cluster_at_an_address():
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'imgsync[ray]'")
    with pytest.raises(InputError, match="no Ray cluster at nonsense"):
        on_ray.OnRay("nonsense")


def test_importing_the_command_does_not_import_ray():
    code = "import imgsync_core.cli, imgsync_core.batch.on_ray, sys; print('ray' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "False\n", run.stderr
