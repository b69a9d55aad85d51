"""Exact time: frame rates as fractions, frames and samples as integers, half-open ranges.

::

    samples  |0 . . . . . . . . . . . . n_samples)        the sound as it is
    frames   |0      |1      |2      |3      |4      )    n_frames = ceil(n_samples * fps / rate)
    padded   |0 . . . . . . . . . . . . . . . . . . .)    round(n_frames * rate / fps) samples

Picture and sound end together when the sound is padded with silence to ``total_samples``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from .errors import TimeError

MIN_FPS = Fraction(1, 10)
MAX_FPS = Fraction(480)
_LONGEST, _POWER = 40, re.compile(r"[eE]([-+]?\d{1,40})")  # digits of a number
MAX_FRAMES = 1_000_000_000  # 463 days at 25 fps; more is a slip of the keyboard


def parse_fps(value: Any) -> Fraction:
    """A frame rate as an exact fraction.

    ``value``: a number, a ``Fraction``, or text such as ``"25"``, ``"29.97"`` or ``"30000/1001"``.
    Floats and decimals become the nearest fraction with a denominator of at most 1001.
    Raises TimeError for anything outside 0.1 to 480 frames per second.
    """
    try:
        exact = exactly(value)
    except ValueError:
        raise TimeError(
            f"Frame rate {value!r:.40} is not a number. Use for example 25, 29.97 or 30000/1001."
        ) from None
    if not MIN_FPS <= exact <= MAX_FPS:
        raise TimeError(
            f"Frame rate {float(exact):g} is out of range. Use 0.1 to 480 frames per second."
        )
    return exact.limit_denominator(1001)


def exactly(value: Any) -> Fraction:
    """A number, or text of one such as ``"1/3"``, as a fraction.

    Raises ValueError for what is none, is infinite, or lies beyond 10^40: as a fraction,
    ``"1e999999999"`` would fill the memory.
    """
    text = value.strip() if isinstance(value, str) else ""
    power = _POWER.search(text)
    if len(text) > _LONGEST or (power and abs(int(power[1])) > _LONGEST):
        raise ValueError("too long")
    try:
        exact = Fraction(text or value)
    except (ValueError, TypeError, OverflowError, ZeroDivisionError) as e:
        raise ValueError(str(e)) from None
    if abs(exact) > 10**_LONGEST:
        raise ValueError("too large")
    return exact


def round_half_up(value: Fraction) -> int:
    """The nearest integer; halves go up."""
    return math.floor(value + Fraction(1, 2))


@dataclass(frozen=True)
class Grid:
    """Frame counts a video model accepts: ``step * k + offset`` with k >= 0, and at least 1."""

    step: int = 1
    offset: int = 0

    def __post_init__(self) -> None:
        if self.step < 1 or self.offset < 0:
            raise TimeError(
                f"Frame grid {self.step}k+{self.offset} makes no sense. Use for example 4k+1."
            )

    def round_up(self, n_frames: int) -> int:
        """The smallest count on the grid that is not below ``n_frames``."""
        n = max(n_frames, self.offset, 1)
        return n + (self.offset - n) % self.step


GRIDS = {
    "any": Grid(),
    "16k": Grid(16),
    "4k+1": Grid(4, 1),
    "8n+1": Grid(8, 1),
    "17k+5": Grid(17, 5),
}


def parse_grid(text: str) -> Grid:
    """A grid by name (``"any"``) or by formula (``"16k"``, ``"4k+1"``, ``"8n+1"``)."""
    text = text.strip()
    if text in GRIDS:
        return GRIDS[text]
    formula = re.fullmatch(r"(\d{1,9})\s*[kn](?:\s*\+\s*(\d{1,9}))?", text)
    if formula is None:
        raise TimeError(f"Frame grid {text!r:.40} is not known. Use any, 16k, 4k+1, 8n+1 or 17k+5.")
    return Grid(int(formula[1]), int(formula[2] or 0))


@dataclass(frozen=True)
class Timeline:
    """How many frames a piece of sound needs, and which sample belongs to which frame.

    fps: frames per second, exact.   rate: samples per second.
    n_samples: length of the sound.  n_frames: length of the picture, never shorter than the sound.
    """

    fps: Fraction
    rate: int
    n_samples: int
    n_frames: int

    def __post_init__(self) -> None:
        if self.rate < 1:
            raise TimeError(f"Sample rate {self.rate} is not a sample rate. Use for example 48000.")
        if self.n_frames < 1:
            raise TimeError("There is nothing to show: the picture would have no frames.")
        if self.n_frames > MAX_FRAMES:
            raise TimeError(f"{self.n_frames:,} frames are too many. Ask for less.")
        if not 0 <= self.n_samples <= self.total_samples:
            raise TimeError(
                f"{self.n_samples} samples at {self.rate} Hz do not fit into {self.n_frames} "
                f"frames at {float(self.fps):g} fps ({self.total_samples} samples)."
            )

    @classmethod
    def of_sound(cls, n_samples: int, rate: int, fps: Any, grid: Grid | None = None) -> Timeline:
        """The shortest timeline on ``grid`` that holds the whole sound."""
        if n_samples < 1:
            raise TimeError("The sound has no samples, so there is no duration to fill.")
        fps = parse_fps(fps)
        n_frames = math.ceil(n_samples * fps / rate)
        return cls(fps, rate, n_samples, (grid or Grid()).round_up(n_frames))

    @classmethod
    def of_frames(cls, n_frames: int, fps: Any, rate: int = 48000, n_samples: int = 0) -> Timeline:
        """A timeline of exactly ``n_frames``; a sound of ``n_samples`` has to fit into it."""
        return cls(parse_fps(fps), rate, n_samples, n_frames)

    def thinned(self, every: int) -> Timeline:
        """The same time with one of ``every`` frames, each shown so much longer."""
        n_frames = -(-self.n_frames // every)
        return replace(self, fps=self.fps / every, n_frames=n_frames)

    @classmethod
    def of_seconds(cls, seconds: Any, fps: Any) -> Timeline:
        """The shortest silent timeline that lasts at least ``seconds``."""
        fps = parse_fps(fps)
        try:
            exact = exactly(seconds).limit_denominator(1_000_000)
        except ValueError:
            raise TimeError(f"Duration {seconds!r:.40} is not a number of seconds.") from None
        if exact <= 0:
            raise TimeError(f"Duration {float(exact):g} s is not above zero.")
        return cls.of_frames(math.ceil(exact * fps), fps)

    @property
    def duration(self) -> Fraction:
        """Seconds from the start of the first frame to the end of the last."""
        return self.n_frames / self.fps

    @property
    def total_samples(self) -> int:
        """Samples from the start of the first frame to the end of the last (nearest sample)."""
        return self.sample_at(self.n_frames)

    def sample_at(self, frame: int) -> int:
        """The sample nearest to the start of ``frame``."""
        return round_half_up(frame * self.rate / self.fps)

    def samples_of(self, start: int, stop: int) -> tuple[int, int]:
        """The samples that sound while frames ``[start, stop)`` are shown; ranges join exactly."""
        return self.sample_at(start), self.sample_at(stop)

    def frame_at(self, sample: int) -> int:
        """The frame that is shown while ``sample`` sounds."""
        frame = math.floor(sample * self.fps / self.rate)
        # sample_at rounds, so the sample nearest to a frame's start already belongs to that frame
        return frame + 1 if self.sample_at(frame + 1) <= sample else frame

    def frames_of(self, start: int, stop: int) -> tuple[int, int]:
        """The frames that are shown while samples ``[start, stop)`` sound, at least in part."""
        if stop <= start:
            return self.frame_at(start), self.frame_at(start)
        return self.frame_at(start), self.frame_at(stop - 1) + 1

    def at_rate(self, rate: int) -> Timeline:
        """The same frames over the same sound resampled to ``rate``."""
        n = min(
            round_half_up(Fraction(self.n_samples * rate, self.rate)),
            round_half_up(self.n_frames * rate / self.fps),
        )
        return Timeline(self.fps, rate, n, self.n_frames)


# Index maps: frame i of the output -> frame of a source of n frames. Integers or integer arrays.


def hold_index(i: Any, n: int) -> Any:
    """Play once, then hold the last frame."""
    return i - (i - (n - 1)) * (i > n - 1)


def loop_index(i: Any, n: int) -> Any:
    """Play again and again from the start."""
    return i % n


def ping_pong_period(n: int) -> int:
    """Frames until a there-and-back repeats: 2n - 2, as neither end frame is shown twice."""
    return max(1, 2 * n - 2)


def ping_pong_index(i: Any, n: int) -> Any:
    """Play there and back: 0 1 2 3 2 1 0 1 ..."""
    return n - 1 - abs(n - 1 - i % ping_pong_period(n))


def mirrored_index(i: Any, n: int) -> Any:
    """Play there and back with both end frames shown twice: 0 1 2 3 3 2 1 0 0 1 ..."""
    turn = i % (2 * n)
    return turn + (2 * n - 1 - 2 * turn) * (turn > n - 1)


def frames_in_words(n: int) -> str:
    """``"1 frame"``, ``"20 frames"``."""
    return "1 frame" if n == 1 else f"{n} frames"
