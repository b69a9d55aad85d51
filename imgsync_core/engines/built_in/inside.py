"""What is seen between parted lips: the dark, teeth that stay with skull and jaw, the tongue."""

import numpy as np
import torch
from torch import Tensor

from .axes import ramp
from .mouth import Mouth
from .tone import Tone

TEETH = 0.066  # the band of upper teeth below the lip line, in inter-ocular distances
TOOTH = 0.074  # width of a front tooth
SLIT = (0.045, 0.125)  # gap at which the upper teeth begin to be seen, and are seen in full
WIDE = (0.16, 0.26)  # the same for the lower teeth
LOWER = 0.028  # the band of lower teeth above the lower lip


def skull(mouth: Mouth, tone: Tone, u: np.ndarray, v: np.ndarray, unit: float) -> np.ndarray:
    """Upper teeth: RGB premultiplied by coverage, and coverage 0..1, (4, h, w).

    unit: pixels in one inter-ocular distance.
    """
    if mouth.smiling:
        return np.zeros((4, *u.shape))
    t = (u - mouth.middle) / mouth.half
    below = v - mouth.line(u)
    place = np.minimum(np.abs(u - mouth.middle) / TOOTH, 4.0)
    tooth = place - np.floor(place) - 0.5
    edge = TEETH * (1 - 0.6 * np.clip(t, -1, 1) ** 2)
    if not tone.drawn:
        edge = edge - 0.006 * (2 * tooth) ** 4
    soft = max(0.005, 0.6 / unit)
    cover = ramp(below, edge + soft, edge - soft) * ramp(np.abs(t), 0.86, 0.6)
    fine = ramp(np.array(unit), 40.0, 90.0)  # gaps between teeth, where there are pixels for them
    gap = 1.0 - 0.10 * fine * np.exp(-(((0.5 - np.abs(tooth)) / 0.06) ** 2))
    shade = (1.0 - 0.5 * np.clip(np.abs(t) / 0.8, 0, 1) ** 2) * gap
    shade = shade * (1 - 0.10 * ramp(below, edge - 0.03, edge))
    if tone.drawn:
        shade = np.ones_like(shade)
    colour = tone.tint((196, 187, 172) if not tone.drawn else (244, 238, 228))
    return np.concatenate([colour[:, None, None] * shade * cover, cover[None]])


class Inside:
    """Draws what is between the lips of one mouth, from where each pixel lies in the gap."""

    def __init__(self, tone: Tone, line: np.ndarray, device):
        """`line` is the colour (3,) of the picture's own lip line."""

        def put(rgb) -> Tensor:
            return torch.from_numpy(np.asarray(rgb, np.float64)).float().to(device)[:, None, None]

        self.drawn = tone.drawn
        self.dark = put(tone.tint((96, 32, 36) if tone.drawn else (38, 12, 13)))
        self.tongue = put(tone.tint((206, 102, 100) if tone.drawn else (188, 96, 92)))
        self.teeth = put(tone.tint((186, 172, 152)))
        self.line = put(line)

    def draw(
        self, over: Tensor, under: Tensor, across: Tensor, teeth: Tensor, tongue: Tensor
    ) -> Tensor:
        """Colours (t, 3, h, w) of the gap.

        over, under: how far a pixel lies below the upper lip and above the lower one, (t, 1, h, w),
        in inter-ocular distances.   across: -1 .. 1 across the mouth.   teeth: of the skull,
        (t, 4, h, w).   tongue: 0 .. 1, its tip up, (t, 1, 1, 1).
        """
        over, under = over.clip(min=0), under.clip(min=0)
        gap = over + under
        square = across * across
        depth = torch.minimum(over / 0.05, under / 0.04).clip_(0, 1)
        hollow = torch.lerp(self.line * 0.75, self.dark, _ramp(gap, 0.0, 0.04))
        self._tongue(hollow, under, gap, square, tongue)
        if not self.drawn and float(gap.max()) > WIDE[0]:
            self._lower(hollow, under, gap, square)
        side = _ramp(gap, 0.05, 0.16).mul_(0.44).add_(0.42)
        seen = side.sub_(across.abs()).div_(0.24).clip_(0, 1)
        seen.mul_(_ramp(gap, *SLIT)).mul_(teeth[:, 3:])
        shown = teeth[:, :3] / teeth[:, 3:].clip(min=1e-3)
        if self.drawn:
            hollow.lerp_(shown, seen)
            return torch.lerp(self.line, hollow, _ramp(depth, 0.15, 0.35))
        lamp = _ramp(over, 0.0, 0.05).mul_(0.70).add_(0.30)
        shown = shown * torch.cat([lamp**0.75, lamp, lamp**1.15], 1)  # lips tint what is near
        return hollow.lerp_(shown, seen).mul_(_ramp(depth, 0.0, 0.8).mul_(0.3).add_(0.7))

    def _tongue(self, hollow: Tensor, under: Tensor, gap: Tensor, square: Tensor, up: Tensor):
        """Lay the tongue into the hollow: low on the jaw, its tip up where a sound wants it."""
        body = (1 - square / 0.78**2).clip_(min=0).sqrt_()
        top = (0.42 * gap).clip_(max=0.085).mul_(body)
        raised = bool(up.any())
        if raised:
            tip = torch.exp(square * (-1 / 0.42**2)).mul_(body)
            top = top + up * (gap - top - 0.008).clip_(min=0) * tip
        far = torch.where(up > 0, 0.09, 0.14)
        on = _ramp(top - under, -0.006, 0.010).mul_(_ramp(gap, 0.05, far))
        colour = self.tongue
        if not self.drawn:
            groove = 1 - (0.16 * torch.exp(square * (-1 / 0.10**2))) * (1 - up)
            shade = _ramp(under, 0.0, 0.06).mul_(0.45).add_(0.42)
            shade = (shade + 0.2 * up if raised else shade).mul_(groove)
            lit = _ramp(gap, 0.02, 0.16).mul_(0.5).add_(0.5)
            colour = colour * shade.mul_(lit).clip_(max=1.0)
        hollow.lerp_(colour.expand_as(hollow), on)

    def _lower(self, hollow: Tensor, under: Tensor, gap: Tensor, square: Tensor) -> None:
        """Lay the lower teeth into a wide gap."""
        seen = _ramp(LOWER * (1 - square / 0.62**2) - under, -0.005, 0.005)
        seen.mul_(_ramp(gap, *WIDE)).mul_(_ramp(square.sqrt(), 0.6, 0.4))
        fine = 0.50 * (1 - square * (0.5 / 0.6**2)) * _ramp(under, -0.012, 0.02)
        hollow.lerp_(self.teeth * fine, seen.mul_(0.85))


def _ramp(x: Tensor, start: float, stop: float | Tensor) -> Tensor:
    """Smoothly 0 at `start` to 1 at `stop`."""
    t = ((x - start) / (stop - start)).clip_(0, 1)
    return (t * -2).add_(3).mul_(t).mul_(t)
