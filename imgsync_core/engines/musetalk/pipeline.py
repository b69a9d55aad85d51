"""Some frames: crops and what is heard in, new faces out, in one pass.

::

    crops -> pixels, lower half black -> latents \\
          -> pixels ------------------> latents ---> UNet -> latents -> decode
    tokens of the sound + their positions --------/
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...nn.hearing import AUDIO
from ...nn.stages import Cond, Context
from ...nn.temporal import positions
from ..runtime.crop import pixel_values
from ..runtime.lips import Networks
from ..runtime.remembered import Remembered
from ..runtime.resuming import State
from ..runtime.stream import Stepped, refuse_non_finite

BLACK = -1.0  # of the lower half
MADE = 0.3  # of the work is done when the latents are there; the rest is decoding


class Drawer:
    """Draws faces.   seed: of latents that are drawn at random; None = their mean is taken."""

    def __init__(self, networks: Networks, seed: int | None = None) -> None:
        self.networks = networks
        self._random = None if seed is None else torch.Generator().manual_seed(seed)
        self._remembered = Remembered[Tensor]()

    def state(self) -> State:
        """What is left of chance."""
        return {} if self._random is None else {"random": self._random.get_state()}

    def restore(self, state: State) -> None:
        """Go on with the chance that was left then."""
        if self._random is not None:
            self._random.set_state(state["random"])

    def draw(
        self, crops: Tensor, which: Tensor, heard: Tensor, low_memory: bool, stepped: Stepped
    ) -> Tensor:
        """As `Redrawn.draw`, and low_memory: in small parts. Raises EngineError for no numbers."""

        def make(crops: Tensor) -> Tensor:
            return self.given(crops, low_memory)

        given = self._remembered(crops, make) if self._random is None else make(crops)
        if len(crops) > 1:  # frames that share a crop share what the UNet makes of it alone
            given = given[which.to(given.device)]
        latents = self.made(given, heard)
        stepped(MADE)
        return self.networks.pictures(latents, low_memory=low_memory)

    def given(self, crops: Tensor, low_memory: bool) -> Tensor:
        """(u, 3, R, R) -> latents, (u, 8, h, w), with the lower half black and of the whole."""
        whole = pixel_values(crops.to(self.networks.place.device))
        masked = whole.clone()
        masked[:, :, masked.shape[2] // 2 :] = BLACK
        parts = (
            self.networks.latents(pixels, low_memory=low_memory, random=self._random)
            for pixels in (masked, whole)
        )
        return torch.cat(list(parts), 1)

    def made(self, given: Tensor, heard: Tensor) -> Tensor:
        """(f or 1, 8, h, w) and what is heard (f, tokens, channels) -> latents (f, 4, h, w)."""
        net = self.networks
        device, dtype = net.place.device, net.place.dtype
        tokens = heard.to(device, dtype)
        tokens = tokens + positions(*tokens.shape[1:]).to(tokens)
        with net.place.on(net.unet):
            cond = Cond(context={AUDIO: Context(tokens)})
            latents = net.unet(given.to(dtype)[:, :, None], 0, cond)[:, :, 0].float()
        refuse_non_finite(latents, "The latents are", dtype)
        return latents
