"""The three networks of LatentSync, checked against each other."""

from __future__ import annotations

from functools import partial

from ..runtime import lips
from ..runtime.lips import Networks
from .model import load_unet

__all__ = ["Networks", "load"]

load = partial(lips.load, load_unet)
