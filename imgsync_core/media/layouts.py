"""Loudspeaker layouts: the usual ones, and the way from any other to one of them.

Names of channels are FFmpeg's (libavutil/channel_layout.h). A channel that no usual layout has is
played by its neighbours: at full level by one, at -3 dB by each of two (ITU-R BS.775, annex 4).
Ambisonics in ACN order: channel 0 hears all around, channel 1 left minus right (RFC 8486), so that
their sum and difference are two cardioids, which is stereo.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import av
import numpy as np

from ..errors import SoundError

_BY_NUMBER = {
    1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1",
}  # fmt: skip
# what encoders and FFmpeg's mixer know, in the order of preference
USUAL = (
    "mono", "stereo", "2.1", "3.0", "3.0(back)", "4.0", "quad", "quad(side)", "3.1", "5.0",
    "5.0(side)", "4.1", "5.1", "5.1(side)", "6.0", "6.0(front)", "hexagonal", "6.1", "6.1(back)",
    "6.1(front)", "7.0", "7.0(front)", "7.1", "7.1(wide)", "7.1(wide-side)", "octagonal",
)  # fmt: skip
_BEDS = ("mono", "stereo", "5.1", "5.1(side)", "7.1")  # what others are mixed down to
_HALF = 0.5**0.5
_NEIGHBOURS: dict[str, tuple[str, ...]] = {
    "DL": ("FL",), "DR": ("FR",), "FLC": ("FL",), "FRC": ("FR",), "WL": ("FL",), "WR": ("FR",),
    "TFL": ("FL",), "TFR": ("FR",), "TFC": ("FC",), "BFL": ("FL",), "BFR": ("FR",),
    "BFC": ("FC",), "TC": ("FL", "FR"), "BC": ("BL", "BR"), "TBL": ("BL",), "TBR": ("BR",),
    "TBC": ("BL", "BR"), "SDL": ("SL",), "SDR": ("SR",), "TSL": ("SL",), "TSR": ("SR",),
    "SSL": ("SL",), "SSR": ("SR",), "TTL": ("BL",), "TTR": ("BR",), "LFE2": ("LFE",),
}  # fmt: skip
_BASS = ("LFE", "LFE2")
_LEFT = ("FL", "DL", "WL", "FLC", "SL", "SDL", "BL", "TFL", "TSL", "TBL", "BFL", "SSL", "TTL")
_RIGHT = tuple(name.replace("L", "R", 1) for name in _LEFT)


@dataclass(frozen=True)
class Plan:
    """How the channels of a file become those of a usual layout.

    layout: FFmpeg's name.   matrix: float32 (channels out, channels in); None = as they are.
    note: what was done, where that is more than giving things their usual name.
    lossy: whether channels were mixed or left out, so that they cannot be told apart any more.
    """

    layout: str
    matrix: np.ndarray | None = None
    note: str = ""
    lossy: bool = False

    def sentences(self) -> tuple[tuple[bool, str], ...]:
        """(whether something is lost, what was done), if there is anything to say."""
        return ((self.lossy, self.note),) if self.note else ()


def layout_of(channels: int) -> str:
    """FFmpeg's name of the usual layout of this many channels. Raises SoundError above 8."""
    if channels not in _BY_NUMBER:
        raise SoundError(f"{channels} channels are more than the 8 (7.1) that a video can carry.")
    return _BY_NUMBER[channels]


def names(layout: str) -> tuple[str, ...]:
    """The channels of a layout in order, such as ``("FL", "FR")``."""
    return tuple(channel.name for channel in av.AudioLayout(layout).channels)


def plan(layout: Any) -> Plan:
    """What to do with an ``av.AudioLayout``. Raises SoundError above 8 channels without a place."""
    if layout.name in USUAL:
        return Plan(layout.name)
    if layout.name == "downmix":  # stereo that was mixed down from more
        return Plan("stereo")
    channels = tuple(channel.name for channel in layout.channels)
    if channels[0] == "AMBI0":
        return _ambisonic(channels)
    places = [c for c in channels if c in names("7.1") or c in _NEIGHBOURS]
    if len(set(places)) < len(channels):  # discrete, unknown, or the same place twice
        return Plan(layout_of(len(channels)))
    if len(channels) == 1:
        return Plan("mono")
    if len(channels) == 2 and not set(_BASS) & set(channels):
        return _pair(channels)
    return _mixed(channels)


def _pair(channels: tuple[str, ...]) -> Plan:
    """Two channels are left and right, whatever they are called: the one further left is left."""
    turned = _side(channels[0]) > _side(channels[1])
    matrix = np.eye(2, dtype=np.float32)[::-1].copy() if turned else None
    return Plan("stereo", matrix, f"its channels {'+'.join(channels)} are played as left and right")


def _side(name: str) -> int:
    return (name in _RIGHT) - (name in _LEFT)


def _mixed(channels: tuple[str, ...]) -> Plan:
    """Each channel at its place, or by the neighbours of its place."""
    into = [_NEIGHBOURS.get(name, (name,)) for name in channels]
    needed = {name for speakers in into for name in speakers}
    if needed <= {"FC", "LFE"}:
        needed = {"FC"}  # a voice and its bass
    same = (b for b in USUAL if needed == set(names(b)))
    wider = (b for b in _BEDS if needed - set(_BASS) <= set(names(b)))
    bed = next(chain(same, wider))
    places = names(bed)
    matrix = np.zeros((len(places), len(channels)), np.float32)
    for column, speakers in enumerate(into):
        for name in speakers:
            if name in places:
                own = speakers == (channels[column],)
                matrix[places.index(name), column] = 1 if own else _HALF
    matrix /= max(1.0, float(matrix.sum(1).max()))  # so that nothing is clipped
    shared = int(np.count_nonzero(matrix, 1).max()) > 1
    lossy = shared or int(np.count_nonzero(matrix)) < len(channels)
    how = "mixed down to" if lossy else "played as"
    return Plan(bed, matrix, f"its channels {'+'.join(channels)} are {how} {bed}", lossy)


def _ambisonic(channels: tuple[str, ...]) -> Plan:
    if "AMBI1" not in channels:
        return Plan("mono", np.eye(1, len(channels), dtype=np.float32), "its ambience is left out")
    matrix = np.zeros((2, len(channels)), np.float32)
    matrix[:, 0] = 0.5
    matrix[:, channels.index("AMBI1")] = 0.5, -0.5
    for row, name in enumerate(("FL", "FR")):
        if name in channels:
            matrix[row, channels.index(name)] = 1
    matrix /= max(1.0, float(np.abs(matrix).sum(1).max()))
    note = f"its ambisonic sound ({len(channels)} channels) is mixed down to stereo"
    return Plan("stereo", matrix, note, True)


def kept(layout: str, into: str) -> int:
    """How many channels of a layout find their place in another; sides and backs are one place.

    The channel for bass alone does not count, as what is mixed down leaves it out.
    """

    def places(name: str) -> set[str]:
        return {"B" + c[1] if c in ("SL", "SR") else c for c in names(name)} - set(_BASS)

    return len(places(layout) & places(into))
