"""Voice to face: what the mouth does while a voice speaks, 50 times a second.

::

    blocks -> one-second blocks, mono -> 16 kHz -> overlapped windows -> log-mel -> VoiceNet
           -> voice gate -> Curves

Value ``j`` is about the 20 ms from ``j / 50`` s on, so it stands at ``(j + 0.5) / 50`` s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from ..errors import SoundError
from . import mel, voice
from .resample import speech
from .windows import overlapped

CURVES = ("open", "spread", "round", "close", "tuck", "tongue")  # each 0..1
RATE = 50  # Hz
TABLE = (*CURVES[:5], "voiced", "loudness", "pitch", "tongue")  # columns of a table of curves
WEIGHTS = Path(__file__).with_name("mouth_curves.safetensors")
CHANNELS = 128
DILATIONS = (1, 2, 4, 8, 16, 1, 2, 4)
SONG_CHANNELS = 64
SONG_DILATIONS = (1, 2, 4, 8, 16, 32, 64)
LEAD = 0.02  # seconds by which the lips go before the sound
_WINDOW, _OVERLAP = 12 * mel.RATE, 4 * mel.RATE  # samples
_CLOSING = (0.05, 0.85)  # what the net says where a closure begins and where it is complete
_MEETING = 0.7  # how much of the opening a complete closure takes away
_FADE = 6  # values over which a face relaxes when the sound ends, 0.12 s


@dataclass(frozen=True)
class Curves:
    """A piece of the curves at 50 Hz, t values of each.

    values: float32 (t, 6), 0..1, in the order of ``CURVES``.
    voiced: float32 (t,), 0 no speech .. 1 speech.
    loudness: float32 (t,), 0..1, relative to the loud parts of the speech around.
    pitch: float32 (t,), semitones above the speaker's median; 0 where there is none.
    """

    values: np.ndarray
    voiced: np.ndarray
    loudness: np.ndarray
    pitch: np.ndarray

    def table(self) -> np.ndarray:
        """float32 (t, 9), the columns of ``TABLE`` side by side."""
        sides = [self.voiced[:, None], self.loudness[:, None], self.pitch[:, None]]
        return np.concatenate([self.values[:, :5], *sides, self.values[:, 5:]], 1)

    @classmethod
    def of_table(cls, table: np.ndarray) -> Curves:
        """The opposite of ``table``."""
        return cls(table[:, [0, 1, 2, 3, 4, 8]], table[:, 5], table[:, 6], table[:, 7])


class _Block(nn.Module):
    def __init__(self, channels: int, dilation: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, channels)
        self.wide = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:  # b c t -> b c t
        return x + self.mix(self.dropout(functional.gelu(self.wide(self.norm(x)))))


class SpeechNet(nn.Module):
    """Normalised log-mel (b, 40, 2 t) at 100 Hz -> logits (b, 6, t) at 50 Hz: what speech does.

    The first five are ``CURVES`` without the tongue, the last is the presence of speech.
    """

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.entry = nn.Conv1d(mel.N_MELS, CHANNELS, 4, stride=2, padding=1)
        self.blocks = nn.Sequential(*(_Block(CHANNELS, d, dropout) for d in DILATIONS))
        self.norm = nn.GroupNorm(1, CHANNELS)
        self.exit = nn.Conv1d(CHANNELS, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.exit(functional.gelu(self.norm(self.blocks(self.entry(x)))))


class VoiceNet(nn.Module):
    """``mel.features`` (b, 80, 2 t) at 100 Hz -> logits (b, 7, t) at 50 Hz: speech and song.

    The first six are ``CURVES``, the last is the presence of a voice that speaks or sings.
    ``speech`` hears the bands without their colour, which is what carries over from one voice to
    the next, but a held note is nothing but colour: ``song`` hears both and corrects.
    """

    def __init__(self) -> None:
        super().__init__()
        self.speech = SpeechNet()
        self.song = nn.Sequential(
            nn.Conv1d(2 * mel.N_MELS, SONG_CHANNELS, 4, stride=2, padding=1),
            nn.Sequential(*(_Block(SONG_CHANNELS, d) for d in SONG_DILATIONS)),
            nn.GroupNorm(1, SONG_CHANNELS),
            nn.GELU(),
            nn.Conv1d(SONG_CHANNELS, len(CURVES) + 1, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        said = self.speech(x[:, : mel.N_MELS])
        said = torch.cat([said[:, :5], torch.zeros_like(said[:, :1]), said[:, 5:]], 1)
        return said + self.song(x)


@lru_cache(1)
def load_net() -> VoiceNet:
    """The trained net, ready for inference on the CPU; loaded once."""
    net = VoiceNet()
    net.load_state_dict(load_file(WEIGHTS), strict=True)
    return net.eval().requires_grad_(False)


def curves(
    blocks: Iterable[np.ndarray], rate: int, net: VoiceNet | None = None
) -> Iterator[Curves]:
    """The curves of a sound: blocks of float32 (n,) or (channels, n), of any sizes.

    Yields pieces in order, ceil(n_samples * 50 / rate) values in all. The same sound gives the
    same curves however it is cut into blocks. Memory does not grow with its length.
    """
    if rate < 1000:
        raise SoundError(f"A sample rate of {rate} Hz is too low to hear speech. Use 8000 or more.")
    net = net or load_net()
    sound = overlapped(
        speech(blocks, rate, mel.RATE),
        lambda part: analyse(part, net),
        _WINDOW,
        _OVERLAP,
        voice.HOP,
    )
    for table in sound:
        yield Curves.of_table(table)


@torch.inference_mode()
def analyse(audio: np.ndarray, net: VoiceNet) -> np.ndarray:
    """Sound at 16 kHz, float32 (n,) -> rows as of ``Curves.table``, (ceil(n / 320), 9)."""
    n = -(-len(audio) // voice.HOP)
    samples = torch.zeros(1, n * voice.HOP)
    samples[0, : len(audio)] = torch.from_numpy(np.ascontiguousarray(audio))
    logits = net(mel.features(samples))[0].T  # t 7
    voiced = voice.gate(logits[:, -1].numpy(), audio)
    values = shaped(logits[:, :-1].sigmoid().numpy()) * voiced[:, None]
    loudness, pitch = voice.loudness(audio) * voiced, voice.pitch(audio) * (voiced > 0)
    return Curves(values, voiced, loudness, pitch).table().astype(np.float32)


def shaped(values: np.ndarray) -> np.ndarray:
    """The net's (t, 6) -> curves (t, 6): closures are made decisive, and lips that close meet.

    A net trained on the mean error hedges: half a closure is a sure sign of one.
    """
    low, high = _CLOSING
    close = np.clip((values[:, 3] - low) / (high - low), 0, 1)
    close = close * close * (3 - 2 * close)
    made = values.copy()
    made[:, 0] *= 1 - _MEETING * close
    made[:, 3] = close
    return made


def at_fps(
    pieces: Iterable[np.ndarray], fps: Fraction, n_frames: int, lead: float = LEAD
) -> Iterator[np.ndarray]:
    """Pieces (t, k) at 50 Hz -> pieces (t, k) with one row per frame, ``n_frames`` rows in all.

    Frame ``i`` shows the curves at ``i / fps + lead`` seconds, exactly, by linear interpolation;
    lead: 0 to 0.04 s. Where the sound has ended, all values go to zero within 0.12 s.
    """
    shift = Fraction(lead).limit_denominator(1000) * RATE - Fraction(1, 2)
    held: np.ndarray | None = None
    first = done = 0  # the value that ``held`` starts with; frames made so far
    for piece in _relaxed(pieces):
        held = piece if held is None else np.concatenate([held, piece])
        # frames that lie at or before the last value but one
        last = first + len(held) - 2
        stop = min(n_frames, int((last - shift) * fps / RATE // 1) + 1)
        if stop > done:
            yield _interpolated(held, first, done, stop, fps, shift)
            done = stop
            keep = max(0, int((done * RATE / fps + shift) // 1) - first)
            held, first = held[keep:], first + min(keep, len(held))
    if done < n_frames:
        columns = held.shape[1] if held is not None else len(TABLE)
        yield np.zeros((n_frames - done, columns), np.float32)


def _relaxed(pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The pieces, then a short way to zero."""
    last = None
    for piece in pieces:
        if len(piece):
            last = piece[-1:]
            yield piece
    if last is not None:
        way = np.linspace(1, 0, _FADE + 1, dtype=np.float32)[1:, None]
        yield np.concatenate([last * way, np.zeros((2, last.shape[1]), np.float32)])


def _interpolated(
    held: np.ndarray, first: int, start: int, stop: int, fps: Fraction, shift: Fraction
) -> np.ndarray:
    """Rows of frames [start, stop) from values that begin with number ``first``."""
    at = [i * RATE / fps + shift - first for i in range(start, stop)]
    below = np.array([max(0, int(a // 1)) for a in at])
    share = np.array([float(max(a, 0) % 1) for a in at], np.float32)[:, None]
    return (held[below] * (1 - share) + held[below + 1] * share).astype(np.float32)
