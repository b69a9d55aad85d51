"""EchoMimic: the whole head of a still, from a voice, by diffusion on overlapping windows."""

from .spec import SPEC

__all__ = ["SPEC"]
