"""Everything ImgSync refuses, as sentences that say what, where and what to do next.

::

    ImgSyncError                a problem the user can act on; the CLI prints it and exits 1
     +-- InputError             something that was handed in
     |    +-- PictureError      a picture that cannot be used
     |    +-- SoundError        a sound that cannot be used
     |    +-- VideoError        a video that cannot be used
     |    +-- FaceError         no face, the wrong face, or points that make no face
     |    +-- TimeError         a frame rate, duration or frame count that makes no sense
     |    +-- WeightsError      a weights file that is missing, damaged, or another's
     +-- OutputError            the file to write: its place, its disk, its encoder
     |    +-- EncodingError     a preset or option the encoder or the container cannot do
     +-- FetchError             a published file that cannot be fetched
     +-- EngineError            an engine whose numbers go wrong
     +-- MemoryLimitError       what was asked for does not fit in memory
"""


class ImgSyncError(Exception):
    """Base of all errors with a sentence for the user.

    Programs that show an error's module show the product's name, not where the file lies.
    """

    __module__ = "imgsync"

    def __init_subclass__(cls) -> None:
        cls.__module__ = ImgSyncError.__module__


class InputError(ImgSyncError):
    """Something that was handed in cannot be used.

    unknown: the file is of no kind that could be read, so another reader may be tried.
    absent: the file is fine, but has no track of the kind that was looked for.
    """

    def __init__(self, message: str, *, unknown: bool = False, absent: bool = False) -> None:
        super().__init__(message)
        self.unknown, self.absent = unknown, absent


class PictureError(InputError):
    """A picture that cannot be used."""


class SoundError(InputError):
    """A sound that cannot be used."""


class VideoError(InputError):
    """A video that cannot be used."""


class FaceError(InputError):
    """No face was found, the one asked for is not there, or points that make no face."""


class TimeError(InputError):
    """A frame rate, a duration or a frame count that makes no sense."""


class WeightsError(InputError):
    """A weights file is missing, damaged, or belongs to another network."""


class OutputError(ImgSyncError):
    """The output cannot be written where or how it was asked for."""


class EncodingError(OutputError):
    """A preset or an option that the encoder or the container cannot do."""


class FetchError(ImgSyncError):
    """A published file cannot be fetched: no network, another file than announced, a full disk."""


class EngineError(ImgSyncError):
    """An engine cannot go on: its numbers went wrong."""


class MemoryLimitError(ImgSyncError):
    """What was asked for does not fit in memory."""
