"""Train the voice net: ``python -m training.train [--steps N] [--seed S]``.

Needs Debian's espeak-ng, flite, fluidsynth and fluid-soundfont-gm; makes its own speech, song and
music, so nothing is downloaded. The same seed, machine and versions give the same weights. First
the net of speech is trained, then, in a process of its own, what ``training.train_song`` adds.
Prints scores on voices that were held out.
"""

from __future__ import annotations

import argparse
import copy
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from imgsync_core.audio import mel
from imgsync_core.audio.mouth_curves import CURVES, RATE, WEIGHTS, SpeechNet

from . import augment, corpus
from .muon import Muon

CROP = 4  # seconds
BATCH = 8
PEAK_RATE = 2e-3  # of learning, AdamW
PEAK_MUON = 1e-2  # of learning, the blocks' matrices
DROPOUT = 0.05
SPEECH = (*range(5), len(CURVES))  # of the truth, what the net of speech answers: no tongue
WEIGHT_OF = torch.tensor([1.0, 0.7, 0.7, 1.0, 0.7, 0.4])  # of the curves
RARE = torch.tensor([0, 0, 0, 1, 1, 0])  # curves that are seldom far from 0
ENTROPY_OF = torch.tensor([0.04, 0.028, 0.028, 0.14, 0.028, 0.03])  # of the curves, and speech
_EMA = 0.998


@dataclass(frozen=True)
class Material:
    """Everything to learn from, one after the other.

    samples: float32 (n,) at 16 kHz.   truth: (n / 160, 7): the curves and speech at 100 Hz.
    music: float32 (m,).
    """

    samples: Tensor
    truth: Tensor
    music: Tensor


def material(tracks: Sequence[corpus.Track], music_seconds: int, seed: int) -> Material:
    """Tracks as one, each brought to the same level."""
    level = [max(1e-4, float(np.sqrt(np.square(t.samples).mean()))) for t in tracks]
    samples = np.concatenate([t.samples / x * 0.1 for t, x in zip(tracks, level, strict=True)])
    truth = [np.concatenate([t.truth.curves, t.truth.speech[:, None]], 1) for t in tracks]
    music = augment.music(music_seconds, np.random.default_rng((seed, 8)))
    return Material(*(torch.from_numpy(x) for x in (samples, np.concatenate(truth), music)))


