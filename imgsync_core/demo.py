"""Its own picture and speech-like sound: something to animate when no file is at hand.

`demo_picture` draws a portrait; `demo_speech` speaks in vowels and consonants that mean nothing.
Both come from the tables below alone: they are free of anybody's rights and always the same.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

SUPERSAMPLE = 4  # drawn this many times larger, then averaged down
SKY = ((250, 221, 187), (240, 166, 141))  # RGB at the top and at the bottom
PALETTE = """
skin=#f3c3a0 shade=#d8916f light=#fde0c6 blush=#ee8a78 nostril=#a85c4a glow=#fff3dc gold=#f3c65f
hair=#6b3a2e hairdark=#43211f hairlight=#a8633f brow=#55302a ink=#2d1a1c white=#ffffff
lip=#c4605a underlip=#d9776c liplight=#f2a99b lipline=#8c3a3c knit=#2f7f86 knitdark=#1d5a66
knitlight=#5aa9a6 eyewhite=#fffaf4 rim=#234f50 iris=#3f7f78 irislight=#7cc0a6
"""
# The portrait, back to front, one stroke a row: kind, own name, colour, blur, opacity, inside which
# named stroke, points "x,y"; "-" is none, a leading space goes on with the row. Lengths are percent
# of the side, x runs right from the middle line of the face, y down from the top; a point given
# twice is sharp. Kinds: half (mirrored into one closed outline), pair (drawn on both sides), oval
# (centres, then radii), ovals (the same on both sides).
DRAWING = """
oval - glow 7 .75 - 0,42 34,34
half bob hair 0 1 - 0,10.8 9,12.4 17,18 21.5,27 23,40 24,52 25.2,63 25,73 22,79 16,82 8,82 0,82
oval - hairdark 3 1 bob 0,64 16,20
pair - hairlight .5 .55 bob 20.5,44 22,54 22.4,64 20.6,73 21.3,64 20.6,54
half neck skin 0 1 - 0,58 8.2,60 8.4,70 9.5,78 13,82 8,88 0,90
half - shade 1.3 .75 neck 0,56 18,56 15,70 8,75 0,76.5
half knit knit 0 1 - 0,85.5 5,85 9.5,81.5 11.3,78.7 17,80.5 27,84 35,88.5 39,95 41,106 20,108 0,108
pair - knitdark 1.2 .7 knit 26,110 28,98 27,92 31,99 33,110
pair - knitlight 1.2 .7 knit 17,82 28,86 35,91 28,88.5 18,85
half - knitdark .8 .8 knit 0,90.8 6,89.8 11,86.2 13.6,80.8 11.3,78.8 5,85.5 0,86.5
half collar knit 0 1 - 0,89.6 6,88.6 11,85 13.6,79.6 11.3,77.6 9.3,81 5,84.3 0,85.3
half - knitlight .3 .6 collar 0,88.2 5.5,87.3 10,84.2 12.4,79.6 11.4,79 9.3,83 5.2,85.9 0,86.8
pair - skin 0 1 - 17,43 18.6,41.9 20.4,41.9 21.5,43.6 21.4,46.2 19.9,50.6 18.6,51.8 17,50.6
pair - shade .35 .75 - 17.6,44.4 19.4,43.2 20.4,44.4 19.9,47 18.6,49.6 17.5,49
ovals - gold 0 1 - 19.4,52.4 .85,.85
half face skin 0 1 - 0,18 10,20 16,27 18.2,37 18.2,46 17.2,54.5 14,62.2 9,67.8 4.4,69.9 0,70.4
pair - shade 1.6 .5 face 17,30 21,40 20,54 10,72 14,60 16.8,50
ovals - blush 1.6 .42 face 10.6,54 4.2,3
oval - light 2.2 .7 face 0,32 8,4.5
oval - light 1 .6 face 0,67 3.6,1.7
oval - light .7 .8 - 0,48 .9,5
oval - shade .6 .75 - 0,56.2 3.1,.9
oval - light .6 .9 - 0,53.6 1.6,1.4
ovals - shade .06 .75 - 7,51.6 9,52.6 11,51.4 8,54 10.2,54.4 12.4,53.2 .28,.25
pair - shade .15 .95 - 2.6,53.2 3.5,54.6 2.9,56 3.1,54.7
ovals - nostril .12 .9 - 1.45,55.8 .75,.32
oval - shade .5 .55 - 0,64.9 3.4,.6
half - underlip 0 1 - 0,61.4 2,61.2 4.2,60.7 7.3,59.2 7.3,59.2 5.4,62.1 2.8,63.8 0,64.1
half - lip 0 1 - 0,59.8 1.4,59.3 3.9,59.4 7.3,59.2 7.3,59.2 4.2,60.9 2,61.4 0,61.6
oval - liplight .3 .8 - 0,62.7 2.5,.4
half - lipline 0 1 - 0,61.35 2,61.2 4.2,60.6 7.6,58.9 7.6,58.9 4.2,60.95 2,61.55 0,61.7
pair - shade .2 .7 - 7.8,58 8.5,58.9 8.4,59.9 8.1,59
ovals - shade 1 .25 - 8.6,43.4 5.8,3.6
pair eye eyewhite 0 1 - 4,45.4 4,45.4 5.5,43.2 8.5,41.8 11.4,42.6 13.3,44.5 13.3,44.5 11.4,46.6
 8.6,47.3 5.8,46.7
