"""The picture's light: what skin looks like here, and how bright and coloured things are in it."""

from dataclasses import dataclass

import numpy as np

from .axes import luminance


@dataclass(frozen=True)
class Tone:
    """The skin of a face in a picture."""

    skin: np.ndarray  # RGB 0..255, (3,)
    light: float  # how bright the face is lit; 1 is a fair face in full light
    colour: float  # how coloured the picture is; 0 is grey, 1 is ordinary
    drawn: bool = False  # in flat colours, as cartoons are

    def tint(self, rgb, lit: float = 1.0) -> np.ndarray:
        """A colour 0..255 as it looks in this light: (3,)."""
        plain = np.asarray(rgb, np.float64)
        grey = np.full(3, luminance(plain))
        cast = self.skin / max(float(luminance(self.skin)), 1.0)
        usual = np.array([1.19, 0.96, 0.82])  # the cast of skin in white light
        coloured = grey + self.colour * (plain - grey)
        shift = (cast / (1 + self.colour * (usual - 1))) ** 0.6
        return np.clip(coloured * shift * self.light * lit, 0, 255)


def tone(pixels: np.ndarray) -> Tone:
    """The tone of skin pixels (n, 3), 0..255, some of which may be something else."""
    luma = luminance(pixels)
    low, high = np.percentile(luma, [35, 85])
    skin = np.median(pixels[(luma >= low) & (luma <= high)], axis=0)
    bright = float(luminance(skin))
    chroma = float(skin.max() - skin.min()) / max(float(skin.max()), 1.0)
    spread = float(np.median(pixels.max(axis=1) - pixels.min(axis=1)))
    colour = 0.0 if spread < 2.0 else min(chroma / 0.25, 1.0)
    return Tone(skin, float(np.clip((bright / 185.0) ** 0.8, 0.25, 1.1)), colour)
