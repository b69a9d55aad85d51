"""MuseTalk's picture steps and its whole pipeline against the published code's numbers.

Pictures of the files are in OpenCV's order of colours, ours are RGB; 68 landmarks and labels stand
for what our geometry says.
"""

from dataclasses import replace
from fractions import Fraction
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from imgsync_core.audio.speech import Speech
from imgsync_core.engines.base import PLAIN
from imgsync_core.engines.musetalk import published
from imgsync_core.engines.musetalk.engine import MuseTalkEngine
from imgsync_core.engines.musetalk.pipeline import Drawer
from imgsync_core.engines.musetalk.spec import OPTIONS, VERSIONS
from imgsync_core.engines.options import checked
from imgsync_core.engines.runtime import boxes
from imgsync_core.engines.runtime import fixed_point as fixed
from imgsync_core.engines.runtime.crop import pixel_values
from imgsync_core.face import masks
from imgsync_core.media.extend import Extension, extend
from imgsync_core.media.frames import ArrayFrames
from imgsync_core.media.sound import ArraySound
from imgsync_core.nn.temporal import positions
from imgsync_core.timeline import Timeline
from imgsync_core.watcher import NOBODY

from .goldens import close, goldens
from .test_latentsync_pictures import same_picture
from .test_musetalk import encoder_of, networks_of, unet_of, vae_of

NEW, OLD = VERSIONS["1.5"], VERSIONS["1.0"]
SKIN, NOSE, LIPS, NECK = 1, 10, (11, 12, 13), 14


def rgb(picture: torch.Tensor) -> torch.Tensor:
    return picture.flip(-1)


def exact(actual, expected: torch.Tensor) -> None:
    assert torch.equal(torch.as_tensor(actual), expected)


def box_of(landmarks, found, version, height, shift=0):
    """The four numbers that are used of 68 points, and a box of them."""
    x, y = landmarks.trunc().int().unbind(-1)
    four = (int(x.min()), int(x.max()), int(y.max()), int(y[29]) + shift)
    return published.face_box(four, tuple(found.tolist()), version, height)


def mask_of(labels, version=NEW, cheeks=masks.CHEEKS, also=()):
    lips = torch.isin(labels, torch.tensor([*LIPS, *also]))
    return masks.lower_face(
        labels == SKIN, labels == NOSE, lips, jaw=version.jaw, cheeks=tuple(cheeks)
    )


@pytest.mark.parametrize("golden", goldens("musetalk", "face_box*"))
def test_boxes(golden):
    height = int(golden["in.size_wh"][1])
    cases = list(zip(golden["in.landmarks"], golden["in.detections"], strict=True))
    seen = 0
    for match, expected in golden.outputs(r"box_(shift(-?\d+)|v15_margin(\d+))"):
        version = replace(NEW, margin_px=int(match[3])) if match[3] else OLD
        for (landmarks, found), box in zip(cases, expected.tolist(), strict=True):
            if found[0] < 0:  # no face was found, and so nobody asks for a box
                assert not any(box)
                continue
            made = box_of(landmarks, found, version, height, int(match[2] or 0))
            assert made == tuple(box)
            seen += 1
    assert seen > len(cases)


@pytest.mark.parametrize("golden", goldens("musetalk", "crop_latents*"))
def test_crops(golden):
    frames = rgb(golden["in.frame_bgr"]).numpy()[None]
    for match, expected in golden.outputs(r"crop_bgr_(\d+)"):
        i = int(match[1])
        spot = torch.cat([golden["in.boxes"][i].float().view(2, 2), torch.zeros(5, 2)])
        crop = boxes.whole_squares(frames, spot[None], 256)[0]
        exact(crop.permute(1, 2, 0), rgb(expected))
        values = pixel_values(crop)
        masked = values.clone()
        masked[:, 128:] = -1
        for name, made in (("pixels", values), ("masked_pixels", masked)):
            for rows, part in golden.outputs(rf"{name}_rows_(\d+)_to_(\d+)_{i}"):
                close(made[:, int(rows[1]) : int(rows[2])], part, 2e-5)


