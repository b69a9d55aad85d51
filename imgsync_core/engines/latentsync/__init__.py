"""LatentSync: lips from a voice, by diffusion on windows of a video."""

from .spec import SPEC

__all__ = ["SPEC"]