ovals - rim 0 1 eye 8.6,44.5 2.6,2.6
ovals - iris .1 1 eye 8.6,44.5 2.35,2.35
ovals - irislight .3 .9 eye 8.6,45.7 1.6,.9
ovals - ink 0 1 eye 8.6,44.5 1.2,1.2
pair - hairdark .3 .4 eye 4,46.1 5.5,43.5 8.5,41.9 11.5,42.6 14.3,44 11.3,43.7 8.5,42.9 5.7,44.2
oval - white 0 1 - 7.8,43.6 -9.4,43.6 .7,.7
oval - white 0 .8 - 9.4,45.4 -7.8,45.4 .32,.32
pair - ink 0 1 - 4,45.4 4,45.4 5.5,42.8 8.5,41.2 11.5,41.9 14.3,43.3 14.3,43.3 13,44.4 11.3,43
 8.5,42.2 5.7,43.5
pair - shade .12 .9 - 5.2,41.8 8.5,39.9 11.8,40.7 13.4,42 11.7,41.1 8.5,40.4
pair - shade .12 .9 - 5.8,47 8.6,47.6 11.4,46.9 8.6,47.9
pair - brow .08 .92 - 4.1,37.2 4,36.1 7.2,35 10.8,34.8 14.3,37 14.3,37 10.7,36 7.4,36.2
pair - shade .9 .5 face 0,19.5 9,13 17,18 22,26 22,40 17.9,43.6 17.2,38.5 14.2,33.4 8.6,28.6 3,23.6
pair curtain hair 0 1 - 0,18.5 0,18.5 0,10.6 0,10.6 5,11 11.4,13 17.4,17.8 21.6,26 23,38 22.8,47
 21.6,43 19.6,41.3 17.9,42.6 17.2,37.5 14.2,32.4 8.6,27.6 3,22.6
