"""What the frames of a job depend on: two jobs of which all of it is equal make equal frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .. import __version__
from ..engines.base import EngineSpec, Host, Values
from ..engines.runtime.files import locate, missing
from ..face.geometry import Face
from ..face.wanted import WantedFace
from ..media.digest import of_sound
from ..media.frames import FrameSource
from ..media.sound import Sound
from ..spool.jobs import Spool
from ..timeline import Timeline


@dataclass(frozen=True)
class Drawn:
    """What is drawn by whom.

    clip: before it is lengthened.   begin, face: the first that was seen; None = there is none.
    extension, lively: as of `animation.Stage` and `animation.Animation`.
    """

    spec: EngineSpec
    values: Values
    host: Host
    clip: FrameSource
    begin: int
    face: Face | None
    who: WantedFace
    sound: Sound
    timeline: Timeline
    extension: Any
    lively: Any
    seed: int

    def parts(self, spool: Spool) -> dict[str, Any] | None:
        """All that the frames depend on, by name; None where the picture would have to be drawn
        to tell it from others, or where weights are missing.

        spool: remembers what is in files.
        """
        clip = self.clip.digest()
        if clip is None or missing(self.spec.needs, self.values, self.host.models):
            return None
        marks = self.who.landmarks or ()
        return {
            "imgsync": __version__,
            "engine": self.spec.name,
            "picture": clip,
            "sound": of_sound(self.sound),
            "face": [self.begin, self.face and self.face.to_json()],
            "landmarks": [[face.to_json() for face in frame] for frame in marks],
            "timeline": repr(self.timeline),
            "extension": repr(self.extension),
            "lively": None if self.lively is None else dict(self.lively),
            "seed": self.seed,
            "options": {o.name: self.values[o.name] for o in self.spec.options if not o.file},
            "weights": self._weights(spool),
            "numbers": self._numbers(),
        }

    def _weights(self, spool: Spool) -> list[tuple[str, str]]:
        """The files that the engine has, whose names can say how they are used, and what is in
        them."""
        spec, values, models = self.spec, self.values, self.host.models
        files = [*locate(spec.needs, values, models)]
        if spec.helps and not missing(spec.helps, values, models):
            files += locate(spec.helps, values, models)
        return [(str(path.resolve()), spool.content(path)) for path in files]

    def _numbers(self) -> list[Any]:
        """What rounds differently elsewhere."""
        device = self.host.device
        on = [device.kind, device.name, str(self.host.dtype or torch.float32)]
        threads = torch.get_num_threads() if device.kind == "cpu" else 0
        return [*on, threads, torch.__version__, np.__version__]
