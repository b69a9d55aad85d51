"""Frames of one still: clip after clip, each going on from the last frames of the one before.

::

    still  -> latents -> looked at once, with the face ---- keys and values -----.
    last frames, a quarter of them dropped -> latents -> looked at -> before --. |
    sound  -> tokens of each frame -> keys and values -----------------------. | |
                                                                             v v v
    noise of 16 frames -------------------------- step by step -> latents -> squares -> last frames
                                                                                |
    the clip before ends over this one's first frames  --------------------> faded together
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from ...diffusion.ddim import denoise
from ...diffusion.guidance import guided_from
from ...diffusion.predict import Guided
from ...diffusion.schedule import Step
from ...nn.attention import KeysValues
from ...nn.reference import sites
from ...nn.stages import Areas, Cond, Context, projected
from ..runtime.anchor import Anchor
from ..runtime.autoencoder import pictures
from ..runtime.resuming import State
from ..runtime.stream import Attempt, Stepped, refuse_non_finite
from .model import AUDIO, FACE, LATENTS, PICTURE, SCHEDULE
from .networks import Loaded

Hear = Callable[[int, int], Tensor]
"""What is heard at frames [start, stop): (f, around, layers, channels); start never goes back."""
Record = dict[str, Tensor]


@dataclass(frozen=True)
class Plan:
    """How a clip is worked on.

    strengths: of what the audio moves in the whole picture, the face and the lips.
    overlap: frames of a clip that are drawn again by the next one, and faded together.
    frames: of a clip.   motion: last frames that the next clip goes on from.
    drop: share of their pixels outside the face that is left out.
    """

    steps: int
    guidance: float
    strengths: tuple[float, ...]
    overlap: int
    frames: int = 16
    motion: int = 2
    drop: float = 0.25

    @property
    def stride(self) -> int:
        """Frames from where a clip begins to where the next one does."""
        return self.frames - self.overlap


@dataclass(frozen=True)
class Still:
    """The still as the networks see it.

    pixels: float32 (1, 3, R, R) in -1..1.   place: (1, 1, R, R), above 0 where the face is.
    masks: by level, 0 to 1 (regions, s).   face: what tells it from others, (1, c).
    """

    pixels: Tensor
    place: Tensor
    masks: tuple[Tensor, ...]
    face: Tensor


class Drawer:
    """Draws the frames of one still with one seed.

    next: the clip that comes next.
    """

    def __init__(
        self, networks: Loaded, still: Still, plan: Plan, attempt: Attempt, *, seed: int
    ) -> None:
        self._networks, self._plan, self._attempt = networks, plan, attempt
        self._random = torch.Generator().manual_seed(seed)
        self._spots = torch.Generator().manual_seed(seed ^ 1)
        self._still, self._protected = still.pixels, still.place[0, 0] > 0
        self._anchor = Anchor(still.pixels, self._protected)
        self.next = 0
        self._last = still.pixels.expand(plan.motion, -1, -1, -1)  # that the next clip goes on from
        self._tail = still.pixels[:0]  # squares that the next clip is faded in over
        self._noise = torch.zeros(0)  # of frames that the next clip draws again
        halves = 2 if plan.guidance > 1 else 1  # the face's tokens without it, and with it
        place = networks.place
        with torch.inference_mode():
            none = torch.zeros_like(still.face)
            self._faces = networks.tell(torch.cat([none, still.face])[-halves:])
            self._located = networks.locate(still.place.expand(-1, 3, -1, -1))
            seen = self._looked(networks.encode(still.pixels).expand(halves, -1, -1, -1),
                                self._seeing(halves)[:, 0])  # fmt: skip
            with place.on(networks.reading):
                shown = self._shown(halves).to(place.device)
                made = projected(networks.reading, PICTURE, seen)
                self._picture = {site: (k[shown], v[shown]) for site, (k, v) in made.items()}
                rows = self._faces[:, None].expand(-1, plan.frames, -1, -1)
                self._told = [projected(networks.reading, FACE, face) for face in rows]
        masks = tuple(mask.to(place.device) for mask in still.masks)
        self._areas = Areas(masks, plan.strengths)

    def clips(self, hear: Hear, n: int, stepped: Stepped) -> Iterator[Tensor]:
        """Squares float32 (f, 3, R, R), about -1..1, of the next clip up to the nth: those that
        are finished by each.

        stepped: told after each step the share of all that is done.
        """
        plan, kept = self._plan, self._plan.stride
        for clip in range(self.next, n):
            heard = hear(clip * plan.stride, clip * plan.stride + plan.frames)

            def done(index: int, latents: Tensor, clip: int = clip) -> None:
                stepped((clip + (index + 1) / plan.steps) / n)

            with torch.inference_mode():
                squares = self._joined(self._clip(heard, self._last, done), self._tail)
            if clip == n - 1:
                kept = plan.frames
            self.next = clip + 1
            # as restored, for how numbers lie in memory decides how they are rounded
            self._last = squares[:kept][-plan.motion :].contiguous()
            self._tail = squares[kept:].contiguous()
            yield squares[:kept]

    def state(self) -> State:
        """What the next clip goes on with."""
        carried = {"last": self._last, "tail": self._tail, "noise": self._noise}
        return {
            **{name: x.clone() for name, x in carried.items()},
            "next": torch.tensor(self.next),
            "random": self._random.get_state(),
            "spots": self._spots.get_state(),
            **self._attempt.state(),
        }

    def restore(self, state: State) -> None:
        """Go on as then."""
        self._last, self._tail, self._noise = state["last"], state["tail"], state["noise"]
        self.next = int(state["next"])
        self._random.set_state(state["random"])
        self._spots.set_state(state["spots"])
        self._attempt.restore(state)

    def _clip(self, heard: Tensor, last: Tensor, done: Callable[[int, Tensor], None]) -> Tensor:
        """The squares of one clip, (f, 3, R, R)."""
        networks, place = self._networks, self._networks.place
        spots, noise = self._chance()
        keep = (spots > self._plan.drop) | self._protected
        seeing = self._seeing(len(self._faces))[:, 1:]
        latents = networks.encode(last.clamp(-1, 1) * keep).repeat(len(seeing), 1, 1, 1)
        before = self._looked(latents, seeing.flatten())
        audio = networks.hear_tokens(heard)
        with place.on(networks.reading):
            nothing, told = self._conditions(projected(networks.reading, AUDIO, audio), before)
            predict = self._predict(nothing, told)
            noise = noise.to(place.device)
            latents = denoise(predict, noise, SCHEDULE.steps(self._plan.steps), on_step=done)
        refuse_non_finite(latents, "The latents are", place.dtype)
        z = rearrange(latents, "1 c f h w -> f c h w")
        parts = pictures(networks.vae, place, z, self._attempt)
        return torch.cat([part.cpu() for part in parts])

    def _looked(self, latents: Tensor, seeing: Tensor) -> Record:
        """What the other network records of latents (b, 4, h, w), each beside a face of these."""
        networks, record = self._networks, {}
        faces = self._faces[seeing.to(self._faces.device)]
        cond = Cond(record=record, context={FACE: Context(faces)})
        with networks.place.on(networks.recording):
            until = sites(networks.recording)[-1]
            networks.recording(latents[:, :, None], 0, cond, until=until)
        return {site: self._rounded(tokens) for site, tokens in record.items()}

    def _conditions(self, audio: dict[str, KeysValues], before: Record) -> tuple[Cond, Cond]:
        """What is told to each half: nothing, but what cannot be left away, and all."""
        earlier = [
            {site: x[i : i + self._plan.motion][None] for site, x in before.items()}
            for i in range(0, len(self._faces) * self._plan.motion, self._plan.motion)
        ]
        told = Cond(
            added=self._located.expand(self._plan.frames, -1, -1, -1),
            context={
                FACE: Context(projected=self._told[-1]),
                PICTURE: Context(projected=self._picture),
                AUDIO: Context(projected=audio),
            },
            before=earlier[-1],
            areas=self._areas,
        )
        silent = {name: Context(unconditional=1) for name in (PICTURE, AUDIO)}
        nothing = Cond(
            context={FACE: Context(projected=self._told[0]), **silent},
            before=earlier[0],
            areas=self._areas,
        )
        return nothing, told

    def _predict(self, nothing: Cond, told: Cond) -> Callable[[Tensor, Step, int], Tensor]:
        made: dict[bool, Guided] = {}  # of the plan that there is memory for

        def predict(latents: Tensor, step: Step, index: int) -> Tensor:
            def planned(low_memory: bool) -> Tensor:
                if low_memory not in made:
                    made.clear()
                    scale = self._plan.guidance
                    guidance = guided_from(nothing, told, scale, in_turn=low_memory)
                    made[low_memory] = Guided(self._networks.reading, guidance)
                return made[low_memory](latents, step, index)

            return self._attempt(planned)

        return predict

    def _seeing(self, halves: int) -> Tensor:
        """Which face's tokens the still and each of the last frames are looked at with.

        (halves, 1 + motion): numbers among as many faces.
        """
        return torch.arange(halves)[:, None].expand(-1, 1 + self._plan.motion)

    def _shown(self, halves: int) -> Tensor:
        """Which half's still the conditional frames see: one for all, or one for each."""
        return torch.tensor([halves - 1])

    def _rounded(self, tokens: Tensor) -> Tensor:
        return tokens

    def _chance(self) -> tuple[Tensor, Tensor]:
        """Where pixels are dropped, 0 to 1 (R, R), and noise (1, 4, f, h, w).

        A frame that is drawn by two clips has the same noise in both.
        """
        spots = torch.rand(self._still.shape[-2:], generator=self._spots)
        missing = self._plan.frames - len(self._noise)
        shape = (missing, LATENTS, *self._located.shape[-2:])
        new = torch.randn(shape, generator=self._random)
        noise = torch.cat([self._noise, new]) if len(self._noise) else new
        self._noise = noise[self._plan.stride :]
        return spots, rearrange(noise, "f c h w -> 1 c f h w")

    def _joined(self, squares: Tensor, tail: Tensor) -> Tensor:
        """A clip with the still's colours, its first frames faded in over the last of another."""
        squares = self._anchor(squares)
        if not len(tail):
            return squares
        n = len(tail)
        share = (torch.arange(1, n + 1) / (n + 1)).view(-1, 1, 1, 1)
        return torch.cat([torch.lerp(tail, squares[:n], share), squares[n:]])
