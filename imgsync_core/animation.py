"""A face that speaks: who, by what, drawn on what. torch is imported when it begins."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import EncodingError, FaceError, InputError
from .machine import Machine, look
from .media.encoding import DEFAULT, preset
from .media.extend import Extension, extend
from .media.frames import FrameSource, Trimmed
from .media.motion import PanZoom
from .media.sound import Sound
from .media.space import check_space, likely_bytes, moving_frames
from .speakers import Speaker, too_long, voices_of
from .timeline import Timeline
from .watcher import NOBODY, Watcher

if TYPE_CHECKING:
    import numpy as np

    from .audio.speech import Speech
    from .engines.base import Engine, EngineSpec, Host
    from .face.geometry import Face
    from .face.tracks import FaceTrack
    from .face.wanted import WantedFace
    from .plan.forecast import Forecast
    from .plan.rate import Timed
    from .spool.jobs import Spool
    from .spool.store import Store

BUILT_IN = "built-in"
TRIED_BYTES = 16 << 20  # of frames that are encoded to see how long that takes


@dataclass(frozen=True)
class Animation:
    """What is asked of an engine.

    engine: its name; ``auto`` = the best that can run here, or none where there is no face.
    who: the face to move; None = the largest that is found.
    speakers: several faces, or a face with a voice that is not the one to be heard; empty = ``who``
        with the sound of the job.
    seed: of what is left to chance.
    options: of the engine, by name (see `engines.registry.options_of`); with ``auto`` those that
        the chosen one has are taken.
    lively: before lips are drawn into a still it gets head, blinks and brows from the built-in
        engine with these options, its mouth off; None = it stays as still as it is.
    host: the device that the engine runs on; None = the CPU.
    """

    engine: str = BUILT_IN
    who: WantedFace | None = None
    speakers: tuple[Speaker, ...] = ()
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    lively: Mapping[str, Any] | None = None
    host: Host | None = None

    @property
    def cast(self) -> tuple[Speaker, ...]:
        """All who speak: one at least, each with a face that is said."""
        from .face.wanted import WantedFace

        if not self.speakers:
            return (Speaker(self.who or WantedFace()),)
        n = len(self.speakers)
        others = [WantedFace(from_left=(i, n)) for i in range(n)] if n > 1 else [WantedFace()]
        return tuple(
            replace(speaker, who=speaker.who or other)
            for speaker, other in zip(self.speakers, others, strict=True)
        )


@dataclass(frozen=True)
class Stage:
    """What a face speaks on, whoever it is.

    sound: that is heard.
    extension: how a clip lasts, or a camera moves; None = as the engine has it.
    machine: what there is to work with; None = look.
    place: on the disk that will have to hold the result; None = not known.
    spool: where finished frames of a costly engine are kept; None = nowhere.
    trial: a few frames are drawn and encoded first, to say how long it will take and to show them.
    """

    sound: Sound
    timeline: Timeline
    extension: Extension | None = None
    machine: Machine | None = None
    place: Path | None = None
    spool: Spool | None = None
    watcher: Watcher = NOBODY
    trial: bool = True


@dataclass(frozen=True)
class Animated:
    """Frames of a face that speaks, not yet drawn, and what was found out on the way.

    face: of who speaks first, in the first frame that shows it; None where there is none.
    speeches: what was heard of the voice of each.
    stores: where finished frames are kept, of each who speaks; empty = nowhere.
    """

    frames: FrameSource
    face: Face | None
    speeches: tuple[Speech, ...]
    forecast: Forecast
    notes: tuple[str, ...]
    stores: tuple[Store, ...]


def animated(clip: FrameSource, how: Animation, stage: Stage) -> Animated:
    """Find the face in a still or a clip, choose the engine, and say what drawing will take.

    Raises FaceError, InputError, WeightsError, MemoryLimitError and OutputError.
    """
    return _Animating(how, stage).made(clip)


Seen = tuple[int, "Face"]
"""The first frame with a face, and where it is there."""


class _Animating:
    """One job with a face that speaks, or several."""

    def __init__(self, how: Animation, stage: Stage) -> None:
        from .audio.speech import Speech
        from .engines.base import PLAIN

        self.how, self.stage = how, stage
        self.timeline, self.watcher = stage.timeline, stage.watcher
        self.host = how.host or PLAIN
        self.people = [speaker.who for speaker in how.cast if speaker.who is not None]
        self.machine = stage.machine or look()
        self.speeches = tuple(Speech(voice) for voice in voices_of(how.cast, stage.sound))
        self.reason, self.options = "", dict(how.options)
        self.notes: list[str] = too_long(how.cast, stage.sound)
        self.stores: list[Store] = []

    def made(self, clip: FrameSource) -> Animated:
        found = [self._face(clip, who) for who in self.people]
        seen, why_not = [face for face, _ in found], next((why for _, why in found if why), "")
        self._refuse_one_for_two(seen)
        engine = self._engine(clip, not why_not)
        spec = engine.spec
        if why_not:
            self._go_without(spec, why_not)
        if self.how.lively is not None and spec.draws != "lips" and self.how.engine != "auto":
            raise InputError(
                f"lively is for engines that draw only lips; {spec.name} moves the head itself."
            )
        for face in seen:
            self._say_doubts(spec, clip, face)
        self._say_too_large(clip)
        clip, seen = self._taken(clip, engine, seen)
        drawn = self._timed(engine, clip, seen)
        expected = self._forecast(engine, drawn)
        frames = self._seen_by_camera(drawn)
        face = seen[0][1] if seen[0] else None
        return Animated(
            frames, face, self.speeches, expected, tuple(self.notes), tuple(self.stores)
        )

    def _face(self, clip: FrameSource, who: WantedFace) -> tuple[Seen | None, str]:
        """The first frame with the face and where; or None, and why."""
        try:
            return who.first_seen(clip, self.watcher.check), ""
        except FaceError as e:
            if len(self.people) > 1 or (self.how.engine == "auto" and who.is_certain):
                raise
            return None, str(e)

    def _refuse_one_for_two(self, seen: list[Seen | None]) -> None:
        faces = [at[1] for at in seen if at is not None]
        for j, face in enumerate(faces):
            for i, other in enumerate(faces[:j]):
                if abs(complex(*(face.lip_line - other.lip_line))) < other.iod / 2:
                    raise FaceError(
                        f"Speakers {i + 1} and {j + 1} are the same face. Say which is whose, by "
                        "number (0 is the largest) or by a point in it."
                    )

    def _say_doubts(self, spec: EngineSpec, clip: FrameSource, seen: Seen | None) -> None:
        from .face.doubt import cut_off, doubt

        if seen is not None and spec.wants == "points" and (doubted := doubt(seen[1])):
            self.notes.append(doubted)
        if seen is not None and (cut := cut_off(seen[1], clip.size)):
            self.notes.append(cut)

    def _say_too_large(self, clip: FrameSource) -> None:
        from .plan.forecast import LARGE, too_large

        if clip.size[0] * clip.size[1] > LARGE:
            self.notes.append(too_large(clip.size))

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
        certain = any(who.is_certain for who in self.people)
        if spec.wants == "points" or (spec.wants == "crop" and certain):
            raise FaceError(why_not)
        if spec.wants == "crop":
            why = why_not.split(". ")[0].rstrip(".")
            self.notes.append(f"{spec.title} took the middle of the picture for the face. {why}")

    def _taken(
        self, clip: FrameSource, engine: Engine, seen: list[Seen | None]
    ) -> tuple[FrameSource, list[Seen | None]]:
        """What of the source the engine animates, and the faces there."""
        if clip.n_frames == 1 or "clip" in engine.spec.takes:
            return clip, seen
        begin = max((at[0] for at in seen if at), default=0)
        what = f"frame {begin}, the first with the face," if begin else "the first frame"
        self.notes.append(f"{engine.spec.title} animates a still: {what} of the clip was taken")
        still = Trimmed(clip, begin, begin + 1)
        if len(seen) == 1:
            return still, [at and (0, at[1]) for at in seen]
        return still, [who.first_seen(still, self.watcher.check) for who in self.people]

    def _timed(self, engine: Engine, clip: FrameSource, seen: list[Seen | None]) -> Timed:
        """The frames with all who speak, which note how fast they are made."""
        from .face.together import Together
        from .plan.rate import Timed

        still = clip.n_frames == 1
        parts = [self._part(engine, clip, i, at) for i, at in enumerate(seen)]
        if len(parts) > 1 and any(drawn.size != clip.size for drawn, _ in parts):
            raise InputError(
                f"{len(parts)} faces speak, and {engine.spec.title} shows only one with these "
                "options. Let it show the whole picture."
            )
        drawn = parts[0][0] if len(parts) == 1 else Together(parts)
        options = tuple(sorted(self.options.items()))
        lively, n = self.how.lively is not None, len(parts)
        name, device = engine.spec.name, self.host.device.torch_name
        return Timed(drawn, (name, device, drawn.size, still, lively, n, options), still, n)

    def _part(
        self, engine: Engine, clip: FrameSource, number: int, seen: Seen | None
    ) -> tuple[FrameSource, FaceTrack]:
        """The frames of one who speaks, and where the face is in them."""
        from .engines.base import Scene

        speech, seed = self.speeches[number], self._seed(number)
        shown, track = self._stage(engine, clip, number, seen)
        store = self._stored(engine.spec, clip, number, seen)
        return engine.animate(Scene(shown, track, speech, self.timeline, seed, store)), track

    def _stored(
        self, spec: EngineSpec, clip: FrameSource, number: int, seen: Seen | None
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
            self.people[number], self.speeches[number].sound, self.timeline,
            self.stage.extension, self.how.lively, self.how.seed + number,
        )  # fmt: skip
        parts = drawn.parts(spool)
        if parts is None:
            return None
        n = self.timeline.n_frames
        store = spool.store(parts, n, spec.name)
        if ready := store.ready():
            self.notes.append(kept_in_words(ready, n))
        self.stores.append(store)
        return store

    def _seed(self, number: int) -> int:
        """Another one for each who speaks, so that they do not blink together."""
        return (self.how.seed + number) % 2**64

    def _stage(
        self, engine: Engine, clip: FrameSource, number: int, seen: Seen | None
    ) -> tuple[FrameSource, FaceTrack]:
        """What an engine draws on, as long as it wants it, and where the face is in it."""
        from .engines.base import Scene
        from .engines.registry import engine as named
        from .face.tracks import FollowedFace, NoFace

        spec, who, speech = engine.spec, self.people[number], self.speeches[number]
        wanted = engine.frames_for(speech.sound, self.timeline)
        alone = clip.n_frames == 1 and spec.draws == "head"
        if seen is None:
            return clip if alone else self._lasting(clip, wanted, engine), NoFace()
        begin, first = seen
        if alone:
            return clip, who.track(clip, clip, first)
        if clip.n_frames == 1 and self.how.lively is not None:
            lively = named(BUILT_IN, {**self.how.lively, "mouth": 0.0}, self.host)
            time = replace(self.timeline, n_frames=wanted)
            track = who.track(clip, clip, first)
            shown = lively.animate(Scene(clip, track, speech, time, self._seed(number)))
            return shown, FollowedFace(shown, shown, first)
        shown = self._lasting(clip, wanted, engine)
        return shown, who.track(clip, shown, first, begin)

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
        """What drawing takes; stops where it cannot succeed, and may draw a few to know."""
        from .engines.options import checked
        from .media.trial import seconds_to_encode
        from .plan.forecast import forecast

        spec = engine.spec
        values = checked(spec.options, self.options, spec.name)

        def expected() -> Forecast:
            return forecast(spec, values, drawn, self.machine, self.host, self.reason)

        expected().check(self.machine)
        usual = preset(DEFAULT)
        if self.stage.place is not None:
            moving = moving_frames(drawn)
            check_space(self.stage.place, likely_bytes(usual, drawn.size, self.timeline, moving))
        if spec.instant:  # it hears all of the sound before its first frame, which takes a while
            for speech in self.speeches:
                speech.table(self.watcher.check, self.watcher.progress)
        frames = self._looked_at(spec, drawn) if self.stage.trial else []
        if frames and not drawn.is_known:
            with contextlib.suppress(EncodingError):  # another preset may take the size
                drawn.encoding = seconds_to_encode(frames, usual, drawn.fps)
        return expected()

    def _looked_at(self, spec: EngineSpec, drawn: Timed) -> list[np.ndarray]:
        """A few frames, uint8 (h, w, c), which whoever looks on sees too; large ones are fewer."""
        from .plan.forecast import preview_frames

        frames = []
        drawn.watch(Watcher(check=self.watcher.check))
        try:
            for frame in preview_frames(spec, drawn, self.stage.sound):
                self.watcher.check()
                self.watcher.frame(frame)
                if not frames or len(frames) * frame.nbytes < TRIED_BYTES:
                    frames.append(frame)
        finally:
            drawn.watch(NOBODY)
        return frames
