"""A job in, a file out: file -> portrait and speech -> timeline -> chunks of frames -> muxer."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .animation import Animation, Stage, animated
from .errors import FaceError, InputError, TimeError
from .machine import Machine
from .media.encoding import Encoding, preset_for
from .media.extend import HOLD, Extension, extend
from .media.file_sound import FileSound, own_sound
from .media.fit import AS_IT_IS, Fit
from .media.frames import Fitted, FrameSource
from .media.loudness import normalise
from .media.mixing import mixed
from .media.muxer import Muxer, Report
from .media.picture import RGB, Picture
from .media.sound import Sound, pad, to_length, trim
from .media.source import open_source
from .speakers import with_voices
from .timeline import GRIDS, Grid, Timeline
from .watcher import NOBODY, Watcher

if TYPE_CHECKING:
    from .audio.speech import Speech
    from .face.geometry import Face
    from .plan.forecast import Forecast
    from .spool.jobs import Spool
    from .spool.store import Store


@dataclass(frozen=True)
class SoundEdit:
    """What happens to the sound before its length counts; times in seconds.

    start, duration: the part to use (duration 0 = to the end).   pad_start, pad_end: silence.
    loudness: target in LUFS; None = leave it as it is.
    """

    start: Any = 0
    duration: Any = 0
    loudness: float | None = None
    pad_start: Any = 0
    pad_end: Any = 0

    def apply(self, sound: Sound) -> Sound:
        """The edited sound; the very same object when there is nothing to do."""
        sound = trim(sound, self.start, self.duration)
        if self.loudness is not None:
            sound = normalise(sound, self.loudness)
        return pad(sound, self.pad_start, self.pad_end)


@dataclass(frozen=True)
class Job:
    """Make ``picture`` last as long as ``sound`` (or ``frames`` or ``seconds``), and let it speak.

    picture: a picture or video file, or frames.   sound: a file with sound, or one that is open;
        None = silence or, where speakers have voices, all of these together.
    fps: None = the video's own, 25 for a picture.
    framing: ``face`` = the fit's size is filled with the face, as a portrait; ``auto`` = it is
        filled without cutting the face, or all is shown where there is none; empty = as ``fit``
        says, whose mode counts for nothing otherwise.
    extension: how a clip lasts; None = as the engine has it, or held.
    animation: let the face in it speak; None = extend only. Its points are in pixels of the picture
        as it is, before it is fitted.
    whole: show all of a clip that is longer than the sound.
    strict: refuse what can only be read with losses, rather than note them.
    """

    picture: str | os.PathLike[str] | Picture | FrameSource
    sound: str | os.PathLike[str] | Sound | None
    frames: int | None = None
    seconds: Any = None
    fps: Any = None
    grid: Grid = GRIDS["any"]
    fit: Fit = AS_IT_IS
    framing: str = ""
    extension: Extension | None = None
    animation: Animation | None = None
    edit: SoundEdit = field(default_factory=SoundEdit)
    whole: bool = False
    strict: bool = False


@dataclass(frozen=True)
class Prepared:
    """A job that is ready to be rendered: frames not yet drawn, and the sound that goes with them.

    face: that is moved, in the first frame that shows it; of several the first.
    speeches: what was heard of the voice of each who speaks.
    forecast: what drawing will take; both are None where nothing is animated.
    notes: what was done in another way than was asked for.
    stores: where finished frames are kept until all are written, of each who speaks.
    """

    frames: FrameSource
    sound: Sound | None
    timeline: Timeline
    face: Face | None = None
    speeches: tuple[Speech, ...] = ()
    forecast: Forecast | None = None
    notes: tuple[str, ...] = ()
    stores: tuple[Store, ...] = ()

    @property
    def speech(self) -> Speech | None:
        """What was heard of the first who speaks."""
        return self.speeches[0] if self.speeches else None

    @property
    def kept(self) -> int:
        """Frames from the first on that are kept, of all who speak."""
        return min((store.ready() for store in self.stores), default=0)

    @property
    def reason(self) -> str:
        """Why this engine; empty where it was asked for."""
        return "" if self.forecast is None else self.forecast.reason

    def close(self) -> None:
        """Let go of open files. Reading afterwards opens them again."""
        self.frames.close()

    def __enter__(self) -> Prepared:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def prepare(
    job: Job,
    *,
    machine: Machine | None = None,
    place: Path | None = None,
    spool: Spool | None = None,
    watcher: Watcher = NOBODY,
    trial: bool = True,
) -> Prepared:
    """Open what a job names and decide how it is done; nothing is written. Raises ImgSyncError.

    machine: what there is to work with; None = look.
    place: file or folder on the disk that will have to hold the result, so that no face is
        animated in vain; None = not known.
    spool: where finished frames of a costly engine are kept, so that the same job goes on from
        there after an interruption; None = nowhere.
    watcher: can cancel, and sees a few frames that are drawn to learn how fast that goes.
    trial: draw those. Without, nothing is drawn before rendering, and a forecast may lack its time.
    """
    source = open_source(job.picture, job.fps, strict=job.strict)
    try:
        job, sound = _with_sound(job)
        timeline = timeline_for(sound, source.fps, job.frames, job.seconds, job.grid)
        if job.whole and source.n_frames > timeline.n_frames:
            timeline = replace(timeline, n_frames=source.n_frames)
        if job.framing:
            job = replace(job, fit=_framed(source, job, watcher))
        if job.animation is None:
            return Prepared(_extended(source, job, timeline.n_frames), sound, timeline)
        if sound is None:
            raise InputError("A face cannot speak without a sound. Give one, or use extend.")
        stage = Stage(sound, timeline, job.extension, machine, place, spool, watcher, trial)
        how = _through(job.animation, job.fit, source.size)
        made = animated(_fitted(source, job.fit), how, stage)
        return Prepared(
            made.frames, sound, timeline, made.face, made.speeches, made.forecast, made.notes,
            made.stores,
        )  # fmt: skip
    except BaseException:
        source.close()
        raise


def render(
    prepared: Prepared,
    target: str | os.PathLike[str],
    encoding: Encoding | None = None,
    *,
    background: RGB = (0, 0, 0),
    metadata: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    watcher: Watcher = NOBODY,
) -> Report:
    """Write the video of a job. Raises ImgSyncError; nothing is left behind then.

    encoding: None = the preset that belongs to the target's name.
    """
    with Muxer(
        target,
        encoding or preset_for(Path(target)),
        prepared.timeline,
        prepared.frames.size,
        channels=prepared.frames.channels,
        sound=prepared.sound,
        background=background,
        metadata=dict(metadata or {}),
        overwrite=overwrite,
        notes=prepared.notes,
        watcher=watcher,
    ) as out:
        out.write_source(prepared.frames)
    prepared.frames.finish()
    return out.report


def _with_sound(job: Job) -> tuple[Job, Sound | None]:
    """The sound that is heard, and the job with the voices of its speakers edited like it."""
    sound = _sound(job)
    if job.animation is None:
        return job, sound and job.edit.apply(sound)
    speakers = with_voices(job.animation.speakers, strict=job.strict)
    voices = [speaker.voice for speaker in speakers if isinstance(speaker.voice, Sound)]
    if sound is None and voices:
        sound = mixed(voices)
    if sound is not None and voices:
        quiet, whole = replace(job.edit, loudness=None), sound.duration
        same = [to_length(v, max(v.n_samples, math.ceil(whole * v.rate))) for v in voices]
        edited = [quiet.apply(voice) for voice in same]
        speakers = tuple(replace(s, voice=v) for s, v in zip(speakers, edited, strict=True))
    how = replace(job.animation, speakers=speakers)
    return replace(job, animation=how), sound and job.edit.apply(sound)


def _sound(job: Job) -> Sound | None:
    """The sound; where one file is both, it starts as much after the picture as it does there."""
    if job.sound is None or isinstance(job.sound, Sound):
        return job.sound
    opened = own_sound if _is_same_file(job.picture, job.sound) else FileSound
    return opened(job.sound, strict=job.strict)


def _through(how: Animation, fit: Fit, size: tuple[int, int]) -> Animation:
    """The same with all that is said of faces, in pixels of the picture, after it is fitted."""
    if fit.is_identity:
        return how
    way = fit.mapping(*size)
    speakers = [replace(s, who=s.who and s.who.through(way)) for s in how.speakers]
    return replace(how, who=how.who and how.who.through(way), speakers=tuple(speakers))


def _is_same_file(picture: Any, sound: str | os.PathLike[str]) -> bool:
    named = isinstance(picture, (str, os.PathLike))
    return named and os.path.realpath(picture) == os.path.realpath(sound)


def timeline_for(
    sound: Sound | None, fps: Fraction, frames: int | None, seconds: Any, grid: Grid
) -> Timeline:
    """The sound decides; a number of frames or seconds replaces it or asks for more.

    Raises InputError when nothing says how long, or when the number is shorter than the sound.
    """
    wanted = 0
    if frames is not None:
        if frames < 1:
            raise TimeError(f"{frames} frames were asked for; at least 1 is needed.")
        wanted = frames
    elif seconds is not None:
        wanted = Timeline.of_seconds(seconds, fps).n_frames
    elif sound is None:
        raise InputError("Give a sound, or a number of frames or seconds.")
    if sound is None:
        return Timeline.of_frames(grid.round_up(wanted), fps)
    timeline = Timeline.of_sound(sound.n_samples, sound.rate, fps, grid)
    if not wanted:
        return timeline
    if wanted < Timeline.of_sound(sound.n_samples, sound.rate, fps).n_frames:
        raise InputError(
            f"{wanted} frames are shorter than the sound, which needs {timeline.n_frames}. "
            "Ask for more, or trim the sound."
        )
    return Timeline.of_frames(grid.round_up(wanted), fps, sound.rate, sound.n_samples)


# -- extend --


def _extended(source: FrameSource, job: Job, n_frames: int) -> FrameSource:
    size = job.fit.size(*source.size)
    fit, extension = job.fit, job.extension or HOLD
    if extension.mode == "pan-zoom":
        fit = _detailed(fit, source.size, size)
    return extend(_fitted(source, fit), n_frames, extension, size)


def _framed(source: FrameSource, job: Job, watcher: Watcher) -> Fit:
    """The fit with a view that has the face in it. Raises FaceError where a portrait lacks one."""
    from .face.view import fit_to_face
    from .face.wanted import WantedFace

    cast = job.animation.cast if job.animation else ()
    if len(cast) > 1:
        if job.framing == "face":
            raise InputError(f"{len(cast)} faces speak: a portrait shows only one. Use fit auto.")
        return fit_to_face(job.fit, job.framing, None, source.size)
    who = (cast[0].who if cast else None) or WantedFace()
    try:
        face = who.first_seen(source, watcher.check)[1]
    except FaceError:
        if job.framing == "face" or who.is_certain:
            raise
        face = None
    return fit_to_face(job.fit, job.framing, face, source.size)


def _fitted(source: FrameSource, fit: Fit) -> FrameSource:
    return source if fit.is_identity else Fitted(source, fit)


def _detailed(fit: Fit, native: tuple[int, int], size: tuple[int, int]) -> Fit:
    """The same fit at up to twice the size, so that a zoom has detail to go into."""
    scale = min(2.0, native[0] / size[0], native[1] / size[1])
    if scale <= 1:
        return fit
    w, h = round(size[0] * scale), round(size[1] * scale)
    mode = "stretch" if fit.mode == "stretch" else "pad" if fit.mode == "pad" else "crop"
    return Fit(mode, w, h, 1, fit.background)
