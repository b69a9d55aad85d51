"""The ``imgsync`` command. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import __version__, cli_animate, cli_doctor, cli_models
from .cli_console import spoken
from .errors import EncodingError, ImgSyncError, InputError

if TYPE_CHECKING:
    from .media.muxer import Report
    from .preflight import Forecast
    from .render import Job

_MODES = ("hold", "loop", "ping-pong", "pan-zoom")
_MOVES = ("zoom in", "zoom out", "pan left", "pan right", "pan up", "pan down", "drift")
_FITS = ("keep", "crop", "pad", "stretch")
_PRESETS = (
    "mp4-h264", "mp4-h265", "mp4-av1", "webm-vp9", "mov-prores4444", "mkv-ffv1", "gif", "webp",
)  # fmt: skip

_MMAP_THRESHOLD = -3  # mallopt(3)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 = done, 1 = refused or failed (one sentence on stderr), 2 = usage."""
    return spoken(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    args = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return args.run(args) or 0
    except ImgSyncError as e:
        return _fail(args, str(e))
    except KeyboardInterrupt:
        return _fail(args, "Cancelled; nothing was written.")


def _terminate(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _fail(args: argparse.Namespace, sentence: str) -> int:
    if args.json:
        print(json.dumps({"error": sentence}))
    print(f"imgsync: {sentence}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imgsync", description="One picture and one voice become one exact video."
    )
    parser.add_argument("--version", action="version", version=f"imgsync {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    cli_animate.add(commands)
    _add_extend(commands)
    _add_probe(commands)
    _add_demo(commands)
    cli_models.add(commands)
    cli_doctor.add(commands)
    return parser


def _add_extend(commands: Any) -> None:
    p = commands.add_parser(
        "extend",
        help="make a picture or a short clip last as long as a sound",
        description="Make a picture or a short clip last exactly as long as a sound.",
    )
    add_job(p)
    p.set_defaults(run=_extend)


def add_job(p: argparse.ArgumentParser) -> None:
    """What extend and animate have in common: sources, target, time, motion, size, sound."""
    p.add_argument("picture", metavar="PICTURE", help="a picture, or a video clip")
    p.add_argument("sound", metavar="AUDIO", nargs="?", help="a sound, or a video with sound")
    _add_output(p)
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
    size = p.add_argument_group("size")
    size.add_argument("--size", metavar="WxH", help="such as 1080x1920; 1080x0 keeps the shape")
    size.add_argument("--fit", choices=_FITS, default="keep", help="how the size is reached (keep)")
    size.add_argument("--multiple-of", type=int, default=1, metavar="N", help="of both sides")
    size.add_argument("--background", default="black", help="a colour, or blur (with --fit pad)")
    sound = p.add_argument_group("sound")
    sound.add_argument("--start", default="0", metavar="S", help="skip this many seconds")
    sound.add_argument("--duration", default="0", metavar="S", help="use this many seconds")
    sound.add_argument("--pad-start", default="0", metavar="S", help="silence before")
    sound.add_argument("--pad-end", default="0", metavar="S", help="silence after")
    sound.add_argument("--loudness", type=float, metavar="LUFS", help="normalise, such as -16")


def _add_output(p: argparse.ArgumentParser) -> None:
    p.add_argument("-o", "--output", required=True, metavar="OUT", help="the file to write")
    _add_file(p)


def _add_file(p: argparse.ArgumentParser) -> None:
    p.add_argument("--preset", choices=_PRESETS, help="how to encode (by the name of OUT)")
    p.add_argument("--crf", type=int, help="quality, lower is better (mp4-h264: 18)")
    p.add_argument("--audio-bitrate", type=int, metavar="KBPS", help="of the sound (192)")
    p.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    p.add_argument("--quiet", action="store_true", help="show no progress")
    add_json(p)


def add_json(p: argparse.ArgumentParser) -> None:
    """Let a command print its result as JSON."""
    p.add_argument("--json", action="store_true", help="print the result as JSON")


def _add_probe(commands: Any) -> None:
    p = commands.add_parser(
        "probe",
        help="what a file is, and whether its picture and sound agree",
        description="Show what a file is, and whether its picture and sound end together.",
    )
    p.add_argument("file", metavar="FILE")
    add_json(p)
    p.set_defaults(run=_probe)


def _add_demo(commands: Any) -> None:
    p = commands.add_parser(
        "demo",
        help="make a talking video from nothing, to see that all works",
        description="Draw a portrait, synthesise a speech-like sound, and let the one speak with "
        "the other.",
    )
    p.add_argument("output", metavar="OUT.mp4")
    p.add_argument("--seconds", type=float, default=6.0, help="duration (6)")
    _add_file(p)
    p.set_defaults(run=_demo)


# -- commands --


def _extend(args: argparse.Namespace) -> None:
    run_job(job_of(args), args)


def job_of(args: argparse.Namespace) -> Job:
    """The words of extend and animate as a job."""
    from .media.encoding import preset_for
    from .media.extend import Extension
    from .media.fit import BLUR, Fit
    from .media.motion import MOVES, parse_rect
    from .media.picture import parse_color
    from .render import Job, SoundEdit
    from .timeline import parse_grid

    start, end = MOVES[args.move]
    blur = args.background == BLUR
    color = (0, 0, 0) if blur else parse_color(args.background)
    width, height = _size(args.size)
    return Job(
        picture=args.picture,
        sound=args.sound,
        encoding=preset_for(args.output, args.preset).tuned(args.crf, args.audio_bitrate),
        frames=args.frames,
        seconds=args.seconds and _seconds("--seconds", args.seconds),
        fps=args.fps,
        grid=parse_grid(args.grid),
        fit=Fit(args.fit, width, height, args.multiple_of, BLUR if blur else color),
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
        background=color,
    )


def _demo(args: argparse.Namespace) -> None:
    from .animation import Animation
    from .demo import demo_picture, demo_speech
    from .media.encoding import preset_for
    from .media.picture import Picture
    from .media.sound import ArraySound
    from .render import Job

    if not 0 < args.seconds <= 3600:
        raise InputError("--seconds of a demo are above 0 and at most 3600.")
    rate = 44100
    job = Job(
        picture=Picture(demo_picture(768), source="demo"),
        sound=ArraySound(demo_speech(args.seconds, rate), rate),
        animation=Animation(),
        encoding=preset_for(args.output, args.preset).tuned(args.crf, args.audio_bitrate),
    )
    run_job(job, args)


def _probe(args: argparse.Namespace) -> None:
    from .media.probe import probe

    info = probe(args.file)
    if args.json:
        print(json.dumps(info.as_dict(), indent=1))
        return
    print("\n".join(_described(info.as_dict())))


def run_job(job: Job, args: argparse.Namespace) -> None:
    """Render with progress, and show what came out."""
    from .render import render

    began = time.perf_counter()
    expected: dict[str, Any] = {}

    def tell(forecast: Forecast) -> None:
        expected["forecast"] = forecast.as_dict()
        _settle(forecast.engine)  # what auto took is known only now
        if not (args.quiet or args.json):
            print(forecast.sentence(), file=sys.stderr)

    if job.animation is not None:
        _settle(job.animation.engine)
    with _Progress(args.quiet or args.json) as progress:
        report = render(
            job, args.output, overwrite=args.overwrite, on_forecast=tell, on_progress=progress
        )
    _show(report, expected, time.perf_counter() - began, args)


def _settle(name: str) -> None:
    """Threads and memory as the engine runs best with them; the process is ours alone."""
    import torch

    from .engines.registry import AUTO, engine

    if name == AUTO:
        return
    spec = engine(name).spec
    if spec.threads:
        torch.set_num_threads(spec.threads)
    if spec.window > 1:
        _give_memory_back()


def _give_memory_back() -> None:
    """Let large blocks go back to the system when they are freed.

    glibc learns to keep ever larger ones, and a long video of windows then seems to leak. Small
    blocks are not touched; networks do not notice the price.
    """
    import ctypes

    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library has no such
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 1 << 16)


def _show(
    report: Report, expected: dict[str, Any], seconds: float, args: argparse.Namespace
) -> None:
    result = report.info.as_dict()
    if args.json:
        result |= expected
        result |= {"path": str(report.path), "notes": report.notes, "seconds": round(seconds, 3)}
        print(json.dumps(result, indent=1))
        return
    print("\n".join([f"wrote {report.path} in {seconds:.1f} s", *_described(result)[1:]]))
    for note in report.notes:
        print(f"note: {note}")


def _described(info: dict[str, Any]) -> list[str]:
    lines = [
        f"{info['name']}: {info['container']}, {info['duration']:.3f} s, {info['bytes']:,} bytes"
    ]
    picture, sound = info["picture"], info["sound"]
    if picture:
        lines.append(
            f"picture: {picture['codec']} {picture['width']}x{picture['height']} "
            f"{picture['pixels']}, {picture['frames']} frames at {picture['fps']} fps, "
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
    from fractions import Fraction

    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"{option} {text!r} is not a number of seconds.") from None


class _Progress:
    """A bar on a terminal, a line for every tenth elsewhere."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._bar: Any = None
        self._tenth = 0

    def __enter__(self) -> Callable[[float, int], None]:
        return self._step

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def _step(self, done: float, total: int) -> None:
        if self._silent:
            return
        done = int(done)
        if not sys.stderr.isatty():
            if done * 10 // total > self._tenth:
                self._tenth = done * 10 // total
                with contextlib.suppress(BrokenPipeError):  # nobody reads it; the file is wanted
                    print(f"{self._tenth * 10} % ({done} of {total} frames)", file=sys.stderr)
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit=" frames", leave=False)
        self._bar.update(done - self._bar.n)
