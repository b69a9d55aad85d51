"""Denoising of clips of any length: each step follows the one before as soon as it can.

::

    frames     0 . . . . . . . . . . . . . . . . . . . . . ->
    step 0     |window 0||window 1||window 2|
    step 1     |window 0||window 1|               has all that it needs of step 0
    step 2     |window 0|

The result is that of denoising the whole clip at once; what is held are the frames between the
first step and the last, however long the clip is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from .ddim import Predict, ddim
from .schedule import Step


class Streamed:
    """What `ddim.denoise` makes with `predict.averaged` over windows in order, piece by piece.

    windows: of all frames, from the first to the last, none without overlap or neighbour.
    within, weight: as of `averaged`; a window's Predict is held until its last step is done.
    """

    def __init__(
        self,
        windows: Sequence[range],
        within: Callable[[range], Predict],
        steps: Sequence[Step],
        weight: Callable[[int], Tensor],
    ) -> None:
        self._made: dict[range, Predict] = {}
        self._within, self._last = within, len(steps) - 1

        def stage(step: Step, index: int) -> _Stage:
            def predict(latents: Tensor, window: range) -> Tensor:
                return self._of(window, index)(latents, step, index)

            return _Stage(windows, predict, step, weight)

        self._stages = [stage(step, index) for index, step in enumerate(steps)]

    def push(self, noise: Tensor) -> Tensor:
        """More noise (b, c, f, h, w) in float32 -> the latents that are finished by it, in order.

        After the noise of the last frame all have come; until then f may be 0 of what comes.
        """
        latents = noise
        for stage in self._stages:
            latents = stage.push(latents)
        return latents

    @property
    def done(self) -> int:
        """Windows that were worked on, counted for each step."""
        return sum(stage.next for stage in self._stages)

    @property
    def unfinished(self) -> int:
        """The first window that the last step has not worked on."""
        return self._stages[-1].next

    def state(self) -> dict[str, Tensor]:
        """All that is held between two pushes, as it is now, in main memory."""
        each = enumerate(stage.state() for stage in self._stages)
        return {f"{i}.{name}": x for i, state in each for name, x in state.items()}

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Go on as then."""
        for i, stage in enumerate(self._stages):
            own = {k.removeprefix(f"{i}."): x for k, x in state.items() if k.startswith(f"{i}.")}
            stage.restore(own, device)

    def _of(self, window: range, index: int) -> Predict:
        if window not in self._made:
            self._made[window] = self._within(window)
        return self._made.pop(window) if index == self._last else self._made[window]


class _Stage:
    """One step for all windows, as soon as their frames are there."""

    def __init__(
        self,
        windows: Sequence[range],
        predict: Callable[[Tensor, range], Tensor],
        step: Step,
        weight: Callable[[int], Tensor],
    ) -> None:
        self._windows, self.next = windows, 0
        self._predict, self._step, self._weight = predict, step, weight
        self._start = 0  # the frame that what is held starts with
        self._held: Tensor | None = None
        self._total: Tensor | None = None
        self._share: Tensor | None = None

    def state(self) -> dict[str, Tensor]:
        """All that is held: what has come in, and sums over the windows so far."""
        held = {"held": self._held, "total": self._total, "share": self._share}
        kept = {name: x.cpu().clone() for name, x in held.items() if x is not None}
        return {**kept, "at": torch.tensor([self.next, self._start])}

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Go on as then."""
        self.next, self._start = state["at"].tolist()
        if "held" in state:
            self._held = state["held"].to(device)
            self._total, self._share = state["total"].to(device), state["share"].to(device)

    def push(self, latents: Tensor) -> Tensor:
        """Latents before the step in, those after it out."""
        share = latents.new_zeros(latents.shape[2])
        if self._held is None or self._total is None or self._share is None:
            held, total = latents, torch.zeros_like(latents)
        else:
            held = torch.cat([self._held, latents], 2)
            total = torch.cat([self._total, torch.zeros_like(latents)], 2)
            share = torch.cat([self._share, share])
        while self.next < len(self._windows):
            window = self._windows[self.next]
            at = slice(window.start - self._start, window.stop - self._start)
            if at.stop > held.shape[2]:
                break
            counts = self._weight(len(window)).to(held)
            total[:, :, at] += self._predict(held[:, :, at], window) * counts[:, None, None]
            share[at] += counts
            self.next += 1
        n = self._finished(held.shape[2])
        out = total[:, :, :n] / share[:n, None, None]
        done = ddim(held[:, :, :n], out, self._step)
        self._held, self._total = held[:, :, n:], total[:, :, n:]
        self._share, self._start = share[n:], self._start + n
        return done

    def _finished(self, n: int) -> int:
        """How many of the n frames that are held no later window will touch."""
        if self.next == len(self._windows):
            return n
        return max(0, self._windows[self.next].start - self._start)
