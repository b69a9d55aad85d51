"""The commands about faces and voices: animate, faces, curves."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.options import Option
from ..engines.registry import AUTO, NAMES, options_of
from ..errors import InputError
from .base import add_job, add_json, add_spool, run_jobs, settle
from .parser import examples

if TYPE_CHECKING:
    from ..animation import Animation
    from ..engines.base import Host

_STRENGTHS = tuple(o.name for o in options_of("built-in") if o.strength)


def add(commands: Any) -> None:
    """Add the three commands to the parser."""
    _add_animate(commands)
    p = commands.add_parser(
        "faces",
        help="draw what was found of the faces in a picture",
        description="Find the faces in a picture and draw what was found over it.",
        epilog=examples("faces portrait.jpg -o overlay.png"),
    )
    p.add_argument("picture", metavar="PICTURE")
    p.add_argument("-o", "--output", required=True, metavar="OVERLAY.png")
    _add_rest(p)
    p.set_defaults(run=_faces)
    p = commands.add_parser(
        "curves",
        help="write the curves of a voice to a file",
        description="Write what a voice makes a face do, 50 times a second, as .npz or .csv.",
        epilog=examples("curves speech.wav -o curves.csv"),
    )
    p.add_argument("sound", metavar="AUDIO")
    p.add_argument("-o", "--output", required=True, metavar="FILE.npz|.csv")
    p.add_argument("--seed", type=int, default=0, help="of head and blinks (0)")
    _add_rest(p)
    p.set_defaults(run=_curves)


def _add_rest(p: argparse.ArgumentParser) -> None:
    p.add_argument("--overwrite", action="store_true", help="replace the file if it exists")
    add_json(p)


def _add_animate(commands: Any) -> None:
    p = commands.add_parser(
        "animate",
        help="let the face in a picture speak",
        description="Let the face in a picture or a clip speak with the voice in a sound.",
        epilog=examples(
            "animate portrait.jpg speech.wav                  # portrait-talking.mp4",
            "animate portrait.jpg speech.wav -o talk.mp4 --size 720x1280 --fit auto",
            "animate portrait.jpg speech.wav --dry-run        # what would it take?",
            "animate group.jpg speech.wav -o talk.mp4 --face 1 --strength head=0.5",
            "animate two.jpg -o talk.mp4 --face 0 --voice ann.wav --face 1 --voice ben.wav",
            "animate two.jpg stereo.wav -o talk.mp4 --face 0 --face 1   # channels speak",
            "animate portrait.jpg song.mp3 --voice vocals.wav  # vocals drive, the song is heard",
            "animate *.jpg speech.wav -o '{picture}.mp4'      # one video for each picture",
            "animate clip.mp4 speech.wav -o dubbed.mp4 --engine auto",
        ),
    )
    add_job(p)
    face = p.add_argument_group("face")
    face.add_argument(
        "--engine",
        choices=(*NAMES, AUTO),
        default="built-in",
        help="what moves the face; auto: the best that this machine can run (built-in)",
    )
    face.add_argument(
        "--face",
        action="append",
        default=[],
        metavar="INDEX|X,Y",
        help="which of several: its number, 0 is the largest, or a point in it, in pixels of the "
        "picture as it is (the largest); again for each who speaks (several: from the left)",
    )
    face.add_argument(
        "--voice",
        action="append",
        default=[],
        metavar="AUDIO",
        help="what moves the face, where that is not what is heard; again for each who speaks, in "
        "the order of --face (several faces: the channels of the sound). Without a sound that is "
        "heard all voices are, from the same moment on",
    )
    face.add_argument("--mouth", metavar="X,Y,W", help="middle and width of the mouth, likewise")
    face.add_argument("--eyes", metavar="X1,Y1,X2,Y2", help="middle of both eyes, likewise")
    face.add_argument("--seed", type=int, default=0, help="of head and blinks (0)")
    face.add_argument(
        "--strength",
        default="",
        metavar="mouth=1,head=1,…",
        help=f"of {', '.join(_STRENGTHS)}: 0 to 2, 1 is natural",
    )
    face.add_argument(
        "--lively",
        action="store_true",
        help="a still first gets head, blinks and brows of the built-in engine",
    )
    _add_options(p)
    add_spool(p)
    p.set_defaults(run=_animate)


def _declared() -> dict[str, list[tuple[str, Option]]]:
    """The options that have a word here, by name, with the engines that have them."""
    declared: dict[str, list[tuple[str, Option]]] = {}
    for engine in NAMES:
        for option in options_of(engine):
            if option.flag != "-":
                declared.setdefault(option.name, []).append((engine, option))
    return declared


def _add_options(p: argparse.ArgumentParser) -> None:
    """The options that engines declare; each checks its own range and choices later."""
    group = p.add_argument_group("options of engines")
    for name, having in _declared().items():
        _, option = having[0]
        words: dict[str, Any] = {"dest": f"option_{name}", "default": None}
        if option.kind is bool:
            words["action"] = "store_true"
        else:
            words["metavar"] = "|".join(option.choices) or option.kind.__name__.upper()
        group.add_argument(option.word, help="; ".join(_helps(having)), **words)
    group.add_argument("--models", metavar="DIR", help="folder of published models")
    group.add_argument("--device", default="auto", help="such as cuda, cuda:1, mps or cpu (auto)")
    group.add_argument(
        "--dtype",
        choices=("auto", "float32", "float16", "bfloat16"),
        default="auto",
        help="numbers of the networks (auto: float16 where the device is good at it)",
    )


def _helps(having: list[tuple[str, Option]]) -> list[str]:
    """What an option means; said once where it is the same for several engines."""
    meanings: dict[str, list[str]] = {}
    for engine, option in having:
        plain = option.kind is bool or option.default in ("", 0)
        default = "" if plain else f" ({option.default})"
        meanings.setdefault(f"{option.help}{default}", []).append(engine)
    return [f"{text}; {', '.join(engines)}" for text, engines in meanings.items()]


def _animate(args: argparse.Namespace) -> int:
    return run_jobs(args, "talking", replace(animation_of(args), host=host_of(args)))


def animation_of(args: argparse.Namespace) -> Animation:
    """The words of animate as what is asked of an engine, wherever it may run. Raises InputError.

    Needs no torch; see `host_of`.
    """
    from ..face.wanted import WantedFace, parse_which
    from ..job import Animation

    mouth = _numbers("--mouth", args.mouth, 3)
    eyes = _numbers("--eyes", args.eyes, 4)
    n = max(len(args.face), len(args.voice), 1)
    if n > 1 and (mouth or eyes):
        raise InputError("--mouth and --eyes are for one face. Use --face for several.")
    people: list[WantedFace | None] = []
    for text in [*args.face, *[""] * (n - len(args.face))][:n]:
        index, point = parse_which(text)
        who = WantedFace(
            index=index,
            point=point,
            mouth=(mouth[0], mouth[1], mouth[2]) if mouth else None,
            eyes=((eyes[0], eyes[1]), (eyes[2], eyes[3])) if eyes else None,
        )
        people.append(who if n == 1 or who.is_certain else None)
    voices = [*args.voice, *[None] * (n - len(args.voice))]
    return Animation(
        engine=args.engine,
        who=people[0],
        speakers=_speakers(people, voices),
        seed=args.seed,
        options=_options(args),
        lively=_strength(args.strength) if args.lively else None,
    )


def _speakers(people: list[Any], voices: list[str | None]) -> tuple[Any, ...]:
    """All who speak; none where one does with the sound that is heard."""
    from ..speakers import Speaker

    if voices == [None]:
        return ()
    return tuple(Speaker(who, voice) for who, voice in zip(people, voices, strict=True))


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """What was said of the engine's options."""
    said = {
        name.removeprefix("option_"): value
        for name, value in vars(args).items()
        if name.startswith("option_") and value is not None
    }
    own = {option.name for option in options_of(args.engine)}
    for name, having in _declared().items():
        if name in said and name not in own:
            raise InputError(
                f"{having[0][1].word} is not for the engine {args.engine}. "
                "Choose another (--engine)."
            )
    strength = _strength(args.strength)
    moves = args.engine == AUTO or set(strength) <= own
    if strength and not (moves or args.lively):
        raise InputError(
            f"--strength is not for the engine {args.engine}. Choose another (--engine), or "
            "--lively."
        )
    return said | (strength if moves else {})


