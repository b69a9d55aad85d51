"""What is seen between parted lips: the dark, upper teeth that stay with the skull, the tongue."""

import numpy as np

from .axes import ramp
from .mouth import Mouth
from .tone import Tone

TEETH = 0.062  # the band of upper teeth below the lip line, in inter-ocular distances
TOOTH = 0.072  # width of a front tooth


def dark(tone: Tone) -> np.ndarray:
    """The colour (3,) of the open mouth's depth."""
    return tone.tint((44, 14, 15))


def skull(mouth: Mouth, tone: Tone, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Upper teeth: RGB premultiplied by coverage, and coverage 0..1, (4, h, w)."""
    if mouth.smiling:
        return np.zeros((4, *u.shape))
    t = (u - mouth.middle) / mouth.half
    below = v - mouth.line(u)
    place = np.abs(u - mouth.middle) / TOOTH
    tooth = np.minimum(place, 4.0) - np.floor(np.minimum(place, 4.0)) - 0.5
    edge = TEETH * (1 - 0.42 * np.clip(t, -1, 1) ** 2) - 0.010 * (2 * tooth) ** 4
    cover = ramp(below, edge + 0.006, edge - 0.006) * ramp(np.abs(t), 0.98, 0.72)
    gap = 1.0 - 0.13 * np.exp(-(((0.5 - np.abs(tooth)) / 0.07) ** 2))
    shade = (0.34 + 0.60 * ramp(below, -0.012, 0.045)) * (1.0 - 0.62 * np.clip(t, -1, 1) ** 2)
    shade = shade * (1 - 0.12 * ramp(below, edge - 0.03, edge)) * gap
    colour = tone.tint((226, 216, 203))
    return np.concatenate([colour[:, None, None] * shade * cover, cover[None]])


def tongue(mouth: Mouth, tone: Tone, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The tongue, lying behind the lower lip: premultiplied RGB and coverage, (4, h, w)."""
    t = (u - mouth.middle) / (0.74 * mouth.half)
    above = mouth.line(u) - v  # height over the lower lip's edge
    top = 0.072 * np.sqrt(np.clip(1 - t**2, 0, 1)) - 0.008 * np.exp(-((t / 0.12) ** 2))
    cover = ramp(above, top + 0.008, top - 0.014) * ramp(np.abs(t), 1.0, 0.7)
    groove = 1 - 0.18 * np.exp(-((t / 0.10) ** 2))
    shade = (0.50 + 0.42 * ramp(above, 0.0, 0.055)) * (1 - 0.45 * np.clip(t, -1, 1) ** 2) * groove
    colour = tone.tint((176, 82, 80))
    return np.concatenate([colour[:, None, None] * shade * cover, cover[None]])
