"""Small pictures while a video is written: how many, how large, of which frames."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from imgsync_core.media.encoding import preset
from imgsync_core.media.frames import ArrayFrames, FrameSource, Held, Looped, StillFrames, Trimmed
from imgsync_core.media.muxer import Muxer
from imgsync_core.media.picture import Picture
from imgsync_core.media.preview import Previews, thumbnail
from imgsync_core.timeline import Timeline
from imgsync_core.watcher import NOBODY, Watcher

FPS = Fraction(25)


def counted(n, size=32):
    return np.arange(n, dtype=np.uint8)[:, None, None, None].repeat(size, 1).repeat(size, 2).repeat(
        3, 3
    )  # fmt: skip


def write(source, path, **more):
    timeline = Timeline.of_frames(source.n_frames, source.fps)
    with Muxer(path, preset("mp4-h264"), timeline, source.size, **more) as out:
        out.write_source(source)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((512, 512), (512, 512)),
        ((200, 100), (200, 100)),
        ((4000, 1000), (512, 128)),
        ((3, 3000), (1, 512)),
    ],
)
def test_thumbnails_fit_and_keep_their_shape(size, expected):
    small = thumbnail(np.full((size[1], size[0], 3), 77, np.uint8))
    assert small.size == expected and small.mode == "RGB"
    assert (np.asarray(small) == 77).all()


def test_a_thumbnail_looks_like_the_picture():
    x, y = np.meshgrid(np.arange(1800), np.arange(1200))
    frame = np.stack([x // 8, y // 5, (x + y) // 12], -1).astype(np.uint8)
    own = np.asarray(thumbnail(frame)).astype(int)
    pillow = np.asarray(Image.fromarray(frame).resize((512, 341), Image.Resampling.BOX)).astype(int)
    assert np.abs(own - pillow).max() <= 3


def test_transparency_is_laid_over_black():
    frame = np.full((8, 8, 4), 200, np.uint8)
    frame[..., 3] = 0
    frame[:4, :, 3] = 255
    small = np.asarray(thumbnail(frame))
    assert (small[:4] == 200).all() and not small[4:].any()


def test_previews_are_throttled_and_touch_nothing_in_between():
    now, shown = [0.0], []

    class Frame:
        """Says so when somebody reads it."""

        def __init__(self, i):
            self.i = i

        def __array__(self, *_, **__):
            raise AssertionError(f"frame {self.i} was read")

    previews = Previews(shown.append, 4, lambda: now[0])
    for i in range(200):  # eight seconds at 25 frames a second
        now[0] = i / 25
        due = i % 7 == 0  # 0.28 s: the first frame that is 0.25 s after the last preview
        previews(counted(1)[0] if due else Frame(i))
    assert len(shown) == 29


def test_each_frame_that_is_encoded_is_shown_once(tmp_path):
    seen = []
    write(
        ArrayFrames(counted(9), FPS),
        tmp_path / "a.mp4",
        watcher=Watcher(frame=lambda f: seen.append(f[0, 0, 0])),
    )
    assert seen == list(range(9))


@pytest.mark.parametrize(("kind", "shown"), [("still", 1), ("loop", 250)])
def test_what_repeats_is_not_shown_again(tmp_path, kind, shown):
    still = StillFrames(Picture(counted(1)[0]), FPS)
    source = Held(still, 2000) if kind == "still" else Looped(ArrayFrames(counted(10), FPS), 2000)
    seen = []
    write(source, tmp_path / "a.mp4", watcher=Watcher(frame=seen.append))
    assert 1 <= len(seen) <= shown


class Slow(FrameSource):
    """Windows of 16 frames, each made in four steps, as a neural engine does it."""

    size, channels, fps, n_frames = (32, 32), 3, FPS, 48

    def __init__(self):
        self.watcher = NOBODY

    def watch(self, watcher):
        self.watcher = watcher

    def read(self, start, stop):
        frames = counted(48)[start:stop]
        if self.watcher is not NOBODY:
            for window in range(start, stop, 16):
                for step in range(1, 5):
                    self.watcher.check()
                    self.watcher.progress(window + 4 * step, self.n_frames)
                self.watcher.frame(frames[window + 15 - start])
        return frames


def test_the_steps_of_a_window_move_the_bar_and_show_its_frame(tmp_path):
    told, seen, source = [], [], Slow()
    write(
        source, tmp_path / "a.mp4",
        watcher=Watcher(
            progress=lambda done, total: told.append((done, total)),
            frame=lambda f: seen.append(int(f[0, 0, 0])),
        ),
    )  # fmt: skip
    assert told[:3] == [(4, 48), (8, 48), (12, 48)] and told[-1] == (48, 48)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert seen[:3] == [15, 31, 47] and seen[3:] == list(range(48))
    assert source.watcher is NOBODY  # nobody is told any more


def test_a_step_can_cancel(tmp_path):
    class Stop(BaseException):
        pass

    def check():
        if len(steps) > 1:
            raise Stop

    steps = []
    with pytest.raises(Stop):
        write(Slow(), tmp_path / "a.mp4", watcher=Watcher(check, lambda *a: steps.append(a)))
    assert len(steps) == 2 and not list(tmp_path.iterdir())


def test_views_count_their_own_frames():
    source, told = Slow(), []
    Held(Trimmed(source, 8, 40), 50).watch(
        Watcher(progress=lambda done, total: told.append((done, total)))
    )
    source.read(0, 16)
    assert told == [(0, 32), (0, 32), (4, 32), (8, 32)]
