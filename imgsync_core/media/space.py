"""Whether a file will find room on its disk, asked before any work is done."""

from __future__ import annotations

from pathlib import Path

from ..errors import OutputError
from ..machine import free_disk, readable
from ..timeline import Timeline
from .encoding import PRESETS, Encoding
from .frames import FrameSource


def likely_bytes(
    encoding: Encoding, size: tuple[int, int], timeline: Timeline, moving: int | None = None
) -> int:
    """Bytes that a video takes, rather too few; ``moving``: frames that differ; None = all."""
    moving = timeline.n_frames if moving is None else moving
    bits = encoding.bits * size[0] * size[1] * moving
    usual = PRESETS[encoding.name].crf
    if usual is not None and encoding.crf is not None:
        bits *= min(1.0, 2 ** ((usual - encoding.crf) / 6))  # 6 steps are about half the bits
    if timeline.n_samples and encoding.sound is not None:
        bits += float(timeline.duration) * (encoding.sound_bit_rate or 0)
    return int(bits / 8)


def moving_frames(source: FrameSource) -> int:
    """Frames that differ from the one before; the others take next to nothing."""
    return source.lead if source.period == 1 else source.n_frames


def check_space(path: Path, needed: int) -> None:
    """Raise OutputError where ``needed`` bytes are more than the disk of ``path`` has free."""
    free = free_disk(path)
    if free is not None and needed > free:
        raise OutputError(
            f"{path}: the disk is full for this: about {readable(needed)} are needed and "
            f"{readable(free)} are free. Free some space, choose another folder, or a preset that "
            "packs better."
        )
