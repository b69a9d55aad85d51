"""One window: crops and what is heard in, new faces out.

::

    crops -> pixels, masked pixels -> latents \\
                                  mask  -------> 9 constant channels -> denoise -> decode
    noise, the same for every frame -----------/                         ^
    features of the sound -> keys and values --------------------------'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from ...diffusion.ddim import denoise
from ...diffusion.guidance import guided_by
from ...errors import EngineError
from ...nn.stages import projected
from ...nn.vae import SCALE
from . import spec
from .mask import fixed_mask, latent_mask, pixel_values
from .networks import Networks

DEEP = 3  # steps for which deep layers are kept
TILE = 32  # latents: the side of what is decoded at once when memory is scarce
AT_ONCE = 4  # pictures that the autoencoder gets together
Stepped = Callable[[int], None]


@dataclass(frozen=True)
class Plan:
    """How a window is worked on.

    steps, guidance: of denoising.   deepcache: keep deep layers for three steps.
    sampled: latents of pictures are drawn from what the autoencoder says, not its mean.
    frugal: everything in small parts, one after the other.
    """

    steps: int = spec.STEPS
    guidance: float = spec.GUIDANCE
    deepcache: bool = False
    sampled: bool = False
    frugal: bool = False


class Drawer:
    """Draws windows of faces with one seed, whose noise all frames share."""

    def __init__(self, networks: Networks, resolution: int, seed: int) -> None:
        self.networks, self.resolution = networks, resolution
        self._random = torch.Generator().manual_seed(seed)
        self.mask = fixed_mask(resolution).to(networks.device)  # 1 R R
        side = resolution // 8
        self.noise = torch.randn(1, spec.LATENTS, 1, side, side, generator=self._random)

    def draw(self, crops: Tensor, which: Tensor, heard: Tensor, plan: Plan, on: Stepped) -> Tensor:
        """New faces float32 (f, 3, R, R), about -1..1.

        crops: uint8 (u, 3, R, R), different ones.   which: int64 (f,), the crop of each frame.
        heard: (f, tokens, channels).   on(step): called after each step; may raise.
        Raises EngineError when the numbers go wrong.
        """
        constant = self.constant(crops, plan)[:, :, which.to(self.networks.device)]
        latents = self.denoised(constant, heard, plan, on)
        return self.decoded(latents, plan)

    def constant(self, crops: Tensor, plan: Plan) -> Tensor:
        """(u, 3, R, R) -> mask, latents of the masked and of the whole crops: (1, 9, u, h, w)."""
        net = self.networks
        pixels = pixel_values(crops.to(net.device))
        with net.placed(net.vae):
            masked = self._encoded(pixels * self.mask, plan)
            whole = self._encoded(pixels, plan)
        mask = latent_mask(self.mask).expand(len(crops), -1, -1, -1)
        return rearrange(torch.cat([mask.to(whole), masked, whole], 1), "u c h w -> 1 c u h w")

    def _encoded(self, pixels: Tensor, plan: Plan) -> Tensor:
        net = self.networks
        posterior = net.vae.encode(pixels.to(net.dtype), at_once=1 if plan.frugal else AT_ONCE)
        latents = posterior.mean
        if plan.sampled:
            noise = torch.randn(latents.shape, generator=self._random)
            latents = posterior.sample(noise.to(latents))
        return latents.float() * SCALE

    def denoised(self, constant: Tensor, heard: Tensor, plan: Plan, on: Stepped) -> Tensor:
        """Constant channels (1, 9, f, h, w) and what is heard -> latents (1, 4, f, h, w)."""
        net = self.networks
        noise = self.noise.to(net.device).expand(-1, -1, constant.shape[2], -1, -1)
        with net.placed(net.unet):
            tokens = heard.to(net.device, net.dtype)
            guidance = guided_by(
                spec.AUDIO,
                projected(net.unet, spec.AUDIO, tokens),
                plan.guidance,
                in_turn=plan.frugal,
            )
            latents = denoise(
                net.unet,
                noise,
                spec.SCHEDULE.steps(plan.steps),
                guidance,
                constant=constant,
                refresh=DEEP if plan.deepcache else 1,
                on_step=lambda step, _: on(step),
            )
        _refuse_non_finite(latents, "The latents are", net.dtype)
        return latents

    def decoded(self, latents: Tensor, plan: Plan) -> Tensor:
        """(1, 4, f, h, w) -> float32 (f, 3, R, R)."""
        net = self.networks
        z = rearrange(latents, "1 c f h w -> f c h w").to(net.dtype) / SCALE
        with net.placed(net.vae):
            at_once, tile = (1, TILE) if plan.frugal else (AT_ONCE, None)
            faces = net.vae.decode(z, at_once=at_once, tile=tile).float()
        _refuse_non_finite(faces, "The faces are", net.dtype)
        return faces


def _refuse_non_finite(x: Tensor, what: str, dtype: torch.dtype) -> None:
    if not bool(torch.isfinite(x).all()):
        name = str(dtype).removeprefix("torch.")
        way = "Check the weights" if dtype == torch.float32 else "Try float32, or check the weights"
        raise EngineError(
            f"{what} no numbers any more (NaN or infinite, in {name}), so the picture would be "
            f"black. {way} (imgsync models verify)."
        )
