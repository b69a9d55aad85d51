"""What ``auto`` takes on six machines, with and without each engine's weights, and why.

``python tests/bench/auto.py`` prints the same as a table.
"""

from pathlib import Path

import pytest

from imgsync_core.engines.base import Host
from imgsync_core.engines.registry import PREFERRED, spec_of
from imgsync_core.machine import CPU, Device, Machine
from imgsync_core.models.published import named
from imgsync_core.plan.choice import Choice, choose

GB = 1 << 30
MACHINES = (0, 4, 8, 12, 24, 80)  # GB of a card; 0 = none
NEURAL = [name for name in PREFERRED if spec_of(name).needs]


def put(folder: Path, engine: str) -> None:
    """Empty files where the engine's weights belong, one alternative of each need."""
    for need in spec_of(engine).needs:
        path = named(need.published[0]).path(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def taken(folder: Path, gigabytes: int, *, still: bool) -> Choice:
    """By auto, for ten seconds at 512x512."""
    card = Device("cuda", "Card", gigabytes * GB, gigabytes * GB, 0)
    devices = (CPU, card) if gigabytes else (CPU,)
    machine = Machine(8, 64 * GB, 60 * GB, devices)
    host = Host(device=devices[-1], models=folder)
    return choose(machine, (512, 512), 250, host=host, still=still)


# Engine whose weights are there: GB from which it is taken for a still, and for a clip
SMALLEST = {
    "hallo2": (12, None), "echomimic": (8, None), "latentsync": (24, 24), "musetalk": (4, 4),
}  # fmt: skip


@pytest.mark.parametrize("still", [True, False], ids=["still", "clip"])
@pytest.mark.parametrize("gigabytes", MACHINES)
@pytest.mark.parametrize("engine", NEURAL)
def test_one_engines_weights(tmp_path, engine, gigabytes, still):
    put(tmp_path, engine)
    choice = taken(tmp_path, gigabytes, still=still)
    smallest = SMALLEST[engine][not still]
    fits = smallest is not None and gigabytes >= smallest
    assert choice.engine == (engine if fits else "built-in")
    for other in NEURAL:
        if other == engine or (not still and "clip" not in spec_of(other).takes):
            continue
        came_to_it = not fits or PREFERRED.index(other) < PREFERRED.index(engine)
        assert (f"{other} lacks its weights ({other}" in choice.reason) is came_to_it
    if smallest is None:
        assert f"{engine} animates stills only" in choice.reason
    elif not fits:
        assert f"{engine} needs a CUDA or MPS device with " in choice.reason
    else:
        assert choice.reason.startswith(spec_of(engine).virtue)


EXPECTED = {  # with all weights there, by GB of the card: for a still, and for a clip
    0: ("built-in", "built-in"), 4: ("musetalk", "musetalk"), 8: ("echomimic", "musetalk"),
    12: ("hallo2", "musetalk"), 24: ("hallo2", "latentsync"), 80: ("hallo2", "latentsync"),
}  # fmt: skip


@pytest.mark.parametrize("still", [True, False], ids=["still", "clip"])
@pytest.mark.parametrize("gigabytes", MACHINES)
def test_all_weights(tmp_path, gigabytes, still):
    for engine in NEURAL:
        put(tmp_path, engine)
    choice = taken(tmp_path, gigabytes, still=still)
    assert choice.engine == EXPECTED[gigabytes][not still]
    better = NEURAL[: NEURAL.index(choice.engine)] if choice.engine in NEURAL else NEURAL
    for engine in better:
        word = "needs a" if still or "clip" in spec_of(engine).takes else "animates stills only"
        assert f"{engine} {word}" in choice.reason
    if not better:
        assert "its weights are there, and Card is fit for it" in choice.reason


@pytest.mark.parametrize("still", [True, False], ids=["still", "clip"])
@pytest.mark.parametrize("gigabytes", MACHINES)
def test_no_weights(tmp_path, gigabytes, still):
    choice = taken(tmp_path, gigabytes, still=still)
    assert choice.engine == "built-in"
    for engine in NEURAL:
        if still or "clip" in spec_of(engine).takes:
            assert f"{engine} lacks its weights" in choice.reason
        else:
            assert f"{engine} animates stills only" in choice.reason
