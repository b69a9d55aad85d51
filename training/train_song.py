"""The second half of the training: song, and telling voices from instruments.

``python -m training.train_song`` reads the net of speech from the file of weights and adds what
corrects it, learning from speech, song, choirs and instruments; ``training.train`` runs it.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from imgsync_core.audio import mel
from imgsync_core.audio.mouth_curves import CURVES, RATE, SpeechNet, VoiceNet

from . import augment, corpus, instruments, score
from .train import (
    BATCH,
    CROP,
    Material,
    loss_of,
    made_with,
    material,
    optimisers_of,
    parser,
    say,
    stretched,
)

CROPS = (4, 8, 12)  # seconds, in turn: the longer ones hold notes as a listener meets them
ENTROPY_OF = torch.tensor([0.04, 0.028, 0.028, 0.14, 0.028, 0.016, 0.15])  # curves and presence
_EMA = 0.998
_SPEECH = 2, 12  # spoken tracks for each language and each flite voice


def batch(all_of_it: Material, g: torch.Generator, crop: int = CROP) -> tuple[Tensor, Tensor]:
    """Features (b, 80, 2 t) and truth (b, 7, t) of random crops; longer crops are fewer."""
    n, t, b = crop * mel.RATE, crop * RATE, max(1, BATCH * CROP // crop)
    audio, truth = torch.empty(b, n), torch.empty(b, len(CURVES) + 1, t)
    for i in range(b):
        speed = 0.85 + 0.33 * float(torch.rand(1, generator=g))
        frames = int(crop * 100 * speed)
        start = int(torch.randint(0, len(all_of_it.truth) - frames, (1,), generator=g))
        piece = all_of_it.samples[start * mel.HOP : (start + frames) * mel.HOP]
        audio[i] = stretched(piece[None], n)
        truth[i] = stretched(all_of_it.truth[start : start + frames].T, t)
    _interrupt(audio, truth, all_of_it.music, g)
    heard = augment.degrade(audio, all_of_it.music, g, quiet=(0, 25))
    features = torch.cat(mel.features(heard).chunk(2, 1), 2)  # both halves are harmed alike
    return torch.cat(augment.harm_mel(features, g).chunk(2, 2), 1), truth


def _interrupt(audio: Tensor, truth: Tensor, music: Tensor, g: torch.Generator) -> None:
    """Some items become music, nothing but noise, or a voice that stops or starts late.

    What is there instead of the voice is silence or music.
    """
    n, t = audio.shape[1], truth.shape[2]
    for i in range(len(audio)):
        kind, at, where, gain = torch.rand(4, generator=g).tolist()
        cut, edge = int(at * t) * (n // t), int(at * t)
        start = int(where * (len(music) - n))
        tune = music[start : start + n] * 10 ** (1.5 * gain - 1)
        if kind < 0.20:
            audio[i], truth[i] = tune, 0.0
        elif kind < 0.22:
            audio[i], truth[i] = augment.noise(1, n, g)[0] * 0.1, 0.0
        elif kind < 0.30:
            audio[i, cut:], truth[i, :, edge:] = tune[cut:] * (kind < 0.27), 0.0
        elif kind < 0.38:
            audio[i, :cut], truth[i, :, :edge] = tune[:cut] * (kind < 0.35), 0.0


class _Batches(IterableDataset):
    """``batch`` without end, made by one worker beside the training; the order is fixed."""

    def __init__(self, all_of_it: Material, seed: int) -> None:
        self.all_of_it, self.seed = all_of_it, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        g = torch.Generator().manual_seed(self.seed)
        for crop in itertools.cycle(CROPS):
            yield batch(self.all_of_it, g, crop)


def train(speech: SpeechNet, all_of_it: Material, steps: int, seed: int) -> VoiceNet:
    """A net with this net of speech, which stays as it is, and its correction, learnt from 0."""
    torch.manual_seed(seed)
    batches = iter(DataLoader(_Batches(all_of_it, seed), None, num_workers=1, prefetch_factor=8))
    net = VoiceNet()
    net.speech = speech.eval().requires_grad_(False)
    torch.nn.init.zeros_(net.song[-1].weight)  # to begin with, nothing is corrected
    torch.nn.init.zeros_(net.song[-1].bias)
    mean = copy.deepcopy(net.song).requires_grad_(False)
    optimisers = optimisers_of(net.song, net.song[1])
    schedules = [
        torch.optim.lr_scheduler.OneCycleLR(
            x, x.defaults["lr"], total_steps=steps, pct_start=0.05, cycle_momentum=False
        )
        for x in optimisers
    ]
    began, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        features, truth = next(batches)
        loss = loss_of(net(features), truth, ENTROPY_OF)
        net.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.song.parameters(), 1.0)
        for moving in (*optimisers, *schedules):
            moving.step()
        keep = min(_EMA, step / (step + 10))
        with torch.no_grad():
            for kept, now in zip(mean.parameters(), net.song.parameters(), strict=True):
                kept.lerp_(now, 1 - keep)
        total += loss.item()
        if step % 100 == 0:
            say(f"step {step}/{steps}  loss {total / 100:.4f}  {time.monotonic() - began:.0f} s")
            total = 0.0
    net.song = mean
    return net.eval()


def everything(seed: int, espeak: int, flite: int) -> Material:
    """Speech, song, choirs and music.   espeak, flite: sung tracks for each language and voice."""
    played = instruments.played(np.random.default_rng((seed, 13)))
    tracks = [
        *corpus.training(seed + 100, *_SPEECH),
        *corpus.songs(seed, espeak, flite, played),
        *corpus.choirs(seed, 6),
    ]
    made = material(tracks, 300, seed)
    say(f"{len(tracks)} tracks, {len(made.samples) / mel.RATE / 60:.1f} minutes of voices")
    return Material(made.samples, made.truth, torch.cat([made.music, torch.from_numpy(played)]))


def report(net: VoiceNet, seed: int) -> None:
    """Print the scores on held-out voices, clean and harmed, and on what is no speech."""
    tracks = list(corpus.held_out(seed))
    sung = list(corpus.held_out_songs(seed))
    tune = augment.music(60, np.random.default_rng((seed, 7)))
    head = "   open  width spread  round tongue recall precis rec@.80 heard energy  lead"
    say(f"{'held out':<16}{'':<8}{head}")
    for kind, voices in (
        ("clean", tracks),
        ("harmed", score.harmed(tracks, tune, seed, 4)),
        ("clean", sung),
    ):
        for name in (*dict.fromkeys(t.name for t in voices), "all"):
            found = score.score(net, [t for t in voices if name in (t.name, "all")])
            numbers = "".join(f"{x:7.3f}" for x in asdict(found).values())
            say(f"{name:<16}{kind:<8}{numbers}")
    for name, sound in score.not_speech(seed).items():
        say(f"opening in {name:<14} {score.gaping(net, sound):.4f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command: the words of ``training.train``, as far as they are about song."""
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    speech = speech_of(options.output)
    all_of_it = everything(options.seed, options.song_espeak, options.song_flite)
    net = train(speech, all_of_it, options.song_steps, options.seed)
    save_file(net.state_dict(), options.output, made_with(options))
    options.output.chmod(0o644)
    report(net, options.seed)


def speech_of(path: Path) -> SpeechNet:
    """The net of speech in a file of weights."""
    net = SpeechNet()
    state = load_file(path)
    said = {k.removeprefix("speech."): x for k, x in state.items() if k.startswith("speech.")}
    net.load_state_dict(said, strict=True)
    return net


if __name__ == "__main__":
    main()
