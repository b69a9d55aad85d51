"""Opening media files: each way in which that fails has its own sentence."""

import io
import os
from pathlib import Path

import pytest

from imgsync_core.errors import ImgSyncError, SoundError, VideoError
from imgsync_core.media.opening import name_of, open_media, reason


@pytest.fixture(scope="module")
def clip(ffmpeg, media) -> Path:
    path = media / "opening.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=32x32:d=0.2", "-c:v", "ffv1", path)
    return path


@pytest.mark.parametrize("error", [VideoError, SoundError])
@pytest.mark.parametrize(
    ("make", "sentence", "unknown"),
    [
        (lambda p: p.mkdir(), r"is a folder\. Name a file in it\.", False),
        (lambda p: None, r"there is no such file\. Check the name\.", False),
        (lambda p: p.write_bytes(b""), r"is empty\. Copy or export it again\.", False),
        (lambda p: p.write_text("text " * 300), r"is not a thing that can be read \(", True),
        (lambda p: p.write_bytes(b"\0" * 3000), r"is not a thing that can be read \(", True),
    ],
    ids=["folder", "missing", "empty", "text", "zeros"],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.wav", "a b ü"])
def test_each_failure_has_its_sentence(tmp_path, make, sentence, unknown, error, name):
    path = tmp_path / name
    make(path)
    for file in (path, str(path)):
        with pytest.raises(error, match=sentence) as caught:
            open_media(file, error, "a thing")
        assert name in str(caught.value) and caught.value.unknown == unknown
        assert isinstance(caught.value, ImgSyncError)


def test_data_in_memory(clip):
    with open_media(io.BytesIO(clip.read_bytes()), VideoError, "a video") as container:
        assert container.streams.video[0].width == 32
    data = io.BytesIO(clip.read_bytes())
    data.read()  # wherever it stands
    with open_media(data, VideoError, "a video") as container:
        assert len(container.streams.video) == 1
    with pytest.raises(VideoError, match="the data in memory is not a video") as caught:
        open_media(io.BytesIO(b"nothing of the kind"), VideoError, "a video")
    assert caught.value.unknown


@pytest.mark.parametrize("name", ["12:30.mkv", "note:1.mkv", "a%03d.mkv", "http:a.mkv", " -i.mkv"])
def test_relative_names_that_look_like_something_else(tmp_path, monkeypatch, clip, name):
    if os.name == "nt":
        pytest.skip("Windows allows no colon in names")
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(clip.read_bytes())
    with open_media(name, VideoError, "a video") as container:
        assert container.streams.video[0].width == 32


def test_an_address_is_not_a_file():
    """Files of this machine only: nothing goes out over a network."""
    for address in ("http://127.0.0.1:9/a.mp4", "tcp://127.0.0.1:9", "concat:a|b", "data:,x"):
        with pytest.raises(VideoError, match="there is no such file"):
            open_media(address, VideoError, "a video")


def test_names_and_reasons():
    assert name_of("/some/where/a.mp4") == name_of(Path("/some/where/a.mp4")) == "a.mp4"
    assert name_of(io.BytesIO()) == "the data in memory"
    assert reason(OSError(28, "No space left on device", "/a/b")) == "No space left on device"
    assert reason(ValueError("odd")) == "odd"