def host_of(args: argparse.Namespace) -> Host:
    """Where networks run, decided here once."""
    from ..engines.base import Host
    from ..plan.numbers import choose

    device, dtype = choose(args.device, args.dtype)
    models = Path(args.models) if args.models else None
    return Host(device=device, dtype=dtype, models=models, settle=settle)


def _faces(args: argparse.Namespace) -> None:
    import json

    from ..face.doubt import doubt
    from ..face.find import find_faces, pick
    from ..media.overlay import draw_faces
    from ..media.picture import load_picture

    rgb = load_picture(args.picture).over((0, 0, 0))
    faces = find_faces(rgb)
    pick(faces)
    draw_faces(rgb, faces, _target(args))
    if args.json:
        told = [{"notes": [said]} if (said := doubt(face)) else {} for face in faces]
        seen = [json.loads(face.to_json()) | more for face, more in zip(faces, told, strict=True)]
        print(json.dumps({"faces": seen}))
        return
    for i, face in enumerate(faces):
        x, y, w, h = face.box
        print(
            f"face {i}: {w:.0f}x{h:.0f} at ({x:.0f}, {y:.0f}), "
            f"lip line {face.confidence * 100:.0f} % sure"
        )
        if sentence := doubt(face):
            print(f"note: {sentence}")


def _curves(args: argparse.Namespace) -> None:
    import json

    from ..engines.built_in.export import export
    from ..media.file_sound import FileSound

    n = export(FileSound(args.sound), _target(args), args.seed)
    words = {"path": args.output, "values": n, "rate": 50}
    print(json.dumps(words) if args.json else f"wrote {args.output}: {n} values at 50 Hz")


def _target(args: argparse.Namespace) -> Path:
    from ..media.target import check_target

    path = Path(args.output)
    check_target(path, args.overwrite)
    return path


def _numbers(option: str, text: str | None, n: int) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != n:
        raise InputError(f"{option} {text!r} is not {n} numbers with commas between them.")
    return numbers


def _strength(text: str) -> dict[str, float]:
    """``"mouth=1.2,head=0"`` -> how much of each kind of motion."""
    strengths: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if name not in _STRENGTHS or not 0 <= number <= 2:
            raise InputError(
                f"--strength {part!r} is not one of {', '.join(_STRENGTHS)} with a number "
                "from 0 to 2, such as head=0.5."
            )
        strengths[name] = number
    return strengths
