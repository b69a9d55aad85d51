"""How well faces are found and followed, beside MediaPipe's landmarks.

    PYTHONPATH=. python tests/bench/faces.py --model face_landmarker.task PICTURE_OR_FOLDER ...

Needs mediapipe (pip install mediapipe) and its face landmarker, to measure with. Every picture is
also looked at mirrored, turned, darker, blurred, as a sketch and so on, where the landmarks of the
picture itself, moved along, are the truth. Drawn faces have the truth they were drawn with. Errors
are in distances between the eyes (IOD); prints Markdown tables.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from imgsync_core.demo import demo_picture
from imgsync_core.face.find import find_faces
from imgsync_core.face.follow import Follower
from imgsync_core.face.geometry import Face, Frame, average, with_mouth
from imgsync_core.face.landmarks import from_mesh

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".ppm")
LEAST = 25  # px between the eyes of a face that is measured
SIDE = 900  # px; larger pictures are reduced before they are changed


@dataclass
class Case:
    """A picture and the face in it."""

    group: str
    name: str
    picture: Image.Image
    truth: Face


@dataclass
class Result:
    case: Case
    face: Face | None
    seconds: float

    @property
    def frame(self) -> Frame:
        return Frame.of(self.case.truth.eyes)

    def off(self, name: str) -> np.ndarray:
        """u, v in IOD from where a part is to where it was found."""
        there, here = getattr(self.case.truth, name), getattr(self.face, name)
        return self.frame.into(np.asarray(here)) - self.frame.into(np.asarray(there))

    @property
    def eyes(self) -> float:
        return float(np.hypot(*self.off("eyes").T).mean())

    @property
    def line(self) -> float:
        return float(abs(self.off("lip_line")[1]))

    @property
    def width(self) -> float:
        def of(face: Face) -> float:
            return math.hypot(*(face.mouth[1] - face.mouth[0]))

        return abs(of(self.face) - of(self.case.truth)) / self.case.truth.iod

    @property
    def chin(self) -> float:
        return float(abs(self.off("chin")[1]))


def landmarker(model: str) -> Callable[[Image.Image], list[np.ndarray]]:
    """A function from a picture to its meshes (478, 2) in px."""
    try:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError:
        raise SystemExit("mediapipe is not installed: nothing to compare with.") from None
    if not Path(model).is_file():
        raise SystemExit(f"{model} is not there: download MediaPipe's face landmarker.")
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=model), num_faces=6
    )
    detector = vision.FaceLandmarker.create_from_options(options)

    def meshes(picture: Image.Image) -> list[np.ndarray]:
        image = mediapipe.Image(
            image_format=mediapipe.ImageFormat.SRGB, data=np.array(picture, order="C")
        )
        found = detector.detect(image).face_landmarks
        return [np.array([(p.x, p.y) for p in mesh]) * picture.size for mesh in found]

    return meshes


def photographs(paths: list[str], meshes: Callable, group: str) -> Iterator[Case]:
    """The pictures in files and folders that MediaPipe sees a face in."""
    for path in map(Path, paths):
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.suffix.lower() not in SUFFIXES:
                continue
            picture = Image.open(file).convert("RGB")
            truth = max(map(from_mesh, meshes(picture)), key=lambda f: f.iod, default=None)
            if truth is not None and truth.iod >= LEAST:
                yield Case(group, file.name, picture, truth)


def variants(case: Case) -> Iterator[Case]:
    """The picture changed in many ways, with the truth moved along."""
    picture, truth = case.picture, case.truth
    if max(picture.size) > SIDE:
        scale = SIDE / max(picture.size)
        truth = truth.scaled(scale)
        size = round(picture.width * scale), round(picture.height * scale)
        picture = picture.resize(size, Image.Resampling.LANCZOS)

    def changed(group: str, image: Image.Image, face: Face = truth) -> Case:
        return Case(group, case.name, image.convert("RGB"), face)

    yield changed("mirrored", ImageOps.mirror(picture), mirrored(truth, picture.width))
    for degrees in (-10, 10, -25, 25):
        group = "turned 10 degrees" if abs(degrees) == 10 else "turned 25 degrees"
        image = picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor="#888")
        yield changed(group, image, rotated(truth, degrees, picture.size))
    for share in (0.25, 0.4):
        size = round(picture.width * share), round(picture.height * share)
        yield changed("smaller", picture.resize(size, Image.Resampling.BOX), truth.scaled(share))
    for factor in (0.1, 0.4, 1.6):
        group = "brighter" if factor > 1 else "darker, 0.4 and 0.1"
        yield changed(group, ImageEnhance.Brightness(picture).enhance(factor))
    yield changed("blurred", picture.filter(ImageFilter.GaussianBlur(truth.iod / 30)))
    yield changed("noise", noisy(picture))
    yield changed("JPEG 12", squeezed(picture))
    yield changed("grey", picture.convert("L"))
    yield changed("poster", ImageOps.posterize(picture, 2))
    yield changed("painting", painted(picture))
    yield changed("sketch", sketched(picture))


def mirrored(face: Face, width: float) -> Face:
    def swap(points: np.ndarray) -> np.ndarray:
        return points[::-1] * [-1, 1] + [width, 0]

    def single(point: np.ndarray) -> np.ndarray:
        return point * [-1, 1] + [width, 0]

    return moved(face, swap, single)


def rotated(face: Face, degrees: float, size: tuple[int, int]) -> Face:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    middle = np.array(size) / 2

    def turn(points: np.ndarray) -> np.ndarray:
        return (points - middle) @ np.array([[c, -s], [s, c]]) + middle

    return moved(face, turn, turn)


def moved(face: Face, pair: Callable, single: Callable) -> Face:
    from dataclasses import replace

    pairs = {name: pair(getattr(face, name)) for name in ("eyes", "brows", "mouth")}
    names = ("lip_line", "lip_top", "lip_bottom", "chin")
    return replace(face, **pairs, **{name: single(getattr(face, name)) for name in names})


def noisy(picture: Image.Image) -> Image.Image:
    rng = np.random.default_rng(0)
    values = np.asarray(picture) + rng.normal(0, 20, (picture.height, picture.width, 3))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def squeezed(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=12)
    return Image.open(file)


def painted(picture: Image.Image) -> Image.Image:
    """Strokes of one colour each."""
    strokes = picture.filter(ImageFilter.ModeFilter(9)).filter(ImageFilter.MedianFilter(5))
    return ImageEnhance.Color(strokes).enhance(1.6)


def sketched(picture: Image.Image) -> Image.Image:
    """Pencil: the picture divided by its own blur."""
    luma = np.asarray(picture.convert("L"), float)
    soft = np.asarray(picture.convert("L").filter(ImageFilter.GaussianBlur(8)), float)
    return Image.fromarray((255 * np.minimum(1, (luma + 8) / (soft + 8)) ** 2).astype(np.uint8))


def drawings() -> Iterator[Case]:
    """The demo's character, and simple faces of ovals, arcs and lines."""
    for side in (256, 512, 900):
        at = np.array([(0.414, 0.445), (0.586, 0.445)]) * side
        corners = np.array([(0.43, 0.615), (0.57, 0.615)]) * side
        truth = with_mouth(average(at, "points"), corners, np.array([0.5, 0.615]) * side)
        yield Case("the demo's character", str(side), Image.fromarray(demo_picture(side)), truth)
    rng = np.random.default_rng(5)
    for number in range(24):
        yield drawn(number, rng)


