"""Played music from Debian's fluidsynth and the samples of its General MIDI sound font.

Real instruments, recorded note by note: what the net has to tell from a singer. The font's choir
is the other way round a real choir, whose vowels are known.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgsync_core.audio.mel import RATE
from imgsync_core.errors import ImgSyncError

from .corpus_speech import Spoken

SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
CHOIR = {52: "a", 53: "u"}  # program: the vowel that is sung
_VOICES = (52, 53, 54, 85, 91)  # programs in which somebody sings
_NOISES = range(120, 128)  # programs that are sounds, not instruments
INSTRUMENTS = tuple(p for p in range(128) if p not in _VOICES and p not in _NOISES)
_DRUMS = 9  # the channel of percussion
_TICKS = 480  # a second: quarters at 120 a minute, 240 ticks each
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 7, 10))


@dataclass(frozen=True)
class Note:
    """start, stop: seconds.   key: of MIDI, 60 is middle C.   velocity: 1..127."""

    start: float
    stop: float
    key: int
    velocity: int


@dataclass(frozen=True)
class Part:
    """program: of General MIDI.   channel: 9 is percussion.   vibrato: 0..127."""

    program: int
    channel: int
    notes: list[Note]
    vibrato: int = 0


def play(parts: list[Part], room: bool = True, font: Path = SOUND_FONT) -> np.ndarray:
    """float32 (n,) at 16 kHz, peak 0.5. Raises ImgSyncError where fluidsynth or font is absent."""
    if not font.is_file():
        raise ImgSyncError(f"fluidsynth has no {font}. apt-get install fluid-soundfont-gm.")
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder, "a.mid"), Path(folder, "a.wav")
        score.write_bytes(midi(parts))
        rooms = ["-R", str(int(room)), "-C", str(int(room))]
        command = ["fluidsynth", "-niq", *rooms, "-r", str(RATE), "-T", "wav", "-F", str(sound)]
        try:
            subprocess.run([*command, str(font), str(score)], capture_output=True, check=True)
            with wave.open(str(sound)) as file:
                pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        except (OSError, subprocess.CalledProcessError) as e:
            raise ImgSyncError(
                f"fluidsynth did not play ({e}). apt-get install fluidsynth fluid-soundfont-gm."
            ) from e
    mono = pcm.reshape(-1, 2).mean(1).astype(np.float32)
    return mono * np.float32(0.5 / max(1.0, float(np.abs(mono).max())))


def midi(parts: list[Part]) -> bytes:
    """A standard MIDI file of format 1 (MIDI 1.0, RP-001), one track for each part."""
    tracks = [_track(part) for part in parts]
    head = struct.pack(">4sIHHH", b"MThd", 6, 1, len(tracks), _TICKS // 2)
    return head + b"".join(struct.pack(">4sI", b"MTrk", len(t)) + t for t in tracks)


def _track(part: Part) -> bytes:
    c = part.channel
    events = [(0, bytes([0xC0 | c, part.program])), (0, bytes([0xB0 | c, 1, part.vibrato]))]
    for note in part.notes:
        events.append((round(note.start * _TICKS), bytes([0x90 | c, note.key, note.velocity])))
        events.append((round(note.stop * _TICKS), bytes([0x80 | c, note.key, 0])))
    made, now = b"", 0
    for at, event in sorted(events):
        made += _variable(at - now) + event
        now = at
    return made + _variable(0) + b"\xff\x2f\x00"


def _variable(number: int) -> bytes:
    """A number in groups of seven bits, the last without the eighth bit."""
    made = [number & 0x7F]
    while number := number >> 7:
        made.insert(0, 0x80 | number & 0x7F)
    return bytes(made)


def solo(seconds: float, rng: np.random.Generator) -> list[Note]:
    """A melody for one instrument: runs, held notes, rests."""
    scale = _SCALES[rng.integers(len(_SCALES))]
    key = int(rng.integers(43, 70))
    degree, now, beat = int(rng.integers(7)), 0.0, rng.uniform(0.12, 0.6)
    made = []
    while now < seconds:
        length = beat * float(rng.choice([0.5, 1, 1, 2, 3, 6]))
        degree = int(np.clip(degree + rng.integers(-3, 4), 0, 13))
        pitch = key + scale[degree % len(scale)] + 12 * (degree // len(scale))
        if rng.random() > 0.12:
            stop = now + length * rng.uniform(0.7, 1.05)
            made.append(Note(now, stop, min(pitch, 100), int(rng.integers(60, 120))))
        now += length
    return made


def band(seconds: float, rng: np.random.Generator) -> list[Part]:
    """Chords, bass, perhaps a melody and drums."""
    beat = rng.uniform(0.3, 0.7)
    root, minor = int(rng.integers(40, 52)), int(rng.integers(2))
    chords, bass, drums = [], [], []
    for i, start in enumerate(np.arange(0, seconds, beat)):
        if i % 4 == 0:
            base = root + int(rng.choice([0, 5, 7, 9, 2]))
            for step in (12, 15 if minor else 16, 19, 24):
                loud = int(rng.integers(50, 90))
                chords.append(Note(start, start + 3.8 * beat, base + step, loud))
        bass.append(Note(start, start + 0.9 * beat, base, 90))
        drums.append(Note(start, start + 0.1, 36 if i % 2 == 0 else 38, 100))
        drums += [Note(start + x, start + x + 0.05, 42, 70) for x in (0.0, beat / 2)]
    parts = [Part(_one(rng), 0, chords), Part(int(rng.integers(32, 40)), 1, bass)]
    if rng.random() < 0.5:
        parts.append(Part(0, _DRUMS, drums))
    if rng.random() < 0.4:
        parts.append(Part(_one(rng), 2, solo(seconds, rng), 60))
    return parts


def _one(rng: np.random.Generator) -> int:
    return int(INSTRUMENTS[rng.integers(len(INSTRUMENTS))])


def played(rng: np.random.Generator, seconds: float = 6.0) -> np.ndarray:
    """Every instrument alone, noises, bands and tones, float32 (n,) at 16 kHz."""
    made = []
    programs = (*INSTRUMENTS, *_NOISES)
    for first in range(0, len(programs), _DRUMS):  # one after the other, each on its channel
        some = enumerate(programs[first : first + _DRUMS])
        made.append(play([_alone(p, i, i * (seconds + 2), seconds, rng) for i, p in some]))
    made += [play(band(4 * seconds, rng)) for _ in range(len(INSTRUMENTS) // 6)]
    made += [tones(2 * seconds, rng) for _ in range(len(INSTRUMENTS) // 2)]
    return np.concatenate(made)


def tones(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A melody of a simple synthesiser with long notes, which no voice shapes, (n,), peak 0.5."""
    notes = [n for n in solo(seconds, rng) if n.start < seconds]
    slope, odd, bright = rng.uniform(0.3, 3), int(rng.integers(1, 3)), rng.uniform(300, 4000)
    vibrato = rng.uniform(0, 0.5) * (rng.random() < 0.6)
    decay, attack = rng.exponential(1.5) * (rng.random() < 0.5), rng.uniform(0.003, 0.1)
    made = np.zeros(int((seconds + 5) * RATE))
    for note in notes:
        t = np.arange(int((note.stop - note.start) * RATE)) / RATE
        hertz = 440 * 2 ** ((note.key - 69 + vibrato * np.sin(rng.uniform(25, 42) * t)) / 12)
        phase = 2 * np.pi * np.cumsum(hertz) / RATE
        wave = np.zeros(len(t))
        for k in range(1, min(30, int(7500 / hertz.max())) + 1, odd):
            ring = 1 + 3 * np.exp(-0.5 * ((k * hertz[:1] - bright) / (0.3 * bright)) ** 2)
            wave += ring * k**-slope * np.sin(k * phase + rng.uniform(0, 6))
        shape = np.minimum(t / attack, 1) * np.minimum((t[-1:] - t) / 0.04, 1) * np.exp(-decay * t)
        first = int(note.start * RATE)
        made[first : first + len(t)] += wave * shape * note.velocity
    made = made[: int(seconds * RATE)]
    return (0.5 * made / max(1e-9, float(np.abs(made).max()))).astype(np.float32)


def _alone(
    program: int, channel: int, start: float, seconds: float, rng: np.random.Generator
) -> Part:
    """A solo that begins after ``start`` seconds."""
    notes = [Note(start + n.start, start + n.stop, n.key, n.velocity) for n in solo(seconds, rng)]
    return Part(program, channel, notes, int(rng.choice([0, 40, 100])))


def choir(program: int, seconds: float, rng: np.random.Generator) -> Spoken:
    """A choir on one vowel, with its times; what rings on counts for a tenth of a second."""
    notes = [n for n in solo(seconds, rng) if n.stop - n.start > 0.25]
    sound = play([Part(program, 0, notes, int(rng.choice([0, 60])))], room=False)
    segments, now = [], 0.0
    for note in notes:
        start = max(now, note.start + 0.03)
        if start > now:
            segments.append(("", now, start))
        now = max(start, note.stop + 0.1)
        segments.append((CHOIR[program], start, now))
    segments.append(("", now, max(now, len(sound) / RATE)))
    return Spoken(sound, RATE, segments)
