"""Fits the nets to marked and drawn faces: ``python -m training.face.fit MARKS.npz -o PARTS.npz``.

Cross entropy between the shares that a net gives to the places of a coordinate and a narrow bell
around the true place, so what comes out is belief, not only a place. Each face is seen anew every
time: moved, turned, resized, sheared, mirrored, blurred, relit, tinted, without colour, with noise.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from imgsync_core.face.net import PATCHES, Patch

from .drawn import drawn
from .view import (
    CHIN,
    CORNERS,
    LEFT,
    LEFT_EYE,
    LOWER,
    MIRRORED,
    RIGHT_EYE,
    RIM_BOTTOM,
    RIM_TOP,
    SCALE,
    TOP,
    UPPER,
)  # fmt: skip

STEPS, BATCH = {"box": 2400, "eyes": 1500, "mouth": 3400}, 64
DRAWN, DRAWN_SHARE = 900, 0.25
BLURS, BLUR_SHARES = (1.0, 1.7, 2.6, 4.0), (0.5, 0.2, 0.17, 0.13)
BELL = {"box": 0.016, "eyes": 0.03, "mouth": 0.03}  # of the patch's unit; standard deviation
GREY = 0.15  # share of pictures without colour
LUMA = torch.tensor([0.299, 0.587, 0.114])[:, None, None]


@dataclass(frozen=True)
class Sight:
    """How the patch of a net may lie in a view: standard deviations."""

    centre: tuple[float, float]  # usual, IOD
    moved: tuple[float, float]  # IOD; across and down
    side: float  # usual, IOD to one unit of the patch
    sized: float  # natural log
    turned: float  # radians; of half of them a third
    stretched: float  # natural log
    sheared: float


SIGHTS = {
    "box": Sight((0, 0.25), (0.11, 0.11), 2.5, 0.10, math.radians(11.5), 0.04, 0.04),
    "eyes": Sight((0, 0), (0.06, 0.06), 1.0, 0.07, math.radians(5.0), 0.04, 0.04),
    "mouth": Sight((0, 0), (0.04, 0.06), 1.0, 0.06, math.radians(3.5), 0.07, 0.04),
}


class Net(nn.Module):
    """As imgsync_core.face.net, with what helps to fit it."""

    def __init__(self, patch: Patch) -> None:
        super().__init__()
        w, h = len(patch.u), len(patch.v)
        self.sizes = [w] * len(patch.across) + [h] * len(patch.down)
        self.filters = nn.ModuleList(
            [
                nn.Conv2d(2, 12, 4, stride=2, padding=1),
                nn.Conv2d(12, 16, 3, padding=1),
                nn.Conv2d(16, 24, 3, padding=1),
            ]
        )
        self.norms = nn.ModuleList([nn.BatchNorm2d(n) for n in (12, 16, 24)])
        self.hidden = nn.Linear(24 * (h // 8) * (w // 8), 96)
        self.last = nn.Linear(96, sum(self.sizes))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        for i, (filters, norm) in enumerate(zip(self.filters, self.norms, strict=True)):
            x = F.relu(norm(filters(x)))
            x = F.max_pool2d(x, 2) if i else x
        x = F.dropout(x, 0.1, self.training).flatten(1)
        x = F.dropout(F.relu(self.hidden(x)), 0.25, self.training)
        return self.last(x).split(self.sizes, 1)


class Faces:
    """Views and points of marked and drawn faces, each also mirrored, at four sharpnesses."""

    def __init__(self, views: np.ndarray, points: np.ndarray) -> None:
        art, where = drawn(DRAWN, 1)
        real = len(views)
        views, points = np.concatenate([views, art]), np.concatenate([points, where])
        other = points[:, list(MIRRORED)] * [-1, 1]
        views, points = np.concatenate([views, views[:, :, ::-1]]), np.concatenate([points, other])
        self.views = [_blurred(views, by) for by in BLURS]
        self.points = torch.from_numpy(points).float()
        share = np.r_[np.full(real, (1 - DRAWN_SHARE) / real), np.full(DRAWN, DRAWN_SHARE / DRAWN)]
        self.share = np.r_[share, share] / 2


def _blurred(views: np.ndarray, by: float) -> Tensor:
    h, w = views.shape[1:3]
    small = (round(w / by), round(h / by))
    images = [Image.fromarray(np.ascontiguousarray(view)) for view in views]
    if by > 1:
        images = [
            i.resize(small, Image.Resampling.BOX).resize((w, h), Image.Resampling.BILINEAR)
            for i in images
        ]
    return torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy())


def targets(name: str, points: Tensor) -> Tensor:
    """The coordinates a net knows, in the order of its patch; points (n, POINTS, 2) in its axes."""
    places = {
        "left eye": points[:, LEFT_EYE].mean(1),
        "right eye": points[:, RIGHT_EYE].mean(1),
        "left corner": points[:, CORNERS[0]],
        "right corner": points[:, CORNERS[1]],
        "middle": points[:, LOWER] if name == "box" else points[:, [UPPER, LOWER]].mean(1),
        "top": points[:, RIM_TOP],
        "upper": points[:, UPPER],
        "lower": points[:, LOWER],
        "bottom": points[:, RIM_BOTTOM],
        "chin": points[:, CHIN],
    }
    patch = PATCHES[name]
    across = [places[part][:, 0] for part in patch.across]
    return torch.stack(across + [places[part][:, 1] for part in patch.down], 1)


class Look:
    """Draws batches of patches and what is true of them."""

    def __init__(self, name: str, faces: Faces, seed: int) -> None:
        self.name, self.faces = name, faces
        self.patch, self.sight = PATCHES[name], SIGHTS[name]
        self.rng = np.random.default_rng(seed)

    def normal(self, scale: float, *shape: int) -> Tensor:
        return torch.from_numpy(self.rng.normal(0, scale, shape)).float()

    def batch(self, n: int = BATCH) -> tuple[Tensor, Tensor]:
        """Signs (n, 2, h, w) and coordinates."""
        faces = self.faces
        index = self.rng.choice(len(faces.points), n, p=faces.share)
        blur = self.rng.choice(len(BLURS), n, p=BLUR_SHARES)
        views = torch.stack([faces.views[b][i] for b, i in zip(blur, index, strict=True)]).float()
        if self.name == "box":
            views = F.avg_pool2d(views, 3, 1, 1)
        turn, centre = self._placed(n)
        grid = torch.meshgrid(_line(self.patch.u), _line(self.patch.v), indexing="xy")
        at = torch.einsum("nij,hwj->nhwi", turn, torch.stack(grid, -1)) + centre[:, None, None]
        h, w = views.shape[2:]
        x, y = (at[..., 0] + LEFT) * SCALE / w * 2 - 1, (at[..., 1] - TOP) * SCALE / h * 2 - 1
        seen = F.grid_sample(
            views, torch.stack([x, y], -1), padding_mode="border", align_corners=False
        )
        rest = faces.points[index] - centre[:, None]
        points = torch.einsum("nij,nkj->nki", torch.linalg.inv(turn), rest)
        return signs(self._relit(seen)), targets(self.name, points)

    def _placed(self, n: int) -> tuple[Tensor, Tensor]:
        """From the axes of the patch to those of the view: (n, 2, 2) and (n, 2)."""
        sight = self.sight
        centre = torch.tensor(sight.centre) + self.normal(1.0, n, 2) * torch.tensor(sight.moved)
        side = sight.side * torch.exp(self.normal(sight.sized, n))
        high = side * torch.exp(self.normal(sight.stretched, n))
        angle = self.normal(sight.turned, n)
        angle = torch.where(torch.rand(n) < 0.5, angle * 0.35, angle)
        c, s, shear = torch.cos(angle), torch.sin(angle), self.normal(sight.sheared, n)
        rows = [
            torch.stack([c * side, (shear - s) * high], 1),
            torch.stack([s * side, c * high], 1),
        ]
        return torch.stack(rows, 1), centre

    def _relit(self, x: Tensor) -> Tensor:
        """Another light, another camera, and now and then something in front."""
        n, _, h, w = x.shape
        x = (x / 255).clamp(0, 1) ** torch.exp(self.normal(0.35, n, 1, 1, 1))
        x = x * torch.exp(self.normal(0.1, n, 3, 1, 1) + self.normal(0.15, n, 1, 1, 1))
        grey = (x * LUMA).sum(1, keepdim=True)
        colour = torch.exp(self.normal(0.3, n, 1, 1, 1)) * (torch.rand(n, 1, 1, 1) > GREY)
        x = grey + (x - grey) * colour
        across, down = torch.linspace(-1, 1, w), torch.linspace(-1, 1, h)[:, None]
        fall = self.normal(0.25, n, 1, 1, 1) * across + self.normal(0.2, n, 1, 1, 1) * down
        x = 255 * x * torch.exp(fall + self.normal(0.15, n, 1, 1, 1) * across * down)
        x = x + self.normal(5, n, 1, 1, 1).abs() * torch.randn(x.shape)
        for k in np.flatnonzero(self.rng.random(n) < 0.08):
            top, left = self.rng.integers(0, h - 8), self.rng.integers(0, w - 8)
            high, wide = self.rng.integers(3, 10, 2)
            x[k, :, top : top + high, left : left + wide] = 255 * torch.rand(3, 1, 1)
        return x.clamp(0, 255).round()


def _line(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).float()


def signs(rgb: Tensor) -> Tensor:
    """As imgsync_core.face.net.signs, of (n, 3, h, w)."""
    light = torch.log((rgb * LUMA).sum(1) + 8)
    light = light - light.mean((1, 2), keepdim=True)
    light = light / light.std((1, 2), keepdim=True).clamp_min(0.05)
    red = torch.log(rgb[:, 0] + 12) - torch.log(rgb[:, 1] * 0.7 + rgb[:, 2] * 0.3 + 12)
    red = (red - red.mean((1, 2), keepdim=True)) / 0.15
    return torch.stack([light, red.clamp(-3, 3)], 1)


def loss_of(name: str, found: tuple[Tensor, ...], true: Tensor) -> Tensor:
    patch, total = PATCHES[name], torch.zeros(())
    for i, values in enumerate(found):
        at = _line(patch.u if i < len(patch.across) else patch.v)
        place = true[:, i].clamp(float(at[0]), float(at[-1]))
        bell = torch.exp(-0.5 * ((at[None] - place[:, None]) / BELL[name]) ** 2)
        bell = bell / bell.sum(1, keepdim=True)
        total = total - (bell * F.log_softmax(values, 1)).sum(1).mean() / len(found)
    return total


def fitted(name: str, faces: Faces, seed: int = 0) -> Net:
    """A net, the mean of its last states."""
    torch.manual_seed(seed)
    net, kept, look = Net(PATCHES[name]), Net(PATCHES[name]), Look(name, faces, seed)
    kept.load_state_dict(net.state_dict())
    way = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
    steps = STEPS[name]
    rate = torch.optim.lr_scheduler.OneCycleLR(way, 3e-3, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        x, true = look.batch()
        loss = loss_of(name, net.train()(x), true)
        way.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        way.step()
        rate.step()
        for old, new in zip(kept.state_dict().values(), net.state_dict().values(), strict=True):
            old.copy_(old * 0.99 + new * 0.01 if old.is_floating_point() else new)
        if step % 100 == 99:
            print(f"{name} {step + 1}: {float(loss):.3f}", flush=True)
    return kept.eval()


def numbers(net: Net) -> dict[str, np.ndarray]:
    """The arrays that imgsync_core.face.net.Net.of reads; the norms go into the filters."""
    found: dict[str, np.ndarray] = {}

    def add(name: str, weights: Tensor, bias: Tensor) -> None:
        scale = weights.abs().amax(0).clamp_min(1e-12) / 127
        found[f"{name}_weights"] = torch.round(weights / scale).to(torch.int8).numpy()
        found[f"{name}_scale"], found[f"{name}_bias"] = scale.numpy(), bias.numpy()

    with torch.no_grad():
        for i, (filters, norm) in enumerate(zip(net.filters, net.norms, strict=True)):
            by = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            weights = (filters.weight * by[:, None, None, None]).permute(2, 3, 1, 0)
            bias = (filters.bias - norm.running_mean) * by + norm.bias
            add(f"filter{i}", weights.reshape(-1, len(by)), bias)
        out, channels = len(net.hidden.bias), len(net.norms[-1].bias)
        weights = net.hidden.weight.reshape(out, channels, -1).permute(2, 1, 0)
        add("hidden", weights.reshape(-1, out), net.hidden.bias)
        add("last", net.last.weight.T, net.last.bias)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("marks", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--only", choices=PATCHES, help="fit this net, keep the file's others")
    args = parser.parse_args()
    with np.load(args.marks) as file:
        faces = Faces(file["views"], file["points"])
    found: dict[str, np.ndarray] = {}
    if args.only:
        with np.load(args.output) as file:
            found |= file
    for name in (args.only,) if args.only else PATCHES:
        arrays = numbers(fitted(name, faces))
        found |= {f"{name}_{key}": value for key, value in arrays.items()}
    np.savez_compressed(args.output, **found)


if __name__ == "__main__":
    main()
