"""Who speaks, and which voice is whose."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .errors import InputError, SoundError
from .media.file_sound import FileSound
from .media.mixing import Channel
from .media.sound import Sound, to_length
from .timeline import round_half_up

if TYPE_CHECKING:
    from .face.wanted import WantedFace


@dataclass(frozen=True)
class Speaker:
    """A face, and the voice that moves it.

    who: None = the largest face or, where n speak, of the n largest the next one from the left.
    voice: a file with sound, or one that is open; None = the sound that is heard or, where several
        speak and none has a voice, the next of its channels.
    """

    who: WantedFace | None = None
    voice: str | os.PathLike[str] | Sound | None = None


def with_voices(speakers: Sequence[Speaker], *, strict: bool = False) -> tuple[Speaker, ...]:
    """The same, with their files opened. Raises InputError where only some have a voice."""
    said = [speaker.voice is not None for speaker in speakers]
    if any(said) and not all(said):
        raise InputError(
            f"Speaker {said.index(False) + 1} has no voice. Give a voice to each who speaks, or to "
            "none: then the channels of the sound are their voices."
        )
    return tuple(
        replace(s, voice=FileSound(s.voice, strict=strict))
        if isinstance(s.voice, (str, os.PathLike))
        else s
        for s in speakers
    )


def voices_of(speakers: Sequence[Speaker], heard: Sound) -> list[Sound]:
    """What moves the face of each of them, as long as what is heard.

    speakers: whose voices are open.   heard: the sound of the video.
    Raises SoundError where its channels are to be their voices and are of another number.
    """
    given = [speaker.voice for speaker in speakers if isinstance(speaker.voice, Sound)]
    if not given and len(speakers) == 1:
        return [heard]
    if not given:
        if heard.channels != len(speakers):
            raise SoundError(
                f"{len(speakers)} faces speak, and {heard.name} has {heard.channels} "
                f"{'channel' if heard.channels == 1 else 'channels'}. Give each a voice of its "
                "own, or a sound with one channel for each."
            )
        given = [Channel(heard, i) for i in range(len(speakers))]
    given = [to_length(voice, round_half_up(heard.duration * voice.rate)) for voice in given]
    if len(given) == 1:
        return given
    from .audio.own_voice import OwnVoice

    return [OwnVoice(given, i) for i in range(len(given))]


def too_long(speakers: Sequence[Speaker], heard: Sound) -> list[str]:
    """A sentence for each voice of which the end is not heard."""
    return [
        f"the voice {s.voice.name} is {float(s.voice.duration - heard.duration):.2f} s longer than "
        "the sound: its end moves nothing"
        for s in speakers
        if isinstance(s.voice, Sound) and s.voice.duration - heard.duration > 0.05
    ]
