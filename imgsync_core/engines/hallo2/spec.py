"""What is known of Hallo2 before it runs. Needs neither numpy nor torch."""

from __future__ import annotations

from ...errors import InputError
from ..base import Cost, Need, Values
from ..options import Option
from ..runtime import options as common
from ..runtime.needs import AUTOENCODER, FACES, HEAD, WAV2VEC2

STEPS, GUIDANCE = 40, 3.5
FRAMES, MOTION = 16, 2  # of a clip, and those before it that it goes on from
FPS = 25  # of the published pipeline
# Weights of 4.9 GB at 16 bits and what is beside them pass through main memory (on the CPU, as
# float32, they take twice as much). On the device: a line through the authors' figures for squares
# of 256, 512 and 1024 pixels.
_MEMORY, _DEVICE_MEMORY, _PER_PIXEL = 6_500_000_000, 5_600_000_000, 16_000

OPTIONS = (
    common.steps(STEPS),
    common.guidance(GUIDANCE, "how far voice and face lead, 2 to 5; 1 and below: not at all"),
    Option("pose_weight", float, 1.0, "how much the voice moves head and background",
           low=0, high=3, strength=True),
    Option("face_weight", float, 1.0, "how much the voice moves the face",
           low=0, high=3, strength=True),
    Option("lip_weight", float, 1.0, "how much the voice moves the lips",
           low=0, high=3, strength=True),
    common.CROP_ONLY,
    common.MODE,
    Option("face_expansion", float, 1.2, "how much larger than the face its region is, 1 to 1.5",
           low=1, high=3, rare=True),
    common.overlap(2, FRAMES // 2),
    common.SQUARE,
    common.WEIGHTS,
    common.WAV2VEC2,
    common.FACE_MODELS,
    common.AUTOENCODER,
    common.LOW_MEMORY,
    common.RETRY,
)  # fmt: skip
NEEDS = (
    Need("Hallo2's weights (net.pth) are", ("hallo2",), ("net.pth", "hallo2/net.pth"), "weights"),
    WAV2VEC2,
    AUTOENCODER,
)


def check(values: Values) -> None:
    """Raise InputError for options that do not go together."""
    if values["resolution"] % 64:
        raise InputError(f"A square of {values['resolution']} pixels is not possible. Use 512.")


def _cost(values: Values, size: tuple[int, int], n_frames: int) -> Cost:
    device = _DEVICE_MEMORY + _PER_PIXEL * values["resolution"] ** 2
    return Cost(_MEMORY + 150 * size[0] * size[1], device)


def stride(values: Values) -> int:
    """Frames from where a clip begins to where the next one does."""
    return FRAMES if values["mode"] == "reference" else FRAMES - values["overlap"]


def clips(values: Values, n_frames: int) -> int:
    """Clips that cover so many frames."""
    return 1 - (-max(0, n_frames - FRAMES) // stride(values))


SPEC = HEAD(
    "hallo2",
    "Hallo2",
    "MIT, see its model card; built on Stable Diffusion 1.5 (CreativeML OpenRAIL-M)",
    options=OPTIONS,
    needs=NEEDS,
    helps=FACES,
    cost=_cost,
    windows=clips,
    virtue="the whole head moves, for as long as you like",
)
