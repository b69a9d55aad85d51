"""A job in, a file out: file -> portrait and speech -> timeline -> chunks of frames -> muxer."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError, PictureError, TimeError, VideoError
from .media.encoding import Encoding
from .media.extend import HOLD, Extension, extend
from .media.file_sound import FileSound
from .media.fit import AS_IT_IS, Fit
from .media.frames import Fitted, FrameSource, StillFrames
from .media.loudness import normalise
from .media.muxer import Muxer, Progress, Report, check_target
from .media.picture import RGB, Picture, load_picture
from .media.sound import Sound, pad, trim
from .media.video import VideoFrames
from .timeline import GRIDS, Grid, Timeline, parse_fps

if TYPE_CHECKING:
    from .animation import Animation
    from .preflight import Forecast

DEFAULT_FPS = Fraction(25)


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
    """Extend ``picture`` to the length of ``sound`` (or of ``frames`` or ``seconds``).

    picture: a picture or video file.   fps: None = the video's own, 25 for a picture.
    extension: how a clip lasts; None = it is held, or as the engine has it.
    animation: let the face in it speak; None = extend only.
    """

    picture: str | os.PathLike[str] | Picture
    sound: str | os.PathLike[str] | Sound | None
    encoding: Encoding
    frames: int | None = None
    seconds: Any = None
    fps: Any = None
    grid: Grid = GRIDS["any"]
    fit: Fit = AS_IT_IS
    extension: Extension | None = None
    animation: Animation | None = None
    edit: SoundEdit = field(default_factory=SoundEdit)
    background: RGB = (0, 0, 0)
    metadata: dict[str, Any] = field(default_factory=dict)


def render(
    job: Job,
    target: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    on_forecast: Callable[[Forecast], None] | None = None,
    on_progress: Progress | None = None,
    check: Callable[[], None] | None = None,
) -> Report:
    """Write the video of a job. Raises ImgSyncError; nothing is left behind then.

    on_forecast(forecast) is told, before a face is animated, by what and what that will take.
    """
    check_target(Path(target), overwrite)
    sound = _sound(job)
    source = open_source(job.picture, job.fps)
    try:
        timeline = timeline_for(sound, source.fps, job.frames, job.seconds, job.grid)
        frames = _frames(source, job, sound, timeline, on_forecast, check)
        with Muxer(
            target,
            job.encoding,
            timeline,
            frames.size,
            channels=frames.channels,
            sound=sound,
            background=job.background,
            metadata=job.metadata,
            overwrite=overwrite,
            on_progress=on_progress,
            check=check,
        ) as out:
            out.write_source(frames)
    finally:
        source.close()
    return out.report


def open_source(file: str | os.PathLike[str] | Picture, fps: Any = None) -> FrameSource:
    """A picture or a video as frames. Raises PictureError or VideoError."""
    if isinstance(file, Picture):
        return StillFrames(file, DEFAULT_FPS if fps is None else parse_fps(fps))
    try:
        return open_source(load_picture(file), fps)
    except PictureError as not_a_picture:
        if not not_a_picture.unknown:
            raise
        try:
            return VideoFrames(file, fps=fps)
        except VideoError as not_a_video:
            if not_a_video.unknown:
                raise PictureError(
                    f"{Path(file).name} is neither a picture nor a video that can be read. "
                    "Use for example PNG, JPEG, WebP or MP4."
                ) from not_a_video
            raise


def _sound(job: Job) -> Sound | None:
    if job.sound is None:
        return None
    sound = job.sound if isinstance(job.sound, Sound) else FileSound(job.sound)
    return job.edit.apply(sound)


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


def _frames(
    source: FrameSource,
    job: Job,
    sound: Sound | None,
    time: Timeline,
    on_forecast: Callable[[Forecast], None] | None,
    check: Callable[[], None] | None,
) -> FrameSource:
    if job.animation is None:
        return _extended(source, job, time.n_frames)
    how = job.animation
    if check is not None:
        how = replace(how, host=replace(how.host, check=check))
    return _speaking(source, job, how, sound, time, on_forecast)


def _speaking(
    source: FrameSource,
    job: Job,
    how: Animation,
    sound: Sound | None,
    time: Timeline,
    on_forecast: Callable[[Forecast], None] | None,
) -> FrameSource:
    from .animation import animated, decided  # torch is not needed without
    from .machine import look
    from .preflight import forecast, glimpses

    machine = look()
    fitted = source if job.fit.is_identity else Fitted(source, job.fit)
    how, reason = decided(fitted, how, time.n_frames, machine)
    chosen = how.made()
    if source.n_frames > 1 and not (job.extension is None and chosen.spec.lengthens):
        fitted = _extended(source, job, time.n_frames)
    drawn = animated(fitted, how, sound, time)
    forecast(chosen, drawn, machine, reason).check(machine)
    if on_forecast is not None:
        if sound is not None and drawn.seconds_a_frame is None:
            deque(glimpses(chosen, drawn, sound), 0)  # so that the time is known
        on_forecast(forecast(chosen, drawn, machine, reason))
    return drawn


def _extended(source: FrameSource, job: Job, n_frames: int) -> FrameSource:
    size = job.fit.size(*source.size)
    fit, extension = job.fit, job.extension or HOLD
    if extension.mode == "pan-zoom":
        fit = _detailed(fit, source.size, size)
    fitted = source if fit.is_identity else Fitted(source, fit)
    return extend(fitted, n_frames, extension, size)


def _detailed(fit: Fit, native: tuple[int, int], size: tuple[int, int]) -> Fit:
    """The same fit at up to twice the size, so that a zoom has detail to go into."""
    scale = min(2.0, native[0] / size[0], native[1] / size[1])
    if scale <= 1:
        return fit
    w, h = round(size[0] * scale), round(size[1] * scale)
    mode = "stretch" if fit.mode == "stretch" else "pad" if fit.mode == "pad" else "crop"
    return Fit(mode, w, h, 1, fit.background)
