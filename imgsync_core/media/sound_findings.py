"""What one pass over a sound noticed, and how people are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .opening import reason


@dataclass
class Findings:
    """What one pass noticed; times and lengths in samples.

    lost, gaps: (start, length) of what is silent because it did not decode, or was not there.
    left_out: (start, bytes) of what cannot be decoded and takes no time.
    tags: (start, bytes) of tags and padding between the frames.
    doubtful: packet -> start, samples it may have held, and bytes: a header's length has to tell.
    changes: (start, rate, layout) where the format changes.   restarts: where the clock does.
    broken_off: where reading fails, and goes on nowhere behind it.
    error: what FFmpeg said about the first thing that did not decode.
    plain: whether the packets say exactly what is heard, so that they may be copied.
    """

    lost: list[tuple[int, int]] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    left_out: list[tuple[int, int]] = field(default_factory=list)
    tags: list[tuple[int, int]] = field(default_factory=list)
    doubtful: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    changes: list[tuple[int, int, str]] = field(default_factory=list)
    restarts: list[int] = field(default_factory=list)
    broken_off: int | None = None
    error: Exception | None = None
    plain: bool = True

    def sentences(self, rate: int, layout: str, continuous: bool) -> Iterator[tuple[bool, str]]:
        """(whether something is lost, what), at most one sentence for each kind.

        continuous: the container has no gaps unless something is missing.
        """
        if self.lost:
            yield True, f"{_spans(self.lost, rate)} could not be decoded: silence there"
        if self.left_out:
            yield True, f"{_bytes(self.left_out, rate)} could not be decoded: left out"
        if self.broken_off is not None and self.error is not None:
            at, why = self.broken_off / rate, reason(self.error)
            yield True, f"nothing can be read after {at:.2f} s ({why}): the rest is left out"
        if self.tags:
            yield False, f"{_bytes(self.tags, rate)} are a tag or padding, no sound: left out"
        if self.gaps:
            yield continuous, f"{_spans(self.gaps, rate)} are missing: silence there"
        if self.restarts:
            yield False, f"its clock starts anew at {self.restarts[0] / rate:.2f} s: played on"
        if self.changes:
            at, other, channels = self.changes[0]
            yield (
                True,
                f"changes its sample rate or channels after {at / rate:.2f} s "
                f"({other} Hz {channels}): converted to {rate} Hz {layout}",
            )


def _spans(spans: list[tuple[int, int]], rate: int) -> str:
    seconds, first = sum(n for _, n in spans) / rate, spans[0][0] / rate
    if len(spans) == 1:
        return f"{seconds:.2f} s of sound at {first:.2f} s"
    return f"{seconds:.2f} s of sound in {len(spans)} places, the first at {first:.2f} s,"


def _bytes(parts: list[tuple[int, int]], rate: int) -> str:
    return f"{sum(size for _, size in parts)} bytes at {parts[0][0] / rate:.2f} s"