pair - hairlight .45 .55 curtain 2.6,15 9,17.6 15,23.6 19.2,33 15.6,22.6 9.6,16.4
pair - hairlight .45 .55 curtain 3,18 9,22.4 14.6,27.6 18.2,35.4 15,26.4 9.6,20.6
pair - hairlight .45 .55 curtain 8,13.8 14,17.4 18.6,23.6 20.8,31 19.4,22.4 14.6,16.2
pair - hairdark .35 .6 curtain 0,10 .7,15 5,21 11,26.6 16.4,33 18,40 15.2,31.8 9.6,26.4 3,21.6 0,18
pair - hairdark .35 .6 curtain 2,16.2 8.6,20 15,26 18.8,36 15.4,25.2 9,19.2
"""

# What the voice is made of. Vowels in Hz: heed hid head had hot hut horse hood who the
VOWELS = """310,2790,3310 430,2480,3070 610,2330,2990 860,2050,2850 850,1220,2810
760,1400,2780 590,920,2710 470,1160,2680 370,950,2670 550,1650,2750"""
PITCH = 190.0  # Hz, the middle of the voice
BANDWIDTHS = (80.0, 100.0, 150.0, 250.0)  # Hz, of the four formants
FOURTH_FORMANT = 4100.0  # Hz


class _Sound(NamedTuple):
    """One steady stretch of speech; an absent formant is taken from the vowel that follows."""

    ms: int
    voice: float = 0.0  # of the glottal pulses, through the formants
    breath: float = 0.0  # of noise through the formants
    hiss: float = 0.0  # of noise around `centre`
    centre: float = 3000.0  # Hz
    formants: tuple[float, float, float] | None = None  # Hz


CONSONANTS = (
    (_Sound(75), _Sound(10, hiss=0.25, centre=900), _Sound(30, breath=0.3)),  # p
    (_Sound(65), _Sound(14, hiss=0.5, centre=3900), _Sound(30, breath=0.3)),  # t
    (_Sound(70), _Sound(18, hiss=0.4, centre=2000), _Sound(35, breath=0.3)),  # k
    (_Sound(55, 0.10, formants=(250, 900, 2300)), _Sound(8, 0.2, hiss=0.15, centre=1000)),  # b
    (_Sound(45, 0.10, formants=(250, 1800, 2700)), _Sound(10, 0.2, hiss=0.25, centre=3600)),  # d
    (_Sound(50, 0.10, formants=(250, 2100, 2500)), _Sound(12, 0.2, hiss=0.2, centre=1900)),  # g
    (_Sound(95, hiss=0.3, centre=5200),),  # s
    (_Sound(95, hiss=0.35, centre=3000),),  # sh
    (_Sound(80, hiss=0.1, centre=4200),),  # f
    (_Sound(65, breath=0.35),),  # h
    (_Sound(55, 0.30, hiss=0.06, centre=4000, formants=(280, 1300, 2400)),),  # v
    (_Sound(70, 0.45, formants=(280, 1000, 2200)),),  # m
    (_Sound(65, 0.45, formants=(280, 1600, 2600)),),  # n
    (_Sound(60, 0.60, formants=(380, 1250, 2900)),),  # l
    (_Sound(60, 0.55, formants=(400, 1350, 1750)),),  # r
    (_Sound(60, 0.55, formants=(320, 750, 2400)),),  # w
)


def demo_picture(size: int = 512) -> np.ndarray:
    """A friendly portrait, head and shoulders, seen from the front, the mouth closed.

    Returns uint8 (size, size, 3) sRGB. The face lies on the middle line: hairline to chin is the
    height's 19 % to 70 %, eyes at 44.5 %, lips at 61.5 %. The same size gives the same pixels.
    """
    side = size * SUPERSAMPLE
    sky = np.linspace(*SKY, side)[:, None].round().astype(np.uint8)
    image = Image.fromarray(sky).resize((side, side), Image.Resampling.NEAREST)
    colours = {name: code for name, _, code in (e.partition("=") for e in PALETTE.split())}
    stencils: dict[str, Image.Image] = {}
    for row in DRAWING.replace("\n ", " ").strip().splitlines():
        kind, name, colour, blur, alpha, inside, *texts = row.split()
        points = np.array([text.split(",") for text in texts], dtype=float)
        for outline in _outlines(kind, points):
            pixels = (outline + np.array([50, 0])) * side / 100
            radius = float(blur) * side / 100
            _paint(image, pixels, colours[colour], radius, float(alpha), stencils.get(inside))
            if name != "-":
                stencil = stencils.setdefault(name, Image.new("L", image.size))
                ImageDraw.Draw(stencil).polygon(pixels.ravel().tolist(), fill=255)
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS)).copy()


def _outlines(kind: str, points: np.ndarray) -> list[np.ndarray]:
    """The closed curves, (k, 2) in percent each, that a row of `DRAWING` means by (m, 2) points."""
    mirror = np.array([-1, 1])
    if kind == "half":
        return [_smooth(np.concatenate([points, (points * mirror)[-2:0:-1]]))]
    if kind == "pair":
        return [_smooth(points), _smooth(points * mirror)]
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    *centres, radii = points
    if kind == "ovals":
        centres += [centre * mirror for centre in centres]
    return [_smooth(centre + radii * ring) for centre in centres]


def _smooth(points: np.ndarray, steps: int = 16) -> np.ndarray:
    """The closed Catmull-Rom curve (k * steps, 2) through (k, 2); a point given twice is sharp."""
    a, b, c, d = (np.roll(points, shift, axis=0)[:, None] for shift in (1, 0, -1, -2))
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.where((b == c).all(-1, keepdims=True), b, curve).reshape(-1, 2)


def _paint(image, pixels, colour: str, blur: float, alpha: float, inside) -> None:
    """Fill the outline (k, 2), blurred by `blur` pixels, on that part of the image it can reach."""
    reach = 3 * blur + 2
    left, top = np.clip(np.floor(pixels.min(0) - reach), 0, image.width).astype(int).tolist()
    right, bottom = np.clip(np.ceil(pixels.max(0) + reach), 0, image.width).astype(int).tolist()
    mask = Image.new("L", (right - left, bottom - top))
    corners = (pixels - (left, top)).ravel().tolist()
    ImageDraw.Draw(mask).polygon(corners, fill=round(255 * alpha))
    if blur:
        mask = mask.filter(ImageFilter.GaussianBlur(blur))
    if inside is not None:
        mask = ImageChops.multiply(mask, inside.crop((left, top, right, bottom)))
    image.paste(colour, (left, top, right, bottom), mask)


def demo_speech(seconds: float = 6.0, rate: int = 44100, seed: int = 0) -> np.ndarray:
    """Speech-like sound: phrases of syllables with a melody, and pauses of silence between them.

    Returns float32 (1, n), n = round(seconds * rate) samples at `rate` Hz, in -1..1 with a peak of
    0.5, both ends faded. A seed says the same at any rate. Memory grows with the length.
    """
    n = round(seconds * rate)
    rng = np.random.default_rng(seed)
    track = _track(1000 * seconds, rng)
    sound = _resonate(_pulses(track[:, 3], n, rate, rng), rng.standard_normal(n), track, rate)
    edge = np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.02 * rate)
    sound *= np.sin(np.minimum(edge, 1) * np.pi / 2) ** 2
    return (sound * (0.5 / np.abs(sound).max(initial=1e-9))).astype(np.float32)[None]


def _track(length: float, rng: np.random.Generator) -> np.ndarray:
    """What the voice does in `length` ms: (t, 8), a row a ms.

    Columns: three formants and the pitch in Hz, levels of voice, breath and hiss, centre of the
    hiss in Hz. Phrases are stretched a little so that the last one ends where the sound ends.
    """
    rest = (550, 1650, 2750, PITCH, 0, 0, 0, 3000)
    said: list[tuple] = []
    while not said or sum(ms for ms, *_ in said) < length - 600:
        said += _phrase(rng)
    said = [(60, *rest), *said[1:], (80, *rest)]
    ends = np.cumsum([ms for ms, *_ in said])
    ends = ends * np.clip(length / ends[-1], 0.8, 1.25)
    row = np.searchsorted(ends, np.arange(int(length) + 1), side="right")
    track = np.array([values for _, *values in said])[np.minimum(row, len(said) - 1)]
    for column, ms in enumerate((45, 45, 45, 120, 26, 14, 8, 8)):  # how long a change takes
        window = np.hanning(ms + 2)[1:-1] / np.hanning(ms + 2).sum()
        padded = np.pad(track[:, column], (ms // 2, ms - 1 - ms // 2), mode="edge")
        track[:, column] = np.convolve(padded, window, mode="valid")
    return track


def _phrase(rng: np.random.Generator) -> list[tuple]:
    """A pause and 4 to 9 syllables: rows of ms and the eight columns of a track."""
    vowels = [tuple(float(hertz) for hertz in text.split(",")) for text in VOWELS.split()]
    said = [(_Sound(int(rng.integers(260, 620))), 9, 0.0, 1.0)]
    count, question = int(rng.integers(4, 10)), rng.random() < 0.25
    for i in range(count):
        last, done = i == count - 1, i / count
        stress = last or rng.random() < 0.45
        level = (1.0 if stress else 0.65) * (1 - 0.3 * done) * rng.uniform(0.85, 1.1)
        pitch = 1.14 - 0.26 * done + 0.16 * stress * rng.uniform(0.5, 1.2)
        if last:
            pitch = 1.25 if question else 0.76
        start = int(rng.integers(10) if stress else rng.choice([1, 5, 9, 9]))
        end = int(rng.choice([0, 8])) if stress and rng.random() < 0.3 else start  # a diphthong
        half = int(rng.integers(55, 85) if stress else rng.integers(28, 48)) + 30 * last
        if rng.random() < 0.9:
            onset = CONSONANTS[rng.integers(len(CONSONANTS))]
            said += [(sound, start, level, pitch) for sound in onset]
        said.append((_Sound(half, 1.0, 0.02), start, level, pitch))
        said.append((_Sound(half, 0.55 if last else 0.85, 0.02), end, level, pitch * 0.97))
        if rng.random() < 0.3:
            coda = CONSONANTS[rng.choice([1, 6, 11, 12, 13])]
            said += [(sound, end, level * 0.7, pitch * 0.95) for sound in coda]
    rows = []
    for s, v, a, p in said:
        levels = (s.voice * a, s.breath * a, s.hiss * a)
        rows.append((s.ms, *(s.formants or vowels[v]), PITCH * p, *levels, s.centre))
    return rows


def _pulses(pitch: np.ndarray, n: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Glottal pulses: (n,) samples of unit power, a little uneven; `pitch` is Hz for each ms."""
    turns = np.concatenate([[0], np.cumsum(pitch)[:-1] / 1000])  # periods so far
    count = int(turns[-1]) + 1
    uneven = np.arange(count) + 0.5 + 0.006 * rng.standard_normal(count)
    ms = np.interp(uneven, turns, np.arange(len(pitch)))
    size = np.sqrt(rate / np.interp(uneven, turns, pitch)) * (1 + 0.04 * rng.standard_normal(count))
    whole, part = np.divmod(np.minimum(ms * rate / 1000, n), 1)  # a pulse lies between two samples
    at = whole.astype(int)
    pulses = np.bincount(at, size * (1 - part), n + 2) + np.bincount(at + 1, size * part, n + 2)
    return pulses[:n]


