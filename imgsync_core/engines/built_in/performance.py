"""How a face performs a speech: the mouth from the voice, head, eyes and brows from its prosody.

Everything but the mouth is made at 50 Hz and read at the times of frames, so a speech moves a
face the same way at any frame rate; a seed decides what is left to chance.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ...audio.mouth_curves import CURVES, LEAD, RATE, TABLE, at_fps
from .acting import act
from .looking import blinks, brows, gaze, squint
from .pose import COLUMNS
from .prosody import Prosody, add_bump, prosody, times

# The net answers with the mean of what it heard, which is shy: natural speech reaches 0.35 to 0.45
# at the 95th percentile. This brings that to about 0.65 and leaves closures shut.
_OPENNESS = 1.9
_BREATH_AFTER = 0.25  # seconds of pause after which a phrase begins with a breath
_BREATH = (0.10, 0.17)  # opening of the lips for a breath
_BREATH_LEAD = (0.18, 0.3)  # seconds by which the lips part before the voice
_MOUTH = [COLUMNS.index(name) for name in ("open", "spread", "round", "close", "tuck")]
_SPEAKS = 0.3  # sum of those from which on a mouth takes no shape of the picture's
_PAUSE = 0.6  # seconds before and after speech in which a smile does not come back
_BREATH_LIFT = -0.6  # degrees of pitch: the head rises with the chest


def perform(
    table: np.ndarray, fps: Fraction, n_frames: int, seed: int, offset: float = 0.0
) -> np.ndarray:
    """Poses of a whole speech, float32 (n_frames, 16).

    table: float32 (t, 9) at 50 Hz, as of ``mouth_curves.TABLE``; the tongue may be left out.
    offset: seconds by which the face is later than usual, below 0 earlier.
    """
    at = np.array([float(i / fps) for i in range(n_frames)]) - offset
    length = _length(table, n_frames / fps)
    said = prosody(_padded(table, length))
    parted, lift = _breaths(said)
    tracks = _upper(said, _padded(table, length), lift, n_frames / float(fps), seed)
    poses = np.zeros((n_frames, len(COLUMNS)), np.float32)
    mouth = np.concatenate(list(at_fps([table], fps, n_frames, LEAD - offset)))
    mouth[:, 0] = np.tanh(_OPENNESS * mouth[:, 0]) / np.tanh(_OPENNESS)
    for name, track in tracks.items():
        poses[:, COLUMNS.index(name)] = np.interp(at, times(length), track)
    for name in CURVES:
        if TABLE.index(name) < table.shape[1]:
            poses[:, COLUMNS.index(name)] = mouth[:, TABLE.index(name)]
    parted = np.interp(at, times(length), parted) * (1 - poses[:, COLUMNS.index("close")])
    poses[:, 0] = np.maximum(poses[:, 0], parted)
    return poses


def settled(poses: np.ndarray, fps: float) -> np.ndarray:
    """Poses (t, 16) whose mouth stays closed in short pauses, for a picture that smiles.

    Where nothing is said such a picture is wide and may show its teeth, which between two words
    would be read as one more vowel.
    """
    said = np.clip(poses[:, _MOUTH].sum(1) / _SPEAKS, 0.0, 1.0)
    reach = max(1, round(_PAUSE * fps))
    spans = np.lib.stride_tricks.sliding_window_view(np.pad(said, reach), 2 * reach + 1)
    smooth = np.ones(reach) / reach
    held = np.convolve(np.pad(spans.max(1), reach, mode="edge"), smooth, "same")[reach:-reach]
    made = poses.copy()
    close = made[:, COLUMNS.index("close")]
    np.maximum(close, _SPEAKS * held * (1 - said), out=close)
    return made


def _length(table: np.ndarray, seconds: Fraction) -> int:
    """Values at 50 Hz to be made, in whole seconds so that frame rates agree on it."""
    spoken = math.ceil(len(table) / RATE)
    return RATE * (spoken + 1 if seconds <= spoken + 1 else math.ceil(seconds) + 1)


def _padded(table: np.ndarray, length: int) -> np.ndarray:
    """A table with silence at its end, ``length`` rows."""
    return np.pad(table, ((0, length - len(table)), (0, 0)))


def _upper(
    said: Prosody, table: np.ndarray, lift: np.ndarray, stop: float, seed: int
) -> dict[str, np.ndarray]:
    """Tracks at 50 Hz of everything but the mouth, by the name of their column.

    lift: (t,) degrees of pitch that breathing adds.   stop: seconds that are shown.
    """
    made = act(said, seed)
    made["pitch"] += lift
    made["blink"] = blinks(said, stop, seed)
    looked = gaze(said, made["blink"], made["yaw"], made["pitch"], seed)
    made["gaze_x"], made["gaze_y"] = looked.T
    made["brow"] = brows(said, table[:, TABLE.index("pitch")], seed)
    made["squint"] = squint(said, table[:, TABLE.index("spread")], seed)
    return made


def _breaths(said: Prosody) -> tuple[np.ndarray, np.ndarray]:
    """Opening of the lips before phrases, and pitch of the head in degrees, (t,) at 50 Hz each.

    Breaths differ, but a seed does not touch the mouth.
    """
    rng = np.random.default_rng(8)
    parted, lift = np.zeros(len(said.voiced)), np.zeros(len(said.voiced))
    before = 0.0
    for start, stop in said.phrases.tolist():
        size, lead = rng.uniform(*_BREATH), rng.uniform(*_BREATH_LEAD)
        if start - before >= _BREATH_AFTER:
            lead = min(lead, start - before - 0.05)
            add_bump(parted, start - lead, 0.8 * lead, 0.2 * lead + 0.06, 0.12, size)
            add_bump(lift, start - lead - 0.1, lead, 0.1, 0.5, _BREATH_LIFT)
        before = stop
    return parted, lift
