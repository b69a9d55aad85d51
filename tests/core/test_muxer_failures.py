"""What is left behind when it goes wrong: nothing, and the file that was there before."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from imgsync_core.errors import EncodingError, ImgSyncError, OutputError, SoundError
from imgsync_core.media.frames import ArrayFrames, FrameSource, Held, Looped
from imgsync_core.media.muxer import Muxer
from imgsync_core.media.sound import ArraySound, Sound
from imgsync_core.timeline import Timeline
from imgsync_core.watcher import Watcher

from .making import FPS, PRESET_NAMES, PRESETS, clip, mux, noise, still

N = 60
SOUND = noise(N * 1920, 48000, 2)


class Stop(BaseException):
    """As unlike an ordinary error as KeyboardInterrupt is."""


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of its own, of so many bytes; or one that takes no files at all."""
    folder = tmp_path / "disk"

    def make(size: int, *options: str):
        if not shutil.which("mount") or os.geteuid() != 0:
            pytest.skip("only root can mount a small disk")
        folder.mkdir()
        words = ",".join([f"size={size}", *options])
        command = ["mount", "-t", "tmpfs", "-o", words, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.decode().strip()}")
        return folder

    yield make
    if os.path.ismount(folder):
        subprocess.run(["umount", str(folder)], check=True)


def sources() -> dict[str, FrameSource]:
    return {
        "still": still((9, 90, 200), n=N),
        "clip": ArrayFrames(np.concatenate([clip(30).read(0, 30)] * 2), FPS),
        "loop": Looped(clip(7), N),
        "hold": Held(clip(7), N),
    }


# -- cancelled --


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, Stop])
@pytest.mark.parametrize("at", [1, 30, N])
@pytest.mark.parametrize("what", ["check", "progress"])
@pytest.mark.parametrize("kind", sources())
def test_cancelling_leaves_nothing(kind, what, at, error, tmp_path):
    thrown, count = error("enough"), 0

    def call(*_: int) -> None:
        nonlocal count
        count += 1
        if count == at:
            raise thrown

    with pytest.raises(error) as caught:
        mux(tmp_path / "a.mp4", sources()[kind], sound=SOUND, watcher=Watcher(**{what: call}))
    assert caught.value is thrown
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_cancelling_leaves_nothing_in_any_preset(preset, tmp_path):
    calls = iter(range(5))

    def stop() -> None:
        if next(calls, None) is None:
            raise Stop

    with pytest.raises(Stop):
        path = tmp_path / f"a{PRESETS[preset].extension}"
        mux(path, sources()["clip"], preset, sound=SOUND, watcher=Watcher(stop))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("preset", ["mp4-h264", "webm-vp9", "mkv-ffv1"])
def test_an_existing_file_survives_an_overwriting_that_is_cancelled(preset, tmp_path):
    path = tmp_path / f"a{PRESETS[preset].extension}"
    path.write_bytes(b"precious")

    def stop(done: int, _: int) -> None:
        if done == N // 2:
            raise Stop

    with pytest.raises(Stop):
        mux(
            path,
            sources()["loop"],
            preset,
            sound=SOUND,
            overwrite=True,
            watcher=Watcher(progress=stop),
        )
    assert path.read_bytes() == b"precious"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "a.mp4"

    def appear(done: int, _: int) -> None:
        if done == N:
            path.write_bytes(b"precious")

    with pytest.raises(OutputError, match="exists already"):
        mux(path, sources()["loop"], sound=SOUND, watcher=Watcher(progress=appear))
    assert path.read_bytes() == b"precious"
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("kind", sources())
@pytest.mark.parametrize("preset", ["mp4-h264", "webm-vp9", "mov-prores4444"])
def test_progress_counts_up_to_all_and_can_cancel_at_every_frame(preset, kind, tmp_path):
    told: list[tuple[int, int]] = []
    checks = 0

    def check() -> None:
        nonlocal checks
        checks += 1

    mux(
        tmp_path / f"a{PRESETS[preset].extension}",
        sources()[kind],
        preset,
        sound=SOUND,
        watcher=Watcher(check, lambda done, total: told.append((done, total))),
    )
    assert [done for done, _ in told] == list(range(1, N + 1))
    assert {total for _, total in told} == {N}
    assert checks >= N


# -- what comes in is broken --


class Broken(Sound):
    """Half of a sound, and then an error."""

    rate, layout, n_samples, name = 48000, "mono", N * 1920, "broken"

    def __init__(self, error: BaseException, blocks: int) -> None:
        self._error, self._blocks = error, blocks

    def blocks(self) -> Iterator[np.ndarray]:
        for _ in range(self._blocks):
            yield np.zeros((1, 4096), np.float32)
        raise self._error


@pytest.mark.parametrize("blocks", [0, 1, 10])
@pytest.mark.parametrize("error", [SoundError("it is damaged"), ZeroDivisionError(), Stop()])
@pytest.mark.parametrize("preset", ["mp4-h264", "webm-vp9", "mkv-ffv1"])
def test_a_sound_that_breaks_leaves_nothing(preset, error, blocks, tmp_path):
    with pytest.raises(type(error)) as caught:
        path = tmp_path / f"a{PRESETS[preset].extension}"
        mux(path, sources()["loop"], preset, sound=Broken(error, blocks))
    assert caught.value is error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 70_000])
def test_samples_that_are_no_numbers_are_refused(at, value, tmp_path):
    samples = np.zeros((2, 96000), np.float32)
    samples[1, at] = value
    with pytest.raises(SoundError, match=f"not a number.*{at / 48000:.3f} s"):
        mux(tmp_path / "a.mp4", sources()["loop"], sound=ArraySound(samples, 48000))
    assert not list(tmp_path.iterdir())


