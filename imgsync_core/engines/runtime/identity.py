"""Whose face is in the still, if there are the files that tell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ...errors import EngineError
from ...face.identity import embedding, session
from ..base import Host, Values
from .files import locate, missing
from .needs import FACES

LICENCE = (
    "InsightFace's scrfd_10g_bnkps.onnx and glintr100.onnx, which tell whose face it is, are for "
    "non-commercial research only"
)


def whose(
    frame: np.ndarray, width: int, values: Values, host: Host, title: str,
    note: Callable[[str], None],
) -> Tensor:  # fmt: skip
    """(1, width) of the largest face in a picture; zeros, which is noted, where nothing tells it.

    values: with the option ``face_models``.   title: of who wants to know.
    note(sentence): also told the files' licence, before they are used. Raises WeightsError where
    they are not in a folder that is named.
    """
    nobody = torch.zeros(1, width)
    untold = f"{title} was not told whose face it is, so the likeness may be weaker: "
    if not values["face_models"] and missing(FACES, values, host.models):
        note(f"{untold}scrfd_10g_bnkps.onnx and glintr100.onnx are not in the models folder")
        return nobody
    note(LICENCE)
    try:
        runs = [session(path) for path in locate(FACES, values, host.models)]
    except EngineError as error:
        note(untold + str(error))
        return nobody
    found = embedding(np.ascontiguousarray(frame[..., :3]), *runs)
    if found is None or len(found) != width:
        note(f"{untold}no face was found by scrfd_10g_bnkps.onnx")
        return nobody
    return torch.from_numpy(found)[None]
