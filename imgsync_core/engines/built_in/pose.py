"""What a face does in one frame, as sixteen numbers; all 0 is the picture itself."""

from dataclasses import astuple, dataclass, fields

import numpy as np


@dataclass(frozen=True)
class Pose:
    """One frame of the face. The fields, in this order, are the columns of a track of poses."""

    open: float = 0.0  # 0..1, 1 is a loud open vowel
    spread: float = 0.0  # 0..1, corners of the mouth apart
    round: float = 0.0  # 0..1, lips narrow and forward
    close: float = 0.0  # 0..1, lips pressed together; wins over open
    tuck: float = 0.0  # 0..1, lower lip under the upper teeth
    blink: float = 0.0  # 0..1, both eyes
    brow: float = 0.0  # -1..1, up is positive
    yaw: float = 0.0  # degrees, the nose to the viewer's right is positive
    pitch: float = 0.0  # degrees, the nose down is positive
    roll: float = 0.0  # degrees, clockwise as the viewer sees it is positive
    shift_x: float = 0.0  # of the whole head to the right, parts of the inter-ocular distance
    shift_y: float = 0.0  # down, likewise
    gaze_x: float = 0.0  # degrees that the eyes turn in the head, to the viewer's right
    gaze_y: float = 0.0  # down, likewise
    squint: float = 0.0  # 0..1, lower lids up
    tongue: float = 0.0  # 0..1, its tip up behind the upper teeth, as for l, th, n

    def row(self) -> np.ndarray:
        """This pose as float32 (16,)."""
        return np.array(astuple(self), np.float32)


COLUMNS = tuple(field.name for field in fields(Pose))
LIMITS = np.array(  # lowest and highest value of each column, (16, 2)
    [(0, 1)] * 6
    + [
        (-1, 1),
        (-12, 12),
        (-12, 12),
        (-12, 12),
        (-0.25, 0.25),
        (-0.25, 0.25),
        (-30, 30),
        (-20, 20),
        (0, 1),
        (0, 1),
    ],
    np.float32,
)


@dataclass(frozen=True)
class Strength:
    """How much of each kind of motion is shown; 1 is natural, 0 is none."""

    mouth: float = 1.0
    head: float = 1.0
    blink: float = 1.0
    expression: float = 1.0  # brows, gaze, squint

    def scale(self) -> np.ndarray:
        """The factor of each column of a track of poses, float32 (16,)."""
        return np.array(
            [self.mouth] * 5
            + [self.blink, self.expression]
            + [self.head] * 5
            + [self.expression] * 3
            + [self.mouth],
            np.float32,
        )


def bounded(poses: np.ndarray, strength: Strength) -> np.ndarray:
    """Poses (t, 16) scaled by the strength and held to what the renderer can show, float32."""
    track = np.asarray(poses, np.float32)
    if track.ndim != 2 or track.shape[1] != len(COLUMNS):
        raise ValueError(f"poses must be (t, {len(COLUMNS)}), not {track.shape}")
    track = np.nan_to_num(track) * strength.scale()
    return np.clip(track, LIMITS[:, 0], LIMITS[:, 1])
