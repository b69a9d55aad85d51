"""How a video is written: container, codecs, pixel format, colour, quality, as named presets."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import EncodingError

Options = dict[str, str]


@dataclass(frozen=True)
class Encoding:
    """One way to write a video.

    container: FFmpeg's muxer.           extension: of the file, with the dot.
    codec: FFmpeg's video encoder.       tag: four-letter code, where the default is not playable.
    pixels: its pixel format.            alpha_pixels: the one with transparency; None = no alpha.
    options: of the encoder.             still_options: on top of them where all frames are equal.
    large_still_options: on top of those where they are larger than 4K.
    crf: constant quality, lower is better; None where the codec has no such scale.
    crf_range: what the codec takes.     still_crf: added where all frames are equal.
    gop: frames from one key frame to the next at most; 1 = every frame stands alone.
    reorder: frames by which coding runs ahead of showing; 0 for stills.
    align: width and height have to be multiples of this.
    least_side: pixels that width and height have at least; SVT-AV1 hangs on narrow pictures.
    most_pixels: width x height that players have to cope with; None = no such limit.
    sound: FFmpeg's audio encoder; None = the format carries no sound.
    sound_bit_rate: bits per second for up to two channels; None = lossless, or no sound.
    cycles: packets may be written again with later timestamps.
    bits: of a pixel of moving video, as few as were ever measured: a drawn face that speaks.
    most_fps: frames a second that are shown as such; None = no such limit.
    merges: the encoder makes one long frame of neighbours that are equal.
    sound_options: of the audio encoder.
    copies: audio codecs that are taken over as they are when nothing about the sound changed.
    """

    name: str
    container: str
    extension: str
    codec: str
    pixels: str
    alpha_pixels: str | None = None
    tag: str | None = None
    options: Options = field(default_factory=dict)
    still_options: Options = field(default_factory=dict)
    large_still_options: Options = field(default_factory=dict)
    crf: int | None = None
    crf_range: tuple[int, int] = (0, 0)
    still_crf: int = 0
    gop: int = 250
    reorder: int = 0
    align: int = 2
    cycles: bool = True
    least_side: int = 1
    bits: float = 0.01
    most_fps: Fraction | None = None
    merges: bool = False
    most_pixels: int | None = None
    sound: str | None = "aac"
    sound_bit_rate: int | None = 192_000
    sound_options: Options = field(default_factory=dict)
    copies: frozenset[str] = frozenset()
    muxer_options: Options = field(default_factory=dict)

    def with_crf(self, crf: Any) -> Encoding:
        """The same at another quality. Raises EncodingError outside the codec's range."""
        low, high = self.crf_range
        if self.crf is None:
            raise EncodingError(f"{self.name} has no CRF quality. Leave it out.")
        if not low <= crf <= high:
            raise EncodingError(f"CRF {crf} is out of range for {self.name}. Use {low} to {high}.")
        return replace(self, crf=int(crf))

    def with_sound_bit_rate(self, kbps: Any) -> Encoding:
        """The same with ``kbps`` kilobits a second of sound. Raises EncodingError."""
        if self.sound_bit_rate is None:
            raise EncodingError(f"{self.name} has no bit rate of sound to set. Leave it out.")
        if not 16 <= kbps <= 512:
            raise EncodingError(f"{kbps} kbit/s is out of range for sound. Use 16 to 512.")
        return replace(self, sound_bit_rate=int(kbps) * 1000)

    def tuned(self, crf: Any = None, sound_kbps: Any = None) -> Encoding:
        """The same at another quality and bit rate of sound; None leaves either as it is."""
        encoding = self if crf is None else self.with_crf(crf)
        return encoding if sound_kbps is None else encoding.with_sound_bit_rate(sound_kbps)

    def thinning(self, fps: Fraction) -> int:
        """One of how many frames is written, so that there are no more than ``most_fps``."""
        return 1 if self.most_fps is None else math.ceil(fps / self.most_fps)

    def without_alpha(self) -> Encoding:
        return replace(self, alpha_pixels=None)

    def encoder_options(self, still: bool, pixels: int = 0) -> Options:
        """What the encoder gets; ``still``: all frames are the same picture, of ``pixels``."""
        options = {**self.options, **(self.still_options if still else {})}
        if still and pixels > _LARGE:
            options |= self.large_still_options
        if self.crf is not None:
            low, high = self.crf_range
            crf = self.crf + (self.still_crf if still else 0)
            options["crf"] = str(min(max(crf, low), high))
        return options


