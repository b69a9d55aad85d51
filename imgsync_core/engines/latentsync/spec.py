"""What is known of LatentSync 1.5 and 1.6 before they run. Needs neither numpy nor torch.

Both versions have the same network; their weights are made for crops of 256 and 512 pixels.
"""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import WeightsError
from ..base import Cost, EngineSpec, Need, Values, in_windows_of
from ..options import Option
from ..runtime import options as common
from ..runtime.needs import AUTOENCODER, WHISPER

WINDOW = 16  # frames denoised together
STEPS = 20
GUIDANCE = 1.5
NEWEST = 512  # px, of the crops of the newest version
# Weights of 5.1 GB pass through main memory. On the device: its authors' figures by size of crop.
_MEMORY = 6_000_000_000
_DEVICE_MEMORY = {256: 8_000_000_000, 512: 18_000_000_000}

OPTIONS = (
    common.steps(STEPS),
    common.guidance(GUIDANCE, "how far lips follow the voice, 1 to 3"),
    Option("deepcache", bool, False, "keep deep layers for three steps: faster, not exact"),
    common.MODE,
    Option("resolution", int, 0, "side of the crop: 256 for 1.5, 512 for 1.6 (by the weights)",
           low=0, high=2048, rare=True),
    *common.NETWORKS,
)  # fmt: skip
NEEDS = (
    Need(
        "LatentSync's weights are", ("latentsync-1.6", "latentsync-1.5"),
        ("latentsync_unet.pt", "unet/latentsync_unet.pt"), "weights",
    ),
    WHISPER,
    AUTOENCODER,
)  # fmt: skip


def known_resolution(unet: Path) -> int | None:
    """The size of crops that weights were made for, as the names around them tell; or None.

    Both versions have the same network, so that the file itself does not tell.
    """
    for part in reversed(unet.resolve().parts):
        match = re.search(r"(?<![\d.])1[._-]?([56])(?!\d)", part)
        if match and "latentsync" in part.lower():
            return {"5": 256, "6": 512}[match[1]]
    return None


def resolution_of(asked: int, unet: Path) -> int:
    """The side of the crops in pixels. Raises WeightsError for one the weights are not made for."""
    known = known_resolution(unet)
    if not asked:
        return known or NEWEST
    if known is not None and asked != known:
        version = "1.5" if known == 256 else "1.6"
        raise WeightsError(
            f"{unet} are weights of LatentSync {version}, made for crops of {known} pixels, not "
            f"{asked}. Leave the resolution out, or take other weights."
        )
    if asked % 64:
        raise WeightsError(f"A crop of {asked} pixels is not possible. Use 256 or 512.")
    return asked


def _cost(values: Values, size: tuple[int, int], n_frames: int) -> Cost:
    """The published figures; a size between or beyond them in proportion to its pixels."""
    given = values.get("weights")
    side = values.get("resolution") or (known_resolution(Path(given)) if given else None) or NEWEST
    low, high = _DEVICE_MEMORY[256], _DEVICE_MEMORY[512]
    share = (side**2 - 256**2) / (512**2 - 256**2)
    memory = _MEMORY + 150 * size[0] * size[1] + 100 * n_frames
    return Cost(memory, max(low // 2, round(low + share * (high - low))))


SPEC = EngineSpec(
    "latentsync", "LatentSync 1.5 / 1.6", "openrail++, see the model card",
    draws="lips", options=OPTIONS, needs=NEEDS, cost=_cost, windows=in_windows_of(WINDOW),
    virtue="the finer lips, slower",
)  # fmt: skip