class Halting(ArrayFrames):
    """Frames that end in an error."""

    period = None

    def read(self, start: int, stop: int) -> np.ndarray:
        if stop > 20:
            raise self.error
        return super().read(start, stop)


@pytest.mark.parametrize("error", [OutputError("no"), ZeroDivisionError(), Stop()])
def test_frames_that_break_leave_nothing(error, tmp_path, monkeypatch):
    monkeypatch.setattr("imgsync_core.media.repeat.CHUNK_BYTES", 5 * 32 * 32 * 3)
    source = Halting(np.zeros((N, 32, 32, 3), np.uint8), FPS)
    source.error = error
    with pytest.raises(type(error)) as caught:
        mux(tmp_path / "a.mp4", source, sound=SOUND)
    assert caught.value is error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("preset", "size"),
    [("mp4-h264", (16386, 2)), ("mp4-h265", (2, 2)), ("mp4-av1", (16, 400)), ("mkv-ffv1", (1, 1))],
)
def test_a_size_that_the_encoder_cannot_do_is_refused_in_a_sentence(preset, size, tmp_path, capfd):
    """SVT-AV1 hangs with some pictures of less than 26 pixels in one direction."""
    with pytest.raises(EncodingError, match=f"{size[0]}x{size[1]}.*Choose another size or preset"):
        mux(tmp_path / f"a{PRESETS[preset].extension}", still((1, 2, 3), size), preset)
    assert not list(tmp_path.iterdir())
    assert not capfd.readouterr().err  # encoders like to print to the terminal


@pytest.mark.parametrize("wrong", [{"profile": "nonsense"}, {"preset": "nonsense"}])
def test_an_option_that_the_encoder_does_not_know_is_refused(wrong, tmp_path):
    encoding = PRESETS["mp4-h264"]
    encoding = replace(encoding, options={**encoding.options, **wrong})
    with pytest.raises(EncodingError, match="libx264"):
        mux(tmp_path / "a.mp4", still((1, 2, 3)), encoding)
    assert not list(tmp_path.iterdir())


# -- where it should go is broken --


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("preset", ["mp4-h264", "webm-vp9", "mov-prores4444", "mkv-ffv1", "gif"])
def test_a_full_disk_is_told_and_nothing_is_left(preset, share, small_disk, tmp_path):
    n = 5 if preset == "gif" else 40  # choosing 256 colours takes long
    frames = np.random.default_rng(6).integers(0, 256, (n, 64, 96, 3), dtype=np.uint8)
    source, name = ArrayFrames(frames, FPS), f"a{PRESETS[preset].extension}"
    mux(tmp_path / name, source, preset, sound=noise(n * 1920, 48000))
    needed = (tmp_path / name).stat().st_size
    folder = small_disk(max(1, int(needed * share) // 4096) * 4096)
    with pytest.raises(OutputError, match="disk is full"):
        mux(folder / name, source, preset, sound=noise(n * 1920, 48000))
    assert not list(folder.iterdir())


def test_a_full_disk_spares_the_file_that_is_there(small_disk):
    folder = small_disk(65536)
    (folder / "a.mkv").write_bytes(b"precious")
    frames = np.random.default_rng(6).integers(0, 256, (40, 64, 96, 3), dtype=np.uint8)
    with pytest.raises(OutputError, match="disk is full"):
        mux(folder / "a.mkv", ArrayFrames(frames, FPS), "mkv-ffv1", overwrite=True)
    assert (folder / "a.mkv").read_bytes() == b"precious"
    assert [file.name for file in folder.iterdir()] == ["a.mkv"]


def test_a_disk_without_writing_is_told(small_disk):
    folder = small_disk(65536, "ro")
    with pytest.raises(OutputError, match="may not be written"):
        mux(folder / "a.mp4", still((1, 2, 3)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="may not be written"):
        mux(folder / "a.mp4", still((1, 2, 3)))
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("folder", "is a folder"),
        ("missing/a.mp4", "no such folder"),
        ("file/a.mp4", "no such folder"),
        ("x" * 300 + ".mp4", "name is too long"),
        ("x" * 250 + ".mp4", "name is too long"),  # with .part
        ("file", "exists already"),
    ],
)
def test_targets_that_cannot_be_are_refused(name, sentence, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"precious")
    with pytest.raises(OutputError, match=sentence):
        mux(tmp_path / name, still((1, 2, 3)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"precious"


class Full:
    """A file object whose disk is full."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def write(self, data: bytes) -> int:
        raise self.error

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def tell(self) -> int:
        return 0


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(5, "I/O error")])
def test_a_file_object_that_fails_is_told(error):
    with pytest.raises(ImgSyncError, match="disk is full" if error.errno == 28 else "written"):
        mux(Full(error), sources()["clip"], "mkv-ffv1")


def test_a_part_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "a.mp4.part").write_bytes(b"precious")
    mux(tmp_path / "a.mp4", still((1, 2, 3)))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mp4", "a.mp4.part"]
    assert (tmp_path / "a.mp4.part").read_bytes() == b"precious"


def test_a_muxer_that_was_never_fed_touches_nothing(tmp_path):
    (tmp_path / "a.mp4.part").write_bytes(b"of another run")
    timeline = Timeline.of_frames(5, 25)
    with (
        pytest.raises(Stop),
        Muxer(tmp_path / "a.mp4", PRESETS["mp4-h264"], timeline, (32, 32)),
    ):
        raise Stop
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4.part"]
