"""MuseTalk: lips from a voice in one pass a frame, without diffusion, for small GPUs."""

from .spec import SPEC

__all__ = ["SPEC"]