_MOV = {"movflags": "+faststart+use_metadata_tags"}
_IN_MP4 = frozenset({"aac", "mp3"})
# Not AAC and MP3: FFmpeg would delay the picture by what their decoders have to skip. Not lossless
# ones: encoded anew they are the same, and padded to the end of the picture.
_IN_MKV = frozenset({"opus", "vorbis", "ac3", "eac3"})

# FFmpeg's default coder, twoloop, is meant for low bit rates: at 64 kbit/s and more per channel
# this one leaves less noise (3 to 9 dB less, averaged over Bark-like bands) in 60 % of the time.
# Noise shaping and noise substitution change nothing for the better there, and take a tenth of it.
_AAC = {"aac_coder": "fast", "aac_tns": "0", "aac_pns": "0"}

# Without this, where the width is no multiple of 128, x264's code for AVX-512 goes by what is in
# memory by chance: the same job would give other bytes each time. It takes 0.3 % of size, no time.
# Stills come out the same without.
_X264_SAME = "cpu-independent=1"

# A still costs one good key frame and then nothing: no B frames, no search, no refinement of what
# cannot change (deadzone-inter). What that saves goes into the key frame (still_crf). The usual
# lookahead of 40 frames finds nothing new either, and costs 2 MB a frame at 1080x1080.
_X264_STILL = (
    "bframes=0:ref=1:weightp=0:me=dia:subme=2:trellis=0:deadzone-inter=32:scenecut=0"
    ":keyint=250:rc-lookahead=24"
)
# Less refinement of motion vectors than the preset's: for faces that talk 0.5 to 0.75 of the time
# for the same size and quality (within 0.6 dB), for pans 0.75 of it. A smaller pattern to search
# them in: 0.93 of the time, 0.2 % of size, for pans 1 to 3 %.
_X264_MOVING = f"{_X264_SAME}:subme=2:me=dia"
_LARGE = 3840 * 2160  # pixels
# At 8K that lookahead is 2.9 GB and 0.24 s of each frame; this one is 1.7 GB and 0.13 s.
_X264_LARGE_STILL = _X264_STILL.replace("rc-lookahead=24", "rc-lookahead=10")

