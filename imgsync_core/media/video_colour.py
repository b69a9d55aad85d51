"""From a decoded video frame to a picture: RGB of BT.709, square pixels, upright, 8 bits.

High dynamic range is tone-mapped. PQ: SMPTE ST 2084. HLG: ITU-R BT.2100-2 with a nominal peak of
1000 cd/m2 and system gamma 1.2. Roll-off: the EETF of ITU-R BT.2390-10, section 5.4.1, applied to
the largest of R, G and B. White: 203 cd/m2, ITU-R BT.2408. Display: ITU-R BT.1886, gamma 2.4.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from av.video.reformatter import VideoReformatter

from ..errors import VideoError
from .notes import Notes
from .opening import refuse_bomb

# SWS_BICUBIC where the size changes. Without SWS_ACCURATE_RND colours are repeated, not smoothed:
# ten times faster, what other readers do, and what averaging on writing turns back exactly.
_BICUBIC = 0x4
_ITU709, _ITU601, _BT2020 = 1, 5, 9
# matrix coefficients of ITU-T H.273: those that can be computed, and what they are called by
_MATRICES = {1: _ITU709, 4: 4, 5: _ITU601, 6: _ITU601, 7: 7, 9: _BT2020}
_UNSPECIFIED = (0, 2, 3)  # 0: RGB, which a file of Y'CbCr states by mistake; 3: reserved
_LIKE_2020 = (10, 13, 14, 15)  # made for wide gamuts: constant luminance, ICtCp, IPT-C2
_PQ, _HLG = 16, 18
_WIDEST = 8  # no lens and no format squeezes pixels more; a file that says so is wrong

_PEAK, _WHITE = 1000.0, 203.0  # cd/m2: the brightest that is kept, and what it is rolled off to
_TO_709 = np.array(  # ITU-R BT.2087: linear light of BT.2020 to that of BT.709
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)
_STEPS = 4096  # entries of the tables


class Converter:
    """Turns frames of one video into pictures of one shape; what it has to guess it notes.

    aspect: width over height of one pixel, None = square.
    """

    def __init__(self, aspect: Fraction | None, notes: Notes) -> None:
        self._notes, self._aspect = notes, aspect or Fraction(1)
        if not Fraction(1, _WIDEST) <= self._aspect <= _WIDEST:
            notes.tell(f"pixels {float(aspect or 0):g} times as wide as high are taken for square")
            self._aspect = Fraction(1)
        self._reformatter = VideoReformatter()
        self._shape: tuple[int, int, bool] | None = None
        self._turn: tuple[bool, int, int] | None = None  # axes swapped, steps down and across

    def picture(self, frame: Any) -> np.ndarray:
        """uint8 (h, w, 3 or 4) of an ``av.VideoFrame``; all have the shape of the first."""
        if self._shape is None:  # a size change in mid-stream is scaled to it
            alpha = any(c.is_alpha for c in frame.format.components)
            width = max(1, round(frame.width * self._aspect))
            refuse_bomb((width, frame.height), "A frame of the video", VideoError)
            self._shape = width, frame.height, alpha
        width, height, alpha = self._shape
        bright = frame.color_trc in (_PQ, _HLG)
        formats = ("rgba64le", "rgb48le") if bright else ("rgba", "rgb24")
        out = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=formats[0 if alpha else 1],
            src_colorspace=None if frame.format.is_rgb else self._matrix(frame),
            dst_color_range="JPEG",
            interpolation=_BICUBIC,
        ).to_ndarray()
        if bright:
            self._notes.tell("HDR was tone-mapped to BT.709")
            out = _tone_mapped(out, frame.color_trc, wide=frame.color_primaries != _ITU709)
        return self._upright(out, frame)

    def _matrix(self, frame: Any) -> int:
        """What to compute R'G'B' with, as swscale numbers it."""
        stated = frame.colorspace
        if stated in _MATRICES:
            return _MATRICES[stated]
        wide = stated in _LIKE_2020 or frame.color_trc in (_PQ, _HLG)
        guess = _BT2020 if wide else _ITU709 if frame.height >= 720 else _ITU601
        if stated not in _UNSPECIFIED:
            name = {_BT2020: "BT.2020", _ITU709: "BT.709", _ITU601: "BT.601"}[guess]
            self._notes.tell(f"matrix coefficients {stated} are not known: read as {name}")
        return guess

    def _upright(self, picture: np.ndarray, frame: Any) -> np.ndarray:
        """Turned and mirrored as the display matrix says, to the nearest right angle.

        The first frame's is that of all: looking at the side data of a frame makes PyAV keep it
        until Python collects garbage, a second of Full HD at a time.
        """
        if self._turn is None:
            self._turn = self._turn_of(frame.side_data.get("DISPLAYMATRIX"))
        swapped, down, across = self._turn
        turned = picture.swapaxes(0, 1) if swapped else picture
        return turned[::down, ::across]

    def _turn_of(self, matrix: Any) -> tuple[bool, int, int]:
        if matrix is None:
            return False, 1, 1
        # ISO/IEC 14496-12, 6.2.2: x' = a x + c y, y' = b x + d y; rows are a b u, c d v, x y w
        a, b, _, c, d = np.frombuffer(bytes(matrix), "<i4")[:5].astype(float)
        straight = abs(a) + abs(d) >= abs(b) + abs(c)
        if min(abs(a) + abs(d), abs(b) + abs(c)) > 0.02 * max(abs(a) + abs(d), abs(b) + abs(c)):
            self._notes.tell("a turn that is no right angle was taken for the nearest one")
        across, down = (a, d) if straight else (c, b)
        return not straight, -1 if down < 0 else 1, -1 if across < 0 else 1


