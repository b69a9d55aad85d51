"""What is known of EchoMimic before it runs. Needs neither numpy nor torch.

The accelerated files, whose names end in ``_acc``, hold the same networks, trained to need few
steps and no guidance.
"""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from ..base import Cost, Need, Values
from ..options import Option
from ..runtime import options as common
from ..runtime.needs import AUTOENCODER, HEAD, WHISPER

STEPS, GUIDANCE = {False: 30, True: 6}, {False: 2.5, True: 1.0}  # plain, accelerated
LONGEST = 32  # frames that the table of positions holds
FPS = 24  # of the published pipeline
ACCELERATED = "_acc"
# Weights of 3.4 and 1.8 GB, which denoise, pass through main memory as float32, those of 3.3 GB,
# which look, before them. On the device: planned for, from the size of the networks, not measured.
_MEMORY, _DEVICE_MEMORY = 6_500_000_000, 8_000_000_000

OPTIONS = (
    Option("steps", int, 0, "denoising steps; 0 = by the weights: 30, accelerated 6",
           low=0, high=999),
    Option("guidance", float, 0, "how far voice and face lead, 1 to 4; 0 = by the weights: 2.5, "
           "accelerated 1", low=0, high=20),
    common.CROP_ONLY,
    common.MODE,
    Option("context", int, 12, "frames seen together, 8 to 24", low=2, high=LONGEST, rare=True),
    common.overlap(3, LONGEST - 1),
    common.SQUARE,
    common.WEIGHTS,
    common.file("motion", "file motion_module.pth, or with _acc (beside the weights)"),
    common.file("reference", "file reference_unet.pth (beside the weights)"),
    common.file("locator", "file face_locator.pth (beside the weights)"),
    common.WHISPER,
    common.AUTOENCODER,
    common.LOW_MEMORY,
    common.RETRY,
)  # fmt: skip


NEEDS = (
    Need("EchoMimic's weights (denoising_unet.pth) are", ("echomimic", "echomimic-acc"),
         ("denoising_unet.pth", "denoising_unet_acc.pth"), "weights"),
    Need("EchoMimic's motion modules, without which nothing moves, are",
         ("echomimic-motion", "echomimic-motion-acc"),
         ("motion_module.pth", "motion_module_acc.pth"), "motion", paired=True),
    Need("EchoMimic's reference_unet.pth is", ("echomimic-reference",), ("reference_unet.pth",),
         "reference"),
    Need("EchoMimic's face_locator.pth is", ("echomimic-locator",), ("face_locator.pth",),
         "locator"),
    WHISPER,
    AUTOENCODER,
)  # fmt: skip


def is_accelerated(path: Path) -> bool:
    """Whether a file's name says that it holds accelerated weights."""
    return path.stem.endswith(ACCELERATED)


def check(values: Values) -> None:
    """Raise InputError for options that do not go together."""
    if values["overlap"] >= values["context"]:
        raise InputError(
            f"Windows of {values['context']} frames cannot share {values['overlap']}. Make the "
            "overlap smaller than the context."
        )
    if values["resolution"] % 8:
        raise InputError(f"A square of {values['resolution']} pixels is not possible. Use 512.")


def _cost(values: Values, size: tuple[int, int], n_frames: int) -> Cost:
    """The sizes of the files; on the device in proportion to what is beyond them."""
    share = (values["resolution"] / 512) ** 2 * values["context"] / 12
    device = 0.4 * _DEVICE_MEMORY + 0.6 * _DEVICE_MEMORY * share
    return Cost(_MEMORY + 150 * size[0] * size[1], round(device))


def _windows(values: Values, n_frames: int) -> int:
    beyond = max(0, n_frames - values["context"])
    return 1 - (-beyond // max(1, values["context"] - values["overlap"]))


SPEC = HEAD(
    "echomimic",
    "EchoMimic",
    "see its model card",
    options=OPTIONS,
    needs=NEEDS,
    cost=_cost,
    windows=_windows,
    virtue="the whole head moves",
)
