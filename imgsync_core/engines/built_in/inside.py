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

    def draw(self, over: Tensor, under: Tensor, t: Tensor, teeth: Tensor, tongue: float) -> Tensor:
        """Colours (3, h, w) of the gap.

        over, under: how far a pixel lies below the upper lip and above the lower one, (h, w), in
        inter-ocular distances.   t: -1 .. 1 across the mouth.   teeth: of the skull, (4, h, w).
        tongue: 0 .. 1, its tip up.
        """
        over, under = over.clip(min=0), under.clip(min=0)
        gap = over + under
        flat = self.drawn
        lit = _ramp(gap, 0.02, 0.16)
        depth = torch.minimum(over / 0.05, under / 0.04).clip(0, 1)
        hollow = torch.lerp(self.line * 0.75, self.dark, _ramp(gap, 0.0, 0.08))
        body = (1 - (t / 0.78) ** 2).clip(min=0).sqrt()
        low = (0.42 * gap).clip(max=0.085) * body
        tip = torch.exp(-((t / 0.42) ** 2)) * body
        top = low + tongue * (gap - low - 0.008).clip(min=0) * tip
        on = _ramp(top - under, -0.006, 0.010) * _ramp(gap, 0.05, 0.09 if tongue else 0.14)
        groove = 1 - 0.16 * torch.exp(-((t / 0.10) ** 2)) * (1 - tongue)
        shade = (0.42 + 0.45 * _ramp(under, 0.0, 0.06) + 0.2 * tongue) * groove * (0.5 + 0.5 * lit)
        colour = self.tongue * (shade.clip(max=1.0) if not flat else 1.0)
        hollow = torch.lerp(hollow, colour, on)
        if not flat and float(gap.max()) > WIDE[0]:
            lower = _ramp(LOWER * (1 - (t / 0.62) ** 2) - under, -0.005, 0.005)
            lower = lower * _ramp(gap, *WIDE) * _ramp(t.abs(), 0.6, 0.4)
            fine = 0.50 * (1 - 0.5 * (t / 0.6) ** 2) * _ramp(under, -0.012, 0.02)
            hollow = torch.lerp(hollow, self.teeth * fine, lower * 0.85)
        side = 0.42 + 0.44 * _ramp(gap, 0.05, 0.16)
        seen = _ramp(gap, *SLIT) * ((side - t.abs()) / 0.24).clip(0, 1) * teeth[3]
        shown = teeth[:3] / teeth[3].clip(min=1e-3)
        if not flat:
            lamp = 0.30 + 0.70 * _ramp(over, 0.0, 0.05)
            shown = shown * torch.stack([lamp**0.75, lamp, lamp**1.15])  # lips tint what is near
        hollow = torch.lerp(hollow, shown, seen)
        if flat:
            return torch.lerp(self.line.expand_as(hollow), hollow, _ramp(depth, 0.15, 0.35))
        return hollow * (0.7 + 0.3 * _ramp(depth, 0.0, 0.8))


def _ramp(x: Tensor, start: float, stop: float) -> Tensor:
    """Smoothly 0 at `start` to 1 at `stop`."""
    t = ((x - start) / (stop - start)).clip(0, 1)
    return t * t * (3 - 2 * t)