@pytest.mark.parametrize("golden", goldens("musetalk", "parsing*"))
def test_masks_of_labels(golden):
    grow, cut = masks.kernels()
    exact(grow.to(torch.uint8), golden["out.jaw_kernel"])
    exact(cut.to(torch.uint8), golden["out.cheek_kernel"])
    for match, row in golden.outputs(r"cheek_mask_(\d+)_row0"):
        exact(masks.beside((int(match[1]),) * 2), row > 0)
    seen = 0
    for match, expected in golden.outputs(r"(jaw|raw|neck)(?:_cheeks_(\d+)_(\d+))?_(\d+)"):
        kind, *cheeks, index = match.groups()
        labels = golden[f"in.labels_{index}"]
        cheeks = [int(c) for c in cheeks] if cheeks[0] else masks.CHEEKS
        version = NEW if kind == "jaw" else OLD
        made = mask_of(labels, version, cheeks, also=(NECK,) if kind == "neck" else ())
        exact(made, expected > 0)
        seen += 1
    assert seen >= 4


@pytest.mark.parametrize("golden", goldens("musetalk", "blending*"))
def test_blending(golden):
    config = golden.config
    exact(mask_of(golden["in.labels"], NEW, config["cheeks"]), golden["in.mask_512_jaw"] > 0)
    exact(mask_of(golden["in.labels"], OLD), golden["in.mask_512_raw"] > 0)
    assert config["expand"] == published.EXPAND
    blurs = {"": config["blur"]["offline"], "realtime_": config["blur"]["realtime"]}
    frame = rgb(golden["in.frame_bgr"]).numpy()
    for i, box in enumerate(golden["in.boxes"].tolist()):
        left, _, right, _ = square = published.square_of(tuple(box))
        exact(torch.tensor(square), golden[f"out.crop_box_{i}"])
        side = right - left
        for kind, name in (("jaw", ""), ("raw", "raw_")):
            if f"out.mask_{name}{i}" not in golden:
                continue
            resized = fixed.bicubic(golden[f"in.mask_512_{kind}"], side)
            if f"out.mask_resized_{i}" in golden and kind == "jaw":
                exact(resized, golden[f"out.mask_resized_{i}"])
            for way, blur in blurs.items():
                if f"out.{way}mask_{name}{i}" not in golden:
                    continue
                if not name:
                    size = golden[f"out.{way}blur_size_{i}"]
                    assert [published.blur_size(side, blur)] == size.tolist()
                mask = published.soft_mask(resized, tuple(box), blur)
                exact(mask, golden[f"out.{way}mask_{name}{i}"])
                if f"out.{way}frame_{name}{i}" not in golden:
                    continue
                face, made = face_of(golden, i, box), frame.copy()
                published.paste_into(made, face, mask, tuple(box))
                exact(made, rgb(golden[f"out.{way}frame_{name}{i}"]))
        for _, expected in golden.outputs(rf"mask_before_blur_{i}"):
            resized = fixed.bicubic(golden["in.mask_512_jaw"], side)
            exact(published.soft_mask(resized, tuple(box), 0.0), expected)


def face_of(golden, i: int, box) -> torch.Tensor:
    """What is pasted: the decoded square, or a face that has the size of its box already."""
    if f"in.decoded_bgr_{i}" in golden:
        face = rgb(golden[f"in.decoded_bgr_{i}"]).permute(2, 0, 1)
        resized = fixed.bilinear(face, (box[2] - box[0], box[3] - box[1]))
        exact(resized.permute(1, 2, 0), rgb(golden[f"out.face_resized_{i}"]))
        return face
    return rgb(golden[f"in.face_{i}"]).permute(2, 0, 1)


@pytest.mark.parametrize("golden", goldens("musetalk", "vae*"))
def test_decoded_pictures(golden):
    network = vae_of(golden.config["params"], golden.weights())
    decoded = networks_of(vae=network).pictures(golden["in.latents_scaled"], low_memory=False)
    made = fixed.as_pictures(decoded).permute(0, 2, 3, 1)
    same_picture(made, rgb(golden["out.decoded_u8_bgr"]))


def reference(networks=None, **values) -> MuseTalkEngine:
    values = checked(OPTIONS, {"mode": "reference", **values}, "musetalk")
    return MuseTalkEngine(values, PLAIN, networks)


