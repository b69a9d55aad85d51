"""The built-in animator: the picture itself is moved, nothing is downloaded."""

from .spec import SPEC

__all__ = ["SPEC"]
