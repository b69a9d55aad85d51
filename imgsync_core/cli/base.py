"""What commands have in common: words of a job, progress, and showing what came out."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EncodingError, ImgSyncError, InputError, OutputError
from ..timeline import frames_in_words
from ..watcher import Watcher
from .journal import note
from .progress import Progress
from .tasks import Task, tasks

if TYPE_CHECKING:
    from ..animation import Animation
    from ..engines.base import EngineSpec
    from ..job import Job, Prepared
    from ..media.muxer import Report
    from ..media.picture import RGB
    from ..spool.jobs import Spool

_MODES = ("hold", "loop", "ping-pong", "mirrored", "pan-zoom")
_MOVES = ("zoom in", "zoom out", "pan left", "pan right", "pan up", "pan down", "drift")
_FITS = ("keep", "crop", "pad", "stretch")
_FRAMINGS = ("face", "auto")
_PRESETS = (
    "mp4-h264", "mp4-h265", "mp4-av1", "webm-vp9", "mov-prores4444", "mkv-ffv1", "gif", "webp",
)  # fmt: skip

_MMAP_THRESHOLD = -3  # mallopt(3)


def add_job(p: argparse.ArgumentParser) -> None:
    """What extend and animate have in common: sources, target, time, motion, size, sound."""
    p.add_argument(
        "files",
        metavar="PICTURE [AUDIO]",
        nargs="+",
        help="a picture or a video clip, and a sound or a video with sound; or several of one of "
        "them, or as many of both",
    )
    p.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="the file to write; {picture}, {sound} and {n} stand for names and a number (named "
        "after the picture)",
    )
    add_file(p)
    p.add_argument("--dry-run", action="store_true", help="say what it takes, and write nothing")
    p.add_argument("--fps", help="frames per second, such as 25, 29.97 or 30000/1001")
    p.add_argument("--frames", type=int, help="number of frames, with or instead of AUDIO")
    p.add_argument("--seconds", help="duration, with or instead of AUDIO")
    p.add_argument("--grid", default="any", help="round frames up to 16k, 4k+1, 8n+1 or 17k+5")
    move = p.add_argument_group("motion")
    move.add_argument(
        "--mode", choices=_MODES, help="how it lasts (hold; there and back where lips are drawn)"
    )
    move.add_argument("--crossfade", type=int, default=0, metavar="N", help="loop: frames to blend")
    move.add_argument("--move", choices=_MOVES, default="zoom in", help="pan-zoom: which way")
    move.add_argument("--from", dest="start_rect", metavar="X,Y,W,H", help="pan-zoom: first view")
    move.add_argument("--to", dest="end_rect", metavar="X,Y,W,H", help="pan-zoom: last view")
    move.add_argument("--linear", action="store_true", help="pan-zoom: no slow start and end")
    p.add_argument(
        "--strict", action="store_true", help="refuse damaged files instead of noting what is lost"
    )
    size = p.add_argument_group("size")
    size.add_argument("--size", metavar="WxH", help="such as 1080x1920; 1080x0 keeps the shape")
    size.add_argument(
        "--fit",
        choices=(*_FITS, *_FRAMINGS),
        default="keep",
        help="how the size is reached; face: a portrait of the face; auto: crop, but keep the "
        "face in it (keep)",
    )
    size.add_argument("--multiple-of", type=int, default=1, metavar="N", help="of both sides")
    size.add_argument("--background", default="black", help="a colour, or blur (with --fit pad)")
    sound = p.add_argument_group("sound")
    sound.add_argument("--start", default="0", metavar="S", help="skip this many seconds")
    sound.add_argument("--duration", default="0", metavar="S", help="use this many seconds")
    sound.add_argument("--pad-start", default="0", metavar="S", help="silence before")
    sound.add_argument("--pad-end", default="0", metavar="S", help="silence after")
    sound.add_argument("--loudness", type=float, metavar="LUFS", help="normalise, such as -16")


def add_file(p: argparse.ArgumentParser) -> None:
    """How the file is written, and what is printed."""
    p.add_argument("--preset", choices=_PRESETS, help="how to encode (by the name of OUT)")
    p.add_argument("--crf", type=int, help="quality, lower is better (mp4-h264: 18)")
    p.add_argument("--audio-bitrate", type=int, metavar="KBPS", help="of the sound (192)")
    p.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    p.add_argument("--quiet", action="store_true", help="show no progress")
    p.add_argument("--print", choices=("path",), help="print nothing but where the file is")
    p.add_argument("--log", metavar="FILE", help="append what happens to this file")
    add_json(p)


def add_spool(p: argparse.ArgumentParser) -> None:
    """Where finished frames of costly engines are kept."""
    group = p.add_argument_group("going on after an interruption (engines with weights)")
    group.add_argument(
        "--spool",
        metavar="DIR",
        default="",
        help="where finished frames are kept until the video is (imgsync/jobs in your cache "
        "folder); the same command goes on from there, see imgsync jobs",
    )
    group.add_argument("--no-spool", action="store_true", help="keep nothing")
    group.add_argument(
        "--spool-limit", metavar="GB", type=float, default=20.0, help="what all may take (20)"
    )


def add_json(p: argparse.ArgumentParser) -> None:
    """Let a command print its result as JSON."""
    p.add_argument("--json", action="store_true", help="print the result as JSON")


def job_of(args: argparse.Namespace, task: Task, animation: Animation | None) -> Job:
    """The words of extend and animate as a job."""
    from ..job import Job, SoundEdit
    from ..media.extend import Extension
    from ..media.fit import BLUR, Fit
    from ..media.motion import MOVES, parse_rect
    from ..media.picture import parse_color
    from ..timeline import parse_grid

    start, end = MOVES[args.move]
    background = BLUR if args.background == BLUR else parse_color(args.background)
    width, height = _size(args.size)
    return Job(
        picture=task.picture,
        sound=task.sound,
        frames=args.frames,
        seconds=args.seconds and _seconds("--seconds", args.seconds),
        fps=args.fps,
        grid=parse_grid(args.grid),
        fit=Fit(
            "keep" if args.fit in _FRAMINGS else args.fit,
            width,
            height,
            args.multiple_of,
            background,
        ),
        framing=args.fit if args.fit in _FRAMINGS else "",
        extension=args.mode
        and Extension(
            args.mode,
            args.crossfade,
            start if args.start_rect is None else parse_rect(args.start_rect),
            end if args.end_rect is None else parse_rect(args.end_rect),
            not args.linear,
        ),
        edit=SoundEdit(
            _seconds("--start", args.start),
            _seconds("--duration", args.duration),
            args.loudness,
            _seconds("--pad-start", args.pad_start),
            _seconds("--pad-end", args.pad_end),
        ),
        strict=args.strict,
        animation=animation,
    )


def run_jobs(args: argparse.Namespace, verb: str, animation: Animation | None = None) -> int:
    """All videos that the files make; where one of several is refused, the others are made."""
    from ..media.encoding import preset

    ending = preset(args.preset).extension if args.preset else ".mp4"
    todo, refused = tasks(args.files, args.output, verb, ending), 0
    for task in todo:
        try:
            _refuse_own_source(task, getattr(args, "voice", ()))
            run_job(job_of(args, task, animation), task.target, args)
        except ImgSyncError as e:
            if len(todo) == 1:
                raise
            refused += 1
            note(args, f"{task.target}: {e}")
            print(f"imgsync: {task.target}: {e}", file=sys.stderr)
    return 1 if refused else 0


def _refuse_own_source(task: Task, voices: Iterable[str]) -> None:
    for source in (task.picture, task.sound, *voices):
        # unlike Path.exists these answer for names that no disk takes
        if source is None or not (os.path.exists(task.target) and os.path.exists(source)):
            continue
        if os.path.samefile(task.target, source):
            raise OutputError(
                f"{task.target} is what the video is made of. Choose another name for the result."
            )


def run_job(job: Job, target: Path, args: argparse.Namespace) -> None:
    """Render with progress, and show what came out."""
    from ..job import prepare, render
    from ..media.encoding import preset_for
    from ..media.target import check_target

    began = time.perf_counter()
    encoding = preset_for(target, args.preset).tuned(args.crf, args.audio_bitrate)
    check_target(target, args.overwrite)
    spool = spool_of(args, _about(job, target, args))
    planned = getattr(args, "dry_run", False)
    silent = args.quiet or args.json or bool(args.print)
    forecast_is_read = planned or args.json or bool(args.log) or not silent
    with prepare(job, place=target, spool=spool, trial=forecast_is_read) as prepared:
        if planned:
            return _show_plan(prepared, target, args)
        _tell(prepared, args)
        with _telling_what_is_kept(prepared, args), Progress(silent) as progress:
            report = render(
                prepared,
                target,
                encoding,
                background=background_of(args),
                overwrite=args.overwrite,
                watcher=Watcher(progress=progress.step),
            )
        _show(report, prepared, time.perf_counter() - began, args)


def _about(job: Job, target: Path, args: argparse.Namespace) -> dict[str, Any]:
    """What resumes this one video."""
    return {
        "picture": os.path.abspath(str(job.picture)),
        "audio": job.sound and os.path.abspath(str(job.sound)),
        "output": os.path.abspath(target),
        "words": args.words,
        "folder": os.getcwd(),
    }


def spool_of(args: argparse.Namespace, about: Mapping[str, Any]) -> Spool | None:
    """Where frames of a costly engine are kept, with what a list of jobs shows of this one."""
    from ..spool.jobs import Spool, default_folder

    if getattr(args, "spool", None) is None or args.no_spool or args.dry_run:
        return None
    folder = Path(args.spool) if args.spool else default_folder()
    return Spool(folder, round(args.spool_limit * 1e9), about)


@contextlib.contextmanager
def _telling_what_is_kept(prepared: Prepared, args: argparse.Namespace) -> Iterator[None]:
    """Where a run ends early, say what of it is not lost."""
    try:
        yield
    except BaseException:
        kept = prepared.kept
        if kept and not args.quiet:
            frames = frames_in_words(prepared.timeline.n_frames)
            how = "the same command goes on from there; see imgsync jobs"
            print(f"imgsync: {kept} of {frames} are kept: {how}", file=sys.stderr)
        raise


def _show_plan(prepared: Prepared, target: Path, args: argparse.Namespace) -> None:
    """What would be made, and what it would take."""
    time = prepared.timeline
    (w, h), n, seconds = prepared.frames.size, time.n_frames, float(time.duration)
    if args.json:
        plan = {"path": str(target), "width": w, "height": h, "frames": n, "seconds": seconds}
        if prepared.forecast is not None:
            plan["forecast"] = prepared.forecast.as_dict()
        print(json.dumps({**plan, "fps": str(time.fps), "notes": list(prepared.notes)}))
        return
    size, count = f"{w}x{h}", frames_in_words(n)
    print(f"{target}: {count} of {size} at {time.fps} fps, {seconds:.3f} s; nothing is written")
    if prepared.forecast is not None:
        print(prepared.forecast.sentence())
    for sentence in prepared.notes:
        print(f"note: {sentence}")


def _tell(prepared: Prepared, args: argparse.Namespace) -> None:
    if prepared.forecast is None:
        return
    note(args, prepared.forecast.sentence())
    if args.quiet or args.json or args.print:
        return
    for line in (prepared.forecast.sentence(), *(f"note: {n}" for n in prepared.notes)):
        print(line, file=sys.stderr)


def background_of(args: argparse.Namespace) -> RGB:
    """The colour under what is transparent. Raises InputError."""
    from ..media.fit import BLUR
    from ..media.picture import parse_color

    given = getattr(args, "background", BLUR)
    return (0, 0, 0) if given == BLUR else parse_color(given)


def settle(spec: EngineSpec) -> None:
    """Threads and memory as the engine runs best with them; the process is ours alone."""
    import torch

    if spec.threads:
        torch.set_num_threads(spec.threads)
    if spec.streams:
        _give_memory_back()


def _give_memory_back() -> None:
    """Let large blocks go back to the system when they are freed.

    glibc learns to keep ever larger ones, and a long video of windows then seems to leak. Small
    blocks are not touched; networks do not notice the price.
    """
    import ctypes

    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library has no such
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 1 << 16)


def _show(report: Report, prepared: Prepared, seconds: float, args: argparse.Namespace) -> None:
    result = report.info.as_dict()
    if args.json:
        if prepared.forecast is not None:
            result["forecast"] = prepared.forecast.as_dict()
        result |= {"path": str(report.path), "notes": report.notes, "seconds": round(seconds, 3)}
        print(json.dumps(result, indent=1))
        return
    lines = [f"wrote {report.path} in {seconds:.1f} s", *described(result)[1:]]
    lines += [f"note: {sentence}" for sentence in report.notes]
    note(args, *lines)
    print(report.path if args.print else "\n".join(lines))


def described(info: dict[str, Any]) -> list[str]:
    """What a probe says of a file, as lines for people."""
    lines = [
        f"{info['name']}: {info['container']}, {info['duration']:.3f} s, {info['bytes']:,} bytes"
    ]
    picture, sound = info["picture"], info["sound"]
    if picture:
        lines.append(
            f"picture: {picture['codec']} {picture['width']}x{picture['height']} "
            f"{picture['pixels']}, {frames_in_words(picture['frames'])} at {picture['fps']} fps, "
            f"{picture['duration']:.3f} s"
        )
    if sound:
        lines.append(
            f"sound: {sound['codec']} {sound['rate']} Hz {sound['layout']}, "
            f"{sound['duration']:.3f} s"
        )
    if picture and sound:
        verdict = "end together" if info["agrees"] else "do NOT end together"
        lines.append(f"picture and sound {verdict}: {info['difference_ms']:.2f} ms apart")
    return lines


# -- words into values --


def _size(text: str | None) -> tuple[int, int]:
    if text is None:
        return 0, 0
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise EncodingError(f"Size {text!r} is not WIDTHxHEIGHT. Use for example 1080x1920.")
    return int(width), int(height)


def _seconds(option: str, text: str) -> Any:
    from ..timeline import exactly

    try:
        return exactly(text)
    except ValueError:
        raise InputError(f"{option} {text!r} is not a number of seconds.") from None