def _resonate(pulses: np.ndarray, noise: np.ndarray, track: np.ndarray, rate: int) -> np.ndarray:
    """Pulses and noise, (n,) each, through the moving mouth: 8 ms steps, overlapped and added."""
    n, hop = len(pulses), max(1, round(0.008 * rate))
    n_frames = n // hop + 2
    size = 1 << (2 * hop + round(0.03 * rate)).bit_length()  # room for the formants to ring
    hops = -(-size // hop)
    window = np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop)) ** 2  # overlapped: one
    padded = np.pad(np.stack([pulses, noise]), ((0, 0), (hop, 2 * hop)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop, axis=1)[:, ::hop]
    at = np.minimum(np.arange(n_frames) * hop * 1000 // rate, len(track) - 1)
    hertz = np.fft.rfftfreq(size, 1 / rate)
    sound = np.zeros((n_frames + hops, hop))
    for start in range(0, n_frames, 128):
        now = track[at[start : start + 128]]
        pulse, rush = np.fft.rfft(frames[:, start : start + len(now)] * window, size)
        *formants, _, voice, breath, hiss, centre = now.T[:, :, None]
        out = hiss * np.exp(-((np.log2(np.maximum(hertz, 1) / centre) / 0.4) ** 2)) * rush
        out += _mouth(formants, hertz) * (voice * pulse + breath * rush)
        wave = np.pad(np.fft.irfft(out, size), ((0, 0), (0, hops * hop - size)))
        for k in range(hops):
            sound[start + k : start + k + len(now)] += wave[:, k * hop : (k + 1) * hop]
    return sound.reshape(-1)[hop : hop + n]


def _mouth(formants: list[np.ndarray], hertz: np.ndarray) -> np.ndarray:
    """The response, complex (t, k) at k frequencies, to a pulse, of three formants (t, 1) in Hz."""
    response = 1j * hertz / (80 + 1j * hertz) / (1 + 1j * hertz / 350) / (1 + 1j * hertz / 4000)
    for centre, width in zip((*formants, FOURTH_FORMANT), BANDWIDTHS, strict=True):
        response = response * centre**2 / (centre**2 - hertz**2 + 1j * hertz * width)
    power = (np.abs(response) ** 2).sum(1, keepdims=True) * hertz[1] / 1000
    return response / power**0.35  # open vowels stay the louder ones, but not by as much
