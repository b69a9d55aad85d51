"""How fast a job goes while it runs, whatever was expected of it."""

from __future__ import annotations

import time

_KEPT = 64  # readings at most of the time that counts


class Pace:
    """Frames a second over the newer half of the time since the first reading.

    So neither what is done once at the beginning counts for long, nor a machine that was busy then.
    """

    def __init__(self) -> None:
        self._readings: list[tuple[float, float]] = []  # seconds, frames done; in order
        self._began = 0.0
        self._now = 0.0, 0.0
        self._total = 0

    def read(self, done: float, total: int) -> None:
        """So many frames are done now."""
        now = time.perf_counter()
        if not self._readings:
            self._began = now
            self._readings.append((now, done))
        self._now, self._total = (now, done), total
        if now - self._readings[-1][0] > (now - self._began) / _KEPT:
            self._readings.append(self._now)
        middle = (self._began + now) / 2
        while len(self._readings) > 1 and self._readings[1][0] <= middle:
            del self._readings[0]

    @property
    def rate(self) -> float | None:
        """Frames a second; None = not known yet."""
        if not self._readings:
            return None
        (then, before), (now, done) = self._readings[0], self._now
        return (done - before) / (now - then) if done > before and now > then else None

    @property
    def left(self) -> float | None:
        """Seconds until all is done; None = not known yet."""
        return None if self.rate is None else (self._total - self._now[1]) / self.rate

    def words(self, unit: str = "frames") -> str:
        """``12.3 frames/s, 0:40 left``; empty where it is not known, or as good as over."""
        if self.rate is None or self.left is None or self.left < 1:
            return ""
        return f"{self.rate:.3g} {unit}/s, {self.time_left()}"

    def time_left(self) -> str:
        """``0:40 left``; empty where it is not known."""
        if self.left is None:
            return ""
        minutes, seconds = divmod(round(self.left), 60)
        hours, minutes = divmod(minutes, 60)
        return (
            f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left"
        )
