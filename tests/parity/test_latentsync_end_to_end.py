"""LatentSync's whole pipeline but for codecs and face detection, against the published code's."""

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from imgsync_core.engines.base import PLAIN
from imgsync_core.engines.latentsync.align import Aligner, Geometry
from imgsync_core.engines.latentsync.engine import LatentSyncEngine
from imgsync_core.engines.latentsync.mask import composite, latent_mask
from imgsync_core.engines.latentsync.networks import Networks
from imgsync_core.engines.latentsync.pipeline import Drawer
from imgsync_core.engines.latentsync.published import PublishedTrack
from imgsync_core.engines.latentsync.spec import OPTIONS
from imgsync_core.engines.options import checked
from imgsync_core.engines.runtime.crop import pixel_values
from imgsync_core.engines.runtime.networks import Library, Placing
from imgsync_core.media.extend import Extension, extend
from imgsync_core.media.frames import ArrayFrames
from imgsync_core.nn.vae import RENAMES, VAE
from imgsync_core.nn.vae import recognise as recognise_vae
from imgsync_core.nn.weights import fill, renamed
from imgsync_core.watcher import NOBODY

from .goldens import close, goldens
from .test_latentsync_nn import unet_of
from .test_latentsync_pictures import same_picture

GOLDENS = goldens("latentsync", "end_to_end*")
LATENTS, MATRIX = 1e-4, 1e-4


class Run(SimpleNamespace):
    """The pipeline in the published way, on what a golden file holds."""

    @classmethod
    def of(cls, golden, low_memory=False):
        config = golden.config
        unet = unet_of(config["unet"], golden.weights("unet."))
        weights = renamed(golden.weights("vae."), RENAMES)
        params = recognise_vae(weights, groups=config["vae"]["norm_num_groups"])
        with torch.device("meta"):
            vae = VAE(params)
        vae = fill(vae, weights, "golden", "itself")
        cpu = torch.device("cpu")
        networks = Networks(unet, vae, None, Placing(cpu, torch.float32, cpu, _stays, Library()))
        drawer = Drawer(networks, config["resolution"], seed=0)
        drawer.noise = golden["in.noise"]
        drawer.mask = next(golden[key] for key in golden.keys if key.startswith("in.mask"))[None]
        points = golden["in.points"].double().numpy()
        source = ArrayFrames(golden["in.frames"].numpy(), Fraction(25))
        heard = golden["in.audio_chunks"]
        assert config["eta"] == 0 and "MEAN" in config["vae_latents"]
        values = {"mode": "reference", "steps": config["steps"], "low_memory": low_memory}
        values |= {"guidance": config["guidance_scale"]}
        made = LatentSyncEngine(checked(OPTIONS, values, "latentsync"), PLAIN, networks)
        # the golden was made with the mean of the latents' distribution
        made._way = replace(made._way, sampled=False)
        shown = extend(source, len(heard), Extension(made.lengthening))
        geometry = Geometry(config["resolution"])
        aligner = Aligner(geometry, bias=True)
        track = PublishedTrack(
            lambda i: points[shown.origin(i)[1]], shown, geometry, aligner.matrices
        )
        redrawn = made._redrawn(
            shown, track, drawer, lambda start, stop: heard[start:stop], len(heard)
        )
        redrawn = replace(redrawn, size=config["num_frames"])
        return cls(redrawn=redrawn, drawer=drawer, track=track)

    def all(self):
        """Finished frames, and what each window was drawn from and as."""
        seen = SimpleNamespace(constants=[], latents=[], faces=[], crops=[])
        self._listen(seen)
        chunks = list(self.redrawn.chunks(NOBODY))
        return np.concatenate([chunk.data for chunk in chunks]), seen

    def _listen(self, seen):
        drawer = self.drawer
        constant, denoised, decoded = drawer.constant, drawer.denoised, drawer.decoded

        def heard_constant(crops, plan):
            seen.crops.append(crops)
            return constant(crops, plan)

        def heard_denoised(channels, *rest):
            seen.constants.append(channels)
            seen.latents.append(denoised(channels, *rest))
            return seen.latents[-1]

        def heard_decoded(latents, plan):
            seen.faces.append(decoded(latents, plan))
            return seen.faces[-1]

        drawer.constant, drawer.denoised, drawer.decoded = (
            heard_constant, heard_denoised, heard_decoded,
        )  # fmt: skip


class _stays:
    """A network that is where it is."""

    def __init__(self, network):
        self.network = network

    def __enter__(self):
        return self.network

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize("golden", GOLDENS)
def test_end_to_end(golden):
    run = Run.of(golden)
    n = len(golden["in.audio_chunks"])
    matrices = torch.stack([run.track.matrix(i) for i in range(n)])
    close(matrices, golden["out.affine_matrices"], MATRIX)
    frames, seen = run.all()
    constants = torch.cat(seen.constants, 2)[0].transpose(0, 1)  # f 9 h w
    close(constants[0, 0], golden["out.mask_latents"], LATENTS)
    close(latent_mask(run.drawer.mask)[0], golden["out.mask_latents"], LATENTS)
    close(constants[:, 1:5], golden["out.masked_image_latents"], LATENTS)
    close(constants[:, 5:], golden["out.ref_latents"], LATENTS)
    close(torch.cat(seen.latents, 2)[0].transpose(0, 1), golden["out.final_latents"], LATENTS)
    faces = torch.cat(seen.faces)
    for match, expected in golden.outputs(r"decoded_first(\d+)"):
        close(faces[: int(match[1])], expected, LATENTS)
    originals = golden["out.faces_u8"]
    for match, expected in golden.outputs(r"pasted_last(\d+)"):
        last = int(match[1])
        mixed = composite(faces[-last:], pixel_values(originals[-last:]), run.drawer.mask)
        close(mixed, expected, 1e-2)  # crops may be a grey level off
    same_picture(frames, golden["out.video_frames"])


@pytest.mark.parametrize("golden", GOLDENS)
def test_the_low_memory_plan_comes_to_the_same(golden):
    """Halves in turn and pictures one by one; crops are smaller than a tile here."""
    frames, _ = Run.of(golden, low_memory=True).all()
    same_picture(frames, golden["out.video_frames"])
