"""What is known of MuseTalk 1.5 and 1.0 before they run. Needs neither numpy nor torch.

Both versions have the same network; only the names of their files tell them apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..base import Cost, EngineSpec, Need, Values, in_windows_of
from ..options import Option
from ..runtime import options as common
from ..runtime.needs import AUTOENCODER, WHISPER

BATCH = 8  # frames drawn together; they do not know of each other
SIDE = 256  # px, of the crops
# Weights of 3.7 GB pass through main memory. On the device: its authors' figure, in float16.
_MEMORY = 4_500_000_000
_DEVICE_MEMORY = 3_600_000_000
AUTO = "auto"


@dataclass(frozen=True)
class Version:
    """What differs between the versions but for the weights.

    margin: below the chin, of the height of the box.   margin_px: the published one, in px.
    jaw: the mask is cut back at the cheeks and grown at the chin.
    """

    margin: float
    margin_px: int
    jaw: bool


VERSIONS = {"1.5": Version(0.04, 10, jaw=True), "1.0": Version(0.0, 0, jaw=False)}

OPTIONS = (
    Option("shift", float, 0.0, "where the redrawn half begins, down (+: the mouth opens wider) or "
           "up the nose, in distances between the eyes", low=-0.2, high=0.2),
    common.MODE,
    Option("version", str, AUTO, "of the weights; auto: by the name of their file",
           choices=(AUTO, *VERSIONS), rare=True),
    *common.NETWORKS,
)  # fmt: skip
NEEDS = (
    Need(
        "MuseTalk's weights are", ("musetalk-1.5", "musetalk-1.0"),
        ("unet.pth", "musetalkV15/unet.pth", "pytorch_model.bin", "musetalk/pytorch_model.bin"),
        "weights",
    ),
    WHISPER,
    AUTOENCODER,
)  # fmt: skip


def version_of(asked: str, unet: Path | None = None) -> Version:
    """The version of weights: as asked, or as their file and the folders around it are called."""
    if asked != AUTO or unet is None:
        return VERSIONS.get(asked, VERSIONS["1.5"])
    for part in reversed(unet.resolve().parts):
        match = re.search(r"musetalk[^\d]*1[._-]?([05])(?!\d)", part.lower())
        if match:
            return VERSIONS[f"1.{match[1]}"]
    return VERSIONS["1.0" if unet.stem == "pytorch_model" else "1.5"]


def _cost(values: Values, size: tuple[int, int], n_frames: int) -> Cost:
    return Cost(_MEMORY + 80 * size[0] * size[1] + 100 * n_frames, _DEVICE_MEMORY)


SPEC = EngineSpec(
    "musetalk", "MuseTalk 1.5 / 1.0",
    "any purpose, also commercial, says its README; see the model card",
    draws="lips", options=OPTIONS, needs=NEEDS, cost=_cost, windows=in_windows_of(BATCH),
    virtue="fast and small: one pass a frame, crops of 256 px",
)  # fmt: skip