@pytest.mark.parametrize("golden", goldens("musetalk", "loop_indices*"))
def test_which_frame_is_shown(golden):
    seen = 0
    for match, expected in golden.outputs(r"src_index_v(\d+)_a(\d+)"):
        n, wanted = int(match[1]), int(match[2])
        source = ArrayFrames(np.zeros((n, 4, 4, 3), np.uint8), Fraction(25))
        shown = extend(source, wanted, Extension(reference(networks_of()).lengthening))
        made = [shown.origin(i)[1] for i in range(wanted)]
        assert made == expected.tolist()
        sizes = golden[f"out.batches_v{n}_a{wanted}"].tolist()
        assert sum(sizes) == wanted  # batches do not change anything
        seen += 1
    assert seen


class Run(SimpleNamespace):
    """The engine in the published way, on what a golden file holds."""

    @classmethod
    def of(cls, golden, **values):
        config = golden.config
        networks = networks_of(
            unet=unet_of(config["unet"], golden.weights("unet.")),
            vae=vae_of(config["vae"], golden.weights("vae.")),
            whisper=encoder_of(config["whisper"], golden.weights("whisper.")),
        )
        version = replace(NEW, margin_px=config["extra_margin"])
        frames = rgb(golden["in.frames_bgr"]).numpy()
        n = len(golden["out.frames_bgr"])
        source = ArrayFrames(frames, Fraction(config["fps"]))
        engine = reference(networks, **values)
        shown = extend(source, n, Extension(engine.lengthening))
        found = [
            box_of(p, torch.zeros(4), version, frames.shape[1]) for p in golden["in.landmarks"]
        ]
        drawn = [mask_of(m, version, config["cheeks"]) for m in golden["in.labels"]]
        spots = [torch.tensor([*box, *[0] * 10]).float().view(7, 2) for box in found]

        def mask(spot):
            (k,) = {i for i, own in enumerate(spots) if torch.equal(spot, own)}
            return drawn[k]

        sound = ArraySound(golden["in.waveform"].float().numpy()[None], 16000)
        time = Timeline.of_sound(sound.n_samples, 16000, source.fps)
        features = engine._features(networks, Speech(sound).sound, time, lambda: None)
        drawer = Drawer(networks)  # the golden was made with the mean of the latents
        redrawn = engine._redrawn(
            shown, SimpleNamespace(matrix=lambda i: spots[shown.origin(i)[1]]), drawer, version,
            lambda start, stop: features.chunks(start, stop, time.fps), n,
        )  # fmt: skip
        paste = partial(published.paste, mask=mask)
        return cls(redrawn=replace(redrawn, paste=paste, size=config["batch_size"]), drawer=drawer)

    def all(self):
        """Finished frames, and what they were drawn from and as."""
        seen = SimpleNamespace(given=[], heard=[], latents=[], faces=[])
        drawer, paste = self.drawer, self.redrawn.paste
        made = drawer.made

        def listening(given, heard):
            seen.given.append(given)
            seen.heard.append(heard)
            seen.latents.append(made(given, heard))
            return seen.latents[-1]

        def pasting(frames, drawn, *rest):
            seen.faces.append(drawn)
            return paste(frames, drawn, *rest)

        drawer.made = listening
        chunks = list(replace(self.redrawn, paste=pasting).chunks(NOBODY))
        return np.concatenate([chunk.data for chunk in chunks]), seen


@pytest.mark.parametrize("low_memory", [False, True])
@pytest.mark.parametrize("golden", goldens("musetalk", "end_to_end*"))
def test_end_to_end(golden, low_memory):
    frames, seen = Run.of(golden, low_memory=low_memory).all()
    given, latents = torch.cat(seen.given), torch.cat(seen.latents)
    for _, expected in golden.outputs("input_latents_first_cycle"):
        close(given[: len(expected)], expected, 2e-5)
    tokens = torch.cat(seen.heard)
    close(tokens + positions(*tokens.shape[1:]), golden["out.audio_tokens"], 2e-5)
    close(latents, golden["out.pred_latents"], 1e-4)
    for match, expected in golden.outputs(r"decoded_bgr_first(\d+)"):
        faces = fixed.as_pictures(torch.cat(seen.faces)[: int(match[1])])
        same_picture(faces.permute(0, 2, 3, 1), rgb(expected))
    same_picture(frames, rgb(golden["out.frames_bgr"]))
