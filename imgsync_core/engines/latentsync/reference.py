"""Two ways through the same code: the published pipeline's own, and a better one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """What differs.

    published_points: whole pixels and a running bias instead of smoothing over time.
    overlapped: pieces of the sound overlap, so that there is no seam each 30 s.
    padded: silence follows a sound that is shorter than the picture; otherwise its end repeats.
    entire: crops are cut out of entire frames, with the coordinates that belong to them.
    coarse: the sound is rounded to 16 bits first.
    sampled: latents of pictures are drawn at random.
    full: the last window of a run is moved back to full length; otherwise it is a short one.
    surplus: frames are drawn beyond the end, as the sound's features ask for.
    whole: the whole crop is pasted; otherwise only what was drawn, colour matched.
    mirrored: a clip goes there and back with each end frame shown twice.
    """

    published_points: bool
    overlapped: bool
    padded: bool
    entire: bool
    coarse: bool
    sampled: bool
    full: bool
    surplus: bool
    whole: bool
    mirrored: bool


REFERENCE = Way(
    published_points=True,
    overlapped=False,
    padded=False,
    entire=True,
    coarse=True,
    sampled=True,
    full=False,
    surplus=True,
    whole=True,
    mirrored=True,
)
DEFAULT = Way(
    published_points=False,
    overlapped=True,
    padded=True,
    entire=False,
    coarse=False,
    sampled=False,
    full=True,
    surplus=False,
    whole=False,
    mirrored=False,
)
WAYS = {"default": DEFAULT, "reference": REFERENCE}
