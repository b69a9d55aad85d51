"""Hallo2: the whole head of a still, from a voice, by diffusion clip after clip."""

from .spec import SPEC

__all__ = ["SPEC"]
