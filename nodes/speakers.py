"""Who speaks in AudioDrivenAnimate: the faces and voices of its inputs that grow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from comfy_api.v0_0_2 import io

from ..imgsync_core.errors import FaceError
from ..imgsync_core.face.landmarks import from_landmarks
from ..imgsync_core.face.wanted import WantedFace, parse_which
from ..imgsync_core.speakers import Speaker
from .sockets import FaceSocket, NoFace, face_of, sound_of

MOST = 8  # who speak


def speaker_inputs() -> list[Any]:
    """Sockets for more faces, and for the voice of each; one more appears when the last is used."""
    more_faces = io.Autogrow.TemplatePrefix(
        FaceSocket.Input("face", tooltip="One more face that speaks."), prefix="face", min=0,
        max=MOST,
    )  # fmt: skip
    voices = io.Autogrow.TemplatePrefix(
        io.Audio.Input("voice", tooltip="The voice of one face; silence in it rests the mouth."),
        prefix="voice", min=0, max=MOST,
    )  # fmt: skip
    return [
        io.Autogrow.Input(
            "faces", template=more_faces, optional=True,
            tooltip="More faces that speak, after the one in face. Without any the numbers in "
            "which_face count, or the largest faces from the left.",
        ),
        io.Autogrow.Input(
            "voices", template=voices, optional=True,
            tooltip="What moves each face, where that is not what is heard; all from the same "
            "moment on. Without any the channels of audio are the voices of several faces.",
        ),
    ]  # fmt: skip


def grown(values: dict[str, Any] | None) -> list[Any]:
    """What is linked to an input that grows, in order; sockets that are left out do not count."""
    ordered = sorted((values or {}).items(), key=lambda item: int(re.sub(r"\D", "", item[0])))
    return [value for _, value in ordered if value is not None]


def cast_of(
    which: str, linked: Sequence[Any], voices: Sequence[Any], landmarks: Any, size: tuple[int, int]
) -> tuple[tuple[Speaker, ...], tuple[str, ...]]:
    """The widget values as the library's own words, and what of them is not used.

    linked: faces.   size: of the frames.
    """
    found = None if landmarks is None else from_landmarks(landmarks, size)
    if found is not None:  # points win over landmarks, and these over what was found
        linked = [face for face in linked if getattr(face, "source", "") == "points"]
    faces = [face_of(face, size) for face in linked]
    said = [text for text in which.split(";") if text.strip()]
    n = max(len(faces) or len(said), len(voices), 1)
    sounds = [*map(sound_of, voices), *[None] * (n - len(voices))]
    if len(faces) == n == 1 and isinstance(faces[0], NoFace):
        return (Speaker(WantedFace(faceless=faces[0].why), sounds[0]),), ()
    people = _people(faces, [] if faces else said, n)
    if found is not None:
        people = [replace(who, landmarks=found) for who in people]
    unused = f"which_face {which.strip()} is not used: the face that is linked is moved"
    speakers = tuple(Speaker(who, voice) for who, voice in zip(people, sounds, strict=True))
    return speakers, (unused,) if faces and said else ()


def _people(faces: Sequence[Any], said: Sequence[str], n: int) -> list[WantedFace]:
    """So many faces, by link, by word or, where nothing says which, from the left."""
    given = faces or said
    if given and len(given) != n:
        raise FaceError(
            f"{n} voices are linked, and {len(given)} of their faces said. Say all in which_face, "
            "such as 0; 1, or link as many faces."
        )
    for face in faces:
        if isinstance(face, NoFace):
            raise FaceError(face.why)
    if faces:
        return [WantedFace(face=face) for face in faces]
    if not said:
        return [WantedFace(from_left=(i, n)) if n > 1 else WantedFace() for i in range(n)]
    return [WantedFace(index=i, point=at) for i, at in map(parse_which, said)]
