"""A face that speaks: who, by what, drawn on what. torch is imported when it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import FaceError, InputError
from .machine import Machine, look
from .media.encoding import DEFAULT, preset
from .media.extend import Extension, extend
from .media.frames import FrameSource, Trimmed
from .media.motion import PanZoom
from .media.sound import Sound
from .media.space import check_space, likely_bytes, moving_frames
from .timeline import Timeline
from .watcher import NOBODY, Watcher

if TYPE_CHECKING:
    from .audio.speech import Speech
    from .engines.base import Engine, EngineSpec, Host
    from .face.geometry import Face
    from .face.wanted import WantedFace
    from .plan.forecast import Forecast
    from .plan.rate import Timed
    from .spool.jobs import Spool
    from .spool.store import Store

BUILT_IN = "built-in"


@dataclass(frozen=True)
class Animation:
    """What is asked of an engine.

    engine: its name; ``auto`` = the best that can run here, or none where there is no face.
    who: the face to move; None = the largest that is found.
    seed: of what is left to chance.
    options: of the engine, by name (see `engines.registry.options_of`); with ``auto`` those that
        the chosen one has are taken.
    lively: before lips are drawn into a still it gets head, blinks and brows from the built-in
        engine with these options, its mouth off; None = it stays as still as it is.
    host: the device that the engine runs on; None = the CPU.
    """

    engine: str = BUILT_IN
    who: WantedFace | None = None
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    lively: Mapping[str, Any] | None = None
    host: Host | None = None


@dataclass(frozen=True)
class Stage:
    """What a face speaks on, whoever it is.

    extension: how a clip lasts, or a camera moves; None = as the engine has it.
    machine: what there is to work with; None = look.
    place: on the disk that will have to hold the result; None = not known.
    spool: where finished frames of a costly engine are kept; None = nowhere.
    """

    sound: Sound
    timeline: Timeline
    extension: Extension | None = None
    machine: Machine | None = None
    place: Path | None = None
    spool: Spool | None = None
    watcher: Watcher = NOBODY


@dataclass(frozen=True)
class Animated:
    """Frames of a face that speaks, not yet drawn, and what was found out on the way.

    face: in the first frame that shows it; None where there is none.
    store: where finished frames are kept; None = nowhere.
    """

    frames: FrameSource
    face: Face | None
    speech: Speech
    forecast: Forecast
    notes: tuple[str, ...]
    store: Store | None


def animated(clip: FrameSource, how: Animation, stage: Stage) -> Animated:
    """Find the face in a still or a clip, choose the engine, and say what drawing will take.

    Raises FaceError, InputError, WeightsError, MemoryLimitError and OutputError.
    """
    return _Animating(how, stage).made(clip)


class _Animating:
    """One job with a face that speaks."""

    def __init__(self, how: Animation, stage: Stage) -> None:
        from .audio.speech import Speech
        from .engines.base import PLAIN
        from .face.wanted import WantedFace

        self.how, self.stage = how, stage
        self.timeline, self.watcher = stage.timeline, stage.watcher
        self.host, self.who = how.host or PLAIN, how.who or WantedFace()
        self.machine = stage.machine or look()
        self.speech = Speech(stage.sound)
        self.reason, self.options = "", dict(how.options)
        self.notes: list[str] = []
        self.store: Store | None = None

    def made(self, clip: FrameSource) -> Animated:
        from .face.doubt import cut_off, doubt
        from .plan.forecast import LARGE, too_large

        seen, why_not = self._face(clip)
        engine = self._engine(clip, seen is not None)
        spec = engine.spec
        if seen is None:
            self._go_without(spec, why_not)
        if self.how.lively is not None and spec.draws != "lips" and self.how.engine != "auto":
            raise InputError(
                f"lively is for engines that draw only lips; {spec.name} moves the head itself."
            )
        if seen is not None and spec.wants == "points" and (doubted := doubt(seen[1])):
            self.notes.append(doubted)
        if seen is not None and (cut := cut_off(seen[1], clip.size)):
            self.notes.append(cut)
        if clip.size[0] * clip.size[1] > LARGE:
            self.notes.append(too_large(clip.size))
        clip = self._taken(clip, engine, seen[0] if seen else 0)
        drawn = self._timed(engine, clip, seen)
        expected = self._forecast(engine, drawn)
        frames = self._seen_by_camera(drawn)
        face = seen[1] if seen else None
        return Animated(frames, face, self.speech, expected, tuple(self.notes), self.store)

    def _face(self, clip: FrameSource) -> tuple[tuple[int, Face] | None, str]:
        """The first frame with the face and where; or None, and why."""
        try:
            return self.who.first_seen(clip, self.watcher.check), ""
        except FaceError as e:
            if self.how.engine == "auto" and self.who.is_certain:
                raise
            return None, str(e)

    def _engine(self, clip: FrameSource, face: bool) -> Engine:
        """The engine that is asked for, or the best that can run."""
        from .engines.registry import AUTO, engine, options_of
        from .plan.choice import choose

        name = self.how.engine
        if name == AUTO:
            n = self.timeline.n_frames
            still = clip.n_frames == 1
            choice = choose(self.machine, clip.size, n, host=self.host, face=face, still=still)
            name, self.reason = choice.engine, choice.reason
            own = {option.name for option in options_of(name)}
            asked = {key: value for key, value in self.options.items() if key in own}
            self.options = {**asked, **choice.options}
        made = engine(name, self.options, self.host)
        self.host.settle(made.spec)
        return made

    def _go_without(self, spec: EngineSpec, why_not: str) -> None:
        """Say that there is no face. Raises FaceError where the engine cannot do without."""
        if spec.wants == "points" or (spec.wants == "crop" and self.who.is_certain):
            raise FaceError(why_not)
        if spec.wants == "crop":
            why = why_not.split(". ")[0].rstrip(".")
            self.notes.append(f"{spec.title} took the middle of the picture for the face. {why}")

    def _taken(self, clip: FrameSource, engine: Engine, begin: int) -> FrameSource:
        """What of the source the engine animates; begin: the first frame with the face."""
        if clip.n_frames > 1 and "clip" not in engine.spec.takes:
            what = f"frame {begin}, the first with the face," if begin else "the first frame"
            self.notes.append(f"{engine.spec.title} animates a still: {what} of the clip was taken")
            return Trimmed(clip, begin, begin + 1)
        return clip

    def _timed(self, engine: Engine, clip: FrameSource, seen: tuple[int, Face] | None) -> Timed:
        """The engine's frames, which note how fast they are made."""
        from .engines.base import Scene
        from .plan.rate import Timed

        still = clip.n_frames == 1
        shown, track = self._stage(engine, clip, seen)
        self.store = self._stored(engine.spec, clip, seen)
        scene = Scene(shown, track, self.speech, self.timeline, self.how.seed, self.store)
        drawn = engine.animate(scene)
        options = tuple(sorted(self.options.items()))
        lively = self.how.lively is not None
        name, device = engine.spec.name, self.host.device.torch_name
        return Timed(drawn, (name, device, drawn.size, still, lively, options), still)

    def _stored(
        self, spec: EngineSpec, clip: FrameSource, seen: tuple[int, Face] | None
    ) -> Store | None:
        """Where this very job keeps what is finished; says how much there is already."""
        from .engines.options import checked
        from .plan.sameness import Drawn
        from .spool.store import kept_in_words

        spool = self.stage.spool
        if spool is None or not spec.streams:
            return None
        begin, face = seen or (0, None)
        drawn = Drawn(
            spec, checked(spec.options, self.options, spec.name), self.host, clip, begin, face,
            self.who, self.speech.sound, self.timeline, self.stage.extension, self.how.lively,
            self.how.seed,
        )  # fmt: skip
        parts = drawn.parts(spool)
        if parts is None:
            return None
        n = self.timeline.n_frames
        store = spool.store(parts, n, spec.name)
        if ready := store.ready():
            self.notes.append(kept_in_words(ready, n))
        return store

    def _stage(
        self, engine: Engine, clip: FrameSource, seen: tuple[int, Face] | None
    ) -> tuple[FrameSource, Any]:
        """What an engine draws on, as long as it wants it, and where the face is in it."""
        from .engines.base import Scene
        from .engines.registry import engine as named
        from .face.tracks import FollowedFace, NoFace

        spec, wanted = engine.spec, engine.frames_for(self.speech.sound, self.timeline)
        alone = clip.n_frames == 1 and spec.draws == "head"
        if seen is None:
            return clip if alone else self._lasting(clip, wanted, engine), NoFace()
        begin, first = seen
        if alone:
            return clip, self.who.track(clip, clip, first)
        if clip.n_frames == 1 and self.how.lively is not None:
            lively = named(BUILT_IN, {**self.how.lively, "mouth": 0.0}, self.host)
            time = replace(self.timeline, n_frames=wanted)
            track = self.who.track(clip, clip, first)
            shown = lively.animate(Scene(clip, track, self.speech, time, self.how.seed))
            return shown, FollowedFace(shown, shown, first)
        shown = self._lasting(clip, wanted, engine)
        return shown, self.who.track(clip, shown, first, begin)

    def _lasting(self, clip: FrameSource, n_frames: int, engine: Engine) -> FrameSource:
        """A clip as long as it is wanted; a camera move comes after the engine."""
        extension = self.stage.extension
        if extension is None or (extension.mode == "pan-zoom" and clip.n_frames == 1):
            extension = Extension(engine.lengthening)
        return extend(clip, n_frames, extension)

    def _seen_by_camera(self, drawn: FrameSource) -> FrameSource:
        how = self.stage.extension
        if how is None or how.mode != "pan-zoom":
            return drawn
        return PanZoom(drawn, drawn.n_frames, how.start, how.end, eased=how.eased)

    def _forecast(self, engine: Engine, drawn: Timed) -> Forecast:
        """What drawing takes; stops where it cannot succeed, and draws a few frames to know."""
        from .engines.options import checked
        from .plan.forecast import forecast, preview_frames

        spec = engine.spec
        values = checked(spec.options, self.options, spec.name)

        def expected() -> Forecast:
            return forecast(spec, values, drawn, self.machine, self.host, self.reason)

        expected().check(self.machine)
        if self.stage.place is not None:
            usual, moving = preset(DEFAULT), moving_frames(drawn)
            check_space(self.stage.place, likely_bytes(usual, drawn.size, self.timeline, moving))
        if spec.instant:  # it hears all of the sound before its first frame, which takes a while
            self.speech.table(self.watcher.check, self.watcher.progress)
        drawn.watch(Watcher(check=self.watcher.check))
        try:
            for frame in preview_frames(spec, drawn, self.speech.sound):
                self.watcher.check()
                self.watcher.frame(frame)
        finally:
            drawn.watch(NOBODY)
        return expected()
