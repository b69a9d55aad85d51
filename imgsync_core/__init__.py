"""The ImgSync library: file -> portrait and speech -> timeline -> chunks of frames -> muxer."""

__version__ = "0.1.0"