def drawn(number: int, rng: np.random.Generator) -> Case:
    """A simple cartoon face; the mouth is a line, a smile or two lips."""
    picture = Image.new("RGB", (480, 560), tuple(rng.integers(120, 240, 3).tolist()))
    draw = ImageDraw.Draw(picture)
    skin = np.array([(250, 214, 185), (224, 172, 130), (150, 100, 70), (245, 225, 205)])[number % 4]
    dark = tuple((skin * 0.35).astype(int).tolist())
    x, y, iod = 240 + rng.integers(-20, 20), 240 + rng.integers(-20, 20), rng.integers(100, 140)

    def box(u: float, v: float, a: float, b: float) -> tuple[float, float, float, float]:
        return tuple(float(n) for n in (x + (u - a) * iod, y + (v - b) * iod,
                                        x + (u + a) * iod, y + (v + b) * iod))  # fmt: skip

    draw.ellipse(box(0, 0.2, 1.15, 1.5), fill=dark)
    draw.ellipse(box(0, 0.45, 1.0, 1.25), fill=tuple(skin.tolist()))
    for side in (-0.5, 0.5):
        draw.ellipse(box(side, 0, 0.2, 0.11), fill="white", outline=dark, width=3)
        draw.ellipse(box(side, 0, 0.09, 0.1), fill=dark)
        draw.line([*box(side, -0.3, 0.2, 0.02)[:2], *box(side, -0.3, 0.2, 0.0)[2:]], dark, 9)
    shade = tuple((skin * 0.8).astype(int).tolist())
    draw.line([x, y + 0.2 * iod, x - 0.1 * iod, y + 0.6 * iod, x + 0.1 * iod, y + 0.62 * iod],
              shade, 6)  # fmt: skip
    v, half = 0.95 + 0.1 * rng.random(), 0.3 + 0.12 * rng.random()
    lip = tuple((skin * (0.85, 0.5, 0.5)).astype(int).tolist())
    if number % 3 == 0:
        draw.ellipse(box(0, v + 0.03, half, 0.11), fill=lip)
    bend = 0.1 if number % 3 == 1 else 0.0
    u = np.linspace(-half, half, 21)
    places = [(x + a * iod, y + (v - bend * (a / half) ** 2) * iod) for a in u.tolist()]
    draw.line(places, dark, 6)
    eyes = np.array([(x - iod / 2, y), (x + iod / 2, y)], float)
    ends, middle = np.array([places[0], places[-1]]), np.array(places[10])
    truth = with_mouth(average(eyes, "points"), ends, middle, chin=1.7)
    return Case("simple drawings", str(number), picture.filter(ImageFilter.GaussianBlur(1)), truth)