# -- high dynamic range --


def _pq_light(code: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084: signal 0 to 1 -> light in cd/m2."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = np.maximum(code, 0) ** (1 / m2)
    return 10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)


def _pq_code(light: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084: light in cd/m2 -> signal 0 to 1."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = (np.maximum(light, 0) / 10000) ** m1
    return ((c1 + c2 * power) / (1 + c3 * power)) ** m2


def _hlg_scene(code: np.ndarray) -> np.ndarray:
    """BT.2100 HLG: signal 0 to 1 -> light of the scene 0 to 1."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)


def _rolled_off(light: np.ndarray) -> np.ndarray:
    """BT.2390 EETF: up to ``_PEAK`` cd/m2 -> up to ``_WHITE`` cd/m2, dark and middle unchanged."""
    top = _pq_code(np.array(_PEAK))
    code = np.minimum(_pq_code(light) / top, 1)
    most = _pq_code(np.array(_WHITE)) / top
    knee = 1.5 * most - 0.5
    t = (code - knee) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee
    spline += (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return _pq_light(np.where(code < knee, code, spline) * top)


@cache
def _tables() -> tuple[dict[int, np.ndarray], np.ndarray, np.ndarray]:
    """float32: light by signal, for PQ and HLG; gain by light; uint8: signal by light.

    Light is counted from 0 to 1 = ``_PEAK`` or ``_WHITE``, steps go with its square root.
    """
    steps = np.linspace(0, 1, _STEPS)
    light = {_PQ: np.minimum(_pq_light(steps) / _PEAK, 1), _HLG: _hlg_scene(steps)}
    now = steps**2 * _PEAK
    gain = _rolled_off(now)[1:] / now[1:] * (_PEAK / _WHITE)
    codes = np.round(255 * (steps**2) ** (1 / 2.4)).astype(np.uint8)
    return (
        {trc: table.astype(np.float32) for trc, table in light.items()},
        np.concatenate([gain[:1], gain]).astype(np.float32),
        codes,
    )


def _tone_mapped(picture: np.ndarray, trc: int, *, wide: bool) -> np.ndarray:
    """uint16 (h, w, 3 or 4) of PQ or HLG -> uint8 of the same shape; alpha stays as it is."""
    lights, gains, codes = _tables()
    light = lights[trc][picture[..., :3] >> 4]
    if trc == _HLG:  # the display's own gamma, on luminance: BT.2100, table 5
        luminance = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        light *= np.maximum(luminance, 1e-6)[..., None] ** np.float32(0.2)
    if wide:
        light = light @ _TO_709.T
    np.clip(light, 0, 1, out=light)
    largest = np.sqrt(light.max(-1))
    light *= gains[(largest * (_STEPS - 1)).astype(np.uint16)][..., None]
    np.clip(light, 0, 1, out=light)
    rgb = codes[(np.sqrt(light) * (_STEPS - 1)).astype(np.uint16)]
    return np.dstack([rgb, (picture[..., 3:] >> 8).astype(np.uint8)])
