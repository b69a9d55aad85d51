"""Animated pictures, GIF, APNG, WebP and AVIF, as clips: each frame for as long as it says."""

from __future__ import annotations

import io
import math
import warnings
from bisect import bisect_right
from collections import OrderedDict
from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np
from PIL import Image

from ..errors import PictureError
from ..timeline import MIN_FPS, parse_fps, round_half_up
from .digest import of_frames
from .frames import FrameSource
from .notes import Notes
from .opening import MediaFile, binary, name_of, refuse_bomb, refuse_many
from .picture import ANIMATED, DAMAGE, frames_in, normalise

CACHE_BYTES = 64 << 20  # decoded frames kept for reading backwards
# What browsers show: a frame that asks for 10 ms or less means "as fast as you like", and lasts 0.1
# seconds. HTML has no rule for it; Blink, Gecko and WebKit agree.
_SHORTEST, _USUAL = Fraction(1, 100), Fraction(1, 10)
_FASTEST = Fraction(50)  # frames a second of a clip whose frames have no common step


class AnimatedFrames(FrameSource):
    """The frames of an animated picture, once from the first to the last: loops are not counted.

    fps: the rate to show them at; each frame stays for its own time. None = the rate at which
        every frame starts on time, at most 50; 25 where a frame is the only one.
    Frames are RGBA where any of them is transparent. Decoded when read, 64 MB are kept.
    Raises PictureError, also where ``strict`` and the last frames are missing.
    """

    def __init__(self, file: MediaFile, *, fps: Any = None, strict: bool = False) -> None:
        self._file = file
        self.name = name_of(file)
        self._image: Image.Image | None = None
        self._at = -1  # the frame that was decoded last
        self._cache: OrderedDict[int, np.ndarray] = OrderedDict()
        self._notes = Notes(PictureError, strict=strict)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of bombs below our own, lower limit
            durations = self._scan()
        self._starts = [Fraction(0), *accumulate(durations)]
        self.fps = _rate(durations) if fps is None else parse_fps(fps)
        self.n_frames = max(1, round_half_up(self._starts.pop() * self.fps))
        self.period = 1 if self.n_frames == 1 else None

    @property
    def notes(self) -> tuple[str, ...]:
        return self._notes.all()

    def _scan(self) -> list[Fraction]:
        """How long each frame lasts, in seconds; sets size and channels. Decodes all of them."""
        image = self._opened()
        refuse_bomb(image.size, self.name, PictureError)
        n, durations, transparent = frames_in(image), [], False
        refuse_many(n, image.size, self.name, PictureError)
        for i in range(n):
            try:
                self._seek(i)
                frame = self._normalised()
            except DAMAGE as e:
                if not durations:
                    raise PictureError(f"{self.name} is damaged ({e}). Export it again.") from e
                self._notes.lose(f"{self.name} is cut short: only {i} of its {n} frames are whole")
                break
            self.size = frame.shape[1], frame.shape[0]
            if frame.shape[-1] == 4 and not transparent:
                transparent = bool((frame[..., 3] < 255).any())
            durations.append(_duration(image.info.get("duration")))
        self.channels = 4 if transparent else 3
        self._notes.tell(
            f"{self.name} is an animated picture of {len(durations)} frames: played as a clip"
        )
        return durations

    # -- decoding --

    def _opened(self) -> Image.Image:
        if self._image is None:
            with binary(self._file, PictureError) as data:  # Pillow goes on reading: held in memory
                self._image = Image.open(io.BytesIO(data.read()), formats=ANIMATED)
            self._at = -1
        return self._image

    def _seek(self, index: int) -> None:
        """Decode frame ``index``. Each is drawn over the one before, so none may be left out."""
        image = self._opened()
        image.seek(index + bool(getattr(image, "default_image", False)))
        image.load()
        self._at = index

    def _normalised(self) -> np.ndarray:
        """The frame that was decoded last: uint8 (h, w, 3 or 4), sRGB, upright."""
        assert self._image is not None
        rgb, alpha = normalise(self._image)
        return rgb if alpha is None else np.dstack([rgb, alpha])

    def read(self, start: int, stop: int) -> np.ndarray:
        stop = min(stop, self.n_frames)
        shown = [bisect_right(self._starts, i / self.fps) - 1 for i in range(start, stop)]
        return np.stack([self._frame(i, shown[-1]) for i in shown])

    def _frame(self, index: int, last: int) -> np.ndarray:
        """Frame ``index`` of the file; ``last`` is the last one that will be asked for next."""
        if index not in self._cache:
            self._decode(index, max(index, last))
        self._cache.move_to_end(index)
        return self._cache[index]

    def _decode(self, index: int, last: int) -> None:
        """Decode on to ``index``; after a jump back keep what a reader going back asks for next."""
        room = max(2, CACHE_BYTES // self.frame_bytes)
        back = index <= self._at
        keep = max(0, min(index, last - room + 2)) if back else index
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for i in range(0 if back else self._at + 1, index + 1):
                self._seek(i)
                if i >= keep:
                    self._cache[i] = self._of_channels(self._normalised())
                    while len(self._cache) > room:
                        self._cache.popitem(last=False)

    def _of_channels(self, frame: np.ndarray) -> np.ndarray:
        if frame.shape[-1] < self.channels:
            return np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)])
        return np.ascontiguousarray(frame[..., : self.channels])

    def digest(self) -> str:
        return of_frames(self)

    def close(self) -> None:
        if self._image is not None:
            self._image.close()
        self._image = None
        self._at = -1


def is_animated(file: MediaFile) -> bool:
    """Whether a file is a picture of several frames that follow in time. Never raises for a file
    that is none: who reads it then says why."""
    try:
        with warnings.catch_warnings(), binary(file, PictureError) as data:
            warnings.simplefilter("ignore")
            with Image.open(data, formats=ANIMATED) as image:
                return frames_in(image) > 1
    except (PictureError, *DAMAGE):
        return False


def _duration(ms: float | None) -> Fraction:
    """Seconds that a frame is shown, of what its file says in milliseconds."""
    seconds = Fraction(ms or 0).limit_denominator(100_000) / 1000
    return seconds if seconds > _SHORTEST else _USUAL


def _rate(durations: list[Fraction]) -> Fraction:
    """Frames a second of a clip in which every frame starts on time, where that is one."""
    scale = math.lcm(*(d.denominator for d in durations))
    step = Fraction(math.gcd(*(int(d * scale) for d in durations)), scale)
    rate = 1 / step if step * _FASTEST >= 1 else min(_FASTEST, 1 / min(durations))
    return max(MIN_FPS, rate.limit_denominator(1001))