def looked_at(case: Case) -> Result:
    start = time.process_time()
    faces = find_faces(np.asarray(case.picture))
    seconds = time.process_time() - start
    truth = case.truth

    def away(face: Face) -> float:
        return math.hypot(*(face.eyes.mean(0) - truth.eyes.mean(0))) / truth.iod

    face = min(faces, key=away, default=None)
    right = face is not None and away(face) < 0.5 and 0.5 < face.iod / truth.iod < 2
    return Result(case, face if right else None, seconds)


HEADINGS = (
    "pictures", "n", "found", "eyes p50 / p90", "lip line p50 / p90", "over .05", "over .08",
    "mouth width", "chin", "open seen", "closed seen open",
)  # fmt: skip


def row(name: str, results: list[Result]) -> str:
    """One line of the table."""
    found = [r for r in results if r.face is not None]
    cells = [name, f"{len(results)}", f"{len(found)}"]
    if found:
        eyes, lines = np.array([(r.eyes, r.line) for r in found]).T
        cells += ["{:.3f} / {:.3f}".format(*np.percentile(v, (50, 90))) for v in (eyes, lines)]
        cells += [f"{(lines > limit).mean() * 100:.0f} %" for limit in (0.05, 0.08)]
        cells += [f"{np.median([getattr(r, k) for r in found]):.3f}" for k in ("width", "chin")]
        opened = [r.face.inner > 0 for r in found if r.case.truth.inner > 0]
        closed = [r.face.inner > 0 for r in found if r.case.truth.inner == 0]
        cells += [f"{sum(opened)} of {len(opened)}", f"{sum(closed)} of {len(closed)}"]
    return "| " + " | ".join(cells) + " |"


