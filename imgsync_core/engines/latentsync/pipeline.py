"""One window: crops and what is heard in, new faces out.

::

    crops -> pixels, masked pixels -> latents \\
                                  mask  -------> 9 constant channels -> denoise -> decode
    noise, the same for every frame -----------/                         ^
    features of the sound -> keys and values --------------------------'
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from ...diffusion.ddim import denoise
from ...diffusion.guidance import guided_by
from ...diffusion.predict import Guided, cached
from ...nn.hearing import AUDIO
from ...nn.stages import projected
from ..runtime.crop import pixel_values
from ..runtime.lips import LATENTS, Networks
from ..runtime.remembered import Remembered
from ..runtime.resuming import State
from ..runtime.stream import Stepped, refuse_non_finite
from .mask import fixed_mask, latent_mask
from .model import SCHEDULE
from .spec import GUIDANCE, STEPS

DEEP = 3  # steps for which deep layers are kept


@dataclass(frozen=True)
class Plan:
    """How a window is worked on.

    steps, guidance: of denoising.   deepcache: keep deep layers for three steps.
    sampled: latents of pictures are drawn from what the autoencoder says, not its mean.
    low_memory: everything in small parts, one after the other.
    """

    steps: int = STEPS
    guidance: float = GUIDANCE
    deepcache: bool = False
    sampled: bool = False
    low_memory: bool = False


class Drawer:
    """Draws windows of faces with one seed, whose noise all frames share."""

    def __init__(self, networks: Networks, resolution: int, seed: int) -> None:
        self.networks, self.resolution = networks, resolution
        self._random = torch.Generator().manual_seed(seed)
        self._remembered = Remembered[Tensor]()
        self.mask = fixed_mask(resolution).to(networks.place.device)  # 1 R R
        side = resolution // 8
        self.noise = torch.randn(1, LATENTS, 1, side, side, generator=self._random)

    def state(self) -> State:
        """What is left of chance."""
        return {"random": self._random.get_state()}

    def restore(self, state: State) -> None:
        """Go on with the chance that was left then."""
        self._random.set_state(state["random"])

    def draw(
        self, crops: Tensor, which: Tensor, heard: Tensor, plan: Plan, stepped: Stepped
    ) -> Tensor:
        """New faces float32 (f, 3, R, R), about -1..1.

        crops: uint8 (u, 3, R, R), different ones.   which: int64 (f,), the crop of each frame.
        heard: (f, tokens, channels).   Raises EngineError when the numbers go wrong.
        """

        def make(crops: Tensor) -> Tensor:
            return self.constant(crops, plan)

        # what is drawn at random is another each time
        constant = make(crops) if plan.sampled else self._remembered(crops, make)
        constant = constant[:, :, which.to(self.networks.place.device)]
        latents = self.denoised(constant, heard, plan, stepped)
        return self.decoded(latents, plan)

    def constant(self, crops: Tensor, plan: Plan) -> Tensor:
        """(u, 3, R, R) -> mask, latents of the masked and of the whole crops: (1, 9, u, h, w)."""
        net = self.networks
        pixels = pixel_values(crops.to(net.place.device))
        random = self._random if plan.sampled else None
        masked = net.latents(pixels * self.mask, low_memory=plan.low_memory, random=random)
        whole = net.latents(pixels, low_memory=plan.low_memory, random=random)
        mask = latent_mask(self.mask).expand(len(crops), -1, -1, -1)
        return rearrange(torch.cat([mask.to(whole), masked, whole], 1), "u c h w -> 1 c u h w")

    def denoised(self, constant: Tensor, heard: Tensor, plan: Plan, stepped: Stepped) -> Tensor:
        """Constant channels (1, 9, f, h, w) and what is heard -> latents (1, 4, f, h, w)."""
        net = self.networks
        device, dtype = net.place.device, net.place.dtype
        noise = self.noise.to(device).expand(-1, -1, constant.shape[2], -1, -1)
        with net.place.on(net.unet):
            made = projected(net.unet, AUDIO, heard.to(device, dtype))
            guidance = guided_by(AUDIO, made, plan.guidance, in_turn=plan.low_memory)
            guided = Guided(net.unet, guidance, extra=constant)
            latents = denoise(
                cached(guided, DEEP if plan.deepcache else 1),
                noise,
                SCHEDULE.steps(plan.steps),
                on_step=lambda step, _: stepped((step + 1) / plan.steps),
            )
        refuse_non_finite(latents, "The latents are", dtype)
        return latents

    def decoded(self, latents: Tensor, plan: Plan) -> Tensor:
        """(1, 4, f, h, w) -> float32 (f, 3, R, R)."""
        z = rearrange(latents, "1 c f h w -> f c h w")
        return self.networks.pictures(z, low_memory=plan.low_memory)
