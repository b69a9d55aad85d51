"""What a face that was not found surely means: words for people, and a smaller opening.

`Face.confidence` is calibrated: of the faces that say .9, about nine in ten have their lip line
within .04 of the distance between the eyes (IOD) of where a face mesh sees it, and their eyes
within .08. An error of .03 passes, .05 cuts the lip, .08 looks grotesque when the mouth opens.
"""

import numpy as np

from ..errors import FaceError
from .geometry import Face

DOUBT = 0.52  # confidence under which people are told; half of those slightly below are wrong
SURE = 0.75  # confidence from which the mouth opens as it should
LEAST = 0.5  # of its opening, for a mouth of which nothing is sure


def doubt(face: Face) -> str | None:
    """A sentence for people about a face that may be wrong, or None for one that is trusted."""
    if face.confidence >= DOUBT:
        return None
    x, y = face.lip_line
    return (
        f"Where the lips meet is not clear in this face (at ({x:.0f}, {y:.0f}), "
        f"{face.confidence * 100:.0f} % sure), so the mouth opens less. "
        "Check it, and say where the corners of the mouth are (points) if it is wrong."
    )


def cut_off(face: Face, size: tuple[int, int]) -> str | None:
    """A sentence about eyes or lips that lie outside of a picture of this size, or None.

    Raises FaceError where the mouth itself does: there is nothing to open.
    """
    places = np.vstack([face.lip_line, face.lip_bottom, face.mouth, face.eyes])
    out = np.any((places < 0) | (places > np.array(size)), -1)
    if out[0]:
        raise FaceError(
            "The mouth lies outside of the picture: it was cropped away. Choose another size, or "
            "the fit auto, which keeps the face."
        )
    if not out.any():
        return None
    return (
        "A part of the face lies outside of the picture, which was cropped. Choose another size, "
        "or the fit auto, which keeps the face."
    )


def trusted(face: Face) -> float:
    """The share of its opening that the mouth of a face should open, LEAST..1."""
    return float(np.interp(face.confidence, (0.0, SURE), (LEAST, 1.0)))