def confidence(results: list[Result]) -> str:
    """How often the lip line is off, by how sure the finder was."""
    lines = ["", "| lip line, confidence | n | over .05 | over .08 |", "| --- | --- | --- | --- |"]
    found = [r for r in results if r.face is not None]
    for low, high in ((0, 0.5), (0.5, 0.75), (0.75, 0.9), (0.9, 1.01)):
        off = np.array([r.line for r in found if low <= r.face.confidence < high])
        if len(off):
            shares = " | ".join(f"{(off > limit).mean() * 100:.0f} %" for limit in (0.05, 0.08))
            lines.append(f"| {low:.2f} to {min(high, 1):.2f} | {len(off)} | {shares} |")
    return "\n".join(lines)


def followed(case: Case, n: int = 100) -> str:
    """Speed and steadiness on 512x512, still with noise and moving."""
    square = case.picture.resize((640, 640), Image.Resampling.LANCZOS)
    rng = np.random.default_rng(0)
    cells = [case.name]
    for moving in (0, 1):
        ways = [(64 + moving * 40 * math.sin(i / 9), 64 + moving * 15 * math.sin(i / 7))
                for i in range(n)]  # fmt: skip
        frames = []
        for dx, dy in ways:
            view = square.transform(
                (512, 512), Image.Transform.AFFINE, (1, 0, dx, 0, 1, dy), Image.Resampling.BICUBIC
            )
            noise = rng.normal(0, 4, (512, 512, 3))
            frames.append((np.asarray(view) + noise).clip(0, 255).astype(np.uint8))
        follower = Follower()
        faces = [follower.update(frames[0])]
        start = time.process_time()
        faces += [follower.update(frame) for frame in frames[1:]]
        fps = (n - 1) / (time.process_time() - start)
        if None in faces:
            cells += ["lost", "", ""]
            continue
        iod = faces[0].iod
        eyes = np.array([f.eyes.mean(0) + w for f, w in zip(faces, ways, strict=True)]) / iod
        line = np.array([f.lip_line + w for f, w in zip(faces, ways, strict=True)]) / iod
        cells += [f"{fps:.0f}", f"{eyes.std(0).max():.4f}", f"{line.std(0).max():.4f}"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("portraits", nargs="+", help="pictures that are also changed in many ways")
    parser.add_argument("--model", required=True, help="MediaPipe's face_landmarker.task")
    parser.add_argument("--others", nargs="*", default=[], help="pictures that are taken as is")
    args = parser.parse_args()
    meshes = landmarker(args.model)
    cases = list(photographs(args.portraits, meshes, "portraits"))
    everything = cases + [v for case in cases for v in variants(case)] + list(drawings())
    everything += photographs(args.others, meshes, "other pictures")
    results = []
    for case in everything:
        results.append(looked_at(case))
        print(f"\r{len(results)} of {len(everything)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    print("| " + " | ".join(HEADINGS) + " |\n" + "| --- " * len(HEADINGS) + "|")
    for group in dict.fromkeys(case.group for case in everything):
        print(row(group, [r for r in results if r.case.group == group]))
    print(row("all", results))
    print(confidence(results))
    print(f"\nA search takes {np.median([r.seconds for r in results]):.2f} s of one core.\n")
    for r in results:
        if r.face is None or r.line > 0.08:
            what = "not found" if r.face is None else f"lip line off by {r.line:.2f}"
            print(f"- {r.case.group}, {r.case.name}: {what}")
    print("\n| followed, 512x512 | still: fps | eyes std | line std "
          "| moving: fps | eyes std | line std |\n" + "| --- " * 7 + "|")  # fmt: skip
    for case in cases[:5]:
        print(followed(case))


if __name__ == "__main__":
    main()