_H264 = Encoding(
    name="mp4-h264",
    container="mp4",
    extension=".mp4",
    codec="libx264",
    pixels="yuv420p",
    options={"preset": "faster", "profile": "high", "x264-params": _X264_MOVING},
    still_options={"tune": "stillimage", "x264-params": _X264_STILL},
    large_still_options={"x264-params": _X264_LARGE_STILL},
    crf=18,
    crf_range=(1, 51),
    still_crf=-6,
    reorder=2,
    most_pixels=139_264 * 256,  # level 6.2, the highest of both H.264 and H.265
    sound_options=_AAC,
    copies=_IN_MP4,
    muxer_options=_MOV,
)
_H265 = replace(
    _H264,
    name="mp4-h265",
    codec="libx265",
    tag="hvc1",
    options={"preset": "fast", "x265-params": "log-level=none:open-gop=0"},
    still_options={
        "x265-params": "log-level=none:open-gop=0:bframes=0:ref=1:scenecut=0:keyint=250"
    },
    large_still_options={},
    crf=22,
    crf_range=(0, 51),
    bits=0.003,
    still_crf=-3,
)
_AV1 = replace(
    _H264,
    name="mp4-av1",
    codec="libsvtav1",
    options={"preset": "8", "svtav1-params": "scd=0"},
    still_options={},
    large_still_options={},
    crf=28,
    crf_range=(1, 63),
    bits=0.003,
    still_crf=-4,
    reorder=0,
    least_side=32,
    most_pixels=None,
)
_VP9 = Encoding(
    name="webm-vp9",
    container="webm",
    extension=".webm",
    codec="libvpx-vp9",
    pixels="yuv420p",
    alpha_pixels="yuva420p",
    options={"deadline": "good", "cpu-used": "4", "row-mt": "1", "auto-alt-ref": "0"},
    still_options={"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    crf=28,
    crf_range=(0, 63),
    still_crf=-4,
    sound="libopus",
    sound_bit_rate=160_000,
    sound_options={"mapping_family": "1"},  # the default mixes up the channels of 5.0 and 6.1
    copies=frozenset({"opus", "vorbis"}),
)
_PRORES = Encoding(
    name="mov-prores4444",
    container="mov",
    extension=".mov",
    codec="prores_ks",
    pixels="yuv444p10le",
    alpha_pixels="yuva444p10le",
    options={"profile": "4444", "vendor": "apl0", "alpha_bits": "16"},
    gop=1,
    bits=5.5,
    sound="pcm_s24le",
    sound_bit_rate=None,
    copies=_IN_MP4,
    muxer_options=_MOV,
)
_FFV1 = Encoding(
    name="mkv-ffv1",
    container="matroska",
    extension=".mkv",
    codec="ffv1",
    pixels="bgr0",
    alpha_pixels="bgra",
    options={"level": "3", "slices": "4", "slicecrc": "1"},
    gop=1,
    bits=3.0,
    align=1,
    sound="flac",
    sound_bit_rate=None,
    copies=_IN_MKV,
)
_GIF = Encoding(
    name="gif",
    container="gif",
    extension=".gif",
    codec="gif",
    pixels="pal8",
    bits=2.6,
    align=1,
    cycles=False,
    most_fps=Fraction(50),  # delays are hundredths of a second, and browsers take 1 for 10
    sound=None,
    sound_bit_rate=None,
    muxer_options={"loop": "0"},
)
_WEBP = Encoding(
    name="webp",
    container="webp",
    extension=".webp",
    codec="libwebp_anim",
    pixels="bgra",
    alpha_pixels="bgra",
    options={"lossless": "0", "quality": "85"},
    bits=0.19,
    align=1,
    cycles=False,
    most_fps=Fraction(90),  # milliseconds, and browsers take 10 and less for 100
    merges=True,
    sound=None,
    sound_bit_rate=None,
    muxer_options={"loop": "0"},
)

PRESETS = {e.name: e for e in (_H264, _H265, _AV1, _VP9, _PRORES, _FFV1, _GIF, _WEBP)}
DEFAULT = _H264.name


def preset(name: str) -> Encoding:
    """A preset by name. Raises EncodingError."""
    if name not in PRESETS:
        raise EncodingError(f"Preset {name!r} is not known. Use {', '.join(PRESETS)}.")
    return PRESETS[name]


def in_container(encoding: Encoding, container: str) -> Encoding:
    """The same codec in mp4, mkv or webm. Raises EncodingError where that is not possible."""
    if encoding.extension == f".{container}":
        return encoding
    if container == "mkv":
        return replace(
            encoding,
            container="matroska",
            extension=".mkv",
            tag=None,
            copies=_IN_MKV,
            muxer_options={},
        )
    if container == "webm" and encoding.codec == _AV1.codec:
        return replace(
            encoding,
            container="webm",
            extension=".webm",
            muxer_options={},
            sound=_VP9.sound,
            sound_bit_rate=_VP9.sound_bit_rate,
            sound_options=_VP9.sound_options,
            copies=_VP9.copies,
        )
    raise EncodingError(f"{container} does not hold {encoding.codec}. Use mp4 or mkv.")


def preset_for(path: str | os.PathLike[str], name: str | None = None) -> Encoding:
    """The named preset, or the first whose extension fits the path. Raises EncodingError."""
    extension = Path(path).suffix.lower()
    if name:
        chosen = preset(name)
        if extension != chosen.extension:
            raise EncodingError(
                f"{Path(path).name}: {name} files end in {chosen.extension}. "
                f"Use for example {Path(path).with_suffix(chosen.extension).name}."
            )
        return chosen
    for candidate in PRESETS.values():
        if candidate.extension == extension:
            return candidate
    known = ", ".join(dict.fromkeys(e.extension for e in PRESETS.values()))
    raise EncodingError(
        f"{Path(path).name}: no preset for {extension or 'a name without extension'}. Use {known}."
    )
