"""Frames of one still: what was seen of it and what is heard in, squares out.

::

    record of the still   -> keys and values, once -----.
    place of the face     -> added features, once ---.  |
    features of the sound -> keys and values ----.   |  |
                                                 v   v  v
    noise, one frame after another -------> windows, step by step -> latents -> squares
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from einops import rearrange
from torch import Tensor

from ...diffusion.ddim import Predict, denoise
from ...diffusion.guidance import guided_by_all
from ...diffusion.predict import Guided, averaged
from ...diffusion.schedule import Step
from ...diffusion.streamed import Streamed
from ...diffusion.windows import in_order, overlapping, ramped
from ...nn.stages import Cond, Context, projected
from ...nn.unet import UNet
from ...nn.vae import VAE
from ..runtime.autoencoder import pictures
from ..runtime.networks import Placing
from ..runtime.resuming import State
from ..runtime.stream import Attempt, Stepped, counted, refuse_non_finite
from .model import AUDIO, LATENTS, PICTURE, SCHEDULE
from .networks import Seen

MOST = 1.5  # of the noise that a clip begins with, as the published pipeline limits it
TURN = 2  # frames by which its windows move on from step to step
Hear = Callable[[int, int], Tensor]
"""What is heard at frames [start, stop): (f, tokens, channels); start never goes back."""


@dataclass(frozen=True)
class Plan:
    """How a clip is worked on.

    steps, guidance: of denoising.   context, overlap: frames of a window, and shared by two.
    """

    steps: int
    guidance: float
    context: int
    overlap: int


class Drawer:
    """Draws the frames of one still with one seed."""

    def __init__(
        self, unet: UNet, vae: VAE, seen: Seen, place: Placing, plan: Plan, attempt: Attempt, *,
        seed: int,
    ) -> None:  # fmt: skip
        self.unet, self._vae, self._place = unet, vae, place
        self._plan, self._attempt, self._place_of_face = plan, attempt, seen.place
        self._random = torch.Generator().manual_seed(seed)
        self._size = seen.place.shape[-2:]  # of the latents
        self._stream: Streamed | None = None
        self._pushed = 0  # windows that have gone into it
        self._begin: State = {}  # what it begins with
        with torch.inference_mode(), place.on(unet):
            self._picture = projected(unet, PICTURE, seen.record)

    def streamed(self, hear: Hear, n_frames: int, stepped: Stepped) -> Iterator[Tensor]:
        """Latents (1, 4, f, h, w) of all frames in order, as soon as they are finished: those that
        are finished by each window, f may be 0. After ``restore``, those that have not come yet.

        stepped: told after each step of a window.
        """
        plan = self._plan
        windows = in_order(n_frames, plan.context, plan.overlap)
        heard: dict[range, Tensor] = {}
        self._stream = stream = Streamed(
            windows,
            lambda window: self._predict(heard.pop(window), told),
            SCHEDULE.steps(plan.steps),
            partial(ramped, overlap=plan.overlap),
        )
        if self._begin:
            stream.restore(self._begin, self._place.device)
        told = counted(stepped, len(windows) * plan.steps, stream.done)
        for window in windows[stream.unfinished : self._pushed]:
            heard[window] = hear(window.start, window.stop)
        begun = windows[self._pushed - 1].stop if self._pushed else 0
        for window in windows[self._pushed :]:
            heard[window] = hear(window.start, window.stop)
            # frame by frame, so that the noise is the same in a longer clip
            noise = torch.randn(window.stop - begun, LATENTS, *self._size, generator=self._random)
            begun, self._pushed = window.stop, self._pushed + 1
            with torch.inference_mode(), self._place.on(self.unet):
                latents = stream.push(self._limited(rearrange(noise, "f c h w -> 1 c f h w")))
            yield latents

    def state(self) -> State:
        """What ``streamed`` goes on with, between two of the latents that it gives."""
        assert self._stream is not None
        random = self._random.get_state()
        pushed = torch.tensor(self._pushed)
        own = {"random": random, "pushed": pushed, **self._attempt.state()}
        return {**self._stream.state(), **own}

    def restore(self, state: State) -> None:
        """Let ``streamed`` go on as then."""
        self._begin, self._pushed = state, int(state["pushed"])
        self._random.set_state(state["random"])
        self._attempt.restore(state)

    def published(self, hear: Hear, n_frames: int, stepped: Stepped) -> Iterator[Tensor]:
        """The same all at once, in windows that close a loop and move on from step to step."""
        plan = self._plan
        heard = hear(0, n_frames)

        def windows(step: int) -> list[list[int]]:
            return overlapping(n_frames, plan.context, plan.overlap, TURN * step)

        told = counted(stepped, len(windows(0)) * plan.steps)

        def within(frames: Sequence[int]) -> Predict:
            return self._predict(heard[torch.tensor(frames, device=heard.device)], told)

        noise = torch.randn(1, LATENTS, n_frames, *self._size, generator=self._random)
        with torch.inference_mode(), self._place.on(self.unet):
            predict, noise = averaged(windows, within), self._limited(noise)
            latents = denoise(predict, noise, SCHEDULE.steps(plan.steps))
        yield latents

    def drawn(self, latents: Tensor) -> Iterator[Tensor]:
        """(1, 4, f, h, w) -> squares float32 (f', 3, R, R), about -1..1, a few at a time."""
        refuse_non_finite(latents, "The latents are", self._place.dtype)
        z = rearrange(latents, "1 c f h w -> f c h w")
        return pictures(self._vae, self._place, z, self._attempt)

    def _predict(self, heard: Tensor, told: Callable[[], None]) -> Predict:
        """What a window predicts to what is heard in it, (f, tokens, channels); told each time."""
        kept: list[Guided] = []  # with the audio's keys and values, while there is memory

        def guided(low_memory: bool) -> Guided:
            tokens = heard.to(self._place.device, self._place.dtype)
            said = Cond(
                added=self._place_of_face.expand(len(tokens), -1, -1, -1),
                context={
                    PICTURE: Context(projected=self._picture),
                    AUDIO: Context(projected=projected(self.unet, AUDIO, tokens)),
                },
            )
            scale = self._plan.guidance
            return Guided(self.unet, guided_by_all(said, scale, in_turn=low_memory))

        def predict(latents: Tensor, step: Step, index: int) -> Tensor:
            def planned(low_memory: bool) -> Tensor:
                if low_memory:
                    kept.clear()
                elif not kept:
                    kept.append(guided(low_memory))
                return (kept[0] if kept else guided(low_memory))(latents, step, index)

            out = self._attempt(planned)
            told()
            return out

        return predict

    def _limited(self, noise: Tensor) -> Tensor:
        return noise.clamp(-MOST, MOST).to(self._place.device)
