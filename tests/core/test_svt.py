"""Encoding AV1 changes nothing about the process that does it."""

import os
from fractions import Fraction

import numpy as np
import pytest

from imgsync_core.media.encoding import preset
from imgsync_core.media.muxer import Muxer
from imgsync_core.timeline import Timeline


def policies() -> dict[int, int]:
    """Thread -> how the kernel schedules it."""
    return {int(t): os.sched_getscheduler(int(t)) for t in os.listdir("/proc/self/task")}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="only root may be urgent")
def test_no_thread_becomes_more_urgent(tmp_path, monkeypatch):
    """As root SVT-AV1 asks for SCHED_FIFO at the highest priority, for its caller too."""
    monkeypatch.delenv("SVT_LOG", raising=False)
    before = policies()
    frames = np.random.default_rng(0).integers(0, 255, (25, 64, 64, 3), np.uint8)
    line = Timeline.of_seconds(1, Fraction(25))
    with Muxer(tmp_path / "a.mp4", preset("mp4-av1"), line, (64, 64)) as out:
        out.write(frames)
        during = policies()
        assert len(during) > len(before)  # of SVT-AV1
        assert set(during.values()) == set(before.values()) == {os.sched_getscheduler(0)}
    assert "SVT_LOG" not in os.environ