def batch(all_of_it: Material, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Normalised log-mel (b, 40, 2 t) and truth (b, 6, t) of random crops."""
    n, t = CROP * mel.RATE, CROP * RATE
    audio, truth = torch.empty(BATCH, n), torch.empty(BATCH, 6, t)
    for i in range(BATCH):
        speed = 0.85 + 0.33 * float(torch.rand(1, generator=g))
        frames = int(CROP * 100 * speed)
        start = int(torch.randint(0, len(all_of_it.truth) - frames, (1,), generator=g))
        piece = all_of_it.samples[start * mel.HOP : (start + frames) * mel.HOP]
        audio[i] = stretched(piece[None], n)
        truth[i] = stretched(all_of_it.truth[start : start + frames, SPEECH].T, t)
    _interrupt(audio, truth, all_of_it.music, g)
    heard = augment.degrade(audio, all_of_it.music, g)
    features = mel.normalised(mel.log_mel(heard))
    return augment.harm_mel(features, g), truth


class _Batches(IterableDataset):
    """``batch`` without end, made by one worker beside the training; the order is fixed."""

    def __init__(self, all_of_it: Material, seed: int) -> None:
        self.all_of_it, self.seed = all_of_it, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        g = torch.Generator().manual_seed(self.seed)
        while True:
            yield batch(self.all_of_it, g)


def stretched(x: Tensor, n: int) -> Tensor:
    """(k, m) -> (k, n), linear, centres kept."""
    return functional.interpolate(x[None], size=n, mode="linear", align_corners=False)[0]


def _interrupt(audio: Tensor, truth: Tensor, music: Tensor, g: torch.Generator) -> None:
    """Some items become music, nothing but noise, or speech that stops or starts late."""
    n, t = audio.shape[1], truth.shape[2]
    for i in range(len(audio)):
        kind, at = torch.rand(2, generator=g).tolist()
        cut, edge = int(at * t) * (n // t), int(at * t)
        if kind < 0.06:
            start = int(at * (len(music) - n))
            audio[i], truth[i] = music[start : start + n], 0.0
        elif kind < 0.10:
            audio[i], truth[i] = augment.noise(1, n, g)[0] * 0.1, 0.0
        elif kind < 0.15:
            audio[i, cut:], truth[i, :, edge:] = 0.0, 0.0
        elif kind < 0.20:
            audio[i, :cut], truth[i, :, :edge] = 0.0, 0.0


def loss_of(logits: Tensor, truth: Tensor, entropy_of: Tensor = ENTROPY_OF) -> Tensor:
    """Error of the curves, of their velocity, and of the presence of speech; (b, k + 1, t) both.

    The cross-entropy of a curve has its least where the squared error has, at the mean of what is
    heard, but its slope does not fade where a curve is wrong and sure of it.
    """
    curves, true = logits[:, :-1].sigmoid(), truth[:, :-1]
    weight_of, rare = WEIGHT_OF[: curves.shape[1], None], RARE[: curves.shape[1], None]
    weight = weight_of * (1 + 1.5 * true * rare)
    still = (weight * (curves - true).square()).mean()
    moving = (weight_of * (curves.diff(dim=2) - true.diff(dim=2)).square()).mean()
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return still + 2 * moving + (entropy_of * entropy.mean((0, 2))).sum()


def train(all_of_it: Material, steps: int, seed: int) -> SpeechNet:
    """A trained net of speech: the running mean of the weights."""
    torch.manual_seed(seed)
    batches = iter(DataLoader(_Batches(all_of_it, seed), None, num_workers=1, prefetch_factor=8))
    net = SpeechNet(DROPOUT).train()
    mean = copy.deepcopy(net).eval().requires_grad_(False)
    optimisers = optimisers_of(net, net.blocks)
    schedules = [
        torch.optim.lr_scheduler.OneCycleLR(
            x, x.defaults["lr"], total_steps=steps, pct_start=0.05, cycle_momentum=False
        )
        for x in optimisers
    ]
    began, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        features, truth = next(batches)
        loss = loss_of(net(features), truth)
        net.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for moving in (*optimisers, *schedules):
            moving.step()
        keep = min(_EMA, step / (step + 10))
        with torch.no_grad():
            for kept, now in zip(mean.parameters(), net.parameters(), strict=True):
                kept.lerp_(now, 1 - keep)
        total += loss.item()
        if step % 100 == 0:
            say(f"step {step}/{steps}  loss {total / 100:.4f}  {time.monotonic() - began:.0f} s")
            total = 0.0
    return mean


def optimisers_of(net: nn.Module, blocks: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of its blocks, AdamW for everything else."""
    matrices = [p for p in blocks.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if not any(p is m for m in matrices)]
    return [Muon(matrices, PEAK_MUON), torch.optim.AdamW(others, PEAK_RATE, weight_decay=0.01)]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """The command's words and what they are if not said."""
    made = argparse.ArgumentParser(prog="training.train", description=__doc__)
    made.add_argument("--steps", type=int, default=4000)
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--threads", type=int, default=1, help="beside one that makes batches")
    made.add_argument("--espeak", type=int, default=8, help="tracks for each language")
    made.add_argument("--flite", type=int, default=40, help="tracks for each flite voice")
    made.add_argument("--song-steps", type=int, default=2500)
    made.add_argument("--song-espeak", type=int, default=1, help="sung tracks for each language")
    made.add_argument("--song-flite", type=int, default=8, help="likewise, for each flite voice")
    made.add_argument("-o", "--output", type=Path, default=WEIGHTS)
    return made


def made_with(options: argparse.Namespace) -> dict[str, str]:
    """What decides the weights, to be kept in their file."""
    names = ("steps", "seed", "espeak", "flite", "song_steps", "song_espeak", "song_flite")
    return {name: str(getattr(options, name)) for name in names}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    tracks = list(corpus.training(options.seed, options.espeak, options.flite))
    everything = material(tracks, 300, options.seed)
    say(f"{len(tracks)} tracks, {len(everything.samples) / mel.RATE / 60:.1f} minutes of speech")
    net = train(everything, options.steps, options.seed)
    state = {f"speech.{name}": x for name, x in net.state_dict().items()}
    save_file(state, options.output, made_with(options))
    # espeak-ng's voices depend on what was said before: a fresh process says the same again
    command = [sys.executable, "-m", "training.train_song", *arguments]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
